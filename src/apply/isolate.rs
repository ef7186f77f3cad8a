//! One customer after the other, where one of them has failed: it alone pays for it.
//!
//! Data that a customer's table refuses sends it the careful way. A customer that is locked, or whose table the server
//! refuses as a whole, is held: what comes for it is parked until it can be written again.

use std::sync::Arc;

use crate::fault::Fault;
use crate::rules::Plan;

use super::engine::Engine;
use super::error::Error;
use super::failure::{Cost, Failure};
use super::fold::WaveTable;
use super::holds::{self, NewHold, Reason};
use super::ledger::Tally;
use super::stage::Staged;

/// Once somebody is locked, the others of the transaction are not waited for as long.
const SHORT_PATIENCE: &str = "SET LOCAL lock_timeout = '100ms'";

impl Engine {
    /// Applies a wave to one customer after the other, each in a savepoint of its own. `first` is what has failed when
    /// all of them shared one.
    pub(super) async fn one_by_one(
        &mut self,
        tables: &[WaveTable],
        staged: &mut [Staged],
        tallies: &mut [Tally],
        first: Failure,
    ) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        let mut known = Some(first);
        for customer in 0..plan.customers.len() {
            loop {
                let open = self.part(&plan, staged, customer).touched();
                let known = known.take_if(|failure| failure.customer == Some(customer));
                let failure = match known {
                    Some(failure) if failure.cost != Cost::Rows => Some(failure),
                    known => self.alone(&plan, customer, (tables, staged, tallies), known.is_some()).await?,
                };
                let Some(failure) = failure else { break };
                self.hold(customer, &failure).await?;
                for (route, place) in open {
                    self.withhold(&staged[place], route).await?;
                }
            }
        }
        Ok(())
    }

    /// Applies a wave to one customer: the quick way unless that is known to fail, then the careful way. `Some` where
    /// neither is of use; everything is then as before.
    pub(super) async fn alone(
        &mut self,
        plan: &Plan,
        customer: usize,
        (tables, staged, tallies): (&[WaveTable], &mut [Staged], &mut [Tally]),
        carefully: bool,
    ) -> Result<Option<Failure>, Error> {
        if self.part(plan, staged, customer).touched().is_empty() {
            return Ok(None);
        }
        self.statements.batch("setting a savepoint", "SAVEPOINT customer").await?;
        let marks: Vec<usize> = staged.iter().map(Staged::mark).collect();
        let mut failure = None;
        if !carefully {
            failure = self.quickly(plan, customer, staged, tallies).await?;
        }
        if failure.as_ref().is_some_and(|failure| failure.cost == Cost::Rows) || carefully {
            if failure.is_some() {
                self.go_back(customer, (staged, tallies), &marks).await?;
            }
            let mut part = self.part(plan, staged, customer);
            let done = part.apply_carefully(tables, tallies).await;
            let at = part.at;
            failure = match done {
                Ok(()) => None,
                // What it can't halve it can't park.
                Err(error) if error.fault() == Fault::Park => return Err(error),
                Err(error) => Some(Failure::of(error, Some(customer), at)?),
            };
        }
        if failure.is_some() {
            self.go_back(customer, (staged, tallies), &marks).await?;
        }
        let release = "RELEASE SAVEPOINT customer; SET CONSTRAINTS ALL DEFERRED";
        self.statements.batch("releasing a savepoint", release).await?;
        Ok(failure)
    }

    /// The quick way, with the checks that would else come with the commit.
    async fn quickly(
        &mut self,
        plan: &Plan,
        customer: usize,
        staged: &mut [Staged],
        tallies: &mut [Tally],
    ) -> Result<Option<Failure>, Error> {
        let mut part = self.part(plan, staged, customer);
        let done = part.apply(tallies).await;
        let at = part.at;
        if let Err(error) = done {
            return Failure::of(error, Some(customer), at).map(Some);
        }
        if !plan.customers[customer].has_deferrable {
            return Ok(None);
        }
        match self.check_deferred().await {
            Ok(()) => Ok(None),
            Err(error) => Failure::of(error, Some(customer), None).map(Some),
        }
    }

    /// Takes back what was done for a customer since the savepoint.
    async fn go_back(
        &mut self,
        customer: usize,
        (staged, tallies): (&mut [Staged], &mut [Tally]),
        marks: &[usize],
    ) -> Result<(), Error> {
        self.statements.batch("going back to a savepoint", "ROLLBACK TO SAVEPOINT customer").await?;
        tallies[self.plan.customers[customer].routes.clone()].fill(Tally::default());
        for (staged, mark) in staged.iter_mut().zip(marks) {
            staged.go_back(*mark);
        }
        // Numbers that were registered in between are gone with it.
        self.context.more_numbers.clear();
        Ok(())
    }

    /// Holds a customer for what has failed: all of it where something is locked, the data set where its table is broken.
    pub(super) async fn hold(&mut self, customer: usize, failure: &Failure) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        let to = plan.customers[customer].customer.as_str();
        let route = failure.route.map(|route| &plan.routes[route]);
        let table = route.map(|route| route.target.to_string());
        let sqlstate = failure.error.sqlstate();
        let locked = failure.cost == Cost::Customer;
        let new = NewHold {
            reason: if locked { Reason::Locked } else { Reason::Broken },
            customer: to,
            dataset: route.map(|route| route.dataset.as_str()).filter(|_| !locked),
            what: table.as_deref(),
            sqlstate,
        };
        let is_new = holds::put(&mut self.statements, &plan.flow.name, &new).await?;
        let (table, sqlstate) = (table.as_deref().unwrap_or("unknown"), sqlstate.unwrap_or("none"));
        match (locked, is_new) {
            (true, true) => tracing::warn!(
                customer = to, %table,
                "the customer is held: somebody has locked its table; its rows are parked, and written when the lock is gone"
            ),
            (false, true) => tracing::error!(
                customer = to, %table, sqlstate,
                "a data set of the customer is held: the server refuses its table; its rows are parked, and written when it \
                 is mended: {}",
                failure.error
            ),
            (_, false) => tracing::debug!(customer = to, %table, sqlstate, "the customer is still held"),
        }
        if locked {
            self.statements.batch("waiting less for locks", SHORT_PATIENCE).await?;
        }
        self.read_holds().await?;
        Ok(())
    }
}
