//! What is being copied, as `status` and `backfill` tell it: how far, how fast, how much longer.

use serde_json::{Value, json};

use super::console::say;
use crate::postgres::{self, Session};

/// Customers that are named; more of them are counted.
const NAMED: usize = 5;

/// Routes of one data set that have come equally far.
#[derive(Debug, Clone)]
pub(super) struct CopyReport {
    state: String,
    sync: String,
    from: String,
    dataset: String,
    resync: bool,
    customers: Vec<String>,
    rows: i64,
    estimate: Option<i64>,
    seconds: Option<f64>,
    waiting: i64,
    who: String,
}

/// Reads what of a flow is being copied, as far as it is in the scope (sync, customer, data set).
pub(super) async fn copies(
    target: &Session,
    flow: &str,
    scope: [Option<&str>; 3],
) -> Result<Vec<CopyReport>, postgres::Error> {
    let rows = target
        .query(include_str!("../../sql/control/backfill.sql"), &[&flow, &scope[0], &scope[1], &scope[2]])
        .await
        .map_err(|error| postgres::Error::from_driver("reading what is copied", &error))?;
    let report = |row: &tokio_postgres::Row| CopyReport {
        state: row.get(0),
        sync: row.get(1),
        from: row.get(2),
        dataset: row.get(3),
        resync: row.get(4),
        customers: row.get(5),
        rows: row.get(6),
        estimate: row.get(7),
        seconds: row.get(8),
        waiting: row.get(9),
        who: row.get(10),
    };
    Ok(rows.iter().map(report).collect())
}

impl CopyReport {
    /// Rows a second since the first piece.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    fn rate(&self) -> Option<f64> {
        self.seconds
            .filter(|seconds| *seconds >= 0.1 && self.rows > 0)
            .map(|seconds| self.rows as f64 / seconds)
    }

    /// Seconds until the last piece, if the estimate is right.
    #[expect(clippy::cast_precision_loss, reason = "a guess for people")]
    fn seconds_left(&self) -> Option<f64> {
        let left = self.estimate? - self.rows;
        (left > 0).then_some(left as f64 / self.rate()?)
    }

    fn to(&self) -> String {
        let more = self.customers.len().saturating_sub(NAMED);
        let named = self.customers.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        if more == 0 { named } else { format!("{named} and {more} more") }
    }

    /// One line about it.
    pub(super) fn line(&self) -> String {
        let what = format!("{} → {}", self.dataset, self.to());
        let rate = self.rate().map_or_else(String::new, |rate| format!(", {rate:.0}/s"));
        match self.state.as_str() {
            "unconfirmed" => format!(
                "{what}: waits for a word. It would override rows of the customer's own: `acequia plan --sync {sync}` tells which; \
                 `acequia backfill --sync {sync} --yes` begins",
                sync = self.sync
            ),
            "comparing" => format!("{what}: links of rows that are gone are looked for"),
            "replaying" => {
                format!(
                    "{what}: {} rows are in{rate}; {} changed meanwhile and follow",
                    self.rows, self.waiting
                )
            }
            _copying => {
                let of = match self.estimate {
                    Some(all) if all >= self.rows && all > 0 => {
                        format!(" of about {all} rows ({} %)", self.rows * 100 / all)
                    }
                    Some(_) | None => " rows".to_owned(),
                };
                let left = self.seconds_left().map_or_else(String::new, |left| format!(", {left:.0} s left"));
                format!("{what}: {}{of}{rate}{left}", self.rows)
            }
        }
    }

    pub(super) fn print(&self) {
        let what = if self.resync { "resync" } else { "copying" };
        say!("  {what:<11} {}", self.line());
    }

    pub(super) fn as_json(&self) -> Value {
        json!({ "state": self.state, "sync": self.sync, "from": self.from, "dataset": self.dataset, "resync": self.resync,
                "customers": self.customers, "rows": self.rows, "estimate": self.estimate, "seconds": self.seconds,
                "rows_per_second": self.rate(), "seconds_left": self.seconds_left(), "waiting": self.waiting, "who": self.who })
    }

    /// Nothing happens before somebody says so.
    pub(super) fn is_unconfirmed(&self) -> bool {
        self.state == "unconfirmed"
    }
}
