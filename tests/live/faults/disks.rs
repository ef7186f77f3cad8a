//! Disks that are full: the target's tables, the target's WAL, the source's WAL.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::scene::Scene;
use super::{LIMIT, wait_for};
use crate::support::{Cluster, skip};

/// Long enough for several tries.
const WHILE: Duration = Duration::from_secs(1);

/// A small disk of its own, in memory. Root only.
struct Disk(PathBuf);

impl Disk {
    /// `None`, with a line, where this user may not mount.
    fn mount(megabytes: u32) -> Option<Self> {
        let directory =
            tempfile::Builder::new().prefix("acequia-disk-").tempdir_in("/tmp").expect("a directory").keep();
        let disk = Self(directory);
        let size = format!("size={megabytes}m,mode=0777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&disk.0).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(disk);
        }
        skip("full disks of servers", "only root can mount one");
        None
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let file = self.0.join("full");
        // `dd` ends with an error when there is no more room: that is what it is for.
        _ = Command::new("dd")
            .args(["if=/dev/zero", "bs=64k", "status=none"])
            .arg(format!("of={}", file.display()))
            .output();
    }

    fn free(&self) {
        fs::remove_file(self.0.join("full")).expect("the file is there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        _ = Command::new("umount").arg("-l").arg(&self.0).output();
        _ = fs::remove_dir(&self.0);
    }
}

/// Puts a stopped server's directory on the disk, and leaves a link in its place.
fn move_to(disk: &Disk, directory: &Path, name: &str) {
    let there = disk.0.join(name);
    let copied = Command::new("cp").arg("-a").arg(directory).arg(&there).status().expect("cp");
    assert!(copied.success(), "cp: {copied}");
    fs::remove_dir_all(directory).expect("the server's files");
    std::os::unix::fs::symlink(&there, directory).expect("a link");
}

#[test]
fn tables_on_a_full_disk_take_their_rows_when_there_is_room_again() {
    let Some(disk) = Disk::mount(24) else { return };
    let target = Cluster::start(&["autovacuum=off"]);
    let scene = Scene::new(Cluster::shared(), &target);
    let place = disk.0.join("space");
    fs::create_dir(&place).expect("a directory");
    let owner =
        Command::new("chown").arg("--reference").arg(target.data()).arg(&place).status().expect("chown");
    assert!(owner.success(), "chown: {owner}");
    scene.there.execute(&format!("CREATE TABLESPACE small LOCATION '{}'", place.display()));
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
        let Some(disk) = Disk::mount(120) else { return };
        let settings = ["max_wal_size=32MB", "min_wal_size=32MB", "wal_recycle=off"];
        let server = Cluster::start(&settings);
        server.shut_down();
        move_to(&disk, &server.data().join("pg_wal"), "wal");
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
