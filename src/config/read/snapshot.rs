//! `[[snapshot]]`: which customers are dumped when, how, and where to.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::config::amount::parse_days;
use crate::config::finding::Findings;
use crate::config::keys::KeyTable;
use crate::config::snapshot::{Dialect, Format, Kind, Layout, OnLoss, Profile, Snapshot};
use crate::config::spot::Spot;
use crate::config::tree::{Item, Section, Spotted, Words};
use crate::name::{ServerName, SnapshotName};

use super::calendar::{TIME_HELP, ZONE_HELP, parse_time, parse_zone, read_calendar};
use super::chosen::{Chosen, read_chosen};
use super::exclusion::read_exclusions;
use super::recipient::read_recipients;

/// `[[snapshot]]`
pub(in crate::config) const KEYS: KeyTable = KeyTable {
    title: "[[snapshot]]",
    known: &[
        "name",
        "enabled",
        "customers",
        "except",
        "format",
        "profile",
        "formulas",
        "dialect",
        "layout",
        "kind",
        "schedule",
        "publish_at",
        "directory",
        "keep",
        "exclude",
        "include",
        "encrypt_to",
        "on_loss",
        "time_zone",
        "workers",
        "retain_closed",
        "server",
        "database",
    ],
    later: &[],
};

/// Where snapshots are when the file does not say so.
const DIRECTORY: &str = "/var/lib/acequia/snapshots";

/// Published snapshots that are kept when the file does not say so.
const KEEP: u32 = 1;

/// Tables that are read at once when the file does not say so.
const WORKERS: u8 = 2;

/// More connections at once would be no help to anybody.
pub(in crate::config) const WORKERS_MAX: u8 = 16;

/// `format`
pub(in crate::config) const FORMATS: Words<Shape> =
    Words { known: &[("dat", Shape::Dat), ("mysql", Shape::Mysql), ("sql", Shape::Sql)], later: &[] };

/// `profile`
pub(in crate::config) const PROFILES: Words<Profile> =
    Words { known: &[("lossless", Profile::Lossless), ("market", Profile::Market)], later: &[] };

/// `formulas`: whether cells that a spreadsheet would run are guarded.
pub(in crate::config) const FORMULAS: Words<bool> =
    Words { known: &[("keep", false), ("guard", true)], later: &[] };

/// `dialect`
pub(in crate::config) const DIALECTS: Words<Dialect> =
    Words { known: &[("mysql", Dialect::Mysql), ("postgresql", Dialect::Postgresql)], later: &[] };

/// `layout`
pub(in crate::config) const LAYOUTS: Words<Layout> =
    Words { known: &[("per-customer", Layout::PerCustomer), ("combined", Layout::Combined)], later: &[] };

/// `kind`
pub(in crate::config) const KINDS: Words<Kind> =
    Words { known: &[("full", Kind::Full), ("incremental", Kind::Incremental)], later: &[] };

/// `on_loss`
pub(in crate::config) const ON_LOSSES: Words<OnLoss> =
    Words { known: &[("null", OnLoss::Null), ("text", OnLoss::Text), ("fail", OnLoss::Fail)], later: &[] };

/// A format without what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Shape {
    Dat,
    Mysql,
    Sql,
}

/// Keys that belong to some formats only, which ones, and how that is said.
const BELONGING: [(&str, &[Shape], &str); 9] = [
    ("profile", &[Shape::Dat], "format = \"dat\""),
    ("formulas", &[Shape::Dat], "format = \"dat\""),
    ("kind", &[Shape::Dat], "format = \"dat\""),
    ("dialect", &[Shape::Sql], "format = \"sql\""),
    ("server", &[Shape::Mysql], "format = \"mysql\""),
    ("database", &[Shape::Mysql], "format = \"mysql\""),
    ("encrypt_to", &[Shape::Dat, Shape::Sql], "files, and format = \"mysql\" writes none"),
    (
        "retain_closed",
        &[Shape::Dat, Shape::Sql],
        "files; the databases of a closed customer are dropped by hand",
    ),
    ("keep", &[Shape::Dat, Shape::Sql], "files, and a server holds the newest snapshot only"),
];

