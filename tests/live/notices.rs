//! What applications are told: one event for each data set that a source transaction touched, heard at the source.

use serde_json::{Value, json};

use super::support::{Cluster, Config, Database, Ears, LIMIT, Proxy, wait_for};

const RULES: &str = r#"
[protected]
tables = ["provider"]

[datasets.code]
key = ["code"]

[datasets.line]
key = ["code", "number"]

[datasets.provider]
key = ["npi"]

[[sync]]
name = "codes"
from = "hq"
to = ["north", "south"]
data = ["code", "line"]
mode = "override"
on_delete = "delete"

[[sync]]
name = "people"
from = "hq"
to = ["north"]
data = ["provider"]
allow_protected = true

[[notify]]
name = "front-desk"
on = ["sync.applied"]
channel = { listen = "acequia" }
"#;

const CUSTOMERS: [&str; 3] = ["hq", "north", "south"];

fn practice() -> Database {
    practice_on(Cluster::shared())
}

fn practice_on(cluster: &Cluster) -> Database {
    let database = cluster.database();
    for schema in CUSTOMERS {
        database.execute(&format!(
            "CREATE SCHEMA {schema}; SET search_path = {schema}; \
             CREATE TABLE code (id bigserial PRIMARY KEY, code text NOT NULL UNIQUE, label text); \
             CREATE TABLE line (id bigserial PRIMARY KEY, code bigint NOT NULL REFERENCES code, number int NOT NULL, \
               UNIQUE (code, number)); \
             CREATE TABLE provider (id bigserial PRIMARY KEY, npi text NOT NULL UNIQUE, name text); RESET search_path"
        ));
    }
    database
}

fn configure<'a>(database: &'a Database, rules: &str) -> Config<'a> {
    let config = Config::new(&CUSTOMERS.map(|customer| (customer, database, customer)), rules);
    config.set_up();
    config
}

fn next(ears: &Ears) -> Value {
    serde_json::from_str(&ears.next()).expect("an event is JSON")
}

fn wait_outbox_is_empty(database: &Database) {
    wait_for("the outbox to be empty", LIMIT, || {
        let waiting = database.value("SELECT count(*) FROM acequia.outbox");
        if waiting == "0" { Ok(()) } else { Err(waiting) }
    });
}

#[test]
fn a_transaction_of_three_tables_is_told_as_three_events() {
    let database = practice();
    let config = configure(&database, RULES);
    let mut daemon = config.start();
    daemon.wait_streaming();
    let ears = database.listen("acequia");
    database.execute(
        "INSERT INTO hq.code (code) VALUES ('99213'), ('99214'); INSERT INTO hq.line (code, number) VALUES (1, 7); \
         INSERT INTO hq.provider (npi, name) VALUES ('1234567893', 'Ångström')",
    );
    let heard = [next(&ears), next(&ears), next(&ears)];
    let expected = [
        json!({"sync": "codes", "dataset": "code", "rows": 2, "customers": 2, "keys": [["99213"], ["99214"]],
               "text": "2 codes → 2 customers"}),
        json!({"sync": "codes", "dataset": "line", "rows": 1, "customers": 2, "keys": [["1", "7"]],
               "text": "1 line → 2 customers"}),
        // Not even the keys of a protected table are told.
        json!({"sync": "people", "dataset": "provider", "rows": 1, "customers": 1, "keys": [],
               "text": "1 provider → 1 customer"}),
    ];
    for (heard, expected) in heard.iter().zip(&expected) {
        for (word, value) in expected.as_object().expect("an object") {
            assert_eq!(&heard[word], value, "{word} of {heard}");
        }
        assert_eq!((&heard["event"], &heard["from"]), (&json!("sync.applied"), &json!("hq")));
        assert_eq!((&heard["operation"], &heard["skipped"]), (&json!("insert"), &json!([])));
        assert_eq!((&heard["lsn"], &heard["transactions"]), (&heard["lsn"], &json!(1)));
        let committed = heard["committed_at"].as_str().expect("a time");
        let age = database.value(&format!("SELECT now() - '{committed}'::timestamptz < '1 minute'"));
        assert_eq!(age, "t", "{committed}");
    }
    // When it is told, it is there; who hears it may look.
    assert_eq!(database.value("SELECT count(*) FROM south.line"), "1");
    database.execute("UPDATE hq.code SET label = 'x' WHERE code = '99213'");
    assert_eq!(next(&ears)["text"], "1 code changed → 2 customers");
    // Nobody deletes providers, so that is nobody's news; a deleted row brings its primary key, and no natural one.
    database.execute("DELETE FROM hq.provider; DELETE FROM hq.code WHERE code = '99214'");
    let deleted = next(&ears);
    assert_eq!((&deleted["text"], &deleted["keys"]), (&json!("1 code deleted → 2 customers"), &json!([])));
    daemon.barrier();
    wait_outbox_is_empty(&database);
    assert!(ears.rest().is_empty(), "nothing else is told");
    daemon.stop();
}

