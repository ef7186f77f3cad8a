//! One flow, for as long as the daemon runs: start, stream, and what a failure means.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinError;
use tokio::time::Interval;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::apply::{self, Batch, Keep, Writer};
use crate::config::{Config, NotifyEvent};
use crate::fault::{Delays, Fault};
use crate::logging::TURN;
use crate::lsn::Lsn;
use crate::notify::Post;
use crate::ops::Phase;
use crate::rules::{Flow, Plan};

use super::super::progress::Progress;
use super::capture::{Capture, Seen};
use super::error::Error;
use super::gap::Gap;
use super::inspection::Inspection;
use super::knock;
use super::lifeline::Lifeline;
use super::order::{Followed, Orders};
use super::past;
use super::plan::Told;
use super::predecessor::{self, Opened, Predecessor};
use super::recall::Turn;
use super::start::{self, Prepared};
use super::unheard;
use super::wished::wished;

/// How often parked rows are looked at whose time has come.
const PARKED_INTERVAL: Duration = Duration::from_secs(5);
/// How often wishes and holds are looked at.
const HOLDS_INTERVAL: Duration = Duration::from_secs(1);
/// A flow that has streamed for so long begins with a short delay after its next failure.
const CALM: Duration = Duration::from_secs(30);
/// How often the journal is looked at for images that need not be kept any more.
const JOURNAL_INTERVAL: Duration = Duration::from_mins(10);
/// How long what waits has its turn between two pieces of them.
const JOURNAL_PAUSE: Duration = Duration::from_secs(1);
/// What was in the way is ended, and goes in a moment. The delays stay as they are.
const CLEARED: Duration = Duration::from_secs(1);

/// What was handed to the writer is committed if that takes no longer, once the flow is told to stop; else it is rolled back, and
/// done again after the next start.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// The same where nothing of the stream was handed to it: it only asks, and a server that hangs does not answer.
const ASKING_LIMIT: Duration = Duration::from_secs(2);

/// Before a flow halts it is looked whether its tables have changed; so long at most.
const LOOK_LIMIT: Duration = Duration::from_secs(20);

/// A halted flow looks again this often whether somebody has mended it.
const HALTED_INTERVAL: Duration = Duration::from_secs(15);

/// Runs the flow until it is told to stop, or until its orders say that it has come to its end. Never returns before that.
pub(in crate::daemon) async fn run(
    mut orders: Orders,
    flow: Flow,
    progress: watch::Sender<Progress>,
    stop: CancellationToken,
) {
    let mut delays = Delays::default();
    let mut held_since: Option<Instant> = None;
    let mut told = Told::default();
    let mut turn = Turn::default();
    let mut halted: Option<String> = None;
    let mut heard = 0;
    let mut followed = Followed::Same;
    loop {
        if followed == Followed::Same {
            followed = orders.anew();
        }
        if !goes_on(&flow, &mut followed, &orders, &mut turn, &progress) {
            return stopped(&progress);
        }
        let Some(config) = orders.config().map(Arc::clone) else { return stopped(&progress) };
        progress.send_modify(Progress::begin);
        let ended = tokio::select! {
            () = drained(&stop, &progress) => return stopped(&progress),
            ended = attempt((&config, &orders), &flow, &progress, (&mut delays, &mut told, &mut turn), &stop) => ended,
        };
        let Err(error) = ended else { return stopped(&progress) };
        if progress.borrow().phase == Phase::Streaming {
            halted = None;
        }
        if is_turn(&flow, &error, &mut turn) {
            if let Error::Reached { at } = error {
                followed = orders.reached(at);
            }
            continue;
        }
        let error = lost(&flow, error, progress.borrow().applied);
        if let Some(gap) = error.of_stream(&flow, progress.borrow().applied) {
            turn.gap = Some(gap);
        }
        let is_held = matches!(error, Error::Apply(apply::Error::Served { .. }));
        held_since = is_held.then(|| held_since.unwrap_or_else(Instant::now));
        // One that has streamed is its own predecessor: its last statement may still be running.
        let patient = progress.borrow().has_streamed;
        if predecessor::fault(&error, &config, &flow, held_since.filter(|_| !patient)) == Fault::Halt {
            if halted.replace(error.to_string()).as_ref() != Some(&error.to_string()) {
                tracing::error!(flow = %flow.name, "flow halted: {error}");
            }
            let ended = halt(&mut orders, (&config, &flow, &mut heard), &error, (&progress, &stop)).await;
            let Some(next) = ended else { return };
            followed = next;
            continue;
        }
        let delay = if turn.last.has_made_way() { CLEARED } else { delays.next_delay() };
        tracing::warn!(flow = %flow.name, retry_in_ms = delay.as_millis(), "flow interrupted: {error}");
        progress.send_modify(|progress| progress.enter(Phase::Retrying, Some(error.to_string())));
        followed = orders.interrupted();
        tokio::select! {
            () = stop.cancelled() => return stopped(&progress),
            () = wait(&mut orders, delay) => {}
            () = knock::answered(&error, &config, &flow) => delays.succeeded(),
        }
    }
}

