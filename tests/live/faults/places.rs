//! The daemon's own places: the directory that its state is in, and the file that its log goes to.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{LIMIT, wait_for};
use crate::support::{CODES, Cluster, Config, Daemon, Database, Disk, Session, free_address};
use crate::told::get;

/// A disk with little but the state on it.
const DISK_MEGABYTES: u32 = 2;

fn practice() -> Database {
    let database = Cluster::shared().database();
    for schema in ["hq", "north"] {
        database
            .execute(&format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.code (code text PRIMARY KEY)"));
    }
    database
}

/// Rows still arrive, each of them once.
fn expect_flow(database: &Database, daemon: &mut Daemon<'_>, what: &str) {
    database.execute(&format!("INSERT INTO hq.code VALUES ('{what}')"));
    daemon.barrier();
    assert_eq!(database.value(&format!("SELECT count(*) FROM north.code WHERE code = '{what}'")), "1");
}

fn status(config: &Config<'_>) -> Value {
    serde_json::from_str(&config.succeed(&["status", "--output", "json"])).expect("JSON")
}

/// `acequia status` tells what is true now.
fn wait_told(config: &Config<'_>) {
    wait_for("the state is told", LIMIT, || {
        let seen = status(config);
        let is_told = seen["daemon"]["pid"].is_number() && seen["flows"][0]["state"] == "streaming";
        if is_told { Ok(()) } else { Err(seen.to_string()) }
    });
}

/// … or that it does not know it, and no figure of before.
fn wait_not_known(config: &Config<'_>, why: &str) {
    wait_for("the state is not known", LIMIT, || {
        let seen = status(config);
        let said = seen["daemon"]["unknown"].as_str().unwrap_or_default();
        let flow = &seen["flows"][0];
        let is_so = said.contains(why) && flow["state"] == "unknown" && flow["lag_seconds"].is_null();
        if is_so { Ok(()) } else { Err(seen.to_string()) }
    });
}

/// What is wrong with the directory, how it comes to be, and how it ends.
struct Trouble<'a> {
    what: &'a str,
    says: &'a str,
    begin: &'a dyn Fn(),
    end: &'a dyn Fn(),
}

fn remount(disk: &Disk, word: &str) {
    // Not while a file there is being written.
    wait_for("mounted anew", LIMIT, || {
        let done = Command::new("mount").args(["-o", &format!("remount,{word}")]).arg(disk.path()).output();
        if done.as_ref().is_ok_and(|done| done.status.success()) { Ok(()) } else { Err(format!("{done:?}")) }
    });
}

/// A file stands in its place: the daemon can't make the directory anew.
fn occupy(place: &Path) {
    wait_for("the place is taken", LIMIT, || {
        let taken = fs::remove_dir_all(place).and_then(|()| fs::write(place, ""));
        taken.map_err(|error| error.to_string())
    });
}

/// The names of the files there that somebody needs.
fn files(place: &Path) -> [bool; 3] {
    ["status.json", "rules.json", "reload.json"].map(|name| place.join(name).is_file())
}

fn wait_files(place: &Path, what: &str) {
    wait_for(&format!("{what}: all files are there again"), LIMIT, || {
        let seen = files(place);
        if seen == [true; 3] { Ok(()) } else { Err(format!("{seen:?}")) }
    });
}

#[test]
fn a_runtime_directory_that_is_full_read_only_or_gone_stops_nothing_and_is_written_again() {
    let Some(disk) = Disk::mount(DISK_MEGABYTES, "a runtime directory without room") else { return };
    let (database, address) = (practice(), free_address());
    let config = Config::new(&[("hq", &database, "hq"), ("north", &database, "north")], CODES);
    let place = disk.path().join("run");
    let main = fs::read_to_string(config.path().join("acequia.toml")).expect("the file");
    let here = config.runtime_directory().display().to_string();
    config.write("acequia.toml", &main.replace(&here, &place.display().to_string()));
    config.write("conf.d/told.toml", &format!("[daemon]\nlisten = \"{address}\"\n"));
    config.set_up();
    let mut daemon = config.start();
    daemon.wait_streaming();
    config.succeed(&["reload"]);
    wait_told(&config);
    let troubles = [
        Trouble {
            what: "full",
            says: "has not written its state",
            begin: &|| disk.fill(),
            end: &|| disk.free(),
        },
        Trouble {
            what: "read-only",
            says: "has not written its state",
            begin: &|| remount(&disk, "ro"),
            end: &|| remount(&disk, "rw"),
        },
        Trouble {
            what: "taken",
            says: "can't be read",
            begin: &|| occupy(&place),
            end: &|| fs::remove_file(&place).expect("removed"),
        },
    ];
    for Trouble { what, says, begin, end } in troubles {
        begin();
        wait_not_known(&config, says);
        expect_flow(&database, &mut daemon, what);
        for page in ["/readyz", "/metrics"] {
            let seen = get(address, page).expect("an answer");
            assert_eq!(seen.0, 200, "{what}: {page} {}", seen.1);
        }
        // An operator must not be told that nobody is at work.
        let asked = config.run(&["ping"]);
        assert!(matches!(asked.status.code(), Some(2 | 3)), "{what}: {asked:?}");
        let asked = config.run(&["reload"]);
        let said = String::from_utf8_lossy(&asked.stderr).into_owned();
        assert!(!asked.status.success() && said.contains(says), "{what}: {said}");
        end();
        wait_told(&config);
        wait_files(&place, what);
    }
    fs::remove_dir_all(&place).expect("removed");
    wait_files(&place, "gone");
    wait_told(&config);
    expect_flow(&database, &mut daemon, "gone");
    let log = daemon.log();
    let complaints = log.matches("the state file can't be written").count();
    assert!((1..=20).contains(&complaints), "{complaints} lines");
    daemon.stop();
    drop(config);
}

#[test]
fn a_log_that_goes_to_a_full_disk_holds_up_no_row_and_is_written_again() {
    let Some(disk) = Disk::mount(DISK_MEGABYTES, "a log on a full disk") else { return };
    let database = practice();
    let config = Config::new(&[("hq", &database, "hq"), ("north", &database, "north")], CODES);
    config.set_up();
    std::os::unix::fs::symlink(disk.path().join("daemon.log"), config.path().join("daemon.log"))
        .expect("a link");
    let mut daemon = config.start();
    daemon.wait_streaming();
    // Each makes the daemon write lines.
    let end_walsender = |session: &Session| {
        session.query(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots \
             WHERE database = current_database() AND active",
        );
    };
    let session = database.session();
    disk.fill();
    let before = daemon.log().len();
    for round in 0..3 {
        end_walsender(&session);
        expect_flow(&database, &mut daemon, &format!("full {round}"));
    }
    assert!(daemon.log().len() < before + 4096, "the disk was not full");
    disk.free();
    wait_for("the log goes on", LIMIT, || {
        end_walsender(&session);
        let log = daemon.log();
        if log.len() > before + 4096 || log[before.min(log.len())..].contains("flow") {
            Ok(())
        } else {
            Err(log)
        }
    });
    expect_flow(&database, &mut daemon, "free");
    daemon.stop();
    drop(config);
}
