//! What must be so in the end.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::Customers;
use crate::support::{Config, Database, Rows, poll};

/// How long what is still on its way may take.
const LIMIT: Duration = Duration::from_mins(10);
/// How long the source may take to forget its WAL.
const WAL_LIMIT: Duration = Duration::from_mins(2);
/// What a slot may keep when nothing is written.
const WAL_BYTES: u64 = 64 << 20;

/// How long to leave the daemon alone between two looks at all rows.
const PAUSE: Duration = Duration::from_secs(1);

const COUNTS: &str = "SELECT (SELECT count(*) FROM {s}.item), (SELECT count(*) FROM {s}.part)";
const ITEMS: &str = "SELECT code, value, note FROM {s}.item ORDER BY code COLLATE \"C\"";
const PARTS: &str = "SELECT p.code, i.code FROM {s}.part p LEFT JOIN {s}.item i ON i.id = p.item ORDER BY p.code COLLATE \"C\"";

fn counts(database: &Database, schema: &str) -> Rows {
    database.session().query(&COUNTS.replace("{s}", schema))
}

fn rows(database: &Database, schema: &str) -> Rows {
    let session = database.session();
    [ITEMS, PARTS].iter().flat_map(|sql| session.query(&sql.replace("{s}", schema))).collect()
}

/// Every customer has what the source has; also in the words of `acequia verify`.
pub(crate) fn all_is_equal(customers: &Customers<'_>, config: &Config<'_>) -> Vec<String> {
    let began = Instant::now();
    let (counts, expected) = (counts(customers.source, "hq"), rows(customers.source, "hq"));
    let mut wrong = Vec::new();
    for (customer, database) in &customers.all {
        // To read all rows takes from the daemon what it needs: that is left until there are as many of them.
        let arrived = poll(LIMIT, || {
            if self::counts(database, customer) == counts && rows(database, customer) == expected {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
            Err(String::new())
        });
        if arrived.is_err() {
            wrong.push(format!("{customer} differs: {}", difference(&expected, &rows(database, customer))));
        }
        let parked =
            database.session().query("SELECT dataset, reason, count(*) FROM acequia.parked GROUP BY 1, 2");
        wrong.extend((!parked.is_empty()).then(|| format!("{customer} has parked rows: {parked:?}")));
    }
    println!(
        "{} rows in each of three customers, {:.0} s after the last one was written",
        expected.len(),
        began.elapsed().as_secs_f64()
    );
    let verify = config.run(&["verify"]);
    if !verify.status.success() {
        wrong.push(format!("acequia verify: {}", String::from_utf8_lossy(&verify.stdout)));
    }
    wrong
}

fn difference(expected: &Rows, seen: &Rows) -> String {
    let (wanted, there): (HashSet<_>, HashSet<_>) = (expected.iter().collect(), seen.iter().collect());
    let (lost, more) = (wanted.difference(&there).count(), there.difference(&wanted).count());
    format!("{lost} rows are missing, {more} are too much")
}

/// The slots keep next to nothing.
pub(crate) fn wal_is_released(source: &Database) -> Vec<String> {
    let session = source.session();
    let kept = poll(WAL_LIMIT, || {
        session.query("CHECKPOINT");
        let seen = session.query(
            "SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))::int8 FROM pg_replication_slots",
        );
        let bytes: u64 = seen[0][0].as_ref().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
        if bytes < WAL_BYTES { Ok(bytes) } else { Err(format!("{bytes} bytes of WAL are retained")) }
    });
    match kept {
        Ok(bytes) => {
            println!("{bytes} bytes of WAL are retained");
            Vec::new()
        }
        Err(seen) => vec![seen],
    }
}
