//! Snapshots at their times, made by the daemon: caught up once, whole after any death, told of, changed by a reload.
//!
//! No test waits for a time of the clock: it puts back when the snapshot was first seen, so that its last time was missed.

mod room;

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use acequia::config;
use acequia::failpoint;
use acequia::snapshot::place::Place;
use acequia::snapshot::record::Record;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::archive::Archive;
use crate::support::{Cluster, Config, Daemon, Database, Ears, LIMIT, Proxy, wait_for};

/// Whatever the hour is, this time has come in the last two days, and does not come while the tests run.
static HOUR: LazyLock<String> = LazyLock::new(|| {
    let far = Timestamp::now().checked_add(SignedDuration::from_hours(12)).expect("in range");
    far.strftime("%H:%M").to_string()
});
static MISSED: LazyLock<String> =
    LazyLock::new(|| format!("schedule = {{ at = \"{}\", time_zone = \"UTC\" }}", *HOUR));

const TOLD: &str = r#"
[[notify]]
name = "desk"
on = ["snapshot.*"]
channel = { listen = "acequia" }
"#;

/// Holds up whoever reads the table's rows, and nobody who looks at its definition: planning needs the index.
const HOLD: &str = "BEGIN; REINDEX INDEX south.code_pkey";

fn rules(words: &str) -> String {
    format!(
        "[[snapshot]]\nname = \"nightly\"\ncustomers = \"*\"\ndirectory = \"out\"\nkeep = 9\n{words}\n{TOLD}"
    )
}

fn practice() -> Database {
    let database = Cluster::shared().database();
    for schema in ["north", "south"] {
        database.execute(&format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.code (code text PRIMARY KEY, label text, secret text); \
             INSERT INTO {schema}.code SELECT i, 'label ' || i, 'hidden' FROM generate_series(1, 100) i"
        ));
    }
    database
}

fn configure<'a>(database: &'a Database, words: &str) -> Config<'a> {
    let config = Config::new(&[("north", database, "north"), ("south", database, "south")], &rules(words));
    config.set_up();
    config
}

/// As if the snapshot had been seen two days ago for the first time.
fn seen_two_days_ago(config: &Config<'_>) {
    let (loaded, _) = config::Config::load(config.path()).expect("right rules");
    let snapshot = &loaded.snapshots[0];
    let place = Place::open(&snapshot.directory, &snapshot.name).expect("a directory");
    let since = Timestamp::now().checked_sub(SignedDuration::from_hours(48)).expect("in range");
    let schedule = snapshot.schedule.as_ref().expect("a schedule").to_string();
    Record::new(Some(schedule), since).write(&place).expect("a record");
}

fn home(config: &Config<'_>) -> PathBuf {
    config.path().join("out/nightly")
}

/// Names of the published runs.
fn published(config: &Config<'_>) -> Vec<String> {
    let Ok(entries) = fs::read_dir(home(config).join("published")) else { return Vec::new() };
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

/// What `acequia status` says of the snapshot.
fn status(config: &Config<'_>) -> Value {
    let status: Value = serde_json::from_str(&config.succeed(&["status", "--output", "json"])).expect("JSON");
    status["snapshots"][0].clone()
}

fn wait_status(config: &Config<'_>, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    wait_for(what, LIMIT, || {
        let seen = status(config);
        if fits(&seen) { Ok(seen) } else { Err(seen.to_string()) }
    })
}

fn heard(ears: &Ears) -> Value {
    serde_json::from_str(&ears.next()).expect("an event is JSON")
}

/// It has looked, and waits for the next time.
fn is_idle(seen: &Value) -> bool {
    seen["state"] == "idle" && !seen["next_at"].is_null()
}

fn wait_published(config: &Config<'_>, daemon: &mut Daemon<'_>) {
    daemon.wait_alive("a published snapshot", || {
        if home(config).join("current/manifest.json").is_file() { Ok(()) } else { Err("none".to_owned()) }
    });
}

