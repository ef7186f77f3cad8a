//! One moment: money that moves between the tables of two customers is in one of them, never in both or in none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::archive::Archive;
use crate::support::{Cluster, Config, Database};

const SNAPSHOTS: usize = 20;
const ACCOUNTS: u32 = 2_000;
/// What there is in all, in cents.
const ALL: i64 = 40_000_000;
/// Transfers a second that are aimed at, over all movers.
const RATE: u32 = 500;
const MOVERS: u32 = 4;

const RULES: &str = r#"
[[snapshot]]
name = "books"
customers = ["north", "south"]
directory = "out"
"#;

fn books() -> Database {
    let database = Cluster::shared().database();
    for schema in ["north", "south"] {
        database.execute(&format!(
            "CREATE SCHEMA {schema}; \
             CREATE TABLE {schema}.account (id int PRIMARY KEY, cents bigint NOT NULL, filler text NOT NULL); \
             INSERT INTO {schema}.account SELECT i, 10000, repeat('x', 200) FROM generate_series(1, {ACCOUNTS}) i"
        ));
    }
    database
}

/// Moves money from one table to the other, at a steady rate.
fn mover(
    database: &Database,
    number: u32,
    stop: &Arc<AtomicBool>,
    moved: &Arc<AtomicU64>,
) -> thread::JoinHandle<()> {
    let session = database.session();
    let (stop, moved) = (Arc::clone(stop), Arc::clone(moved));
    let pause = Duration::from_secs(1) * MOVERS / RATE;
    thread::spawn(move || {
        let (mut due, mut turn) = (Instant::now(), number);
        while !stop.load(Ordering::Relaxed) {
            turn = turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (id, cents) = (turn % ACCOUNTS + 1, turn / 7 % 500);
            // Always north first, or two movers could wait for each other.
            let (north, south) = if turn & 0x100 == 0 { ('-', '+') } else { ('+', '-') };
            session.query(&format!(
                "BEGIN; UPDATE north.account SET cents = cents {north} {cents} WHERE id = {id}; \
                 UPDATE south.account SET cents = cents {south} {cents} WHERE id = {id}; COMMIT"
            ));
            moved.fetch_add(1, Ordering::Relaxed);
            due += pause;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    })
}

#[test]
fn while_money_moves_the_sums_of_every_snapshot_balance() {
    let database = books();
    let config = Config::new(&[("north", &database, "north"), ("south", &database, "south")], RULES);
    config.set_up();
    let (stop, moved) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let movers: Vec<_> = (0..MOVERS).map(|number| mover(&database, number, &stop, &moved)).collect();
    let begun = Instant::now();
    let mut shares = Vec::new();
    for number in 0..SNAPSHOTS {
        config.succeed(&["snapshot", "run", "books"]);
        let current = config.path().join("out/books/current");
        let [north, south] = ["north", "south"].map(|customer| {
            let mut archive = Archive::open(&current.join(format!("{customer}.zip")));
            let rows = archive.rows(&format!("{customer}/ACCOUNT.DAT"));
            let cents = rows.iter().skip(1).map(|row| row[1].parse::<i64>().expect("cents"));
            cents.sum::<i64>()
        });
        assert_eq!(north + south, ALL, "snapshot {number}: {north} + {south}");
        shares.push(north);
    }
    let rate = u128::from(moved.load(Ordering::Relaxed)) * 1000 / begun.elapsed().as_millis().max(1);
    stop.store(true, Ordering::Relaxed);
    for mover in movers {
        mover.join().expect("a mover");
    }
    println!("{SNAPSHOTS} snapshots balanced while {rate} transfers a second were made");
    shares.dedup();
    assert!(shares.len() > SNAPSHOTS / 2, "money moved between the snapshots: {shares:?}");
}
