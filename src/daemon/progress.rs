//! How a flow is doing, as its own task says it. One owner writes, everybody else watches.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::lsn::Lsn;
use crate::ops::{FlowState, Phase, Verified};

use super::pulse::Pulse;

/// Seconds from 1970 to 2000, PostgreSQL's epoch.
const POSTGRES_EPOCH_SECONDS: i64 = 946_684_800;

/// A flow's progress.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(crate) name: String,
    pub(crate) phase: Phase,
    pub(crate) reason: Option<String>,
    pub(crate) since: i64,
    pub(crate) has_streamed: bool,
    /// It is halted and never began, in this life or an earlier one.
    pub(crate) is_refused: bool,
    pub(crate) applied: Lsn,
    pub(crate) received: Lsn,
    /// Commit time of the oldest transaction received and not written, microseconds since 2000-01-01.
    pub(crate) oldest_us: Option<i64>,
    /// The writer has something of the stream in hand.
    pub(crate) is_writing: bool,
    pub(crate) transactions: u64,
    pub(crate) changes: u64,
    pub(crate) heard_at: Instant,
    /// Told by the daemon's own comparison.
    pub(crate) verified: Option<Verified>,
    /// The number of the order that is followed.
    pub(crate) order: u64,
    /// Of the flow's own task, which writes.
    pub(crate) writing: Pulse,
    /// Of the task that reads.
    pub(crate) reading: Pulse,
}

/// Before a flow has done anything.
pub(crate) fn first_state(name: &str) -> Progress {
    Progress {
        name: name.to_owned(),
        phase: Phase::Starting,
        reason: None,
        since: unix_seconds(),
        has_streamed: false,
        is_refused: false,
        applied: Lsn::ZERO,
        received: Lsn::ZERO,
        oldest_us: None,
        is_writing: false,
        transactions: 0,
        changes: 0,
        heard_at: Instant::now(),
        verified: None,
        order: 0,
        writing: Pulse::default(),
        reading: Pulse::default(),
    }
}

impl Progress {
    /// Enters a phase.
    pub(crate) fn enter(&mut self, phase: Phase, reason: Option<String>) {
        if self.phase != phase {
            self.since = unix_seconds();
        }
        self.phase = phase;
        self.is_refused = false;
        self.reason = reason;
        self.has_streamed |= phase == Phase::Streaming;
        if phase != Phase::Streaming {
            self.oldest_us = None;
        }
    }

    /// Waits for somebody to mend what the reason says.
    pub(crate) fn halt(&mut self, reason: String, is_refused: bool) {
        self.enter(Phase::Halted, Some(reason));
        self.is_refused = is_refused;
    }

    /// Another attempt begins: what is retried or halted stays so until it has come to something.
    pub(crate) fn begin(&mut self) {
        self.is_refused = false;
        if !matches!(self.phase, Phase::Retrying | Phase::Halted) {
            self.enter(Phase::Starting, None);
        }
    }

    /// As it is told to others.
    pub(crate) fn state(&self) -> FlowState {
        FlowState {
            name: self.name.clone(),
            state: self.phase,
            reason: self.reason.clone(),
            since: self.since,
            applied_lsn: self.applied.to_string(),
            received_lsn: self.received.to_string(),
            lag_seconds: self.oldest_us.map_or(0.0, age_seconds),
            transactions: self.transactions,
            changes: self.changes,
            silent_seconds: self.heard_at.elapsed().as_secs_f64(),
            verified: self.verified.clone(),
            new_rules_from: None,
            customers: Vec::new(),
            vital: None,
        }
    }
}

/// Seconds since 1970 by this host's clock.
pub(crate) fn unix_seconds() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "an age in seconds for people")]
fn age_seconds(postgres_us: i64) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let then = POSTGRES_EPOCH_SECONDS as f64 + postgres_us as f64 / 1e6;
    (now - then).max(0.0)
}