/// A snapshot whose names may not exist.
#[derive(Debug)]
pub(in crate::config) struct SnapshotDraft {
    pub(in crate::config) name: Option<Spotted<SnapshotName>>,
    /// Nothing when it is missing or wrong, which has been recorded then.
    pub(in crate::config) customers: Option<Spotted<Chosen>>,
    /// `server` and `database`, of `format = "mysql"`.
    pub(in crate::config) server: Option<Spotted<ServerName>>,
    pub(in crate::config) database: Option<Spotted<String>>,
    /// Everything else, without customers; nothing when something is wrong.
    pub(in crate::config) snapshot: Option<Snapshot>,
}

/// Reads the snapshots of a file. Paths are relative to the directory of the configuration.
pub(super) fn read(root: &Section<'_>, directory: &Path, findings: &mut Findings) -> Vec<SnapshotDraft> {
    let Some(item) = root.get("snapshot") else {
        return Vec::new();
    };
    if item.value.get_ref().is_table() {
        let message = "expected a list of tables, found a table";
        findings.error(root.key_spot("snapshot"), message, "write `[[snapshot]]` with two brackets");
        return Vec::new();
    }
    let snapshots = item.list(findings).map(|list| list.value).unwrap_or_default();
    snapshots.into_iter().filter_map(|snapshot| read_snapshot(snapshot, directory, findings)).collect()
}

/// Reads one of them.
fn read_snapshot(item: Item<'_>, directory: &Path, findings: &mut Findings) -> Option<SnapshotDraft> {
    let section = item.section(&KEYS, "this [[snapshot]]".to_owned(), item.spot(), findings)?;
    section.require("name", "\"…\"", findings);
    section.require("customers", "\"*\"", findings);
    let name = section.parsed("name", SnapshotName::new, "give the snapshot another name", findings);
    let customers = read_chosen(&section, "customers", "the snapshot", findings);
    let help = "write NAME of [servers.NAME]";
    let server = section.parsed("server", ServerName::new, help, findings);
    let database = section.text("database", findings);
    let format = read_format(&section, server.as_ref(), database.as_ref(), findings);
    let spot = name.as_ref().map_or(section.spot, |name| name.spot);
    let snapshot = read_rest(&section, name.as_ref(), format, directory, spot, findings);
    Some(SnapshotDraft { name, customers, server, database, snapshot })
}

/// Reads everything but whom and what of.
fn read_rest(
    section: &Section<'_>,
    name: Option<&Spotted<SnapshotName>>,
    format: Option<Format>,
    directory: &Path,
    spot: Spot,
    findings: &mut Findings,
) -> Option<Snapshot> {
    let enabled = section.flag("enabled", findings).is_none_or(|flag| flag.value);
    let layout = word(section, "layout", &LAYOUTS, Layout::PerCustomer, findings);
    let kind = word(section, "kind", &KINDS, Kind::Full, findings);
    let schedule = read_calendar(section, findings);
    let publish_at = section.parsed("publish_at", parse_time, TIME_HELP, findings);
    if section.has("publish_at") && !section.has("schedule") {
        let help = "remove it, or add `schedule = { at = \"01:00\", time_zone = \"…\" }`";
        findings.error(section.key_spot("publish_at"), "`publish_at` without `schedule` means nothing", help);
    }
    let own = section.text("directory", findings).map(|text| directory.join(text.value));
    let keep = read_number(section, "keep", u32::MAX, findings);
    let exclude = read_exclusions(section, "exclude", findings);
    let include = read_exclusions(section, "include", findings);
    let encrypt_to = read_recipients(section, findings);
    let on_loss = word(section, "on_loss", &ON_LOSSES, OnLoss::Null, findings);
    let zone = section.parsed("time_zone", parse_zone, ZONE_HELP, findings);
    let workers = read_number(section, "workers", u32::from(WORKERS_MAX), findings);
    let retain_closed = section.parsed("retain_closed", parse_days, "write it as \"30d\"", findings);
    let format = format?;
    let has_types = matches!(format, Format::Mysql { .. } | Format::Sql { dialect: Dialect::Mysql });
    if on_loss == Some(OnLoss::Text) && !has_types {
        let message = "`on_loss = \"text\"` is for MySQL, whose columns have types that lose values";
        findings.error(section.key_spot("on_loss"), message, "write \"null\" or \"fail\"");
        return None;
    }
    if kind == Some(Kind::Incremental) && section.has("encrypt_to") {
        let message = "an incremental snapshot keeps the keys of its last run on this host in the clear";
        findings.error(
            section.key_spot("encrypt_to"),
            message,
            "leave `encrypt_to` out, or write kind = \"full\"",
        );
        return None;
    }
    let time_zone =
        zone.map(|zone| zone.value).or_else(|| schedule.as_ref().map(|one| one.time_zone.clone()));
    Some(Snapshot {
        name: name?.value.clone(),
        enabled,
        customers: Vec::new(),
        format,
        layout: layout?,
        kind: kind?,
        schedule,
        publish_at: publish_at.map(|time| time.value),
        directory: own.unwrap_or_else(|| PathBuf::from(DIRECTORY)),
        keep: keep.unwrap_or(KEEP),
        exclude: exclude?,
        include: include?,
        encrypt_to: encrypt_to?,
        on_loss: on_loss?,
        time_zone: time_zone.unwrap_or(TimeZone::UTC),
        workers: workers.and_then(|workers| u8::try_from(workers).ok()).unwrap_or(WORKERS),
        retain_closed_days: retain_closed.map(|days| days.value),
        spot,
    })
}

