//! When something that is done at certain times is done next. Pure: the caller has the clock.

use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

mod calendar;

pub use calendar::{Calendar, CronError, DAYS, Times, check_cron};

/// Days that are looked at for a wall time; every day has one.
const DAYS_LOOKED_AT: i8 = 3;

/// This much later.
pub fn next_interval(after: Timestamp, every: Duration) -> Timestamp {
    after.checked_add(every).unwrap_or(Timestamp::MAX)
}

/// The next time after `after` that the wall shows `time`. On a day whose clock shows it twice that is the first of the
/// two, and only that; on a day that skips it, the moment at which the clock goes on.
pub fn next_wall_time(after: Timestamp, time: Time, zone: &TimeZone) -> Timestamp {
    // A day that skipped the time may have done so at the end of the day before.
    let today = zone.to_datetime(after).date();
    let days = (-1..DAYS_LOOKED_AT).filter_map(|days| today.checked_add(i64::from(days).days()).ok());
    days.filter_map(|day| calendar::moment(day.to_datetime(time), zone))
        .find(|moment| *moment > after)
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    fn next(after: &str, time: (i8, i8)) -> String {
        let zone = TimeZone::get("America/New_York").expect("a zone");
        next_wall_time(moment(after), Time::constant(time.0, time.1, 0, 0), &zone).to_string()
    }

    #[test]
    fn the_same_time_comes_every_day_and_never_at_once_again() {
        assert_eq!(next("2026-06-10T05:00:00Z", (2, 0)), "2026-06-10T06:00:00Z");
        assert_eq!(next("2026-06-10T06:00:00Z", (2, 0)), "2026-06-11T06:00:00Z");
        assert_eq!(next("2026-06-11T03:59:59Z", (0, 0)), "2026-06-11T04:00:00Z");
    }

    #[test]
    fn a_time_that_the_clock_shows_twice_comes_once() {
        // On 1 November 2026 the hour from 01:00 comes twice: first four, then five hours behind.
        assert_eq!(next("2026-10-31T12:00:00Z", (1, 30)), "2026-11-01T05:30:00Z");
        assert_eq!(next("2026-11-01T05:30:00Z", (1, 30)), "2026-11-02T06:30:00Z");
        assert_eq!(next("2026-11-01T06:10:00Z", (1, 30)), "2026-11-02T06:30:00Z");
    }

    #[test]
    fn a_time_that_the_clock_skips_comes_when_it_goes_on() {
        // On 8 March 2026 the clock goes from 02:00 to 03:00.
        assert_eq!(next("2026-03-07T12:00:00Z", (2, 30)), "2026-03-08T07:00:00Z");
        assert_eq!(next("2026-03-08T07:00:00Z", (2, 30)), "2026-03-09T06:30:00Z");
    }

    #[test]
    fn a_zone_that_skips_a_whole_day_skips_one_run_at_most() {
        // Samoa had no 30 December 2011.
        let zone = TimeZone::get("Pacific/Apia").expect("a zone");
        let time = Time::constant(12, 0, 0, 0);
        let first = next_wall_time(moment("2011-12-29T22:30:00Z"), time, &zone);
        let second = next_wall_time(first, time, &zone);
        assert_eq!([first.to_string(), second.to_string()], ["2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"]);
    }

    #[test]
    fn an_interval_counts_from_the_last_time() {
        let next = next_interval(moment("2026-06-10T05:00:00Z"), Duration::from_mins(15));
        assert_eq!(next.to_string(), "2026-06-10T05:15:00Z");
    }
}
