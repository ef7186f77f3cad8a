//! WAL that piles up at the source: warned of at half of `max_retained_wal`, and past it the slot is given up on purpose, so that
//! the source's disk does not fill. A resync heals.

use std::path::PathBuf;

use acequia::failpoint::SURRENDER;
use acequia::ops::{Health, Level, read};

use super::support::{CODES, Cluster, Config, Daemon, Database, LIMIT, wait_for};

const MORE: &str = r#"mode = "override"
on_delete = "delete"

[daemon]
max_lag = "6s"

[[notify]]
name = "ops"
on = ["alert.wal"]
channel = { listen = "alerts" }
"#;

/// What the slot may keep, in MiB.
const LIMIT_MB: u32 = 64;

fn scene<'a>(source: &'a Database, target: &'a Database) -> Config<'a> {
    for (database, schema) in [(source, "hq"), (target, "north")] {
        database.execute(&format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.code (id bigserial PRIMARY KEY, code text NOT NULL UNIQUE)"
        ));
    }
    let rules = format!("{CODES}{MORE}");
    let config = Config::new(&[("hq", source, "hq"), ("north", target, "north")], &rules);
    let own = std::fs::read_to_string(config.path().join("acequia.toml")).expect("the file was written");
    let place = format!("dbname = \"{}\"\n", source.name());
    config.write(
        "acequia.toml",
        &own.replace(&place, &format!("{place}max_retained_wal = \"{LIMIT_MB}MB\"\n")),
    );
    config.set_up();
    config
}

/// Has the source write so much WAL that is nobody's.
fn write_wal(source: &Database, megabytes: u32) {
    for _ in 0..megabytes {
        source.execute("SELECT pg_logical_emit_message(false, 'noise', repeat('x', 1048000))");
    }
    source.execute("SELECT pg_switch_wal()");
}

fn slots(source: &Database) -> String {
    source.value("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()")
}

fn wait_log(daemon: &Daemon<'_>, text: &str) {
    wait_for(&format!("the log says {text}"), LIMIT, || {
        let log = daemon.log_of_this_start();
        if log.contains(text) { Ok(()) } else { Err(log) }
    });
}

/// In a session of its own: the server may have been away.
fn value(database: &Database, sql: &str) -> String {
    let mut rows = database.session().query(sql);
    rows.remove(0).remove(0).unwrap_or_default()
}

fn wait_rows(target: &Database, rows: &str) {
    wait_for("the rows", LIMIT, || {
        match value(target, "SELECT string_agg(code, ' ' ORDER BY code) FROM north.code") {
            seen if seen == rows => Ok(()),
            seen => Err(seen),
        }
    });
}

fn wait_gone(source: &Database) {
    wait_for("the slot is given up", LIMIT, || {
        let slots = slots(source);
        if slots == "0" { Ok(()) } else { Err(format!("{slots} slots")) }
    });
}

