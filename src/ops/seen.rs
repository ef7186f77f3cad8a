//! The daemon's state as it was told last, and when: what answers stand on, however the daemon is by now.

use std::sync::Arc;
use std::time::Instant;

use super::health::Health;
use super::state::DaemonState;

/// The process writes down each second how it is. One that has not for so long hangs.
const BEAT_MAX_SECONDS: f64 = 5.0;

/// What was told last.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What was told.
    pub state: Arc<DaemonState>,
    /// When.
    pub at: Instant,
    /// The process was told to stop: nothing more is told, and none of it is green.
    pub stopping: bool,
}

impl Seen {
    /// Told now.
    pub fn new(state: Arc<DaemonState>) -> Self {
        Self { state, at: Instant::now(), stopping: false }
    }

    /// Seconds since it was told.
    pub fn seconds_ago(&self) -> f64 {
        self.at.elapsed().as_secs_f64()
    }

    /// What it comes to by now.
    pub fn health(&self) -> Health {
        Health::judge(&self.state, self.seconds_ago())
    }

    /// The loop of the process beats.
    pub fn beats(&self) -> bool {
        self.seconds_ago() <= BEAT_MAX_SECONDS
    }
}
