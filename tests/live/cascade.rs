//! What one flow wrote goes on by another: across databases, and after a death in between.

use super::support::{Cluster, Config, Database};

const RULES: &str = r#"
[datasets.code]
key = ["code"]

[[sync]]
name = "first"
from = "hq"
to = ["north"]
data = ["code"]
mode = "override"
on_delete = "delete"

[[sync]]
name = "onward"
from = "north"
to = ["south"]
data = ["code"]
mode = "override"
on_delete = "delete"
cascade = true

[[sync]]
name = "not-onward"
from = "north"
to = ["east"]
data = ["code"]
mode = "override"
on_delete = "delete"
"#;

fn make_customer(database: &Database, schema: &str) {
    database.execute(&format!(
        "CREATE SCHEMA {schema}; \
         CREATE TABLE {schema}.code (id bigserial PRIMARY KEY, code text NOT NULL UNIQUE, label text)"
    ));
}

fn rows(database: &Database, schema: &str) -> Vec<String> {
    let rows = database.query(&format!("SELECT code || ' ' || label FROM {schema}.code ORDER BY 1"));
    rows.into_iter().flatten().flatten().collect()
}

#[test]
fn a_row_goes_through_a_customer_in_another_database_and_comes_back() {
    let (here, there) = (Cluster::shared().database(), Cluster::shared().database());
    for schema in ["hq", "south", "east"] {
        make_customer(&here, schema);
    }
    make_customer(&there, "north");
    let customers =
        [("hq", &here, "hq"), ("south", &here, "south"), ("east", &here, "east"), ("north", &there, "north")];
    let config = Config::new(&customers, RULES);
    config.set_up();
    let mut daemon = config.start();
    daemon.wait_streaming();
    here.execute("INSERT INTO hq.code (code, label) VALUES ('A00', 'first'), ('A01', 'second')");
    here.execute("UPDATE hq.code SET label = 'changed' WHERE code = 'A00'");
    there.execute("INSERT INTO north.code (code, label) VALUES ('N00', 'its own')");
    daemon.barrier();
    daemon.barrier();
    assert_eq!(rows(&there, "north"), ["A00 changed", "A01 second", "N00 its own"]);
    assert_eq!(rows(&here, "south"), ["A00 changed", "A01 second", "N00 its own"]);
    assert_eq!(rows(&here, "east"), ["N00 its own"]);
    here.execute("DELETE FROM hq.code WHERE code = 'A01'");
    daemon.barrier();
    daemon.barrier();
    assert_eq!(rows(&here, "south"), ["A00 changed", "N00 its own"]);
    daemon.stop();
}

#[test]
fn what_a_flow_wrote_is_known_as_its_own_after_a_death() {
    // A server of its own: a checkpoint for the sake of other tests' WAL would be the commit after which it dies.
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    for schema in ["hq", "north", "south", "east"] {
        make_customer(&database, schema);
    }
    let customers: Vec<_> =
        ["hq", "north", "south", "east"].iter().map(|schema| (*schema, &database, *schema)).collect();
    let config = Config::new(&customers, RULES);
    config.set_up();
    // The first death is between the writing into north and its reading from north.
    let mut daemon = config.start_with(&[("ACEQUIA_FAILPOINT", "after-commit:1")]);
    daemon.wait_streaming();
    database.execute("INSERT INTO hq.code (code, label) VALUES ('A00', 'first')");
    daemon.wait_exit();
    assert_eq!(rows(&database, "north"), ["A00 first"]);
    assert!(rows(&database, "south").is_empty(), "it died before it could go on");
    let mut daemon = config.start();
    daemon.wait_streaming();
    daemon.barrier();
    daemon.barrier();
    assert_eq!(rows(&database, "south"), ["A00 first"]);
    assert!(rows(&database, "east").is_empty(), "east gets only what north wrote itself");
    daemon.stop();
}

#[test]
fn a_flow_that_cascades_comes_to_rest() {
    // A server of its own: WAL of other tests would be passed, and now and then written down.
    let cluster = Cluster::start(&[]);
    let database = cluster.database();
    for schema in ["hq", "north", "south", "east"] {
        make_customer(&database, schema);
    }
    let customers: Vec<_> =
        ["hq", "north", "south", "east"].iter().map(|schema| (*schema, &database, *schema)).collect();
    let config = Config::new(&customers, RULES);
    config.set_up();
    let mut daemon = config.start();
    daemon.wait_streaming();
    database.execute("INSERT INTO hq.code (code, label) VALUES ('A00', 'first')");
    daemon.barrier();
    daemon.barrier();
    daemon.barrier();
    let version = || database.value("SELECT xmin FROM acequia.checkpoint");
    let before = version();
    for _ in 0..3 {
        // As a writing that carries nothing on. One that was answered with a checkpoint would be answered for ever.
        let at = database.value("SELECT pg_logical_emit_message(true, 'acequia', '')");
        daemon.wait_alive("the daemon to have read it", || {
            let seen = database.value(&format!(
                "SELECT count(*) FROM pg_stat_replication r JOIN acequia.checkpoint c \
                 ON r.application_name = 'acequia capture ' || c.flow WHERE r.write_lsn >= '{at}'"
            ));
            if seen == "1" { Ok(()) } else { Err(seen) }
        });
    }
    assert_eq!(version(), before, "nothing was written since");
    daemon.stop();
}
