//! A year of decisions, with the daemon down, killed and failing at random, and its record read back from JSON each time.

use std::collections::BTreeSet;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use proptest::prelude::*;

use super::{Next, Times, late, next};
use crate::schedule::{self, Calendar};
use crate::snapshot::place::run;
use crate::snapshot::record::{Published, Record};

fn moment(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn calendar(times: schedule::Times, zone: &str) -> Calendar {
    Calendar { times, days: [true; 7], time_zone: TimeZone::get(zone).expect("a zone") }
}

fn daily(time: &str, zone: &str) -> Calendar {
    calendar(schedule::Times::At(time.parse().expect("a time")), zone)
}

fn cron(pattern: &str, zone: &str) -> Calendar {
    calendar(schedule::Times::Cron(pattern.to_owned()), zone)
}

/// What befalls the process in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Luck {
    Well,
    Down,
    /// It dies while it makes a run.
    DiesMaking,
    /// The run is whole, and it dies before that is written down.
    DiesStaging,
    /// It is published, and it dies before that is written down.
    DiesPublishing,
    Fails,
}

/// A snapshot, and what came of it.
struct World {
    calendar: Calendar,
    publish_at: Option<Time>,
    /// As it is in the file.
    file: String,
    /// As on the disk: the published run, and a whole one that waits.
    current: Option<String>,
    staged: Option<(String, Timestamp)>,
    /// Each published run: for which time, and when.
    published: Vec<(Timestamp, Timestamp)>,
    made: Vec<(Timestamp, Timestamp)>,
}

impl World {
    fn new(calendar: Calendar, publish_at: Option<&str>, now: Timestamp) -> Self {
        let record = Record::new(Some(calendar.to_string()), now);
        Self {
            calendar,
            publish_at: publish_at.map(|time| time.parse().expect("a time")),
            file: serde_json::to_string(&record).expect("JSON"),
            current: None,
            staged: None,
            published: Vec::new(),
            made: Vec::new(),
        }
    }

    fn record(&self) -> Record {
        serde_json::from_str(&self.file).expect("what was written")
    }

    fn keep(&mut self, record: &Record) {
        self.file = serde_json::to_string(record).expect("JSON");
    }

    fn times(&self) -> Times<'_> {
        Times { calendar: &self.calendar, publish_at: self.publish_at }
    }

    /// What a process does that looks at the clock once.
    fn look(&mut self, now: Timestamp, luck: Luck) {
        if luck == Luck::Down {
            return;
        }
        let mut record = self.record();
        record.follow(Some(&self.calendar.to_string()), now);
        // What another process left: published, or whole and not written down.
        let current = self.current.as_deref().map(|run| published(run, now));
        let staged: Vec<String> = self.staged.iter().map(|(run, _)| run.clone()).collect();
        record.find(current, &staged, "", now);
        while self.step(&mut record, now, luck) {
            self.keep(&record);
        }
        self.keep(&record);
    }

    /// Answers whether it may go on.
    fn step(&mut self, record: &mut Record, now: Timestamp, luck: Luck) -> bool {
        match next(record, self.times(), now) {
            Next::Make { occurrence } => {
                record.begin(occurrence, now);
                self.keep(record);
                if luck == Luck::Fails {
                    record.fail("it failed".to_owned(), now);
                    return false;
                }
                if luck == Luck::DiesMaking {
                    return false;
                }
                let newest =
                    self.staged.as_ref().map(|(run, _)| run).max(self.current.as_ref()).map(String::as_str);
                let run = run::name(now, newest);
                self.made.push((occurrence, now));
                self.staged = Some((run.clone(), occurrence));
                if luck == Luck::DiesStaging {
                    return false;
                }
                record.stage(run, occurrence, "", now);
                true
            }
            Next::Publish { run, at } if at <= now => {
                if luck == Luck::Fails {
                    record.fail_staged("it failed".to_owned(), now);
                    return false;
                }
                let (staged, occurrence) = self.staged.take().expect("what is published was staged");
                assert_eq!(staged, run);
                self.published.push((occurrence, now));
                self.current = Some(run.clone());
                if luck == Luck::DiesPublishing {
                    return false;
                }
                assert!(record.find(Some(published(&run, now)), &[], "", now), "it is news");
                true
            }
            Next::Publish { .. } | Next::Retry { .. } | Next::Idle(_) => false,
        }
    }

    /// Looks each hour.
    fn live(&mut self, from: Timestamp, lucks: impl IntoIterator<Item = Luck>) -> Timestamp {
        let mut now = from;
        for luck in lucks {
            self.look(now, luck);
            now = hours_later(now, 1);
        }
        now
    }

    fn walls(&self, of: &[(Timestamp, Timestamp)]) -> Vec<String> {
        of.iter().map(|(_, at)| self.calendar.time_zone.to_datetime(*at).to_string()).collect()
    }
}

