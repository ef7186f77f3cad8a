//! A copy that is killed again and again while its table changes under it: it goes on where it was, and nothing comes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use acequia::failpoint::COPY_PLACES;

use super::super::support::{Cluster, Daemon, Database, wait_for};
use super::{COPY_LIMIT, configure, differences, fill, make_on, wait_live};

/// Rows of each table, unless `ACEQUIA_COPY_ROWS` says otherwise (the promise is kept for a million).
const ROWS: u32 = 10_000;

/// What happens to the copied tables meanwhile, a thousand changes a second: rows come, change, are renamed, go, come back.
/// Words are not renamed: a row without a number of ours that is renamed while it is copied may stay under its old key too
/// (`doc/limits.md`).
fn disturb(database: &Database, seed: u32) {
    database.execute(&format!(
        "DO $$ DECLARE n int; BEGIN PERFORM setseed({seed} % 1000 / 1000.0);
         n := (SELECT max(id) FROM hq.item);
         INSERT INTO hq.item (code, value) SELECT 'new-{seed}-' || i, i FROM generate_series(1, 50) i;
         UPDATE hq.item SET value = value + 1 WHERE id IN (SELECT (random() * n)::int FROM generate_series(1, 30));
         UPDATE hq.item SET code = code || '~' WHERE id IN (SELECT (random() * n)::int FROM generate_series(1, 10));
         UPDATE hq.item SET id = nextval('hq.item_id_seq') WHERE id IN (SELECT (random() * n)::int FROM generate_series(1, 10))
           AND NOT EXISTS (SELECT FROM hq.part WHERE item = hq.item.id);
         DELETE FROM hq.part WHERE id IN (SELECT (random() * n)::int FROM generate_series(1, 10));
         DELETE FROM hq.item WHERE id IN (SELECT (random() * n)::int FROM generate_series(1, 20))
           AND NOT EXISTS (SELECT FROM hq.part WHERE item = hq.item.id);
         UPDATE hq.word SET value = value + 1 WHERE value IN (SELECT (random() * n)::int FROM generate_series(1, 10));
         DELETE FROM hq.word WHERE value IN (SELECT (random() * n)::int FROM generate_series(1, 5));
         END $$"
    ));
}

/// Rows that the copies have passed so far.
fn copied(database: &Database) -> u64 {
    database.value("SELECT coalesce(sum(rows), 0) FROM acequia.backfill").parse().expect("a number")
}

#[test]
fn a_copy_that_is_killed_goes_on_where_it_was_and_nothing_comes_back() {
    let rows = std::env::var("ACEQUIA_COPY_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(ROWS);
    for (mode, gone) in [("override", "delete"), ("create-only", "ignore")] {
        // Of its own: what it does all the while keeps every other test of its server from making slots.
        let server = Cluster::start(&[]);
        let database = make_on(&server, &["north"]);
        fill(&database, rows);
        // They are many, and have no number of ours.
        database.execute("CREATE INDEX ON hq.word (value); ANALYZE");
        let rules = format!("mode = \"{mode}\"\non_delete = \"{gone}\"\ninitial = \"copy\"");
        let config = configure(&database, &["north"], &rules);
        let ends = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _end = Ends(&ends);
            scope.spawn(|| {
                for seed in 0_u32.. {
                    if ends.load(Ordering::Relaxed) {
                        break;
                    }
                    let began = Instant::now();
                    disturb(&database, seed);
                    std::thread::sleep(Duration::from_millis(150).saturating_sub(began.elapsed()));
                }
            });
            let mut before = 0;
            for (count, place) in COPY_PLACES.iter().enumerate() {
                let point = format!("{place}:{}", count + 2);
                let mut daemon = config.start_with(&[("ACEQUIA_FAILPOINT", point.as_str())]);
                daemon.wait_exit();
            }
            for percent in [1, 30, 60, 99] {
                let daemon = config.start();
                let wanted = u64::from(rows) * 3 * percent / 100;
                wait_copied(&daemon, &database, wanted);
                daemon.kill();
                let now = copied(&database);
                assert!(now >= before, "it began again: {now} rows, and {before} before");
                before = now;
            }
        });
        let mut daemon = config.start();
        finish(&mut daemon, &database, mode);
        // Nearly every row was passed once: it went on at its cursor.
        let (passed, all) = (
            copied(&database),
            "SELECT count(*) FROM hq.item) + (SELECT count(*) FROM hq.word) + (SELECT count(*) FROM hq.part",
        );
        let all: u64 = database.value(&format!("SELECT ({all})")).parse().expect("a number");
        assert!(passed < all * 3 / 2, "{passed} rows were copied of {all}");
        daemon.stop();
    }
}

fn wait_copied(daemon: &Daemon<'_>, database: &Database, wanted: u64) {
    wait_for(&format!("{wanted} rows being copied"), COPY_LIMIT, || {
        assert!(!daemon.log_of_this_start().contains("flow halted"), "{}", daemon.log_of_this_start());
        if database.value("SELECT to_regclass('acequia.backfill') IS NULL") == "t" {
            return Err("no control schema".to_owned());
        }
        let now = copied(database);
        let left = database.value("SELECT count(*) FROM acequia.backfill WHERE state <> 'live'");
        if now >= wanted || (left == "0" && now > 0) { Ok(()) } else { Err(format!("{now} rows")) }
    });
}

/// Everything is in, and equal as far as the mode makes it so.
fn finish(daemon: &mut Daemon<'_>, database: &Database, mode: &str) {
    if mode == "override" {
        wait_live(daemon, database, &["north"]);
        return;
    }
    daemon.wait_alive_within(COPY_LIMIT, "nothing being copied", || {
        let left = database.query("SELECT state, dataset, rows FROM acequia.backfill WHERE state <> 'live'");
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
    daemon.barrier();
    // What create-only brought is what the row was at some moment; everything that is there now has come, under its link.
    let missing = database.value(
        "SELECT count(*) FROM hq.item i WHERE NOT EXISTS (SELECT FROM north.item n WHERE rtrim(n.code, '~') = rtrim(i.code, '~'))",
    );
    assert_eq!(missing, "0", "{:?}", differences(database, "north"));
}

/// Ends the disturbance, also when the test fails: else its thread would never be joined.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
