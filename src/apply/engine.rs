//! The engine: a wave onto the stage and into every customer, inside a transaction that somebody else begins and ends.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::rules::{Plan, SourceTable};

use super::arrivals::{self, Arrival};
use super::batch::Wave;
use super::context::Context;
use super::customer::Part;
use super::error::Error;
use super::failure::Failure;
use super::fold::WaveTable;
use super::holds::Holds;
use super::job::Copier;
use super::ledger::Tally;
use super::stage::{Staged, encode};
use super::statements::Statements;
use super::unchanged;

/// Above this many dead rows a stage is truncated and not deleted from: dead rows mislead the planner.
const STAGE_DEAD_ROWS: usize = 500;

/// Owns the session, and everything in it that a transaction changes.
pub(super) struct Engine {
    pub(super) statements: Statements,
    pub(super) plan: Arc<Plan>,
    pub(super) context: Context,
    /// What the transaction at hand did, for each route.
    pub(super) tallies: Vec<Tally>,
    /// Parked rows whose parents the transaction at hand has brought.
    pub(super) arrivals: Vec<Arrival>,
    /// Who is held.
    pub(super) holds: Holds,
    /// For each route whether it is held; a route that is catching up is open for its own rows.
    pub(super) closed: Vec<bool>,
    /// For each customer how many rows are kept back, or more.
    pub(super) kept: HashMap<String, u64>,
    /// So many are kept back at most.
    pub(super) parked_limit: u64,
    /// What is copied.
    pub(super) copier: Copier,
    /// Nothing of it is committed: what is parked is left alone, since others wait for its locks.
    pub(super) rehearses: bool,
    /// Stages that exist in the session. A session whose transaction fails is never used again.
    stages: HashSet<usize>,
    /// Stages that hold rows nobody needs any more.
    used: Vec<usize>,
    /// For each stage, how many of its rows are dead.
    dead_rows: Vec<usize>,
}

impl Engine {
    pub(super) fn new(statements: Statements, plan: Arc<Plan>, context: Context) -> Self {
        let (routes, sources) = (plan.routes.len(), plan.sources.len());
        Self {
            statements,
            plan,
            context,
            tallies: vec![Tally::default(); routes],
            arrivals: Vec::new(),
            holds: Holds::default(),
            closed: vec![false; routes],
            kept: HashMap::new(),
            parked_limit: u64::MAX,
            copier: Copier::default(),
            rehearses: false,
            stages: HashSet::new(),
            used: Vec::new(),
            dead_rows: vec![0; sources],
        }
    }

    /// From here on these are held.
    pub(super) fn set_holds(&mut self, holds: Holds) {
        self.closed = holds.closed();
        self.holds = holds;
    }

    /// Reads them anew after a change.
    pub(super) async fn read_holds(&mut self) -> Result<(), Error> {
        let holds = Holds::read(&mut self.statements, &self.plan).await?;
        self.set_holds(holds);
        Ok(())
    }

    /// Stages a wave and applies it to every customer. What the source truncated goes before.
    pub(super) async fn wave(&mut self, wave: &Wave) -> Result<(), Error> {
        self.context.generation += 1;
        self.sweep().await?;
        let truncated: Vec<usize> =
            wave.tables.iter().filter(|table| table.truncated).map(|table| table.source).collect();
        if !truncated.is_empty() {
            self.truncate(&truncated).await?;
        }
        let mut staged = self.stage(wave).await?;
        crate::failpoint::hit("after-stage");
        self.fetch_forced(&mut staged).await?;
        self.apply(&mut staged, &wave.tables).await?;
        self.note_arrivals(&staged, None).await?;
        self.leave(&staged);
        Ok(())
    }

