//! Incremental snapshots: the full one and all that came after it, loaded in their order, are what the tables hold.

use std::path::PathBuf;

use super::archive::Archive;
use super::load::load;
use crate::support::{Cluster, Config, Database};

const ROUNDS: u32 = 6;

/// Two customers with tables that are changed in every way between two runs.
fn practice() -> Database {
    let database = Cluster::shared().database();
    for schema in ["north", "south"] {
        database.execute(&format!(
            "CREATE SCHEMA {schema}; SET search_path = {schema}; \
             CREATE TABLE claim (id bigint PRIMARY KEY, note text, amount numeric(10,2), seen timestamptz, day date, ok boolean); \
             INSERT INTO claim SELECT i, 'note ' || i, i, '2026-11-01 05:30+00'::timestamptz + i * interval '7 min', '2026-01-01', true \
               FROM generate_series(-50, 150) i; \
             CREATE TABLE code (version smallint, code text, note text, PRIMARY KEY (version, code)); \
             INSERT INTO code SELECT i % 3, 'C' || i, E'tab\\t\\\\' FROM generate_series(1, 80) i; \
             INSERT INTO code VALUES (1, '', NULL), (1, E'\\n', ''), (1, 'é', NULL), (1, 'E', NULL), (1, 'e ', NULL), (1, 'e', NULL); \
             CREATE TABLE log (line text); INSERT INTO log VALUES ('a'), ('a'), (NULL); \
             CREATE TABLE moved (id int PRIMARY KEY, a text); INSERT INTO moved VALUES (1, 'a'); \
             CREATE TABLE going (id int PRIMARY KEY); RESET search_path"
        ));
    }
    database.execute(&format!("GRANT CREATE ON DATABASE {} TO acequia", database.name()));
    database
}

/// What happens before the run of this number.
fn happen(database: &Database, number: u32) {
    for (schema, salt) in [("north", 0), ("south", 1)] {
        let turn = number * 2 + salt + 1;
        database.execute(&format!(
            "SET search_path = {schema}; \
             UPDATE claim SET note = note || '{turn}', amount = NULLIF(amount + 1, {turn}) WHERE id % 7 = {turn} % 7; \
             DELETE FROM claim WHERE id % 11 = {turn} % 11; \
             INSERT INTO claim (id, note) SELECT 1000 * {turn} + i, NULL FROM generate_series(1, 9) i; \
             UPDATE code SET code = code || 'x' WHERE code LIKE '%{turn}'; DELETE FROM code WHERE version = {turn} % 3 AND code LIKE '%7%'; \
             INSERT INTO log VALUES ('{turn}'); RESET search_path"
        ));
    }
    match number {
        2 => database.execute("ALTER TABLE north.moved ADD COLUMN b int DEFAULT 5; DROP TABLE south.going"),
        3 => database.execute("CREATE TABLE north.late (id int PRIMARY KEY); INSERT INTO north.late VALUES (1); TRUNCATE south.claim"),
        4 => database.execute("ALTER TABLE north.moved DROP CONSTRAINT moved_pkey; INSERT INTO north.moved VALUES (1, 'twice')"),
        _ => {}
    }
}

fn published(config: &Config<'_>, name: &str) -> PathBuf {
    config.succeed(&["snapshot", "run", "daily"]);
    config.path().join(format!("out/daily/current/{name}.zip"))
}

/// Rows that are in one of the tables only.
fn differing(database: &Database, one: &str, other: &str) -> String {
    database.value(&format!(
        "SELECT count(*) FROM (({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one})) x"
    ))
}

#[test]
fn the_full_one_and_what_came_after_it_are_what_each_customer_has() {
    let database = practice();
    let rules = "[[snapshot]]\nname = \"daily\"\nkind = \"incremental\"\ncustomers = \"*\"\ndirectory = \"out\"\nkeep = 3\n";
    let config = Config::new(&[("north", &database, "north"), ("south", &database, "south")], rules);
    for number in 0..ROUNDS {
        happen(&database, number);
        config.set_up();
        let north = published(&config, "north");
        let kind = if number == 0 { "full" } else { "incremental" };
        let manifest = Archive::open(&north).manifest();
        assert_eq!(manifest["kind"], kind, "run {number}");
        if number == 1 {
            let claim = manifest["datasets"]
                .as_array()
                .expect("data sets")
                .iter()
                .find(|set| set["table"] == "claim");
            let rows = claim.expect("a data set")["rows"].as_u64().expect("a count");
            assert!(rows < 60, "only what has changed is in it: {rows} rows");
        }
        for customer in ["north", "south"] {
            let archive = north.with_file_name(format!("{customer}.zip"));
            let schema = format!("{customer}_copy");
            load(&config, &archive, &schema, false)
                .unwrap_or_else(|error| panic!("run {number}, {customer}: {error}"));
            let tables = format!(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = '{customer}'::regnamespace"
            );
            let tables = database.query(&tables).into_iter().flatten().flatten();
            for table in tables {
                let (one, other) = (
                    format!("SELECT t::text FROM {customer}.{table} t"),
                    format!("SELECT t::text FROM {schema}.{table} t"),
                );
                assert_eq!(differing(&database, &one, &other), "0", "{customer}.{table} after run {number}");
            }
        }
    }
    let gone =
        "SELECT count(*) FROM pg_class WHERE relname = 'going' AND relnamespace = 'south_copy'::regnamespace";
    assert_eq!(database.value(gone), "0", "a table that is gone at the source is gone here");
}

#[test]
fn a_combined_incremental_one_for_the_market_tells_customers_keys_apart() {
    let database = practice();
    let rules = "[[snapshot]]\nname = \"daily\"\nkind = \"incremental\"\nlayout = \"combined\"\nprofile = \"market\"\n\
                 time_zone = \"America/New_York\"\ncustomers = \"*\"\ndirectory = \"out\"\n";
    let config = Config::new(&[("north", &database, "north"), ("south", &database, "south")], rules);
    for number in 0..4 {
        happen(&database, number);
        config.set_up();
        let archive = published(&config, "daily");
        load(&config, &archive, "everybody", false).unwrap_or_else(|error| panic!("run {number}: {error}"));
        for (table, columns) in [("claim", "id, note, amount, day, ok"), ("log", "line")] {
            let one = ["north", "south"]
                .map(|customer| format!("SELECT '{customer}', {columns} FROM {customer}.{table}"));
            let other = format!("SELECT custno, {columns} FROM everybody.{table}");
            let one = format!("({})", one.join(" UNION ALL "));
            assert_eq!(differing(&database, &one, &other), "0", "{table} after run {number}");
        }
    }
}
