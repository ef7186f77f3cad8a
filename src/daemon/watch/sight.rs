//! What an onlooker has seen of a flow, and how old that is: pure, so that clocks and answers enter from outside.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::lsn::Lsn;
use crate::ops::{CustomerVital, HoldVital, Side, SlotVital, Vital};

use super::heartbeat::{Beat, Pulse};

/// So many heartbeats are remembered that have not come. Beyond that neighbours become one, as old as the older of both.
const OUTSTANDING_MAX: usize = 64;

/// One of the two databases.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) database: String,
    answered: Option<Instant>,
    problem: Option<String>,
}

impl Asked {
    /// It is asked by this name.
    pub(super) fn named(name: &str) -> Self {
        Self { database: name.to_owned(), answered: None, problem: None }
    }

    /// Takes the outcome of a question down, and answers what was answered.
    pub(super) fn note<T>(&mut self, outcome: Result<T, String>, now: Instant) -> Option<T> {
        match outcome {
            Ok(answer) => {
                self.answered = Some(now);
                self.problem = None;
                Some(answer)
            }
            Err(problem) => {
                self.problem = Some(problem);
                None
            }
        }
    }

    fn side(&self, now: Instant) -> Side {
        Side {
            database: self.database.clone(),
            answered_seconds_ago: self.answered.map(|at| seconds_since(at, now)),
            problem: self.problem.clone(),
        }
    }
}

/// Where the flow stands in its target, by its own checkpoint there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Applied {
    pub(super) at: Lsn,
    /// For how long it has not moved.
    pub(super) age: Duration,
}

/// All that an onlooker has seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Sight {
    pub(super) source: Asked,
    pub(super) target: Asked,
    pub(super) slot: Option<SlotVital>,
    pub(super) given_up: Option<String>,
    /// Where the source's log ends.
    pub(super) end: Option<Lsn>,
    applied: Option<(Applied, Instant)>,
    /// Heartbeats that have not come, the oldest first.
    outstanding: VecDeque<Beat>,
    /// The last heartbeat that is known here.
    known: u64,
    took: Option<Duration>,
    /// When the last one was begun that has come.
    came: Option<Instant>,
    holds: Option<(Vec<HoldVital>, Instant)>,
    customers: Option<(BTreeMap<String, CustomerVital>, Instant)>,
}

impl Sight {
    /// Takes what the target says of the flow, and sees which heartbeats have come.
    pub(super) fn see_target(
        &mut self,
        pulse: &Pulse,
        (applied, holds): (Option<Applied>, Vec<HoldVital>),
        now: Instant,
    ) {
        for beat in pulse.beats.iter().filter(|beat| beat.number > self.known) {
            // A server that was set back begins lower: what has not come will never come by its old position.
            for waiting in &mut self.outstanding {
                waiting.at = waiting.at.min(beat.at);
            }
            self.outstanding.push_back(*beat);
        }
        self.known = pulse.beats.back().map_or(self.known, |last| last.number);
        self.applied = applied.map(|applied| (applied, now));
        self.holds = Some((holds, now));
        let reached = applied.map_or(Lsn::ZERO, |applied| applied.at);
        while let Some(beat) = self.outstanding.pop_front_if(|beat| beat.at <= reached) {
            self.took = Some(now.saturating_duration_since(beat.begun));
            self.came = Some(beat.begun);
        }
        if self.outstanding.len() > OUTSTANDING_MAX {
            self.thin();
        }
    }

    /// Takes what is counted per customer.
    pub(super) fn see_customers(&mut self, customers: BTreeMap<String, CustomerVital>, now: Instant) {
        self.customers = Some((customers, now));
    }

    /// Of each two neighbours one stays: it comes when the later comes, and is as old as the earlier.
    fn thin(&mut self) {
        let all: Vec<Beat> = self.outstanding.drain(..).collect();
        let merged = all.chunks(2).filter_map(|pair| {
            let (first, last) = (pair.first()?, pair.last()?);
            Some(Beat { begun: first.begun, ..*last })
        });
        self.outstanding = merged.collect();
    }

    /// When the youngest heartbeat was begun that has not come.
    pub(super) fn youngest(&self) -> Option<Instant> {
        self.outstanding.back().map(|beat| beat.begun)
    }

    fn oldest(&self, pulse: &Pulse) -> Option<Instant> {
        let unseen = pulse.beats.iter().find(|beat| beat.number > self.known);
        let oldest = self.outstanding.front().or(unseen).map(|beat| beat.begun);
        [oldest, pulse.due_since].into_iter().flatten().min()
    }

