//! Incremental snapshots: the first run and all those after it, loaded one on top of the other, are the source.

use std::path::{Path, PathBuf};

use super::archive::Archive;
use super::load::load;
use crate::support::{Cluster, Config, Database};

const RULES: &str = r#"
[[snapshot]]
name = "each"
customers = ["north"]
kind = "incremental"
directory = "out"
keep = 20

[[snapshot]]
name = "all"
customers = "*"
layout = "combined"
kind = "incremental"
directory = "out"
keep = 20
"#;

/// Keys of all kinds that are sorted their own way, and one table without a key.
const TABLES: [&str; 5] = ["number", "word", "pair", "padded", "bare"];

fn two_customers() -> Database {
    let database = Cluster::shared().database();
    for schema in ["north", "south"] {
        database.execute(&format!(
            r"CREATE SCHEMA {schema}; SET search_path = {schema};
              CREATE TABLE number (id bigint PRIMARY KEY, note text);
              CREATE TABLE word (note text, word text PRIMARY KEY);
              CREATE TABLE pair (stamp timestamptz, place uuid, note text, PRIMARY KEY (place, stamp));
              CREATE TABLE padded (code char(6) PRIMARY KEY, note text);
              CREATE TABLE bare (note text);
              INSERT INTO number SELECT i, 'n' || i FROM generate_series(-120, 200) i;
              INSERT INTO word SELECT 'w' || i, chr(33 + i * 37 % 300) || repeat(E'\t\\é', i % 3) || i FROM generate_series(1, 200) i;
              INSERT INTO word VALUES ('', ''), ('x', ' '), ('x', 'a'), ('x', 'A'), ('x', 'B'), ('x', E'a\n');
              INSERT INTO pair SELECT timestamptz '1999-12-31 23:59:59+00' + i * interval '0.7 s', md5((i % 7)::text)::uuid, 'p'
                FROM generate_series(1, 200) i;
              INSERT INTO padded SELECT i::text, 'c' FROM generate_series(1, 120) i;
              INSERT INTO padded VALUES (E'1\t', 'tab'), ('a', 'a'), ('a!', 'b');
              INSERT INTO bare VALUES ('same'), ('same')"
        ));
    }
    database.execute(&format!("GRANT CREATE ON DATABASE {} TO acequia", database.name()));
    database
}

/// Another day: rows come, change, go, and change their key.
fn live_on(database: &Database, day: i32) {
    for schema in ["north", "south"] {
        database.execute(&format!(
            r"SET search_path = {schema};
              INSERT INTO number SELECT 1000 * {day} + i, 'new' FROM generate_series(1, 9) i;
              UPDATE number SET note = note || '{day}' WHERE id % 50 = {day};
              UPDATE number SET note = NULL WHERE id = 60 + {day};
              DELETE FROM number WHERE id % 40 = {day};
              UPDATE number SET id = id + 5000 WHERE id = 70 + {day};
              UPDATE word SET word = 'moved {day} ' || word WHERE note = 'w' || {day};
              DELETE FROM word WHERE note = 'w' || (50 + {day});
              UPDATE word SET note = E'x\t{day}' WHERE word = 'A';
              DELETE FROM pair WHERE stamp < timestamptz '1999-12-31 23:59:59+00' + {day} * interval '10 s';
              UPDATE padded SET note = 'day {day}' WHERE code IN ('1', E'1\t', '10');
              INSERT INTO bare VALUES ('day {day}')"
        ));
    }
}

fn run(config: &Config<'_>, name: &str) -> PathBuf {
    config.succeed(&["snapshot", "run", name]);
    config.succeed(&["snapshot", "verify", name]);
    std::fs::canonicalize(config.path().join("out").join(name).join("current")).expect("published")
}

fn kind(path: &Path) -> (String, Option<String>) {
    let text = std::fs::read_to_string(path.join("manifest.json")).expect("read");
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let word = |name: &str| manifest[name].as_str().map(str::to_owned);
    (word("kind").expect("a kind"), word("base"))
}

fn expect_equal(database: &Database, one: &str, other: &str) {
    for table in TABLES {
        for (from, without) in [(one, other), (other, one)] {
            let rows = database.query(&format!(
                "SELECT t::text FROM {from}.{table} t EXCEPT ALL SELECT t::text FROM {without}.{table} t LIMIT 3"
            ));
            assert!(rows.is_empty(), "{table}: in {from} and not in {without}: {rows:?}");
        }
    }
}

