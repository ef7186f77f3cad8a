//! A published archive, put back: whole or not at all, and never over somebody's rows unless that is wanted.

use std::path::{Path, PathBuf};

use acequia::snapshot::archive::{Part, assemble};
use acequia::snapshot::manifest::{ColumnEntry, DatasetEntry, Manifest, Tombstones};

use serde_json::{Value, json};

use super::archive::Archive;
use crate::support::{Cluster, Config, Database};

const RULES: &str = r#"
[[snapshot]]
name = "each"
customers = "*"
directory = "out"

[[snapshot]]
name = "all"
customers = "*"
layout = "combined"
directory = "out"

[[snapshot]]
name = "all-market"
customers = "*"
layout = "combined"
profile = "market"
formulas = "guard"
directory = "out"
"#;

/// Puts an archive back into a schema; answers what was said, or the error.
pub(super) fn load(
    config: &Config<'_>,
    archive: &Path,
    schema: &str,
    replace: bool,
) -> Result<Value, String> {
    let archive = archive.to_str().expect("UTF-8");
    let database = config.databases()[0].name();
    let mut arguments =
        vec!["snapshot", "load", archive, "--database", database, "--schema", schema, "--output", "json"];
    if replace {
        arguments.push("--replace");
    }
    let output = config.run(&arguments);
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).expect("JSON"));
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Two customers whose tables differ.
fn two_customers() -> Database {
    let database = Cluster::shared().database();
    database.execute(&format!(
        "CREATE SCHEMA north; CREATE SCHEMA south; \
         CREATE TABLE north.code (id int PRIMARY KEY, code varchar(5) NOT NULL, old text); \
         CREATE TABLE south.code (id bigint PRIMARY KEY, code varchar(9) NOT NULL, new date, custno text); \
         CREATE TABLE south.only (id int PRIMARY KEY); \
         INSERT INTO north.code VALUES (1, 'A', '=1+1'), (2, 'B', NULL); \
         INSERT INTO south.code VALUES (1, 'A', '2026-01-16', 'x'), (9000000000, 'long-code', NULL, NULL); \
         INSERT INTO south.only VALUES (7); GRANT CREATE ON DATABASE {} TO acequia",
        database.name()
    ));
    database
}

fn archive(config: &Config<'_>, snapshot: &str, name: &str) -> PathBuf {
    config.succeed(&["snapshot", "run", snapshot]);
    config.path().join(format!("out/{snapshot}/current/{name}.zip"))
}

#[test]
fn a_combined_archive_comes_back_with_a_column_that_says_whose_a_row_is() {
    let database = two_customers();
    let config = Config::new(&[("north", &database, "north"), ("south", &database, "south")], RULES);
    config.set_up();
    let rows = "north,1,A,=1+1,,;north,2,B,,,;south,1,A,,2026-01-16,x;south,9000000000,long-code,,,";
    let sql = |schema: &str| {
        format!(
            "SELECT string_agg(concat_ws(',', acequia_custno, id, code, coalesce(old, ''), coalesce(new::text, ''), \
             coalesce(custno, '')), ';' ORDER BY acequia_custno, id) FROM {schema}.code"
        )
    };
    let path = archive(&config, "all", "all");
    let names = Archive::open(&path).names();
    assert_eq!(names, ["all/CODE.DAT", "all/ONLY.DAT", "manifest.json", "meta/CODE.sql", "meta/ONLY.sql"]);
    let loaded = load(&config, &path, "exact", false).expect("an empty schema");
    assert_eq!(loaded["rows"], 5);
    assert_eq!(database.value(&sql("exact")), rows);
    load(&config, &archive(&config, "all-market", "all-market"), "bought", false).expect("an empty schema");
    assert_eq!(
        database.value(&sql("bought")),
        rows.replace("=1", "'=1"),
        "the formula stands behind an apostrophe"
    );
    assert_eq!(database.value("SELECT custno FROM bought.only"), "south");
    let key = "SELECT pg_get_indexdef('exact.code_pkey'::regclass)";
    assert!(database.value(key).ends_with("(acequia_custno, id)"));
}

