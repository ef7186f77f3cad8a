//! Servers that go, hang and come back while rows are written.

use std::process::Command;
use std::time::{Duration, Instant};

use super::scene::Scene;
use super::{LIMIT, wait_for};
use crate::support::Cluster;

/// Long enough for several tries.
const WHILE: Duration = Duration::from_secs(2);

/// Longer than a source may be silent.
const SILENCE: Duration = Duration::from_secs(22);

#[test]
fn source_target_and_both_are_restarted_in_order_and_by_a_crash_while_rows_are_written() {
    let (source, target) = (Cluster::start(&[]), Cluster::start(&[]));
    let scene = Scene::new(&source, &target);
    let config = scene.configure();
    scene.play(&config, |stage| {
        for (what, servers) in
            [("source", &[&source][..]), ("target", &[&target]), ("source and target", &[&source, &target])]
        {
            let restart = || servers.iter().for_each(|server| server.restart());
            let crash = || servers.iter().for_each(|server| server.stop());
            stage.befall(&format!("{what} crashed"), crash, WHILE, restart);
            let shut_down = || servers.iter().for_each(|server| server.shut_down());
            stage.befall(&format!("{what} shut down"), shut_down, WHILE, restart);
        }
    });
}

#[test]
fn servers_that_hang_are_waited_for_and_go_on_where_they_were() {
    let (source, target) = (Cluster::start(&[]), Cluster::start(&[]));
    let scene = Scene::new(&source, &target);
    let config = scene.configure();
    scene.play(&config, |stage| {
        for (what, server) in [("source", &source), ("target", &target)] {
            let (hang, go_on) = (|| server.signal("STOP"), || server.signal("CONT"));
            stage.befall(&format!("{what} hangs"), hang, 2 * WHILE, go_on);
        }
        let walsender = scene.here.session().query("SELECT active_pid FROM pg_replication_slots");
        let walsender = walsender[0][0].clone().expect("the slot is read");
        let signal = |name: &str| {
            let line = format!("kill -{name} {walsender}");
            assert!(Command::new("sh").args(["-c", &line]).status().expect("a shell").success(), "{line}");
        };
        stage.befall("walsender hangs", || signal("STOP"), SILENCE, || signal("CONT"));
        stage.wait_said(&["the connection is taken for dead", "is in use by process"]);
    });
}

/// By then the delays between tries have grown to half a minute.
const AWAY: Duration = Duration::from_secs(40);
/// Whoever knocks finds out.
const SOON: Duration = Duration::from_secs(8);

#[test]
fn a_server_that_was_away_for_long_is_found_within_seconds() {
    let (source, target) = (Cluster::start(&[]), Cluster::start(&[]));
    let scene = Scene::new(&source, &target);
    let config = scene.configure();
    scene.play(&config, |stage| {
        let took = stage.befall("target away", || target.stop(), AWAY, || target.restart());
        assert!(took < SOON, "rows arrive {took:?} after it is back");
    });
}

/// What a server may be kept from going by a flow of ours, with room for a busy machine.
const KEPT_UP: Duration = Duration::from_secs(20);

/// A server that goes on in the end, also where the test fails.
struct GoesOn<'a>(&'a Cluster);

impl Drop for GoesOn<'_> {
    fn drop(&mut self) {
        self.0.signal("CONT");
    }
}

#[test]
fn a_source_that_is_shut_down_in_order_does_not_wait_for_the_flow() {
    let (source, target) = (Cluster::start(&[]), Cluster::start(&[]));
    let scene = Scene::new(&source, &target);
    let config = scene.configure();
    let _goes_on = GoesOn(&target);
    let shut_down = |what: &str| {
        let began = Instant::now();
        source.shut_down();
        let took = began.elapsed();
        println!("{what}: down after {:.1} s", took.as_secs_f64());
        assert!(took < KEPT_UP, "{what}: {took:?}");
    };
    scene.play(&config, |stage| {
        // Its end comes after the last commit, and is nothing that a flow is told of.
        let open = stage.scene.here.session();
        open.query("BEGIN; INSERT INTO hq.event (key, value) VALUES ('never', 0)");
        stage.befall("a transaction is open", || shut_down("open"), WHILE, || source.restart());
        drop(open);
        let harm = || {
            target.signal("STOP");
            // Rows that the flow has to write are on their way.
            let session = scene.here.session();
            let written = || {
                let sum = session.query("SELECT sum(value) FROM hq.counter").remove(0).remove(0);
                sum.and_then(|sum| sum.parse::<f64>().ok()).expect("a number")
            };
            let before = written();
            wait_for("rows to write", LIMIT, || {
                let now = written();
                if now > before + 20.0 { Ok(()) } else { Err(format!("{now} after {before}")) }
            });
            shut_down("the target hangs");
        };
        let heal = || {
            source.restart();
            target.signal("CONT");
        };
        stage.befall("the target hangs", harm, WHILE, heal);
    });
}
