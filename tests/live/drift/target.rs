//! What changes at one customer: its rows wait, the others' do not.

use super::{COLUMNS, Cluster, give, make, make_tables, others_go_on, wait_equal, wait_said, wait_value};

/// The customer refuses a row because of `cause`; after `cure` it takes it, and nobody had to say so.
fn refuses_until(cause: &str, row: &str, cure: &str) {
    let database = Cluster::shared().database();
    let config = make(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    give(&database, "before");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    database.execute(cause);
    database.execute(row);
    wait_value(
        &mut daemon,
        &database,
        "SELECT string_agg(DISTINCT to_customer || ' ' || reason, ', ') FROM acequia.parked",
        "north rejected",
    );
    others_go_on(&mut daemon, &database, "meanwhile", &[]);
    wait_equal(&mut daemon, &database, COLUMNS, &["south"]);
    // What comes and goes between two looks is not seen; the row's own time would come then.
    wait_said(&daemon, "the flow is prepared anew");
    // Nobody but the cure brings it to try again within the test's limit.
    database.execute("UPDATE acequia.parked SET next_try_at = now() + interval '1 day'");
    database.execute(cure);
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    wait_said(&daemon, "rows that they refused are tried again");
    assert_eq!(database.value("SELECT count(*) FROM acequia.parked"), "0");
    daemon.stop();
}

#[test]
fn a_column_that_was_narrowed_and_widened_again_takes_what_it_refused() {
    refuses_until(
        "TRUNCATE north.code CASCADE; ALTER TABLE north.code ALTER name TYPE varchar(3)",
        "UPDATE hq.code SET amount = 2",
        "ALTER TABLE north.code ALTER name TYPE varchar(20)",
    );
}

#[test]
fn an_enum_label_that_the_customer_lacked_lets_the_row_in_once_it_is_added() {
    refuses_until(
        "ALTER TYPE hq.kind ADD VALUE 'c'; ALTER TYPE south.kind ADD VALUE 'c'",
        "INSERT INTO hq.code (code, kind) VALUES ('new kind', 'c')",
        "ALTER TYPE north.kind ADD VALUE 'c'",
    );
}

#[test]
fn a_constraint_that_was_added_and_dropped_lets_the_row_in() {
    refuses_until(
        "ALTER TABLE north.code ADD CONSTRAINT small CHECK (amount < 10)",
        "UPDATE hq.code SET amount = 11",
        "ALTER TABLE north.code DROP CONSTRAINT small",
    );
}

#[test]
fn a_trigger_that_returns_null_is_told_from_success_and_heals_when_it_is_gone() {
    refuses_until(
        "CREATE FUNCTION north.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER swallow BEFORE INSERT OR UPDATE ON north.code FOR EACH ROW EXECUTE FUNCTION north.swallow()",
        "UPDATE hq.code SET amount = 3",
        "CREATE OR REPLACE FUNCTION north.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    );
}

/// The customer's table can't be written at all because of `cause`: its rows of that data set wait, everything else goes on,
/// the reason is named, and after `cure` all of it is there.
fn waits_until(cause: &str, cure: &str, named: &str) {
    waits_until_with(COLUMNS, cause, cure, named);
}

fn waits_until_with(columns: &str, cause: &str, cure: &str, named: &str) {
    let database = Cluster::shared().database();
    let config = make(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    give(&database, "before");
    give(&database, "goes");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    database.execute(cause);
    give(&database, "at once");
    wait_said(&daemon, named);
    give(&database, "later");
    database.execute(
        "UPDATE hq.code SET amount = 2 WHERE code = 'before'; DELETE FROM hq.code WHERE code = 'goes'",
    );
    let waiting = "SELECT string_agg(DISTINCT to_customer || ' ' || dataset || ' ' || reason, ', ') FROM acequia.parked WHERE reason <> 'rejected'";
    wait_value(&mut daemon, &database, waiting, "north code broken");
    others_go_on(&mut daemon, &database, "meanwhile", &[]);
    wait_equal(&mut daemon, &database, columns, &["south"]);
    assert_eq!(
        database.value("SELECT string_agg(to_customer, ', ') FROM acequia.hold WHERE reason = 'broken'"),
        "north"
    );
    wait_said(&daemon, "the flow is prepared anew");
    database.execute(cure);
    wait_equal(&mut daemon, &database, columns, &["north", "south"]);
    wait_value(&mut daemon, &database, "SELECT count(*) FROM acequia.parked", "0");
    wait_value(&mut daemon, &database, "SELECT count(*) FROM acequia.hold", "0");
    give(&database, "after");
    wait_equal(&mut daemon, &database, columns, &["north", "south"]);
    daemon.stop();
}

#[test]
fn a_column_that_the_customer_dropped_is_waited_for() {
    waits_until(
        "ALTER TABLE north.code DROP amount",
        "ALTER TABLE north.code ADD amount int4; UPDATE north.code SET amount = 1",
        "column \"amount\" of hq.code is missing in north.code",
    );
}

#[test]
fn a_column_that_the_customer_renamed_is_waited_for() {
    waits_until(
        "ALTER TABLE north.code RENAME name TO title",
        "ALTER TABLE north.code RENAME title TO name",
        "column \"name\" of hq.code is missing in north.code",
    );
}

#[test]
fn a_type_that_takes_no_value_is_waited_with() {
    waits_until(
        "ALTER TABLE north.code ALTER amount TYPE date USING NULL",
        "ALTER TABLE north.code ALTER amount TYPE int4 USING 1",
        "no value fits",
    );
}

#[test]
fn a_column_that_was_added_at_the_source_waits_for_the_customers_that_lack_it() {
    waits_until_with(
        "code, name, amount, note",
        "ALTER TABLE south.code ADD note text DEFAULT 'x'; ALTER TABLE hq.code ADD note text DEFAULT 'x';
         ALTER TABLE hq.code ALTER note SET DEFAULT 'y'",
        "ALTER TABLE north.code ADD note text DEFAULT 'x'",
        "column \"note\" of hq.code is missing in north.code",
    );
}

#[test]
fn a_table_that_the_customer_renamed_is_waited_for() {
    waits_until(
        "ALTER TABLE north.code RENAME TO code_old",
        "ALTER TABLE north.code_old RENAME TO code",
        "table north.code does not exist",
    );
}

#[test]
fn a_grant_that_was_revoked_is_waited_for() {
    waits_until(
        "REVOKE UPDATE ON north.code FROM acequia",
        "GRANT UPDATE ON north.code TO acequia",
        "GRANT UPDATE ON \"north\".\"code\" TO \"acequia\"",
    );
}

#[test]
fn row_level_security_at_the_customer_is_waited_with() {
    waits_until(
        "ALTER TABLE north.code ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE north.code DISABLE ROW LEVEL SECURITY",
        "row-level security is on for north.code",
    );
}

#[test]
fn a_schema_that_was_renamed_costs_that_customer_alone() {
    let database = Cluster::shared().database();
    let config = make(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    give(&database, "before");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    database.execute("ALTER SCHEMA north RENAME TO gone");
    give(&database, "while");
    database.execute("INSERT INTO hq.line (code_id, number) SELECT id, 1 FROM hq.code");
    wait_said(&daemon, "schema north does not exist");
    wait_equal(&mut daemon, &database, COLUMNS, &["south"]);
    database.execute("ALTER SCHEMA gone RENAME TO north");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    wait_value(&mut daemon, &database, "SELECT count(*) FROM north.line", "2");
    wait_value(&mut daemon, &database, "SELECT count(*) FROM acequia.parked", "0");
    daemon.stop();
}

#[test]
fn a_schema_that_was_dropped_and_made_again_gets_what_came_meanwhile() {
    let database = Cluster::shared().database();
    let config = make(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    give(&database, "before");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    database.execute("DROP SCHEMA north CASCADE");
    give(&database, "while");
    wait_said(&daemon, "schema north does not exist");
    wait_equal(&mut daemon, &database, COLUMNS, &["south"]);
    make_tables(&database, "north");
    database.execute(
        "GRANT USAGE ON SCHEMA north TO acequia; GRANT ALL ON ALL TABLES IN SCHEMA north TO acequia;
                      GRANT ALL ON ALL SEQUENCES IN SCHEMA north TO acequia",
    );
    wait_value(&mut daemon, &database, "SELECT string_agg(code, ', ') FROM north.code", "while");
    // What was there before has to be sent once more.
    database.execute("UPDATE hq.code SET amount = 3");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    daemon.stop();
}

#[test]
fn another_primary_key_at_the_customer_keeps_the_links() {
    let database = Cluster::shared().database();
    let config = make(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    give(&database, "first");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    database.execute(
        "ALTER TABLE north.code ADD number int4 GENERATED BY DEFAULT AS IDENTITY;
         ALTER TABLE north.line DROP CONSTRAINT line_code_id_fkey; ALTER TABLE north.code DROP CONSTRAINT code_pkey;
         ALTER TABLE north.code ADD PRIMARY KEY (number); ALTER TABLE north.code ADD UNIQUE (id);
         GRANT ALL ON ALL SEQUENCES IN SCHEMA north TO acequia",
    );
    wait_said(&daemon, "the crosswalk was made anew");
    // The link, and not the natural key, finds the row.
    database.execute("UPDATE hq.code SET code = 'renamed'");
    wait_equal(&mut daemon, &database, COLUMNS, &["north", "south"]);
    assert_eq!(database.value("SELECT count(*) FROM north.code"), "1");
    daemon.stop();
}