#[test]
fn rows_that_are_there_stay_unless_they_are_to_be_replaced() {
    let database = two_customers();
    let config = Config::new(&[("north", &database, "north"), ("south", &database, "south")], RULES);
    config.set_up();
    let path = archive(&config, "each", "north");
    load(&config, &path, "mine", false).expect("an empty schema");
    database.execute("UPDATE mine.code SET code = 'mine'");
    let refused = load(&config, &path, "mine", false).expect_err("there are rows");
    assert!(
        refused.contains("table code of schema mine has rows") && refused.contains("--replace"),
        "{refused}"
    );
    assert_eq!(database.value("SELECT count(*) FROM mine.code WHERE code = 'mine'"), "2");
    load(&config, &path, "mine", true).expect("they may go");
    assert_eq!(database.value("SELECT string_agg(code, '' ORDER BY id) FROM mine.code"), "AB");
    // A table that somebody made is emptied and keeps its shape; one of his that is not in the archive is let alone.
    database.execute(
        "CREATE SCHEMA theirs; CREATE TABLE theirs.code (old text, code text, id int, more int DEFAULT 5); \
         INSERT INTO theirs.code (id) VALUES (3); CREATE TABLE theirs.other (a int); INSERT INTO theirs.other VALUES (1); \
         GRANT ALL ON SCHEMA theirs TO acequia; GRANT ALL ON ALL TABLES IN SCHEMA theirs TO acequia",
    );
    load(&config, &path, "theirs", true).expect("they may go");
    assert_eq!(
        database.value("SELECT string_agg(id || code || more, ',' ORDER BY id) FROM theirs.code"),
        "1A5,2B5"
    );
    assert_eq!(database.value("SELECT count(*) FROM theirs.other"), "1");
}

