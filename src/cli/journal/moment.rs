//! Moments on the command line: so long ago, or a time of day where this host is.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::postgres::{Error, Session};

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// So many seconds ago, by the clock of the database.
    Ago(u32),
    /// Then.
    At(Timestamp),
}

/// What a moment may look like.
const FORMS: &str = "write how long ago as 90s, 30m, 2h or 3d, or a time: 2026-11-22, \"2026-11-22 13:00\" (in this host's \
                     zone) or 2026-11-22T13:00:00Z";

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        ago(text).or_else(|| at(text, &TimeZone::system())).ok_or_else(|| FORMS.to_owned())
    }
}

/// `2h` and the like.
fn ago(text: &str) -> Option<Moment> {
    let (number, unit) = text.split_at(text.len().checked_sub(1).filter(|end| text.is_char_boundary(*end))?);
    let seconds: u32 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _unknown => return None,
    };
    number.trim().parse::<u32>().ok()?.checked_mul(seconds).map(Moment::Ago)
}

/// A time; one without an offset is meant in this zone.
fn at(text: &str, zone: &TimeZone) -> Option<Moment> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(Moment::At(at));
    }
    let civil = text.parse::<DateTime>().ok()?;
    Some(Moment::At(civil.to_zoned(zone.clone()).ok()?.timestamp()))
}

impl Moment {
    /// As the server reads it.
    pub(crate) async fn text(self, session: &Session) -> Result<String, Error> {
        match self {
            Self::At(at) => Ok(at.to_string()),
            Self::Ago(seconds) => {
                let seconds = f64::from(seconds);
                let sql = "SELECT (clock_timestamp() - make_interval(secs => $1::float8))::text";
                let row = session.query_one(sql, &[&seconds]).await;
                row.map(|row| row.get(0)).map_err(|error| Error::from_driver("reading the clock", &error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_while_ago_or_a_time_in_this_zone() {
        assert_eq!("2h".parse(), Ok(Moment::Ago(7_200)));
        assert_eq!(" 3d ".parse(), Ok(Moment::Ago(259_200)));
        let zone = TimeZone::get("America/New_York").expect("a zone");
        let noon = |text: &str| at(text, &zone).expect("a time");
        assert_eq!(noon("2026-11-22 13:00"), noon("2026-11-22T18:00:00Z"));
        assert_eq!(noon("2026-11-22"), noon("2026-11-22T05:00:00Z"));
        for text in ["", "h", "2", "2 weeks", "-1h", "99999999d", "yesterday", "13:00", "ü"] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
