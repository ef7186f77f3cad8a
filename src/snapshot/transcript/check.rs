//! What a value must be to fit its column. A number or a time comes whole, as PostgreSQL writes it.

use super::super::convert::cells::Unfit;
use super::super::convert::clock::{self, Date};
use super::super::ddl::mysql::Kind;
use super::super::loss::Loss;

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit<'r> {
    /// It is written as it came, or without zeros at its end.
    Whole(&'r [u8]),
    /// It has no place.
    Lost(Loss),
    /// A text with escapes.
    Text,
    /// Bytes in hexadecimal.
    Bytes,
    /// A text that is longer than its type, where the source has no such limit.
    TooLong,
}

/// Looks at a whole cell.
pub(super) fn fit<'r>(kind: &Kind, raw: &'r [u8]) -> Result<Fit<'r>, Unfit> {
    match kind {
        Kind::Integer(_) => integer(raw),
        Kind::Boolean => {
            // As PostgreSQL is asked for it, or as a file of ours has it.
            if matches!(raw, b"0" | b"1") {
                Ok(Fit::Whole(raw))
            } else if raw == b"t" {
                Ok(Fit::Whole(b"1"))
            } else if raw == b"f" {
                Ok(Fit::Whole(b"0"))
            } else {
                Err(Unfit)
            }
        }
        Kind::Decimal { digits, scale, fixed } => decimal(raw, *digits, *scale, *fixed),
        Kind::Double => Ok(if is_no_number(raw) { Fit::Lost(Loss::NotANumber) } else { Fit::Whole(raw) }),
        Kind::Date => Ok(day(raw)?.map_or(Fit::Whole(raw), Fit::Lost)),
        Kind::Datetime => moment(raw),
        Kind::Time => {
            let time = clock::time(raw)?;
            if time.offset.is_empty() { Ok(Fit::Whole(raw)) } else { Err(Unfit) }
        }
        Kind::Ascii(_) => {
            if raw.contains(&b'\\') {
                Err(Unfit)
            } else {
                Ok(Fit::Whole(raw))
            }
        }
        Kind::Varchar(length) => Ok(if is_longer(raw, *length) { Fit::TooLong } else { Fit::Text }),
        Kind::Char(_) | Kind::Text | Kind::Enum(_) | Kind::Json => Ok(Fit::Text),
        Kind::Bytes => Ok(Fit::Bytes),
    }
}

fn integer(raw: &[u8]) -> Result<Fit<'_>, Unfit> {
    let digits = raw.strip_prefix(b"-").unwrap_or(raw);
    if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) { Ok(Fit::Whole(raw)) } else { Err(Unfit) }
}

fn is_no_number(raw: &[u8]) -> bool {
    matches!(raw, b"NaN" | b"Infinity" | b"-Infinity")
}

fn decimal(raw: &[u8], digits: u16, scale: u16, fixed: bool) -> Result<Fit<'_>, Unfit> {
    if is_no_number(raw) {
        return Ok(Fit::Lost(Loss::NotANumber));
    }
    let number = raw.strip_prefix(b"-").unwrap_or(raw);
    if number.is_empty() || !number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return Err(Unfit);
    }
    let Some(point) = memchr::memchr(b'.', number).filter(|_| !fixed) else {
        let whole = if fixed { 0 } else { number.len() };
        return Ok(if whole > usize::from(digits - scale) {
            Fit::Lost(Loss::Digits)
        } else {
            Fit::Whole(raw)
        });
    };
    // Zeros at the end say how exact the source is; they are no part of the value.
    let zeros = number.iter().rev().take_while(|byte| **byte == b'0').count();
    let places = number.len() - point - 1 - zeros;
    if point > usize::from(digits - scale) || places > usize::from(scale) {
        return Ok(Fit::Lost(Loss::Digits));
    }
    let end = if places == 0 { raw.len() - zeros - 1 } else { raw.len() - zeros };
    Ok(Fit::Whole(&raw[..end]))
}

/// The server's years are 1000 to 9999.
fn day(raw: &[u8]) -> Result<Option<Loss>, Unfit> {
    Ok(match clock::date(raw)? {
        Date::Day { year: [b'0', ..], .. } | Date::FarAway => Some(Loss::YearOutOfRange),
        Date::Day { .. } => None,
        Date::Infinite => Some(Loss::Infinity),
    })
}

