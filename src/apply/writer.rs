//! The writer: one batch, one target transaction, and the checkpoint in it.
//!
//! A piece of a huge source transaction leaves the target transaction open for the next piece. Whatever fails, nothing
//! half-done stays: the session is dropped, the target rolls back, and the stream is read again from the checkpoint.

use std::sync::Arc;

use std::collections::HashSet;

use crate::config::Database;
use crate::fault::Fault;
use crate::lsn::Lsn;
use crate::postgres;
use crate::rules::{Plan, SourceTable};

use super::batch::{Batch, Wave};
use super::checkpoint::Checkpoint;
use super::customer::Part;
use super::error::Error;
use super::ledger::{self, Tally};
use super::stage::{Staged, encode};
use super::statements::Statements;
use super::{control, crosswalk, retry};

/// Above this many dead rows a stage is truncated and not deleted from: dead rows mislead the planner.
const STAGE_DEAD_ROWS: usize = 500;

/// Marks the transaction as ours, so that no flow takes it for news.
const MARK: &str = "SELECT pg_logical_emit_message(true, 'acequia', $1::text)";

/// What the writer knows beside the plan.
pub(super) struct Context {
    /// The source, for values that the stream leaves out.
    pub(super) source: Database,
    /// The number of each route in the target's registry.
    pub(super) numbers: Vec<i32>,
    /// Something may be parked.
    pub(super) has_parked: bool,
    /// Number of the writing at hand; no two are the same.
    pub(super) generation: i64,
    /// Position that the writing at hand belongs to.
    pub(super) lsn: Lsn,
}

impl Context {
    pub(super) fn lsn_text(&self) -> String {
        self.lsn.to_string()
    }
}

/// What a commit made durable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// Everything that committed before this position is in the customers.
    pub lsn: Lsn,
    /// Commit time of the last source transaction, microseconds since 2000-01-01.
    pub time_us: Option<i64>,
    /// Source transactions.
    pub transactions: u64,
    /// Changes.
    pub changes: u64,
    /// Rows that were set aside.
    pub parked: u64,
}

/// Writes one flow into its target database.
pub struct Writer {
    pub(super) statements: Statements,
    pub(super) plan: Arc<Plan>,
    pub(super) context: Context,
    /// Stages that exist in the session.
    stages: HashSet<usize>,
    /// Stages made in the transaction at hand: gone again if it is rolled back.
    dead_rows: Vec<usize>,
    /// A target transaction is open for a source transaction that has not ended.
    open: bool,
    pub(super) tallies: Vec<Tally>,
    pub(super) arrivals: Vec<retry::Arrival>,
    pending: Applied,
    applied: Lsn,
}

impl Writer {
    /// Opens the session, takes the flow's lock, and prepares what the plan needs.
    pub async fn open(source: &Database, target: &Database, plan: Arc<Plan>) -> Result<Self, Error> {
        let flow = plan.flow.name.clone();
        let mut statements = Statements::open(target, &format!("acequia writer {flow}")).await?;
        lock(&mut statements, &flow).await?;
        control::require(&statements, target.name.as_str()).await?;
        crosswalk::ensure(&mut statements, &plan).await?;
        let numbers = ledger::register(&mut statements, &plan).await?;
        let row = statements
            .query(
                "reading the clock and the parked rows",
                "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8, EXISTS (SELECT FROM acequia.parked)",
                &[],
            )
            .await?;
        let row = row.first().ok_or_else(|| postgres::Error::protocol("reading the clock", "no row"))?;
        let context = Context {
            source: source.clone(),
            numbers,
            has_parked: row.get(1),
            generation: row.get(0),
            lsn: Lsn::ZERO,
        };
        let (routes, sources) = (plan.routes.len(), plan.sources.len());
        Ok(Self {
            statements,
            plan,
            context,
            stages: HashSet::new(),
            dead_rows: vec![0; sources],
            open: false,
            tallies: vec![Tally::default(); routes],
            arrivals: Vec::new(),
            pending: Applied::default(),
            applied: Lsn::ZERO,
        })
    }

    /// The session, for what belongs to the flow's start.
    pub fn client(&self) -> &tokio_postgres::Client {
        &self.statements
    }

    /// From here on the writer expects to move the checkpoint.
    pub fn start_at(&mut self, applied: Lsn) {
        self.applied = applied;
    }

