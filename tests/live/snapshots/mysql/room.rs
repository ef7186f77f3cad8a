//! A server without room, and one that is shut down in order: what is published stays, nothing half-loaded is left.

use acequia::fault::Fault;

use super::outages::{ROWS, fill, publish_while};
use super::{Run, tables};
use crate::support::{Cluster, Disk, Mysql, Proxy};

/// The server's files take about 130 of them.
const DISK_MEGABYTES: u32 = 320;

#[test]
fn a_server_without_room_keeps_what_is_published_and_takes_the_next_snapshot_when_there_is_some() {
    let Some(disk) = Disk::mount(DISK_MEGABYTES, "a full disk of MariaDB") else { return };
    let server = Mysql::start(&["--local-infile=ON"]);
    server.stop();
    disk.take(&server.data(), "data");
    server.restart();
    let database = Cluster::shared().database();
    fill(&database);
    let run = |name: &str| Run::new(&server, &database, "snap_full_{customer}", &["north"]).named(name);
    let published = || server.value("SELECT run FROM snap_full_north.acequia_manifest WHERE table_name = ''");
    run("one").publish().expect("published");
    let there = tables(&server, "snap_full_north");
    disk.fill();
    let error = run("two").publish().expect_err("there is no room");
    let said = error.to_string();
    assert!(error.fault() == Fault::Retry && said.contains("the server has no room left"), "{said}");
    assert_eq!((published().as_str(), tables(&server, "snap_full_north")), ("one", there.clone()));
    disk.free();
    run("three").publish().expect("published");
    assert_eq!((published().as_str(), tables(&server, "snap_full_north")), ("three", there));
    assert_eq!(server.value("SELECT COUNT(*) FROM snap_full_north.a"), ROWS.to_string());
    // Before the disk, which holds its files.
    drop(server);
}

#[test]
fn a_server_that_is_shut_down_in_order_while_rows_are_loaded_keeps_what_is_published() {
    let server = Mysql::start(&["--local-infile=ON"]);
    let database = Cluster::shared().database();
    fill(&database);
    let proxy = Proxy::to(server.socket().to_owned());
    let run = |name: &str| {
        let run = Run::new(&server, &database, "snap_down_{customer}", &["north"]).named(name);
        run.through(&proxy)
    };
    let published = || server.value("SELECT run FROM snap_down_north.acequia_manifest WHERE table_name = ''");
    run("one").publish().expect("published");
    let there = tables(&server, "snap_down_north");
    let error = publish_while(&run("two"), &proxy, || server.shut_down()).expect_err("the server went");
    assert_eq!(error.fault(), Fault::Retry, "{error}");
    server.restart();
    assert_eq!(published(), "one");
    run("three").publish().expect("published");
    assert_eq!((published().as_str(), tables(&server, "snap_down_north")), ("three", there));
}
