//! Copying what is there already: one piece of a source table at a time, in a transaction of the writer, between the batches
//! of the stream.
//!
//! A piece is read while the writer does nothing else. So it shows at least what the stream has brought so far, and whatever the
//! stream brings later of its rows is newer, and parked. What is parked of such a row stays parked: it is put aside while the
//! piece is written.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::fault::Fault;
use crate::lsn::Lsn;
use crate::postgres;
use crate::rules::{Plan, SourceTable};

use super::backfill::{self, Names, names};
use super::engine::Engine;
use super::error::Error;
use super::fold::Op;
use super::holds::Reason;
use super::job::{Job, State};
use super::ledger::Tally;
use super::piece;
use super::stage::{Staged, StagedRow};
use super::statements::Param;

/// So many links are compared at once.
const LINKS: i64 = 5_000;
/// A table that can't be read is looked at again after so long.
const AGAIN: Duration = Duration::from_secs(5);

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// The next links of a route: which of them have lost their source row.
    Compare(usize),
    /// The next piece of a source table, for these routes.
    Copy(usize, Vec<usize>),
}

impl Engine {
    /// Reads what is to be copied.
    pub(super) async fn read_jobs(&mut self) -> Result<(), Error> {
        self.copier.jobs = backfill::jobs(&mut self.statements, &self.plan).await?;
        Ok(())
    }

    /// What is to be copied next. Parents before children; routes that have come equally far share a piece.
    pub(super) fn copy_task(&self) -> Option<Task> {
        let is_free = |job: &&Job| {
            !self.holds.is_barred(job.route) && !self.copier.is_put_off(self.plan.routes[job.route].source)
        };
        let mut free = self.copier.jobs.iter().filter(is_free);
        if let Some(job) = free.clone().find(|job| job.state == State::Comparing) {
            return Some(Task::Compare(job.route));
        }
        let first = free.find(|job| job.state == State::Copying)?;
        let plan = &self.plan;
        let kind = |job: &Job| {
            let route = &plan.routes[job.route];
            (route.source, route.cascade, job.horizon)
        };
        let together = |job: &&Job| {
            is_free(job)
                && job.state == State::Copying
                && kind(job) == kind(first)
                && job.cursor == first.cursor
        };
        let routes = self.copier.jobs.iter().filter(together).map(|job| job.route).collect();
        Some(Task::Copy(kind(first).0, routes))
    }

    /// How far the stream has to come before something that was copied is live.
    pub(super) fn awaited(&self) -> Option<Lsn> {
        let waiting = |job: &&Job| job.state == State::Replaying && !job.is_due;
        let copied = self.copier.jobs.iter().filter(waiting).filter_map(|job| job.passed).max();
        copied.max(self.copier.repairs_wait_for)
    }

    /// Carries a task out, inside a transaction.
    pub(super) async fn carry_out(&mut self, task: Task) -> Result<(), Error> {
        match task {
            Task::Compare(route) => self.compare_links(route).await,
            Task::Copy(source, routes) => self.copy_piece(source, &routes).await,
        }
    }

