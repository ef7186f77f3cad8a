//! From the draft to the finished types: every name looked up, data types expanded, defaults filled in.
//!
//! A thing that is defined and wrong is not looked for again: one mistake is told once.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Findings;
use super::lookup::{names, report_unknown, resolve_customer_name};
use super::mask::quote;
use super::model::{Customer, Daemon, Database, Dataset, Notify, Reference, Server, Sync};
use super::read::chosen::Chosen;
use super::read::customer::CustomerDraft;
use super::read::dataset::DatasetDraft;
use super::read::sync::{DatasetWords, SyncDraft};
use super::read::{Draft, Named};
use super::snapshot::Snapshot;
use super::spot::Spot;
use super::tree::Spotted;
use super::words::{CustomerWords, RuleWords};
use crate::name::{CustomerName, DatabaseName, DatasetName, Ident, ServerName};

mod snapshot;

/// The parts of a configuration, as far as they are right.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) databases: BTreeMap<DatabaseName, Database>,
    pub(super) customers: BTreeMap<CustomerName, Customer>,
    pub(super) datasets: BTreeMap<DatasetName, Dataset>,
    pub(super) data_types: BTreeMap<String, Vec<DatasetName>>,
    pub(super) protected: BTreeSet<Ident>,
    pub(super) syncs: Vec<Sync>,
    pub(super) defaults: RuleWords,
    pub(super) notifies: Vec<Notify>,
    pub(super) servers: BTreeMap<ServerName, Server>,
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) daemon: Daemon,
}

/// Data sets with the spot of the word that named them.
type DataSets = Vec<(DatasetName, Spot)>;

impl Resolved {
    /// Looks everything up.
    pub(super) fn new(draft: &Draft, findings: &mut Findings) -> Self {
        let databases = draft.databases.values().filter_map(|definition| definition.value.clone());
        let customers = draft.customers.values().filter_map(|definition| {
            definition
                .value
                .as_ref()
                .and_then(|customer| resolve_customer(customer, definition.spot, &draft.databases, findings))
        });
        let customers = customers.map(|customer| (customer.name.clone(), customer)).collect();
        let datasets = draft.datasets.values().filter_map(|definition| {
            let dataset = definition.value.as_ref()?;
            Some((dataset.name.clone(), resolve_dataset(dataset, definition.spot, &draft.datasets, findings)))
        });
        let datasets = datasets.collect();
        let data_types = resolve_data_types(draft, findings);
        let servers = draft.servers.values().filter_map(|definition| definition.value.clone());
        let snapshots = draft.snapshots.iter().filter_map(|one| snapshot::resolve(one, draft, findings));
        let snapshots = snapshots.collect();
        let syncs = draft.syncs.iter().filter_map(|sync| resolve_sync(sync, draft, findings)).collect();
        Self {
            databases: databases.map(|database| (database.name.clone(), database)).collect(),
            customers,
            datasets,
            data_types,
            protected: draft.protected.keys().cloned().collect(),
            syncs,
            defaults: draft.defaults.clone(),
            notifies: draft.notifies.clone(),
            servers: servers.map(|server| (server.name.clone(), server)).collect(),
            snapshots,
            daemon: draft.daemon.clone().finish(),
        }
    }
}

/// Looks up a customer's database.
fn resolve_customer(
    draft: &CustomerDraft,
    spot: Spot,
    databases: &Named<Database>,
    findings: &mut Findings,
) -> Option<Customer> {
    let database = &draft.database;
    if !databases.contains_key(database.value.as_str()) {
        let name = database.value.as_str();
        report_unknown("database", name, database.spot, names(databases), "[databases.NAME]", findings);
        return None;
    }
    Some(Customer {
        name: draft.name.clone(),
        database: database.value.clone(),
        schema: draft.schema.value.clone(),
        title: draft.title.clone(),
        spot,
    })
}

/// Looks up the data sets that a data set refers to.
fn resolve_dataset(
    draft: &DatasetDraft,
    spot: Spot,
    datasets: &Named<DatasetDraft>,
    findings: &mut Findings,
) -> Dataset {
    let mut references = BTreeMap::new();
    for (column, reference) in &draft.references {
        let dataset = reference.dataset.as_ref().and_then(|name| {
            if !datasets.contains_key(&name.value) {
                let table = "[datasets.NAME]";
                report_unknown("data set", &name.value, name.spot, names(datasets), table, findings);
            }
            DatasetName::new(&name.value).ok()
        });
        let resolved = Reference { dataset, missing: reference.missing, spot: reference.spot };
        references.insert(column.clone(), resolved);
    }
    Dataset {
        name: draft.name.clone(),
        table: draft.table.value.clone(),
        key: draft.key.value.iter().map(|part| part.value.clone()).collect(),
        columns: draft.columns.clone(),
        references,
        spot,
        key_spot: draft.key.spot,
        columns_spot: draft.columns_spot,
    }
}

