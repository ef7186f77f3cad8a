//! What a snapshot does next. Pure: record, schedule and clock in, one step out.
//!
//! Of all scheduled times only the last one that has come counts: however long nobody was there, one run catches up. A
//! clock that was set forward makes one run at most, and one that was set back does not repeat what is done.

#[cfg(test)]
mod year;

use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};

use super::record::Record;
use crate::schedule::{Calendar, next_wall_time};

/// The pause after the first failure; it doubles with each.
const PAUSE_MIN: SignedDuration = SignedDuration::from_mins(1);
/// No pause is longer.
const PAUSE_MAX: SignedDuration = SignedDuration::from_mins(30);
/// To publish takes a moment: so long after its time nothing is late.
const LATE_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// When a snapshot is made and published.
#[derive(Debug, Clone, Copy)]
pub struct Times<'a> {
    /// When it is made.
    pub calendar: &'a Calendar,
    /// Not before which wall time it is published.
    pub publish_at: Option<Time>,
}

/// The next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing until then; nothing at all where no time comes any more.
    Idle(Option<Timestamp>),
    /// A run for a scheduled time, now.
    Make {
        /// The scheduled time.
        occurrence: Timestamp,
    },
    /// The staged run is published, not before `at`.
    Publish {
        /// Which run.
        run: String,
        /// When; it may have passed.
        at: Timestamp,
    },
    /// A run that failed is made again then.
    Retry {
        /// The scheduled time.
        occurrence: Timestamp,
        /// When; it lies ahead.
        at: Timestamp,
    },
}

/// What to do.
pub fn next(record: &Record, times: Times<'_>, now: Timestamp) -> Next {
    let due = due(record, times.calendar, now);
    if let Some(staged) = &record.staged {
        let wanted = times.publish_moment(staged.occurrence);
        let at = if staged.tries == 0 {
            wanted
        } else {
            wanted.max(after_pause(staged.tried_at, staged.tries, now))
        };
        // What is staged is better than nothing, as long as it may be seen and there is nothing newer to wait for.
        if due.is_none() || at <= now {
            return Next::Publish { run: staged.run.clone(), at };
        }
    }
    let Some(occurrence) = due else {
        let after = record.done.map_or(now, |done| done.max(now));
        return Next::Idle(times.calendar.next_after(after));
    };
    match record.work.as_ref().filter(|work| work.occurrence == occurrence) {
        None => Next::Make { occurrence },
        Some(work) => {
            // A run that died with its process is made again at once; but not for ever, if it takes the process with it.
            let failures = if work.failed { work.tries } else { work.tries.saturating_sub(1) };
            let at = if failures == 0 { now } else { after_pause(work.tried_at, failures, now) };
            if at <= now { Next::Make { occurrence } } else { Next::Retry { occurrence, at } }
        }
    }
}

/// The scheduled time that is past the moment at which its snapshot should have been there, and is not.
pub fn late(record: &Record, times: Times<'_>, now: Timestamp) -> Option<Timestamp> {
    times.publish_at?;
    let staged = record.staged.as_ref().map(|staged| staged.occurrence);
    let pending = due(record, times.calendar, now).into_iter().chain(staged);
    let is_late = |occurrence: &Timestamp| {
        times.publish_moment(*occurrence).checked_add(LATE_AFTER).is_ok_and(|limit| limit <= now)
    };
    pending.filter(is_late).min()
}

/// The last scheduled time, unless a snapshot was made for it.
fn due(record: &Record, calendar: &Calendar, now: Timestamp) -> Option<Timestamp> {
    let latest = calendar.latest_at_or_before(now)?;
    let staged = record.staged.as_ref().map(|staged| staged.occurrence);
    let made = record.done.max(staged);
    (latest > record.since && made.is_none_or(|made| latest > made)).then_some(latest)
}

/// When to try again what has failed so many times, the last time at `tried_at`.
fn after_pause(tried_at: Timestamp, failures: u32, now: Timestamp) -> Timestamp {
    let doubled = 1_i32.checked_shl(failures.saturating_sub(1).min(30)).unwrap_or(i32::MAX);
    let pause = PAUSE_MIN.checked_mul(doubled).map_or(PAUSE_MAX, |pause| pause.min(PAUSE_MAX));
    // After a clock that was set back, `tried_at` may lie ahead.
    tried_at.min(now).checked_add(pause).unwrap_or(Timestamp::MAX)
}

impl Times<'_> {
    /// When a snapshot of a scheduled time may be seen: the first such wall time that is not before it.
    pub fn publish_moment(&self, occurrence: Timestamp) -> Timestamp {
        let Some(time) = self.publish_at else { return occurrence };
        let just_before = occurrence.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(occurrence);
        next_wall_time(just_before, time, &self.calendar.time_zone)
    }
}
