//! What befalls the customer's rows and tables, and the daemon.

use std::time::Duration;

use super::super::support::Disk;
use super::lookout::Course;
use super::{END, Left, play};

#[test]
fn it_is_never_green_while_a_row_is_late_whatever_befalls_the_rows_and_the_daemon() {
    play(|mine, daemon, _config| {
        let (here, there) = (mine.canary.source, mine.canary.target);
        let run = |sql: &str| _ = there.session().query(sql);
        let name = there.name();
        mine.suffer_mutely("the daemon hangs", || daemon.signal("STOP"), || daemon.signal("CONT"));
        let left = Left::none(there);
        for (what, sql) in [
            ("the customer's table is locked", "LOCK TABLE branch.bird IN SHARE MODE"),
            ("the checkpoint is locked", "SELECT FROM acequia.checkpoint FOR UPDATE"),
        ] {
            mine.suffer(what, || left.begin(sql), || left.end());
        }
        let (set, reset) = ("SET default_transaction_read_only = on", "RESET default_transaction_read_only");
        mine.suffer(
            "the target is read-only",
            || run(&format!("ALTER DATABASE {name} {set}; {END}")),
            || run(&format!("SET transaction_read_only = off; ALTER DATABASE {name} {reset}; {END}")),
        );
        mine.suffer(
            "a grant is missing",
            || run("REVOKE INSERT ON branch.bird FROM acequia"),
            || run("GRANT INSERT ON branch.bird TO acequia"),
        );
        mine.suffer(
            "rows are refused",
            || run("ALTER TABLE branch.bird ADD CONSTRAINT never CHECK (value <> 'bird') NOT VALID"),
            || run("ALTER TABLE branch.bird DROP CONSTRAINT never"),
        );
        // However quick the machine is, the rows after it are late.
        run(
            "CREATE FUNCTION public.take_long() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END$$;
             CREATE TRIGGER take_long BEFORE INSERT ON branch.bird FOR EACH ROW WHEN (NEW.key LIKE 'x%00')
               EXECUTE FUNCTION public.take_long()",
        );
        let much = || {
            let many = "SELECT 'x' || i, repeat('much ', 20) FROM generate_series(1, 400000) i";
            here.session().query(&format!("INSERT INTO hq.bird {many}"));
        };
        mine.suffer("a large transaction is before the rows", much, || {});
    });
}

#[test]
fn it_is_never_green_while_a_row_is_late_whatever_becomes_of_the_customers_table() {
    play(|mine, _daemon, _config| {
        let there = mine.canary.target;
        let run = |sql: &str| _ = there.session().query(sql);
        run(
            "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$;
             CREATE FUNCTION public.swallow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$",
        );
        let trigger = "CREATE TRIGGER odd BEFORE INSERT ON branch.bird FOR EACH ROW EXECUTE FUNCTION";
        let without = "DROP TRIGGER odd ON branch.bird";
        let level = "ROW LEVEL SECURITY";
        for (what, harm, heal) in [
            ("a trigger fails", format!("{trigger} public.fail()"), without.to_owned()),
            ("a trigger swallows rows", format!("{trigger} public.swallow()"), without.to_owned()),
            (
                "row-level security",
                format!("ALTER TABLE branch.bird ENABLE {level}"),
                format!("ALTER TABLE branch.bird DISABLE {level}"),
            ),
            (
                "the schema has another name",
                "ALTER SCHEMA branch RENAME TO gone".to_owned(),
                "ALTER SCHEMA gone RENAME TO branch".to_owned(),
            ),
            (
                "the table has another name",
                "ALTER TABLE branch.bird RENAME TO gone".to_owned(),
                "ALTER TABLE branch.gone RENAME TO bird".to_owned(),
            ),
            (
                "a column has another name",
                "ALTER TABLE branch.bird RENAME value TO gone".to_owned(),
                "ALTER TABLE branch.bird RENAME gone TO value".to_owned(),
            ),
            (
                "a column is too narrow",
                "ALTER TABLE branch.bird ALTER value TYPE varchar(2) USING ''".to_owned(),
                "ALTER TABLE branch.bird ALTER value TYPE text".to_owned(),
            ),
        ] {
            mine.suffer(what, || run(&harm), || run(&heal));
        }
    });
}

#[test]
fn it_is_never_green_while_a_row_is_late_where_the_customers_tables_have_no_room() {
    let Some(disk) = Disk::mount(24, "full disks of servers") else { return };
    play(|mine, _daemon, _config| {
        let (here, there) = (mine.canary.source, mine.canary.target);
        disk.lend(mine.clusters[1], there);
        there.session().query("ALTER TABLE branch.bird SET TABLESPACE small");
        let fill = || {
            disk.fill();
            // More than the last pages can take.
            here.session().query(
                "INSERT INTO hq.bird SELECT 'much' || i, repeat('much ', 20) FROM generate_series(1, 20000) i",
            );
        };
        mine.suffer("the target's tables have no room", fill, || disk.free());
    });
}

#[test]
fn it_is_never_green_while_a_row_is_late_where_somebody_is_at_it_again_and_again() {
    play(|mine, _daemon, _config| {
        let (here, there) = (mine.canary.source, mine.canary.target);
        let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'acequia writer%'";
        let (at_source, at_target) = (here.session(), there.session());
        let pause = Duration::from_millis(1);
        mine.suffer_again_and_again(
            "the writer's statements are cancelled again and again",
            Course::Borne,
            pause,
            || {
                at_target.query(cancel);
            },
        );
        let pause = Duration::from_millis(300);
        for (what, session, table) in
            [("source", &at_source, "hq.bird"), ("customer", &at_target, "branch.bird")]
        {
            mine.suffer_again_and_again(
                &format!("{what}: tables are altered again and again"),
                Course::Borne,
                pause,
                || {
                    session.query(&format!("ALTER TABLE {table} ADD COLUMN note text"));
                    session.query(&format!("ALTER TABLE {table} DROP COLUMN note"));
                },
            );
        }
    });
}
