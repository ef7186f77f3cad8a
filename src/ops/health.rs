//! Green or red. Green means that a row written at a source now would be at its customers within `max_lag`, and that the
//! snapshots are there when they should be. What it does not cover: a row that the customer's own database refuses, by a
//! constraint or a trigger. Such rows are parked, and whether the next one would be refused too nobody can tell; they are
//! red past `max_parked_age`.
//!
//! The judgement is pure and stands on what others saw of a flow ([`super::Vital`]): how a flow feels is only one check
//! among several. What goes wrong is red at half of `max_lag`, so that it is red before a row is late.

use serde::Serialize;

use super::state::{DaemonState, FlowState, Limits, Phase, STATE_MAX_AGE_SECONDS, SnapshotState};
use super::vital::{CustomerVital, HoldVital, SlotVital};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Rows arrive, and somebody should look.
    Warn,
    /// A row written now may not arrive in time, or a snapshot is missing.
    Fail,
}

impl Level {
    /// As programs read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What a check is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// The process.
    Daemon,
    /// A flow, by name.
    Flow(String),
    /// A snapshot, by name.
    Snapshot(String),
}

impl Subject {
    /// `daemon`, `flow NAME`, `snapshot NAME`.
    pub fn text(&self) -> String {
        match self {
            Self::Daemon => "daemon".to_owned(),
            Self::Flow(name) => format!("flow {name}"),
            Self::Snapshot(name) => format!("snapshot {name}"),
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at: a word that never changes, for rules and runbooks.
    pub name: &'static str,
    /// Of whom.
    pub subject: Subject,
    /// How it came out.
    pub level: Level,
    /// For people: what was seen, and the limit. No row value.
    pub text: String,
}

impl Check {
    /// For a list: `[+]`, `[!]` or `[-]`, whose it is, its name, how it came out, and what was seen.
    pub fn line(&self) -> String {
        let mark = match self.level {
            Level::Ok => '+',
            Level::Warn => '!',
            Level::Fail => '-',
        };
        format!("[{mark}]{} {} {}: {}", self.subject.text(), self.name, self.level.as_str(), self.text)
    }

    /// By itself: whose it is, its name, and what was seen.
    pub fn summary(&self) -> String {
        format!("{} {}: {}", self.subject.text(), self.name, self.text)
    }
}

/// All that was looked at, in a fixed order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The checks: the daemon's, then each flow's, then each snapshot's.
    pub checks: Vec<Check>,
}

/// Holds that a rule asks for are no fault.
const SCHEDULED: &str = "scheduled";
/// What was there before is copied, and what comes now waits for that.
const BACKFILL: &str = "backfill";
/// The same, and somebody has to say yes first.
const UNCONFIRMED: &str = "unconfirmed";
/// Rows that went over `parked_limit` are not even kept.
const OVERFLOW: &str = "overflow";

impl Health {
    /// Judges what is known, `seconds_ago` after it was written.
    pub fn judge(state: &DaemonState, seconds_ago: f64) -> Self {
        let mut checks = vec![alive(seconds_ago), rules(state)];
        for flow in &state.flows {
            let look = Look { flow, limits: Times::of(state.limits, seconds_ago) };
            checks.extend(look.checks());
        }
        checks.extend(state.snapshots.iter().map(snapshot));
        Self { checks }
    }

    /// The worst of all.
    pub fn level(&self) -> Level {
        self.checks.iter().map(|check| check.level).max().unwrap_or(Level::Ok)
    }

    /// Those that are not as they should be, the worst first.
    pub fn problems(&self) -> Vec<&Check> {
        let mut problems: Vec<&Check> = self.checks.iter().filter(|check| check.level != Level::Ok).collect();
        problems.sort_by_key(|check| std::cmp::Reverse(check.level));
        problems
    }
}

/// The limits as they are compared with, in seconds.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// Since the state was written.
    ago: f64,
    /// Half of `max_lag`.
    soon: f64,
    /// `max_parked_age`
    parked: f64,
}

impl Times {
    #[expect(clippy::cast_precision_loss, reason = "a limit in seconds")]
    fn of(limits: Limits, ago: f64) -> Self {
        Self { ago, soon: limits.max_lag_seconds as f64 / 2.0, parked: limits.max_parked_age_seconds as f64 }
    }
}

/// One flow, and what it is measured by.
struct Look<'a> {
    flow: &'a FlowState,
    limits: Times,
}