/// Waits until it is worth looking again whether somebody has mended the flow; new rules are followed at once. `None`: it is
/// told to stop.
async fn halt(
    orders: &mut Orders,
    (config, flow, heard): (&Config, &Flow, &mut i64),
    error: &Error,
    (progress, stop): (&watch::Sender<Progress>, &CancellationToken),
) -> Option<Followed> {
    let has_streamed = progress.borrow().has_streamed;
    progress.send_modify(|progress| progress.halt(error.to_string(), false));
    let is_refused = tokio::select! {
        () = stop.cancelled() => return None,
        refused = past::is_refused(error, (config, flow), has_streamed) => refused,
    };
    progress.send_modify(|progress| progress.halt(error.to_string(), is_refused));
    let followed = orders.halted();
    if followed != Followed::Same {
        return Some(followed);
    }
    tokio::select! {
        () = stop.cancelled() => return None,
        () = wished(&config.databases[&flow.target], &flow.name, heard) => {}
        () = wait(orders, HALTED_INTERVAL) => {}
    }
    Some(orders.halted())
}

/// Waits for so long, or until there is something new among the orders.
async fn wait(orders: &mut Orders, limit: Duration) {
    tokio::select! {
        () = orders.arrived() => {}
        () = tokio::time::sleep(limit) => {}
    }
}

/// Says which rules the flow goes on by, where they are others than before. `false`: by none.
fn goes_on(
    flow: &Flow,
    followed: &mut Followed,
    orders: &Orders,
    turn: &mut Turn,
    progress: &watch::Sender<Progress>,
) -> bool {
    progress.send_modify(|progress| progress.order = orders.number());
    match std::mem::replace(followed, Followed::Same) {
        Followed::Same => true,
        Followed::Another => {
            let sha256 = orders.config().map_or("", |config| &config.sha256);
            tracing::info!(flow = %flow.name, config = sha256, "goes on by the new rules");
            // What was refused by the old rules is tried again by the new ones.
            turn.drifted = true;
            true
        }
        Followed::End => {
            tracing::info!(flow = %flow.name, "no rule needs this flow any more: it ends, and its customers keep their data");
            false
        }
    }
}

/// Ready when the flow is told to stop, and has had its time to commit what it is writing. Where it writes nothing, soon.
async fn drained(stop: &CancellationToken, progress: &watch::Sender<Progress>) {
    stop.cancelled().await;
    if progress.borrow().phase != Phase::Streaming {
        return;
    }
    tokio::time::sleep(ASKING_LIMIT).await;
    if progress.borrow().is_writing {
        tokio::time::sleep(DRAIN_LIMIT.saturating_sub(ASKING_LIMIT)).await;
    }
}

