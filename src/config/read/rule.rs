//! The words of a rule, in whichever table they stand: a group's own, `[sync.dataset.NAME]`, `[sync.customer.NAME]` or
//! `[defaults]`.

use std::collections::BTreeMap;

use crate::config::amount::parse_interval;
use crate::config::finding::Findings;
use crate::config::keys::KeyTable;
use crate::config::mask::quote;
use crate::config::spot::Spot;
use crate::config::tree::{Item, Section, Spotted, Words};
use crate::config::words::{Apply, Gone, Initial, Mode, OnTruncate, RuleWords, Said};
use crate::expression::Expression;
use crate::name::Ident;

use super::calendar::{TIME_HELP, ZONE_HELP, parse_time, parse_zone};

/// `[defaults]`
pub(in crate::config) const DEFAULT_KEYS: KeyTable = KeyTable {
    title: "[defaults]",
    known: &[
        "enabled",
        "mode",
        "initial",
        "where",
        "on_delete",
        "on_leave",
        "on_truncate",
        "priority",
        "cascade",
        "apply",
    ],
    later: &["conflict"],
};

/// `{ set = { … } }`
pub(in crate::config) const SET_KEYS: KeyTable =
    KeyTable { title: "{ set = { column = \"…\" } }", known: &["set"], later: &[] };

/// `{ every = … }` or `{ at = …, time_zone = … }`
pub(in crate::config) const SCHEDULE_KEYS: KeyTable = KeyTable {
    title: "{ every = \"15m\" } or { at = \"02:00\", time_zone = \"…\" }",
    known: &["every", "at", "time_zone"],
    later: &["cron", "days"],
};

/// `mode`
pub(in crate::config) const MODES: Words<Mode> = Words {
    known: &[("create-only", Mode::CreateOnly), ("override", Mode::Override), ("link-only", Mode::LinkOnly)],
    later: &[],
};

/// `initial`
pub(in crate::config) const INITIALS: Words<Initial> =
    Words { known: &[("none", Initial::None), ("copy", Initial::Copy)], later: &[] };

/// `on_truncate`
pub(in crate::config) const ON_TRUNCATES: Words<OnTruncate> =
    Words { known: &[("ignore", OnTruncate::Ignore), ("delete", OnTruncate::Delete)], later: &[] };

/// What to do about SQL that cannot be a rule's.
const SQL_HELP: &str = "write one SQL expression over the columns of a row, as in a WHERE clause";

/// Reads every word of a rule that the table may have.
pub(super) fn read_words(section: &Section<'_>, findings: &mut Findings) -> RuleWords {
    let mut words = RuleWords {
        enabled: section.flag("enabled", findings).map(said),
        mode: section.word("mode", &MODES, findings).map(said),
        filter: section.parsed("where", Expression::parse, SQL_HELP, findings).map(said),
        on_delete: read_gone(section, "on_delete", findings),
        on_leave: read_gone(section, "on_leave", findings),
        on_truncate: section.word("on_truncate", &ON_TRUNCATES, findings).map(said),
        priority: read_priority(section, findings),
        cascade: section.flag("cascade", findings).map(said),
        apply: read_apply(section, findings),
        initial: section.word("initial", &INITIALS, findings).map(said),
        ..RuleWords::default()
    };
    if section.knows("map") {
        words.map = read_map(section, findings);
        words.set = section.get("set").map(|item| read_set(item, findings)).unwrap_or_default();
        words.default = read_default(section, findings);
    }
    words
}

/// A value of the file with its place.
fn said<T>(spotted: Spotted<T>) -> Said<T> {
    Said { value: spotted.value, spot: spotted.spot }
}

/// Reads `on_delete` or `on_leave`: a word, or `{ set = { column = "SQL" } }`.
fn read_gone(section: &Section<'_>, key: &str, findings: &mut Findings) -> Option<Said<Gone>> {
    let item = section.get(key)?;
    if item.value.get_ref().is_table() {
        let title = format!("`{key}`");
        let table = item.section(&SET_KEYS, title, item.spot(), findings)?;
        table.require("set", "{ column = \"…\" }", findings);
        let set = read_set(table.get("set")?, findings);
        let value = Gone::Set(set.into_iter().map(|(column, sql)| (column, sql.value)).collect());
        return Some(Said { value, spot: item.spot() });
    }
    let word = item.value.get_ref().as_str();
    match word {
        Some("ignore") => Some(Said { value: Gone::Ignore, spot: item.spot() }),
        Some("delete") => Some(Said { value: Gone::Delete, spot: item.spot() }),
        Some(_) | None => {
            let help = "this version understands `ignore`, `delete`, { set = { column = \"…\" } }";
            match word {
                Some(word) => {
                    findings.error(item.spot(), format!("`{key}` cannot be {}", quote(word)), help);
                }
                None => item.mistyped(&format!("a word or a table for `{key}`"), help, findings),
            }
            None
        }
    }
}

