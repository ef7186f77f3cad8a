//! Reading the stream: frames → messages → batches, and feedback on a timer of its own.
//!
//! While the writer is busy, the next batch grows; the moment it is free it gets what has gathered. A quiet source so has
//! the shortest way, a busy one the largest batches. What is confirmed is only what the target has committed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use crate::apply::Batch;
use crate::lsn::Lsn;
use crate::rules::Plan;
use crate::source::assemble::{Assembler, Event};
use crate::source::duplex::{ReplicationStream, ReplicationWriter};
use crate::source::frame::Frame;
use crate::source::pgoutput;

use super::error::Error;

/// How often the server hears from us without a reason.
const FEEDBACK_INTERVAL: Duration = Duration::from_secs(1);
/// An idle position is written down when it is this far ahead of the checkpoint …
const IDLE_BYTES: u64 = 64 << 10;
/// … and this long after the last time, or at once when it is this far ahead.
const IDLE_INTERVAL: Duration = Duration::from_secs(10);
const IDLE_BYTES_AT_ONCE: u64 = 16 << 20;
/// After this long without a word, the server is asked for one.
const SILENCE_ASK: Duration = Duration::from_secs(15);

/// What the capture has seen, for the flow's progress.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) received: Lsn,
    pub(super) heard_at: Instant,
    /// Commit time of the oldest transaction that still waits here.
    pub(super) oldest_us: Option<i64>,
}

/// Everything that the reading loop owns.
pub(super) struct Capture {
    pub(super) database: String,
    /// A server that is silent for longer is gone, whatever TCP says. None where the server sends no keepalives.
    pub(super) silence_limit: Option<Duration>,
    pub(super) plan: Arc<Plan>,
    pub(super) batches: mpsc::Sender<Batch>,
    /// What the target has committed.
    pub(super) applied: watch::Receiver<Lsn>,
    pub(super) seen: watch::Sender<Seen>,
}

struct Reading {
    assembler: Assembler,
    batch: Batch,
    /// The end of what was handed to the writer.
    handed: Lsn,
    /// Nothing before this position is left to come.
    passed: Lsn,
    idle_at: Instant,
}

impl Capture {
    /// Reads until the stream fails or the writer is gone.
    pub(super) async fn run(self, stream: ReplicationStream) -> Result<(), Error> {
        let ReplicationStream { mut reader, mut writer } = stream;
        let mut applied = self.applied.clone();
        let start = *applied.borrow_and_update();
        let mut reading = Reading {
            assembler: Assembler::new(start, self.plan.cascades()),
            batch: Batch::new(Arc::clone(&self.plan)),
            handed: start,
            passed: start,
            idle_at: Instant::now(),
        };
        let mut feedback = tokio::time::interval(FEEDBACK_INTERVAL);
        feedback.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                permit = self.batches.reserve(), if reading.batch.is_ready() => {
                    let Ok(permit) = permit else { return Ok(()) };
                    let batch = reading.batch.follow();
                    if let Some(end) = batch.commit.map(|point| point.end).or(batch.idle) {
                        reading.handed = end;
                    }
                    if batch.is_full() {
                        // While it was full nothing was read: that silence was ours.
                        self.seen.send_modify(|seen| seen.heard_at = Instant::now());
                    }
                    permit.send(batch);
                }
                frame = reader.next(), if !reading.batch.is_full() => {
                    let reply = self.take(frame?, &mut reading)?;
                    if reply {
                        self.confirm(&mut writer, &applied, &reading, false).await?;
                    }
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
                    if self.silence_limit.is_some_and(|limit| silent > limit) && !reading.batch.is_full() {
                        return Err(Error::Silent { database: self.database.clone(), seconds: silent.as_secs() });
                    }
                    self.confirm(&mut writer, &applied, &reading, silent > SILENCE_ASK).await?;
                    rest(&mut reading, *applied.borrow());
                }
            }
        }
    }

    /// Takes one frame; answers whether the server wants to hear from us now.
    fn take(&self, frame: Frame, reading: &mut Reading) -> Result<bool, Error> {
        let (position, reply) = match frame {
            Frame::Ended => return Err(Error::StreamEnded { database: self.database.clone() }),
            Frame::Keepalive { end, reply_requested, .. } => {
                if !reading.assembler.in_transaction() {
                    reading.passed = reading.passed.max(end);
                }
                (end, reply_requested)
            }
            Frame::WalData { end, data, .. } => {
                let event = reading.assembler.push(pgoutput::decode(&data)?)?;
                let at = reading.assembler.commits_at();
                match event {
                    None => {}
                    Some(Event::Relation(relation)) => reading.batch.relation(&relation, at)?,
                    Some(Event::Change { change, own }) => reading.batch.push(change, own, at)?,
                    // Our own writing of a checkpoint, with nothing that goes on: to write one for it would never end.
                    Some(Event::Commit { point, own: true }) if !reading.batch.open => {
                        reading.passed = reading.passed.max(point.end);
                    }
                    Some(Event::Commit { point, own: _ }) => reading.batch.commit(point),
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

/// With nothing in flight, the position that the source has reached is worth writing down: else an idle flow would
/// hold back the WAL of a busy server.
fn rest(reading: &mut Reading, applied: Lsn) {
    let quiet = reading.batch.is_empty() && !reading.assembler.in_transaction() && reading.handed <= applied;
    let ahead = reading.passed.bytes_since(applied);
    let due =
        ahead >= IDLE_BYTES_AT_ONCE || (ahead >= IDLE_BYTES && reading.idle_at.elapsed() >= IDLE_INTERVAL);
    if quiet && due {
        reading.batch.idle = Some(reading.passed);
        reading.idle_at = Instant::now();
    }
}