#[test]
fn a_load_of_many_rows_is_one_event() {
    let database = practice();
    let config = configure(&database, RULES);
    let mut daemon = config.start();
    daemon.wait_streaming();
    let ears = database.listen("acequia");
    // More than one batch takes: the transaction comes in pieces, and is told at its end.
    for (rows, text) in [(14_113, "14,113 codes → 2 customers"), (40_000, "40,000 codes → 2 customers")] {
        database.execute(&format!(
            "INSERT INTO hq.code (code) SELECT 'c{rows}-' || i FROM generate_series(1, {rows}) i"
        ));
        let heard = next(&ears);
        assert_eq!((&heard["text"], &heard["rows"]), (&json!(text), &json!(rows)));
        assert_eq!(heard["keys"].as_array().map(Vec::len), Some(5), "a few keys");
    }
    daemon.barrier();
    wait_outbox_is_empty(&database);
    assert!(ears.rest().is_empty(), "one event for each load");
    daemon.stop();
}

#[test]
fn a_burst_of_small_transactions_is_folded() {
    const TRANSACTIONS: u64 = 500;
    let database = practice();
    let config = configure(&database, RULES);
    let mut daemon = config.start();
    daemon.wait_streaming();
    let ears = database.listen("acequia");
    daemon.signal("STOP");
    for i in 0..TRANSACTIONS {
        database.execute(&format!("INSERT INTO hq.code (code) VALUES ('c{i}')"));
    }
    daemon.signal("CONT");
    daemon.barrier();
    let mut heard: Vec<Value> = Vec::new();
    let sum =
        |heard: &[Value], word: &str| heard.iter().filter_map(|event| event[word].as_u64()).sum::<u64>();
    while sum(&heard, "rows") < TRANSACTIONS {
        heard.push(next(&ears));
    }
    assert_eq!((sum(&heard, "rows"), sum(&heard, "transactions")), (TRANSACTIONS, TRANSACTIONS));
    assert!(heard.len() < 100, "{} events", heard.len());
    daemon.stop();
}

#[test]
fn what_was_written_before_a_death_is_told_after_it() {
    // A server of its own: a checkpoint for the sake of other tests' WAL would be the commit after which it dies.
    let cluster = Cluster::start(&[]);
    let database = practice_on(&cluster);
    let config = configure(&database, RULES);
    let mut daemon = config.start_with(&[("ACEQUIA_FAILPOINT", "after-commit:1")]);
    daemon.wait_streaming();
    let ears = database.listen("acequia");
    database.execute("INSERT INTO hq.code (code) VALUES ('99213')");
    daemon.wait_exit();
    assert_eq!(database.value("SELECT count(*) FROM acequia.outbox"), "1", "written with the row");
    assert!(ears.rest().is_empty(), "and not told yet");
    // Told, and dead before that is remembered: told again.
    let mut daemon = config.start_with(&[("ACEQUIA_FAILPOINT", "after-notify:1")]);
    daemon.wait_exit();
    let daemon = config.start();
    let (first, second) = (next(&ears), next(&ears));
    assert_eq!((&first["keys"], &first), (&json!([["99213"]]), &second));
    wait_outbox_is_empty(&database);
    daemon.stop();
}

const APART: &str = r#"
[datasets.code]
key = ["code"]

[[sync]]
name = "codes"
from = "hq"
to = ["north"]
data = ["code"]

[[notify]]
name = "front-desk"
on = ["sync.applied"]
channel = { listen = "Front Desk" }
"#;

/// Source and target, which are two databases.
fn apart() -> (Database, Database) {
    let there = Cluster::shared().database();
    there.execute("CREATE SCHEMA north; CREATE TABLE north.code (id bigserial PRIMARY KEY, code text NOT NULL UNIQUE, label text)");
    (practice(), there)
}

