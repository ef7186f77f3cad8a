//! Connections that end, a server that goes, a slot that goes under a running daemon, and a second daemon.

use std::time::Instant;

use super::{Config, Database, LIMIT, configure, make_tables, poll, wait_for};
use crate::support::{Cluster, Daemon};

/// Rows of the large transaction. A million of them is for the benchmark.
const LARGE_ROWS: u64 = 300_000;
/// What the daemon may take of memory, however large a transaction is.
const MEMORY_LIMIT_KB: u64 = 100 * 1024;

fn add_events(database: &Database, first: u64, last: u64) {
    database.execute(&format!(
        "INSERT INTO source.event (key, value) SELECT 'e' || i, i FROM generate_series({first}, {last}) i"
    ));
}

fn assert_in_step(database: &Database) {
    let difference = database.query(
        "(SELECT key, value FROM source.event EXCEPT ALL SELECT key, value FROM follows.event)
         UNION ALL (SELECT key, value FROM follows.event EXCEPT ALL SELECT key, value FROM source.event)",
    );
    assert!(difference.is_empty(), "source and customer differ: {difference:?}");
    let twice = database.query("SELECT customer, key FROM public.written GROUP BY 1, 2 HAVING count(*) > 1");
    assert!(twice.is_empty(), "written twice: {twice:?}");
}

fn assert_says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word:?} is not in what the daemon says:\n{said}");
    }
}

fn slot(database: &Database) -> String {
    database.value("SELECT slot FROM acequia.checkpoint")
}

#[test]
fn a_second_daemon_waits_a_while_then_names_the_first_and_takes_over_when_that_one_stops() {
    let database = Cluster::shared().database();
    make_tables(&database);
    let config = configure(&database);
    let mut first = config.start();
    first.wait_streaming();
    let holder = database.value(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'acequia writer%'",
    );
    let beside = configure(&database);
    let second = beside.start();
    wait_for("the second one halted", LIMIT, || {
        let said = second.log();
        if said.contains("flow halted") { Ok(()) } else { Err(said) }
    });
    assert_says(
        &second.log(),
        &["is served by another Acequia", &format!("session {holder}"), "acequia writer", "stop that one"],
    );
    add_events(&database, 1, 5);
    first.barrier();
    assert_in_step(&database);
    first.stop();
    add_events(&database, 6, 10);
    wait_for("the second one has taken over", LIMIT, || {
        let seen = database.value("SELECT count(*) FROM follows.event");
        if seen == "10" { Ok(()) } else { Err(seen) }
    });
    assert_in_step(&database);
    second.stop();
}

