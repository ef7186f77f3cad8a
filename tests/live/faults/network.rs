//! The links to both servers: cut after any message, cut again and again, stalled, slow, closed, dead without a word.

use std::time::{Duration, Instant};

use super::scene::{Scene, Stage};
use super::{LIMIT, wait_for};
use crate::support::{Cluster, Config, Link, Proxy, Way};

/// A cut comes at the end of one of these messages.
const MESSAGES: [u64; 3] = [40, 3, 12];
/// Between two cuts of a link that flaps.
const FLAP: Duration = Duration::from_millis(700);
/// What a slow link carries in a second.
const SLOW_BYTES: usize = 10_000;

/// Both servers behind a proxy each, and a daemon that streams.
fn behind_proxies(part: impl FnOnce(&mut Stage<'_, '_>, [(&str, &Proxy); 2])) {
    set_behind_proxies(|scene, config, [near, far]| {
        scene.play(config, |stage| part(stage, [("source", near), ("target", far)]));
    });
}

/// The same before there is a daemon.
fn set_behind_proxies(part: impl FnOnce(&Scene, &Config<'_>, [&Proxy; 2])) {
    let (source, target) = (Cluster::start(&[]), Cluster::start(&[]));
    let scene = Scene::new(&source, &target);
    let config = scene.configure();
    let (near, far) = (Proxy::before(&source), Proxy::before(&target));
    config.lead_through(&scene.here, &near);
    config.lead_through(&scene.there, &far);
    part(&scene, &config, [&near, &far]);
}

#[test]
fn a_connection_that_is_cut_after_any_message_costs_nothing_but_the_time() {
    behind_proxies(|stage, links| {
        for (what, link) in links {
            for way in [Way::Out, Way::Back] {
                for messages in MESSAGES {
                    link.cut_after(way, messages);
                    wait_for("the connection cut", LIMIT, || {
                        if link.is_to_cut() {
                            Err("so many messages have not passed".to_owned())
                        } else {
                            Ok(())
                        }
                    });
                }
                stage.strike(&format!("{what} cut after messages {way:?}"), || {});
            }
        }
    });
}

#[test]
fn links_that_flap_stall_are_slow_or_closed_are_found_again() {
    behind_proxies(|stage, links| {
        for (what, link) in links {
            let flap = || {
                let began = Instant::now();
                while began.elapsed() < 6 * FLAP {
                    link.cut();
                    std::thread::sleep(FLAP);
                }
            };
            stage.strike(&format!("{what} flaps"), flap);
            for (how, fault, seconds) in [
                ("stalls", Link::Stalled, 3),
                ("is slow", Link::Slow(SLOW_BYTES), 4),
                ("is closed", Link::Down, 2),
            ] {
                let lasting = Duration::from_secs(seconds);
                stage.befall(&format!("{what} {how}"), || link.set(fault), lasting, || link.set(Link::Open));
            }
        }
    });
}

#[test]
fn connections_that_are_dead_without_a_word_are_given_up() {
    behind_proxies(|stage, links| {
        let [_, (_, far)] = links;
        stage.strike("target dead without a word", || far.kill_silently());
        // What is left of the writer at the target holds the flow's lock, and never hears that it should go.
        let both = || links.iter().for_each(|(_, link)| link.kill_silently());
        let before = stage.daemon.log_of_this_start().len();
        stage.strike("source and target dead without a word", both);
        // Which end is found out first depends on when the server was asked last.
        wait_for("the old session is ended", LIMIT, || {
            let log = stage.daemon.log_of_this_start();
            let ended = ["still there, and is ended", "and the session was ended"];
            let is_ended = log.get(before..).is_some_and(|log| ended.iter().any(|words| log.contains(words)));
            if is_ended { Ok(()) } else { Err(log) }
        });
    });
}

#[test]
fn a_flow_that_is_being_prepared_when_its_connections_die_begins_again() {
    set_behind_proxies(|scene, config, [near, far]| {
        // A new slot waits for the transactions of its time.
        let held = scene.here.session();
        held.query("BEGIN");
        held.query("SELECT pg_current_xact_id()");
        let mut daemon = config.start();
        let waits = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE_REPLICATION_SLOT%' AND wait_event_type = 'Lock'";
        daemon.wait_alive("the slot waits", || {
            if scene.here.query(waits).is_empty() { Err("it does not".to_owned()) } else { Ok(()) }
        });
        near.kill_silently();
        far.kill_silently();
        held.query("COMMIT");
        daemon.wait_streaming();
        let log = daemon.log_of_this_start();
        assert!(log.contains("and both wait for the flow: a connection is taken for dead"), "{log}");
        daemon.stop();
    });
}

/// A batch of so many rows of about a kilobyte takes longer over a link of so many bytes a second than a dead link is waited for.
const BATCH_ROWS: usize = 900;
const BATCH_BYTES_PER_SECOND: usize = 25_000;

#[test]
fn a_batch_that_takes_long_over_a_slow_link_is_not_taken_for_lost() {
    behind_proxies(|stage, [_, (_, far)]| {
        far.set(Link::Slow(BATCH_BYTES_PER_SECOND));
        let session = stage.scene.here.session();
        session.query(&format!(
            "INSERT INTO hq.event (key, value) SELECT 'large' || i || repeat('x', 1000), i FROM generate_series(1, {BATCH_ROWS}) i"
        ));
        let arrived = "SELECT count(*) FROM branch.event WHERE key LIKE 'large%'";
        wait_for("the batch arrived", 3 * LIMIT, || {
            let seen = stage.scene.there.value(arrived);
            if seen == BATCH_ROWS.to_string() { Ok(()) } else { Err(seen) }
        });
        far.set(Link::Open);
        let log = stage.daemon.log_of_this_start();
        assert!(!log.contains("taken for dead"), "{log}");
    });
}