#[test]
fn an_event_that_could_not_be_delivered_is_delivered_later() {
    let (here, there) = apart();
    let config = Config::new(&[("hq", &here, "hq"), ("north", &there, "north")], APART);
    config.set_up();
    let mut daemon = config.start();
    daemon.wait_streaming();
    let ears = here.listen("\"Front Desk\"");
    let flow = there.value("SELECT flow FROM acequia.checkpoint");
    let sessions = format!("FROM pg_stat_activity WHERE application_name = 'acequia notices {flow}'");
    daemon.wait_alive("the sessions of the delivery", || {
        let count = here.value(&format!("SELECT count(*) {sessions}"));
        if count == "2" { Ok(()) } else { Err(count) }
    });
    here.execute(&format!("SELECT pg_terminate_backend(pid) {sessions}"));
    here.execute("INSERT INTO hq.code (code) VALUES ('99213')");
    assert_eq!(next(&ears)["customers"], 1);
    assert!(!daemon.log().contains("flow interrupted"), "the flow did not notice");
    daemon.stop();
}

/// Events are told again when the delivery's session with one side, or the other, is dead without a word.
fn deaf(is_source: bool) {
    let (here, there) = apart();
    let config = Config::new(&[("hq", &here, "hq"), ("north", &there, "north")], APART);
    config.set_up();
    let link = Proxy::before(Cluster::shared());
    config.lead_through(if is_source { &here } else { &there }, &link);
    let mut daemon = config.start();
    daemon.wait_streaming();
    let ears = here.listen("\"Front Desk\"");
    here.execute("INSERT INTO hq.code (code) VALUES ('99213')");
    assert_eq!(next(&ears)["keys"], json!([["99213"]]));
    wait_outbox_is_empty(&there);
    let application = format!("acequia notices {}", there.value("SELECT flow FROM acequia.checkpoint"));
    assert_eq!(link.kill_silently_of(&application), 1);
    here.execute("INSERT INTO hq.code (code) VALUES ('99214')");
    assert_eq!(next(&ears)["keys"], json!([["99214"]]));
    wait_outbox_is_empty(&there);
    assert!(!daemon.log().contains("flow interrupted"), "the flow did not notice");
    daemon.stop();
}

#[test]
fn notices_go_on_when_their_session_at_the_source_is_dead_without_a_word() {
    deaf(true);
}

#[test]
fn notices_go_on_when_their_session_at_the_target_is_dead_without_a_word() {
    deaf(false);
}

#[test]
fn what_nobody_took_away_is_bounded_and_the_log_says_so() {
    let database = practice();
    let config = configure(&database, RULES);
    let mut daemon = config.start();
    daemon.wait_streaming();
    daemon.stop();
    database.execute(
        "INSERT INTO acequia.outbox (flow, channel, event) SELECT flow, 'acequia', json_build_object('n', i) \
         FROM acequia.checkpoint, generate_series(1, 100005) i ORDER BY i",
    );
    let ears = database.listen("acequia");
    let daemon = config.start();
    assert_eq!(next(&ears)["n"], 6, "the oldest ones are gone");
    database.execute("DELETE FROM acequia.outbox");
    wait_for("the log says so", LIMIT, || {
        let log = daemon.log();
        let says = ["the oldest notices were dropped", "dropped=5"].iter().all(|words| log.contains(words));
        if says { Ok(()) } else { Err(log) }
    });
    daemon.stop();
}

#[test]
fn a_customer_that_is_held_is_told_as_one_that_gets_it_later() {
    let database = practice();
    let config = configure(&database, RULES);
    let mut daemon = config.start();
    daemon.wait_streaming();
    let ears = database.listen("acequia");
    database.execute(
        "INSERT INTO acequia.wish (flow, what, to_customer) SELECT flow, 'pause', 'south' FROM acequia.checkpoint",
    );
    daemon.wait_alive("south to be held", || {
        let held = database.value("SELECT count(*) FROM acequia.hold WHERE to_customer = 'south'");
        if held == "1" { Ok(()) } else { Err(held) }
    });
    database.execute("INSERT INTO hq.code (code) VALUES ('99213')");
    let heard = next(&ears);
    assert_eq!((&heard["customers"], &heard["skipped"]), (&json!(1), &json!(["south"])));
    daemon.stop();
}

#[test]
fn without_listeners_nothing_is_put_down() {
    let database = practice();
    let (rules, _) = RULES.split_once("[[notify]]").expect("the rules end with a listener");
    let config = configure(&database, rules);
    let mut daemon = config.start();
    daemon.wait_streaming();
    database.execute("INSERT INTO hq.code (code) VALUES ('99213')");
    daemon.barrier();
    assert_eq!(database.value("SELECT count(*) FROM acequia.outbox"), "0");
    daemon.stop();
}
