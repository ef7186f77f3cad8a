//! Reading the stream: frames → messages → batches, and feedback on a timer of its own.
//!
//! While the writer is busy, the next batch grows; the moment it is free it gets what has gathered. A quiet source so has
//! the shortest way, a busy one the largest batches. What is confirmed is only what the target has committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use crate::apply::Batch;
use crate::apply::remembered::SourceKey;
use crate::config::Database;
use crate::lsn::Lsn;
use crate::postgres;
use crate::row::Relation;
use crate::rules::Plan;
use crate::source::assemble::{Assembler, Event};
use crate::source::duplex::{ReplicationStream, ReplicationWriter};
use crate::source::frame::Frame;
use crate::source::pgoutput;

use super::departure;
use super::drift::Watch;
use super::error::Error;
use super::order::Orders;

/// How often the server hears from us without a reason.
const FEEDBACK_INTERVAL: Duration = Duration::from_secs(1);
/// An idle position is written down when it is this far ahead of the checkpoint …
const IDLE_BYTES: u64 = 64 << 10;
/// … and this long after the last time, or at once when it is this far ahead.
const IDLE_INTERVAL: Duration = Duration::from_secs(10);
const IDLE_BYTES_AT_ONCE: u64 = 16 << 20;
/// After this long without a word, the server is asked for one.
const SILENCE_ASK: Duration = Duration::from_secs(10);

/// What the capture has seen, for the flow's progress.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) received: Lsn,
    pub(super) heard_at: Instant,
    /// Commit time of the oldest transaction that still waits here.
    pub(super) oldest_us: Option<i64>,
}

/// What is asked of a relation that nobody knows.
const ASKING_ROOT: &str = "asking for a partition's table";

/// What DBAs see of the replication connection.
pub(super) fn application(flow: &str) -> String {
    format!("acequia capture {flow}")
}

/// Everything that the reading loop owns.
pub(super) struct Capture {
    /// The flow's name, for what DBAs see of its sessions.
    pub(super) flow: String,
    pub(super) source: Database,
    /// A server that is silent for longer is gone, whatever TCP says. None where the server sends no keepalives.
    pub(super) silence_limit: Option<Duration>,
    pub(super) plan: Arc<Plan>,
    pub(super) batches: mpsc::Sender<Batch>,
    /// Tables that go over to another identity, with the transaction that does it: (table, where it commits).
    pub(super) borne: Vec<(SourceKey, Lsn)>,
    /// For a look when the stream brings what the plan does not know.
    pub(super) drift: Watch,
    /// Partitions that earlier plans have known.
    pub(super) partitions: BTreeMap<u32, SourceKey>,
    /// The transaction that commits there is not taken any more.
    pub(super) stop_before: Option<Lsn>,
    /// Where other rules hold, it is not taken by these either.
    pub(super) orders: Orders,
    /// What the target has committed.
    pub(super) applied: watch::Receiver<Lsn>,
    /// The writer waits for the stream to pass this position, be there a change or not.
    pub(super) awaited: watch::Receiver<Option<Lsn>>,
    pub(super) seen: watch::Sender<Seen>,
}

/// A server that shuts down waits until we have confirmed all that it has written, and asks again as soon as it has an answer.
/// Nothing else has it ask so often.
const ASKS_AGAIN: Duration = Duration::from_millis(250);
/// So long it is kept from going at the most: what we have not written by then is read again when it is back.
const KEPT_UP: Duration = Duration::from_secs(5);

struct Reading {
    assembler: Assembler,
    batch: Batch,
    /// The end of what was handed to the writer.
    handed: Lsn,
    /// Nothing before this position is left to come.
    passed: Lsn,
    idle_at: Instant,
    /// Since when, and when last, the server has asked again and again.
    asked: Option<(Instant, Instant)>,
    /// When everything was here last that the server had.
    level: watch::Sender<tokio::time::Instant>,
    /// The transaction that commits there is not taken any more.
    stop_before: Option<Lsn>,
    /// It has come to there.
    stopped: bool,
    drift: Watch,
}

impl Capture {
    /// Reads until the stream fails, the server has to go or the writer is gone.
    pub(super) async fn run(self, stream: ReplicationStream) -> Result<(), Error> {
        let (level, was_level) = watch::channel(tokio::time::Instant::now());
        tokio::select! {
            ended = self.read(stream, level) => ended,
            gone = departure::noticed(&self.source, &self.flow, was_level, KEPT_UP) => Err(gone),
        }
    }