/// Reads `{ column = "SQL" }`.
fn read_set(item: Item<'_>, findings: &mut Findings) -> BTreeMap<Ident, Said<Expression>> {
    read_columns(item, "set = { column = \"…\" }", findings, |item, findings| {
        item.parsed(Expression::parse, SQL_HELP, findings).map(said)
    })
}

/// Reads `map = { column = "source column" }`.
fn read_map(section: &Section<'_>, findings: &mut Findings) -> BTreeMap<Ident, Said<Ident>> {
    let Some(item) = section.get("map") else {
        return BTreeMap::new();
    };
    read_columns(item, "map = { column = \"source column\" }", findings, |item, findings| {
        item.parsed(Ident::new, "write the name of a column of the source", findings).map(said)
    })
}

/// Reads `default = { column = "SQL" }`, or a list of SQL: the first that is not null.
fn read_default(section: &Section<'_>, findings: &mut Findings) -> BTreeMap<Ident, Said<Vec<Expression>>> {
    let Some(item) = section.get("default") else {
        return BTreeMap::new();
    };
    read_columns(item, "default = { column = \"…\" }", findings, |item, findings| {
        if !item.value.get_ref().is_array() {
            let sql = item.parsed(Expression::parse, SQL_HELP, findings)?;
            return Some(Said { value: vec![sql.value], spot: sql.spot });
        }
        let list = item.parsed_list(Expression::parse, SQL_HELP, findings)?;
        if item.value.get_ref().as_array().is_some_and(|items| items.is_empty()) {
            findings.error(
                list.spot,
                "this list of defaults is empty",
                "write an SQL expression, or remove it",
            );
        }
        let value = list.value.into_iter().map(|sql| sql.value).collect();
        Some(Said { value, spot: list.spot })
    })
}

/// Reads a table whose keys are columns of the customer's table.
fn read_columns<T>(
    item: Item<'_>,
    example: &str,
    findings: &mut Findings,
    read: impl Fn(Item<'_>, &mut Findings) -> Option<Said<T>>,
) -> BTreeMap<Ident, Said<T>> {
    let mut columns = BTreeMap::new();
    for (name, item) in item.entries(example, findings) {
        let value = read(item, findings);
        match Ident::new(name.value) {
            Ok(column) => columns.extend(value.map(|value| (column, value))),
            Err(error) => {
                findings.error(name.spot, error.to_string(), "write the name of a column");
            }
        }
    }
    columns
}

/// Reads `priority`: a whole number.
fn read_priority(section: &Section<'_>, findings: &mut Findings) -> Option<Said<i32>> {
    let item = section.get("priority")?;
    let Some(number) = item.value.get_ref().as_integer() else {
        item.mistyped("a whole number", "write it without quotation marks: 0 is the default", findings);
        return None;
    };
    let value = i32::from_str_radix(number.as_str(), number.radix());
    if value.is_err() {
        findings.error(
            item.spot(),
            "this priority is too large or too small",
            "use a number between -1000 and 1000",
        );
    }
    Some(Said { value: value.ok()?, spot: item.spot() })
}

/// Reads `apply`: a word, or when the changes are written.
fn read_apply(section: &Section<'_>, findings: &mut Findings) -> Option<Said<Apply>> {
    let item = section.get("apply")?;
    let spot = item.spot();
    match item.value.get_ref().as_str() {
        Some("stream") => return Some(Said { value: Apply::Stream, spot }),
        Some(word) => {
            let help = format!("write \"stream\", {}", SCHEDULE_KEYS.title);
            findings.error(spot, format!("`apply` cannot be {}", quote(word)), help);
            return None;
        }
        None => {}
    }
    let table = item.section(&SCHEDULE_KEYS, "`apply`".to_owned(), spot, findings)?;
    let value = read_schedule("apply", &table, spot, findings)?;
    Some(Said { value, spot })
}

/// Reads the table of `apply`, or of another word that says when something is done.
pub(super) fn read_schedule(
    word: &str,
    table: &Section<'_>,
    spot: Spot,
    findings: &mut Findings,
) -> Option<Apply> {
    let every =
        table.parsed("every", parse_interval, "write it as \"30s\", \"15m\", \"2h\" or \"1d\"", findings);
    let time = table.parsed("at", parse_time, TIME_HELP, findings);
    let zone = table.parsed("time_zone", parse_zone, ZONE_HELP, findings);
    match (table.has("every"), table.has("at")) {
        (true, false) if table.has("time_zone") => {
            let help = "remove it: an interval is the same everywhere";
            findings.error(table.key_spot("time_zone"), "`every` has no time zone", help);
            None
        }
        (true, false) => Some(Apply::Every(every?.value)),
        (false, true) => {
            table.require("time_zone", "\"America/New_York\"", findings);
            Some(Apply::At { time: time?.value, time_zone: zone?.value })
        }
        (both, _) => {
            let has = if both { "has `every` and `at`" } else { "has neither `every` nor `at`" };
            let message = format!("`{word}` {has}");
            findings.error(spot, message, "write one of the two");
            None
        }
    }
}
