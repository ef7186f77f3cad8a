//! A run that loses its lock at the server ends: another one may be at work on the same tables.

use std::time::{Duration, Instant};

use acequia::fault::Fault;
use acequia::snapshot::mysql::Error;

use super::outages::{fill, publish_while};
use super::{Run, tables};
use crate::support::{Cluster, Link, Mysql, Proxy};

/// The lock's holder speaks every 15 seconds.
const HEARD_WITHIN: Duration = Duration::from_secs(40);
/// Bytes in a second, with which a load of megabytes would take minutes.
const SLOW: usize = 20_000;

/// Ends the session that holds the lock: it is the only one that has nothing to do.
fn end_keeper(server: &Mysql) {
    let sql = "SELECT id FROM information_schema.processlist WHERE user = 'acequia' AND command = 'Sleep'";
    server.execute(&format!("KILL {}", server.value(sql)));
}

#[test]
fn a_run_whose_lock_is_gone_ends_and_publishes_nothing() {
    let server = Mysql::start(&["--local-infile=ON"]);
    let database = Cluster::shared().database();
    fill(&database);
    database.execute("CREATE TABLE north.b (id int PRIMARY KEY)");
    let proxy = Proxy::to(server.socket().to_owned());
    let run = |name: &str| {
        Run::new(&server, &database, "snap_unlocked_{customer}", &["north"]).named(name).through(&proxy)
    };
    let published =
        || server.value("SELECT run FROM snap_unlocked_north.acequia_manifest WHERE table_name = ''");
    run("one").publish().expect("published");
    let there = tables(&server, "snap_unlocked_north");
    // Before the next table is made, another session is asked for the lock.
    let strike = || {
        proxy.set(Link::Slow(SLOW));
        end_keeper(&server);
        proxy.set(Link::Open);
    };
    let error = publish_while(&run("two"), &proxy, strike).expect_err("the lock is gone");
    assert!(matches!(error, Error::Unlocked { .. }) && error.fault() == Fault::Retry, "{error}");
    assert_eq!(published(), "one");
    run("three").publish().expect("published");
    assert_eq!((published().as_str(), tables(&server, "snap_unlocked_north")), ("three", there.clone()));
    // In a load that takes long, the holder itself says it.
    let began = Instant::now();
    let strike = || {
        proxy.set(Link::Slow(SLOW));
        end_keeper(&server);
    };
    let error = publish_while(&run("four"), &proxy, strike).expect_err("the lock is gone");
    assert!(matches!(error, Error::Unlocked { .. }), "{error}");
    assert!(began.elapsed() < HEARD_WITHIN, "{:?}", began.elapsed());
    assert_eq!(published(), "three");
    proxy.set(Link::Open);
    run("five").publish().expect("published");
    assert_eq!((published().as_str(), tables(&server, "snap_unlocked_north")), ("five", there));
}
