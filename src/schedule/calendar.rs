//! Times of a calendar: at which moments a snapshot is made.
//!
//! Wall times are gone through as the wall would show them if no clock were ever changed, and each is then looked up in
//! the zone. So every wall time comes exactly once: one that the clock shows twice at the first of the two, one that it
//! skips at the moment at which it goes on. Neither the order of the times nor their number depends on the zone.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan as _};

use croner::Cron;

/// The days of the week as the files write them, Monday first.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// So many days are looked at for one that `days` has. A 29 February that must be a Monday comes after 40 years at most;
/// what is further away than that never comes.
const DAYS_MAX: u32 = 366 * 41;

/// `schedule` of a snapshot: when it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    /// At which times of a day.
    pub times: Times,
    /// On which days of the week, Monday first; all of them unless the file says `days`.
    pub days: [bool; 7],
    /// Where the wall is.
    pub time_zone: TimeZone,
}

/// At which times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Times {
    /// `at = "01:00"`
    At(Time),
    /// `cron = "0 1 * * *"`: five fields, as the file has them. Checked when the file was read.
    Cron(String),
}

/// As a person says it: `01:00 America/New_York (mon, tue)`.
impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.times {
            Times::At(time) => write!(f, "{}", time.strftime("%H:%M"))?,
            Times::Cron(text) => write!(f, "cron {text}")?,
        }
        write!(f, " {}", self.time_zone.iana_name().unwrap_or("UTC"))?;
        if self.days.contains(&false) {
            let days = DAYS.into_iter().zip(self.days).filter_map(|(day, made)| made.then_some(day));
            write!(f, " ({})", days.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

/// Fields of a cron pattern: seconds and years are not among them.
const FIELDS: usize = 5;

/// A text that is no cron pattern of five fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// More, or fewer.
    #[error("a cron pattern has five fields: minute, hour, day of the month, month, day of the week")]
    Fields,
    /// A number out of range, or no number at all.
    #[error("a field of this cron pattern is no number, list, range or step, or is out of range")]
    Field,
}

/// Whether a text is a cron pattern.
pub fn check_cron(text: &str) -> Result<(), CronError> {
    let fields = text.split_ascii_whitespace().count();
    if fields == FIELDS { parse(text).map(drop) } else { Err(CronError::Fields) }
}

fn parse(text: &str) -> Result<Cron, CronError> {
    text.parse().map_err(|_| CronError::Field)
}

impl Calendar {
    /// The first time after `after`; none if there is none within forty years.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        // What the wall showed already came already: only later wall times can come later.
        let mut from = whole_seconds(self.time_zone.to_datetime(after));
        let pattern = self.pattern()?;
        for _ in 0..DAYS_MAX {
            let found = pattern.next(from)?;
            if !self.has(found.date()) {
                from = found.date().to_datetime(LAST);
                continue;
            }
            let moment = moment(found, &self.time_zone)?;
            if moment > after {
                return Some(moment);
            }
            from = found;
        }
        None
    }

    /// Whether there is any time at all: `0 0 30 2 *` has none.
    pub fn ever_comes(&self) -> bool {
        self.next_after(Timestamp::UNIX_EPOCH).is_some()
    }

    /// The last time that is not after `moment`.
    pub fn latest_at_or_before(&self, now: Timestamp) -> Option<Timestamp> {
        let mut until = whole_seconds(self.highest_wall(now)).checked_add(1.second()).ok()?;
        let pattern = self.pattern()?;
        for _ in 0..DAYS_MAX {
            let found = pattern.previous(until)?;
            if !self.has(found.date()) {
                until = found.date().to_datetime(Time::midnight());
                continue;
            }
            let moment = moment(found, &self.time_zone)?;
            if moment <= now {
                return Some(moment);
            }
            until = found;
        }
        None
    }

    fn has(&self, day: Date) -> bool {
        usize::try_from(day.weekday().to_monday_zero_offset()).is_ok_and(|day| self.days[day])
    }

    fn pattern(&self) -> Option<Pattern> {
        Some(match &self.times {
            Times::At(time) => Pattern::Daily(*time),
            Times::Cron(text) => Pattern::Cron(Box::new(parse(text).ok()?)),
        })
    }

    /// The highest wall time that was shown: in an hour that is shown twice, that may be more than what is shown now.
    fn highest_wall(&self, now: Timestamp) -> DateTime {
        let wall = self.time_zone.to_datetime(now);
        let later = now.checked_add(1.nanosecond()).unwrap_or(now);
        let changed = self.time_zone.preceding(later).next();
        let before = changed.and_then(|transition| {
            let moment = transition.timestamp();
            let last = moment.checked_sub(1.second()).ok()?;
            self.time_zone.to_datetime(last).checked_add(1.second()).ok()
        });
        before.map_or(wall, |before| before.max(wall))
    }
}