#[test]
fn a_time_that_was_missed_is_caught_up_once_and_told() {
    let database = practice();
    let config = configure(&database, &MISSED);
    seen_two_days_ago(&config);
    let ears = database.listen("acequia");
    let mut daemon = config.start();
    let event = heard(&ears);
    let runs = published(&config);
    assert_eq!(runs.len(), 1, "{runs:?}");
    let directory = home(&config).join("published").join(&runs[0]);
    let expected = [
        ("event", json!("snapshot.published")),
        ("snapshot", json!("nightly")),
        ("run", json!(runs[0])),
        ("format", json!("dat")),
        ("kind", json!("full")),
        ("customers", json!(2)),
        ("missing", json!(0)),
        ("rows", json!(200)),
        ("path", json!(directory.display().to_string())),
        ("text", json!("snapshot nightly is there: 200 rows of 2 customers")),
    ];
    for (word, value) in expected {
        assert_eq!(event[word], value, "{word} of {event}");
    }
    let manifest = fs::read(directory.join("manifest.json")).expect("a manifest");
    let mut hash = acequia::snapshot::archive::tally::Tally::default();
    hash.add(&manifest);
    assert_eq!(event["sha256"], json!(hash.sha256()));
    assert_eq!(event["archives"].as_array().map(Vec::len), Some(2), "{event}");
    let state = wait_status(&config, "the next time", is_idle);
    assert_eq!((&state["published"]["run"], &state["late"]), (&json!(runs[0]), &json!(false)), "{state}");
    assert!(state["next_at"].as_str().is_some_and(|at| at.ends_with(&format!("T{}:00Z", *HOUR))), "{state}");
    daemon.wait_alive("an idle daemon", || Ok(()));
    daemon.stop();
    let mut again = config.start();
    wait_status(&config, "the next time", is_idle);
    assert_eq!(published(&config), runs, "it is done");
    again.wait_alive("an idle daemon", || Ok(()));
    again.stop();
    assert!(ears.rest().is_empty(), "nothing is told twice");
}

#[test]
fn what_was_never_missed_is_not_made_and_a_run_by_hand_is_told_of() {
    let database = practice();
    let config = configure(&database, &MISSED);
    let ears = database.listen("acequia");
    let daemon = config.start();
    wait_status(&config, "the next time", is_idle);
    assert_eq!(published(&config), Vec::<String>::new(), "one o'clock was before it was first seen");
    config.succeed(&["snapshot", "run", "nightly"]);
    let event = heard(&ears);
    assert_eq!(
        (&event["event"], &event["run"]),
        (&json!("snapshot.published"), &json!(published(&config)[0]))
    );
    daemon.stop();
}

#[test]
fn killed_at_any_place_it_publishes_one_run_after_the_restart() {
    for point in
        failpoint::SCHEDULED.iter().chain(&["snapshot-part", "snapshot-staged", "snapshot-before-swap"])
    {
        let database = practice();
        let config = configure(&database, &MISSED);
        seen_two_days_ago(&config);
        let ears = database.listen("acequia");
        let mut first = config.start_with(&[("ACEQUIA_FAILPOINT", &format!("{point}:1"))]);
        let status = first.wait_exit();
        assert!(!status.success(), "at {point} the daemon ended with {status}");
        drop(first);
        let mut second = config.start();
        wait_published(&config, &mut second);
        wait_status(&config, "the next time", |seen| is_idle(seen) && !seen["published"].is_null());
        let runs = published(&config);
        assert_eq!(runs.len(), 1, "{point}: {runs:?}");
        let event = heard(&ears);
        assert_eq!(
            (&event["event"], &event["run"]),
            (&json!("snapshot.published"), &json!(runs[0])),
            "{point}"
        );
        second.stop();
        assert!(ears.rest().is_empty(), "{point}: told once");
    }
}

#[test]
fn killed_again_and_again_in_the_middle_of_a_run_it_publishes_one() {
    let database = practice();
    let config = configure(&database, &MISSED);
    seen_two_days_ago(&config);
    let blocker = database.session();
    blocker.query(HOLD);
    // The second one begins at once, those after it wait: a run that takes the daemon with it is no reason to be always at it.
    for _ in 0..2 {
        let daemon = config.start();
        wait_status(&config, "a run at work", |seen| {
            seen["state"] == "making" && !seen["progress"].is_null()
        });
        daemon.kill();
    }
    blocker.query("COMMIT");
    config.succeed(&["snapshot", "run", "nightly"]);
    assert_eq!(published(&config).len(), 1);
    let staged = fs::read_dir(home(&config).join("staging")).expect("a directory").count();
    assert_eq!(staged, 0, "what the dead ones wrote is cleared away");
}