fn published(run: &str, at: Timestamp) -> Published {
    Published { run: run.to_owned(), at, as_of: None, rows: 0, bytes: 0 }
}

fn hours_later(now: Timestamp, hours: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(hours)).expect("in range")
}

const YEAR_HOURS: usize = 365 * 24;

/// Every day of 2026, as the wall shows it.
fn days() -> impl Iterator<Item = Date> {
    let first = Date::constant(2026, 1, 1);
    (0..365).map(move |days| first.checked_add(i64::from(days).days()).expect("in range"))
}

/// One o'clock of every day: where there are two of them, the first.
fn expected(zone: &TimeZone) -> Vec<Timestamp> {
    let one = |day: Date| zone.to_ambiguous_timestamp(day.at(1, 0, 0, 0)).compatible();
    days().map(|day| one(day).expect("a time")).collect()
}

#[test]
fn a_year_in_new_york_has_one_run_for_each_day_at_one_o_clock_seen_at_six() {
    let begin = moment("2026-01-01T05:00:00Z");
    for calendar in [daily("01:00", "America/New_York"), cron("0 1 * * *", "America/New_York")] {
        let zone = calendar.time_zone.clone();
        let mut world = World::new(calendar, Some("06:00"), begin);
        world.live(begin, [Luck::Well; YEAR_HOURS]);
        let made: Vec<Timestamp> = world.made.iter().map(|(_, at)| *at).collect();
        assert_eq!(made, expected(&zone));
        let seen: BTreeSet<String> = world.walls(&world.published).into_iter().collect();
        let six: BTreeSet<String> = days().map(|day| day.at(6, 0, 0, 0).to_string()).collect();
        assert_eq!(seen, six);
        assert_eq!(world.published.len(), 365);
    }
}

