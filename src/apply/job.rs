//! What is to be copied for a route, and how large a piece is.

use std::time::{Duration, Instant};

use crate::lsn::Lsn;

/// The stream waits about as long for a piece.
const TURN: Duration = Duration::from_millis(200);
const ROWS_FIRST: u32 = 2_000;
/// Fewer are not written sooner: what a transaction costs is then most of it.
const ROWS_MIN: u32 = 1_000;
const ROWS_MAX: u32 = 20_000;
/// A piece of rows of common size takes no more memory than this.
const PIECE_BYTES: usize = 6 << 20;
/// How far a route has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It would override rows of the customer's own, and nobody has said yes.
    Unconfirmed,
    /// Links of source rows that are gone are looked for.
    Comparing,
    /// Rows are copied.
    Copying,
    /// The stream has to come as far as the copy.
    Replaying,
}

impl State {
    pub(super) const ALL: [Self; 4] = [Self::Unconfirmed, Self::Comparing, Self::Copying, Self::Replaying];

    /// As it stands in the control schema.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unconfirmed => "unconfirmed",
            Self::Comparing => "comparing",
            Self::Copying => "copying",
            Self::Replaying => "replaying",
        }
    }
}

/// What is to be done for one route.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// The route's place in the plan.
    pub(super) route: usize,
    pub(super) state: State,
    /// Where the next piece begins.
    pub(super) cursor: Option<String>,
    /// What the last piece showed was written before.
    pub(super) passed: Option<Lsn>,
    /// Transactions of the source from this one on (an xid8) come by the stream too.
    pub(super) horizon: Option<u64>,
    /// Its hold has been told to end.
    pub(super) is_due: bool,
}

/// What is to be copied, and how large a piece is.
#[derive(Debug)]
pub(super) struct Copier {
    pub(super) jobs: Vec<Job>,
    pub(super) rows: u32,
    /// Rows that are brought up to date one by one wait for the stream to come so far.
    pub(super) repairs_wait_for: Option<Lsn>,
    /// Sources that could not be read, each with the next try and what was said of it.
    pub(super) refused: Vec<(usize, Instant)>,
}

impl Default for Copier {
    fn default() -> Self {
        Self { jobs: Vec::new(), rows: ROWS_FIRST, repairs_wait_for: None, refused: Vec::new() }
    }
}

impl Copier {
    /// A source that could not be read the last time.
    pub(super) fn has_refused(&self, source: usize) -> bool {
        self.refused.iter().any(|(own, _)| *own == source)
    }

    /// … and that is not tried again yet.
    pub(super) fn is_put_off(&self, source: usize) -> bool {
        let now = Instant::now();
        self.refused.iter().any(|(own, until)| *own == source && *until > now)
    }

    /// The next piece takes about a turn.
    pub(super) fn pace(&mut self, took: Duration, row_bytes: usize, was_last: bool) {
        if took > TURN {
            self.rows /= 2;
        } else if took < TURN / 2 && !was_last {
            self.rows = self.rows.saturating_mul(2);
        }
        let by_bytes = u32::try_from(PIECE_BYTES / row_bytes.max(1)).unwrap_or(u32::MAX);
        self.rows = self.rows.clamp(ROWS_MIN, ROWS_MAX).min(by_bytes).max(1);
    }
}
