//! Files of statements: the servers' own clients load them, and what is there then is what was dumped.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::support::{Cluster, Config, Database, Mysql};

const HOSTILE: &str = include_str!("hostile.sql");
/// Types that mean the same in the schema that a dump is loaded into.
const COMPARED: [&str; 2] = ["texts", "times"];

fn practice() -> Database {
    let database = Cluster::shared().database();
    database.execute(&format!("CREATE SCHEMA north; SET search_path = north; {HOSTILE}; RESET search_path"));
    database
}

fn configure<'a>(database: &'a Database, snapshot: &str) -> Config<'a> {
    let rules = format!(
        "[[snapshot]]\nname = \"dump\"\ncustomers = [\"north\"]\ndirectory = \"out\"\nformat = \"sql\"\n{snapshot}"
    );
    let config = Config::new(&[("north", database, "north")], &rules);
    config.set_up();
    config
}

fn run(config: &Config<'_>) -> Value {
    let text = config.succeed(&["snapshot", "run", "dump", "--output", "json"]);
    config.succeed(&["snapshot", "verify", "dump"]);
    serde_json::from_str(&text).expect("JSON")
}

/// Feeds the dump to a client, which has to succeed.
fn feed(path: &Path, client: &mut Command) {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut client =
        client.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the client is installed");
    let mut input = client.stdin.take().expect("a pipe");
    // A client that gives up says why on standard error.
    let _ = std::io::copy(&mut MultiGzDecoder::new(file), &mut input).and_then(|_| input.flush());
    drop(input);
    let status = client.wait().expect("the client is our child");
    assert!(status.success(), "{status}");
}

#[test]
fn psql_loads_a_dump_for_postgresql_and_every_value_is_as_it_was() {
    let database = practice();
    let config = configure(&database, "dialect = \"postgresql\"\ninclude = [\"bytes.b\"]\n");
    let published = run(&config);
    database.execute("CREATE SCHEMA restored");
    let mut psql = Command::new("psql");
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database.name(), "-h"]);
    psql.arg(database.socket()).args(["-p", &database.port().to_string()]);
    psql.env("PGOPTIONS", "-c search_path=restored");
    feed(&config.path().join("out/dump/current/north.sql.gz"), &mut psql);
    for dataset in published["manifest"]["datasets"].as_array().expect("data sets") {
        let table = dataset["table"].as_str().expect("a table").replace('"', "\"\"");
        let rows = database.value(&format!("SELECT count(*) FROM restored.\"{table}\""));
        assert_eq!(rows, dataset["rows"].to_string(), "{table}");
    }
    for table in COMPARED {
        let differing = database.value(&format!(
            "SELECT count(*) FROM ((SELECT r::text FROM north.{table} r EXCEPT ALL SELECT r::text FROM restored.{table} r) \
             UNION ALL (SELECT r::text FROM restored.{table} r EXCEPT ALL SELECT r::text FROM north.{table} r)) x"
        ));
        assert_eq!(differing, "0", "{table}");
    }
}

#[test]
fn the_client_of_mariadb_loads_a_dump_and_what_is_lost_is_counted() {
    let (database, server) = (practice(), Mysql::shared());
    for (on_loss, name) in [("null", "snap_dump_null"), ("text", "snap_dump_text")] {
        let config = configure(&database, &format!("include = [\"bytes.b\"]\non_loss = \"{on_loss}\"\n"));
        let published = run(&config);
        server.execute(&format!("CREATE DATABASE {name}"));
        let mut client = Command::new("mariadb");
        client
            .args(["--no-defaults", "--user=root", "--database", name, "--socket"])
            .arg(&server.server().host);
        feed(&config.path().join("out/dump/current/north.sql.gz"), &mut client);
        let mut losses = 0;
        for dataset in published["manifest"]["datasets"].as_array().expect("data sets") {
            let table = dataset["file"].as_str().expect("a table").replace('`', "``");
            let rows = server.value(&format!("SELECT count(*) FROM {name}.`{table}`"));
            assert_eq!(rows, dataset["rows"].to_string(), "{table}");
            let columns = dataset["columns"].as_array().expect("columns");
            losses += columns.iter().filter(|column| !column["losses"].is_null()).count();
        }
        let datasets = published["manifest"]["datasets"].as_array().expect("data sets");
        let file =
            datasets.iter().find(|dataset| dataset["table"] == "texts").expect("the table")["file"].clone();
        let texts = file.as_str().expect("a name");
        let here = database.query(
            "SELECT id, upper(encode(convert_to(t, 'UTF8'), 'hex')) FROM north.texts WHERE t IS NOT NULL ORDER BY id",
        );
        let there = format!("SELECT id, hex(t) FROM {name}.`{texts}` WHERE t IS NOT NULL ORDER BY id");
        assert_eq!(server.query(&there), here);
        match on_loss {
            "text" => assert_eq!(losses, 0, "every column is wide enough"),
            _ => assert!(losses > 0, "NaN and infinity are nowhere in MariaDB"),
        }
        let sample = config.path().join("look").display().to_string();
        config.succeed(&["snapshot", "sample", "dump", "--to", &sample, "--rows", "2"]);
    }
}
