//! What systemd is told (sd_notify(3)): ready, reloading, stopping, how it goes, and that the loops work. Without systemd
//! nothing is told.

use std::fmt::Write as _;
use std::time::Duration;

use sd_notify::NotifyState;

use super::health::{Health, Level};
use super::state::{DaemonState, Phase};

/// The line that `systemctl status` shows is no longer than this, in characters.
const LINE_MAX: usize = 300;

/// In the order in which they are told.
const PHASES: [Phase; 6] =
    [Phase::Streaming, Phase::Starting, Phase::Retrying, Phase::Halted, Phase::Resting, Phase::Stopping];

/// What there is to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sign {
    /// The start has come to something: units that wait for this one may go on.
    Ready,
    /// The files are being read anew; [`Sign::Ready`] ends it.
    Reloading,
    /// It ends.
    Stopping,
    /// A line for `systemctl status`.
    Status(String),
    /// The loops work.
    Alive,
}

/// Tells it. systemd being deaf is no reason to fail.
pub fn tell(sign: &Sign) {
    let state = match sign {
        Sign::Ready => NotifyState::Ready,
        Sign::Reloading => NotifyState::Reloading,
        Sign::Stopping => NotifyState::Stopping,
        Sign::Status(line) => NotifyState::Status(line),
        Sign::Alive => NotifyState::Watchdog,
    };
    _ = sd_notify::notify(false, &[state]);
}

/// After so long without [`Sign::Alive`] systemd kills the process: `WatchdogSec=` of the unit, where it is meant for us.
pub fn watchdog() -> Option<Duration> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    number("WATCHDOG_USEC").filter(|usec| is_ours && *usec > 0).map(Duration::from_micros)
}

/// How it goes, in one line: how many flows do what, and the worst problem.
pub fn summary(state: &DaemonState) -> String {
    let counts = PHASES.iter().filter_map(|phase| {
        let count = state.flows.iter().filter(|flow| flow.state == *phase).count();
        (count > 0).then_some((count, phase.as_str()))
    });
    let counts = counts.enumerate().map(|(place, (count, phase))| match (place, count) {
        (0, 1) => format!("1 flow {phase}"),
        (0, _) => format!("{count} flows {phase}"),
        _ => format!("{count} {phase}"),
    });
    let mut line = counts.collect::<Vec<_>>().join(", ");
    if line.is_empty() {
        line.push_str("no flow");
    }
    if !state.snapshots.is_empty() {
        _ = write!(line, ", {} snapshots", state.snapshots.len());
    }
    let health = Health::judge(state, 0.0);
    let problems = health.problems();
    if let Some(worst) = problems.first() {
        let level = if worst.level == Level::Fail { "not green" } else { "look at" };
        _ = write!(line, "; {level}: {}: {}", worst.subject.text(), worst.text);
        if problems.len() > 1 {
            _ = write!(line, " (and {} more: acequia status)", problems.len() - 1);
        }
    }
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LINE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::FlowState;

    fn state(phases: &[Phase]) -> DaemonState {
        let flow = |(place, phase): (usize, &Phase)| FlowState {
            reason: Some("first line\nsecond line".to_owned()),
            ..FlowState::made_up(&format!("f{place}:t"), *phase)
        };
        DaemonState::made_up(phases.iter().enumerate().map(flow).collect())
    }

    #[test]
    fn the_line_counts_flows_by_what_they_do_and_names_the_worst_problem() {
        use Phase::{Halted, Streaming};
        let line = summary(&state(&[Streaming, Halted, Streaming]));
        assert!(line.starts_with("2 flows streaming, 1 halted; not green: "), "{line}");
        assert!(!line.contains('\n') && line.chars().count() <= LINE_MAX, "one line: {line}");
        assert!(summary(&state(&[])).starts_with("no flow"));
    }
}