/// Whether the attempt has ended for no failure: the flow is prepared anew at once.
fn is_turn(flow: &Flow, error: &Error, turn: &mut Turn) -> bool {
    if let Error::Drift { .. } = error {
        tracing::info!(flow = %flow.name, "{error}: the flow is prepared anew");
        turn.drifted = true;
        return true;
    }
    if let Error::Renewed { .. } = error {
        turn.renew();
        return true;
    }
    if let Error::Ordered = error {
        return true;
    }
    if let Error::Reached { at } = error {
        if turn.stop_before().is_some_and(|before| before <= *at) {
            turn.reach();
        }
        return true;
    }
    if let Error::Apply(apply::Error::Identity { from, dataset, at, .. }) = error {
        let table = (from.clone(), dataset.clone());
        if turn.adopted.get(&table) == Some(at) {
            // It has gone over there already, and that was of no use.
            return false;
        }
        tracing::info!(flow = %flow.name, "{error}");
        turn.meet(table, *at);
        return true;
    }
    false
}

/// An identity that the flow has gone over to and that the stream still does not bring: it never will.
fn lost(flow: &Flow, error: Error, checkpoint: Lsn) -> Error {
    if let Error::Apply(apply::Error::Identity { table, at, .. }) = &error {
        return Gap::identity(flow, checkpoint, table, *at).into();
    }
    error
}

fn stopped(progress: &watch::Sender<Progress>) {
    progress.send_modify(|progress| progress.enter(Phase::Stopping, None));
}

/// Brings the flow up and streams until something fails or it is told to stop.
async fn attempt(
    (config, orders): (&Config, &Orders),
    flow: &Flow,
    progress: &watch::Sender<Progress>,
    (delays, told, turn): (&mut Delays, &mut Told, &mut Turn),
    stop: &CancellationToken,
) -> Result<(), Error> {
    let opened = Opened::default();
    let prepared = tokio::select! {
        prepared = Box::pin(start::prepare(config, flow, (told, turn), &opened)) => prepared,
        unheard = Box::pin(unheard::while_preparing(config, flow, &opened)) => Err(unheard),
        () = orders.pressed() => Err(Error::Ordered),
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            turn.last.make_way(config, flow, (&error, &opened)).await;
            return Err(error);
        }
    };
    turn.last = Predecessor::of(&opened);
    turn.know(&prepared.plan);
    let (began, from) = (Instant::now(), prepared.applied);
    let mut another = prepared.drift.another();
    let ended = Box::pin(stream((config, orders), flow, progress, (prepared, turn), stop))
        .await
        .map_err(|error| named(error, flow, from));
    progress.send_modify(|progress| progress.is_writing = false);
    // To be ready is no success: something was written, or nothing failed for a while.
    if progress.borrow().applied > from || began.elapsed() > CALM {
        delays.succeeded();
        turn.gap = None;
    }
    match ended {
        // What nothing else explains may come of a table that is not what it was.
        Err(error) if error.fault() == Fault::Halt => {
            let drift = tokio::time::timeout(LOOK_LIMIT, another.look()).await;
            Err(drift.ok().flatten().unwrap_or(error))
        }
        ended => ended,
    }
}

/// Changes are decoded with the catalog of their time. Where the flow's publication was not there then, the server says that
/// there is no such thing, and will say so for ever.
fn named(error: Error, flow: &Flow, checkpoint: Lsn) -> Error {
    const UNDEFINED_OBJECT: &str = "42704";
    let Error::Postgres(refused) = &error else { return error };
    if refused.sqlstate().is_none_or(|state| state.as_str() != UNDEFINED_OBJECT) {
        return error;
    }
    Gap::unpublished(flow, checkpoint).into()
}

