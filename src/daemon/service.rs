//! The process as systemd's service: when it is ready, how it goes, and whether its loops work.

use std::time::{Duration, Instant};

use crate::ops::systemd::{self, Sign};
use crate::ops::{DaemonState, Phase};

use super::pulse::Pulse;

/// A start is over after so long, whatever has come of it: a database that is down must not make it fail.
const START_LIMIT: Duration = Duration::from_secs(30);

/// That a loop stands still is said when it was seen so many times in a row, once.
const SAID_AT: u32 = 2;

/// What has been told to systemd.
pub(super) struct Service {
    began: Instant,
    is_ready: bool,
    is_reloading: bool,
    line: String,
    /// After so long without a sign systemd kills the process.
    watchdog: Option<Duration>,
    /// So many times in a row a loop was seen to stand still.
    still_ticks: u32,
}

impl Service {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            is_ready: false,
            is_reloading: false,
            line: String::new(),
            watchdog: systemd::watchdog(),
            still_ticks: 0,
        }
    }

    /// Each second, by the process's own loop: it is a loop that has to work, too.
    pub(super) fn tick(&mut self, state: &DaemonState, pulses: &[(String, Pulse)]) {
        let phases: Vec<Phase> = state.flows.iter().map(|flow| flow.state).collect();
        let line = systemd::summary(state);
        if line != self.line {
            systemd::tell(&Sign::Status(line.clone()));
            self.line = line;
        }
        // After the line, which whoever waited for the start reads next.
        if !self.is_ready && has_started(&phases, self.began.elapsed()) {
            self.is_ready = true;
            systemd::tell(&Sign::Ready);
        }
        let Some(limit) = self.watchdog else { return };
        let ages: Vec<Option<Duration>> = pulses.iter().map(|(_, pulse)| pulse.age()).collect();
        let still = standing_still(&ages, limit);
        if still.is_empty() {
            self.still_ticks = 0;
            systemd::tell(&Sign::Alive);
            return;
        }
        self.still_ticks = self.still_ticks.saturating_add(1);
        // After a stop of the whole process, or of its machine, this loop may be the first to go on.
        if self.still_ticks == SAID_AT {
            let names: Vec<&str> = still.iter().map(|place| pulses[*place].0.as_str()).collect();
            tracing::error!(
                "{} stands still: systemd will end this process and start it anew; this is a fault of Acequia, please report it",
                names.join(", ")
            );
        }
    }

    /// Before READY there is nothing to reload, in systemd's eyes.
    pub(super) fn begin_reload(&mut self) {
        if self.is_ready {
            self.is_reloading = true;
            systemd::tell(&Sign::Reloading);
        }
    }

    pub(super) fn end_reload(&mut self) {
        if std::mem::take(&mut self.is_reloading) {
            systemd::tell(&Sign::Ready);
        }
    }

    /// The process ends, and its loops with it.
    pub(super) fn stop(&mut self) {
        self.watchdog = None;
        systemd::tell(&Sign::Stopping);
    }
}

/// Every flow's first attempt has come to something, or it takes too long.
fn has_started(phases: &[Phase], since: Duration) -> bool {
    since >= START_LIMIT || !phases.contains(&Phase::Starting)
}

/// Which pulses, by their ages, are not beaten any more. Half of systemd's limit: the sign that keeps systemd waiting comes
/// from loops that all were seen to work within the other half.
fn standing_still(ages: &[Option<Duration>], limit: Duration) -> Vec<usize> {
    let is_still = |age: &Option<Duration>| age.is_some_and(|age| age > limit / 2);
    ages.iter().enumerate().filter(|(_, age)| is_still(age)).map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_is_ready_when_each_flow_has_come_to_something() {
        use Phase::{Halted, Resting, Retrying, Starting, Streaming};
        assert!(!has_started(&[Streaming, Starting], SECOND));
        assert!(has_started(&[Streaming, Retrying, Halted, Resting], SECOND));
        assert!(has_started(&[Starting], START_LIMIT), "a server that is down must not make the start fail");
        assert!(has_started(&[], Duration::ZERO), "without a flow there is nothing to wait for");
    }

    #[test]
    fn one_loop_that_stands_still_is_enough_and_one_that_has_ended_is_none() {
        let limit = SECOND * 30;
        assert!(standing_still(&[], limit).is_empty());
        assert!(standing_still(&[Some(SECOND), None, Some(SECOND * 15)], limit).is_empty());
        assert_eq!(standing_still(&[Some(SECOND), None, Some(SECOND * 16)], limit), [2]);
    }
}
