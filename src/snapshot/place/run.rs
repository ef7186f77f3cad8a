//! The name of a run: its start in UTC, `20261122T060000Z`. Names sort as the runs began.

use jiff::Timestamp;

/// Digits, and the letters between them.
const PATTERN: &[u8] = b"00000000T000000Z";

/// The name of the run that begins now. Where the newest one has this name or a later one (a clock that was set back, two
/// runs in one second), a second after that: what is newer sorts higher, always.
pub fn name(now: Timestamp, newest: Option<&str>) -> String {
    let text = |at: Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let own = text(now);
    let Some(newest) = newest.filter(|newest| **newest >= *own) else { return own };
    let begun = start(newest).and_then(|at| at.checked_add(jiff::SignedDuration::from_secs(1)).ok());
    begun.map_or(own, text)
}

/// When it began.
pub fn start(run: &str) -> Option<Timestamp> {
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", run).ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|at| at.timestamp())
}

/// Whether this is the name of a run, and so can't lead out of a directory.
pub fn is_name(text: &str) -> bool {
    let fits =
        |(byte, wanted): (&u8, &u8)| if *wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
    text.len() == PATTERN.len() && text.as_bytes().iter().zip(PATTERN).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_run_is_named_after_its_start_and_a_newer_one_sorts_higher_whatever_the_clock_says() {
        let now = at("2026-11-22T06:00:00Z");
        assert_eq!(name(now, None), "20261122T060000Z");
        assert_eq!(name(now, Some("20261121T235959Z")), "20261122T060000Z");
        assert_eq!(name(now, Some("20261122T060000Z")), "20261122T060001Z");
        assert_eq!(name(now, Some("20261231T235959Z")), "20270101T000000Z");
        assert_eq!(start("20261122T060000Z"), Some(now));
    }

    #[test]
    fn nothing_else_is_a_name() {
        assert!(is_name("20261122T060000Z"));
        for text in ["", "..", "20261122T060000", "20261122T06000/Z", "20261122t060000Z", "2026112２T0600Z"]
        {
            assert!(!is_name(text), "{text}");
        }
    }
}