impl Look<'_> {
    fn checks(&self) -> Vec<Check> {
        if self.flow.state == Phase::Resting {
            return vec![self.state(), self.wal()];
        }
        vec![
            self.state(),
            self.watched(),
            self.heartbeat(),
            self.heard(),
            self.committed(),
            self.lag(),
            self.wal(),
            self.held(),
            self.parked(),
            self.verified(),
        ]
    }

    fn check(&self, name: &'static str, level: Level, text: String) -> Check {
        Check { name, subject: Subject::Flow(self.flow.name.clone()), level, text }
    }

    /// Fails where `age` is past `limit`.
    fn aged(&self, name: &'static str, age: f64, limit: f64, what: &str) -> Check {
        let level = if age > limit { Level::Fail } else { Level::Ok };
        self.check(name, level, format!("{what}: {age:.1} s, red past {limit:.1} s"))
    }

    fn state(&self) -> Check {
        let level = match self.flow.state {
            Phase::Streaming | Phase::Resting => Level::Ok,
            Phase::Starting | Phase::Retrying | Phase::Halted | Phase::Stopping => Level::Fail,
        };
        let reason = self.flow.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
        self.check("state", level, format!("{}{reason}", self.flow.state.as_str()))
    }

    /// Whether somebody looks at all: what nobody has looked at is not green.
    fn watched(&self) -> Check {
        let Some(vital) = &self.flow.vital else {
            return self.check("watched", Level::Fail, "nobody has looked at it yet".to_owned());
        };
        let is_old = |age: Option<f64>| age.is_none_or(|age| age + self.limits.ago > self.limits.soon);
        let ago = |age: Option<f64>| {
            age.map_or_else(|| "never".to_owned(), |age| format!("{:.0} s ago", age + self.limits.ago))
        };
        if let Some(side) =
            [&vital.source, &vital.target].into_iter().find(|side| is_old(side.answered_seconds_ago))
        {
            let since = ago(side.answered_seconds_ago);
            let why = side.problem.as_deref().unwrap_or("no answer");
            let text = format!("database `{}` answered last {since}: {why}", side.database);
            return self.check("watched", Level::Fail, text);
        }
        if vital.counted_seconds_ago.is_none() {
            let text = format!("what is parked in database `{}` is not counted yet", vital.target.database);
            return self.check("watched", Level::Fail, text);
        }
        if is_old(vital.counted_seconds_ago) {
            let text = format!(
                "what is parked in database `{}` was counted last {}: its server is too slow for that",
                vital.target.database,
                ago(vital.counted_seconds_ago)
            );
            return self.check("watched", Level::Fail, text);
        }
        self.check("watched", Level::Ok, "both databases answer".to_owned())
    }

    /// A message through the source's WAL, the stream and a commit in the target.
    fn heartbeat(&self) -> Check {
        let age = self.flow.vital.as_ref().map_or(f64::INFINITY, |vital| {
            if vital.heartbeat_took_seconds.is_none() { f64::INFINITY } else { vital.heartbeat_age_seconds }
        });
        let what = "the oldest heartbeat on its way";
        if age.is_infinite() {
            let mut text = "none has come through source, stream and target yet".to_owned();
            self.add_problem(&mut text);
            return self.check("heartbeat", Level::Fail, text);
        }
        let mut check = self.aged("heartbeat", age + self.limits.ago, self.limits.soon, what);
        self.add_problem(&mut check.text);
        check
    }

    fn add_problem(&self, text: &mut String) {
        let problem = self.flow.vital.as_ref().and_then(|vital| vital.heartbeat_problem.as_deref());
        if let Some(problem) = problem {
            text.push_str(": ");
            text.push_str(problem);
        }
    }

    fn heard(&self) -> Check {
        let age = self.flow.silent_seconds + self.limits.ago;
        self.aged("heard", age, self.limits.soon, "since the last byte from the source")
    }

    fn committed(&self) -> Check {
        let age = self.flow.vital.as_ref().and_then(|vital| vital.commit_age_seconds);
        let Some(age) = age.map(|age| age + self.limits.ago) else {
            return self.check("committed", Level::Fail, "no checkpoint is known in the target".to_owned());
        };
        self.aged("committed", age, self.limits.soon, "since the last commit in the target")
    }

    /// By the source's clock and this host's: where those differ, it says nothing. So it only warns, and the heartbeat, which
    /// one clock measures, is what gets red.
    fn lag(&self) -> Check {
        let lag = self.flow.lag_seconds;
        let age = if lag > 0.0 { lag + self.limits.ago } else { 0.0 };
        let level = if age > self.limits.soon { Level::Warn } else { Level::Ok };
        self.check(
            "lag",
            level,
            format!("age of the oldest transaction that is not written: {age:.1} s by the source's clock"),
        )
    }

    fn wal(&self) -> Check {
        if let Some(text) = self.flow.vital.as_ref().and_then(|vital| vital.given_up.as_ref()) {
            // Nobody waits for one that rests, and it can't be made anew before its groups are enabled.
            let rests = self.flow.state == Phase::Resting;
            return self.check("wal", if rests { Level::Warn } else { Level::Fail }, text.clone());
        }
        let slot = self.flow.vital.as_ref().and_then(|vital| vital.slot.as_ref());
        let (level, text) = slot.map_or((Level::Ok, "no slot is known".to_owned()), wal_of);
        self.check("wal", level, text)
    }

    fn held(&self) -> Check {
        let vital = self.flow.vital.as_ref();
        let holds = vital.map_or(&[][..], |vital| &vital.holds);
        let unwanted: Vec<&HoldVital> = holds.iter().filter(|hold| hold.reason != SCHEDULED).collect();
        let waits = vital.into_iter().flat_map(|vital| vital.customers.values());
        let oldest = waits.filter_map(|customer| customer.oldest_held_seconds).fold(0.0, f64::max);
        let late = |hold: &&HoldVital| {
            hold.reason == OVERFLOW || hold.age_seconds + self.limits.ago > self.limits.soon
        };
        let level =
            if unwanted.iter().any(late) || (oldest > 0.0 && oldest + self.limits.ago > self.limits.soon) {
                Level::Fail
            } else if unwanted.is_empty() {
                Level::Ok
            } else {
                Level::Warn
            };
        let text = match unwanted.first() {
            None => "nobody is held".to_owned(),
            Some(first) => {
                format!("{} held; {} is {}", unwanted.len(), name_of(first), state_of(&first.reason))
            }
        };
        self.check("held", level, text)
    }

    fn parked(&self) -> Check {
        let customers = self.flow.vital.iter().flat_map(|vital| &vital.customers);
        let aged = |(name, customer): (_, &CustomerVital)| Some((customer.oldest_parked_seconds?, name));
        let oldest: Option<(f64, &String)> =
            customers.filter_map(aged).max_by(|(one, _), (other, _)| one.total_cmp(other));
        let Some((age, customer)) = oldest else {
            return self.check("parked", Level::Ok, "no row waits for somebody".to_owned());
        };
        let age = age + self.limits.ago;
        let level = if age > self.limits.parked {
            Level::Fail
        } else if age > self.limits.parked / 2.0 {
            Level::Warn
        } else {
            Level::Ok
        };
        let text =
            format!("the oldest row, for {customer}: {age:.0} s, red past {:.0} s", self.limits.parked);
        self.check("parked", level, text)
    }

    fn verified(&self) -> Check {
        let differences = self.flow.verified.as_ref().map_or(0, |verified| verified.differences);
        let level = if differences > 0 { Level::Warn } else { Level::Ok };
        self.check("verified", level, format!("{differences} row(s) differed when compared last"))
    }
}

