//! What goes in comes out: every type and every hostile value, through the files of both profiles and back, is equal, or the
//! manifest names its loss.

use std::collections::BTreeMap;

use serde_json::Value;

use super::archive::Archive;
use super::load::load;
use crate::support::{Cluster, Config, Database};

const HOSTILE: &str = include_str!("hostile.sql");
const SCHEMA: &str = r#"Cust "W"-Näme"#;
const RULES: &str = r#"
[[snapshot]]
name = "exact"
customers = "*"
directory = "out"
include = ["bytes.b"]

[[snapshot]]
name = "bought"
customers = "*"
directory = "out"
profile = "market"
time_zone = "America/New_York"
include = ["bytes.b"]
"#;

/// What the market can't say of the hostile values: table, column, kind, how many.
const LOSSES: &[(&str, &str, &str, u64)] = &[
    ("texts", "t", "control_character", 9),
    ("texts", "t", "empty_text", 1),
    ("texts", "v", "empty_text", 1),
    ("texts", "n", "empty_text", 1),
    ("texts", "q", "empty_text", 1),
    ("texts", "e", "control_character", 1),
    ("texts", "d", "control_character", 1),
    ("texts", "d", "empty_text", 1),
    ("texts", "j", "control_character", 1),
    ("texts", "x", "control_character", 1),
    ("texts", "ts", "empty_text", 1),
    ("texts", "tq", "empty_text", 1),
    ("numbers", "n", "not_a_number", 3),
    ("numbers", "r", "not_a_number", 2),
    ("numbers", "d", "not_a_number", 2),
    ("times", "d", "infinity", 1),
    ("times", "d", "year_out_of_range", 2),
    ("times", "ts", "infinity", 1),
    ("times", "ts", "year_out_of_range", 2),
    ("times", "tz", "infinity", 1),
    ("times", "tz", "year_out_of_range", 2),
    ("times", "tz", "offset", 3),
    ("times", "tz", "second_fraction", 1),
    ("times", "ts3", "second_fraction", 1),
    ("times", "t", "second_fraction", 1),
    ("times", "ttz", "offset", 3),
    ("times", "ttz", "second_fraction", 1),
    ("others", "bv", "empty_text", 1),
    ("others", "a2", "control_character", 1),
    ("others", "co", "control_character", 1),
    ("bytes", "b", "empty_text", 1),
    ("no_key", "a", "empty_text", 1),
    ("no_key", "b", "empty_text", 2),
    ("one_column", "a", "empty_text", 1),
    ("not_null", "t", "empty_text", 1),
    ("not_null", "v", "empty_text", 1),
    ("not_null", "d", "infinity", 1),
    ("not_null", "f", "not_a_number", 1),
];

/// Columns whose lost values may come back by luck: an empty text where there is no NULL, a wall time that comes twice.
const LUCKY: &[(&str, &str)] = &[("not_null", "t"), ("not_null", "v"), ("times", "tz"), ("times", "ttz")];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn hostile() -> Database {
    let database = Cluster::shared().database();
    let session = database.session();
    session.query(&format!("CREATE SCHEMA {0}; SET search_path = {0}", quoted(SCHEMA)));
    session.query(HOSTILE);
    // The role of the tests reads by what `setup` grants; to load, it needs room.
    database.execute(&format!("GRANT CREATE ON DATABASE {} TO acequia", database.name()));
    database
}

/// Makes a snapshot of the one customer and opens its archive.
fn made(config: &Config<'_>, name: &str) -> Archive {
    config.succeed(&["snapshot", "run", name]);
    Archive::open(&archive(config, name))
}

fn archive(config: &Config<'_>, name: &str) -> std::path::PathBuf {
    config.path().join(format!("out/{name}/current/weird.zip"))
}

/// A column, and how many of its values were lost, by kind.
type Column = (String, BTreeMap<String, u64>);

/// The data sets of a manifest: table and columns.
fn datasets(manifest: &Value) -> Vec<(String, Vec<Column>)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let losses = |column: &Value| {
        let losses = column["losses"].as_object().into_iter().flatten();
        losses.map(|(kind, count)| (kind.clone(), count.as_u64().expect("a count"))).collect()
    };
    let datasets = manifest["datasets"].as_array().expect("data sets").iter();
    let columns = |dataset: &Value| {
        let columns = dataset["columns"].as_array().expect("columns").iter();
        columns.map(|column| (text(&column["name"]), losses(column))).collect()
    };
    datasets.map(|dataset| (text(&dataset["table"]), columns(dataset))).collect()
}

