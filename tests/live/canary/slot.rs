//! What befalls the slot, its publication and its reader.

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::super::support::{Config, Daemon, Database, LIMIT, Reader, wait_for};
use super::lookout::Canary;
use super::{Left, play};

/// The only one there is.
fn slot(source: &Database) -> String {
    source.session().query("SELECT slot_name FROM pg_replication_slots").remove(0).remove(0).expect("a name")
}

/// Does something to the slot that can only be done while nobody reads it: the daemon stands still meanwhile, so that it is
/// not quicker.
fn behind_its_back(source: &Database, daemon: &Daemon<'_>, mut harm: impl FnMut() -> bool) {
    daemon.signal("STOP");
    wait_for("the slot to be free", LIMIT, || {
        let end = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active";
        source.session().query(end);
        if harm() { Ok(()) } else { Err("it is read".to_owned()) }
    });
    daemon.signal("CONT");
}

/// An operator has the flow begin anew.
fn resync(config: &Config<'_>, canary: &Canary<'_>) {
    let (source, target) = (canary.source, canary.target);
    canary.is_copied();
    config.set_up();
    config.succeed(&["resync", "--flow", &format!("{}:{}", source.name(), target.name()), "--yes"]);
}

#[test]
fn it_is_never_green_while_a_row_is_late_because_of_the_slot_its_reader_or_an_operator() {
    play(|mine, daemon, config| {
        let here = mine.canary.source;
        let reader = || {
            let rows = here.session().query("SELECT active_pid FROM pg_replication_slots WHERE active");
            rows[0][0].clone().expect("the slot is read")
        };
        let walsender = reader();
        let signal = |name: &str| {
            let line = format!("kill -{name} {walsender}");
            assert!(Command::new("sh").args(["-c", &line]).status().expect("a shell").success(), "{line}");
        };
        mine.suffer("the walsender hangs", || signal("STOP"), || signal("CONT"));
        mine.suffer("all is paused", || _ = config.succeed(&["pause"]), || _ = config.succeed(&["resume"]));
        mine.suffer_for_good("the slot is dropped", || {
            let drop = format!("SELECT pg_drop_replication_slot('{}')", slot(here));
            behind_its_back(here, daemon, || here.session().try_execute(&drop));
        });
    });
}

#[test]
fn it_is_never_green_while_a_row_is_late_that_the_publication_leaves_out() {
    play(|mine, _daemon, _config| {
        let here = mine.canary.source.session();
        // Heartbeats do not go through the publication: they come as before.
        let publication = here.query("SELECT pubname FROM pg_publication").remove(0).remove(0);
        let publication = publication.expect("a name");
        mine.suffer_for_good("the table is taken out of the publication", || {
            here.query(&format!("ALTER PUBLICATION \"{publication}\" DROP TABLE hq.bird"));
        });
    });
}

#[test]
fn it_is_never_green_while_a_row_is_late_whatever_keeps_the_source_from_giving_it() {
    play(|mine, daemon, config| {
        let here = mine.canary.source;
        let run = |sql: &str| _ = here.session().query(sql);
        mine.suffer(
            "a grant is missing at the source",
            || run("REVOKE SELECT ON hq.bird FROM acequia"),
            || run("GRANT SELECT ON hq.bird TO acequia"),
        );
        mine.suffer(
            "row-level security at the source",
            || run("ALTER TABLE hq.bird ENABLE ROW LEVEL SECURITY"),
            || run("ALTER TABLE hq.bird DISABLE ROW LEVEL SECURITY"),
        );
        let name = slot(here);
        let reader = Mutex::new(None);
        let hold = |held: Option<Reader>| *reader.lock().unwrap_or_else(PoisonError::into_inner) = held;
        let read = || {
            behind_its_back(here, daemon, || {
                let one = Reader::of(config, here, &name);
                let is_read = one.is_some();
                hold(one);
                is_read
            });
        };
        mine.suffer("somebody else reads the slot", read, || hold(None));
    });
}

#[test]
fn it_is_never_green_while_a_row_is_late_that_the_slot_does_not_bring_any_more() {
    play(|mine, daemon, config| {
        let canary = mine.canary;
        let here = canary.source;
        let run = |sql: &str| _ = here.session().query(sql);
        let ahead = || {
            let advance =
                format!("SELECT pg_replication_slot_advance('{}', pg_current_wal_insert_lsn())", slot(here));
            let count = || here.value("SELECT count(*) FROM hq.bird").parse::<u64>().expect("a number");
            let rows = count();
            // Past rows that nobody has read.
            behind_its_back(here, daemon, || count() > rows + 5 && here.session().try_execute(&advance));
        };
        mine.suffer("the slot was moved ahead", ahead, || resync(config, canary));
        let given_up = || {
            for setting in
                ["max_slot_wal_keep_size = '1MB'", "min_wal_size = '32MB'", "max_wal_size = '32MB'"]
            {
                run(&format!("ALTER SYSTEM SET {setting}"));
            }
            run("SELECT pg_reload_conf()");
            behind_its_back(here, daemon, || {
                for _ in 0..4 {
                    run("SELECT pg_logical_emit_message(false, 'much', repeat('x', 1000)), pg_switch_wal()");
                }
                run("CHECKPOINT");
                let lost = "SELECT wal_status FROM pg_replication_slots";
                here.session().query(lost).remove(0).remove(0).as_deref() == Some("lost")
            });
        };
        let begin_anew = || {
            run("ALTER SYSTEM RESET max_slot_wal_keep_size");
            run("SELECT pg_reload_conf()");
            resync(config, canary);
        };
        mine.suffer("the server gave the slot up", given_up, begin_anew);
        let drop = || {
            let publication = here.session().query("SELECT pubname FROM pg_publication").remove(0).remove(0);
            run(&format!("DROP PUBLICATION \"{}\"", publication.expect("a name")));
        };
        mine.suffer("the publication is dropped", drop, || resync(config, canary));
        let left = Left::none(here);
        let begin_anew_behind = || {
            left.begin("SELECT pg_current_xact_id()");
            let drop = format!("SELECT pg_drop_replication_slot('{}')", slot(here));
            behind_its_back(here, daemon, || here.session().try_execute(&drop));
            resync(config, canary);
        };
        mine.suffer("an old transaction holds up another slot", begin_anew_behind, || left.end());
    });
}
