//! `[[sync]]` and `[sync.dataset.NAME]`: who gives what to whom.

use std::collections::BTreeMap;

use crate::config::finding::Findings;
use crate::config::keys::KeyTable;
use crate::config::mask::quote;
use crate::config::model::{DatasetRule, Mode, OnDelete};
use crate::config::spot::Spot;
use crate::config::tree::{Item, LATER, Section, Spotted, Words};
use crate::name::SyncName;

/// `[[sync]]`
const KEYS: KeyTable = KeyTable {
    title: "[[sync]]",
    known: &["name", "enabled", "from", "to", "data", "mode", "on_delete", "allow_protected", "dataset"],
    later: &[
        "apply",
        "between",
        "cascade",
        "conflict",
        "customer",
        "default",
        "except",
        "hold_until",
        "initial",
        "map",
        "on_leave",
        "on_truncate",
        "owner",
        "priority",
        "set",
        "where",
    ],
};

/// `[sync.dataset.NAME]`
const DATASET_KEYS: KeyTable = KeyTable {
    title: "[sync.dataset.NAME]",
    known: &["mode", "on_delete"],
    later: &[
        "apply",
        "cascade",
        "conflict",
        "default",
        "hold_until",
        "initial",
        "map",
        "on_leave",
        "on_truncate",
        "priority",
        "set",
        "where",
    ],
};

/// `mode`
const MODES: Words<Mode> = Words {
    known: &[("create-only", Mode::CreateOnly), ("override", Mode::Override)],
    later: &["link-only"],
};

/// `on_delete`
const ON_DELETES: Words<OnDelete> =
    Words { known: &[("ignore", OnDelete::Ignore), ("delete", OnDelete::Delete)], later: &[] };

/// A group whose names may not exist.
#[derive(Debug)]
pub(in crate::config) struct SyncDraft {
    pub(in crate::config) name: Option<Spotted<SyncName>>,
    pub(in crate::config) enabled: bool,
    pub(in crate::config) from: Option<Spotted<String>>,
    /// Nothing when `to` is missing or wrong, which has been recorded then.
    pub(in crate::config) to: Option<Spotted<Vec<Spotted<String>>>>,
    /// The same for `data`.
    pub(in crate::config) data: Option<Spotted<Vec<Spotted<String>>>>,
    pub(in crate::config) mode: Mode,
    pub(in crate::config) on_delete: OnDelete,
    pub(in crate::config) datasets: BTreeMap<String, DatasetRule>,
    pub(in crate::config) allow_protected: bool,
    pub(in crate::config) spot: Spot,
}

/// Reads the groups of a file.
pub(super) fn read(root: &Section<'_>, findings: &mut Findings) -> Vec<SyncDraft> {
    let Some(item) = root.get("sync") else {
        return Vec::new();
    };
    if item.value.get_ref().is_table() {
        let message = "expected a list of tables, found a table";
        findings.error(root.key_spot("sync"), message, "write `[[sync]]` with two brackets");
        return Vec::new();
    }
    let groups = item.list(findings).map(|list| list.value).unwrap_or_default();
    groups.into_iter().filter_map(|group| read_group(group, findings)).collect()
}

/// Reads one group.
fn read_group(item: Item<'_>, findings: &mut Findings) -> Option<SyncDraft> {
    let section = item.section(&KEYS, "this [[sync]]".to_owned(), item.spot(), findings)?;
    section.require("name", "\"…\"", findings);
    // A group of a later version has no sides; it is told about once.
    if !section.has("between") {
        section.require("from", "\"…\"", findings);
        section.require("to", "[\"…\"]", findings);
    }
    section.require("data", "[\"…\"]", findings);
    let name = section.parsed("name", SyncName::new, "give the group another name", findings);
    let mode = section.word("mode", &MODES, findings);
    Some(SyncDraft {
        spot: name.as_ref().map_or(section.spot, |name| name.spot),
        name,
        enabled: section.flag("enabled", findings).is_none_or(|flag| flag.value),
        from: section.text("from", findings),
        to: read_names(&section, "to", "a customer", findings),
        data: read_names(&section, "data", "a data set or a data type", findings),
        mode: mode.map_or(Mode::CreateOnly, |mode| mode.value),
        on_delete: read_on_delete(&section, findings).unwrap_or(OnDelete::Ignore),
        datasets: read_datasets(&section, findings),
        allow_protected: section.flag("allow_protected", findings).is_some_and(|flag| flag.value),
    })
}

/// Reads a list of names, of which none may occur twice.
fn read_names(
    section: &Section<'_>,
    key: &str,
    what: &str,
    findings: &mut Findings,
) -> Option<Spotted<Vec<Spotted<String>>>> {
    let item = section.get(key)?;
    if item.value.get_ref().as_str() == Some("*") {
        let message = format!("`{key} = \"*\"` is not supported by this version");
        findings.error(item.spot(), message, format!("name every one: {key} = [\"…\", \"…\"]"));
        return None;
    }
    let list = item.list(findings)?;
    if list.value.is_empty() {
        let message = format!("`{key}` is empty");
        findings.error(
            list.spot,
            message,
            format!("name at least {what}, or disable the group with `enabled = false`"),
        );
        return None;
    }
    let mut names: Vec<Spotted<String>> = Vec::new();
    for item in list.value {
        let Some(name) = item.text(findings) else {
            continue;
        };
        if let Some(first) = names.iter().find(|first| first.value == name.value) {
            let message = format!("{} is in `{key}` twice", quote(&name.value));
            findings.error(name.spot, message, "remove one of the two").relate(first.spot, "the first time");
        } else {
            names.push(name);
        }
    }
    Some(Spotted { value: names, spot: list.spot })
}

/// Reads `on_delete`: a word; a later version has a table too.
fn read_on_delete(section: &Section<'_>, findings: &mut Findings) -> Option<OnDelete> {
    let item = section.get("on_delete")?;
    if item.value.get_ref().is_table() {
        findings.error(item.spot(), "`on_delete = { set = … }` is not supported by this version", LATER);
        return None;
    }
    section.word("on_delete", &ON_DELETES, findings).map(|word| word.value)
}

/// Reads `[sync.dataset.NAME]`.
fn read_datasets(section: &Section<'_>, findings: &mut Findings) -> BTreeMap<String, DatasetRule> {
    let mut rules = BTreeMap::new();
    let Some(item) = section.get("dataset") else {
        return rules;
    };
    for (name, item) in item.entries("[sync.dataset.NAME]", findings) {
        let title = format!("[sync.dataset.{}]", quote(name.value).trim_matches('`'));
        let Some(section) = item.section(&DATASET_KEYS, title, name.spot, findings) else {
            continue;
        };
        let mode = section.word("mode", &MODES, findings).map(|word| word.value);
        let on_delete = read_on_delete(&section, findings);
        rules.insert(name.value.to_owned(), DatasetRule { mode, on_delete, spot: name.spot });
    }
    rules
}