/// The last second of a day: nothing is ever due in it, a cron pattern has no seconds.
const LAST: Time = Time::constant(23, 59, 59, 0);

/// Patterns know no fractions.
fn whole_seconds(wall: DateTime) -> DateTime {
    wall.with().subsec_nanosecond(0).build().unwrap_or(wall)
}

/// Wall times, one after the other.
enum Pattern {
    Daily(Time),
    Cron(Box<Cron>),
}

impl Pattern {
    /// The first one after a wall time.
    fn next(&self, after: DateTime) -> Option<DateTime> {
        match self {
            Self::Daily(time) => {
                let today = after.date().to_datetime(*time);
                if today > after { Some(today) } else { today.checked_add(1.day()).ok() }
            }
            Self::Cron(cron) => cron.find_next_occurrence(&after, false).ok(),
        }
    }

    /// The last one before a wall time.
    fn previous(&self, before: DateTime) -> Option<DateTime> {
        match self {
            Self::Daily(time) => {
                let today = before.date().to_datetime(*time);
                if today < before { Some(today) } else { today.checked_sub(1.day()).ok() }
            }
            Self::Cron(cron) => cron.find_previous_occurrence(&before, false).ok(),
        }
    }
}

/// When the wall shows a time: the first time that it does, or, where the clock skips it, the moment at which it goes on.
pub(super) fn moment(wall: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(wall);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        AmbiguousOffset::Gap { .. } => {
            let before = ambiguous.earlier().ok()?;
            zone.following(before).next().map(|transition| transition.timestamp())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ZONES: [&str; 5] =
        ["America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia", "UTC"];

    proptest! {
        #[test]
        fn between_two_times_that_follow_each_other_there_is_none(
            // From 2004 to 2034: Samoa skipped a day, and zones have changed their rules.
            second in 1_072_915_200..2_019_686_400_i64,
            zone in prop::sample::select(&ZONES[..]),
            pattern in prop::sample::select(&["*/20 * * * *", "30 1,2 * * *", "0 0 * * 1", "0 12 1 * *"][..]),
        ) {
            let time_zone = TimeZone::get(zone).expect("a zone");
            let calendar = Calendar { times: Times::Cron(pattern.to_owned()), days: [true; 7], time_zone };
            let now = Timestamp::from_second(second).expect("in range");
            let next = calendar.next_after(now).expect("a time");
            let last = calendar.latest_at_or_before(now).expect("a time");
            prop_assert!(last <= now && now < next);
            prop_assert_eq!(calendar.next_after(last), Some(next));
            let before = next.checked_sub(1.nanosecond()).expect("in range");
            prop_assert_eq!(calendar.latest_at_or_before(before), Some(last));
            prop_assert_eq!(calendar.latest_at_or_before(next), Some(next));
        }
    }

    #[test]
    fn a_pattern_that_comes_often_comes_at_every_wall_time_once_also_where_the_clock_is_changed() {
        let time_zone = TimeZone::get("America/New_York").expect("a zone");
        let calendar = Calendar { times: Times::Cron("*/30 * * * *".to_owned()), days: [true; 7], time_zone };
        let mut at: Timestamp = "2026-11-01T04:00:00Z".parse().expect("a moment");
        let mut seen = Vec::new();
        for _ in 0..5 {
            at = calendar.next_after(at).expect("a time");
            seen.push(at.strftime("%H:%M").to_string());
        }
        // 00:30, 01:00 and 01:30 by summer time; then the clock goes back from 06:00 UTC on, and 02:00 is the next.
        assert_eq!(seen, ["04:30", "05:00", "05:30", "07:00", "07:30"]);
    }

    #[test]
    fn what_is_no_pattern_is_told_from_one_that_never_comes() {
        assert_eq!(check_cron("0 0 1 * * *"), Err(CronError::Fields));
        assert_eq!(check_cron("@daily"), Err(CronError::Fields));
        assert_eq!(check_cron("0 24 * * *"), Err(CronError::Field));
        assert_eq!(check_cron("0 0 30 2 *"), Ok(()));
        let never =
            |days| Calendar { times: Times::Cron("0 0 30 2 *".to_owned()), days, time_zone: TimeZone::UTC };
        assert!(!never([true; 7]).ever_comes());
    }
}
