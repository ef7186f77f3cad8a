//! What changes at the source: the stream brings rows as they were, the plan knows the tables as they are.

use super::{
    COLUMNS, Cluster, Config, Daemon, Database, LIMIT, RULES, give, make, others_go_on, wait_equal, wait_for,
    wait_said, wait_value,
};

/// Changes that are still to be read when `drift` happens, and changes after it; the customers get all of them right.
fn follows_through(before: &str, drift: &str, after: &str, columns: &str) {
    let database = Cluster::shared().database();
    let config = make(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    give(&database, "first");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    // Stopped, so that it reads what came before with the catalog of after.
    daemon.stop();
    give(&database, "unread");
    for sql in [before, drift, after] {
        database.execute(sql);
    }
    let mut daemon = config.start();
    daemon.wait_streaming();
    wait_equal(&mut daemon, &database, columns, &["north", "south"]);
    others_go_on(&mut daemon, &database, "meanwhile", &[]);
    // The same while it runs.
    let fresh = "INSERT INTO hq.code (code) VALUES ('last')";
    database.execute(fresh);
    wait_equal(&mut daemon, &database, columns, &["north", "south"]);
    assert_eq!(database.value("SELECT count(*) FROM acequia.parked"), "0");
    daemon.stop();
}

#[test]
fn a_column_that_was_added_is_read_where_the_stream_does_not_bring_it() {
    let add =
        |schema: &str| format!("ALTER TABLE {schema}.code ADD note text DEFAULT 'default of {schema}';");
    follows_through(
        "UPDATE hq.code SET amount = 5",
        &["hq", "north", "south"].map(add).concat(),
        "UPDATE hq.code SET note = 'of first' WHERE code = 'first'",
        "code, name, amount, note",
    );
}

#[test]
fn a_column_that_was_renamed_everywhere_goes_on_under_its_new_name() {
    let rename = |schema: &str| format!("ALTER TABLE {schema}.code RENAME name TO title;");
    follows_through(
        "UPDATE hq.code SET name = 'renamed soon'",
        &["hq", "north", "south"].map(rename).concat(),
        "UPDATE hq.code SET title = 'renamed' WHERE code = 'first'",
        "code, title, amount",
    );
}

#[test]
fn a_column_of_another_type_is_read_anew() {
    let change =
        |schema: &str| format!("ALTER TABLE {schema}.code ALTER amount TYPE text USING 'no ' || amount;");
    follows_through(
        "UPDATE hq.code SET amount = 5",
        &["hq", "north", "south"].map(change).concat(),
        "UPDATE hq.code SET amount = 'many' WHERE code = 'first'",
        "code, name, amount",
    );
}

#[test]
fn a_column_that_was_dropped_and_made_again_is_told_from_the_old_one() {
    follows_through(
        "UPDATE hq.code SET amount = 5",
        "ALTER TABLE hq.code DROP amount; ALTER TABLE hq.code ADD amount int4",
        "UPDATE hq.code SET name = name || '!'",
        COLUMNS,
    );
}

#[test]
fn a_replaced_column_is_noticed_while_the_daemon_runs_and_written_down() {
    let database = Cluster::shared().database();
    let config = make(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    give(&database, "first");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    database.execute("ALTER TABLE hq.code DROP amount; ALTER TABLE hq.code ADD amount int4");
    wait_said(&daemon, "column \"amount\" of hq.code was dropped and made again");
    database.execute("UPDATE hq.code SET name = 'touched'");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    let audit =
        "SELECT count(*) FROM acequia.audit WHERE what = 'column replaced' AND detail->>'table' = 'hq.code'";
    assert_eq!(database.value(audit), "1");
    daemon.stop();
}

#[test]
fn an_identity_that_was_renamed_unread_is_named_with_the_way_out_and_that_way_leads_out() {
    let database = Cluster::shared().database();
    let config = make(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    give(&database, "first");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    daemon.stop();
    database.execute("UPDATE hq.code SET name = 'unread'");
    database.execute("ALTER TABLE hq.code RENAME id TO code_id");
    let daemon = config.start();
    wait_said(&daemon, "flow halted: a column of hq.code's replica identity was renamed");
    let tries = daemon.log_of_this_start().matches("by another replica identity").count();
    assert_eq!(tries, 1, "it is tried once, and not again and again");
    database.execute("ALTER TABLE hq.code RENAME code_id TO id");
    give(&database, "second");
    for customer in ["north", "south"] {
        wait_for(&format!("{customer} going on by itself"), LIMIT, || {
            let seen =
                database.value(&format!("SELECT string_agg(name, ', ' ORDER BY code) FROM {customer}.code"));
            if seen == "unread, name of second" { Ok(()) } else { Err(seen) }
        });
    }
    daemon.stop();
}

/// Has the natural key identify the rows of `code`.
const BY_CODE: &str = "ALTER TABLE hq.code REPLICA IDENTITY USING INDEX code_code_key";

/// Rows are renamed and deleted under one replica identity and then under another one.
fn goes_over(change: &str) {
    goes_over_from("SELECT 1", change);
}

fn goes_over_from(before: &str, change: &str) {
    let database = Cluster::shared().database();
    let config = make(&database);
    database.execute(before);
    let mut daemon = config.start();
    daemon.wait_streaming();
    for code in ["stays", "gone 1", "gone 2", "new 1", "new 2"] {
        give(&database, code);
    }
    database.execute("INSERT INTO hq.line (code_id, number) SELECT id, 1 FROM hq.code");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    let links = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM north.code WHERE code LIKE 'new%' OR code = 'stays'";
    let ids = database.value(links);
    daemon.stop();
    // What is unread comes under the old identity, the rest under the new one.
    database.execute(
        "DELETE FROM hq.line WHERE code_id IN (SELECT id FROM hq.code WHERE code LIKE 'gone%');
         DELETE FROM hq.code WHERE code = 'gone 1'; UPDATE hq.code SET code = 'new 1!' WHERE code = 'new 1'",
    );
    database.execute(change);
    database.execute(
        "DELETE FROM hq.code WHERE code = 'gone 2'; UPDATE hq.code SET code = 'new 2!' WHERE code = 'new 2'",
    );
    let mut daemon = config.start();
    daemon.wait_streaming();
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    others_go_on(&mut daemon, &database, "meanwhile", &[]);
    assert_eq!(database.value(links), ids, "a renamed row stays the same row");
    // Children find their parents through the links that were carried over.
    database.execute("INSERT INTO hq.line (code_id, number) SELECT id, 2 FROM hq.code");
    let children = "SELECT count(*) FROM north.line l JOIN north.code c ON c.id = l.code_id WHERE number = 2";
    wait_value(&mut daemon, &database, children, "3");
    database.execute("DELETE FROM hq.line; DELETE FROM hq.code WHERE code = 'stays'");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    assert_eq!(database.value("SELECT count(*) FROM acequia.parked"), "0");
    daemon.stop();
}

#[test]
fn a_replica_identity_by_another_index_is_gone_over_to() {
    goes_over(BY_CODE);
}

#[test]
fn the_usual_replica_identity_is_gone_back_to() {
    goes_over_from(BY_CODE, "ALTER TABLE hq.code REPLICA IDENTITY DEFAULT");
}

/// What waits for a customer that is held is known by an identity that the table no longer has when the hold ends.
fn waits_over(before: &str, change: &str) {
    let database = Cluster::shared().database();
    let config = make(&database);
    database.execute(before);
    let wish = |what: &str| {
        format!(
            "INSERT INTO acequia.wish (flow, what, to_customer) SELECT flow, '{what}', 'north' FROM acequia.checkpoint"
        )
    };
    let mut daemon = config.start();
    daemon.wait_streaming();
    // Names that look like numbers of other rows.
    for code in ["1", "gone", "3", "2", "again", "other"] {
        give(&database, code);
    }
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    database.execute(&wish("pause"));
    wait_value(&mut daemon, &database, "SELECT count(*) FROM acequia.hold", "1");
    database.execute(
        "DELETE FROM hq.code WHERE code IN ('gone', '2');
         UPDATE hq.code SET code = 'new' WHERE code = '1'; UPDATE hq.code SET code = '1' WHERE code = '3';",
    );
    database.execute("DELETE FROM hq.code WHERE code = 'again'; INSERT INTO hq.code (code) VALUES ('again')");
    // The other number for the other code.
    database.execute(
        "DELETE FROM hq.code WHERE code = 'other'; INSERT INTO hq.code (id, code) VALUES (6, 'another')",
    );
    wait_equal(&mut daemon, &database, COLUMNS, &["south"]);
    database.execute(change);
    database.execute("UPDATE hq.code SET amount = 7 WHERE code = 'new'");
    give(&database, "last");
    wait_equal(&mut daemon, &database, COLUMNS, &["south"]);
    database.execute(&wish("resume"));
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    wait_value(&mut daemon, &database, "SELECT count(*) FROM acequia.parked", "0");
    database.execute("DELETE FROM hq.code WHERE code IN ('again', 'another', '1')");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    daemon.stop();
}

#[test]
fn what_waits_is_found_by_another_replica_identity() {
    waits_over("SELECT 1", BY_CODE);
}

#[test]
fn what_waits_is_found_by_the_usual_replica_identity_again() {
    waits_over(BY_CODE, "ALTER TABLE hq.code REPLICA IDENTITY DEFAULT");
}

#[test]
fn a_full_replica_identity_is_gone_over_to() {
    goes_over("ALTER TABLE hq.code REPLICA IDENTITY FULL");
}

#[test]
fn another_primary_key_is_gone_over_to() {
    goes_over(
        "ALTER TABLE hq.line DROP CONSTRAINT line_code_id_fkey; ALTER TABLE hq.code DROP CONSTRAINT code_pkey;
         ALTER TABLE hq.code ADD PRIMARY KEY (code); ALTER TABLE hq.code ADD UNIQUE (id);
         ALTER TABLE hq.line ADD FOREIGN KEY (code_id) REFERENCES hq.code (id)",
    );
}

/// A source of which `other` is partitioned.
fn make_partitioned(database: &Database) -> Config<'_> {
    for schema in ["hq", "north", "south"] {
        let by = if schema == "hq" { "PARTITION BY LIST (code)" } else { "" };
        database.execute(&format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.other (code text PRIMARY KEY, name text) {by}"
        ));
    }
    database.execute("CREATE TABLE hq.other_a PARTITION OF hq.other FOR VALUES IN ('a')");
    let rules = RULES.replace(r#"["code", "line", "other"]"#, r#"["other"]"#);
    let customers = [("hq", database, "hq"), ("north", database, "north"), ("south", database, "south")];
    let config = Config::new(&customers, &rules);
    config.set_up();
    config
}

fn wait_others(daemon: &mut Daemon<'_>, database: &Database, expected: &str) {
    for customer in ["north", "south"] {
        let sql = format!("SELECT string_agg(code || ' ' || name, ', ' ORDER BY code) FROM {customer}.other");
        wait_value(daemon, database, &sql, expected);
    }
}

/// Partitions come and go.
fn follows_partitions(publication: &str) {
    let database = Cluster::shared().database();
    let config = make_partitioned(&database);
    database.execute(publication);
    let mut daemon = config.start();
    daemon.wait_streaming();
    database.execute("INSERT INTO hq.other VALUES ('a', '1')");
    wait_others(&mut daemon, &database, "a 1");
    // A partition that the plan does not know yet, and rows in it at once.
    database.execute(
        "CREATE TABLE hq.later (code text PRIMARY KEY, name text); ALTER TABLE hq.other ATTACH PARTITION hq.later FOR VALUES IN ('b');
         INSERT INTO hq.other VALUES ('b', '1')",
    );
    wait_others(&mut daemon, &database, "a 1, b 1");
    database.execute("UPDATE hq.other SET name = '2'; ALTER TABLE hq.other DETACH PARTITION hq.other_a");
    wait_others(&mut daemon, &database, "a 2, b 2");
    wait_said(&daemon, "the tables of the flow have changed in its source");
    database.execute("UPDATE hq.other SET name = '3'; ALTER TABLE hq.other ATTACH PARTITION hq.other_a FOR VALUES IN ('a')");
    wait_others(&mut daemon, &database, "a 2, b 3");
    database.execute("UPDATE hq.other SET name = '4'");
    wait_others(&mut daemon, &database, "a 4, b 4");
    daemon.stop();
}

#[test]
fn partitions_that_are_sent_as_their_table_come_and_go() {
    follows_partitions("SELECT 1");
}

#[test]
fn partitions_that_are_sent_under_their_own_names_come_and_go() {
    follows_partitions(
        "DO $$BEGIN EXECUTE format('ALTER PUBLICATION %I SET (publish_via_partition_root = false)',
           (SELECT pubname FROM pg_publication)); END$$",
    );
}

#[test]
fn a_table_that_was_taken_out_of_the_publication_waits_for_a_dba_and_the_gap_is_told() {
    let database = Cluster::shared().database();
    let config = make(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    give(&database, "first");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    let publication = database.value("SELECT pubname FROM pg_publication");
    database.execute(&format!("ALTER PUBLICATION {publication} DROP TABLE hq.code"));
    wait_said(&daemon, "is not in the publication, so that its changes are not sent");
    wait_said(&daemon, &format!("ALTER PUBLICATION \"{publication}\" ADD TABLE"));
    give(&database, "unsent");
    others_go_on(&mut daemon, &database, "meanwhile", &[]);
    database.execute(&format!("ALTER PUBLICATION {publication} ADD TABLE hq.code"));
    wait_said(&daemon, "no longer so");
    let audit = "SELECT count(*) > 0 FROM acequia.audit WHERE what = 'publication altered' AND detail->>'table' = 'hq.code'";
    assert_eq!(database.value(audit), "t");
    // What the warning says: a row that is touched is sent.
    database.execute("UPDATE hq.code SET amount = 7");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    daemon.stop();
}

/// Nothing of `code` can be given because of `cause`: its rows wait for every customer, the rest goes on.
fn waits_until(cause: &str, change: &str, cure: &str, named: &str) {
    let database = Cluster::shared().database();
    let config = make(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    give(&database, "before");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    database.execute(cause);
    wait_said(&daemon, named);
    database.execute(change);
    let waiting = "SELECT string_agg(DISTINCT to_customer || ' ' || reason, ', ') FROM acequia.parked WHERE dataset = 'code'";
    wait_value(&mut daemon, &database, waiting, "north broken, south broken");
    database.execute(cure);
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    wait_value(&mut daemon, &database, "SELECT count(*) FROM acequia.parked", "0");
    others_go_on(&mut daemon, &database, "meanwhile", &[]);
    daemon.stop();
}

#[test]
fn a_table_that_was_renamed_is_still_known_and_its_rows_wait_for_its_name() {
    waits_until(
        "ALTER TABLE hq.code RENAME TO code_old",
        "INSERT INTO hq.code_old (code) VALUES ('while'); UPDATE hq.code_old SET amount = 2",
        "ALTER TABLE hq.code_old RENAME TO code",
        "table hq.code is called hq.code_old now",
    );
}

#[test]
fn a_schema_that_was_renamed_is_still_known_and_its_rows_wait_for_its_name() {
    waits_until(
        "ALTER SCHEMA hq RENAME TO old",
        "INSERT INTO old.code (code) VALUES ('while'); UPDATE old.code SET amount = 2",
        "ALTER SCHEMA old RENAME TO hq",
        "table hq.code is called old.code now",
    );
}

#[test]
fn a_grant_that_was_revoked_at_the_source_is_waited_for() {
    waits_until(
        "REVOKE SELECT ON hq.code FROM acequia",
        "INSERT INTO hq.code (code) VALUES ('while'); UPDATE hq.code SET amount = 2",
        "GRANT SELECT ON hq.code TO acequia",
        "SELECT on hq.code is not granted",
    );
}

#[test]
fn row_level_security_at_the_source_is_waited_with() {
    waits_until(
        "ALTER TABLE hq.code ENABLE ROW LEVEL SECURITY",
        "INSERT INTO hq.code (code) VALUES ('while'); UPDATE hq.code SET amount = 2",
        "ALTER TABLE hq.code DISABLE ROW LEVEL SECURITY",
        "row-level security is on for hq.code",
    );
}

#[test]
fn a_key_column_that_was_renamed_is_waited_for() {
    waits_until(
        "ALTER TABLE hq.code RENAME code TO old_code",
        "INSERT INTO hq.code (old_code) VALUES ('while'); UPDATE hq.code SET amount = 2",
        "ALTER TABLE hq.code RENAME old_code TO code",
        "key column \"code\" does not exist in hq.code",
    );
}

#[test]
fn a_publication_that_was_dropped_and_made_again_halts_the_flow_with_the_way_out() {
    let database = Cluster::shared().database();
    let config = make(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    give(&database, "first");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    daemon.stop();
    let publication = database.value("SELECT pubname FROM pg_publication");
    database.execute(&format!("DROP PUBLICATION {publication}"));
    give(&database, "unsent");
    database.execute(&format!(
        "CREATE PUBLICATION {publication} FOR TABLE hq.code, hq.line, hq.other WITH (publish_via_partition_root = true)"
    ));
    let daemon = config.start();
    wait_said(&daemon, "it was made anew, or its switches were touched");
    wait_said(&daemon, "what was written until it was made again can't be read any more");
    daemon.stop();
}