#[test]
fn wal_that_piles_up_is_warned_of_and_then_the_slot_is_given_up_and_a_resync_heals() {
    let (there, away) = (Cluster::start(&["max_wal_size=64MB"]), Cluster::start(&[]));
    let (source, target) = (there.database(), away.database());
    let config = scene(&source, &target);
    let ears = source.listen("alerts");
    let mut daemon = config.start();
    daemon.wait_streaming();
    source.execute("INSERT INTO hq.code (code) VALUES ('a'), ('b')");
    wait_rows(&target, "a b");
    away.stop();
    source.execute("DELETE FROM hq.code WHERE code = 'a'; INSERT INTO hq.code (code) VALUES ('c')");
    write_wal(&source, LIMIT_MB * 2 / 3);
    wait_log(&daemon, "more than half of max_retained_wal");
    assert_eq!(slots(&source), "1", "a warning gives nothing up");
    assert!(ears.next().contains(r#""given_up":false"#));
    write_wal(&source, LIMIT_MB / 2);
    let sum = "SELECT (sum(size) / 1048576)::int FROM pg_ls_waldir()";
    let wal = || source.value(sum).parse::<u32>().expect("a number");
    let piled = wal();
    wait_gone(&source);
    wait_log(&daemon, "was given up on purpose at");
    assert!(ears.next().contains(r#""given_up":true"#));
    // A checkpoint takes what nobody needs any more, and keeps some files to be written again.
    wait_for("the WAL is released", LIMIT, || {
        source.execute("CHECKPOINT");
        let kept = wal();
        if kept + LIMIT_MB / 2 <= piled { Ok(()) } else { Err(format!("{kept} of {piled} MB")) }
    });
    says_so(&config);
    // A restart in between, and the target is still away.
    daemon.stop();
    // As if the source had been set back since, so that its next slot lies before this one's end.
    let remembered = memory(&config).expect("it is remembered");
    let text = std::fs::read_to_string(&remembered).expect("it can be read");
    let mut said: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    said["end"] = "FFFF/0".into();
    std::fs::write(&remembered, said.to_string()).expect("it can be written");
    let daemon = config.start();
    says_so(&config);
    away.restart();
    wait_log(&daemon, "flow halted: slot acequia_");
    assert!(daemon.log_of_this_start().contains("was given up on purpose"), "{}", daemon.log_of_this_start());
    wait_for("the checkpoint says why", LIMIT, || {
        let lost = value(&target, "SELECT lost FROM acequia.checkpoint");
        let audit = value(&target, "SELECT count(*) FROM acequia.audit WHERE what = 'slot given up'");
        if lost.starts_with("given up at") && audit == "1" { Ok(()) } else { Err(format!("{lost} {audit}")) }
    });
    wait_for("the flow says why", LIMIT, || {
        let status = config.succeed(&["status"]);
        let says = status.contains("given up on purpose") && status.contains("acequia resync --flow");
        if says { Ok(()) } else { Err(status) }
    });
    config.succeed(&["resync", "--flow", &flow(&source, &target), "--yes"]);
    wait_rows(&target, "b c");
    source.execute("INSERT INTO hq.code (code) VALUES ('d')");
    wait_rows(&target, "b c d");
    wait_well(&config);
    assert_eq!(memory(&config), None, "the next slot is another one");
    daemon.stop();
}

/// Where it is remembered that the slot was given up.
fn memory(config: &Config<'_>) -> Option<PathBuf> {
    let files = std::fs::read_dir(config.runtime_directory()).expect("it can be listed");
    let mut paths = files.map(|file| file.expect("it can be read").path());
    paths.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("given-up-")))
}

/// The flow stands still, and the daemon dies between the note that the slot is given up and that.
fn die_before_it_is_dropped(config: &Config<'_>, source: &Database, (target, away): (&Database, &Cluster)) {
    let place = format!("{}:1", SURRENDER[0]);
    let mut daemon = config.start_with(&[("ACEQUIA_FAILPOINT", &place)]);
    daemon.wait_streaming();
    source.execute("INSERT INTO hq.code (code) VALUES ('a')");
    wait_rows(target, "a");
    away.stop();
    source.execute("INSERT INTO hq.code (code) VALUES ('b')");
    write_wal(source, LIMIT_MB * 3 / 2);
    assert!(!daemon.wait_exit().success(), "it dies at {place}");
    assert_eq!(slots(source), "1");
    assert!(memory(config).is_some(), "what was about to be done is remembered");
}

fn wait_well(config: &Config<'_>) {
    wait_for("all is well again", LIMIT, || {
        let state = read(&config.runtime_directory()).ok().flatten().ok_or("no state")?;
        let health = Health::judge(&state, 0.0);
        if health.level() == Level::Ok { Ok(()) } else { Err(format!("{:?}", health.problems())) }
    });
}

#[test]
fn a_slot_that_stayed_after_all_serves_its_flow_as_before() {
    let (there, away) = (Cluster::start(&[]), Cluster::start(&[]));
    let (source, target) = (there.database(), away.database());
    let config = scene(&source, &target);
    die_before_it_is_dropped(&config, &source, (&target, &away));
    away.restart();
    let own = std::fs::read_to_string(config.path().join("acequia.toml")).expect("a file");
    let limit = |megabytes: u32| format!("max_retained_wal = \"{megabytes}MB\"");
    config.write("acequia.toml", &own.replace(&limit(LIMIT_MB), &limit(LIMIT_MB * 10)));
    let daemon = config.start();
    wait_rows(&target, "a b");
    wait_well(&config);
    assert_eq!(memory(&config), None);
    let known = value(&target, "SELECT count(*) FROM acequia.audit WHERE what = 'slot given up'");
    assert_eq!((known.as_str(), slots(&source).as_str()), ("0", "1"), "nothing was given up");
    daemon.stop();
}

#[test]
fn a_slot_that_is_gone_though_nobody_heard_it_is_told_of_as_given_up() {
    let (there, away) = (Cluster::start(&[]), Cluster::start(&[]));
    let (source, target) = (there.database(), away.database());
    let config = scene(&source, &target);
    die_before_it_is_dropped(&config, &source, (&target, &away));
    source.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
    let ears = source.listen("alerts");
    let daemon = config.start();
    wait_log(&daemon, "was given up on purpose at");
    assert!(ears.next().contains(r#""given_up":true"#));
    says_so(&config);
    away.restart();
    wait_for("the checkpoint says why", LIMIT, || {
        let lost = value(&target, "SELECT coalesce(lost, '') FROM acequia.checkpoint");
        if lost.starts_with("given up at") { Ok(()) } else { Err(lost) }
    });
    daemon.stop();
}

#[test]
fn who_holds_back_the_wal_of_a_flow_in_step_is_named() {
    let (there, away) = (Cluster::start(&[]), Cluster::shared());
    let (source, target) = (there.database(), away.database());
    let config = scene(&source, &target);
    let mut daemon = config.start();
    daemon.wait_streaming();
    let old = source.session();
    old.query("BEGIN; INSERT INTO hq.code (code) VALUES ('open')");
    write_wal(&source, LIMIT_MB * 2 / 3);
    wait_log(
        &daemon,
        "The flow itself is in step: the oldest open transaction of the source holds it back, that of process",
    );
    old.query("ROLLBACK");
    daemon.stop();
}

fn flow(source: &Database, target: &Database) -> String {
    format!("{}:{}", source.name(), target.name())
}

/// Health knows it without the flow's help.
fn says_so(config: &Config<'_>) {
    wait_for("health says that the slot was given up", LIMIT, || {
        let state = read(&config.runtime_directory()).ok().flatten().ok_or("no state")?;
        let health = Health::judge(&state, 0.0);
        let told = |text: &str| text.contains("given up on purpose");
        let says = health.problems().iter().any(|check| check.name == "wal" && told(&check.text));
        if says { Ok(()) } else { Err(format!("{:?}", health.problems())) }
    });
}

#[test]
fn a_slot_that_somebody_else_reads_is_never_given_up() {
    let (there, away) = (Cluster::start(&[]), Cluster::shared());
    let (source, target) = (there.database(), away.database());
    let config = scene(&source, &target);
    let mut daemon = config.start();
    daemon.wait_streaming();
    source.execute("INSERT INTO hq.code (code) VALUES ('a')");
    wait_rows(&target, "a");
    let slot = source.value("SELECT slot_name FROM pg_replication_slots");
    daemon.stop();
    source.wait_slots_free();
    // Another program has one of that name.
    source.execute(&format!("SELECT pg_drop_replication_slot('{slot}')"));
    source.execute(&format!("SELECT pg_create_logical_replication_slot('{slot}', 'test_decoding')"));
    write_wal(&source, LIMIT_MB * 3 / 2);
    let daemon = config.start();
    wait_log(&daemon, "could not be given up: it is a slot of another plugin");
    assert_eq!(slots(&source), "1");
    daemon.stop();
}