async fn stream(
    (config, orders): (&Config, &Orders),
    flow: &Flow,
    progress: &watch::Sender<Progress>,
    (prepared, turn): (Prepared, &Turn),
    stop: &CancellationToken,
) -> Result<(), Error> {
    let Prepared { plan, writer, stream, applied, silence_limit, drift } = prepared;
    let (source, target) = (&config.databases[&flow.source], &config.databases[&flow.target]);
    let [reads, writes] = writer.asking();
    let source_lifeline = Lifeline::new(reads, source, &flow.name).or_given_up();
    let target_lifeline = Lifeline::new(writes, target, &flow.name);
    let (routes, broken) = (plan.routes.len(), plan.broken.len());
    tracing::info!(target: TURN, flow = %flow.name, position = %applied, routes, broken, "streaming");
    progress.send_modify(|progress| {
        progress.enter(Phase::Streaming, None);
        progress.applied = applied;
        progress.received = applied;
        progress.heard_at = Instant::now();
    });
    let (told, to_tell) = watch::channel(0);
    // A task of its own, gone with this attempt: what is told to applications never holds up the writing.
    let _post = post(config, flow, &plan, to_tell);
    let _inspection = inspection(config, flow, &plan, (progress, &told));
    let (batches, incoming) = mpsc::channel(1);
    let (applied, applied_seen) = watch::channel(applied);
    let (awaited, awaited_seen) = watch::channel(None);
    let seen = Seen { received: *applied.borrow(), heard_at: Instant::now(), oldest_us: None };
    let (seen, watched) = watch::channel(seen);
    let capture = Capture {
        flow: flow.name.clone(),
        source: source.clone(),
        silence_limit,
        plan,
        batches,
        borne: turn.adopted.iter().map(|(table, at)| (table.clone(), *at)).collect(),
        stop_before: turn.stop_before(),
        orders: orders.clone(),
        partitions: turn.partitions.clone(),
        drift: drift.another(),
        applied: applied_seen,
        awaited: awaited_seen,
        seen,
    };
    // The reading has a task of its own: it keeps talking to the server while the writer encodes.
    let pulse = progress.borrow().reading.clone();
    let mut capture = tokio::spawn(pulse.beating(capture.run(stream)));
    let drift = AbortOnDropHandle::new(tokio::spawn(drift.changed()));
    let incoming = (incoming, drift);
    let keep = Keep { days: config.daemon.journal_keep_days, bytes: config.daemon.journal_max_bytes };
    let written = tokio::select! {
        joined = &mut capture => return read(joined),
        written = write(writer, incoming, (&applied, &told, &awaited), watched, (progress, stop), keep) => written,
        lost = Box::pin(source_lifeline.lost()) => Err(lost),
        lost = Box::pin(target_lifeline.lost()) => Err(lost),
    };
    if written.is_ok() && !stop.is_cancelled() {
        // Nothing comes any more because the reading has ended: it knows why.
        return read(capture.await);
    }
    capture.abort();
    written
}

/// Delivers what the writer puts into the outbox, where somebody listens.
fn post(
    config: &Config,
    flow: &Flow,
    plan: &Plan,
    written: watch::Receiver<u64>,
) -> Option<AbortOnDropHandle<Infallible>> {
    if plan.channels.is_empty() && config.channels(NotifyEvent::AlertDrift).is_empty() {
        return None;
    }
    let source = config.databases.get(&flow.source)?.clone();
    let target = config.databases.get(&flow.target)?.clone();
    let post = Post { flow: flow.name.clone(), source, target };
    Some(AbortOnDropHandle::new(tokio::spawn(post.deliver(written))))
}

/// Compares customers with what the rules give them, where the files say when.
fn inspection(
    config: &Config,
    flow: &Flow,
    plan: &Arc<Plan>,
    (progress, told): (&watch::Sender<Progress>, &watch::Sender<u64>),
) -> Option<AbortOnDropHandle<Infallible>> {
    let when = config.daemon.verify.clone()?;
    let source = config.databases.get(&flow.source)?.clone();
    let target = config.databases.get(&flow.target)?.clone();
    let channels = config.channels(NotifyEvent::AlertDrift);
    let channels = channels.iter().map(|channel| channel.as_str().to_owned()).collect();
    let inspection = Inspection { plan: Arc::clone(plan), source, target, when, channels };
    Some(AbortOnDropHandle::new(tokio::spawn(inspection.run(progress.clone(), told.clone()))))
}

