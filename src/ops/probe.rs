//! What a probe is told: whether the process lives, and whether it is ready, as lines for people or as JSON.

use serde_json::json;

use super::health::{Health, Level};
use super::seen::Seen;

/// An answer: good or bad, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) good: bool,
    pub(super) text: String,
}

impl Answer {
    fn new(good: bool, text: impl Into<String>) -> Self {
        Self { good, text: text.into() }
    }
}

/// `/livez`: should somebody kill it?
pub(super) fn alive(seen: Option<&Seen>) -> Answer {
    match seen {
        // It has just begun, or hangs before it could say anything: then who started it knows better.
        None => Answer::new(true, "alive: starting\n"),
        Some(seen) if seen.stopping => Answer::new(true, "alive: stopping\n"),
        Some(seen) if seen.beats() => Answer::new(true, "alive\n"),
        Some(seen) => {
            Answer::new(false, format!("hanging: the main loop beat last {:.0} s ago\n", seen.seconds_ago()))
        }
    }
}

/// `/readyz`: one line.
pub(super) fn ready(seen: Option<&Seen>) -> Answer {
    let Some((seen, health)) = judged(seen) else { return Answer::new(false, "not ready: starting\n") };
    if seen.stopping {
        return Answer::new(false, "not ready: stopping\n");
    }
    let good = health.level() != Level::Fail;
    let problems = health.problems();
    let Some(worst) = problems.first() else { return Answer::new(true, "ready\n") };
    let head = if good { "ready, but" } else { "not ready:" };
    let more = match problems.len() {
        1 => String::new(),
        count => format!(" (and {} more: /readyz?verbose)", count - 1),
    };
    Answer::new(good, format!("{head} {}{more}\n", worst.summary()))
}

/// `/readyz?verbose`: each check.
pub(super) fn ready_verbosely(seen: Option<&Seen>) -> Answer {
    let Some((seen, health)) = judged(seen) else { return ready(None) };
    let mut text = String::new();
    for check in &health.checks {
        text.push_str(&check.line());
        text.push('\n');
    }
    let good = health.level() != Level::Fail && !seen.stopping;
    text.push_str(if seen.stopping {
        "stopping\n"
    } else if good {
        "ready\n"
    } else {
        "not ready\n"
    });
    Answer::new(good, text)
}

/// `/readyz?output=json`: each check, for programs.
pub(super) fn ready_as_json(seen: Option<&Seen>) -> Answer {
    let (good, level, checks, stopping) = match judged(seen) {
        None => (false, Level::Fail, Vec::new(), false),
        Some((seen, health)) => {
            let level = health.level();
            (level != Level::Fail && !seen.stopping, level, health.checks, seen.stopping)
        }
    };
    let version = env!("CARGO_PKG_VERSION");
    let text =
        json!({ "ready": good, "level": level, "stopping": stopping, "version": version, "checks": checks });
    Answer::new(good, format!("{text}\n"))
}

fn judged(seen: Option<&Seen>) -> Option<(&Seen, Health)> {
    seen.map(|seen| (seen, seen.health()))
}
