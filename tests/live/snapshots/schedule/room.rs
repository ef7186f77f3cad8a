//! A disk without room for what the daemon remembers of a snapshot.

use std::fs;

use super::{LIMIT, MISSED, configure, practice, rules, seen_two_days_ago, wait_for, wait_status};
use crate::support::Disk;

#[test]
fn a_snapshot_that_can_not_be_remembered_is_not_begun_and_is_made_once_there_is_room() {
    let Some(disk) = Disk::mount(4, "a snapshot's directory without room") else { return };
    let database = practice();
    let config = configure(&database, &MISSED);
    let out = disk.path().join("out");
    fs::create_dir(&out).expect("a directory");
    let here = format!("directory = \"{}\"", out.display());
    config.write("conf.d/rules.toml", &rules(&MISSED).replace("directory = \"out\"", &here));
    seen_two_days_ago(&config);
    disk.fill();
    let daemon = config.start();
    wait_status(&config, "it says that nothing can be written down", |seen| {
        let said = seen["failure"]["text"].as_str().unwrap_or_default();
        seen["state"] == "retrying" && said.contains("record.json") && said.contains("No space left")
    });
    assert!(!out.join("nightly/current").exists(), "nothing is there that nobody remembers");
    disk.free();
    wait_for("the snapshot", LIMIT, || {
        if out.join("nightly/current/manifest.json").is_file() { Ok(()) } else { Err(daemon.log()) }
    });
    wait_status(&config, "nothing is wrong any more", |seen| {
        seen["failure"].is_null() && seen["state"] == "idle" && seen["published"]["run"].is_string()
    });
    assert_eq!(daemon.log().matches("no snapshot can be made").count(), 1);
    daemon.stop();
}
