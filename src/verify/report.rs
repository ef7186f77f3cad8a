//! What a comparison found: counts by route, columns by name, and keys of rows where they are asked for.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::apply::audit;
use crate::postgres::{self, Error, Session};
use crate::rules::{Flow, Plan, Route, Verdict};

use super::choice::Choice;

/// One flow.
#[derive(Debug, Serialize)]
pub struct FlowReport {
    /// The flow.
    pub flow: String,
    /// The source's clock at the beginning.
    pub began_at: String,
    /// The flow's checkpoint at the end: what the source committed before it was compared. `None`: it has never run.
    pub position: Option<String>,
    /// WAL of the source that was not applied, where no daemon runs: what differs may only be on its way.
    pub unapplied_bytes: Option<i64>,
    /// The routes.
    pub routes: Vec<RouteReport>,
}

/// One route: rows of the source, by what the customer has of them.
#[derive(Debug, Default, Serialize)]
pub struct RouteReport {
    /// The sync group.
    pub sync: String,
    /// Source customer.
    pub from: String,
    /// The customer.
    pub customer: String,
    /// The data set.
    pub dataset: String,
    /// What may be written.
    pub mode: &'static str,
    /// Why it was not compared.
    pub skipped: Option<String>,
    /// Rows that the rule gives.
    pub given: u64,
    /// Of them, those that the customer has as the rule gives them.
    pub equal: u64,
    /// Of them, those that the customer lacks.
    pub missing: u64,
    /// Of them, those with another value.
    pub different: u64,
    /// Linked rows of the customer that should be gone, because the source's row is gone or is given no longer.
    pub left_over: u64,
    /// Linked rows that stay without their source row, as the rule wants it.
    pub kept: u64,
    /// Rows that are parked.
    pub not_yet: u64,
    /// Rows of the source that the rule does not give.
    pub not_given: u64,
    /// Rows that changed too often to be compared.
    pub moving: u64,
    /// Of the differences, those that were repaired since.
    pub repaired: u64,
    /// Of the differences, those that were handed to the daemon, which does not run.
    pub handed_over: u64,
    /// The columns that differ, with the number of rows.
    pub columns: BTreeMap<String, u64>,
    /// Natural keys of rows that differ: values of rows.
    pub differences: Vec<Difference>,
}

/// One row that differs.
#[derive(Serialize)]
pub struct Difference {
    /// In what.
    pub what: &'static str,
    /// Its natural key, a JSON array.
    pub key: String,
    /// Which columns.
    pub columns: Vec<String>,
}

impl std::fmt::Debug for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Difference({})", self.what)
    }
}

impl FlowReport {
    /// Nothing is known yet.
    pub(super) fn new(flow: &Flow) -> Self {
        let flow = flow.name.clone();
        Self { flow, began_at: String::new(), position: None, unapplied_bytes: None, routes: Vec::new() }
    }

    /// Adds the routes that the plan can't have.
    pub(super) fn add_broken(&mut self, plan: &Plan, choice: &Choice) {
        for broken in plan.broken.iter().filter(|broken| choice.takes_broken(broken)) {
            self.routes.push(RouteReport {
                sync: broken.sync.to_string(),
                from: broken.from.to_string(),
                customer: broken.to.to_string(),
                dataset: broken.dataset.to_string(),
                skipped: Some(format!("broken: {}", broken.message)),
                ..RouteReport::default()
            });
        }
    }

    /// The counts of all routes, for the record. `whole`: none was left out by name.
    fn totals(&self, whole: bool) -> Value {
        let sum = |counter: fn(&RouteReport) -> u64| self.routes.iter().map(counter).sum::<u64>();
        let skipped = self.routes.iter().filter(|route| route.skipped.is_some()).count();
        json!({ "flow": self.flow, "position": self.position, "routes": self.routes.len(), "skipped": skipped,
                "given": sum(|route| route.given), "missing": sum(|route| route.missing),
                "different": sum(|route| route.different), "left_over": sum(|route| route.left_over),
                "repaired": sum(|route| route.repaired), "handed_over": sum(|route| route.handed_over),
                "moving": sum(|route| route.moving), "whole": whole && skipped == 0, "differences": self.differences() })
    }

    /// Records the comparison where operators look for what was done.
    pub(super) async fn audit(&self, target: &Session, repairs: bool, whole: bool) -> Result<(), Error> {
        let what = if repairs { "verified and repaired" } else { "verified" };
        let totals = self.totals(whole);
        let recorded = audit::record(target, what, &totals);
        postgres::in_time("writing to the audit", recorded).await.map(drop)
    }

    /// Forgets in which columns rows differ.
    pub fn leave_columns_out(&mut self) {
        for route in &mut self.routes {
            route.columns.clear();
            route.differences.iter_mut().for_each(|row| row.columns.clear());
        }
    }

    /// Differences that are still there.
    pub fn differences(&self) -> u64 {
        self.routes.iter().map(RouteReport::open).sum()
    }
}

impl RouteReport {
    /// Nothing is counted yet.
    pub(super) fn new(route: &Route) -> Self {
        Self {
            sync: route.sync.to_string(),
            from: route.from.to_string(),
            customer: route.to.to_string(),
            dataset: route.dataset.to_string(),
            mode: route.mode.as_str(),
            ..Self::default()
        }
    }

    /// Differences that are still there.
    pub fn open(&self) -> u64 {
        (self.missing + self.different + self.left_over).saturating_sub(self.repaired)
    }

    /// Counts a row of which it is certain what it is.
    pub(super) fn count(&mut self, verdict: Verdict) {
        *self.counter(verdict) += 1;
    }

    /// Counts rows that are equal without having been looked at.
    pub(super) fn count_equal(&mut self, rows: u64) {
        self.equal += rows;
    }

    fn counter(&mut self, verdict: Verdict) -> &mut u64 {
        match verdict {
            Verdict::Equal => &mut self.equal,
            Verdict::Missing => &mut self.missing,
            Verdict::Different => &mut self.different,
            Verdict::LeftOver => &mut self.left_over,
            Verdict::Kept => &mut self.kept,
            Verdict::NotYet => &mut self.not_yet,
            Verdict::NotGiven => &mut self.not_given,
        }
    }

    /// Adds up what the rule gives.
    pub(super) fn close(&mut self) {
        self.given = self.equal + self.missing + self.different + self.not_yet + self.moving;
    }
}