/// What a hold means, in words.
fn state_of(reason: &str) -> &str {
    match reason {
        BACKFILL => "being copied: `acequia status` says how far it is, and it ends by itself",
        UNCONFIRMED => "to be copied when somebody says yes: `acequia plan`, then `acequia backfill --yes`",
        other => other,
    }
}

/// The hold's customer, sync group and data set.
fn name_of(hold: &HoldVital) -> String {
    let parts = [&hold.customer, &hold.sync, &hold.dataset];
    let names: Vec<&str> = parts.into_iter().filter_map(|part| part.as_deref()).collect();
    if names.is_empty() { "everything".to_owned() } else { names.join(" ") }
}

fn wal_of(slot: &SlotVital) -> (Level, String) {
    let kept = slot.retained_wal_bytes;
    let status = slot.wal_status.as_deref().unwrap_or("unknown");
    let limit = slot.max_retained_wal_bytes;
    // More than half of what the server allows is used up.
    let is_short =
        slot.safe_wal_bytes.is_some_and(|safe| u64::try_from(safe).map_or(true, |safe| safe < kept));
    let level = if matches!(status, "unreserved" | "lost") || limit.is_some_and(|limit| kept > limit) {
        Level::Fail
    } else if is_short || slot.is_much_without_a_bound() || limit.is_some_and(|limit| kept > limit / 2) {
        Level::Warn
    } else {
        Level::Ok
    };
    let own = limit.map(|limit| format!("given up past {limit} bytes (max_retained_wal)"));
    let of_server = slot.safe_wal_bytes.map(|safe| {
        format!("taken away by its server after {} bytes more (max_slot_wal_keep_size)", safe.max(0))
    });
    let mut bounds: Vec<String> = own.into_iter().chain(of_server).collect();
    if bounds.is_empty() {
        bounds.push(if slot.is_much_without_a_bound() {
            "and nothing bounds it before the source's disk is full: set max_retained_wal".to_owned()
        } else {
            "no limit".to_owned()
        });
    }
    (level, format!("slot {} keeps {kept} bytes of WAL ({status}), {}", slot.name, bounds.join(", ")))
}

fn alive(seconds_ago: f64) -> Check {
    let level = if seconds_ago > f64::from(STATE_MAX_AGE_SECONDS) { Level::Fail } else { Level::Ok };
    let text = format!("it said last how it is {seconds_ago:.1} s ago");
    Check { name: "alive", subject: Subject::Daemon, level, text }
}

fn rules(state: &DaemonState) -> Check {
    let (level, text) = if state.refused_sha256.is_some() {
        (Level::Warn, "the last reload was refused; it goes on by the rules from before")
    } else {
        (Level::Ok, "by the rules that it was told last")
    };
    Check { name: "rules", subject: Subject::Daemon, level, text: text.to_owned() }
}

fn snapshot(snapshot: &SnapshotState) -> Check {
    let (level, text) = if snapshot.late {
        (Level::Fail, "it is past its time and not published".to_owned())
    } else if snapshot.failure.is_some() {
        (Level::Warn, "its last run failed; it is tried again".to_owned())
    } else {
        (Level::Ok, snapshot.state.as_str().to_owned())
    };
    Check { name: "snapshot", subject: Subject::Snapshot(snapshot.name.clone()), level, text }
}

#[cfg(test)]
mod tests;