    /// Writes a batch. `Some` when something was committed; `None` while a source transaction is still open.
    pub async fn write(&mut self, batch: Batch) -> Result<Option<Applied>, Error> {
        let end = batch.commit.map(|point| point.end).or(batch.idle);
        if !self.open {
            self.begin().await?;
        }
        self.context.lsn = end.unwrap_or(self.applied).max(self.applied);
        crate::failpoint::hit("after-begin");
        for wave in &batch.waves {
            self.wave(wave).await?;
        }
        crate::failpoint::hit("after-waves");
        self.pending.transactions += batch.transactions;
        self.pending.changes += batch.changes as u64;
        self.pending.time_us = batch.commit.map(|point| point.time_us).or(self.pending.time_us);
        self.open = batch.open;
        if batch.open {
            return Ok(None);
        }
        let Some(lsn) = end else { return Ok(None) };
        retry::arrivals(self).await?;
        self.commit(lsn).await.map(Some)
    }

    /// Tries parked rows again whose time has come. Answers how many were tried.
    pub async fn retry_due(&mut self) -> Result<u64, Error> {
        if self.open || !self.context.has_parked {
            return Ok(0);
        }
        self.begin().await?;
        self.context.lsn = self.applied;
        let tried = retry::due(self).await?;
        self.commit(self.applied).await?;
        Ok(tried)
    }

    async fn begin(&mut self) -> Result<(), Error> {
        self.statements.batch("beginning", "BEGIN").await?;
        let flow = self.plan.flow.name.clone();
        let rows = self
            .statements
            .query(
                "locking the checkpoint",
                "SELECT lsn::text FROM acequia.checkpoint WHERE flow = $1 FOR UPDATE",
                &[&flow],
            )
            .await?;
        let found: Option<Lsn> = rows.first().and_then(|row| row.get::<_, &str>(0).parse().ok());
        let found = found.unwrap_or(Lsn::ZERO);
        if found != self.applied {
            return Err(Error::Moved { flow, expected: self.applied, found });
        }
        self.statements.query("marking the transaction", MARK, &[&flow]).await?;
        Ok(())
    }

    async fn commit(&mut self, lsn: Lsn) -> Result<Applied, Error> {
        ledger::add(&mut self.statements, &self.context.numbers, &self.tallies).await?;
        let (flow, position, time) = (self.plan.flow.name.clone(), lsn.to_string(), self.pending.time_us);
        self.statements
            .execute(
                "moving the checkpoint",
                "UPDATE acequia.checkpoint SET lsn = $2::text::pg_lsn, updated_at = now(), commit_time = \
                 coalesce('2000-01-01 00:00:00+00'::timestamptz + $3::int8 * interval '1 microsecond', commit_time) \
                 WHERE flow = $1",
                &[&flow, &position, &time],
            )
            .await?;
        crate::failpoint::hit("before-commit");
        self.statements.batch("committing", "COMMIT").await?;
        crate::failpoint::hit("after-commit");
        let parked = self.tallies.iter().map(|tally| tally.parked).sum();
        let applied = Applied { lsn, parked, ..std::mem::take(&mut self.pending) };
        self.tallies.fill(Tally::default());
        self.applied = lsn;
        Ok(applied)
    }

    /// Stages a wave and applies it to every customer: the quick way for all of them, and if the server refuses
    /// something, the careful way for each.
    async fn wave(&mut self, wave: &Wave) -> Result<(), Error> {
        self.context.generation += 1;
        let mut staged = self.stage(wave).await?;
        crate::failpoint::hit("after-stage");
        self.unlink_truncated(&staged).await?;
        self.statements.batch("setting a savepoint", "SAVEPOINT wave").await?;
        let mut tallies = vec![Tally::default(); self.tallies.len()];
        match self.all_customers(&mut staged, &mut tallies).await {
            Ok(()) => {}
            Err(error) if error.fault() == Fault::Park => {
                self.statements.batch("going back to a savepoint", "ROLLBACK TO SAVEPOINT wave").await?;
                tallies.fill(Tally::default());
                let plan = Arc::clone(&self.plan);
                for customer in 0..plan.customers.len() {
                    let mut part = self.part(&plan, &mut staged, customer);
                    part.apply_carefully(&wave.tables, &mut tallies).await?;
                }
            }
            Err(error) => return Err(error),
        }
        self.statements.batch("releasing a savepoint", "RELEASE SAVEPOINT wave").await?;
        for (total, tally) in self.tallies.iter_mut().zip(tallies) {
            total.add(tally);
        }
        retry::note_arrivals(self, &staged).await?;
        self.clear(&staged).await
    }