    /// Applies what is staged to every customer: the quick way for all of them, and if the server refuses something, one
    /// after the other. What comes for a held route is parked.
    async fn apply(&mut self, staged: &mut [Staged], tables: &[WaveTable]) -> Result<(), Error> {
        self.withhold_all(staged).await?;
        self.statements.batch("setting a savepoint", "SAVEPOINT wave").await?;
        let mut tallies = vec![Tally::default(); self.tallies.len()];
        if let Some(failure) = self.all_customers(staged, &mut tallies).await? {
            self.statements.batch("going back to a savepoint", "ROLLBACK TO SAVEPOINT wave").await?;
            tallies.fill(Tally::default());
            self.context.more_numbers.clear();
            for staged in staged.iter_mut() {
                staged.go_back(0);
            }
            self.one_by_one(tables, staged, &mut tallies, failure).await?;
        }
        self.statements.batch("releasing a savepoint", "RELEASE SAVEPOINT wave").await?;
        for (total, tally) in self.tallies.iter_mut().zip(tallies) {
            total.add(tally);
        }
        Ok(())
    }

    /// The quick way for all customers. `Some` where one of them has failed.
    pub(super) async fn all_customers(
        &mut self,
        staged: &mut [Staged],
        tallies: &mut [Tally],
    ) -> Result<Option<Failure>, Error> {
        let plan = Arc::clone(&self.plan);
        let mut has_deferrable = false;
        for customer in 0..plan.customers.len() {
            has_deferrable |= plan.customers[customer].has_deferrable;
            let mut part = self.part(&plan, staged, customer);
            let (done, at) = (part.apply(tallies).await, part.at);
            if let Err(error) = done {
                return Failure::of(error, Some(customer), at).map(Some);
            }
        }
        if has_deferrable && let Err(error) = self.check_deferred().await {
            return Failure::of(error, None, None).map(Some);
        }
        Ok(None)
    }

    /// Has the constraints checked that would else be checked with the commit.
    pub(super) async fn check_deferred(&mut self) -> Result<(), Error> {
        let sql = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED";
        Ok(self.statements.batch("checking deferred constraints", sql).await?)
    }

