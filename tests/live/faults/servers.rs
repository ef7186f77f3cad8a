//! Servers that go, hang and come back while rows are written.

use std::process::Command;
use std::time::{Duration, Instant};

use super::scene::Scene;
use super::{LIMIT, wait_for};
use crate::support::{Cluster, Link, Proxy};

/// Long enough for several tries.
const WHILE: Duration = Duration::from_secs(2);

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
        let words = ["the connection is taken for dead", "is in use by process"];
        stage.befall_until_said("walsender hangs", || signal("STOP"), &words, || signal("CONT"));
    });
}

/// By then the delays between tries have grown to half a minute.
const AWAY: Duration = Duration::from_secs(40);
/// Whoever knocks finds out, well within such a delay.
const SOON: Duration = Duration::from_secs(15);

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
/// What a flow says that leaves a server.
const LEAVES: &str = "waits for rows to be confirmed that are not written yet";

/// A server that goes on in the end, also where the test fails.
struct GoesOn<'a>(&'a Cluster);

impl Drop for GoesOn<'_> {
    fn drop(&mut self) {
        self.0.signal("CONT");
    }
}

fn shut_down(source: &Cluster, what: &str) {
    let began = Instant::now();
    source.shut_down();
    let took = began.elapsed();
    println!("{what}: down after {:.1} s", took.as_secs_f64());
    assert!(took < KEPT_UP, "{what}: {took:?}");
}

#[test]
fn a_source_that_is_shut_down_in_order_does_not_wait_for_the_flow() {
    let (source, target) = (Cluster::start(&[]), Cluster::start(&[]));
    let scene = Scene::new(&source, &target);
    let config = scene.configure();
    let _goes_on = GoesOn(&target);
    scene.play(&config, |stage| {
        // Its end comes after the last commit, and is nothing that a flow is told of.
        let open = stage.scene.here.session();
        open.query("BEGIN; INSERT INTO hq.event (key, value) VALUES ('never', 0)");
        stage.befall("a transaction is open", || shut_down(&source, "open"), WHILE, || source.restart());
        drop(open);
        assert_eq!(stage.said(LEAVES), 0, "there was nothing to write");
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
            shut_down(&source, "the target hangs");
        };
        let heal = || {
            source.restart();
            target.signal("CONT");
        };
        stage.befall("the target hangs", harm, WHILE, heal);
        stage.wait_said(&[LEAVES]);
    });
}

/// More than batches and sockets have room for.
const FLOOD: &str = "INSERT INTO hq.event (key, value) SELECT 'flood ' || nextval('flood') || repeat(' ', 2000), i FROM generate_series(1, 15000) i";
/// The same where the target takes some of them meanwhile.
const MANY: &str =
    "INSERT INTO hq.event (key, value) SELECT 'many ' || i, i FROM generate_series(1, 60000) i";
/// A walsender gets rid of nothing, as far as can be seen at a glance …
const STUCK: &str =
    "SELECT FROM pg_stat_activity WHERE backend_type = 'walsender' AND wait_event = 'WalSenderWriteData'";
/// … and so many glances in a row.
const GLANCES: u32 = 10;
/// Somebody of ours waits for the end of the server.
const WAITING: &str = "SELECT FROM pg_stat_activity WHERE application_name LIKE 'acequia waiting %'";
/// Each row takes the target a while.
const TAKES_LONG: &str = "CREATE FUNCTION public.take_long() RETURNS trigger LANGUAGE plpgsql AS \
    $$BEGIN PERFORM pg_sleep(0.0002); RETURN NEW; END$$; \
    CREATE TRIGGER take_long BEFORE INSERT ON branch.event FOR EACH ROW EXECUTE FUNCTION public.take_long()";

#[test]
fn a_source_that_is_shut_down_while_the_flow_is_behind_does_not_wait_for_it() {
    let (source, target) = (Cluster::start(&[]), Cluster::start(&[]));
    let scene = Scene::new(&source, &target);
    let config = scene.configure();
    let _goes_on = GoesOn(&target);
    scene.here.execute("CREATE SEQUENCE flood");
    let wait_seen = |what: &str, sql: &str, times: u32| {
        let (session, mut glances) = (scene.here.session(), 0);
        wait_for(what, LIMIT, || {
            glances = if session.query(sql).is_empty() { 0 } else { glances + 1 };
            if glances >= times { Ok(()) } else { Err(format!("{glances} glances")) }
        });
    };
    let write = |sql: &str| _ = scene.here.session().query(sql);
    scene.play(&config, |stage| {
        for (times, what, seen, glances) in
            [(1, "there is no room", STUCK, GLANCES), (2, "there has been no room for long", WAITING, 1)]
        {
            let harm = || {
                target.signal("STOP");
                write(FLOOD);
                wait_seen(what, seen, glances);
                shut_down(&source, what);
            };
            let heal = || {
                source.restart();
                target.signal("CONT");
            };
            stage.befall(what, harm, WHILE, heal);
            assert_eq!(stage.said(LEAVES), times, "{what}");
        }
        wait_for("nobody waits for the end any more", LIMIT, || {
            let waiting = scene.here.session().query(WAITING);
            if waiting.is_empty() { Ok(()) } else { Err("somebody does".to_owned()) }
        });
        let harm = || {
            scene.there.session().query(TAKES_LONG);
            write(MANY);
            wait_seen("it is behind", WAITING, 1);
            shut_down(&source, "the target is slow");
        };
        let heal = || {
            scene.there.session().query("DROP TRIGGER take_long ON branch.event");
            source.restart();
        };
        stage.befall("the target is slow", harm, WHILE, heal);
    });
}

/// A source that can't be asked after a session that waits for it is given up within this.
const GIVEN_UP: Duration = Duration::from_secs(110);
/// Bytes in a second, with which a piece of a copy takes ten seconds.
const SLOW: usize = 100_000;

#[test]
fn a_source_that_hangs_while_rows_are_copied_leaves_no_transaction_open_in_the_target() {
    // Of the stream's silence nothing tells.
    let (source, target) = (Cluster::start(&["wal_sender_timeout=0"]), Cluster::start(&[]));
    let scene = Scene::new(&source, &target);
    scene.here.execute(
        "INSERT INTO hq.event (key, value) SELECT 'old' || i || repeat('x', 500), i FROM generate_series(1, 6000) i",
    );
    let proxy = Proxy::before(&source);
    let config = scene.configure();
    config.lead_through(&scene.here, &proxy);
    scene.play(&config, |stage| {
        let watching = scene.here.session();
        let hang = || {
            proxy.set(Link::Slow(SLOW));
            config.succeed(&["backfill", "--sync", "far", "--yes"]);
            let reading = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                           AND application_name = 'acequia fetch' AND wait_event = 'ClientWrite'";
            wait_for("rows on their way", LIMIT, || match watching.query(reading)[0][0].as_deref() {
                Some("1") => Ok(()),
                seen => Err(format!("{seen:?}")),
            });
            source.signal("STOP");
        };
        let go_on = || {
            let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                        AND application_name LIKE 'acequia writer%' AND now() - xact_start > interval '30 s'";
            assert_eq!(scene.there.value(open), "0", "transactions that wait for the source");
            source.signal("CONT");
            proxy.set(Link::Open);
        };
        stage.befall("source hangs under a copy", hang, GIVEN_UP, go_on);
        assert!(stage.said("nothing came from database") > 0, "{}", stage.daemon.log_of_this_start());
    });
}