#[test]
fn a_slot_dropped_under_a_running_daemon_halts_the_flow() {
    let database = Cluster::shared().database();
    make_tables(&database);
    let config = configure(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    let slot = slot(&database);
    // It stands still while its slot is taken away, so that it can't be quicker.
    daemon.signal("STOP");
    wait_for("the slot dropped", LIMIT, || {
        database.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database() AND active");
        database.execute(&format!(
            "DO $$BEGIN PERFORM pg_drop_replication_slot('{slot}'); EXCEPTION WHEN object_in_use THEN NULL; END$$"
        ));
        let left =
            database.value(&format!("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{slot}'"));
        if left == "0" { Ok(()) } else { Err(format!("{left} slot")) }
    });
    daemon.signal("CONT");
    wait_for("the flow halted", LIMIT, || {
        let status = config.run(&["status", "--output", "json"]);
        let text = String::from_utf8_lossy(&status.stdout).into_owned();
        if text.contains("\"halted\"") && text.contains("is gone from database") { Ok(()) } else { Err(text) }
    });
    assert_eq!(
        database.value("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"),
        "0"
    );
}

#[test]
fn a_walsender_that_is_ended_comes_back() {
    let database = Cluster::shared().database();
    make_tables(&database);
    let config = configure(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    for round in 0..3 {
        add_events(&database, round * 10 + 1, round * 10 + 5);
        let ended = database.query(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database() AND active",
        );
        assert_eq!(ended.len(), 1, "one walsender");
        add_events(&database, round * 10 + 6, round * 10 + 10);
        daemon.barrier();
        // The barrier may have been passed before the end was noticed.
        daemon.wait_streaming();
    }
    assert_in_step(&database);
    assert_eq!(database.value("SELECT count(*) FROM follows.event"), "30");
}

#[test]
fn a_writer_that_is_ended_in_the_middle_of_a_transaction_writes_all_of_it_once() {
    let database = Cluster::shared().database();
    make_tables(&database);
    let config = configure(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    for round in 0..3 {
        let other = database.session();
        other.query("BEGIN; LOCK TABLE follows.event IN SHARE MODE");
        add_events(&database, round * 10 + 1, round * 10 + 10);
        let waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()
            AND application_name LIKE 'acequia writer%' AND wait_event_type = 'Lock'";
        let pid = wait_for("the writer waiting for the table", LIMIT, || {
            let rows = database.query(waiting);
            rows.first().and_then(|row| row[0].clone()).ok_or_else(|| format!("{rows:?}"))
        });
        database.execute(&format!("SELECT pg_terminate_backend({pid})"));
        other.query("COMMIT");
        daemon.barrier();
    }
    // A customer that was locked gets its rows a moment later.
    wait_for("all rows in the customer", LIMIT, || {
        let seen = database.value("SELECT count(*) FROM follows.event");
        if seen == "30" { Ok(()) } else { Err(seen) }
    });
    assert_in_step(&database);
}

#[test]
fn a_server_that_goes_and_comes_back_is_found_again() {
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    make_tables(&database);
    let config = configure(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    add_events(&database, 1, 5);
    for round in 1..3 {
        cluster.stop();
        cluster.restart();
        // The database's first session went with the server.
        let session = database.session();
        session.query(&format!(
            "INSERT INTO source.event (key, value) SELECT 'r{round}-' || i, i FROM generate_series(1, 5) i"
        ));
        daemon.wait_alive("everything arrived", || {
            let left = session
                .query("SELECT key, value FROM source.event EXCEPT SELECT key, value FROM follows.event");
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        });
        let twice =
            session.query("SELECT customer, key FROM public.written GROUP BY 1, 2 HAVING count(*) > 1");
        assert!(twice.is_empty(), "written twice: {twice:?}");
    }
    daemon.stop();
}

#[test]
fn one_large_transaction_to_three_customers_takes_no_more_memory() {
    // Of its own: it keeps every other test of its server from making slots.
    let server = Cluster::start(&[]);
    let database = server.database();
    for schema in ["source", "one", "two", "three"] {
        database.execute(&format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.code (id int8 GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
               key text NOT NULL UNIQUE, title text NOT NULL)"
        ));
    }
    let names = ["source", "one", "two", "three"];
    let config = Config::new(
        &names.map(|name| (name, &database, name)),
        "[datasets.code]\ntable = \"code\"\nkey = [\"key\"]\n\
         [[sync]]\nname = \"all\"\nfrom = \"source\"\nto = [\"one\", \"two\", \"three\"]\ndata = [\"code\"]\nmode = \"override\"\n",
    );
    config.set_up();
    let mut daemon = config.start();
    daemon.wait_streaming();
    let began = Instant::now();
    database.execute(&format!(
        "INSERT INTO source.code (key, title) SELECT 'c' || i, repeat('what it is ', 12) || i FROM generate_series(1, {LARGE_ROWS}) i"
    ));
    wait_for_all(&database, &mut daemon);
    println!(
        "{LARGE_ROWS} rows to three customers in {:?}, {} kB at most",
        began.elapsed(),
        peak_kb(&daemon)
    );
    for customer in ["one", "two", "three"] {
        assert_eq!(database.value(&format!("SELECT count(*) FROM {customer}.code")), LARGE_ROWS.to_string());
    }
    let peak = peak_kb(&daemon);
    assert!(peak < MEMORY_LIMIT_KB, "the daemon took {peak} kB");
}

/// Small transactions of a backlog, and rows of each; no batch ends with one of them by chance.
const BACKLOG: u64 = 330;
const SMALL: u64 = 130;
/// So many rows are committed together in the target at most.
const COMMITTED_ROWS: u64 = 16_000;

#[test]
fn a_backlog_of_small_transactions_is_committed_bit_by_bit() {
    let server = Cluster::start(&[]);
    let database = server.database();
    make_tables(&database);
    // The customer takes longer than the daemon reads.
    database.execute(
        "ALTER TABLE public.written ADD xact xid8 DEFAULT pg_current_xact_id();
         CREATE FUNCTION public.take_long() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END$$;
         CREATE TRIGGER take_long BEFORE INSERT ON follows.event FOR EACH ROW WHEN (NEW.value % 50 = 0)
           EXECUTE FUNCTION public.take_long()",
    );
    let config = configure(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    daemon.signal("STOP");
    for number in 0..BACKLOG {
        add_events(&database, number * SMALL + 1, (number + 1) * SMALL);
    }
    daemon.signal("CONT");
    wait_for_all(&database, &mut daemon);
    assert_in_step(&database);
    let most = database
        .value("SELECT max(n) FROM (SELECT count(*) AS n FROM public.written WHERE customer = 'follows' GROUP BY xact) together");
    let most: u64 = most.parse().expect("a number");
    assert!(most <= COMMITTED_ROWS, "{most} of {} rows were committed at once", BACKLOG * SMALL);
    daemon.stop();
}

/// As the barrier does, with the patience that so many rows need.
fn wait_for_all(database: &Database, daemon: &mut Daemon<'_>) {
    let lsn = database.value("SELECT pg_logical_emit_message(true, 'barrier', '')");
    let arrived = poll(4 * LIMIT, || {
        let passed = database.value(&format!("SELECT lsn >= '{lsn}' FROM acequia.checkpoint"));
        if passed == "t" { Ok(()) } else { Err(passed) }
    });
    assert!(arrived.is_ok(), "the large transaction did not arrive\n{}", daemon.log());
}

/// The most memory that the daemon has ever held.
fn peak_kb(daemon: &Daemon<'_>) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("the daemon runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("a number of kilobytes")
}
