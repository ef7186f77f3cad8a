//! Heartbeats: a small message through the WAL of each source, so that "nothing happens there" and "nothing arrives" differ.
//!
//! A task for each source database writes one again and again, over a session of its own. Each flow of that database hands
//! it on to its target, where it moves the checkpoint; `onlooker` sees that there. What can't be written counts as not
//! come: a row may have been written at the same moment.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::catalog::Server;
use crate::lsn::Lsn;

use super::asking::{Asking, Place, limited};

/// Between two heartbeats: this part of `max_lag` …
const PART: u32 = 6;
/// … but not more often …
const INTERVAL_MIN: Duration = Duration::from_secs(1);
/// … and not more seldom than this.
const INTERVAL_MAX: Duration = Duration::from_secs(10);
/// After a failure the next try comes at least this soon: what is over shall be seen to be over.
const AGAIN: Duration = Duration::from_secs(2);
/// So many are kept for onlookers who look more seldom than they are written.
const KEPT: usize = 16;

/// One heartbeat that stands in the source's WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beat {
    /// Counts them.
    pub(super) number: u64,
    /// When it was begun: what was written at the source before that lies before it.
    pub(super) begun: Instant,
    /// Where it stands.
    pub(super) at: Lsn,
}

/// The heartbeats of one source database.
#[derive(Debug, Clone, Default)]
pub(super) struct Pulse {
    /// The last ones, the oldest first.
    pub(super) beats: VecDeque<Beat>,
    /// One is due since then and not written yet.
    pub(super) due_since: Option<Instant>,
    /// Why it is not.
    pub(super) problem: Option<String>,
}

impl Pulse {
    fn begin(&mut self, now: Instant) {
        self.due_since.get_or_insert(now);
    }

    fn written(&mut self, at: Lsn) {
        let number = self.beats.back().map_or(1, |last| last.number + 1);
        if let Some(begun) = self.due_since.take() {
            self.beats.push_back(Beat { number, begun, at });
        }
        if self.beats.len() > KEPT {
            self.beats.pop_front();
        }
        self.problem = None;
    }
}

/// How often one is written.
pub(super) fn interval(max_lag: Duration) -> Duration {
    (max_lag / PART).clamp(INTERVAL_MIN, INTERVAL_MAX)
}

/// Writes heartbeats until it is dropped.
pub(super) async fn run(mut place: watch::Receiver<Option<Place>>, pulse: watch::Sender<Pulse>) {
    let mut asking = Asking::new("acequia heartbeat");
    loop {
        let now = place.borrow_and_update().clone();
        let Some(now) = now else {
            // Nobody needs one.
            pulse.send_modify(|pulse| (pulse.due_since, pulse.problem) = (None, None));
            asking = Asking::new("acequia heartbeat");
            if place.changed().await.is_err() {
                return;
            }
            continue;
        };
        let began = Instant::now();
        pulse.send_modify(|pulse| pulse.begin(began));
        let number = pulse.borrow().beats.back().map_or(1, |last| last.number + 1);
        let content = format!("{} {number}", std::process::id());
        let written = limited(&now, async { Server::beat(asking.open(&now).await?, &content).await }).await;
        let written = asking.settle(&now, written);
        let interval = interval(now.max_lag);
        let pause = match written {
            Ok(Some(at)) => {
                pulse.send_modify(|pulse| pulse.written(at));
                interval.saturating_sub(began.elapsed())
            }
            Ok(None) => {
                let name = &now.database.name;
                say(&pulse, format!("database {name} is a standby, and takes no heartbeat"));
                interval.min(AGAIN)
            }
            Err(problem) => {
                say(&pulse, problem);
                interval.min(AGAIN)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            changed = place.changed() => if changed.is_err() { return },
        }
    }
}

fn say(pulse: &watch::Sender<Pulse>, problem: String) {
    tracing::debug!("no heartbeat: {problem}");
    pulse.send_modify(|pulse| pulse.problem = Some(problem));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_that_failed_at_first_counts_from_its_first_try() {
        let (mut pulse, began) = (Pulse::default(), Instant::now());
        pulse.begin(began);
        pulse.begin(began + Duration::from_secs(5));
        pulse.written(Lsn(7));
        assert_eq!(pulse.beats, [Beat { number: 1, begun: began, at: Lsn(7) }]);
        assert_eq!(pulse.due_since, None);
    }

    #[test]
    fn they_follow_the_limit_within_bounds() {
        let seconds = |of| interval(Duration::from_secs(of)).as_secs();
        assert_eq!([5, 30, 60, 3600].map(seconds), [1, 5, 10, 10]);
    }
}