#[test]
fn a_run_at_work_is_seen_and_goes_on_through_a_reload_that_is_none_of_its_business() {
    let database = practice();
    let config = configure(&database, &MISSED);
    seen_two_days_ago(&config);
    let blocker = database.session();
    blocker.query(HOLD);
    let daemon = config.start();
    let seen = wait_status(&config, "one table done", |seen| seen["progress"]["tables"] == 1);
    assert_eq!((&seen["state"], &seen["progress"]["tables_total"]), (&json!("making"), &json!(2)), "{seen}");
    assert!(config.succeed(&["status"]).contains("exporting: 1 of 2 tables"), "people see it too");
    config.write(
        "conf.d/rules.toml",
        &format!(
            "{}\n[[snapshot]]\nname = \"other\"\ncustomers = [\"north\"]\ndirectory = \"out\"",
            rules(&MISSED)
        ),
    );
    config.succeed(&["reload"]);
    blocker.query("COMMIT");
    let done = wait_status(&config, "a published run", |seen| !seen["published"].is_null());
    let began =
        Timestamp::from_second(seen["progress"]["began_at"].as_i64().expect("a time")).expect("in range");
    assert_eq!(done["published"]["run"], began.strftime("%Y%m%dT%H%M%SZ").to_string(), "it is that run");
    daemon.stop();
}

#[test]
fn a_reload_that_changes_what_is_in_it_has_the_run_made_anew() {
    let database = practice();
    let config = configure(&database, &MISSED);
    seen_two_days_ago(&config);
    let blocker = database.session();
    blocker.query(HOLD);
    let daemon = config.start();
    wait_status(&config, "one table done", |seen| seen["progress"]["tables"] == 1);
    config.write("conf.d/rules.toml", &rules(&format!("{}\nexclude = [\"code.secret\"]", *MISSED)));
    config.succeed(&["reload"]);
    blocker.query("COMMIT");
    wait_status(&config, "a published run", |seen| !seen["published"].is_null());
    assert_eq!(published(&config).len(), 1);
    let mut north = Archive::open(&home(&config).join("current/north.zip"));
    assert_eq!(north.rows("north/CODE.DAT")[0], ["code", "label"], "{:?}", north.names());
    daemon.stop();
}

#[test]
fn a_run_that_hears_nothing_of_the_catalogs_any_more_stops_at_a_reload_that_changes_it() {
    let cluster = Cluster::shared();
    let database = practice();
    let config = configure(&database, &MISSED);
    seen_two_days_ago(&config);
    let proxy = Proxy::before(cluster);
    config.lead_through(&database, &proxy);
    let blocker = database.session();
    blocker.query("BEGIN; LOCK TABLE pg_catalog.pg_inherits IN ACCESS EXCLUSIVE MODE");
    let daemon = config.start();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                 AND application_name = 'acequia snapshot nightly' AND wait_event_type = 'Lock'";
    wait_for("a run that asks the catalogs", LIMIT, || match database.value(waits).as_str() {
        "1" => Ok(()),
        count => Err(count.to_owned()),
    });
    // The answer never comes, and nobody is told.
    assert_eq!(proxy.kill_silently_of("acequia snapshot nightly"), 1);
    blocker.query("COMMIT");
    config.write("conf.d/rules.toml", &rules(&format!("{}\nexclude = [\"code.secret\"]", *MISSED)));
    config.succeed(&["reload"]);
    wait_status(&config, "a published run", |seen| !seen["published"].is_null());
    let mut north = Archive::open(&home(&config).join("current/north.zip"));
    assert_eq!(north.rows("north/CODE.DAT")[0], ["code", "label"], "{:?}", north.names());
    daemon.stop();
}

