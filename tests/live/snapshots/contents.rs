//! What is in a snapshot: which customers, tables and columns, under which names, in which form; and what keeps one from being
//! made.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::archive::Archive;
use crate::support::{Cluster, Config, Database};

/// Two customers that differ by a column and a table.
fn practice() -> Database {
    let database = Cluster::shared().database();
    database.execute(
        "CREATE SCHEMA north; SET search_path = north; \
         CREATE TABLE payer (id int PRIMARY KEY, name text, price numeric(10,2), paid boolean, since date, \
           seen timestamptz, photo bytea); \
         COMMENT ON TABLE payer IS 'dataset=Payor; dat=B_PAYOR'; \
         INSERT INTO payer VALUES (1, E'Blue\\tCross', 12.5, true, '2026-01-16', '2026-01-16 13:30:00+00', '\\xff'), \
           (2, NULL, NULL, NULL, NULL, NULL, NULL), (3, '', 0, false, 'infinity', '2026-07-04 12:00:00.5+00', NULL); \
         CREATE TABLE document (id int PRIMARY KEY); COMMENT ON TABLE document IS 'dat=DOC; snapshot=no'; \
         CREATE TABLE \"../Odd \"\"Näme\" (\"a\tb\" text); INSERT INTO \"../Odd \"\"Näme\" VALUES ('x'); \
         CREATE TABLE empty (id int PRIMARY KEY); \
         CREATE SCHEMA south; SET search_path = south; \
         CREATE TABLE payer (id int PRIMARY KEY, name varchar(20), note text); \
         INSERT INTO payer VALUES (1, 'Aetna', 'south only'); RESET search_path",
    );
    database
}

fn configure<'a>(database: &'a Database, snapshot: &str) -> Config<'a> {
    let rules = format!("[[snapshot]]\nname = \"nightly\"\ndirectory = \"out\"\n{snapshot}");
    let config = Config::new(&[("north", database, "north"), ("south", database, "south")], &rules);
    config.set_up();
    config
}

fn current(config: &Config<'_>) -> PathBuf {
    config.path().join("out/nightly/current")
}