    async fn all_customers(&mut self, staged: &mut [Staged], tallies: &mut [Tally]) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        let mut has_deferrable = false;
        for customer in 0..plan.customers.len() {
            has_deferrable |= plan.customers[customer].has_deferrable;
            self.part(&plan, staged, customer).apply(tallies).await?;
        }
        if has_deferrable {
            self.statements
                .batch(
                    "checking deferred constraints",
                    "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED",
                )
                .await?;
        }
        Ok(())
    }

    pub(super) fn part<'a>(
        &'a mut self,
        plan: &'a Plan,
        staged: &'a mut [Staged],
        customer: usize,
    ) -> Part<'a> {
        Part { statements: &mut self.statements, context: &mut self.context, plan, staged, customer }
    }

    async fn stage(&mut self, wave: &Wave) -> Result<Vec<Staged>, Error> {
        let plan = Arc::clone(&self.plan);
        let mut all = Vec::with_capacity(wave.tables.len());
        for table in &wave.tables {
            let source = &plan.sources[table.source];
            self.ensure_stage(table.source, source).await?;
            let (text, staged) = encode(table, source.columns.len());
            if !text.is_empty() {
                self.statements.copy("staging rows", &source.stage.copy, text).await?;
            }
            all.push(staged);
        }
        Ok(all)
    }

    pub(super) async fn ensure_stage(&mut self, number: usize, source: &SourceTable) -> Result<(), Error> {
        if self.stages.insert(number) {
            self.statements.batch("creating a stage", &source.stage.create).await?;
        }
        Ok(())
    }

    /// Empties the stages that a wave used.
    pub(super) async fn clear(&mut self, staged: &[Staged]) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        for staged in staged.iter().filter(|staged| !staged.rows.is_empty()) {
            let stage = &plan.sources[staged.source].stage;
            self.dead_rows[staged.source] += staged.rows.len();
            if self.dead_rows[staged.source] > STAGE_DEAD_ROWS {
                self.statements.batch("emptying a stage", &stage.truncate).await?;
                self.dead_rows[staged.source] = 0;
            } else {
                self.statements.execute("emptying a stage", &stage.delete, &[]).await?;
            }
        }
        Ok(())
    }

    /// After a TRUNCATE at the source no link has a source row any more. The customers' rows stay.
    async fn unlink_truncated(&mut self, staged: &[Staged]) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        for table in staged.iter().filter(|staged| staged.truncated) {
            let source = &plan.sources[table.source];
            tracing::warn!(
                table = %source.name,
                "the source table was truncated; the customers keep their rows"
            );
            for &route in &source.routes {
                if let Some(unlink) = &plan.routes[route].sql.unlink_all {
                    self.statements.execute("releasing all links", unlink, &[]).await?;
                }
            }
        }
        Ok(())
    }

    /// Reads the flow's checkpoint.
    pub async fn checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        Ok(Checkpoint::read(&self.statements, &self.plan.flow.name).await?)
    }
}

/// Nobody else may write this flow while this session lives.
async fn lock(statements: &mut Statements, flow: &str) -> Result<(), Error> {
    let key = format!("acequia flow {flow}");
    let sql = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
    let rows = statements.query("taking the flow's lock", sql, &[&key]).await?;
    if rows.first().is_some_and(|row| row.get::<_, bool>(0)) {
        return Ok(());
    }
    let holder = statements
        .query(
            "asking who holds the flow's lock",
            "SELECT l.pid, coalesce(a.application_name, '') FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
             WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = \
             current_database()) AND (l.classid::int8 << 32 | l.objid::int8) = hashtextextended($1, 0)",
            &[&key],
        )
        .await?;
    let (pid, application) = holder.first().map_or((0, String::new()), |row| (row.get(0), row.get(1)));
    Err(Error::Served { flow: flow.to_owned(), pid, application })
}
