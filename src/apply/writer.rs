//! The writer: one batch, one target transaction, and the checkpoint in it.
//!
//! A piece of a huge source transaction leaves the target transaction open for the next piece. Whatever fails, nothing
//! half-done stays: the session is dropped, the target rolls back, and the stream is read again from the checkpoint.

use std::sync::Arc;

use crate::config::Database;
use crate::lsn::Lsn;
use crate::name::Ident;
use crate::notify::{Event, outbox};
use crate::postgres;
use crate::rules::{CREATE_MOVED, Plan};

use super::asking::Asking;
use super::batch::Batch;
use super::checkpoint::{Checkpoint, lock_key};
use super::context::{Context, TEXTS_MAX};
use super::copier::{self, CREATE_ASIDE};
use super::drain;
use super::engine::Engine;
use super::error::Error;
use super::ledger::{self, Brought, Span, Tally};
use super::origin::Origin;
use super::prune::{self, Keep, Surplus};
use super::recent::Recent;
use super::statements::{Param, Statements};
use super::{backfill, control, crosswalk, holds, repair, retry, scheduled, wishes};

/// Locks the checkpoint, marks the transaction as ours, so that no flow takes it for news, and looks whether somebody has
/// asked for something.
const LOCK: &str = "SELECT lsn::text, pg_logical_emit_message(true, 'acequia', $1::text), \
                    EXISTS (SELECT FROM acequia.wish WHERE flow = $1::text) \
                    FROM acequia.checkpoint WHERE flow = $1::text FOR UPDATE";

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
    /// Events that wait for their delivery.
    pub events: u64,
}

/// A writer's session that has not asked for the flow's lock yet. Who knows its process can end it from outside.
pub struct Desk {
    statements: Statements,
    pid: i32,
}

impl Desk {
    /// Opens the session.
    pub async fn open(target: &Database, flow: &str) -> Result<Self, Error> {
        let mut statements = Statements::open(target, &application(flow)).await?;
        let doing = "asking for the session's process";
        let rows = statements.query(doing, "SELECT pg_catalog.pg_backend_pid()", &[]).await?;
        let row = rows.first().ok_or_else(|| postgres::Error::protocol(doing, "no row"))?;
        let pid = row.get(0);
        statements.asking().is_of(pid);
        Ok(Self { statements, pid })
    }

    /// The session's process at the target.
    pub fn pid(&self) -> i32 {
        self.pid
    }
}

/// What DBAs see of a flow's writer.
pub fn application(flow: &str) -> String {
    format!("acequia writer {flow}")
}

/// Writes one flow into its target database.
pub struct Writer {
    engine: Engine,
    /// A target transaction is open for a source transaction that has not ended.
    open: bool,
    pending: Applied,
    /// Where the first source transaction of the target transaction at hand ends.
    first: Option<Lsn>,
    applied: Lsn,
    /// Holds whose time has come, the longest due first.
    due: Vec<i64>,
    /// Single rows are to be brought up to date.
    repairs: bool,
    /// What is too much in the journal.
    surplus: Surplus,
}

impl Writer {
    /// Takes the flow's lock, and prepares what the plan needs.
    /// So many rows are kept back for a held customer at most: `parked_limit`.
    pub async fn open(
        desk: Desk,
        source: &Database,
        plan: Arc<Plan>,
        parked_limit: u64,
    ) -> Result<Self, Error> {
        let Desk { mut statements, .. } = desk;
        lock(&mut statements, &plan.flow.name).await?;
        control::require(&statements, plan.flow.target.as_str()).await?;
        crosswalk::ensure(&mut statements, source, &plan).await?;
        let numbers = ledger::register(&mut statements, &plan).await?;
        let row = statements
            .query("reading the clock", "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8", &[])
            .await?;
        let row = row.first().ok_or_else(|| postgres::Error::protocol("reading the clock", "no row"))?;
        let context = Context {
            source: Origin::new(source.clone()),
            numbers,
            more_numbers: std::collections::HashMap::new(),
            texts: Recent::new(TEXTS_MAX),
            parked: retry::parked_routes(&mut statements, &plan).await?,
            generation: row.get(0),
            lsn: Lsn::ZERO,
        };
        statements.batch("preparing for holds", &format!("{CREATE_MOVED}; {CREATE_ASIDE}")).await?;
        scheduled::begin(&mut statements, &plan).await?;
        backfill::begin(&mut statements, &plan).await?;
        let held = holds::begin(&mut statements, &plan).await?;
        let kept = holds::kept(&mut statements, &plan).await?;
        let mut engine = Engine::new(statements, plan, context);
        engine.set_holds(held);
        engine.read_jobs().await?;
        (engine.kept, engine.parked_limit) = (kept, parked_limit);
        Ok(Self {
            engine,
            open: false,
            pending: Applied::default(),
            first: None,
            applied: Lsn::ZERO,
            due: Vec::new(),
            repairs: false,
            surplus: Surplus::default(),
        })
    }