#[test]
fn on_the_night_of_a_clock_change_it_runs_once() {
    for (at, from, times) in [
        // From 02:00 to 03:00, then from 02:00 back to 01:00.
        ("01:00", "2026-03-07T12:00:00Z", ["2026-03-08T06:00:00Z", "2026-03-09T05:00:00Z"]),
        ("02:30", "2026-03-07T12:00:00Z", ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]),
        ("01:00", "2026-10-31T12:00:00Z", ["2026-11-01T05:00:00Z", "2026-11-02T06:00:00Z"]),
        ("01:30", "2026-10-31T12:00:00Z", ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]),
    ] {
        let (hour, minute) = at.split_once(':').expect("a time");
        for calendar in
            [daily(at, "America/New_York"), cron(&format!("{minute} {hour} * * *"), "America/New_York")]
        {
            let first = calendar.next_after(moment(from)).expect("a time");
            let second = calendar.next_after(first).expect("another");
            assert_eq!([first.to_string(), second.to_string()], times, "{calendar}");
            assert_eq!(calendar.latest_at_or_before(second), Some(second));
            assert_eq!(calendar.latest_at_or_before(hours_later(first, 3)), Some(first), "{calendar}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn whatever_befalls_the_daemon_in_a_year_no_day_has_two_runs_and_none_is_missed_that_it_could_make(
        lucks in prop::collection::vec(
            prop_oneof![
                12 => Just(Luck::Well),
                3 => Just(Luck::Fails),
                2 => Just(Luck::DiesMaking),
                2 => Just(Luck::DiesStaging),
                2 => Just(Luck::DiesPublishing),
            ],
            YEAR_HOURS,
        ),
        gaps in prop::collection::vec((0..YEAR_HOURS, 1..80_usize), 0..40),
        by_cron in any::<bool>(),
    ) {
        let mut lucks = lucks;
        for (from, hours) in gaps {
            for luck in lucks.iter_mut().skip(from).take(hours) {
                *luck = Luck::Down;
            }
        }
        let calendar = if by_cron { cron("0 1 * * *", "America/New_York") } else { daily("01:00", "America/New_York") };
        let zone = calendar.time_zone.clone();
        let begin = moment("2026-01-01T05:00:00Z");
        let mut world = World::new(calendar, Some("06:00"), begin);
        world.live(begin, lucks.iter().copied());
        let times = expected(&zone);
        let of: Vec<Timestamp> = world.published.iter().map(|(occurrence, _)| *occurrence).collect();
        let once: BTreeSet<Timestamp> = of.iter().copied().collect();
        prop_assert_eq!(once.len(), of.len(), "a day was published twice");
        prop_assert!(of.iter().all(|occurrence| times.contains(occurrence)), "a time that nobody asked for");
        for (occurrence, at) in &world.published {
            let six = zone.to_datetime(*occurrence).date().at(6, 0, 0, 0);
            prop_assert!(zone.to_datetime(*at) >= six, "seen at {at}");
        }
        for (day, pair) in times.windows(2).enumerate() {
            let six = hours_later(pair[0], 5);
            let well = |from: Timestamp| {
                let hours = lucks.iter().enumerate().filter(|(_, luck)| **luck == Luck::Well);
                let at = |hour: usize| hours_later(begin, i64::try_from(hour).expect("small"));
                hours.map(|(hour, _)| at(hour)).filter(|at| *at >= from && *at < pair[1]).count()
            };
            // Two hours in a row would do; failures before them cost pauses of less than one.
            if well(six) >= 2 {
                prop_assert!(once.contains(&pair[0]), "day {day} was missed");
            }
        }
    }
}

#[test]
fn what_was_missed_is_caught_up_once_and_only_the_last_one() {
    let begin = moment("2026-06-01T00:00:00Z");
    let mut world = World::new(daily("01:00", "UTC"), None, begin);
    let now = world.live(begin, [Luck::Well; 4]);
    let now = world.live(now, [Luck::Down; 100]);
    world.live(now, [Luck::Well; 10]);
    let of: Vec<String> = world.published.iter().map(|(occurrence, _)| occurrence.to_string()).collect();
    assert_eq!(of, ["2026-06-01T01:00:00Z", "2026-06-05T01:00:00Z"]);
}

#[test]
fn a_run_that_can_not_be_published_is_tried_with_pauses_also_beside_a_newer_one_that_failed() {
    let calendar = daily("01:00", "UTC");
    let times = Times { calendar: &calendar, publish_at: None };
    let (yesterday, today) = (moment("2026-06-01T01:00:00Z"), moment("2026-06-02T01:00:00Z"));
    let mut record = Record::new(Some(calendar.to_string()), moment("2026-05-31T12:00:00Z"));
    record.begin(yesterday, yesterday);
    record.stage("1".to_owned(), yesterday, "", yesterday);
    record.fail_staged("no way".to_owned(), yesterday);
    record.begin(today, today);
    record.fail("no rows".to_owned(), today);
    let mut now = today;
    for tries in 2..6 {
        assert!(matches!(next(&record, times, now), Next::Publish { at, .. } if at <= now), "{tries}");
        record.fail_staged("no way".to_owned(), now);
        let then = next(&record, times, now);
        assert!(!matches!(then, Next::Publish { at, .. } if at <= now), "{tries}: at once again");
        assert!(record.work.as_ref().is_some_and(|work| work.tried_at == today && work.tries == 1));
        assert_eq!(record.staged.as_ref().map(|staged| staged.tries), Some(tries));
        now = now.checked_add(SignedDuration::from_hours(1)).expect("in range");
    }
}

#[test]
fn nothing_is_made_for_times_before_it_was_seen_or_its_schedule_changed() {
    let begin = moment("2026-06-01T10:00:00Z");
    let mut world = World::new(daily("09:00", "UTC"), None, begin);
    let now = world.live(begin, [Luck::Well; 3]);
    world.calendar = daily("11:00", "UTC");
    let now = world.live(now, [Luck::Well; 3]);
    assert_eq!(world.published, []);
    world.live(now, [Luck::Well; 24]);
    assert_eq!(world.walls(&world.published), ["2026-06-02T11:00:00"]);
}

#[test]
fn what_failed_is_tried_again_with_growing_pauses_until_the_next_time() {
    let calendar = daily("01:00", "UTC");
    let times = Times { calendar: &calendar, publish_at: None };
    let mut record = Record::new(Some(calendar.to_string()), moment("2026-06-01T00:00:00Z"));
    let mut now = moment("2026-06-01T01:00:00Z");
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let Next::Make { occurrence } = next(&record, times, now) else { panic!("it is due") };
        record.begin(occurrence, now);
        record.fail("no room".to_owned(), now);
        let Next::Retry { at, .. } = next(&record, times, now) else { panic!("it is tried again") };
        pauses.push(at.duration_since(now).as_mins());
        now = at;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30, 30]);
    now = moment("2026-06-02T01:00:00Z");
    let newer = Next::Make { occurrence: now };
    assert_eq!(next(&record, times, now), newer, "the new time does not wait for the old one's pause");
}

#[test]
fn a_run_that_takes_the_process_with_it_is_not_made_in_a_circle() {
    let calendar = daily("01:00", "UTC");
    let times = Times { calendar: &calendar, publish_at: None };
    let mut record = Record::new(Some(calendar.to_string()), moment("2026-06-01T00:00:00Z"));
    let now = moment("2026-06-01T01:00:00Z");
    record.begin(now, now);
    assert_eq!(next(&record, times, now), Next::Make { occurrence: now }, "once more at once");
    record.begin(now, now);
    let at = moment("2026-06-01T01:01:00Z");
    assert_eq!(next(&record, times, now), Next::Retry { occurrence: now, at });
}

