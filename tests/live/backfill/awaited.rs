//! `backfill --wait`: it ends where nobody works any more, and not before.

use std::process::{Child, Output, Stdio};

use super::super::support::{Config, Daemon, Database, LIMIT, Session, wait_for};
use super::{configure, fill, make, wait_live};

/// A command that stays; gone with the test.
struct Staying(Option<Child>);

impl Staying {
    /// A copy that can't end, since somebody has locked a table, and who waits for it.
    fn begin(config: &Config<'_>, database: &Database) -> (Session, Self) {
        let lock = database.session();
        lock.query("BEGIN; LOCK TABLE north.item IN SHARE MODE");
        let mut command = config.command(&["backfill", "--wait"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let staying = Self(Some(child.expect("the binary can be started")));
        wait_for("a copy that has begun", LIMIT, || {
            let count = database.value("SELECT count(*) FROM acequia.backfill WHERE state <> 'live'");
            if count == "0" { Err("there is none".to_owned()) } else { Ok(()) }
        });
        (lock, staying)
    }

    fn has_ended(&mut self) -> bool {
        let child = self.0.as_mut().expect("it is there");
        child.try_wait().expect("the command is our child").is_some()
    }

    /// Its end, which comes by itself.
    fn end(mut self) -> Output {
        wait_for("the end of the command", LIMIT, || {
            if self.has_ended() { Ok(()) } else { Err("it stays".to_owned()) }
        });
        self.0.take().expect("it is there").wait_with_output().expect("what it has said")
    }
}

impl Drop for Staying {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            _ = child.kill();
            _ = child.wait();
        }
    }
}

#[track_caller]
fn assert_given_up(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in words.iter().chain(&["What is not in yet is copied as soon as it goes on"]) {
        assert!(said.contains(word), "this is missing: {word}\n---- in\n{said}");
    }
}

fn live<'a>(config: &'a Config<'a>) -> Daemon<'a> {
    let mut daemon = config.start();
    daemon.wait_streaming();
    daemon
}

#[test]
fn who_waits_for_a_backfill_outlives_a_restart_and_not_the_daemon() {
    let database = make(&["north"]);
    fill(&database, 100);
    let config = configure(&database, &["north"], "");
    let daemon = live(&config);
    let (lock, mut staying) = Staying::begin(&config, &database);
    daemon.kill();
    let daemon = live(&config);
    assert!(!staying.has_ended(), "a restart is no end");
    daemon.kill();
    assert_given_up(&staying.end(), &["no daemon runs here any more", "systemctl start acequia"]);
    lock.query("COMMIT");
    let mut daemon = live(&config);
    wait_live(&mut daemon, &database, &["north"]);
    daemon.stop();
}

#[test]
fn who_waits_for_a_backfill_hears_that_its_flow_is_halted() {
    let database = make(&["north"]);
    fill(&database, 100);
    let config = configure(&database, &["north"], "");
    let daemon = live(&config);
    let (_lock, staying) = Staying::begin(&config, &database);
    let publication = database.value("SELECT pubname FROM pg_publication");
    database.execute(&format!("ALTER PUBLICATION {publication} SET (publish = 'insert')"));
    let flow = format!("flow {0}:{0} is halted", database.name());
    assert_given_up(&staying.end(), &[&flow, "does not publish", "acequia status"]);
    daemon.kill();
}