    pub(super) fn part<'a>(
        &'a mut self,
        plan: &'a Plan,
        staged: &'a mut [Staged],
        customer: usize,
    ) -> Part<'a> {
        Part {
            statements: &mut self.statements,
            context: &mut self.context,
            plan,
            staged,
            customer,
            closed: &self.closed,
            restored: false,
            at: None,
        }
    }

    async fn stage(&mut self, wave: &Wave) -> Result<Vec<Staged>, Error> {
        let plan = Arc::clone(&self.plan);
        let mut all = Vec::with_capacity(wave.tables.len());
        for table in &wave.tables {
            let source = &plan.sources[table.source];
            self.ensure_stage(table.source, source).await?;
            let (text, mut staged) = encode(table, source);
            staged.own = wave.own;
            if !text.is_empty() {
                self.statements.copy("staging rows", &source.stage.copy, text).await?;
            }
            all.push(staged);
        }
        Ok(all)
    }

    /// Fetches what the relation did not bring at all. Not where every route waits: nobody gets the rows now, and the
    /// reason may be that the source can't be read.
    async fn fetch_forced(&mut self, staged: &mut [Staged]) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        for staged in staged {
            let source = &plan.sources[staged.source];
            let rows = if source.routes.is_empty() { Vec::new() } else { staged.forced() };
            if !rows.is_empty() {
                let origin = &mut self.context.source;
                unchanged::complete(&mut self.statements, origin, source, staged, &rows).await?;
                staged.settle();
            }
        }
        Ok(())
    }

    pub(super) async fn ensure_stage(&mut self, number: usize, source: &SourceTable) -> Result<(), Error> {
        if self.stages.insert(number) {
            self.statements.batch("creating a stage", &source.stage.create).await?;
        }
        Ok(())
    }

    /// Has the stages that a wave used emptied before they are used again, at the latest with the commit.
    pub(super) fn leave(&mut self, staged: &[Staged]) {
        for staged in staged.iter().filter(|staged| !staged.rows.is_empty()) {
            self.dead_rows[staged.source] += staged.rows.len();
            self.used.push(staged.source);
        }
    }

    /// A transaction that may have made stages was rolled back: they are made again when they are needed.
    pub(super) fn forget_stages(&mut self) {
        self.stages.clear();
        self.used.clear();
        self.dead_rows.fill(0);
    }

    /// The statements that empty the used stages, each with its semicolon.
    pub(super) fn sweeping(&mut self) -> String {
        let mut sql = String::new();
        for source in std::mem::take(&mut self.used) {
            let stage = &self.plan.sources[source].stage;
            if self.dead_rows[source] > STAGE_DEAD_ROWS {
                self.dead_rows[source] = 0;
                sql += &stage.truncate;
            } else {
                sql += &stage.delete;
            }
            sql.push(';');
        }
        sql
    }

    /// Empties the used stages now.
    pub(super) async fn sweep(&mut self) -> Result<(), Error> {
        let sql = self.sweeping();
        if !sql.is_empty() {
            self.statements.batch("emptying stages", &sql).await?;
        }
        Ok(())
    }

    /// After a TRUNCATE at the source: what the rules want deleted is deleted like so many rows, all other rows stay, and
    /// no link has a source row any more.
    async fn truncate(&mut self, sources: &[usize]) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        let mut staged = Vec::new();
        for &number in sources {
            let source = &plan.sources[number];
            // What waits to be written is gone from the source.
            let forget = "WITH kept AS (UPDATE acequia.parked SET op = 'delete' WHERE from_customer = $1 AND dataset = $2 \
                          AND op = 'replace') \
                          DELETE FROM acequia.parked WHERE from_customer = $1 AND dataset = $2 AND op = 'upsert'";
            let (from, dataset) = (source.customer.as_str(), source.dataset.as_str());
            self.statements.execute("dropping parked rows", forget, &[&from, &dataset]).await?;
            let Some(stage_links) = &source.truncation else { continue };
            self.ensure_stage(number, source).await?;
            let rows = self.statements.execute("staging a truncation", stage_links, &[]).await?;
            staged.push(Staged::truncation(number, usize::try_from(rows).unwrap_or(0)));
        }
        if !staged.is_empty() {
            self.apply(&mut staged, &[]).await?;
            self.leave(&staged);
            self.sweep().await?;
        }
        for &number in sources {
            self.unlink_truncated(&plan, number).await?;
        }
        Ok(())
    }

    /// Customers that keep their rows: those are their own from here on.
    async fn unlink_truncated(&mut self, plan: &Plan, number: usize) -> Result<(), Error> {
        let source = &plan.sources[number];
        let keeps = |route: &&usize| !plan.routes[**route].recipe.follows_truncation();
        let keeping: Vec<usize> = source.routes.iter().filter(keeps).copied().collect();
        if !keeping.is_empty() {
            tracing::warn!(
                table = %source.name,
                customers = keeping.len(),
                "the source table was truncated; customers keep their rows"
            );
        }
        for &route in &keeping {
            if let Some(unlink) = &self.context.sql(plan, route).unlink_all {
                let row = &plan.routes[route];
                let (from, to, dataset) = (row.from.as_str(), row.to.as_str(), row.dataset.as_str());
                self.statements.execute("releasing all links", unlink, &[&from, &to, &dataset]).await?;
            }
        }
        Ok(())
    }

    /// Notes which parked rows wait for what is on the stage.
    pub(super) async fn note_arrivals(
        &mut self,
        staged: &[Staged],
        customer: Option<usize>,
    ) -> Result<(), Error> {
        if !self.context.parked.is_empty() {
            let found =
                arrivals::waiting(&mut self.statements, &self.plan, (staged, customer), &self.closed).await?;
            self.arrivals.extend(found);
        }
        Ok(())
    }
}
