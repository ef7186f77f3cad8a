//! Rows of one customer that are set aside, each with its reason.

use crate::rules::Route;

use super::customer::Part;
use super::error::Error;
use super::statements::Param;

impl Part<'_> {
    pub(super) async fn park_leftovers(
        &mut self,
        route: usize,
        staged: usize,
        low: i32,
        high: i32,
    ) -> Result<u64, Error> {
        let row: &Route = &self.plan.routes[route];
        let names = self.staged[staged].set_names(&self.plan.sources[row.source]);
        let (from, to, dataset) = (row.from.as_str(), row.to.as_str(), row.dataset.as_str());
        let (flow, sync, lsn) = (&self.plan.flow.name, row.sync.as_str(), self.context.lsn_text());
        let generation = self.context.generation;
        let params: [Param<'_>; 10] =
            [&low, &high, flow, &sync, &from, &to, &dataset, &lsn, &generation, &names];
        let sql = self.context.sql(self.plan, route);
        let parked = self.statements.count("parking rows", &sql.park_leftovers, &params).await?;
        if parked > 0 {
            self.context.parked.insert(route);
        }
        Ok(parked)
    }

    /// Parks rows that the server refused with this SQLSTATE.
    pub(super) async fn park_rejected(
        &mut self,
        route: usize,
        staged: usize,
        n: i32,
        reason: (Option<&str>, Option<&str>),
    ) -> Result<u64, Error> {
        let row: &Route = &self.plan.routes[route];
        let names = self.staged[staged].set_names(&self.plan.sources[row.source]);
        let (from, to, dataset) = (row.from.as_str(), row.to.as_str(), row.dataset.as_str());
        let (flow, sync, lsn) = (&self.plan.flow.name, row.sync.as_str(), self.context.lsn_text());
        let generation = self.context.generation;
        let params: [Param<'_>; 12] =
            [&n, &n, flow, &sync, &from, &to, &dataset, &lsn, &generation, &names, &reason.0, &reason.1];
        let sql = self.context.sql(self.plan, route);
        let parked = self.statements.count("parking a rejected row", &sql.park_rejected, &params).await?;
        self.context.parked.insert(route);
        Ok(parked)
    }
}