/// How many rows are in one table and not in the other, both ways, as the server writes them; `column` makes a text of one.
fn differing(
    database: &Database,
    (schema, table): (&str, &str),
    columns: &[String],
    back: &str,
    column: impl Fn(&str) -> String,
) -> String {
    let row = format!(
        "ROW({})::text",
        columns.iter().map(|name| column(&quoted(name))).collect::<Vec<_>>().join(", ")
    );
    let table = quoted(table);
    // Rows of tables that inherit from it are in data sets of their own.
    let only = if table == "\"partitioned\"" { "" } else { "ONLY " };
    let (one, other) = (format!("{only}{}.{table}", quoted(schema)), format!("{back}.{table}"));
    database.value(&format!(
        "SELECT count(*) FROM ((SELECT {row} FROM {one} EXCEPT ALL SELECT {row} FROM {other}) \
         UNION ALL (SELECT {row} FROM {other} EXCEPT ALL SELECT {row} FROM {one})) x"
    ))
}

#[test]
fn every_value_comes_back_from_lossless_files_as_it_was() {
    let database = hostile();
    let config = Config::new(&[("weird", &database, SCHEMA)], RULES);
    config.set_up();
    let manifest = made(&config, "exact").manifest();
    load(&config, &archive(&config, "exact"), "back", false).expect("an empty schema");
    let datasets = datasets(&manifest);
    assert_eq!(datasets.len(), 17);
    for (table, columns) in &datasets {
        assert!(columns.iter().all(|(_, losses)| losses.is_empty()), "{table} has losses");
        let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(differing(&database, (SCHEMA, table), &names, "back", str::to_owned), "0", "{table}");
    }
    let excluded = manifest["excluded"].to_string();
    assert!(excluded.contains("secret") && !excluded.contains("\"b\""), "{excluded}");
    assert_eq!(
        database.value("SELECT obj_description('back.texts'::regclass)"),
        "dat=B_TEXTS; it's \\ and\nmore"
    );
    let keys = "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid \
                WHERE c.relnamespace = 'back'::regnamespace AND c.relname <> 'acequia_manifest' AND i.indisvalid";
    assert_eq!(database.value(keys), "14");
    let nulls = "SELECT count(*) FROM back.no_key WHERE b IS NULL";
    assert_eq!(database.value(nulls), "2", "NULL and nothing are two things");
}

#[test]
fn a_whole_practice_comes_back_with_its_keys_lengths_and_comments() {
    let database = Cluster::shared().database();
    database.create_practice("hq");
    database.execute(&format!("GRANT CREATE ON DATABASE {} TO acequia", database.name()));
    let config = Config::new(
        &[("weird", &database, "hq")],
        RULES.split("include").next().expect("the first snapshot"),
    );
    config.set_up();
    let manifest = made(&config, "exact").manifest();
    load(&config, &archive(&config, "exact"), "back", false).expect("an empty schema");
    let datasets = datasets(&manifest);
    assert!(datasets.len() > 40, "{} tables", datasets.len());
    // Of types: a domain is its base type, the practice's own types are texts.
    let columns = |schema: &str| {
        format!(
            "SELECT c.relname, a.attname, a.attnotnull, col_description(c.oid, a.attnum), obj_description(c.oid), \
             CASE WHEN b.typtype IN ('b', 'r') AND b.typelem = 0 THEN format_type(b.oid, CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END) ELSE '' END, \
             (SELECT array_position(i.indkey::int2[], a.attnum) FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) \
             FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
             JOIN pg_type t ON t.oid = a.atttypid JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END \
             WHERE c.relkind = 'r' AND c.relnamespace = '{schema}'::regnamespace AND c.relname IN (SELECT relname FROM pg_class \
               WHERE relnamespace = 'back'::regnamespace AND relkind = 'r' AND relname <> 'acequia_manifest')"
        )
    };
    let lost = database.query(&format!("{} EXCEPT {} ORDER BY 1, 2", columns("hq"), columns("back")));
    let is_own = |row: &Vec<Option<String>>| row[5].as_deref() == Some("");
    let lost: Vec<_> =
        lost.iter().filter(|row| !is_own(row)).map(|row| (row[0].clone(), row[1].clone())).collect();
    let excluded = manifest["excluded"].to_string();
    for (table, column) in &lost {
        let column = column.as_deref().expect("a name");
        assert!(excluded.contains(&format!("\"{column}\"")), "{table:?}.{column} is another one: {lost:?}");
    }
    for (table, columns) in &datasets {
        let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
        let differing = differing(&database, ("hq", table), &names, "back", str::to_owned);
        assert_eq!(differing, "0", "{table}");
    }
}