/// How the reading ended: never well, unless the writing has ended before.
fn read(joined: Result<Result<(), Error>, JoinError>) -> Result<(), Error> {
    joined.unwrap_or(Err(Error::Broken))
}

/// What the reading has seen goes into the flow's progress.
fn look_over(progress: &watch::Sender<Progress>, now: Seen) {
    progress.send_if_modified(|progress| {
        (progress.received, progress.heard_at, progress.oldest_us) =
            (now.received, now.heard_at, now.oldest_us);
        false
    });
}

/// What is done beside the stream: what was held catches up, and what was there before is copied.
async fn aside(writer: &mut Writer, awaited: &watch::Sender<Option<Lsn>>) -> Result<(), Error> {
    if writer.can_catch_up() {
        return Ok(writer.catch_up().await?);
    }
    writer.copy().await?;
    awaited.send_replace(writer.awaited());
    Ok(())
}

/// Forgets a piece of the journal; soon again where there is more.
async fn prune(writer: &mut Writer, timer: &mut Interval, keep: Keep) -> Result<(), Error> {
    if writer.prune_journal(keep).await? {
        timer.reset_after(JOURNAL_PAUSE);
    }
    Ok(())
}

/// Writes batches as they come, and parked rows when their time has come.
async fn write(
    mut writer: Writer,
    (mut incoming, mut drift): (mpsc::Receiver<Batch>, AbortOnDropHandle<Error>),
    (applied, told, awaited): (&watch::Sender<Lsn>, &watch::Sender<u64>, &watch::Sender<Option<Lsn>>),
    seen: watch::Receiver<Seen>,
    (progress, stop): (&watch::Sender<Progress>, &CancellationToken),
    keep: Keep,
) -> Result<(), Error> {
    let mut parked = tokio::time::interval(PARKED_INTERVAL);
    let mut look = tokio::time::interval(Duration::from_millis(500));
    let mut journal = tokio::time::interval(JOURNAL_INTERVAL);
    let mut holds = tokio::time::interval(HOLDS_INTERVAL);
    // What was held and the stream take turns, so that neither waits for the other's end.
    let mut turn = false;
    for timer in [&mut parked, &mut look, &mut journal, &mut holds] {
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    }
    loop {
        tokio::select! {
            // The timers before the batches: under a backlog there is always a batch.
            biased;
            () = stop.cancelled() => return Ok(()),
            // Not in the middle of a huge transaction: it would have to be read again from its beginning.
            noticed = &mut drift, if !writer.is_open() => return Err(noticed.unwrap_or(Error::Broken)),
            _ = parked.tick() => {
                writer.retry_due().await?;
            }
            _ = holds.tick() => {
                writer.attend().await?;
                awaited.send_if_modified(|known| std::mem::replace(known, writer.awaited()) != *known);
            }
            _ = journal.tick() => prune(&mut writer, &mut journal, keep).await?,
            _ = look.tick() => look_over(progress, *seen.borrow()),
            () = std::future::ready(()), if turn && (writer.can_catch_up() || writer.can_copy()) => {
                turn = false;
                aside(&mut writer, awaited).await?;
            }
            batch = incoming.recv() => {
                turn = true;
                let Some(batch) = batch else { return Ok(()) };
                let oldest = batch.oldest_us;
                progress.send_if_modified(|progress| {
                    (progress.oldest_us, progress.is_writing) = (progress.oldest_us.or(oldest), true);
                    false
                });
                if let Some(done) = writer.write(batch).await? {
                    applied.send_replace(done.lsn);
                    if done.events > 0 {
                        told.send_modify(|told| *told += done.events);
                    }
                    progress.send_if_modified(|progress| {
                        progress.applied = done.lsn;
                        progress.transactions += done.transactions;
                        progress.changes += done.changes;
                        (progress.oldest_us, progress.is_writing) = (None, false);
                        false
                    });
                }
            }
            () = std::future::ready(()), if writer.can_catch_up() || writer.can_copy() => aside(&mut writer, awaited).await?,
        }
    }
}