    async fn read(
        &self,
        stream: ReplicationStream,
        level: watch::Sender<tokio::time::Instant>,
    ) -> Result<(), Error> {
        let ReplicationStream { mut reader, mut writer } = stream;
        let (mut applied, mut orders) = (self.applied.clone(), self.orders.clone());
        let mut reading = self.begin(*applied.borrow_and_update(), level);
        reading.stop_before = earlier(self.stop_before, self.mark(&orders).await?);
        let mut feedback = tokio::time::interval(FEEDBACK_INTERVAL);
        feedback.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if let Some(at) = reading.stop_before.filter(|_| reading.stopped && reading.batch.is_empty())
                && reading.handed <= *applied.borrow()
            {
                return Err(Error::Reached { at });
            }
            let takes = !reading.batch.is_full() && !reading.stopped;
            tokio::select! {
                permit = self.batches.reserve(), if reading.batch.is_ready() => {
                    let Ok(permit) = permit else { return Ok(()) };
                    permit.send(self.hand_over(&mut reading));
                }
                frame = reader.next(), if takes => {
                    let reply = self.take(frame?, &mut reading).await?;
                    if reply {
                        if reading.is_asked_for(Instant::now()) > KEPT_UP {
                            return Err(Error::GoingDown { database: self.source.name.to_string() });
                        }
                        rest(&mut reading, *applied.borrow(), None, true);
                        self.confirm(&mut writer, &applied, &reading, false).await?;
                    }
                }
                () = orders.arrived() => {
                    if orders.is_pressing() {
                        return Err(Error::Ordered);
                    }
                    reading.stop_before = earlier(self.stop_before, self.mark(&orders).await?);
                }
                changed = applied.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    crate::failpoint::hit("before-feedback");
                    self.confirm(&mut writer, &applied, &reading, false).await?;
                }
                _ = feedback.tick() => {
                    let silent = self.seen.borrow().heard_at.elapsed();
                    if takes && self.silence_limit.is_some_and(|limit| silent > limit) {
                        return Err(Error::Silent { database: self.source.name.to_string(), seconds: silent.as_secs() });
                    }
                    if takes && silent >= FEEDBACK_INTERVAL / 2 {
                        reading.level.send_replace(tokio::time::Instant::now());
                    }
                    let awaited = self.awaited.borrow().filter(|awaited| *awaited > *applied.borrow());
                    let ask = silent > SILENCE_ASK || awaited.is_some_and(|awaited| awaited > reading.passed);
                    self.confirm(&mut writer, &applied, &reading, ask).await?;
                    rest(&mut reading, *applied.borrow(), awaited, false);
                }
            }
        }
    }

    fn begin(&self, start: Lsn, level: watch::Sender<tokio::time::Instant>) -> Reading {
        let mut reading = Reading {
            assembler: Assembler::new(start, self.plan.cascades()),
            batch: Batch::new(Arc::clone(&self.plan)),
            handed: start,
            passed: start,
            idle_at: Instant::now(),
            asked: None,
            level,
            stop_before: None,
            stopped: false,
            drift: self.drift.another(),
        };
        for ((from, dataset), until) in &self.borne {
            reading.batch.bear(from, dataset, *until);
        }
        for (partition, (from, dataset)) in &self.partitions {
            reading.batch.know_partition(*partition, from, dataset);
        }
        reading
    }

    /// Takes one frame; answers whether the server wants to hear from us now.
    async fn take(&self, frame: Frame, reading: &mut Reading) -> Result<bool, Error> {
        let (position, reply) = match frame {
            Frame::Ended => return Err(Error::StreamEnded { database: self.source.name.to_string() }),
            Frame::Keepalive { end, reply_requested, .. } => {
                // It comes when there is nothing left to send; one that wants an answer may wait for us.
                if !reply_requested || reading.handed <= *self.applied.borrow() {
                    reading.level.send_replace(tokio::time::Instant::now());
                }
                if !reading.assembler.in_transaction() {
                    reading.passed = reading.passed.max(end);
                    // Everything that commits before is here.
                    reading.stopped |= reading.stop_before.is_some_and(|stop| stop <= end);
                }
                (end, reply_requested)
            }
            Frame::WalData { end, data, .. } => {
                let event = reading.assembler.push(pgoutput::decode(&data)?)?;
                let at = reading.assembler.commits_at();
                if reading.stop_before.is_some_and(|stop| stop <= at) {
                    reading.stopped = true;
                    return Ok(false);
                }
                match event {
                    None => {}
                    Some(Event::Relation(relation)) => {
                        // What a column brings that the plan does not know would be lost.
                        if reading.batch.is_news(&relation) {
                            let look = async { Ok(reading.drift.look().await) };
                            if let Some(drift) = postgres::in_time("looking at the tables", look).await? {
                                return Err(drift);
                            }
                        }
                        if !reading.batch.relation(&relation, at)? {
                            self.ask_for_partition(&relation, at, &mut reading.batch).await?;
                        }
                    }
                    Some(Event::Change { change, own }) => reading.batch.push(change, own, at)?,
                    // Our own writing of a checkpoint, with nothing that goes on: to write one for it would never end.
                    Some(Event::Commit { point, own: true }) if !reading.batch.open => {
                        reading.passed = reading.passed.max(point.end);
                    }
                    Some(Event::Commit { point, own: _ }) => reading.batch.commit(point),
                    Some(Event::Heartbeat(point)) => {
                        reading.passed = reading.passed.max(point.end);
                        reading.batch.beat(point.end);
                        reading.idle_at = Instant::now();
                    }
                    Some(Event::Passed(point)) => reading.passed = reading.passed.max(point.end),
                }
                (end, false)
            }
        };
        let oldest_us = reading.batch.oldest_us;
        self.seen.send_modify(|seen| {
            *seen = Seen { received: seen.received.max(position), heard_at: Instant::now(), oldest_us };
        });
        Ok(reply)
    }

    /// The batch at hand is the writer's now.
    fn hand_over(&self, reading: &mut Reading) -> Batch {
        let batch = reading.batch.follow();
        if let Some(end) = batch.commit.map(|point| point.end).or(batch.idle) {
            reading.handed = end;
        }
        let was_full = batch.is_full();
        self.seen.send_modify(|seen| {
            seen.oldest_us = reading.batch.oldest_us;
            if was_full {
                // While it was full nothing was read: that silence was ours.
                seen.heard_at = Instant::now();
            }
        });
        batch
    }

    /// Before which position other rules say to stop.
    async fn mark(&self, orders: &Orders) -> Result<Option<Lsn>, postgres::Error> {
        postgres::in_time("marking from where other rules hold", orders.mark(&self.source)).await
    }

    /// A relation that nobody knows may be a partition that was made after the plan.
    async fn ask_for_partition(
        &self,
        relation: &Arc<Relation>,
        at: Lsn,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        if !self.plan.sources.iter().any(|source| source.is_partitioned) {
            return Ok(());
        }
        let session = postgres::open(&self.source, "acequia partition").await?;
        let root = async {
            let sql = "SELECT pg_partition_root($1::oid::regclass)::oid";
            let root = session.query_one(sql, &[&relation.oid]).await;
            root.map_err(|error| postgres::Error::from_driver(ASKING_ROOT, &error))
        };
        let root = postgres::in_time(ASKING_ROOT, root).await?;
        let source = root.get::<_, Option<u32>>(0).and_then(|root| self.plan.source_of(root));
        if let Some(source) = source.map(|source| &self.plan.sources[source]) {
            batch.know_partition(relation.oid, &source.customer, &source.dataset);
            batch.relation(relation, at)?;
        }
        Ok(())
    }

    async fn confirm(
        &self,
        writer: &mut ReplicationWriter,
        applied: &watch::Receiver<Lsn>,
        reading: &Reading,
        ask: bool,
    ) -> Result<(), Error> {
        let durable = *applied.borrow();
        let received = reading.passed.max(reading.handed).max(durable);
        writer.send_status(received, durable, durable, ask).await?;
        Ok(())
    }
}