    /// The session, for what belongs to the flow's start.
    pub fn client(&self) -> &tokio_postgres::Client {
        &self.engine.statements
    }

    /// For who looks from outside whether an answer is still to come: of the source, and of the target.
    pub fn asking(&self) -> [Asking; 2] {
        [self.engine.context.source.asking(), self.engine.statements.asking()]
    }

    /// Whether a target transaction waits for the rest of its source transaction.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// From here on the writer expects to move the checkpoint. What is to be copied may have changed with where it is.
    pub async fn start_at(&mut self, applied: Lsn) -> Result<(), Error> {
        self.applied = applied;
        self.engine.read_holds().await?;
        self.engine.read_jobs().await
    }

    /// Writes a batch. `Some` when something was committed; `None` while a source transaction is still open.
    pub async fn write(&mut self, batch: Batch) -> Result<Option<Applied>, Error> {
        let end = batch.commit.map(|point| point.end).or(batch.idle);
        if !self.open {
            self.begin().await?;
        }
        self.engine.context.lsn = end.unwrap_or(self.applied).max(self.applied);
        crate::failpoint::hit("after-begin");
        for wave in &batch.waves {
            // What has waited for an earlier wave gets in before a TRUNCATE sweeps it away.
            if wave.truncates() {
                retry::arrivals(&mut self.engine).await?;
            }
            self.engine.wave(wave).await?;
        }
        crate::failpoint::hit("after-waves");
        self.tell(&batch).await?;
        self.pending.transactions += batch.transactions;
        self.pending.changes += batch.changes as u64;
        self.pending.time_us = batch.commit.map(|point| point.time_us).or(self.pending.time_us);
        self.first = self.first.or(batch.first);
        self.open = batch.open;
        if batch.open {
            return Ok(None);
        }
        let Some(lsn) = end else { return Ok(None) };
        retry::arrivals(&mut self.engine).await?;
        self.commit(lsn).await.map(Some)
    }

    /// Tries parked rows again whose time has come. Answers how many were tried.
    pub async fn retry_due(&mut self) -> Result<u64, Error> {
        if self.open {
            return Ok(0);
        }
        let due = retry::due(&mut self.engine).await?;
        if due.is_empty() {
            return Ok(0);
        }
        self.begin().await?;
        self.engine.context.lsn = self.applied;
        retry::try_again(&mut self.engine, &due).await?;
        self.commit(self.applied).await?;
        Ok(due.len() as u64)
    }

    /// Does what operators have asked for, and looks for holds whose time has come. Those that come within a second are
    /// taken with them: the data sets of a customer whose schema was gone are written together again.
    pub async fn attend(&mut self) -> Result<(), Error> {
        if self.open {
            return Ok(());
        }
        let flow = self.engine.plan.flow.name.clone();
        let sql = "SELECT EXISTS (SELECT FROM acequia.wish WHERE flow = $1), \
                   ARRAY(SELECT id FROM acequia.hold WHERE flow = $1 AND next_try_at <= now() + interval '1 second' \
                   ORDER BY next_try_at, id), EXISTS (SELECT FROM acequia.repair WHERE flow = $1 \
                   AND (passed IS NULL OR passed <= $2::text::pg_lsn)), \
                   (SELECT max(passed)::text FROM acequia.repair WHERE flow = $1)";
        let rows = self
            .engine
            .statements
            .query("looking for wishes and holds", sql, &[&flow, &self.applied.to_string()])
            .await?;
        if rows.first().is_some_and(|row| row.get(0)) {
            self.begin().await?;
            self.commit(self.applied).await?;
        }
        self.due = rows.first().map_or_else(Vec::new, |row| row.get(1));
        self.repairs = rows.first().is_some_and(|row| row.get(2));
        self.engine.copier.repairs_wait_for =
            rows.first().and_then(|row| row.get::<_, Option<&str>>(3)?.parse().ok());
        if copier::release(&mut self.engine, self.applied).await? {
            // Their holds are due now: the next look finds them.
            self.due.clear();
        }
        Ok(())
    }

    /// How far the stream has to come before something that was copied is live.
    pub fn awaited(&self) -> Option<Lsn> {
        self.engine.awaited()
    }

    /// Something is to be copied or brought up to date.
    pub fn can_copy(&self) -> bool {
        !self.open && (self.repairs || self.engine.copy_task().is_some())
    }