#[test]
fn what_is_made_is_not_seen_before_its_time() {
    let database = practice();
    let now = Timestamp::now();
    let wall = |hours| {
        let at = now.checked_add(SignedDuration::from_hours(hours)).expect("in range");
        at.strftime("%H:%M").to_string()
    };
    let at = format!("schedule = {{ at = \"{}\", time_zone = \"UTC\" }}", wall(-1));
    let config = configure(&database, &format!("{at}\npublish_at = \"{}\"", wall(6)));
    seen_two_days_ago(&config);
    let ears = database.listen("acequia");
    let daemon = config.start();
    wait_status(&config, "a run that waits", |seen| seen["state"] == "waiting");
    assert_eq!(published(&config), Vec::<String>::new());
    assert!(ears.rest().is_empty(), "nobody is told of what is not there");
    daemon.kill();
    let daemon = config.start();
    // What the one before has written says the same.
    wait_for("a state of the new daemon", LIMIT, || {
        let state = acequia::ops::read(&config.runtime_directory()).ok().flatten();
        let pid = state.map(|state| state.pid);
        if pid == Some(daemon.pid()) { Ok(()) } else { Err(format!("{pid:?}")) }
    });
    wait_status(&config, "a run that waits", |seen| seen["state"] == "waiting");
    // Its time is brought forward: the same run is published.
    let staged = fs::read_dir(home(&config).join("staging")).expect("a directory");
    let staged: Vec<String> =
        staged.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    config.write("conf.d/rules.toml", &rules(&at));
    config.succeed(&["reload"]);
    wait_status(&config, "a published run", |seen| !seen["published"].is_null());
    assert_eq!(published(&config), staged);
    let event = heard(&ears);
    assert_eq!(event["event"], "snapshot.published");
    daemon.stop();
}

#[test]
fn a_failure_is_told_and_the_last_one_stays() {
    let database = practice();
    let config = configure(&database, &MISSED);
    config.succeed(&["snapshot", "run", "nightly"]);
    let before = published(&config);
    seen_two_days_ago(&config);
    database.execute("REVOKE SELECT ON south.code FROM acequia");
    let ears = database.listen("acequia");
    let daemon = config.start();
    // That there is one which the daemon had not seen is told first.
    assert_eq!(heard(&ears)["event"], "snapshot.published");
    let event = heard(&ears);
    assert_eq!(
        (&event["event"], &event["published"]),
        (&json!("snapshot.failed"), &json!(before[0])),
        "{event}"
    );
    assert!(event["reason"].as_str().is_some_and(|reason| reason.contains("south")), "{event}");
    let seen = wait_status(&config, "a failure", |seen| seen["state"] == "retrying");
    assert!(seen["failure"]["text"].as_str().is_some_and(|text| text.contains("south")), "{seen}");
    assert!(!seen["next_at"].is_null() && published(&config) == before, "{seen}");
    assert!(config.succeed(&["status"]).contains("next try"), "people see it too");
    daemon.stop();
    // Who is not running is remembered.
    let seen = status(&config);
    assert_eq!((&seen["state"], &seen["published"]["run"]), (&json!("stopped"), &json!(before[0])));
    assert!(seen["failure"]["text"].as_str().is_some_and(|text| text.contains("south")), "{seen}");
    let listed = config.succeed(&["snapshot", "list"]);
    assert!(listed.contains("nightly: failed at") && listed.contains(&format!("T{}:00Z", *HOUR)), "{listed}");
}

#[test]
fn a_daemon_whose_flows_are_refused_makes_snapshots_all_the_same() {
    let database = practice();
    let refused = "\n[datasets.absent]\nkey = [\"code\"]\n\n[[sync]]\nname = \"codes\"\nfrom = \"north\"\nto = [\"south\"]\n\
                   data = [\"absent\"]\n";
    let config = configure(&database, &MISSED);
    config.write("conf.d/sync.toml", refused);
    seen_two_days_ago(&config);
    let daemon = config.start();
    wait_for("a published snapshot", LIMIT, || {
        let there = home(&config).join("current/manifest.json").is_file();
        if there && daemon.log().contains("halted") {
            Ok(())
        } else {
            Err(format!("{:?}", published(&config)))
        }
    });
    daemon.stop();
}

#[test]
fn what_is_not_there_at_its_time_is_told_as_late_while_it_is_made() {
    let database = practice();
    let hours_ago = |hours| {
        let at = Timestamp::now().checked_sub(SignedDuration::from_hours(hours)).expect("in range");
        at.strftime("%H:%M").to_string()
    };
    let (made, seen) = (hours_ago(2), hours_ago(1));
    let words = format!("schedule = {{ at = \"{made}\", time_zone = \"UTC\" }}\npublish_at = \"{seen}\"");
    let config = configure(&database, &words);
    seen_two_days_ago(&config);
    let ears = database.listen("acequia");
    let blocker = database.session();
    blocker.query(HOLD);
    let daemon = config.start();
    let event = heard(&ears);
    assert_eq!((&event["event"], &event["published"]), (&json!("snapshot.late"), &Value::Null), "{event}");
    wait_status(&config, "it is late", |seen| seen["late"] == true);
    blocker.query("COMMIT");
    assert_eq!(heard(&ears)["event"], "snapshot.published");
    wait_status(&config, "it is not late any more", |seen| seen["late"] == false);
    daemon.stop();
    assert!(ears.rest().is_empty(), "late is told once");
}