#[test]
fn the_first_run_and_all_after_it_on_top_of_each_other_are_the_source() {
    let database = two_customers();
    let config = Config::new(&[("north", &database, "north"), ("south", &database, "south")], RULES);
    config.set_up();
    let (mut each, mut all) = (vec![run(&config, "each")], vec![run(&config, "all")]);
    assert_eq!(kind(&each[0]), ("full".to_owned(), None), "the first one is full");
    for day in 1..=4 {
        live_on(&database, day);
        if day == 3 {
            // A day whose run was never published: what changed then comes with the next.
            let mut command = config.command(&["snapshot", "run", "each"]);
            command.env("ACEQUIA_FAILPOINT", "snapshot-before-base:1").status().expect("started");
            live_on(&database, 9);
        }
        each.push(run(&config, "each"));
        all.push(run(&config, "all"));
    }
    for paths in [&each, &all] {
        for two in paths.windows(2) {
            let before = two[0].file_name().and_then(|name| name.to_str()).map(str::to_owned);
            assert_eq!(kind(&two[1]), ("incremental".to_owned(), before));
        }
    }
    for path in &each {
        load(&config, &path.join("north.zip"), "again", false).expect("loaded");
    }
    expect_equal(&database, "north", "again");
    // Nothing has changed since: nothing but the table without a key is written.
    let quiet = run(&config, "each");
    let mut archive = Archive::open(&quiet.join("north.zip"));
    for file in ["NUMBER", "WORD", "PAIR", "PADDED"] {
        for name in [format!("north/{file}.DAT"), format!("north/{file}.DELETED.DAT")] {
            assert_eq!(archive.rows(&name).len(), 1, "{name} has its header only");
        }
    }
    assert_eq!(archive.rows("north/BARE.DAT").len(), 8);
    assert!(!archive.names().contains(&"north/BARE.DELETED.DAT".to_owned()), "it is whole");
}

#[test]
fn a_table_whose_columns_changed_is_whole_again_and_the_others_are_not() {
    let database = two_customers();
    let config = Config::new(&[("north", &database, "north"), ("south", &database, "south")], RULES);
    config.set_up();
    run(&config, "each");
    database.execute("ALTER TABLE north.number ADD more int");
    let path = run(&config, "each");
    let mut archive = Archive::open(&path.join("north.zip"));
    assert_eq!(archive.rows("north/NUMBER.DAT").len(), 322, "a header and all rows");
    assert_eq!(archive.rows("north/WORD.DAT").len(), 1, "a header");
    let names = archive.names();
    assert!(!names.contains(&"north/NUMBER.DELETED.DAT".to_owned()), "{names:?}");
    assert!(names.contains(&"north/WORD.DELETED.DAT".to_owned()), "{names:?}");
}

#[test]
fn of_a_combined_archive_the_changes_say_whose_they_are() {
    let database = two_customers();
    let config = Config::new(&[("north", &database, "north"), ("south", &database, "south")], RULES);
    config.set_up();
    run(&config, "all");
    database
        .execute("DELETE FROM south.number WHERE id = 7; UPDATE north.number SET note = 'x' WHERE id = 8");
    let path = run(&config, "all");
    let mut archive = Archive::open(&path.join("all.zip"));
    assert_eq!(archive.rows("all/NUMBER.DAT")[1..], [["north", "8", "x"]]);
    assert_eq!(archive.rows("all/NUMBER.DELETED.DAT")[1..], [["south", "7"]]);
}

#[test]
fn a_combined_archive_is_whole_again_when_a_customer_left_it_or_came_back() {
    let database = two_customers();
    let config = Config::new(&[("north", &database, "north"), ("south", &database, "south")], RULES);
    config.set_up();
    run(&config, "all");
    for (customers, rows) in [("[\"north\"]", 321), ("\"*\"", 642)] {
        config.write("conf.d/rules.toml", &RULES.replace("\"*\"", customers));
        let path = run(&config, "all");
        let mut archive = Archive::open(&path.join("all.zip"));
        assert_eq!(archive.rows("all/NUMBER.DAT").len(), 1 + rows, "a header and all rows of {customers}");
        let names = archive.names();
        assert!(!names.contains(&"all/NUMBER.DELETED.DAT".to_owned()), "{customers}: {names:?}");
    }
    let mut quiet = Archive::open(&run(&config, "all").join("all.zip"));
    assert_eq!(quiet.rows("all/NUMBER.DAT").len(), 1, "the same customers as the day before");
}
