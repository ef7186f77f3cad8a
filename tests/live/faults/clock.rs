//! The clock of the daemon's host is set forward and back while it runs; the servers have clocks of their own.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use super::{Config, Database, LIMIT, make_tables, wait_for};
use crate::support::{Cluster, Daemon, free_address, skip};
use crate::told::get;

const HOUR: i64 = 3600;

/// What gives a process another time, where it is installed: the directory is named after the machine's kind.
fn library() -> Option<PathBuf> {
    let kinds = fs::read_dir("/usr/lib").ok()?;
    let mut found = kinds.filter_map(|kind| Some(kind.ok()?.path().join("faketime/libfaketimeMT.so.1")));
    found.find(|path| path.is_file())
}

/// Rows go on, and a snapshot is made at a time that comes in half an hour.
fn rules() -> String {
    let soon = Timestamp::now().checked_add(SignedDuration::from_mins(30)).expect("in range");
    format!(
        "{}\n[[snapshot]]\nname = \"daily\"\ncustomers = \"*\"\ndirectory = \"out\"\nkeep = 9\n\
         schedule = {{ at = \"{}\", time_zone = \"UTC\" }}\n",
        super::RULES,
        soon.strftime("%H:%M")
    )
}

fn listen(config: &Config<'_>) -> SocketAddr {
    let free = free_address();
    let text = fs::read_to_string(config.path().join("acequia.toml")).expect("the file");
    let more = format!("[daemon]\nlisten = \"{free}\"\n");
    config.write("acequia.toml", &text.replacen("[daemon]\n", &more, 1));
    free
}

/// Those that are published.
fn runs(config: &Config<'_>) -> usize {
    fs::read_dir(config.path().join("out/daily/published")).map_or(0, Iterator::count)
}

/// A row is written and arrives, health is green again, and so many runs are published in the end.
fn all_goes_on(
    (config, database): (&Config<'_>, &Database),
    (daemon, address): (&mut Daemon<'_>, SocketAddr),
    (offset, expected): (i64, usize),
) {
    let key = format!("at {offset} with {expected}");
    database.execute(&format!("INSERT INTO source.event (key, value) VALUES ('{key}', 1)"));
    daemon.wait_alive(&format!("the row of {offset}"), || {
        let seen = database.value(&format!("SELECT count(*) FROM follows.event WHERE key = '{key}'"));
        if seen == "1" { Ok(()) } else { Err(seen) }
    });
    daemon.wait_alive(&format!("the snapshots of {offset}"), || match runs(config) {
        seen if seen == expected => Ok(()),
        seen => Err(format!("{seen} of {expected}")),
    });
    wait_for(&format!("health green at {offset}"), LIMIT, || match get(address, "/readyz?verbose")? {
        (200, _) => Ok(()),
        (status, text) => Err(format!("{status} {text}")),
    });
}

#[test]
fn a_clock_that_is_set_forward_and_back_stops_no_row_and_no_snapshot_and_health_turns_green_again() {
    let Some(library) = library() else {
        return skip("a clock that is set", "there is no libfaketime (Debian: faketime)");
    };
    let database = Cluster::shared().database();
    make_tables(&database);
    let customers =
        [("source", &database, "source"), ("follows", &database, "follows"), ("keeps", &database, "keeps")];
    let config = Config::new(&customers, &rules());
    let address = listen(&config);
    config.set_up();
    let clock = config.path().join("clock");
    // In one step: half a file would be another time.
    let set = |offset: i64| {
        fs::write(config.path().join("clock.new"), format!("{offset:+}\n")).expect("written");
        fs::rename(config.path().join("clock.new"), &clock).expect("in its place");
    };
    set(0);
    let (library, place) = (library.display().to_string(), clock.display().to_string());
    // As where an administrator sets it: what is measured from moment to moment goes on.
    let mut daemon = config.start_with(&[
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", place.as_str()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ]);
    daemon.wait_streaming();
    // The time of the snapshot comes by the first step, is not repeated after the second, and comes again a day later.
    for step in [(0, 0), (HOUR, 1), (-HOUR, 1), (25 * HOUR, 2), (0, 2)] {
        set(step.0);
        all_goes_on((&config, &database), (&mut daemon, address), step);
    }
    daemon.stop();
    let log = fs::read_to_string(config.path().join("daemon.log")).expect("its log");
    let begun = log.lines().filter(|line| line.contains("making a snapshot"));
    let begun: Vec<&str> =
        begun.filter_map(|line| line.split_once("scheduled_for=")).map(|(_, at)| at).collect();
    assert!(begun.len() == 2 && begun[0] != begun[1], "each time has one run:\n{log}");
}
