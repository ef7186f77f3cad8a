//! How far a run is. It is told on a watch channel: to a terminal, to the daemon's state file.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Reading catalogs, taking the moment.
    Preparing,
    /// Reading tables and writing them.
    Exporting,
    /// Reading back what was written.
    Checking,
    /// Done, and waiting for `publish_at`.
    Waiting,
    /// Putting it in the place of the last one.
    Publishing,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What it is doing.
    pub step: Step,
    /// Rows written.
    pub rows: u64,
    /// Rows that there are, as the server's statistics have it.
    pub rows_estimate: u64,
    /// Bytes that came from the source.
    pub bytes: u64,
    /// Tables that are done, over all customers.
    pub tables: u64,
    /// Tables that there are.
    pub tables_total: u64,
    /// When it began, seconds since 1970.
    pub began_at: i64,
}

impl Progress {
    /// Of a run that begins.
    pub fn new(now: Timestamp) -> Self {
        Self {
            step: Step::Preparing,
            rows: 0,
            rows_estimate: 0,
            bytes: 0,
            tables: 0,
            tables_total: 0,
            began_at: now.as_second(),
        }
    }
}