fn run(config: &Config<'_>) -> Value {
    let text = config.succeed(&["snapshot", "run", "nightly", "--output", "json"]);
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn every_customer_has_an_archive_with_its_tables_their_definitions_and_a_manifest() {
    let database = practice();
    let config = configure(&database, "customers = \"*\"");
    run(&config);
    let mut north = Archive::open(&current(&config).join("north.zip"));
    let names = north.names();
    let odd: Vec<&String> = names.iter().filter(|name| name.contains("ODD")).collect();
    assert_eq!(odd.len(), 2, "{names:?}");
    assert!(names.iter().all(|name| !name.contains("..") && name.is_ascii()), "{names:?}");
    for expected in ["north/B_PAYOR.DAT", "north/EMPTY.DAT", "meta/B_PAYOR.sql", "manifest.json"] {
        assert!(names.iter().any(|name| name == expected), "{expected} in {names:?}");
    }
    assert!(names.iter().all(|name| !name.contains("DOC")), "the comment leaves it out: {names:?}");
    assert_eq!(north.text("north/EMPTY.DAT"), "id\n");
    assert_eq!(
        north.text("north/B_PAYOR.DAT"),
        "id\tname\tprice\tpaid\tsince\tseen\n\
         1\tBlue\\tCross\t12.50\tt\t2026-01-16\t2026-01-16 13:30:00+00\n\
         2\t\\N\t\\N\t\\N\t\\N\t\\N\n\
         3\t\t0.00\tf\tinfinity\t2026-07-04 12:00:00.5+00\n"
    );
    let manifest = north.manifest();
    assert_eq!(
        manifest["customers"],
        json!([{ "name": "north", "database": database.name(), "schema": "north" }])
    );
    assert_eq!((&manifest["kind"], &manifest["profile"]), (&json!("full"), &json!("lossless")));
    let payer = dataset(&manifest, "payer");
    assert_eq!((&payer["rows"], &payer["primary_key"]), (&json!(3), &json!(["id"])));
    let excluded = manifest["excluded"].as_array().expect("a list");
    let excluded: Vec<(&str, Option<&str>)> = excluded
        .iter()
        .map(|one| (one["table"].as_str().expect("a table"), one["column"].as_str()))
        .collect();
    assert!(
        excluded.contains(&("payer", Some("photo"))) && excluded.contains(&("document", None)),
        "{excluded:?}"
    );
    let south = Archive::open(&current(&config).join("south.zip"));
    assert_eq!(south.names(), ["manifest.json", "meta/PAYER.sql", "south/PAYER.DAT"]);
}

#[test]
fn the_market_gets_what_its_tools_import_and_the_manifest_counts_what_was_lost() {
    let database = practice();
    let more = "customers = [\"north\"]\nprofile = \"market\"\ntime_zone = \"America/New_York\"";
    let config = configure(&database, more);
    run(&config);
    let mut north = Archive::open(&current(&config).join("north.zip"));
    assert_eq!(
        north.text("north/B_PAYOR.DAT"),
        "ID\tNAME\tPRICE\tPAID\tSINCE\tSEEN\n\
         1\tBlue Cross\t12.50\t1\t01/16/2026\t01/16/2026 08:30:00\n\
         2\t\t\t\t\t\n\
         3\t\t0.00\t0\t\t07/04/2026 08:00:00\n"
    );
    let manifest = north.manifest();
    assert_eq!(manifest["time_zone"], "America/New_York");
    let payer = dataset(&manifest, "payer");
    let losses = |column: usize| payer["columns"][column]["losses"].clone();
    assert_eq!(losses(1), json!({ "control_character": 1, "empty_text": 1 }));
    assert_eq!(losses(4), json!({ "infinity": 1 }));
    assert_eq!(losses(5), json!({ "second_fraction": 1 }));
    let names = payer["columns"].as_array().expect("columns").iter().map(|column| column["name"].clone());
    assert_eq!(json!(names.collect::<Vec<_>>()), json!(["id", "name", "price", "paid", "since", "seen"]));
}

#[test]
fn a_loss_that_must_not_be_fails_the_run_and_leaves_the_last_one_published() {
    let database = practice();
    let config = configure(
        &database,
        "customers = [\"north\"]\nprofile = \"market\"\nexclude = [\"payer\"]\non_loss = \"fail\"",
    );
    let first = run(&config);
    config.write(
        "conf.d/rules.toml",
        "[[snapshot]]\nname = \"nightly\"\ndirectory = \"out\"\ncustomers = [\"north\"]\nprofile = \"market\"\non_loss = \"fail\"\n",
    );
    config.set_up();
    let output = config.run(&["snapshot", "run", "nightly"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("payer.name") && error.contains("payer.since") && !error.contains("Blue"),
        "{error}"
    );
    let mut north = Archive::open(&current(&config).join("north.zip"));
    assert_eq!(north.manifest()["run"], first["run"]);
    assert_eq!(std::fs::read_dir(config.path().join("out/nightly/staging")).expect("staging").count(), 0);
}

#[test]
fn all_customers_in_one_archive_have_a_leading_column_and_each_others_columns() {
    let database = practice();
    let config = configure(
        &database,
        "customers = \"*\"\nlayout = \"combined\"\nexclude = [\"payer.seen\", \"payer.since\"]",
    );
    run(&config);
    let mut all = Archive::open(&current(&config).join("nightly.zip"));
    assert_eq!(
        all.text("nightly/B_PAYOR.DAT"),
        "custno\tid\tname\tprice\tpaid\tnote\n\
         north\t1\tBlue\\tCross\t12.50\tt\t\\N\n\
         north\t2\t\\N\t\\N\t\\N\t\\N\n\
         north\t3\t\t0.00\tf\t\\N\n\
         south\t1\tAetna\t\\N\t\\N\tsouth only\n"
    );
    let manifest = all.manifest();
    assert_eq!(dataset(&manifest, "payer")["rows_by_customer"], json!([["north", 3], ["south", 1]]));
    assert_eq!(manifest["customers"].as_array().map(Vec::len), Some(2));
}

#[test]
fn formulas_stay_as_they_are_unless_they_shall_be_guarded() {
    let database = practice();
    database.execute("TRUNCATE south.payer; INSERT INTO south.payer VALUES (-1, '=1+1', '-cmd')");
    let config = configure(&database, "customers = [\"south\"]");
    run(&config);
    let path = current(&config).join("south.zip");
    assert_eq!(Archive::open(&path).text("south/PAYER.DAT"), "id\tname\tnote\n-1\t=1+1\t-cmd\n");
    config.write(
        "conf.d/rules.toml",
        "[[snapshot]]\nname = \"nightly\"\ndirectory = \"out\"\ncustomers = [\"south\"]\nformulas = \"guard\"\n",
    );
    run(&config);
    let mut guarded = Archive::open(&path);
    assert_eq!(guarded.text("south/PAYER.DAT"), "id\tname\tnote\n-1\t'=1+1\t'-cmd\n");
    let manifest = guarded.manifest();
    assert_eq!(dataset(&manifest, "payer")["columns"][1]["losses"], json!({ "guarded": 1 }));
}

#[test]
fn a_sample_has_the_first_rows_by_the_key_and_publishes_nothing() {
    let database = practice();
    database.execute("INSERT INTO south.payer SELECT i, 'p' || i FROM generate_series(20, 2, -1) i");
    let config = configure(&database, "customers = [\"south\"]");
    let directory = config.path().join("look");
    let to = directory.display().to_string();
    config.succeed(&["snapshot", "sample", "nightly", "--to", &to, "--rows", "3"]);
    let mut sample = Archive::open(&directory.join("south.zip"));
    let ids: Vec<String> =
        sample.rows("south/PAYER.DAT").into_iter().skip(1).map(|row| row[0].clone()).collect();
    assert_eq!(ids, ["1", "2", "3"]);
    assert!(!current(&config).exists(), "nothing is published");
    let again = config.run(&["snapshot", "sample", "nightly", "--to", &to]);
    assert_eq!(again.status.code(), Some(1), "the directory is not empty");
}

#[test]
fn a_customer_without_its_schema_is_left_out_and_the_manifest_says_so() {
    let database = practice();
    let config = configure(&database, "customers = \"*\"");
    database.execute("DROP SCHEMA south CASCADE");
    let published = run(&config);
    assert_eq!(published["manifest"]["missing"][0]["customer"], "south");
    assert!(current(&config).join("north.zip").exists() && !current(&config).join("south.zip").exists());
}

#[test]
fn a_table_that_must_not_be_read_fails_the_run_with_the_grant_that_is_missing() {
    let database = practice();
    let config = configure(&database, "customers = [\"south\"]");
    database.execute("CREATE TABLE south.fresh (id int PRIMARY KEY)");
    for arguments in [&["snapshot", "run", "nightly"][..], &["check"]] {
        let output = config.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(error.contains("GRANT SELECT ON \"south\".\"fresh\" TO \"acequia\";"), "{error}");
    }
    config.set_up();
    run(&config);
}

#[test]
fn row_level_security_refuses_and_hides_nothing() {
    let database = practice();
    let config = configure(&database, "customers = [\"south\"]");
    database.execute("ALTER TABLE south.payer ENABLE ROW LEVEL SECURITY");
    let output = config.run(&["snapshot", "run", "nightly"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("south.payer"), "{error}");
}

#[test]
fn what_is_damaged_is_found_and_what_is_whole_is_said_to_be() {
    let database = practice();
    let config = configure(&database, "customers = \"*\"");
    run(&config);
    let text = config.succeed(&["snapshot", "verify", "nightly"]);
    assert!(text.contains("is whole: 2 archive(s), 4 data set(s)"), "{text}");
    let path = current(&config).join("north.zip");
    let mut bytes = std::fs::read(&path).expect("the archive");
    bytes[60] ^= 1;
    std::fs::write(&path, bytes).expect("the archive can be damaged");
    let output = config.run(&["snapshot", "verify", "nightly"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("north.zip"));
}

#[test]
fn nobody_else_may_read_what_is_published() {
    let database = practice();
    let config = configure(&database, "customers = \"*\"");
    run(&config);
    let mut seen = 0;
    let mut look = |path: &Path| {
        let metadata = std::fs::symlink_metadata(path).expect("it is there");
        if !metadata.is_symlink() {
            assert_eq!(metadata.permissions().mode() & 0o077, 0, "{}", path.display());
            seen += 1;
        }
    };
    walk(&config.path().join("out/nightly"), &mut look);
    assert!(seen > 5, "{seen} files and directories were looked at");
}

/// While a larger table is read, another one is changed in ways that no snapshot of the server's covers.
fn changed_before_its_turn(change: &str) {
    let database = practice();
    database.execute(
        "CREATE TABLE south.wide (id int PRIMARY KEY, filler text); \
         INSERT INTO south.wide SELECT i, repeat('x', 500) FROM generate_series(1, 2000) i; ANALYZE south.wide",
    );
    let config = configure(&database, "customers = [\"south\"]\nworkers = 1");
    // The larger table comes first, and waits for this lock.
    let holder = database.session();
    holder.query("BEGIN; LOCK TABLE south.wide IN ACCESS EXCLUSIVE MODE");
    let child = config.command(&["snapshot", "run", "nightly"]).stderr(std::process::Stdio::piped()).spawn();
    let child = child.expect("the binary can be started");
    crate::support::wait_for("the snapshot waits for the lock", crate::support::LIMIT, || {
        let waiting = database
            .value("SELECT count(*) FROM pg_locks WHERE relation = 'south.wide'::regclass AND NOT granted");
        if waiting == "0" { Err(waiting) } else { Ok(()) }
    });
    database.execute(change);
    holder.query("ROLLBACK");
    let output = child.wait_with_output().expect("it ends");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("south.payer"), "{change}: {error}");
    assert!(error.contains("since the snapshot began"), "{change}: {error}");
    assert!(!current(&config).exists(), "nothing is published");
}

#[test]
fn a_table_that_is_truncated_before_its_turn_is_noticed() {
    changed_before_its_turn("TRUNCATE south.payer");
}

#[test]
fn a_table_that_another_one_has_taken_the_name_of_is_noticed() {
    changed_before_its_turn(
        "BEGIN; CREATE TABLE south.fresh (LIKE south.payer INCLUDING ALL); GRANT SELECT ON south.fresh TO acequia; \
         ALTER TABLE south.payer RENAME TO stale; ALTER TABLE south.fresh RENAME TO payer; COMMIT",
    );
}

#[test]
fn a_column_that_is_dropped_and_made_again_before_its_turn_is_noticed() {
    changed_before_its_turn("ALTER TABLE south.payer DROP COLUMN note, ADD COLUMN note text");
}

fn walk(path: &Path, look: &mut impl FnMut(&Path)) {
    look(path);
    let is_directory = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    if is_directory {
        for entry in std::fs::read_dir(path).expect("a directory") {
            walk(&entry.expect("an entry").path(), look);
        }
    }
}

fn dataset<'m>(manifest: &'m Value, table: &str) -> &'m Value {
    let datasets = manifest["datasets"].as_array().expect("data sets");
    datasets
        .iter()
        .find(|dataset| dataset["table"] == table)
        .unwrap_or_else(|| panic!("{table} in {manifest}"))
}