#[test]
fn a_clock_that_jumps_does_no_harm() {
    let begin = moment("2026-06-01T00:00:00Z");
    let mut world = World::new(daily("01:00", "UTC"), None, begin);
    let now = world.live(begin, [Luck::Well; 3]);
    // A year ahead: one run, as after a year of rest.
    world.live(hours_later(now, 8_760), [Luck::Well; 3]);
    assert_eq!(world.published.len(), 2);
    // Back again: the next real time comes, each one once, and none is repeated.
    world.live(now, [Luck::Well; 47]);
    assert_eq!(world.walls(&world.published[2..]), ["2026-06-02T01:00:00", "2026-06-03T01:00:00"]);
    // Back by an hour, over a time that is done: it is not repeated.
    let mut world = World::new(daily("01:00", "UTC"), None, begin);
    let now = world.live(begin, [Luck::Well; 2]);
    world.live(hours_later(now, -2), [Luck::Well; 25]);
    assert_eq!(world.walls(&world.published), ["2026-06-01T01:00:00"]);
    // First seen by a clock that was ahead.
    let mut world = World::new(daily("01:00", "UTC"), None, hours_later(begin, 500));
    world.live(begin, [Luck::Well; 3]);
    assert_eq!(world.walls(&world.published), ["2026-06-01T01:00:00"]);
}

#[test]
fn what_is_not_there_at_its_time_is_late() {
    let calendar = daily("01:00", "UTC");
    let times = Times { calendar: &calendar, publish_at: Some(Time::constant(6, 0, 0, 0)) };
    let mut record = Record::new(Some(calendar.to_string()), moment("2026-06-01T00:00:00Z"));
    let occurrence = moment("2026-06-01T01:00:00Z");
    record.begin(occurrence, occurrence);
    assert_eq!(late(&record, times, moment("2026-06-01T05:59:00Z")), None);
    assert_eq!(late(&record, times, moment("2026-06-01T06:02:00Z")), Some(occurrence));
    record.stage("1".to_owned(), occurrence, "", occurrence);
    assert_eq!(late(&record, times, moment("2026-06-01T06:02:00Z")), Some(occurrence));
    record.find(Some(published("1", moment("2026-06-01T06:03:00Z"))), &[], "", occurrence);
    assert_eq!(late(&record, times, moment("2026-06-01T06:03:00Z")), None);
}

#[test]
fn a_schedule_of_some_days_and_times_keeps_to_them() {
    let begin = moment("2026-03-01T00:00:00Z");
    let mut calendar = cron("15,45 */6 * * *", "America/New_York");
    calendar.days = [Weekday::Sunday, Weekday::Monday].iter().fold([false; 7], |mut days, day| {
        days[usize::try_from(day.to_monday_zero_offset()).expect("a day")] = true;
        days
    });
    let mut found = Vec::new();
    let mut at = begin;
    while found.len() < 32 {
        at = calendar.next_after(at).expect("a time");
        assert_eq!(calendar.latest_at_or_before(at), Some(at));
        found.push(calendar.time_zone.to_datetime(at));
    }
    let hours: Vec<i8> = found.iter().take(8).map(|wall| wall.hour()).collect();
    assert_eq!(hours, [0, 0, 6, 6, 12, 12, 18, 18]);
    assert!(found.iter().all(|wall| matches!(wall.weekday(), Weekday::Sunday | Weekday::Monday)));
    let eighth = found.iter().filter(|wall| wall.date() == Date::constant(2026, 3, 8)).count();
    assert_eq!(eighth, 8, "also on the day of the clock change");
}

/// Where the clock is changed by half an hour, where midnight is skipped, and where nothing is ever changed.
#[test]
fn every_day_of_every_zone_has_its_run() {
    for (zone, at) in [
        ("Australia/Lord_Howe", "01:45"),
        ("Australia/Lord_Howe", "02:15"),
        ("Africa/Cairo", "00:00"),
        ("Asia/Beirut", "00:30"),
        ("UTC", "23:59"),
    ] {
        let (hour, minute) = at.split_once(':').expect("a time");
        for calendar in [daily(at, zone), cron(&format!("{minute} {hour} * * *"), zone)] {
            let mut now = calendar
                .time_zone
                .to_timestamp(Date::constant(2025, 12, 31).at(23, 59, 30, 0))
                .expect("a time");
            let mut seen = Vec::new();
            for day in days() {
                now = calendar.next_after(now).expect("a time");
                seen.push(now);
                assert_eq!(calendar.time_zone.to_datetime(now).date(), day, "{calendar}");
            }
            for pair in seen.windows(2) {
                let before = pair[1].checked_sub(SignedDuration::from_secs(1)).expect("in range");
                assert_eq!(calendar.latest_at_or_before(before), Some(pair[0]), "{calendar}");
            }
        }
    }
}
