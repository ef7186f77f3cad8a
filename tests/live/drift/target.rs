//! What changes at one customer: its rows wait, the others' do not.

use super::{COLUMNS, Cluster, give, make, others_go_on, wait_equal, wait_said, wait_value};

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