    async fn copy_piece(&mut self, number: usize, routes: &[usize]) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        let source = &plan.sources[number];
        let began = Instant::now();
        let first = |job: &&Job| routes.first() == Some(&job.route);
        let cursor = self.copier.jobs.iter().find(first).and_then(|job| job.cursor.clone());
        // Made for another identity than the table has now: from the beginning.
        let cursor = cursor.filter(|cursor| source.goes_on_after(cursor));
        let asked = self.copier.rows;
        let Some(received) = self.received(number, routes).await? else { return Ok(()) };
        let Some(horizon) = self.horizon(number, routes, cursor.is_none()).await? else { return Ok(()) };
        // Before the reading: it has the session to itself.
        if cursor.is_none() {
            self.note_begin(number, routes, horizon).await?;
        }
        let (wanted, own) = ((cursor.as_deref(), asked), (&received[..], Some(horizon)));
        let read = match piece::read(&mut self.context.source, (number, source), wanted, own).await {
            Ok(read) => read,
            Err(error) => return self.refuse(number, error),
        };
        self.copier.refused.retain(|(own, _)| *own != number);
        let (at, mut done, mut is_last, mut last, mut count) = (read.at, routes.to_vec(), true, cursor, 0);
        if !read.is_empty() {
            let mut copied = read.stage(self).await?;
            crate::failpoint::hit("copied-to-stage");
            count = copied.staged.rows.len();
            done = self.write_piece(&mut copied.staged, routes).await?;
            self.note_arrivals(std::slice::from_ref(&copied.staged), None).await?;
            if copied.marked > 0 {
                self.repair_marked(&copied.staged, &done).await?;
            }
            self.leave(std::slice::from_ref(&copied.staged));
            (is_last, last) = (count < asked as usize, copied.last.or(last));
            self.note_cursor(source, &done).await?;
            self.copier.pace(began.elapsed(), copied.bytes / count.max(1), is_last);
        }
        self.note_progress(&done, (is_last, last.as_deref(), at), count).await
    }

    /// Where the next piece begins: from the stage to the control table without a way through a statement's parameters,
    /// which a server may log.
    async fn note_cursor(&mut self, source: &SourceTable, routes: &[usize]) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        let (from, to, dataset) = places(&plan, routes);
        let sql = format!(
            "UPDATE acequia.backfill b SET cursor = ({}) FROM unnest($2::text[], $3::text[], $4::text[]) r (f, t, d) \
             WHERE b.flow = $1 AND (b.from_customer, b.to_customer, b.dataset) = (r.f, r.t, r.d)",
            source.last_staged()
        );
        let params: [Param<'_>; 4] = [&plan.flow.name, &from, &to, &dataset];
        self.statements.execute("noting where the next piece begins", &sql, &params).await?;
        Ok(())
    }

    /// Writes what is staged to these routes, and to no others. Answers the routes that have it; a customer that failed
    /// is held.
    pub(super) async fn write_piece(
        &mut self,
        staged: &mut Staged,
        routes: &[usize],
    ) -> Result<Vec<usize>, Error> {
        let plan = Arc::clone(&self.plan);
        self.context.generation += 1;
        let generation = self.context.generation;
        for &route in routes {
            self.put_aside(staged, route).await?;
        }
        let mut done = routes.to_vec();
        self.open_only(&done);
        let mut tallies = vec![Tally::default(); self.tallies.len()];
        let staged = std::slice::from_mut(staged);
        self.statements.batch("setting a savepoint", "SAVEPOINT wave").await?;
        let first = self.all_customers(staged, &mut tallies).await?;
        if first.is_some() {
            self.statements.batch("going back to a savepoint", "ROLLBACK TO SAVEPOINT wave").await?;
            tallies.fill(Tally::default());
            self.context.more_numbers.clear();
            for staged in staged.iter_mut() {
                staged.go_back(0);
            }
            for customer in 0..plan.customers.len() {
                let failure = self.alone(&plan, customer, (&[], staged, &mut tallies), false).await?;
                if let Some(failure) = failure {
                    self.hold(customer, &failure).await?;
                    done.retain(|route| !plan.customers[customer].routes.contains(route));
                    self.open_only(&done);
                }
            }
        }
        self.statements.batch("releasing a savepoint", "RELEASE SAVEPOINT wave").await?;
        for (total, tally) in self.tallies.iter_mut().zip(tallies) {
            total.add(tally);
        }
        self.closed = self.holds.closed();
        for &route in routes {
            self.take_from_aside(route, generation).await?;
        }
        Ok(done)
    }

    /// For as long as a piece is written.
    fn open_only(&mut self, routes: &[usize]) {
        self.closed.fill(true);
        for &route in routes {
            self.closed[route] = false;
        }
    }

    /// What the stream has parked of these rows is newer, or equal: writing the piece must not touch it.
    async fn put_aside(&mut self, staged: &Staged, route: usize) -> Result<(), Error> {
        if self.rehearses || !self.context.parked.contains(&route) {
            return Ok(());
        }
        let plan = Arc::clone(&self.plan);
        let row = &plan.routes[route];
        let (from, to, dataset) = (row.from.as_str(), row.to.as_str(), row.dataset.as_str());
        let sql = &plan.sources[staged.source].held.put_aside;
        let params: [Param<'_>; 3] = [&from, &to, &dataset];
        self.statements.execute("putting parked rows aside", sql, &params).await?;
        Ok(())
    }

    /// Parks them again as they were; and what found its place taken, by a row that is perhaps about to go, is written
    /// with them.
    async fn take_from_aside(&mut self, route: usize, generation: i64) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        let row = &plan.routes[route];
        let (from, to, dataset) = (row.from.as_str(), row.to.as_str(), row.dataset.as_str());
        if self.holds.reason(route) == Some(Reason::Backfill) {
            let params: [Param<'_>; 4] = [&from, &to, &dataset, &generation];
            self.statements.execute("holding rows whose place is taken", HOLD_TAKEN, &params).await?;
        }
        if self.rehearses {
            return Ok(());
        }
        if self.context.parked.contains(&route) {
            let params: [Param<'_>; 3] = [&from, &to, &dataset];
            self.statements.execute("making room for parked rows", MAKE_ROOM, &params).await?;
            self.statements.execute("parking rows again", PARK_AGAIN, &params).await?;
            self.statements.execute("forgetting what was put aside", FORGET_ASIDE, &params).await?;
        }
        self.context.parked.insert(route);
        Ok(())
    }

    /// The first transaction whose rows the stream brings too. Such a row must not be written ahead of the stream: it may
    /// have had another identity a moment ago, and the customer may have it under that. `None` where the source can't be
    /// asked.
    async fn horizon(
        &mut self,
        number: usize,
        routes: &[usize],
        is_first: bool,
    ) -> Result<Option<u64>, Error> {
        let known = self.copier.jobs.iter().find(|job| job.route == routes[0]).and_then(|job| job.horizon);
        if let Some(known) = known.filter(|_| !is_first) {
            return Ok(Some(known));
        }
        match piece::horizon(&mut self.context.source).await {
            Ok(horizon) => Ok(Some(horizon)),
            Err(error) => self.refuse(number, error).map(|()| None),
        }
    }

    /// Rows that the piece left out are looked at again when their route is live.
    async fn repair_marked(&mut self, staged: &Staged, routes: &[usize]) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        let illegible: Vec<i32> = staged.illegible.iter().map(|(n, _)| *n).collect();
        let sql = plan.sources[staged.source].repair_marked();
        for &route in routes {
            let row = &plan.routes[route];
            let (from, to, dataset) = (row.from.as_str(), row.to.as_str(), row.dataset.as_str());
            let params: [Param<'_>; 5] = [&illegible, &plan.flow.name, &from, &to, &dataset];
            self.statements.execute("noting rows for later", &sql, &params).await?;
        }
        Ok(())
    }

    async fn note_begin(&mut self, number: usize, routes: &[usize], horizon: u64) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        let estimate = piece::estimate(&mut self.context.source, &plan.sources[number]).await.ok().flatten();
        let (from, to, dataset) = places(&plan, routes);
        let sql = "UPDATE acequia.backfill b SET estimate = $5, copied_from = coalesce(copied_from, now()), cursor = NULL, horizon = $6 \
                   FROM unnest($2::text[], $3::text[], $4::text[]) r (f, t, d) \
                   WHERE b.flow = $1 AND (b.from_customer, b.to_customer, b.dataset) = (r.f, r.t, r.d)";
        let text = horizon.to_string();
        let params: [Param<'_>; 6] = [&plan.flow.name, &from, &to, &dataset, &estimate, &text];
        self.statements.execute("noting what is copied", sql, &params).await?;
        for job in self.copier.jobs.iter_mut().filter(|job| routes.contains(&job.route)) {
            job.horizon = Some(horizon);
        }
        Ok(())
    }

    async fn note_progress(
        &mut self,
        routes: &[usize],
        (is_last, cursor, at): (bool, Option<&str>, Lsn),
        count: usize,
    ) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        let state = if is_last { State::Replaying } else { State::Copying };
        let (from, to, dataset) = places(&plan, routes);
        let (word, at_text, rows) =
            (state.as_str(), at.to_string(), i64::try_from(count).unwrap_or(i64::MAX));
        let sql = "UPDATE acequia.backfill b SET state = $5, passed = $6::text::pg_lsn, rows = b.rows + $7 \
                   FROM unnest($2::text[], $3::text[], $4::text[]) r (f, t, d) \
                   WHERE b.flow = $1 AND (b.from_customer, b.to_customer, b.dataset) = (r.f, r.t, r.d)";
        let params: [Param<'_>; 7] = [&plan.flow.name, &from, &to, &dataset, &word, &at_text, &rows];
        self.statements.execute("noting what is copied", sql, &params).await?;
        for job in self.copier.jobs.iter_mut().filter(|job| routes.contains(&job.route)) {
            (job.state, job.cursor, job.passed) = (state, cursor.map(str::to_owned), Some(at));
        }
        Ok(())
    }

    /// The next links of a route: a delete is parked for each whose source row is gone.
    async fn compare_links(&mut self, number: usize) -> Result<(), Error> {
        let plan = Arc::clone(&self.plan);
        let route = &plan.routes[number];
        let source = &plan.sources[route.source];
        let (from, to, dataset) = (route.from.as_str(), route.to.as_str(), route.dataset.as_str());
        let mut is_last = true;
        if let Some(crosswalk) = &route.crosswalk {
            self.sweep().await?;
            self.ensure_stage(route.source, source).await?;
            let params: [Param<'_>; 5] = [&plan.flow.name, &LINKS, &from, &to, &dataset];
            let sql = source.stage_links(crosswalk);
            let count = self.statements.execute("staging links", &sql, &params).await?;
            is_last = i64::try_from(count).is_ok_and(|count| count < LINKS);
            let rows = self.statements.query("reading links", &source.staged_links(), &[]).await?;
            let mut staged = Staged::new(route.source);
            staged.rows = vec![StagedRow::new(Op::Nothing, false, 0); rows.len()];
            self.leave(std::slice::from_ref(&staged));
            let keys: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
            let looked = piece::look(&mut self.context.source, (route.source, source), &keys, |_, _| false);
            let versions = match looked.await {
                Ok(looked) => looked.versions,
                Err(error) => return self.refuse(route.source, error),
            };
            let sql = source.note_last_link();
            let params: [Param<'_>; 4] = [&plan.flow.name, &from, &to, &dataset];
            self.statements.execute("noting what was compared", &sql, &params).await?;
            let gone = versions.iter().enumerate().filter(|(_, version)| version.is_empty());
            let gone: Vec<usize> = gone.map(|(place, _)| place).collect();
            for place in &gone {
                staged.rows[*place] = StagedRow::new(Op::Delete, false, 0);
            }
            self.drop_present(&staged, source, &gone).await?;
            self.withhold(&staged, number).await?;
        }
        let state = if is_last { State::Copying } else { State::Comparing };
        let sql = "UPDATE acequia.backfill SET state = $5, cursor = CASE WHEN NOT $6 THEN cursor END WHERE flow = $1 \
                   AND from_customer = $2 AND to_customer = $3 AND dataset = $4";
        let params: [Param<'_>; 6] = [&plan.flow.name, &from, &to, &dataset, &state.as_str(), &is_last];
        self.statements.execute("noting what was compared", sql, &params).await?;
        for job in self.copier.jobs.iter_mut().filter(|job| job.route == number) {
            (job.state, job.cursor) = (state, None);
        }
        Ok(())
    }

    /// Takes the links off the stage whose source rows are there.
    async fn drop_present(
        &mut self,
        staged: &Staged,
        source: &SourceTable,
        gone: &[usize],
    ) -> Result<(), Error> {
        if gone.len() == staged.rows.len() {
            return Ok(());
        }
        let numbers: Vec<i32> = gone.iter().filter_map(|place| i32::try_from(place + 1).ok()).collect();
        let sql = format!("DELETE FROM {} WHERE \"acequia:n\" <> ALL ($1)", source.stage.table);
        self.statements.execute("taking links off the stage", &sql, &[&numbers]).await?;
        Ok(())
    }

    /// Conditions that leave out what flows of ours have written into the source table; `None` where it can't be read.
    async fn received(&mut self, number: usize, routes: &[usize]) -> Result<Option<Vec<String>>, Error> {
        let plan = Arc::clone(&self.plan);
        if routes.iter().any(|&route| plan.routes[route].cascade) {
            return Ok(Some(Vec::new()));
        }
        match piece::received(&mut self.context.source, &plan.sources[number]).await {
            Ok(received) => Ok(Some(received)),
            Err(error) => self.refuse(number, error).map(|()| None),
        }
    }

    /// A table that can't be read is tried again later: that is no reason to stop the stream. Where the source itself
    /// can't be reached, the stream will know.
    pub(super) fn refuse(&mut self, number: usize, error: postgres::Error) -> Result<(), Error> {
        if error.refusal().is_none() {
            return Err(error.into());
        }
        let is_new = !self.copier.has_refused(number);
        self.copier.refused.retain(|(own, _)| *own != number);
        self.copier.refused.push((number, Instant::now() + AGAIN));
        let table = &self.plan.sources[number].name;
        if is_new && error.fault() != Fault::Retry {
            tracing::error!(%table, "the table can't be copied: {error}; it is tried again every {} s", AGAIN.as_secs());
        } else if is_new {
            tracing::warn!(%table, "the table can't be copied now: {error}; it is tried again every {} s", AGAIN.as_secs());
        }
        Ok(())
    }
}

/// The names of routes as arrays: from, to, data set.
fn places<'a>(plan: &'a Plan, routes: &[usize]) -> (Vec<&'a str>, Vec<&'a str>, Vec<&'a str>) {
    let routes = || routes.iter().map(|&route| &plan.routes[route]);
    (
        routes().map(|route| route.from.as_str()).collect(),
        routes().map(|route| route.to.as_str()).collect(),
        routes().map(|route| route.dataset.as_str()).collect(),
    )
}

/// For what is parked of rows while a piece is written.
pub(super) const CREATE_ASIDE: &str = "CREATE TEMP TABLE IF NOT EXISTS parked_aside (LIKE acequia.parked)";
const HOLD_TAKEN: &str = "UPDATE acequia.parked SET reason = 'backfill', next_try_at = 'infinity' \
    WHERE from_customer = $1 AND to_customer = $2 AND dataset = $3 AND generation >= $4 AND reason = 'taken'";
const MAKE_ROOM: &str = "DELETE FROM acequia.parked WHERE from_customer = $1 AND to_customer = $2 AND dataset = $3 \
    AND key = ANY (ARRAY(SELECT key FROM pg_temp.parked_aside))";
const PARK_AGAIN: &str = "INSERT INTO acequia.parked OVERRIDING SYSTEM VALUE SELECT * FROM pg_temp.parked_aside \
    WHERE from_customer = $1 AND to_customer = $2 AND dataset = $3";
const FORGET_ASIDE: &str =
    "DELETE FROM pg_temp.parked_aside WHERE from_customer = $1 AND to_customer = $2 AND dataset = $3";

/// The hold of a route whose copy is in and that the stream has passed may end. The data sets of a customer go together, as far
/// as they can be copied at all: what is gone goes children first, and what is new parents first.
pub(super) async fn release(engine: &mut Engine, applied: Lsn) -> Result<bool, Error> {
    let plan = Arc::clone(&engine.plan);
    let jobs = &engine.copier.jobs;
    let is_in =
        |job: &Job| job.state == State::Replaying && job.passed.is_none_or(|passed| passed <= applied);
    let to = |job: &Job| &plan.routes[job.route].to;
    let is_refused = |job: &Job| engine.copier.has_refused(plan.routes[job.route].source);
    let can_end = |job: &&Job| {
        job.state != State::Unconfirmed && !engine.holds.is_barred(job.route) && !is_refused(job)
    };
    let waiting: HashSet<_> = jobs.iter().filter(can_end).filter(|job| !is_in(job)).map(to).collect();
    let due = |job: &&Job| !job.is_due && is_in(job) && !waiting.contains(to(job));
    let due: Vec<usize> = jobs.iter().filter(due).map(|job| job.route).collect();
    if due.is_empty() {
        return Ok(false);
    }
    let mut own = Names::default();
    for &route in &due {
        own.push(names(&plan.routes[route]));
    }
    let sql = "UPDATE acequia.hold h SET next_try_at = now() FROM unnest($2::text[], $3::text[], $4::text[]) r (s, t, d) \
               WHERE h.flow = $1 AND h.reason = 'backfill' AND (h.sync, h.to_customer, h.dataset) = (r.s, r.t, r.d)";
    let params: [Param<'_>; 4] = [&plan.flow.name, &own.sync, &own.to, &own.dataset];
    engine.statements.execute("putting holds on time", sql, &params).await?;
    for job in engine.copier.jobs.iter_mut().filter(|job| due.contains(&job.route)) {
        job.is_due = true;
    }
    Ok(true)
}