fn moment(raw: &[u8]) -> Result<Fit<'_>, Unfit> {
    let Some(blank) = memchr::memchr(b' ', raw) else {
        return Ok(day(raw)?.map_or(Fit::Whole(raw), Fit::Lost));
    };
    let (date, time) = (&raw[..blank], &raw[blank + 1..]);
    if time.ends_with(b" BC") {
        return Ok(Fit::Lost(Loss::YearOutOfRange));
    }
    // A file of ours has moments in UTC, and says so.
    let offset = clock::time(time.strip_suffix(b" BC").unwrap_or(time))?.offset;
    if !matches!(offset, b"" | b"+00") {
        return Err(Unfit);
    }
    let whole = &raw[..raw.len() - offset.len()];
    Ok(day(date)?.map_or(Fit::Whole(whole), Fit::Lost))
}

/// More characters than that: bytes that begin one, with each escape counted once.
fn is_longer(raw: &[u8], length: u32) -> bool {
    let length = length as usize;
    if raw.len() <= length {
        return false;
    }
    let begins = raw.iter().filter(|byte| (**byte & 0xc0) != 0x80).count();
    let mut escapes = 0;
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        escapes += 1;
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    begins - escapes > length
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Kind = Kind::Decimal { digits: 65, scale: 30, fixed: false };

    fn whole(kind: &Kind, raw: &str) -> Option<String> {
        match fit(kind, raw.as_bytes()).expect("a value of the server's") {
            Fit::Whole(raw) => Some(String::from_utf8(raw.to_vec()).expect("digits")),
            Fit::Lost(_) | Fit::Text | Fit::Bytes | Fit::TooLong => None,
        }
    }

    #[test]
    fn numbers_lose_no_digit_that_counts() {
        assert_eq!(whole(&ANY, "-1.500").as_deref(), Some("-1.5"));
        assert_eq!(whole(&ANY, "100.000").as_deref(), Some("100"));
        assert_eq!(whole(&ANY, "100").as_deref(), Some("100"));
        assert_eq!(whole(&ANY, &"9".repeat(35)), Some("9".repeat(35)));
        assert_eq!(fit(&ANY, "9".repeat(36).as_bytes()), Ok(Fit::Lost(Loss::Digits)));
        let exact = format!("0.{}1", "0".repeat(29));
        assert_eq!(whole(&ANY, &exact), Some(exact));
        assert_eq!(fit(&ANY, format!("0.{}1", "0".repeat(30)).as_bytes()), Ok(Fit::Lost(Loss::Digits)));
        assert_eq!(fit(&ANY, b"NaN"), Ok(Fit::Lost(Loss::NotANumber)));
        let fixed = Kind::Decimal { digits: 10, scale: 2, fixed: true };
        assert_eq!(whole(&fixed, "1.00").as_deref(), Some("1.00"));
        assert_eq!(fit(&Kind::Double, b"-Infinity"), Ok(Fit::Lost(Loss::NotANumber)));
        assert!(fit(&ANY, b"1e5").is_err() && fit(&Kind::Integer("INT"), b"1.0").is_err());
    }

    #[test]
    fn times_that_the_server_does_not_have_are_lost() {
        for (raw, loss) in [
            ("infinity", Loss::Infinity),
            ("0999-12-31", Loss::YearOutOfRange),
            ("10000-01-01", Loss::YearOutOfRange),
            ("0044-03-15 BC", Loss::YearOutOfRange),
        ] {
            assert_eq!(fit(&Kind::Date, raw.as_bytes()), Ok(Fit::Lost(loss)), "{raw}");
        }
        for raw in
            ["-infinity", "0999-12-31 23:59:59.999999", "294276-12-31 23:59:59", "0044-03-15 00:00:00 BC"]
        {
            assert!(matches!(fit(&Kind::Datetime, raw.as_bytes()), Ok(Fit::Lost(_))), "{raw}");
        }
        assert_eq!(
            whole(&Kind::Datetime, "1000-01-01 00:00:00.000001").as_deref(),
            Some("1000-01-01 00:00:00.000001")
        );
        assert_eq!(whole(&Kind::Time, "24:00:00").as_deref(), Some("24:00:00"));
        assert_eq!(whole(&Kind::Datetime, "2026-01-01 00:00:00+00").as_deref(), Some("2026-01-01 00:00:00"));
        assert!(fit(&Kind::Datetime, b"2026-01-01 00:00:00+05:30").is_err());
    }

    #[test]
    fn a_text_is_too_long_by_its_characters() {
        let fits = |raw: &str| fit(&Kind::Varchar(3), raw.as_bytes()).expect("a text") == Fit::Text;
        assert!(fits("abc") && fits("🐟éa") && fits(r"a\n\\") && fits(""));
        assert!(!fits("abcd") && !fits(r"abc\n") && !fits("éééé"));
    }
}
