//! What comes for a held route: parked instead of written, within the customer's limit.
//!
//! Links belong to us and follow at once, so that rows that refer to these find them, and a delete that is parked finds
//! its row.

use std::sync::Arc;

use crate::name::{CustomerName, DatasetName, SyncName};
use crate::rules::{BrokenRoute, FORGET_MOVED, Route};

use super::engine::Engine;
use super::error::Error;
use super::holds::{HELD, NewHold, Reason, put};
use super::stage::Staged;
use super::statements::Param;

/// Where rows would have gone.
struct Destination<'a> {
    sync: &'a SyncName,
    from: &'a CustomerName,
    to: &'a CustomerName,
    dataset: &'a DatasetName,
    reason: Reason,
    /// The route, where the plan has it: then links follow at once.
    route: Option<usize>,
    /// A row that moved is found by its old identity when it is written at last.
    by_old_key: bool,
}

impl Engine {
    /// Parks what a wave brings for every route that is held, and for those that the plan can't have.
    pub(super) async fn withhold_all(&mut self, staged: &[Staged]) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        for staged in staged {
            if !self.holds.all.is_empty() {
                for &route in &plan.sources[staged.source].routes {
                    self.withhold(staged, route).await?;
                }
            }
            for (number, broken) in plan.broken.iter().enumerate() {
                if broken.source != Some(staged.source) || staged.truncated || staged.own {
                    continue;
                }
                let BrokenRoute { sync, from, to, dataset, .. } = broken;
                let reason = self.holds.reason_of_broken(number);
                let destination =
                    Destination { sync, from, to, dataset, reason, route: None, by_old_key: true };
                self.keep_back(staged, &destination).await?;
            }
        }
        Ok(())
    }

    /// Parks what a wave brings for one route, if it is held.
    pub(super) async fn withhold(&mut self, staged: &Staged, route: usize) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        let Route { sync, from, to, dataset, crosswalk, .. } = &plan.routes[route];
        if !staged.goes_by(&plan.routes[route]) || !staged.concerns(&plan.routes[route]) {
            return Ok(());
        }
        let Some(reason) = self.holds.reason(route) else { return Ok(()) };
        let by_old_key = crosswalk.is_none();
        let destination = Destination { sync, from, to, dataset, reason, route: Some(route), by_old_key };
        self.keep_back(staged, &destination).await
    }

    async fn keep_back(&mut self, staged: &Staged, destination: &Destination<'_>) -> Result<(), Error> {
        let Destination { sync, from, to, dataset, reason, route, by_old_key } = destination;
        let (low, high) = (1_i32, staged.last());
        let extent = staged.extent(low, high);
        let is_empty = extent.living + extent.moved + extent.deletes == 0 && staged.illegible.is_empty();
        if *reason == Reason::Overflow || is_empty {
            return Ok(());
        }
        let plan = Arc::clone(&self.plan);
        let source = &plan.sources[staged.source];
        let (from, customer, dataset) = (from.as_str(), to.as_str(), dataset.as_str());
        let (flow, sync, lsn) = (&plan.flow.name, sync.as_str(), self.context.lsn_text());
        let (generation, reason) = (self.context.generation, reason.as_str());
        let names = staged.set_names(source);
        let params: [Param<'_>; 12] = [
            &low,
            &high,
            &from,
            &customer,
            &dataset,
            &generation,
            flow,
            &sync,
            &lsn,
            &reason,
            &names,
            by_old_key,
        ];
        if let Some(route) = route {
            self.move_links(*route, staged, &params[..5]).await?;
        }
        if extent.moved > 0 {
            let sql = &source.held.take_moved;
            self.statements.execute("taking what was parked before", sql, &params[..6]).await?;
        }
        if extent.moved > 0 || (*by_old_key && extent.deletes > 0) {
            let sql = &source.held.add_deletes;
            self.statements.execute("parking deletes", sql, &params[..10]).await?;
        }
        let sql = &source.held.park_all;
        let (parked, new) = self.statements.counts("parking rows of a held customer", sql, &params).await?;
        if extent.moved > 0 {
            self.statements.batch("forgetting what was parked before", FORGET_MOVED).await?;
        }
        if let Some(route) = route {
            self.tallies[*route].parked += parked;
            self.context.parked.insert(*route);
        }
        let kept = self.kept.entry(customer.to_owned()).or_default();
        *kept += new;
        if *kept > self.parked_limit {
            self.give_up(customer).await?;
        }
        Ok(())
    }

    /// Moves the links of rows that have another identity now; the links of deletes stay.
    async fn move_links(&mut self, route: usize, staged: &Staged, params: &[Param<'_>]) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        let sql = self.context.sql(&plan, route);
        let (extent, range) = (staged.extent(1, staged.last()), &params[..2]);
        if let (Some(create), Some(release), Some(relink), Some(restore), Some(clear)) =
            (&sql.create_released, &sql.release, &sql.relink_held, &sql.restore_links, &sql.clear_released)
            && extent.moved > 0
        {
            self.statements.batch("preparing released links", create).await?;
            self.statements.execute("releasing links", release, range).await?;
            self.statements.execute("moving links", relink, params).await?;
            self.statements.execute("restoring links", restore, range).await?;
            self.statements.execute("forgetting released links", clear, &[]).await?;
        }
        if let Some(refresh) = sql.refresh_references.as_ref().filter(|_| extent.living > extent.inserts) {
            self.statements.execute("refreshing links", refresh, range).await?;
        }
        Ok(())
    }

    /// Too much waits for a customer: nothing is kept for it any more.
    async fn give_up(&mut self, to: &str) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        let flow = plan.flow.name.as_str();
        let count = format!(
            "SELECT count(*) FROM acequia.parked WHERE flow = $1 AND to_customer = $2 AND reason IN {HELD}"
        );
        // The count in memory is a guess that is never too low.
        let kept = self.statements.count("counting what is kept back", &count, &[&flow, &to]).await?;
        self.kept.insert(to.to_owned(), kept);
        if kept <= self.parked_limit {
            return Ok(());
        }
        let new =
            NewHold { reason: Reason::Overflow, customer: to, dataset: None, what: None, sqlstate: None };
        put(&mut self.statements, flow, &new).await?;
        // What is dropped is missing since it came.
        let date = format!(
            "UPDATE acequia.hold SET since = least(since, (SELECT min(first_at) FROM acequia.parked WHERE flow = $1 AND \
             to_customer = $2 AND reason IN {HELD})) WHERE flow = $1 AND to_customer = $2 AND reason = 'overflow'"
        );
        self.statements.execute("dating a hold", &date, &[&flow, &to]).await?;
        let forget =
            format!("DELETE FROM acequia.parked WHERE flow = $1 AND to_customer = $2 AND reason IN {HELD}");
        self.statements.execute("dropping what was kept back", &forget, &[&flow, &to]).await?;
        self.kept.remove(to);
        let end = "DELETE FROM acequia.hold WHERE flow = $1 AND to_customer = $2 AND reason = 'locked'";
        self.statements.execute("ending holds", end, &[&flow, &to]).await?;
        self.read_holds().await?;
        tracing::error!(
            customer = to,
            limit = self.parked_limit,
            "customer {to} needs a resync: more rows waited for it than [daemon] parked_limit allows; they are dropped, and \
             nothing is written to it until `acequia resync --customer {to}`"
        );
        Ok(())
    }
}
