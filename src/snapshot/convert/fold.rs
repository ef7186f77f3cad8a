//! Wall times that a zone's clock shows twice: which of the two it was can't be read from them.

use std::collections::BTreeMap;

use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};

/// From the first wall time that comes again to the first that does not, in the digits `YYYYMMDDhhmmss`.
type Span = (u64, u64);

/// The folds of a zone, found year by year as they are asked for.
#[derive(Debug)]
pub(super) struct Folds {
    zone: TimeZone,
    years: BTreeMap<i16, Vec<Span>>,
}

impl Folds {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self { zone, years: BTreeMap::new() }
    }

    /// Whether the clock shows this wall time twice. `year` is its year, from 1 to 9999.
    pub(super) fn has(&mut self, year: i16, digits: u64) -> bool {
        let zone = &self.zone;
        let spans = self.years.entry(year).or_insert_with(|| spans(zone, year));
        spans.iter().any(|(from, to)| (*from..*to).contains(&digits))
    }
}

/// The folds that touch a year.
fn spans(zone: &TimeZone, year: i16) -> Vec<Span> {
    let mut spans = Vec::new();
    let new_year = date(year, 1, 1).to_datetime(jiff::civil::Time::midnight());
    let begin = new_year.saturating_sub(2.days());
    let end = new_year.saturating_add(1.year()).saturating_add(2.days());
    let (Ok(begin), Ok(end)) = (TimeZone::UTC.to_timestamp(begin), TimeZone::UTC.to_timestamp(end)) else {
        return spans;
    };
    for transition in zone.following(begin).take_while(|transition| transition.timestamp() < end) {
        let at = transition.timestamp();
        let Ok(just_before) = at.checked_sub(SignedDuration::from_secs(1)) else { continue };
        let (before, after) = (zone.to_offset(just_before), transition.offset());
        if after < before {
            spans.push((digits(after.to_datetime(at)), digits(before.to_datetime(at))));
        }
    }
    spans
}

fn digits(wall: DateTime) -> u64 {
    let parts = [wall.month(), wall.day(), wall.hour(), wall.minute(), wall.second()];
    let year = u64::try_from(wall.year()).unwrap_or(0);
    parts.iter().fold(year, |digits, part| digits * 100 + u64::from(part.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(zone: &str, wall: &str) -> bool {
        let wall: DateTime = wall.parse().expect("a date and a time");
        let (year, digits) = (wall.year(), digits(wall));
        Folds::new(TimeZone::get(zone).expect("a zone")).has(year, digits)
    }

    #[test]
    fn the_hour_that_comes_twice_is_known_to_the_second() {
        assert!(has("America/New_York", "2026-11-01 01:00:00"));
        assert!(has("America/New_York", "2026-11-01 01:59:59"));
        assert!(!has("America/New_York", "2026-11-01 02:00:00"));
        assert!(!has("America/New_York", "2026-11-01 00:59:59"));
        assert!(!has("America/New_York", "2026-03-08 02:30:00"));
        assert!(has("America/New_York", "9998-11-01 01:30:00"));
        assert!(!has("UTC", "2026-11-01 01:30:00"));
        // Half an hour, and a change on the last evening of a year.
        assert!(has("Australia/Lord_Howe", "2026-04-05 01:45:00"));
        assert!(!has("Australia/Lord_Howe", "2026-04-05 01:15:00"));
    }

    #[test]
    fn the_first_and_the_last_year_are_no_trouble() {
        assert!(!has("America/New_York", "0001-01-01 00:00:00"));
        assert!(!has("America/New_York", "9999-12-31 23:59:59"));
    }
}
