//! Dates and times as the server writes them under `DateStyle = ISO`, taken apart without being computed.
//!
//! Source: PostgreSQL manual, "Date/Time Output".

use super::cells::Unfit;

/// A date of the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Date {
    /// Of the years 1 to 9999 after Christ, in digits.
    Day {
        /// Four of them.
        year: [u8; 4],
        /// Two.
        month: [u8; 2],
        /// Two.
        day: [u8; 2],
    },
    /// `infinity` or `-infinity`
    Infinite,
    /// Before Christ, or after the year 9999.
    FarAway,
}

/// Reads a date: `2026-01-16`, `10000-01-01`, `0044-03-15 BC`, `infinity`.
pub fn date(raw: &[u8]) -> Result<Date, Unfit> {
    if let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = raw {
        let (year, month, day) = ([y0, y1, y2, y3], [m0, m1], [d0, d1]);
        let digits = [y0, y1, y2, y3, m0, m1, d0, d1];
        return if digits.iter().all(u8::is_ascii_digit) {
            Ok(Date::Day { year, month, day })
        } else {
            Err(Unfit)
        };
    }
    if matches!(raw, b"infinity" | b"-infinity") {
        return Ok(Date::Infinite);
    }
    let of_christ = raw.strip_suffix(b" BC");
    let Some((rest, day)) = of_christ.unwrap_or(raw).split_last_chunk::<3>() else { return Err(Unfit) };
    let Some((year, month)) = rest.split_last_chunk::<3>() else { return Err(Unfit) };
    let is_part = |part: &[u8; 3]| part[0] == b'-' && part[1..].iter().all(u8::is_ascii_digit);
    let is_year =
        year.len() >= 4 && year.iter().all(u8::is_ascii_digit) && (of_christ.is_some() || year.len() > 4);
    if is_year && is_part(month) && is_part(day) { Ok(Date::FarAway) } else { Err(Unfit) }
}

/// A time of day of the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time<'r> {
    /// `HH:MM:SS`
    pub wall: &'r [u8],
    /// Fractions of a second stood behind it. The server writes none that are zero.
    pub has_fraction: bool,
    /// What stands behind these: nothing, or `-05`, `+05:30`, `-04:56:02`.
    pub offset: &'r [u8],
}

/// Reads a time: `08:30:00`, `08:30:00.25-05`, `24:00:00`.
pub fn time(raw: &[u8]) -> Result<Time<'_>, Unfit> {
    let (wall, rest) = raw.split_at_checked(8).ok_or(Unfit)?;
    let shape = wall.iter().enumerate();
    if !shape
        .clone()
        .all(|(place, byte)| if matches!(place, 2 | 5) { *byte == b':' } else { byte.is_ascii_digit() })
    {
        return Err(Unfit);
    }
    let (has_fraction, offset) = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (true, &fraction[digits..])
        }
        None => (false, rest),
    };
    let is_offset = match offset.split_first() {
        None => true,
        Some((b'+' | b'-', digits)) => digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b':'),
        Some(_) => false,
    };
    if is_offset { Ok(Time { wall, has_fraction, offset }) } else { Err(Unfit) }
}

/// The year, and date and time together as the number `YYYYMMDDhhmmss`, of what [`date`] and [`time`] found whole.
pub fn digits(date: &[u8], wall: &[u8]) -> (i16, u64) {
    let add = |number: u64, byte: &u8| {
        if byte.is_ascii_digit() { number * 10 + u64::from(byte - b'0') } else { number }
    };
    let year = date.iter().take(4).fold(0, add);
    (i16::try_from(year).unwrap_or(i16::MAX), date.iter().chain(wall).fold(0, add))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_or_named_for_what_they_are() {
        let day = |year: &[u8; 4], month: &[u8; 2], day: &[u8; 2]| {
            Ok(Date::Day { year: *year, month: *month, day: *day })
        };
        assert_eq!(date(b"2026-01-16"), day(b"2026", b"01", b"16"));
        assert_eq!(date(b"0001-12-31"), day(b"0001", b"12", b"31"));
        for far in
            [&b"0044-03-15 BC"[..], b"10000-01-01", b"5874897-12-31", b"4713-01-01 BC", b"10000-01-01 BC"]
        {
            assert_eq!(date(far), Ok(Date::FarAway));
        }
        assert_eq!(date(b"-infinity"), Ok(Date::Infinite));
        for foreign in
            [&b""[..], b"2026", b"2026-1-16", b"01/16/2026", b"2026-01-1x", b"12026-01-1x", b"026-01-16"]
        {
            assert_eq!(date(foreign), Err(Unfit));
        }
    }

    #[test]
    fn times_may_have_a_fraction_and_an_offset() {
        let parts = |raw| time(raw).map(|time| (time.wall, time.has_fraction, time.offset));
        assert_eq!(parts(b"08:30:00"), Ok((&b"08:30:00"[..], false, &b""[..])));
        assert_eq!(parts(b"24:00:00-15:59:59"), Ok((&b"24:00:00"[..], false, &b"-15:59:59"[..])));
        assert_eq!(parts(b"08:30:00.000001+05:30"), Ok((&b"08:30:00"[..], true, &b"+05:30"[..])));
        for foreign in [&b""[..], b"8:30:00", b"08:30", b"08:30:00 ", b"08:30:00.1x", b"08-30-00"] {
            assert!(time(foreign).is_err());
        }
        assert_eq!(digits(b"2026-11-01", b"01:30:00"), (2026, 20_261_101_013_000));
    }
}