#[test]
fn what_can_t_be_loaded_leaves_the_schema_as_it_was_and_shows_no_value() {
    let database = two_customers();
    let config = Config::new(&[("north", &database, "north"), ("south", &database, "south")], RULES);
    config.set_up();
    database.execute("UPDATE north.code SET code = 'PHI42' WHERE id = 1");
    let path = archive(&config, "each", "north");
    database.execute(
        "CREATE SCHEMA narrow; CREATE TABLE narrow.code (id int, code varchar(3), old text); \
         GRANT ALL ON SCHEMA narrow TO acequia; GRANT ALL ON narrow.code TO acequia",
    );
    let error = load(&config, &path, "narrow", false).expect_err("the column is too narrow");
    assert!(error.contains("22001") && !error.contains("PHI42"), "{error}");
    assert_eq!(database.value("SELECT count(*) FROM narrow.code"), "0");
    assert_eq!(database.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'narrow'"), "1");
    // An archive whose manifest has another number of rows.
    let made = made(&config, &handmade("full", None, &[("1", "a")], &[]), |dataset| dataset.rows = 2);
    let error = load(&config, &made, "wrong", false).expect_err("rows are missing");
    assert!(error.contains("`code` has 1 rows, not 2"), "{error}");
    assert_eq!(database.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'wrong'"), "0");
}

/// A run of a made-up snapshot with one table.
struct Handmade {
    kind: &'static str,
    base: Option<&'static str>,
    run: String,
    rows: String,
    deleted: String,
}

fn handmade(run: &str, base: Option<&'static str>, rows: &[(&str, &str)], deleted: &[&str]) -> Handmade {
    let lines = rows.iter().map(|(id, code)| format!("{id}\t{code}\n"));
    Handmade {
        kind: if base.is_some() { "incremental" } else { "full" },
        base,
        run: run.to_owned(),
        rows: format!("id\tcode\n{}", lines.collect::<String>()),
        deleted: [&["id"], deleted].concat().join("\n") + "\n",
    }
}

/// Writes its archive; `change` spoils what the manifest says.
fn made(config: &Config<'_>, run: &Handmade, change: impl Fn(&mut DatasetEntry)) -> PathBuf {
    let directory = config.path().join(&run.run);
    std::fs::create_dir(&directory).expect("a directory");
    let part = |number: usize, text: &str| {
        let mut part = Part::create(&directory, number, None).expect("a part");
        part.write(text.as_bytes()).expect("written");
        part.finish().expect("whole")
    };
    let (rows, deleted) = (part(0, &run.rows), part(1, &run.deleted));
    let column = |name: &str, type_text: &str| ColumnEntry {
        name: name.to_owned(),
        type_text: type_text.to_owned(),
        losses: std::collections::BTreeMap::default(),
    };
    let lines = |text: &str| text.lines().count() as u64 - 1;
    let tombstones = Tombstones {
        file: "hq/CODE.DELETED.DAT".to_owned(),
        rows: lines(&run.deleted),
        bytes: deleted.bytes,
        sha256: deleted.sha256.clone(),
    };
    let mut dataset = DatasetEntry {
        customer: Some("hq".to_owned()),
        table: "code".to_owned(),
        file: "hq/CODE.DAT".to_owned(),
        rows: lines(&run.rows),
        bytes: rows.bytes,
        sha256: rows.sha256.clone(),
        columns: vec![column("id", "integer"), column("code", "text")],
        primary_key: vec!["id".to_owned()],
        rows_by_customer: Vec::new(),
        deleted: run.base.map(|_| tombstones),
    };
    change(&mut dataset);
    let manifest = Manifest {
        version: 1,
        program: "a test".to_owned(),
        snapshot: "daily".to_owned(),
        run: run.run.clone(),
        kind: run.kind.to_owned(),
        base: run.base.map(str::to_owned),
        format: "dat".to_owned(),
        profile: Some("lossless".to_owned()),
        layout: "per-customer".to_owned(),
        time_zone: None,
        moments: Vec::new(),
        customers: Vec::new(),
        missing: Vec::new(),
        datasets: vec![dataset],
        excluded: Vec::new(),
        archives: Vec::new(),
    };
    let meta = "CREATE TABLE \"code\" (\"id\" integer NOT NULL, \"code\" text);\n\n-- After the rows are loaded:\n\
                ALTER TABLE \"code\" ADD CONSTRAINT \"code_pkey\" PRIMARY KEY (\"id\");\n\
                CREATE UNIQUE INDEX \"code_u\" ON \"code\" (\"code\");\n";
    let path = directory.join("hq.zip");
    let mut parts = vec![("hq/CODE.DAT".to_owned(), rows)];
    if run.base.is_some() {
        parts.push(("hq/CODE.DELETED.DAT".to_owned(), deleted));
    }
    let texts = vec![("meta/CODE.sql".to_owned(), meta.as_bytes().to_vec())];
    assemble(&path, parts, &texts, &manifest, None).expect("an archive");
    path
}

#[test]
fn incremental_archives_go_on_top_of_the_run_before_and_of_no_other() {
    let database = two_customers();
    let config = Config::new(&[("north", &database, "north")], RULES);
    config.set_up();
    let as_it_is = |_: &mut DatasetEntry| ();
    let run = |name, base, rows: &[(&str, &str)], deleted: &[&str]| {
        made(&config, &handmade(name, base, rows, deleted), as_it_is)
    };
    let codes = || database.value("SELECT string_agg(id || code, ',' ORDER BY id) FROM copy.code");
    let full = run("20260101T000000Z", None, &[("1", "a"), ("2", "b"), ("3", "c")], &[]);
    // Two rows swap what is unique, one is new with what a deleted one had.
    let first =
        run("20260102T000000Z", Some("20260101T000000Z"), &[("1", "b"), ("2", "a"), ("4", "c")], &["3"]);
    let second = run("20260103T000000Z", Some("20260102T000000Z"), &[], &["1", "4"]);
    let early = load(&config, &first, "copy", false).expect_err("there is no base");
    assert!(early.contains("goes on from run 20260101T000000Z") && early.contains("has none"), "{early}");
    load(&config, &full, "copy", false).expect("an empty schema");
    let skipped = load(&config, &second, "copy", false).expect_err("one is missing");
    assert!(skipped.contains("has run 20260101T000000Z of snapshot daily"), "{skipped}");
    let loaded = load(&config, &first, "copy", false).expect("the run before is there");
    assert_eq!((&loaded["rows"], &loaded["gone"], codes().as_str()), (&json!(3), &json!(1), "1b,2a,4c"));
    database.execute("DELETE FROM copy.code WHERE id = 4");
    let missing = load(&config, &second, "copy", false).expect_err("a row is not there");
    assert!(missing.contains("takes away rows that are not there"), "{missing}");
    database.execute("INSERT INTO copy.code VALUES (4, 'd')");
    load(&config, &second, "copy", false).expect("the run before is there");
    assert_eq!(codes(), "2a");
    load(&config, &full, "copy", true).expect("a full one may come again");
    assert_eq!(codes(), "1a,2b,3c");
}