    /// As it is told to others, at this moment.
    pub(super) fn vital(&self, pulse: &Pulse, now: Instant) -> Vital {
        let behind = |(applied, _): &(Applied, Instant)| Some(self.end?.bytes_since(applied.at));
        let committed =
            |(applied, at): (Applied, Instant)| applied.age.as_secs_f64() + seconds_since(at, now);
        let customers = self.customers.as_ref();
        Vital {
            source: self.source.side(now),
            target: self.target.side(now),
            heartbeat_age_seconds: self.oldest(pulse).map_or(0.0, |begun| seconds_since(begun, now)),
            heartbeat_took_seconds: self.took.map(|took| took.as_secs_f64()),
            heartbeat_came_seconds: self.came.map(|begun| seconds_since(begun, now)),
            heartbeat_problem: pulse.problem.clone(),
            slot: self.slot.clone(),
            given_up: self.given_up.clone(),
            behind_bytes: self.applied.as_ref().and_then(behind),
            commit_age_seconds: self.applied.map(committed),
            counted_seconds_ago: customers.map(|(_, at)| seconds_since(*at, now)),
            customers: customers.map_or_else(BTreeMap::new, |(seen, at)| aged(seen, seconds_since(*at, now))),
            holds: self.holds.as_ref().map_or_else(Vec::new, |(seen, at)| {
                let ago = seconds_since(*at, now);
                let later =
                    |hold: &HoldVital| HoldVital { age_seconds: hold.age_seconds + ago, ..hold.clone() };
                seen.iter().map(later).collect()
            }),
        }
    }
}

fn aged(seen: &BTreeMap<String, CustomerVital>, ago: f64) -> BTreeMap<String, CustomerVital> {
    let later = |(name, customer): (&String, &CustomerVital)| {
        let customer = CustomerVital {
            oldest_parked_seconds: customer.oldest_parked_seconds.map(|age| age + ago),
            oldest_held_seconds: customer.oldest_held_seconds.map(|age| age + ago),
            oldest_lacking_seconds: customer.oldest_lacking_seconds.map(|age| age + ago),
            ..customer.clone()
        };
        (name.clone(), customer)
    };
    seen.iter().map(later).collect()
}

fn seconds_since(at: Instant, now: Instant) -> f64 {
    now.saturating_duration_since(at).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(beats: &[(u64, Instant, u64)]) -> Pulse {
        let beats = beats.iter().map(|&(number, begun, at)| Beat { number, begun, at: Lsn(at) }).collect();
        Pulse { beats, ..Pulse::default() }
    }

    fn at(position: u64) -> (Option<Applied>, Vec<HoldVital>) {
        (Some(Applied { at: Lsn(position), age: Duration::ZERO }), Vec::new())
    }

    fn age(sight: &Sight, pulse: &Pulse, now: Instant) -> f64 {
        sight.vital(pulse, now).heartbeat_age_seconds
    }

    #[test]
    fn the_oldest_heartbeat_that_has_not_come_is_what_counts() {
        let t0 = Instant::now();
        let after = |seconds| t0 + Duration::from_secs(seconds);
        let (mut sight, mut seen) = (Sight::default(), pulse(&[(1, t0, 100)]));
        assert_eq!(sight.vital(&seen, after(3)).heartbeat_took_seconds, None, "none has ever come");
        assert!((age(&sight, &seen, after(3)) - 3.0).abs() < 0.01, "the target was not even asked");
        sight.see_target(&seen, at(100), after(4));
        assert!(age(&sight, &seen, after(9)) < 0.01, "all have come: an idle source has no lag");
        seen = pulse(&[(1, t0, 100), (2, after(10), 200), (3, after(20), 300)]);
        sight.see_target(&seen, at(150), after(25));
        assert!((age(&sight, &seen, after(30)) - 20.0).abs() < 0.01, "the second is on its way");
        sight.see_target(&seen, at(250), after(31));
        assert!((age(&sight, &seen, after(31)) - 11.0).abs() < 0.01, "now the third");
        seen.due_since = Some(after(40));
        sight.see_target(&seen, at(300), after(41));
        assert!((age(&sight, &seen, after(45)) - 5.0).abs() < 0.01, "one could not be written");
    }

    #[test]
    fn heartbeats_of_a_server_that_was_set_back_come_by_their_new_position() {
        let t0 = Instant::now();
        let mut sight = Sight::default();
        sight.see_target(&pulse(&[(1, t0, 900)]), at(100), t0);
        let seen = pulse(&[(1, t0, 900), (2, t0, 300)]);
        sight.see_target(&seen, at(200), t0);
        let later = t0 + Duration::from_secs(8);
        assert!((age(&sight, &seen, later) - 8.0).abs() < 0.01);
        sight.see_target(&seen, at(300), later);
        assert!(age(&sight, &seen, later) < 0.01);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_never_younger_than_it_is() {
        let t0 = Instant::now();
        let after = |number| t0 + Duration::from_secs(number);
        let mut sight = Sight::default();
        for number in 1..=10_000 {
            sight.see_target(&pulse(&[(number, after(number), number)]), at(0), after(number));
            assert!(sight.outstanding.len() <= OUTSTANDING_MAX);
        }
        let seen = pulse(&[(10_000, after(10_000), 10_000)]);
        for reached in [1, 17, 5_000, 9_998] {
            sight.see_target(&seen, at(reached), after(10_000));
            let least = Duration::from_secs(10_000 - reached - 1).as_secs_f64();
            assert!(age(&sight, &seen, after(10_000)) >= least, "at {reached}");
        }
        sight.see_target(&seen, at(10_000), after(10_000));
        assert!(sight.outstanding.is_empty());
    }
}
