//! Disks that are full: the target's tables, the target's WAL, the source's WAL.

use std::time::Duration;

use super::scene::Scene;
use super::{LIMIT, wait_for};
use crate::support::{Cluster, Disk};

/// Long enough for several tries.
const WHILE: Duration = Duration::from_secs(1);

#[test]
fn tables_on_a_full_disk_take_their_rows_when_there_is_room_again() {
    let Some(disk) = Disk::mount(24, "full disks of servers") else { return };
    let target = Cluster::start(&["autovacuum=off"]);
    let scene = Scene::new(Cluster::shared(), &target);
    disk.lend(&target, &scene.there);
    for table in ["event", "counter"] {
        scene.there.execute(&format!("ALTER TABLE branch.{table} SET TABLESPACE small"));
    }
    let config = scene.configure();
    scene.play(&config, |stage| {
        let harm = || {
            disk.fill();
            // More than the last pages can take.
            scene.here.execute(
                "INSERT INTO hq.event (key, value) SELECT 'much' || i, i FROM generate_series(1, 20000) i",
            );
        };
        // Rows have to come as far as that before there is room again.
        let words = ["the server's disk is full"];
        stage.befall_until_said("target: no room for tables (53100)", harm, &words, || disk.free());
    });
    // Before the disk, whose files it holds.
    drop(config);
}

#[test]
fn a_server_whose_wal_finds_no_room_goes_down_and_all_is_well_when_it_is_up_again() {
    for (what, is_source) in [("source", true), ("target", false)] {
        let Some(disk) = Disk::mount(120, "full disks of servers") else { return };
        let settings = ["max_wal_size=32MB", "min_wal_size=32MB", "wal_recycle=off"];
        let server = Cluster::start(&settings);
        server.shut_down();
        disk.take(&server.data().join("pg_wal"), "wal");
        server.restart();
        let scene = if is_source {
            Scene::new(&server, Cluster::shared())
        } else {
            Scene::new(Cluster::shared(), &server)
        };
        let config = scene.configure();
        scene.play(&config, |stage| {
            let database = if is_source { &scene.here } else { &scene.there };
            let harm = || {
                disk.fill();
                // A whole segment at least, so that a new one is needed.
                let session = database.session();
                while session
                    .try_execute("SELECT pg_logical_emit_message(false, 'much', repeat('x', 1000000))")
                {
                }
                wait_for("the server is down", LIMIT, || {
                    if database.try_session().is_none() { Ok(()) } else { Err("it lets in".to_owned()) }
                });
            };
            let heal = || {
                disk.free();
                server.stop();
                server.restart();
            };
            stage.befall(&format!("{what}: no room for WAL"), harm, WHILE, heal);
        });
    }
}
