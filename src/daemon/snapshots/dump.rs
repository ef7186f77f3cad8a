//! The task of one snapshot: looks at the clock and at what is remembered, and does the one next step (`snapshot::agenda`).
//!
//! It writes down what it is about to do before it does it, and what came of it afterwards; what a death in between left is
//! found on the disk (`memory`). The clock is asked anew at least each half minute: nobody tells when it is set.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Snapshot};
use crate::failpoint;
use crate::ops::{SnapshotPhase, SnapshotState};
use crate::snapshot::agenda::{self, Next, Times};
use crate::snapshot::error::Error;
use crate::snapshot::record::Failure;
use crate::snapshot::{mysql, place, run};

use super::herald::{self, Herald};
use super::memory::{Memory, MemoryError};

/// The clock is looked at this often at least.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);
/// How often it is looked, while a run is at work, whether something has to be told.
const TELL_INTERVAL: Duration = Duration::from_secs(5);
/// To make, to publish and to see it are three steps; more than this many come of no decision that is meant.
const STEPS_AT_ONCE: u32 = 10;
/// After a look that failed, and while somebody else works at the snapshot.
const PAUSE: Duration = Duration::from_secs(15);
/// How often it is looked whether something has been kept long enough.
const PRUNE_INTERVAL: Duration = Duration::from_hours(24);

/// What to go by.
pub(super) struct Order {
    pub(super) config: Arc<Config>,
    pub(super) snapshot: Snapshot,
    /// A hash of what decides what is in the snapshot.
    pub(super) rules: String,
}

impl Order {
    fn times(&self) -> Option<Times<'_>> {
        let calendar = self.snapshot.schedule.as_ref()?;
        Some(Times { calendar, publish_at: self.snapshot.publish_at })
    }
}

/// The task.
pub(super) struct Dump {
    orders: watch::Receiver<Arc<Order>>,
    state: watch::Sender<SnapshotState>,
    progress: Arc<run::Told>,
    stop: CancellationToken,
    herald: Herald,
    /// What went wrong with the directory itself; told once.
    trouble: Option<String>,
    /// When it was looked last whether something has been kept long enough.
    pruned: Option<Instant>,
}

/// What failed.
#[derive(Clone, Copy)]
enum Failed {
    Making,
    Publishing,
}

/// Whether to look again at once.
enum Then {
    GoOn,
    Pause(Duration),
}

impl Dump {
    pub(super) fn new(
        orders: watch::Receiver<Arc<Order>>,
        state: watch::Sender<SnapshotState>,
        progress: run::Told,
        stop: CancellationToken,
    ) -> Self {
        let progress = Arc::new(progress);
        Self { orders, state, progress, stop, herald: Herald::default(), trouble: None, pruned: None }
    }