#[test]
fn an_event_that_nobody_could_be_told_is_told_after_the_restart() {
    let database = practice();
    let config = configure(&database, &MISSED);
    seen_two_days_ago(&config);
    let ears = database.listen("acequia");
    let blocker = database.session();
    blocker.query(HOLD);
    let daemon = config.start();
    wait_status(&config, "one table done", |seen| seen["progress"]["tables"] == 1);
    // Those who are there stay; nobody else comes in.
    let outside = Cluster::shared().database();
    let allow = |may: bool| {
        outside.execute(&format!("ALTER DATABASE \"{}\" ALLOW_CONNECTIONS {may}", database.name()));
    };
    allow(false);
    blocker.query("COMMIT");
    wait_for("an event that waits", LIMIT, || {
        let log = daemon.log();
        if log.contains("nobody was told yet") { Ok(()) } else { Err(log) }
    });
    assert_eq!(published(&config).len(), 1);
    daemon.kill();
    assert!(ears.rest().is_empty());
    let daemon = config.start();
    allow(true);
    assert_eq!(heard(&ears)["event"], "snapshot.published");
    daemon.stop();
    assert!(ears.rest().is_empty(), "and once");
}

#[test]
fn a_snapshot_that_is_taken_out_of_the_rules_stops_and_keeps_what_it_has() {
    let database = practice();
    let config = configure(&database, &MISSED);
    seen_two_days_ago(&config);
    let blocker = database.session();
    blocker.query(HOLD);
    let mut daemon = config.start();
    wait_status(&config, "one table done", |seen| seen["progress"]["tables"] == 1);
    config.write("conf.d/rules.toml", &rules(&format!("{}\nenabled = false", *MISSED)));
    config.succeed(&["reload"]);
    wait_for("nobody at work", LIMIT, || {
        let free = config.run(&["status", "--output", "json"]);
        let seen = String::from_utf8_lossy(&free.stdout).into_owned();
        let locked = fs::read_dir(home(&config).join("staging")).expect("a directory").count();
        if locked == 0 { Ok(()) } else { Err(seen) }
    });
    assert_eq!(published(&config), Vec::<String>::new());
    blocker.query("COMMIT");
    config.write("conf.d/rules.toml", &rules(&MISSED));
    config.succeed(&["reload"]);
    // Its time was missed all the same, and it had not been made.
    wait_published(&config, &mut daemon);
    daemon.stop();
}

#[test]
fn told_to_stop_in_the_middle_of_a_run_it_ends_and_makes_it_after_the_next_start() {
    let database = practice();
    let config = configure(&database, &MISSED);
    seen_two_days_ago(&config);
    let blocker = database.session();
    blocker.query(HOLD);
    for _ in 0..3 {
        let daemon = config.start();
        wait_status(&config, "one table done", |seen| seen["progress"]["tables"] == 1);
        let begun = Instant::now();
        daemon.stop();
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
    blocker.query("COMMIT");
    // Stopping is no failure: nothing has to wait for a pause.
    let mut daemon = config.start();
    wait_published(&config, &mut daemon);
    daemon.stop();
    assert_eq!(published(&config).len(), 1);
}

#[test]
fn what_is_left_of_a_closed_customer_is_wiped_also_when_nothing_is_published() {
    let database = practice();
    let words = "retain_closed = \"30d\"";
    let config = configure(&database, words);
    config.succeed(&["snapshot", "run", "nightly"]);
    // As if it had been made long ago.
    let (home, old) = (home(&config), "20260101T010000Z");
    fs::rename(home.join("published").join(&published(&config)[0]), home.join("published").join(old))
        .expect("moved");
    fs::remove_file(home.join("current")).expect("removed");
    std::os::unix::fs::symlink(format!("published/{old}"), home.join("current")).expect("linked");
    config.write("conf.d/rules.toml", &rules(words).replace("\"*\"", "[\"north\"]"));
    let mut daemon = config.start();
    daemon.wait_alive("the closed customer's archive to go", || {
        if home.join("current/south.zip").exists() { Err("it is there".to_owned()) } else { Ok(()) }
    });
    assert!(home.join("current/north.zip").is_file(), "the other one stays");
    daemon.stop();
}
