//! `[[snapshot]]`.

use super::chapter::{Bond, Chapter, DAYS, Entry, Form, Group, NAME, PATH, Shape, TEXT, TIME, ZONE};
use super::rule::{EVERYBODY, NAMES};
use crate::config::read::calendar;
use crate::config::read::snapshot::{
    DIALECTS, FORMATS, FORMULAS, KEYS, KINDS, LAYOUTS, ON_LOSSES, PROFILES, WORKERS_MAX,
};
use crate::schedule::DAYS as WEEK;

/// A table, or a column of it.
const PART: Form = Form { name: "\"table\" or \"table.column\"", pattern: None, characters_max: None };

/// A public key.
const RECIPIENT: Form =
    Form { name: "public key of age", pattern: Some("^age1[0-9a-z]+$"), characters_max: None };

/// A cron pattern.
const CRON: Form = Form { name: "cron pattern", pattern: None, characters_max: None };

/// Tables and columns.
const PARTS: Shape = Shape::List { entry: &Shape::Text(&PART), least: 0, most: None };

/// `[[snapshot]]`
pub(super) static SNAPSHOT: Chapter = Chapter {
    keys: &KEYS,
    about: "A dump of all tables of customers at one moment, put in the place of the last one by one step.",
    groups: &[
        Group { title: None, entries: SNAPSHOT_ENTRIES },
        Group { title: None, entries: FORM_ENTRIES },
        Group { title: None, entries: CONTENT_ENTRIES },
    ],
    bonds: &[Bond::Required(&["name", "customers"]), Bond::Needs("publish_at", "schedule")],
};

const SNAPSHOT_ENTRIES: &[Entry] = &[
    Entry {
        key: "name",
        shape: Shape::Text(&NAME),
        default: None,
        about: "Its name, and that of its directory.",
    },
    Entry {
        key: "enabled",
        shape: Shape::Flag,
        default: Some("true"),
        about: "Whether it is made at its times. One that is not can be made by `acequia snapshot run`.",
    },
    Entry {
        key: "customers",
        shape: Shape::Either(&[EVERYBODY, NAMES]),
        default: None,
        about: "The customers; \"*\" is all of them.",
    },
    Entry {
        key: "except",
        shape: NAMES,
        default: None,
        about: "Of `customers = \"*\"`, those that are not meant.",
    },
    Entry {
        key: "schedule",
        shape: Shape::Table(&CALENDAR),
        default: None,
        about: "When it is made. Without it, only by hand. A time that was missed is caught up once.",
    },
    Entry {
        key: "publish_at",
        shape: Shape::Text(&TIME),
        default: None,
        about: "It is not to be seen before this time, in the schedule's zone. Without it, as soon as it is done.",
    },
    Entry {
        key: "directory",
        shape: Shape::Text(&PATH),
        default: Some("\"/var/lib/acequia/snapshots\""),
        about: "Where a directory with the snapshot's name is made. `current` in that is always the last one that is whole.",
    },
    Entry {
        key: "keep",
        shape: Shape::Number { least: 1, most: u32::MAX as i64 },
        default: Some("1"),
        about: "How many published ones are kept. Files only.",
    },
    Entry {
        key: "retain_closed",
        shape: Shape::Text(&DAYS),
        default: None,
        about: "What is left of a customer that is no longer in the snapshot is wiped after so long. Files only.",
    },
    Entry {
        key: "workers",
        shape: Shape::Number { least: 1, most: WORKERS_MAX as i64 },
        default: Some("2"),
        about: "Tables that are read at once.",
    },
];