impl Reading {
    /// The server wants an answer. How long it has asked without a pause.
    fn is_asked_for(&mut self, now: Instant) -> Duration {
        let since = self.asked.filter(|(_, last)| now - *last < ASKS_AGAIN).map_or(now, |(since, _)| since);
        self.asked = Some((since, now));
        now - since
    }
}

/// The earlier one of two positions.
fn earlier(one: Option<Lsn>, other: Option<Lsn>) -> Option<Lsn> {
    [one, other].into_iter().flatten().min()
}

/// With nothing in flight, the position that the source has reached is worth writing down: else an idle flow would
/// hold back the WAL of a busy server, and keep one up that shuts down and has asked for it.
fn rest(reading: &mut Reading, applied: Lsn, awaited: Option<Lsn>, is_asked: bool) {
    let quiet = reading.batch.is_empty() && !reading.assembler.in_transaction() && reading.handed <= applied;
    let ahead = reading.passed.bytes_since(applied);
    let due = (is_asked && ahead > 0)
        || ahead >= IDLE_BYTES_AT_ONCE
        || (ahead >= IDLE_BYTES && reading.idle_at.elapsed() >= IDLE_INTERVAL)
        || awaited.is_some_and(|awaited| awaited <= reading.passed && awaited > applied);
    if quiet && due {
        reading.batch.idle = Some(reading.passed);
        reading.idle_at = Instant::now();
    }
}
