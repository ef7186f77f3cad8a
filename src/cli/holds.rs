//! Who is held, as `status` tells it.

use serde_json::{Value, json};

use super::console::say;
use crate::postgres::sqlstate;
use crate::postgres::{self, Session, SqlState};

/// One hold as it is told.
pub(super) struct HoldReport {
    reason: String,
    sync: Option<String>,
    customer: Option<String>,
    dataset: Option<String>,
    what: Option<String>,
    sqlstate: Option<String>,
    tries: i32,
    who: String,
    age_seconds: f64,
    next_try: Option<String>,
    waiting: i64,
}

/// Reads the holds of a flow.
pub(super) async fn holds(target: &Session, flow: &str) -> Result<Vec<HoldReport>, postgres::Error> {
    let rows = target
        .query(include_str!("../../sql/control/holds.sql"), &[&flow])
        .await
        .map_err(|error| postgres::Error::from_driver("reading who is held", &error))?;
    let report = |row: &tokio_postgres::Row| HoldReport {
        reason: row.get(0),
        sync: row.get(1),
        customer: row.get(2),
        dataset: row.get(3),
        what: row.get(4),
        sqlstate: row.get(5),
        tries: row.get(6),
        who: row.get(7),
        age_seconds: row.get(8),
        next_try: row.get(9),
        waiting: row.get(10),
    };
    Ok(rows.iter().map(report).collect())
}

impl HoldReport {
    /// What it is over: a customer, a group, a data set, or all of the flow.
    fn scope(&self) -> String {
        let named = [("customer", &self.customer), ("sync", &self.sync), ("data set", &self.dataset)];
        let parts: Vec<String> = named
            .iter()
            .filter_map(|(kind, name)| name.as_ref().map(|name| format!("{kind} {name}")))
            .collect();
        if parts.is_empty() { "the whole flow".to_owned() } else { parts.join(", ") }
    }

    /// Why, and what to do.
    fn explanation(&self) -> String {
        let what = self.what.as_deref().unwrap_or("something");
        match self.reason.as_str() {
            "paused" if self.next_try.is_some() => "resumed; it catches up".to_owned(),
            "paused" => format!("paused by {}; `acequia resume` ends it", self.who),
            "locked" => format!("somebody has locked {what}; it catches up when the lock is gone"),
            "scheduled" => format!("written {what}; `acequia apply` does it now"),
            "overflow" => {
                let customer = self.customer.as_deref().unwrap_or("NAME");
                format!(
                    "needs a resync: more waited than parked_limit allows, and was dropped: `acequia resync --customer \
                     {customer}`"
                )
            }
            _broken => match self.sqlstate.as_deref().and_then(SqlState::new) {
                None => format!("{what}; it catches up when that is mended"),
                Some(state) => {
                    let said = sqlstate::describe(state, None);
                    format!("{what}: {} ({state}). {} Then it catches up", said.meaning, said.remedy)
                }
            },
        }
    }

    pub(super) fn as_json(&self) -> Value {
        json!({ "reason": self.reason, "sync": self.sync, "customer": self.customer, "dataset": self.dataset,
                "what": self.what, "sqlstate": self.sqlstate, "tries": self.tries, "who": self.who,
                "age_seconds": self.age_seconds, "next_try_at": self.next_try, "parked": self.waiting })
    }

    pub(super) fn print(&self) {
        let next = self.next_try.as_deref().map_or_else(String::new, |next| format!(", next try {next}"));
        say!(
            "  held        {} for {:.0} s ({}{next}): {} row(s) wait",
            self.scope(),
            self.age_seconds,
            self.reason,
            self.waiting
        );
        say!("              {}", self.explanation());
    }
}