const FORM_ENTRIES: &[Entry] = &[
    Entry {
        key: "format",
        shape: Shape::Word(|| FORMATS.names()),
        default: Some("\"dat\""),
        about: "\"dat\": tab-delimited files in a ZIP. \"sql\": a dump file of `dialect`. \"mysql\": tables of `server`.",
    },
    Entry {
        key: "profile",
        shape: Shape::Word(|| PROFILES.names()),
        default: Some("\"lossless\""),
        about: "Of \"dat\". \"lossless\": escapes as of COPY, \\N for NULL, ISO dates. \"market\": as other software of this \
                market reads it; what that loses is counted in the manifest.",
    },
    Entry {
        key: "formulas",
        shape: Shape::Word(|| FORMULAS.names()),
        default: Some("\"keep\""),
        about: "Of \"dat\". \"guard\" puts an apostrophe before a cell that a spreadsheet would run.",
    },
    Entry {
        key: "dialect",
        shape: Shape::Word(|| DIALECTS.names()),
        default: Some("\"mysql\""),
        about: "Of \"sql\": which server's SQL.",
    },
    Entry {
        key: "server",
        shape: Shape::Text(&NAME),
        default: None,
        about: "Of \"mysql\": NAME of [servers.NAME].",
    },
    Entry {
        key: "database",
        shape: Shape::Text(&TEXT),
        default: None,
        about: "Of \"mysql\": the database's name there. {customer} stands for the customer's name.",
    },
    Entry {
        key: "layout",
        shape: Shape::Word(|| LAYOUTS.names()),
        default: Some("\"per-customer\""),
        about: "An archive or database for each customer; or one for all of them, with a leading column that names the \
                customer.",
    },
    Entry {
        key: "kind",
        shape: Shape::Word(|| KINDS.names()),
        default: Some("\"full\""),
        about: "\"incremental\", of \"dat\": what has changed since the last published one, and the keys of what is gone. Not \
                with `encrypt_to`.",
    },
    Entry {
        key: "encrypt_to",
        shape: Shape::List { entry: &Shape::Text(&RECIPIENT), least: 1, most: None },
        default: None,
        about: "Public keys of age: the files can be read by the holders of these keys only. Files only.",
    },
];

const CONTENT_ENTRIES: &[Entry] = &[
    Entry {
        key: "exclude",
        shape: PARTS,
        default: None,
        about: "Tables, and columns of tables, that are not wanted. A name with a dot stands in quotation marks, as in SQL.",
    },
    Entry {
        key: "include",
        shape: PARTS,
        default: None,
        about: "Columns of binary values, and tables whose comment says snapshot=no: they are left out unless they are named \
                here.",
    },
    Entry {
        key: "on_loss",
        shape: Shape::Word(|| ON_LOSSES.names()),
        default: Some("\"null\""),
        about: "A value that the format can't hold is null and counted in the manifest, makes its column a text (MySQL and \
                MariaDB), or fails the run.",
    },
    Entry {
        key: "time_zone",
        shape: Shape::Text(&ZONE),
        default: None,
        about: "Whose wall times the profile \"market\" writes. Without it, the schedule's; without a schedule, UTC.",
    },
];

/// `schedule`
static CALENDAR: Chapter = Chapter {
    keys: &calendar::KEYS,
    about: "At a wall time, or by a cron pattern.",
    groups: &[Group { title: None, entries: CALENDAR_ENTRIES }],
    bonds: &[Bond::Required(&["time_zone"]), Bond::OneOf(&[&["at"], &["cron"]])],
};

const CALENDAR_ENTRIES: &[Entry] = &[
    Entry {
        key: "at",
        shape: Shape::Text(&TIME),
        default: None,
        about: "At this wall time, once a day, also on the days on which the clock is changed.",
    },
    Entry {
        key: "cron",
        shape: Shape::Text(&CRON),
        default: None,
        about: "Minute, hour, day of the month, month, day of the week: \"0 1 * * *\".",
    },
    Entry { key: "time_zone", shape: Shape::Text(&ZONE), default: None, about: "Where the wall is." },
    Entry {
        key: "days",
        shape: Shape::List { entry: &Shape::Word(|| WEEK.to_vec()), least: 1, most: Some(7) },
        default: None,
        about: "On these days only.",
    },
];