/// Looks up the data sets of every data type.
fn resolve_data_types(draft: &Draft, findings: &mut Findings) -> BTreeMap<String, Vec<DatasetName>> {
    let mut data_types = BTreeMap::new();
    for (name, definition) in &draft.data_types {
        if let Some(dataset) = draft.datasets.get(name) {
            let message = format!("{} is a data type and a data set", quote(name));
            findings
                .error(definition.spot, message, "give one of the two another name")
                .relate(dataset.spot, "the data set");
        }
        let mut datasets: Vec<DatasetName> = Vec::new();
        let mut seen: BTreeMap<&str, Spot> = BTreeMap::new();
        for entry in definition.value.iter().flatten() {
            if let Some(first) = seen.insert(&entry.value, entry.spot) {
                let message = format!("{} is in data type {} twice", quote(&entry.value), quote(name));
                findings.error(entry.spot, message, "remove one of the two").relate(first, "the first time");
            } else {
                datasets.extend(resolve_data_type_entry(entry, draft, findings));
            }
        }
        data_types.insert(name.clone(), datasets);
    }
    data_types
}

/// Looks up one data set of a data type.
fn resolve_data_type_entry(
    entry: &Spotted<String>,
    draft: &Draft,
    findings: &mut Findings,
) -> Option<DatasetName> {
    if draft.datasets.contains_key(&entry.value) {
        return DatasetName::new(&entry.value).ok();
    }
    if let Some(data_type) = draft.data_types.get(&entry.value) {
        let message = format!("{} is a data type, and a data type holds data sets only", quote(&entry.value));
        findings
            .error(entry.spot, message, "name its data sets one by one")
            .relate(data_type.spot, "the data type");
        return None;
    }
    let datasets = names(&draft.datasets);
    report_unknown("data set", &entry.value, entry.spot, datasets, "[datasets.NAME]", findings);
    None
}

/// Looks up the names of a group. Nothing comes back when it has no name or nobody who gives.
fn resolve_sync(draft: &SyncDraft, all: &Draft, findings: &mut Findings) -> Option<Sync> {
    let from = draft.from.as_ref().and_then(|from| resolve_customer_name(from, all, findings));
    let to = resolve_receivers(draft, all, findings);
    let mut data: DataSets = Vec::new();
    for word in draft.data.iter().flat_map(|data| &data.value) {
        for dataset in resolve_data(word, all, findings) {
            if !data.iter().any(|(known, _)| *known == dataset) {
                data.push((dataset, word.spot));
            }
        }
    }
    let datasets = resolve_rules(&draft.datasets, draft, &data, all, findings);
    let customers = resolve_customer_rules(draft, &to, &data, all, findings);
    let from_spot = draft.from.as_ref().map_or(draft.spot, |from| from.spot);
    let (to, to_spots) = to.into_iter().unzip();
    let (data, data_spots) = data.into_iter().unzip();
    Some(Sync {
        name: draft.name.as_ref()?.value.clone(),
        from: from?,
        to,
        data,
        words: draft.words.clone(),
        datasets,
        customers,
        allow_protected: draft.allow_protected,
        spot: draft.spot,
        from_spot,
        to_spots,
        data_spots,
    })
}

