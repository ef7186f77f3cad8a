//! Which checks have turned red, or green again, for the log and for applications. What lasts a moment is not told: a flow that
//! is prepared anew, or a server that is restarted, would only teach people to look away.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::logging::TURN;
use crate::ops::{Check, Health, Level, Subject};

/// A check has to stay as it is for so long before it is told.
const LASTS: Duration = Duration::from_secs(5);

/// What was told of each check.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    known: BTreeMap<(String, &'static str), Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    /// It is as it was told, red or green …
    red: bool,
    /// … since then, as far as it was told.
    since: Instant,
    /// It is otherwise since then.
    otherwise: Option<Instant>,
}

/// A check that turned.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) subject: Subject,
    pub(super) check: &'static str,
    pub(super) red: bool,
    pub(super) text: String,
    /// How long it was red; nothing of one that is.
    pub(super) lasted: Option<Duration>,
}

impl Alarm {
    /// What there is to tell now. What is no longer looked at is forgotten.
    pub(super) fn look(&mut self, health: &Health, now: Instant) -> Vec<Turn> {
        let place = |check: &Check| (check.subject.text(), check.name);
        let looked_at: BTreeSet<_> = health.checks.iter().map(place).collect();
        self.known.retain(|place, _| looked_at.contains(place));
        health.checks.iter().filter_map(|check| self.turn(check, now)).collect()
    }

    fn turn(&mut self, check: &Check, now: Instant) -> Option<Turn> {
        let is_red = check.level == Level::Fail;
        let first = Known { red: false, since: now, otherwise: None };
        let known = self.known.entry((check.subject.text(), check.name)).or_insert(first);
        if known.red == is_red {
            known.otherwise = None;
            return None;
        }
        let began = *known.otherwise.get_or_insert(now);
        if now.saturating_duration_since(began) < LASTS {
            return None;
        }
        let lasted = known.red.then(|| began.saturating_duration_since(known.since));
        *known = Known { red: is_red, since: began, otherwise: None };
        Some(Turn {
            subject: check.subject.clone(),
            check: check.name,
            red: is_red,
            text: check.text.clone(),
            lasted,
        })
    }
}

/// Says it in the log, one line each.
pub(super) fn say(turn: &Turn) {
    let (subject, check, text) = (turn.subject.text(), turn.check, &turn.text);
    match turn.lasted {
        None => tracing::warn!(target: TURN, "health: {subject}: {check} is red: {text}"),
        Some(lasted) => {
            tracing::info!(target: TURN, "health: {subject}: {check} is green again after {} s: {text}", lasted.as_secs());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(level: Level) -> Health {
        let subject = Subject::Flow("main:east".to_owned());
        Health { checks: vec![Check { name: "heartbeat", subject, level, text: "seen".to_owned() }] }
    }

    #[test]
    fn what_turns_and_stays_is_told_once_and_what_lasts_a_moment_is_not() {
        let (mut alarm, t0) = (Alarm::default(), Instant::now());
        let steps = [
            (0, Level::Fail),
            (4, Level::Fail),
            (4, Level::Ok),
            (10, Level::Fail),
            (15, Level::Fail),
            (60, Level::Fail),
            (70, Level::Warn),
            (71, Level::Fail),
            (80, Level::Ok),
            (85, Level::Ok),
            (99, Level::Ok),
        ];
        let told: Vec<(u64, bool, Option<u64>)> = steps
            .into_iter()
            .flat_map(|(second, level)| {
                let turns = alarm.look(&health(level), t0 + Duration::from_secs(second));
                turns
                    .into_iter()
                    .map(move |turn| (second, turn.red, turn.lasted.map(|lasted| lasted.as_secs())))
            })
            .collect();
        assert_eq!(told, [(15, true, None), (85, false, Some(70))]);
    }
}
