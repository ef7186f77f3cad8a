//! What is left at the servers of a flow's last connections. Where packets were lost, a server does not hear of their end: it keeps the
//! slot and the flow's lock for sessions that nobody serves any more, until its own limits are reached.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::apply::{self, writer};
use crate::config::{Config, Database, Tls};
use crate::fault::Fault;
use crate::rules::Flow;

use super::capture;
use super::error::Error;
use super::lifeline;

/// The processes of an attempt's connections, as soon as they are known.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// The writer's, at the target.
    pub(super) writer: OnceLock<i32>,
    /// The stream's, at the source.
    pub(super) reader: OnceLock<i32>,
}

/// So many are known at each server: one that an attempt has left, and those of attempts that failed after it.
const KNOWN_MAX: usize = 16;
/// The lock of a daemon that was killed is free once the server has noticed: at once on a socket …
const LOCK_WAIT_SOCKET: Duration = Duration::from_secs(10);
/// … and over TCP when the keepalives of the dead session have gone unanswered.
const LOCK_WAIT_TCP: Duration = Duration::from_secs(90);

/// The processes of the last attempts' connections.
#[derive(Debug, Clone, Default)]
pub(super) struct Predecessor {
    writers: Vec<i32>,
    readers: Vec<i32>,
    has_made_way: bool,
}

impl Predecessor {
    /// After an attempt that has come to stream: lock and slot were its own.
    pub(super) fn of(opened: &Opened) -> Self {
        let known = |process: &OnceLock<i32>| process.get().copied().into_iter().collect();
        Self { writers: known(&opened.writer), readers: known(&opened.reader), has_made_way: false }
    }

    /// After an attempt that has failed: ends the process that was in its way, if it is known here: nobody else can have left it.
    pub(super) async fn make_way(
        &mut self,
        config: &Config,
        flow: &Flow,
        (error, opened): (&Error, &Opened),
    ) {
        self.has_made_way = self.release(config, flow, error).await;
        // Where somebody else had what the attempt needs, it never had it.
        if !matches!(error, Error::Apply(apply::Error::Served { .. })) {
            add(&mut self.writers, &opened.writer);
        }
        if !matches!(error, Error::SlotInUse { .. }) {
            add(&mut self.readers, &opened.reader);
        }
    }

    /// Whether the last attempt has failed for a process that is ended now: the next one need not wait. Says so once.
    pub(super) fn has_made_way(&mut self) -> bool {
        std::mem::take(&mut self.has_made_way)
    }

    async fn release(&mut self, config: &Config, flow: &Flow, error: &Error) -> bool {
        let (source, target) = (&config.databases[&flow.source], &config.databases[&flow.target]);
        if let Error::Apply(apply::Error::Served { pid, .. }) = error {
            return end(&mut self.writers, target, (flow, &writer::application(&flow.name)), *pid).await;
        }
        if let Error::SlotInUse { pid, .. } = error {
            return end(&mut self.readers, source, (flow, &capture::application(&flow.name)), *pid).await;
        }
        false
    }
}

/// A lock that somebody holds may be that of our own predecessor, killed a moment ago.
pub(super) fn fault(error: &Error, config: &Config, flow: &Flow, held_since: Option<Instant>) -> Fault {
    if let Error::Apply(apply::Error::Served { .. }) = error {
        let socket = config.databases.get(&flow.target).is_some_and(|database| database.tls == Tls::Socket);
        let wait = if socket { LOCK_WAIT_SOCKET } else { LOCK_WAIT_TCP };
        let waited = held_since.map_or(Duration::ZERO, |since| since.elapsed());
        return if waited < wait { Fault::Retry } else { Fault::Halt };
    }
    error.fault()
}

fn add(known: &mut Vec<i32>, process: &OnceLock<i32>) {
    known.extend(process.get());
    known.drain(..known.len().saturating_sub(KNOWN_MAX));
}

/// Once: it may be long in going.
async fn end(
    known: &mut Vec<i32>,
    database: &Database,
    (flow, application): (&Flow, &str),
    pid: i32,
) -> bool {
    if !known.contains(&pid) || !lifeline::end(database, &flow.name, (pid, application)).await {
        return false;
    }
    known.retain(|other| *other != pid);
    tracing::info!(flow = %flow.name, database = %database.name, "a session of the last connection was still there, and is ended");
    true
}