/// Looks up the customers that receive.
fn resolve_receivers(draft: &SyncDraft, all: &Draft, findings: &mut Findings) -> Vec<(CustomerName, Spot)> {
    let mut to = Vec::new();
    let Some(receivers) = &draft.to else {
        return to;
    };
    let from = draft.from.as_ref();
    match &receivers.value {
        Chosen::Named(names) => {
            for name in names {
                if let Some(from) = from.filter(|from| from.value == name.value) {
                    let message = format!("customer {} is `from` and in `to`", quote(&name.value));
                    findings
                        .error(name.spot, message, "remove it from `to`")
                        .relate(from.spot, "it gives here");
                } else if let Some(customer) = resolve_customer_name(name, all, findings) {
                    to.push((customer, name.spot));
                }
            }
        }
        Chosen::Everybody { except } => {
            for name in except {
                if let Some(from) = from.filter(|from| from.value == name.value) {
                    let message =
                        format!("customer {} is `from`, and receives nothing anyway", quote(&name.value));
                    findings.warning(name.spot, message, "remove it").relate(from.spot, "it gives here");
                } else {
                    resolve_customer_name(name, all, findings);
                }
            }
            let left_out = |name: &str| except.iter().chain(from).any(|one| one.value == name);
            let others = all.customers.keys().filter(|name| !left_out(name));
            to.extend(others.filter_map(|name| Some((CustomerName::new(name).ok()?, receivers.spot))));
            if to.is_empty() {
                let help = "define another customer, or take one out of `except`";
                findings.warning(receivers.spot, "this group gives to nobody", help).mark_absence();
            }
        }
    }
    to
}

/// Whether every word of `data` is a data set or a data type: else one that is meant may only be mistyped.
fn is_defined(words: &Spotted<Vec<Spotted<String>>>, draft: &Draft) -> bool {
    let defined = |word: &str| draft.datasets.contains_key(word) || draft.data_types.contains_key(word);
    words.value.iter().all(|word| defined(&word.value))
}

/// Looks up a word of `data`: a data set, or a data type that stands for several.
fn resolve_data(word: &Spotted<String>, draft: &Draft, findings: &mut Findings) -> Vec<DatasetName> {
    if draft.datasets.contains_key(&word.value) {
        return DatasetName::new(&word.value).ok().into_iter().collect();
    }
    if let Some(data_type) = draft.data_types.get(&word.value) {
        // Entries that are not defined have been told about at the data type.
        let defined = |entry: &&Spotted<String>| draft.datasets.contains_key(&entry.value);
        let entries = data_type.value.iter().flatten().filter(defined);
        return entries.filter_map(|entry| DatasetName::new(&entry.value).ok()).collect();
    }
    let known = names(&draft.datasets).chain(names(&draft.data_types));
    let tables = "[datasets.NAME], or as a list in [data_types]";
    report_unknown("data set or data type", &word.value, word.spot, known, tables, findings);
    Vec::new()
}

/// Looks up `[sync.dataset.NAME]`: a rule for a data set that the group does not have would never do anything.
fn resolve_rules(
    rules: &DatasetWords,
    draft: &SyncDraft,
    data: &DataSets,
    all: &Draft,
    findings: &mut Findings,
) -> BTreeMap<DatasetName, RuleWords> {
    let mut resolved = BTreeMap::new();
    for (name, (spot, words)) in rules {
        if let Some((dataset, _)) = data.iter().find(|(dataset, _)| dataset.as_str() == name) {
            resolved.insert(dataset.clone(), words.clone());
        } else if !all.datasets.contains_key(name) {
            report_unknown("data set", name, *spot, names(&all.datasets), "[datasets.NAME]", findings);
        } else if let Some(words) = draft.data.as_ref().filter(|words| is_defined(words, all)) {
            let message = format!("data set {} is not in `data` of this group", quote(name));
            findings
                .error(*spot, message, "add it to `data`, or remove this table")
                .relate(words.spot, "`data` is here")
                .mark_absence();
        }
    }
    resolved
}

/// Looks up `[sync.customer.NAME]`, the same for customers.
fn resolve_customer_rules(
    draft: &SyncDraft,
    to: &[(CustomerName, Spot)],
    data: &DataSets,
    all: &Draft,
    findings: &mut Findings,
) -> BTreeMap<CustomerName, CustomerWords> {
    let mut resolved = BTreeMap::new();
    for (name, customer) in &draft.customers {
        let datasets = resolve_rules(&customer.datasets, draft, data, all, findings);
        if let Some((to, _)) = to.iter().find(|(to, _)| to.as_str() == name) {
            resolved.insert(to.clone(), CustomerWords { words: customer.words.clone(), datasets });
        } else if !all.customers.contains_key(name) {
            let table = "[customers.NAME]";
            report_unknown("customer", name, customer.spot, names(&all.customers), table, findings);
        } else if let Some(to) = &draft.to {
            let message = format!("customer {} does not receive from this group", quote(name));
            findings
                .error(customer.spot, message, "add it to `to`, or remove this table")
                .relate(to.spot, "`to` is here")
                .mark_absence();
        }
    }
    resolved
}
