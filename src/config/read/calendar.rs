//! Wall times, time zones and days: `schedule` of a snapshot, and the texts in it.

use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::config::finding::Findings;
use crate::config::keys::KeyTable;
use crate::config::mask::quote;
use crate::config::spelling::remedy;
use crate::config::tree::{Item, Section};
use crate::schedule::{Calendar, CronError, DAYS, Times, check_cron};

/// `schedule`
pub(in crate::config) const KEYS: KeyTable = KeyTable {
    title: "{ at = \"01:00\", time_zone = \"…\" } or { cron = \"0 1 * * *\", time_zone = \"…\" }",
    known: &["at", "cron", "time_zone", "days"],
    later: &[],
};

/// How to write a time of day.
pub(super) const TIME_HELP: &str = "write the hour and the minute: \"02:00\"";

/// How to write a zone.
pub(super) const ZONE_HELP: &str = "write it as \"America/New_York\" or \"UTC\"";

/// A wall time, to the minute.
pub(super) fn parse_time(text: &str) -> Result<Time, String> {
    Time::strptime("%H:%M", text).map_err(|_| format!("{} is no time of day", quote(text)))
}

/// A name of the time zone database.
pub(super) fn parse_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| format!("{} is no time zone that this machine knows", quote(text)))
}

/// Reads `schedule`.
pub(super) fn read_calendar(section: &Section<'_>, findings: &mut Findings) -> Option<Calendar> {
    let item = section.get("schedule")?;
    let spot = item.spot();
    let table = item.section(&KEYS, "`schedule`".to_owned(), spot, findings)?;
    let at = table.parsed("at", parse_time, "write the hour and the minute: \"01:00\"", findings);
    let cron = table.parsed("cron", read_cron, "write one o'clock every day as \"0 1 * * *\"", findings);
    let zone = table.parsed("time_zone", parse_zone, ZONE_HELP, findings);
    table.require("time_zone", "\"America/New_York\"", findings);
    let days = if table.has("days") { read_days(table.get("days")?, findings) } else { Some([true; 7]) };
    let times = match (table.has("at"), table.has("cron")) {
        (true, false) => Times::At(at?.value),
        (false, true) => Times::Cron(cron?.value),
        (both, _) => {
            let has = if both { "has `at` and `cron`" } else { "has neither `at` nor `cron`" };
            findings.error(spot, format!("`schedule` {has}"), "write one of the two");
            return None;
        }
    };
    let calendar = Calendar { times, days: days?, time_zone: zone?.value };
    if !calendar.ever_comes() {
        let message = "the times of this `schedule` never come";
        findings.error(spot, message, "look at the day of the month, the month and the days of the week");
        return None;
    }
    Some(calendar)
}

/// A cron pattern, as it is.
fn read_cron(text: &str) -> Result<String, CronError> {
    check_cron(text).map(|()| text.to_owned())
}

/// Reads `days`.
fn read_days(item: Item<'_>, findings: &mut Findings) -> Option<[bool; 7]> {
    let list = item.list(findings)?;
    if list.value.is_empty() {
        findings.error(list.spot, "`days` is empty", "name a day, or remove it: it means every day");
        return None;
    }
    let mut days = [false; 7];
    let mut right = true;
    for item in list.value {
        let Some(text) = item.text(findings) else {
            right = false;
            continue;
        };
        let known = DAYS.iter().position(|day| *day == text.value);
        match known {
            Some(day) if !days[day] => days[day] = true,
            Some(_) => {
                let message = format!("{} is in `days` twice", quote(&text.value));
                findings.error(text.spot, message, "remove one of the two");
                right = false;
            }
            None => {
                let help = remedy(&text.value, DAYS, format!("the days are `{}`", DAYS.join("`, `")));
                findings.error(text.spot, format!("there is no day {}", quote(&text.value)), help);
                right = false;
            }
        }
    }
    right.then_some(days)
}