/// Reads `format`, and records the keys that belong to another one.
fn read_format(
    section: &Section<'_>,
    server: Option<&Spotted<ServerName>>,
    database: Option<&Spotted<String>>,
    findings: &mut Findings,
) -> Option<Format> {
    let profile = word(section, "profile", &PROFILES, Profile::Lossless, findings);
    let formulas = word(section, "formulas", &FORMULAS, false, findings);
    let dialect = word(section, "dialect", &DIALECTS, Dialect::Mysql, findings);
    let shape = word(section, "format", &FORMATS, Shape::Dat, findings)?;
    for (key, shapes, owner) in BELONGING {
        // A full one is what every format is.
        let harmless = key == "kind"
            && section.get(key).is_some_and(|item| item.value.get_ref().as_str() == Some("full"));
        if section.has(key) && !shapes.contains(&shape) && !harmless {
            let message = format!("`{key}` is for {owner}");
            findings.error(section.key_spot(key), message, "remove it, or write another `format`");
        }
    }
    Some(match shape {
        Shape::Dat => Format::Dat { profile: profile?, guard_formulas: formulas? },
        Shape::Sql => Format::Sql { dialect: dialect? },
        Shape::Mysql => {
            section.require("server", "\"…\"", findings);
            section.require("database", "\"practice_{customer}\"", findings);
            Format::Mysql { server: server?.value.clone(), database: database?.value.clone() }
        }
    })
}

/// Reads one of a few words, or what holds without one; nothing when it is wrong.
fn word<T: Copy>(
    section: &Section<'_>,
    key: &str,
    words: &Words<T>,
    otherwise: T,
    findings: &mut Findings,
) -> Option<T> {
    if section.has(key) { section.word(key, words, findings).map(|word| word.value) } else { Some(otherwise) }
}

/// Reads a number from 1 on.
fn read_number(section: &Section<'_>, key: &str, max: u32, findings: &mut Findings) -> Option<u32> {
    let item = section.get(key)?;
    let Some(number) = item.value.get_ref().as_integer() else {
        item.mistyped("a whole number", "write it without quotation marks", findings);
        return None;
    };
    let value = u32::from_str_radix(number.as_str(), number.radix()).ok().filter(|n| (1..=max).contains(n));
    if value.is_none() {
        let most =
            if max == u32::MAX { "at least 1".to_owned() } else { format!("a number from 1 to {max}") };
        findings.error(item.spot(), format!("`{key}` must be {most}"), "write another number, or remove it");
    }
    value
}
