//! Servers that go, hang and come back while rows are written.

use std::process::Command;
use std::time::Duration;

use super::scene::Scene;
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
