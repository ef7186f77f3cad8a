//! `[[sync]]`, `[sync.dataset.NAME]` and `[sync.customer.NAME]`: who gives what to whom.

use std::collections::BTreeMap;

use crate::config::finding::Findings;
use crate::config::keys::KeyTable;
use crate::config::mask::quote;
use crate::config::spot::Spot;
use crate::config::tree::{Item, Section, Spotted};
use crate::config::words::RuleWords;
use crate::name::SyncName;

use super::chosen::{Chosen, read_chosen, read_names};
use super::rule::read_words;

/// `[[sync]]`
pub(in crate::config) const KEYS: KeyTable = KeyTable {
    title: "[[sync]]",
    known: &[
        "name",
        "enabled",
        "from",
        "to",
        "except",
        "data",
        "mode",
        "initial",
        "where",
        "on_delete",
        "on_leave",
        "on_truncate",
        "map",
        "set",
        "default",
        "priority",
        "cascade",
        "apply",
        "allow_protected",
        "dataset",
        "customer",
    ],
    later: &["between", "conflict", "hold_until", "owner"],
};

/// `[sync.dataset.NAME]` and `[sync.customer.NAME.dataset.NAME]`
pub(in crate::config) const DATASET_KEYS: KeyTable = KeyTable {
    title: "[sync.dataset.NAME]",
    known: &[
        "enabled",
        "mode",
        "initial",
        "where",
        "on_delete",
        "on_leave",
        "on_truncate",
        "map",
        "set",
        "default",
        "priority",
        "cascade",
        "apply",
    ],
    later: &["conflict", "hold_until"],
};

/// `[sync.customer.NAME]`
pub(in crate::config) const CUSTOMER_KEYS: KeyTable = KeyTable {
    title: "[sync.customer.NAME]",
    known: &[
        "enabled",
        "mode",
        "initial",
        "where",
        "on_delete",
        "on_leave",
        "on_truncate",
        "map",
        "set",
        "default",
        "priority",
        "cascade",
        "apply",
        "dataset",
    ],
    later: &["conflict", "hold_until"],
};

/// Words by the name of the data set that they are for, with the place of that name.
pub(in crate::config) type DatasetWords = BTreeMap<String, (Spot, RuleWords)>;

/// A group whose names may not exist.
#[derive(Debug)]
pub(in crate::config) struct SyncDraft {
    pub(in crate::config) name: Option<Spotted<SyncName>>,
    pub(in crate::config) from: Option<Spotted<String>>,
    /// Nothing when `to` is missing or wrong, which has been recorded then.
    pub(in crate::config) to: Option<Spotted<Chosen>>,
    /// The same for `data`.
    pub(in crate::config) data: Option<Spotted<Vec<Spotted<String>>>>,
    pub(in crate::config) words: RuleWords,
    pub(in crate::config) datasets: DatasetWords,
    pub(in crate::config) customers: BTreeMap<String, CustomerDraft>,
    pub(in crate::config) allow_protected: bool,
    pub(in crate::config) spot: Spot,
}

/// `[sync.customer.NAME]`
#[derive(Debug)]
pub(in crate::config) struct CustomerDraft {
    pub(in crate::config) words: RuleWords,
    pub(in crate::config) datasets: DatasetWords,
    /// NAME in its header.
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
    Some(SyncDraft {
        spot: name.as_ref().map_or(section.spot, |name| name.spot),
        name,
        from: section.text("from", findings),
        to: read_chosen(&section, "to", "the group", findings),
        data: read_names(&section, "data", ("a data set or a data type", "the group"), findings),
        words: read_words(&section, findings),
        datasets: read_datasets(&section, "sync.", findings),
        customers: read_customers(&section, findings),
        allow_protected: section.flag("allow_protected", findings).is_some_and(|flag| flag.value),
    })
}

/// Reads the tables `dataset.NAME` of a group or of one customer in it.
fn read_datasets(section: &Section<'_>, path: &str, findings: &mut Findings) -> DatasetWords {
    let mut rules = BTreeMap::new();
    let Some(item) = section.get("dataset") else {
        return rules;
    };
    for (name, item) in item.entries(&format!("[{path}dataset.NAME]"), findings) {
        let title = format!("[{path}dataset.{}]", quote(name.value).trim_matches('`'));
        let Some(section) = item.section(&DATASET_KEYS, title, name.spot, findings) else {
            continue;
        };
        rules.insert(name.value.to_owned(), (name.spot, read_words(&section, findings)));
    }
    rules
}

/// Reads `[sync.customer.NAME]`.
fn read_customers(section: &Section<'_>, findings: &mut Findings) -> BTreeMap<String, CustomerDraft> {
    let mut customers = BTreeMap::new();
    let Some(item) = section.get("customer") else {
        return customers;
    };
    for (name, item) in item.entries("[sync.customer.NAME]", findings) {
        let path = format!("sync.customer.{}", quote(name.value).trim_matches('`'));
        let Some(section) = item.section(&CUSTOMER_KEYS, format!("[{path}]"), name.spot, findings) else {
            continue;
        };
        let words = read_words(&section, findings);
        let datasets = read_datasets(&section, &format!("{path}."), findings);
        customers.insert(name.value.to_owned(), CustomerDraft { words, datasets, spot: name.spot });
    }
    customers
}