#[test]
fn a_database_without_an_encoding_gives_its_bytes_as_they_are() {
    let database = Cluster::shared().database_with("TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'");
    database.execute(&format!(
        "CREATE SCHEMA hq; CREATE TABLE hq.t (id int PRIMARY KEY, a text); \
         INSERT INTO hq.t VALUES (1, E'caf\\xe9'), (2, E'\\xff\\xc2\\t'), (3, 'ok'); GRANT CREATE ON DATABASE {} TO acequia",
        database.name()
    ));
    let config = Config::new(&[("weird", &database, "hq")], RULES);
    config.set_up();
    for (name, tab) in [("exact", "09"), ("bought", "20")] {
        config.succeed(&["snapshot", "run", name]);
        load(&config, &archive(&config, name), name, false).expect("an empty schema");
        let bytes = format!("SELECT string_agg(encode(a::bytea, 'hex'), ' ' ORDER BY id) FROM {name}.t");
        assert_eq!(database.value(&bytes), format!("636166e9 ffc2{tab} 6f6b"));
    }
}

#[test]
fn files_are_called_so_that_no_two_are_one() {
    let database = hostile();
    let config = Config::new(&[("weird", &database, SCHEMA)], RULES);
    config.set_up();
    let mut archive = made(&config, "exact");
    let names = archive.names();
    let folded: std::collections::BTreeSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(folded.len(), names.len(), "{names:?}");
    for name in [
        "weird/B_TEXTS.DAT",
        "weird/TEXTS.DAT",
        "weird/_NUL.DAT",
        "weird/SAY__X___DROP_TABLE_Y_--.DAT",
        "meta/B_TEXTS.sql",
    ] {
        assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
    }
    let header = archive.text("weird/SAY__X___DROP_TABLE_Y_--.DAT");
    assert_eq!(header.lines().next(), Some("a b\tselect\tTAB\\there\tCUSTNO\tä\tÄ"));
}

#[test]
fn what_the_market_can_t_say_is_in_the_manifest_and_nothing_else_differs() {
    let database = hostile();
    let config = Config::new(&[("weird", &database, SCHEMA)], RULES);
    config.set_up();
    let datasets = datasets(&made(&config, "bought").manifest());
    let mut found = Vec::new();
    for (table, columns) in &datasets {
        for (column, losses) in columns {
            found.extend(
                losses.iter().map(|(kind, count)| (table.as_str(), column.as_str(), kind.as_str(), *count)),
            );
        }
    }
    found.sort_unstable();
    let mut expected = LOSSES.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
    load(&config, &archive(&config, "bought"), "back", false).expect("an empty schema");
    for (table, columns) in &datasets {
        let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
        if names.iter().any(|name| name == "id") {
            for (column, losses) in columns {
                let lost: u64 = losses.values().sum();
                let differing = changed(&database, table, column);
                let is_lucky = LUCKY.contains(&(table.as_str(), column.as_str()));
                assert!(
                    differing == lost || is_lucky && differing <= lost,
                    "{table}.{column}: {differing}, not {lost}"
                );
            }
        } else {
            let empty_is_null = |name: &str| format!("nullif({name}::text, '')");
            assert_eq!(differing(&database, (SCHEMA, table), &names, "back", empty_is_null), "0", "{table}");
        }
    }
}

/// Rows whose value is another one after the market.
fn changed(database: &Database, table: &str, column: &str) -> u64 {
    let (table, column) = (quoted(table), quoted(column));
    let count = database.value(&format!(
        "SELECT count(*) FROM {}.{table} s FULL JOIN back.{table} b USING (id) WHERE s.{column}::text IS DISTINCT FROM b.{column}::text",
        quoted(SCHEMA)
    ));
    count.parse().expect("a number")
}
