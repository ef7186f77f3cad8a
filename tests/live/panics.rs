//! A fault of the program itself: it says where, and no value; it ends in order, and nothing is lost.

use std::collections::BTreeSet;

use acequia::failpoint::PAYLOAD;

use super::support::{CODES, Cluster, Config, Database};

const SNAPSHOT: &str = r#"mode = "override"

[[snapshot]]
name = "nightly"
customers = ["north"]
directory = "out"
"#;

fn practice() -> Database {
    let database = Cluster::shared().database();
    for schema in ["hq", "north"] {
        database.execute(&format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.code (code text PRIMARY KEY, label text)"
        ));
    }
    database
}

fn rules_over(database: &Database) -> Config<'_> {
    let rules = format!("{CODES}{SNAPSHOT}");
    let config = Config::new(&[("hq", database, "hq"), ("north", database, "north")], &rules);
    config.set_up();
    config
}

/// What a panic said: a place, the request to report it, and not what was in it.
#[track_caller]
fn assert_quiet(said: &str, place: &str) {
    assert!(said.contains("a fault of Acequia, please report it"), "{place}: {said}");
    assert!(said.contains("src/failpoint.rs:"), "{place}: where it was: {said}");
    let payload = PAYLOAD.split(':').next().expect("a word");
    assert!(!said.contains(payload), "{place}: what was in the panic is told: {said}");
}

#[test]
fn a_fault_of_the_daemon_is_told_without_values_ends_it_in_order_and_loses_nothing() {
    let database = practice();
    let config = rules_over(&database);
    // What was there before the first start is not its to give.
    let mut first = config.start();
    first.wait_streaming();
    first.stop();
    let mut expected = BTreeSet::new();
    for form in ["text", "json", "journald"] {
        for place in ["after-stage", "before-commit", "after-commit", "before-feedback"] {
            let point = format!("{place}:1:panic");
            let environment = [
                ("ACEQUIA_FAILPOINT", point.as_str()),
                ("ACEQUIA_LOG_FORMAT", form),
                ("RUST_LOG", "trace"),
                ("RUST_BACKTRACE", "full"),
            ];
            let mut daemon = config.start_with(&environment);
            let code = format!("{form} {place}");
            database.execute(&format!("INSERT INTO hq.code VALUES ('{code}', 'one')"));
            expected.insert(code);
            let status = daemon.wait_exit();
            assert_eq!(status.code(), Some(70), "{point}: {status}");
            // In the journal of whoever runs the tests, where there is one, nobody looks.
            if form != "journald" {
                assert_quiet(&daemon.log_of_this_start(), &point);
            }
            assert!(!config.runtime_directory().join("status.json").exists(), "it ends in order");
        }
    }
    let mut daemon = config.start();
    daemon.wait_streaming();
    daemon.barrier();
    daemon.stop();
    let arrived = database.query("SELECT code FROM north.code");
    let arrived: BTreeSet<String> = arrived.into_iter().filter_map(|mut row| row.remove(0)).collect();
    assert_eq!(arrived, expected);
    assert_eq!(database.value("SELECT count(*) FROM acequia.parked"), "0");
}

#[test]
fn a_fault_of_a_command_is_told_without_values() {
    let database = practice();
    let config = rules_over(&database);
    for place in ["snapshot-part", "snapshot-before-manifest", "snapshot-before-swap"] {
        let mut command = config.command(&["snapshot", "run", "nightly"]);
        let point = format!("{place}:1:panic");
        let output =
            command.env("ACEQUIA_FAILPOINT", &point).env("RUST_BACKTRACE", "1").output().expect("started");
        assert_eq!(output.status.code(), Some(70), "{point}: {output:?}");
        assert_quiet(&String::from_utf8_lossy(&[output.stdout, output.stderr].concat()), &point);
    }
    config.succeed(&["snapshot", "run", "nightly"]);
}
