//! What may befall the server or the link while a snapshot is loaded: what is published stays, and the next run works.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use acequia::config::SecretSource;
use acequia::fault::Fault;
use acequia::snapshot::mysql::Error;

use super::Run;
use crate::support::{Cluster, Database, LIMIT, Link, Mysql, Proxy, wait_for};

/// A load of some megabytes.
pub(super) const ROWS: u32 = 40_000;
/// How long a server hangs, or a link stalls.
const WHILE: Duration = Duration::from_secs(2);

pub(super) fn fill(database: &Database) {
    database.execute(&format!(
        "CREATE SCHEMA north; CREATE TABLE north.a (id int PRIMARY KEY, n int, note text); \
         INSERT INTO north.a SELECT i, 0, repeat('note ', 40) FROM generate_series(1, {ROWS}) i"
    ));
}

/// Runs, and has something happen once rows have begun to arrive in the tables beside the published ones.
pub(super) fn publish_while(run: &Run<'_>, proxy: &Proxy, strike: impl FnOnce()) -> Result<(), Error> {
    let before = proxy.carried();
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| run.publish().map(|_| ()));
        wait_for("rows on their way", LIMIT, || {
            let carried = proxy.carried() - before;
            if carried > 500_000 { Ok(()) } else { Err(format!("{carried} bytes")) }
        });
        strike();
        publishing.join().expect("it does not panic")
    })
}

#[test]
fn a_server_that_hangs_or_is_cut_off_while_rows_are_loaded_keeps_what_is_published() {
    let server = Mysql::start(&["--local-infile=ON"]);
    let database = Cluster::shared().database();
    fill(&database);
    let proxy = Proxy::to(server.socket().to_owned());
    let run = |name: &str| {
        Run::new(&server, &database, "snap_outage_{customer}", &["north"]).named(name).through(&proxy)
    };
    let published =
        || server.value("SELECT run FROM snap_outage_north.acequia_manifest WHERE table_name = ''");
    run("one").publish().expect("published");
    let hang = || {
        server.signal("STOP");
        std::thread::sleep(WHILE);
        server.signal("CONT");
    };
    publish_while(&run("two"), &proxy, hang).expect("it is waited for");
    assert_eq!(published(), "two");
    let stall = || {
        proxy.set(Link::Stalled);
        std::thread::sleep(WHILE);
        proxy.set(Link::Open);
    };
    publish_while(&run("three"), &proxy, stall).expect("it is waited for");
    assert_eq!(published(), "three");
    let error = publish_while(&run("four"), &proxy, || proxy.cut()).expect_err("the link was cut");
    assert_eq!(error.fault(), Fault::Retry, "{error}");
    assert_eq!(published(), "three");
    let error = publish_while(&run("five"), &proxy, || server.stop()).expect_err("the server went");
    assert_eq!(error.fault(), Fault::Retry, "{error}");
    server.restart();
    assert_eq!(published(), "three");
    run("six").publish().expect("published");
    assert_eq!(
        (published().as_str(), server.value("SELECT COUNT(*) FROM snap_outage_north.a")),
        ("six", ROWS.to_string())
    );
}

#[test]
fn a_password_of_the_server_that_is_rotated_is_read_anew_at_the_next_try() {
    let server = Mysql::start(&["--local-infile=ON"]);
    let database = Cluster::shared().database();
    database.execute("CREATE SCHEMA north; CREATE TABLE north.a (id int PRIMARY KEY)");
    let directory = tempfile::tempdir().expect("a directory");
    let secret = directory.path().join("password");
    let write = |password: &str| {
        std::fs::write(&secret, password).expect("written");
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    };
    let mut run = Run::new(&server, &database, "snap_rotated_{customer}", &["north"]);
    run.server.password = Some(SecretSource::File(secret.clone()));
    write(crate::support::PASSWORD);
    run.publish().expect("published");
    server.execute("SET PASSWORD FOR 'acequia'@'localhost' = PASSWORD('zq8leak-other')");
    let error = run.publish().expect_err("the old one is wrong");
    let said = format!("{error} {error:?}");
    assert!(said.contains("1045") && !said.contains("leak"), "{said}");
    write("zq8leak-other\n");
    run.named("20261122T070000Z").publish().expect("published");
}
