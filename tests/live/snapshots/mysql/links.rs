//! A link to the server that is slow, and one that comes and goes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use acequia::fault::Fault;

use super::Run;
use super::outages::{ROWS, fill};
use crate::support::{Cluster, Link, Mysql, Proxy};

/// Bytes in a second: the rows below take longer than a dead link is waited for.
const SLOW: usize = 10_000;
const SLOW_ROWS: u32 = 1_600;
/// A dead link is given up after so long.
const DEAD_AFTER: Duration = Duration::from_secs(25);
/// A link that flaps is there for so long, and away for so long. A load takes longer.
const FLAP: Duration = Duration::from_millis(150);
/// And slow enough for that.
const FLAPPING: usize = 2_000_000;
/// So many runs are tried meanwhile.
const TRIES: u32 = 5;

#[test]
fn a_load_over_a_slow_link_is_waited_for() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    fill(&database);
    database.execute(&format!("DELETE FROM north.a WHERE id > {SLOW_ROWS}"));
    let proxy = Proxy::to(server.socket().to_owned());
    proxy.set(Link::Slow(SLOW));
    let began = Instant::now();
    let run = Run::new(server, &database, "snap_slow_{customer}", &["north"]).through(&proxy);
    run.publish().expect("it is waited for");
    assert!(began.elapsed() > DEAD_AFTER, "the link was not slow enough: {:?}", began.elapsed());
    assert_eq!(server.value("SELECT COUNT(*) FROM snap_slow_north.a"), SLOW_ROWS.to_string());
}

#[test]
fn while_a_link_flaps_what_is_published_stays_and_when_it_is_steady_the_next_run_works() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    fill(&database);
    let proxy = Proxy::to(server.socket().to_owned());
    let run = |name: &str| {
        Run::new(server, &database, "snap_flapping_{customer}", &["north"]).named(name).through(&proxy)
    };
    let published =
        || server.value("SELECT run FROM snap_flapping_north.acequia_manifest WHERE table_name = ''");
    run("first").publish().expect("published");
    let is_over = AtomicBool::new(false);
    let outcomes = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for link in [Link::Down, Link::Slow(FLAPPING)] {
                    proxy.set(link);
                    std::thread::sleep(FLAP);
                }
            }
        });
        let outcomes: Vec<_> = (0..TRIES)
            .map(|number| {
                (run(&format!("flap{number}")).publish().map_err(|error| error.fault()), published())
            })
            .collect();
        is_over.store(true, Ordering::Relaxed);
        outcomes
    });
    for (outcome, published) in outcomes {
        assert_eq!((outcome.err(), published.as_str()), (Some(Fault::Retry), "first"));
    }
    proxy.set(Link::Open);
    run("next").publish().expect("the next run works");
    assert_eq!(
        (published().as_str(), server.value("SELECT COUNT(*) FROM snap_flapping_north.a")),
        ("next", ROWS.to_string())
    );
}
