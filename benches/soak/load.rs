//! 2,000 changes a second: inserts, updates, changes of keys, deletes, and deletes that cascade.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Database, Session};

/// Rows that a transaction creates; so many go at the other end.
const CREATED: u64 = 30;
/// Rows that it changes.
const CHANGED: u64 = 35;
/// Rows that it gives another key.
const RENAMED: u64 = 5;
/// Parts that it creates, and that go with their items.
const PARTS: u64 = 10;
/// Changes of one transaction.
const CHANGES: u64 = 2 * CREATED + CHANGED + RENAMED + 2 * PARTS;
/// Transactions come so often that it is 2,000 changes a second.
const PACE: Duration = Duration::from_millis(CHANGES / 2);
/// Rows that are there at a time.
const ALIVE: u64 = 20_000;
/// So many changes a second there have to be over the whole time, that of outages of the source itself included.
const LEAST: u64 = 1_600;
/// The server is asked what it has counted after so many transactions: a crash takes its counts along.
const COUNTED: u64 = 10;

/// What the source's server says was changed in its database, since its counts began.
const COUNTS: &str = "SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database WHERE datname = current_database()";

/// What has been written.
#[derive(Default)]
pub(crate) struct Load {
    transactions: AtomicU64,
    changes: AtomicU64,
}

impl Load {
    pub(crate) fn run(&self, source: &Database, seed: u64, stop: &AtomicBool) {
        let (mut session, mut number, mut due) = (None, 0, Instant::now());
        let mut last = counted(&source.session()).unwrap_or(0);
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            // What a source that is down missed is not made up for.
            due = (due + PACE).max(Instant::now());
            session = session.or_else(|| source.session_within(Duration::from_secs(2)));
            let Some(open) = &session else { continue };
            number += 1;
            // A number may be lost, and is never used twice.
            if open.query_within(&transaction(number, seed), Duration::from_secs(10)).is_some() {
                self.transactions.fetch_add(1, Ordering::Relaxed);
            } else {
                session = None;
                continue;
            }
            if let Some(now) = number.is_multiple_of(COUNTED).then(|| counted(open)).flatten() {
                // After a crash the server counts from zero.
                self.changes.fetch_add(now.checked_sub(last).unwrap_or(now), Ordering::Relaxed);
                last = now;
            }
        }
    }

    /// Prints what was written; too little is answered.
    pub(crate) fn report(&self, took: Duration) -> Vec<String> {
        let transactions = self.transactions.load(Ordering::Relaxed);
        let changes = self.changes.load(Ordering::Relaxed);
        let pace = changes / took.as_secs().max(1);
        println!("written: {transactions} transactions, {changes} changes, {pace} a second");
        let is_slow = pace < LEAST;
        is_slow.then(|| format!("only {pace} changes a second, {LEAST} were to be")).into_iter().collect()
    }
}

fn counted(session: &Session) -> Option<u64> {
    session.query_within(COUNTS, Duration::from_secs(10))?.first()?.first()?.as_ref()?.parse().ok()
}

/// The same rows for the same seed.
fn transaction(number: u64, seed: u64) -> String {
    let chance = f64::from(u32::try_from((seed ^ number) % 1_000_003).unwrap_or(0)) / 1_000_003.0;
    let (first, last) = (number * CREATED + 1, (number + 1) * CREATED);
    let gone = last.saturating_sub(ALIVE);
    format!(
        "BEGIN;
         SELECT setseed({chance});
         INSERT INTO hq.item (id, code, value, note) SELECT i, 'i' || i, 0, repeat('note ' || i, 3) FROM generate_series({first}, {last}) i;
         INSERT INTO hq.part (code, item) SELECT 'p' || i, i FROM generate_series({first}, {first} + {PARTS} - 1) i;
         UPDATE hq.item SET value = value + 1
           WHERE id IN (SELECT {last} - floor(random() * least({last}, {ALIVE}))::int8 FROM generate_series(1, {CHANGED}));
         UPDATE hq.item SET code = 'k' || id || '-' || {number}
           WHERE id IN (SELECT {last} - floor(random() * least({last}, {ALIVE}))::int8 FROM generate_series(1, {RENAMED}));
         DELETE FROM hq.item WHERE id <= {gone};
         COMMIT"
    )
}