    /// Until it is told to stop.
    pub(super) async fn run(mut self) {
        let mut steps = 0;
        while !self.stop.is_cancelled() {
            let order = Arc::clone(&self.orders.borrow_and_update());
            steps += 1;
            let pause = match self.look(&order).await {
                Ok(Then::GoOn) if steps < STEPS_AT_ONCE => continue,
                Ok(Then::GoOn) => PAUSE,
                Ok(Then::Pause(pause)) => pause,
                Err(error) => {
                    self.say(&order, &error.to_string());
                    PAUSE
                }
            };
            steps = 0;
            tokio::select! {
                () = self.stop.cancelled() => return,
                changed = self.orders.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One look, and one step.
    async fn look(&mut self, order: &Arc<Order>) -> Result<Then, MemoryError> {
        let now = Timestamp::now();
        let mut memory = Memory::open(&order.snapshot, now).await?;
        self.trouble = None;
        self.observe(order, &mut memory).await?;
        self.prune(order, &memory, now).await;
        self.note_late(order, &mut memory).await?;
        self.show(order, &memory, false);
        let then = self.step(order, &mut memory, now).await?;
        // Afterwards: what is to be done waits for no database that does not answer.
        if matches!(then, Then::Pause(_)) {
            self.deliver(order, &mut memory).await?;
        }
        Ok(then)
    }

    async fn step(
        &mut self,
        order: &Arc<Order>,
        memory: &mut Memory,
        now: Timestamp,
    ) -> Result<Then, MemoryError> {
        let Some(times) = order.times() else { return Ok(Then::Pause(LOOK_INTERVAL)) };
        match agenda::next(&memory.record, times, now) {
            Next::Make { occurrence } => self.make(order, memory, occurrence).await,
            Next::Publish { run, at } if at <= now => self.publish(order, memory, &run).await,
            Next::Publish { at, .. } | Next::Retry { at, .. } | Next::Idle(Some(at)) => {
                let wait = Duration::try_from(at.duration_since(now)).unwrap_or_default();
                Ok(Then::Pause(wait.min(LOOK_INTERVAL)))
            }
            Next::Idle(None) => Ok(Then::Pause(LOOK_INTERVAL)),
        }
    }

    /// Finds out what is published and what waits.
    async fn observe(&mut self, order: &Order, memory: &mut Memory) -> Result<(), MemoryError> {
        let (before, is_first) = (memory.record.clone(), memory.is_first);
        if let Some(found) = memory.observe(&order.rules, Timestamp::now()).await? {
            let notice = herald::published(&order.config, &order.snapshot, &found);
            memory.record.announce(notice, true);
            let (manifest, path) = (&found.manifest, found.path.display());
            let rows: u64 = manifest.datasets.iter().map(|dataset| dataset.rows).sum();
            let customers = manifest.customers.len();
            tracing::info!(snapshot = %order.snapshot.name, run = %manifest.run, rows, customers, %path, "snapshot published");
        }
        if is_first || memory.record != before { memory.keep().await } else { Ok(()) }
    }

    /// Once a day, wipes what is left of closed customers: nothing may be published for longer than it may be kept.
    async fn prune(&mut self, order: &Order, memory: &Memory, now: Timestamp) {
        let is_due = self.pruned.is_none_or(|at| at.elapsed() >= PRUNE_INTERVAL);
        if order.snapshot.retain_closed_days.is_none() || !is_due {
            return;
        }
        self.pruned = Some(Instant::now());
        if let Err(error) = memory.prune(&order.snapshot, now).await {
            tracing::warn!(snapshot = %order.snapshot.name, "an old run of the snapshot stays: {error}");
        }
    }

    /// Tells what is late, and what waits to be told.
    async fn tell(&mut self, order: &Order, memory: &mut Memory) -> Result<(), MemoryError> {
        self.note_late(order, memory).await?;
        self.deliver(order, memory).await
    }

    /// Has it told what is late.
    async fn note_late(&mut self, order: &Order, memory: &mut Memory) -> Result<(), MemoryError> {
        let late = order.times().and_then(|times| {
            let occurrence = agenda::late(&memory.record, times, Timestamp::now())?;
            Some((occurrence, times.publish_moment(occurrence)))
        });
        if let Some((occurrence, publish_at)) = late
            && memory.record.told_late != Some(occurrence)
        {
            tracing::warn!(snapshot = %order.snapshot.name, %publish_at, "the snapshot is late");
            let notice =
                herald::late(&order.config, &order.snapshot, (&memory.record, occurrence, publish_at));
            memory.record.announce(notice, false);
            memory.record.told_late = Some(occurrence);
            memory.keep().await?;
        }
        Ok(())
    }

    /// Tells what waits to be told.
    async fn deliver(&mut self, order: &Order, memory: &mut Memory) -> Result<(), MemoryError> {
        let is_changed = self.herald.deliver(&order.config, &order.snapshot, &mut memory.record).await;
        if is_changed { memory.keep().await } else { Ok(()) }
    }

    /// Makes a run for a scheduled time.
    async fn make(
        &mut self,
        order: &Arc<Order>,
        memory: &mut Memory,
        occurrence: Timestamp,
    ) -> Result<Then, MemoryError> {
        let now = Timestamp::now();
        memory.record.begin(occurrence, now);
        memory.keep().await?;
        self.show(order, memory, true);
        tracing::info!(snapshot = %order.snapshot.name, scheduled_for = %occurrence, "making a snapshot");
        failpoint::hit("snapshot-begun");
        let halt = self.stop.child_token();
        let (own, progress, token) = (Arc::clone(order), Arc::clone(&self.progress), halt.clone());
        let mut making =
            driven(
                move || async move { run::make(&own.config, &own.snapshot, now, &progress, &token).await },
            );
        let mut tick = tokio::time::interval(TELL_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let made = loop {
            tokio::select! {
                made = &mut making => break made,
                _ = tick.tick() => {
                    // The run goes on, also where that can't be written down now.
                    match self.tell(order, memory).await {
                        Ok(()) => self.show(order, memory, true),
                        Err(error) => self.say(order, &error.to_string()),
                    }
                }
                changed = self.orders.changed(), if !halt.is_cancelled() => {
                    // A run by other rules is not what anybody wants to have published.
                    if changed.is_err() || self.orders.borrow().rules != order.rules {
                        halt.cancel();
                    }
                }
            }
        };
        match made {
            Ok(Ok(staged)) => {
                failpoint::hit("snapshot-made");
                tracing::info!(snapshot = %order.snapshot.name, run = %staged.run, "snapshot made");
                memory.record.stage(staged.run, occurrence, &order.rules, Timestamp::now());
                memory.keep().await?;
                Ok(Then::GoOn)
            }
            Ok(Err(_)) if halt.is_cancelled() => {
                memory.record.put_back();
                memory.keep().await?;
                Ok(Then::GoOn)
            }
            Ok(Err(error)) if error.is_busy() => {
                memory.record.put_back();
                memory.keep().await?;
                Ok(Self::wait_for_another(order, &error))
            }
            Ok(Err(error)) => {
                self.fail(order, memory, (Failed::Making, occurrence), &error.to_string()).await
            }
            Err(_) => {
                let text = "the task that makes the snapshot broke down: this is a fault of Acequia, please report it";
                self.fail(order, memory, (Failed::Making, occurrence), text).await
            }
        }
    }

    /// Puts a staged run in the place of the published one.
    async fn publish(
        &mut self,
        order: &Arc<Order>,
        memory: &mut Memory,
        run: &str,
    ) -> Result<Then, MemoryError> {
        let (own, run) = (Arc::clone(order), run.to_owned());
        let published =
            driven(
                move || async move { run::publish(&own.config, &own.snapshot, &run, Timestamp::now()).await },
            );
        let published = published.await.map_err(|_| MemoryError::Broken)?;
        failpoint::hit("snapshot-put-there");
        match published {
            // What is there now is found by the next look, as after a death at this place.
            Ok(_) | Err(Error::Place(place::Error::Superseded { .. })) => Ok(Then::GoOn),
            Err(
                Error::Place(place::Error::NotStaged { .. }) | Error::Mysql(mysql::Error::NotStaged { .. }),
            ) => {
                memory.record.lose_staged();
                memory.keep().await?;
                Ok(Then::GoOn)
            }
            Err(error) if error.is_busy() => Ok(Self::wait_for_another(order, &error)),
            Err(error) => {
                let occurrence = memory.record.staged.as_ref().map(|staged| staged.occurrence);
                let failed = (Failed::Publishing, occurrence.unwrap_or_default());
                self.fail(order, memory, failed, &error.to_string()).await
            }
        }
    }

    async fn fail(
        &mut self,
        order: &Order,
        memory: &mut Memory,
        (failed, occurrence): (Failed, Timestamp),
        text: &str,
    ) -> Result<Then, MemoryError> {
        tracing::error!(snapshot = %order.snapshot.name, "the snapshot failed, and the last one stays: {text}");
        let (record, now) = (&mut memory.record, Timestamp::now());
        let is_other = record.failure.as_ref().is_none_or(|failure| failure.text != text);
        let is_first = match failed {
            Failed::Making => record.work.as_ref().is_some_and(|work| work.tries == 1),
            Failed::Publishing => record.staged.as_ref().is_some_and(|staged| staged.tries == 0),
        };
        match failed {
            Failed::Making => record.fail(text.to_owned(), now),
            Failed::Publishing => record.fail_staged(text.to_owned(), now),
        }
        let is_news = is_other || is_first;
        if is_news {
            let notice = herald::failed(&order.config, &order.snapshot, (&memory.record, occurrence, text));
            memory.record.announce(notice, false);
        }
        memory.keep().await?;
        Ok(Then::GoOn)
    }

    fn wait_for_another(order: &Order, error: &Error) -> Then {
        tracing::info!(snapshot = %order.snapshot.name, "{error}");
        Then::Pause(PAUSE)
    }

    /// The directory can't be used: nothing can be remembered, and so nothing is begun.
    fn say(&mut self, order: &Order, text: &str) {
        self.state.send_modify(|state| {
            state.state = SnapshotPhase::Retrying;
            state.failure = Some(Failure { at: Timestamp::now(), text: text.to_owned() });
        });
        if self.trouble.as_deref() != Some(text) {
            tracing::error!(snapshot = %order.snapshot.name, "no snapshot can be made: {text}");
            self.trouble = Some(text.to_owned());
        }
    }

    /// Tells others how it is.
    fn show(&self, order: &Order, memory: &Memory, is_making: bool) {
        let (record, now) = (&memory.record, Timestamp::now());
        let next = order.times().map(|times| agenda::next(record, times, now));
        let (state, next_at) = match next {
            _ if is_making => (SnapshotPhase::Making, None),
            Some(Next::Make { .. }) => (SnapshotPhase::Making, Some(now)),
            Some(Next::Publish { at, .. }) => (SnapshotPhase::Waiting, Some(at)),
            Some(Next::Retry { at, .. }) => (SnapshotPhase::Retrying, Some(at)),
            Some(Next::Idle(at)) => (SnapshotPhase::Idle, at),
            None => (SnapshotPhase::Idle, None),
        };
        let late = order.times().is_some_and(|times| agenda::late(record, times, now).is_some());
        self.state.send_modify(|told| {
            told.state = state;
            told.next_at = next_at.map(Timestamp::as_second);
            told.late = late;
            told.published.clone_from(&record.published);
            told.failure.clone_from(&record.failure);
        });
    }
}

/// Has a run driven by a thread of its own: it waits for the disk now and then, and the flows' threads must not.
fn driven<F: Future>(work: impl FnOnce() -> F + Send + 'static) -> JoinHandle<F::Output>
where
    F::Output: Send + 'static,
{
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(work()))
}