    /// Copies a piece of what was there before, or brings some rows up to date.
    pub async fn copy(&mut self) -> Result<(), Error> {
        if self.open {
            return Ok(());
        }
        self.begin().await?;
        self.engine.context.lsn = self.applied;
        if self.repairs {
            self.repairs = repair::some(&mut self.engine).await?;
        } else if let Some(task) = self.engine.copy_task() {
            self.engine.carry_out(task).await?;
        }
        retry::arrivals(&mut self.engine).await?;
        crate::failpoint::hit("before-copy-commit");
        self.commit(self.applied).await?;
        Ok(())
    }

    /// Something that was held may be written now.
    pub fn can_catch_up(&self) -> bool {
        !self.open && !self.due.is_empty()
    }

    /// Writes a chunk of what was held.
    pub async fn catch_up(&mut self) -> Result<(), Error> {
        if self.open {
            return Ok(());
        }
        if drain::next(&self.engine, &self.due).is_none() {
            self.due.clear();
            return Ok(());
        }
        self.begin().await?;
        // Somebody may have asked for a pause just now.
        let Some(turn) = drain::next(&self.engine, &self.due) else {
            return self.commit(self.applied).await.map(|_| ());
        };
        self.engine.context.lsn = self.applied;
        if !drain::chunk(&mut self.engine, &turn).await? {
            // Who comes next is asked anew.
            self.due.clear();
        }
        self.commit(self.applied).await?;
        Ok(())
    }

    /// Forgets a piece of the journal that need not be kept any more. Answers whether there is more.
    pub async fn prune_journal(&mut self, keep: Keep) -> Result<bool, Error> {
        if self.open {
            return Ok(false);
        }
        prune::piece(&mut self.engine.statements, &mut self.surplus, keep).await
    }

    async fn begin(&mut self) -> Result<(), Error> {
        self.engine.statements.batch("beginning", "BEGIN").await?;
        let flow = self.engine.plan.flow.name.clone();
        let rows = self.engine.statements.query("locking the checkpoint", LOCK, &[&flow]).await?;
        let found: Option<Lsn> = rows.first().and_then(|row| row.get::<_, &str>(0).parse().ok());
        let found = found.unwrap_or(Lsn::ZERO);
        if found != self.applied {
            return Err(Error::Moved { flow, expected: self.applied, found });
        }
        if rows.first().is_some_and(|row| row.get(2)) {
            wishes::take(&mut self.engine).await?;
        }
        Ok(())
    }

    /// Puts what the batch has to tell into the outbox.
    async fn tell(&mut self, batch: &Batch) -> Result<(), Error> {
        let plan = Arc::clone(&self.engine.plan);
        let events = batch.notices.events(&plan, |route| self.engine.closed[route]);
        if events.is_empty() {
            return Ok(());
        }
        let events: Vec<String> = events.into_iter().map(Event::payload).collect();
        let channels: Vec<&str> = plan.channels.iter().map(Ident::as_str).collect();
        let params: [Param<'_>; 3] = [&plan.flow.name, &events, &channels];
        self.engine.statements.execute("putting events into the outbox", outbox::WRITE, &params).await?;
        self.pending.events += events.len() as u64;
        Ok(())
    }

    async fn commit(&mut self, lsn: Lsn) -> Result<Applied, Error> {
        let stream = self.first.take().map(|from| Span { from, to: lsn });
        let brought = Brought { stream, time_us: self.pending.time_us, at: lsn };
        let Engine { statements, context, tallies, .. } = &mut self.engine;
        ledger::add(statements, &context.numbers, tallies, brought).await?;
        let (flow, position, time) =
            (self.engine.plan.flow.name.clone(), lsn.to_string(), self.pending.time_us);
        self.engine.statements
            .execute(
                "moving the checkpoint",
                "UPDATE acequia.checkpoint SET lsn = $2::text::pg_lsn, updated_at = now(), commit_time = \
                 coalesce('2000-01-01 00:00:00+00'::timestamptz + $3::int8 * interval '1 microsecond', commit_time) \
                 WHERE flow = $1",
                &[&flow, &position, &time],
            )
            .await?;
        crate::failpoint::hit("before-commit");
        // In one message with the sweeping: if that failed, the commit would not be carried out.
        let sql = format!("{}COMMIT", self.engine.sweeping());
        self.engine.statements.batch("committing", &sql).await?;
        crate::failpoint::hit("after-commit");
        let parked = self.engine.tallies.iter().map(|tally| tally.parked).sum();
        let applied = Applied { lsn, parked, ..std::mem::take(&mut self.pending) };
        self.engine.tallies.fill(Tally::default());
        self.applied = lsn;
        Ok(applied)
    }

    /// Reads the flow's checkpoint.
    pub async fn checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        Ok(Checkpoint::read(&self.engine.statements, &self.engine.plan.flow.name).await?)
    }
}

/// Nobody else may write this flow while this session lives.
async fn lock(statements: &mut Statements, flow: &str) -> Result<(), Error> {
    let key = lock_key(flow);
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
