//! Amounts with a unit: sizes as PostgreSQL writes them ("20GB", 1024 to a step), days ("30d") and intervals ("15m").

use std::time::Duration;

/// The units of a size, and how many bytes each has.
const SIZE_UNITS: [(&str, u64); 5] =
    [("b", 1), ("kb", 1 << 10), ("mb", 1 << 20), ("gb", 1 << 30), ("tb", 1 << 40)];

/// A hundred years: more is a slip.
const DAYS_MAX: u32 = 36_525;

/// The units of an interval, and how many seconds each has.
const INTERVAL_UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];

/// A year: more is a slip.
const INTERVAL_MAX_SECONDS: u64 = 366 * 86_400;

/// A text that is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AmountError {
    /// No number in front, no unit behind it, or another unit.
    #[error("a size is a whole number and one of the units B, kB, MB, GB, TB")]
    Size,
    /// Nothing, or more than 64 bits can count.
    #[error("this size is zero, or too large")]
    SizeRange,
    /// No number in front, or another unit.
    #[error("a time is a whole number of days with the unit d, from 1d to {DAYS_MAX}d")]
    Days,
    /// No number in front, or another unit.
    #[error("an interval is a whole number and one of the units s, m, h, d")]
    Interval,
    /// Nothing, or more than [`INTERVAL_MAX_SECONDS`].
    #[error("an interval is at least one second and at most a year")]
    IntervalRange,
}

/// A size in bytes.
pub(super) fn parse_size(text: &str) -> Result<u64, AmountError> {
    let (number, unit) = split(text).ok_or(AmountError::Size)?;
    let unit = unit.to_ascii_lowercase();
    let (_, bytes) = SIZE_UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(AmountError::Size)?;
    let number: u64 = number.parse().map_err(|_| AmountError::SizeRange)?;
    number.checked_mul(bytes).filter(|size| *size > 0).ok_or(AmountError::SizeRange)
}

/// A number of days.
pub(super) fn parse_days(text: &str) -> Result<u32, AmountError> {
    let (number, unit) = split(text).ok_or(AmountError::Days)?;
    let days = number.parse().ok().filter(|days| (1..=DAYS_MAX).contains(days));
    days.filter(|_| unit == "d").ok_or(AmountError::Days)
}

/// An interval.
pub(super) fn parse_interval(text: &str) -> Result<Duration, AmountError> {
    let (number, unit) = split(text).ok_or(AmountError::Interval)?;
    let (_, seconds) =
        INTERVAL_UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(AmountError::Interval)?;
    let number: u64 = number.parse().map_err(|_| AmountError::IntervalRange)?;
    let seconds = number.checked_mul(seconds).filter(|seconds| (1..=INTERVAL_MAX_SECONDS).contains(seconds));
    seconds.map(Duration::from_secs).ok_or(AmountError::IntervalRange)
}

/// The digits and what follows them, blanks aside.
fn split(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    (digits > 0).then(|| (&text[..digits], text[digits..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_counts_as_postgresql_counts() {
        assert_eq!(parse_size("20GB"), Ok(20 << 30));
        assert_eq!(parse_size("8 kB"), Ok(8192));
        assert_eq!(parse_size("20"), Err(AmountError::Size));
        assert_eq!(parse_size("GB"), Err(AmountError::Size));
        assert_eq!(parse_size("0GB"), Err(AmountError::SizeRange));
        assert_eq!(parse_size("99999999999999999999B"), Err(AmountError::SizeRange));
        assert_eq!(parse_size("16777216TB"), Err(AmountError::SizeRange));
    }

    #[test]
    fn a_time_is_days() {
        assert_eq!(parse_days("30d"), Ok(30));
        for text in ["0d", "30", "30h", "d", "-1d", "9999999999d"] {
            assert_eq!(parse_days(text), Err(AmountError::Days), "{text}");
        }
    }
    #[test]
    fn an_interval_is_seconds_to_days() {
        assert_eq!(parse_interval("15m"), Ok(Duration::from_mins(15)));
        assert_eq!(parse_interval("1 d"), Ok(Duration::from_hours(24)));
        for text in ["0s", "367d", "99999999999999999999s"] {
            assert_eq!(parse_interval(text), Err(AmountError::IntervalRange), "{text}");
        }
        for text in ["15", "m", "15min", "500ms", "-1s", "1.5h"] {
            assert_eq!(parse_interval(text), Err(AmountError::Interval), "{text}");
        }
    }
}
