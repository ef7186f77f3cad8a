//! What is wrong although every word of it is right: things that contradict each other.
//!
//! Only what the files alone can tell; what needs a database is found by `check`. Of one data set's columns: `columns`;
//! of the words of a rule: `words`; of several groups together: `routes`; of snapshots: `snapshots`.

mod columns;
mod routes;
mod snapshots;
mod words;

use std::collections::BTreeMap;

use super::finding::Findings;
use super::mask::quote;
use super::model::Sync;
use super::read::Draft;
use super::resolve::Resolved;
use super::spot::Spot;
use crate::name::{DatasetName, Ident, SyncName};

/// Records every contradiction.
pub(super) fn check(draft: &Draft, config: &Resolved, findings: &mut Findings) {
    check_schemas(draft, config, findings);
    check_tables(draft, config, findings);
    for dataset in config.datasets.values() {
        columns::check(dataset, draft, findings);
    }
    check_names(draft, findings);
    check_notices(draft, findings);
    for sync in &config.syncs {
        check_protected(sync, draft, config, findings);
    }
    words::check(config, findings);
    routes::check(config, findings);
    snapshots::check(draft, config, findings);
}

/// Two customers must not be one schema: they would write over each other.
fn check_schemas(draft: &Draft, config: &Resolved, findings: &mut Findings) {
    let mut seen: BTreeMap<_, (Spot, &str)> = BTreeMap::new();
    let mut customers: Vec<_> = config.customers.values().collect();
    customers.sort_by_key(|customer| customer.spot);
    for customer in customers {
        let Some(database) = config.databases.get(&customer.database) else {
            continue;
        };
        let definition = draft.customers.get(customer.name.as_str()).and_then(|one| one.value.as_ref());
        let spot = definition.map_or(customer.spot, |definition| definition.schema.spot);
        // Two names for one database are one database.
        let place = (&database.host, database.port, &database.dbname, &customer.schema);
        if let Some((first, other)) = seen.get(&place) {
            let message = format!(
                "customers {} and {} have the same schema of the same database",
                quote(other),
                quote(customer.name.as_str())
            );
            findings
                .error(spot, message, "give each customer its own schema")
                .relate(*first, "the first one");
        } else {
            seen.insert(place, (spot, customer.name.as_str()));
        }
    }
}

/// Two data sets must not be one table: the same row would have two natural keys.
fn check_tables(draft: &Draft, config: &Resolved, findings: &mut Findings) {
    let mut seen: BTreeMap<&Ident, (Spot, &DatasetName)> = BTreeMap::new();
    let mut datasets: Vec<_> = config.datasets.values().collect();
    datasets.sort_by_key(|dataset| dataset.spot);
    for dataset in datasets {
        let definition = draft.datasets.get(dataset.name.as_str()).and_then(|one| one.value.as_ref());
        let spot = definition.map_or(dataset.spot, |definition| definition.table.spot);
        if let Some((first, other)) = seen.get(&dataset.table) {
            let message = format!(
                "data sets {} and {} have the same table {}",
                quote(other.as_str()),
                quote(dataset.name.as_str()),
                quote(dataset.table.as_str())
            );
            findings.error(spot, message, "keep one of the two").relate(*first, "the first one");
        } else {
            seen.insert(&dataset.table, (spot, &dataset.name));
        }
    }
}

/// Two groups must not have one name: it names them in the status and in the journal.
fn check_names(draft: &Draft, findings: &mut Findings) {
    let mut seen: BTreeMap<&SyncName, Spot> = BTreeMap::new();
    for name in draft.syncs.iter().filter_map(|sync| sync.name.as_ref()) {
        if let Some(first) = seen.get(&name.value) {
            let message = format!("sync group {} is defined twice", quote(name.value.as_str()));
            findings
                .error(name.spot, message, "give one of the two another name")
                .relate(*first, "defined here first");
        } else {
            seen.insert(&name.value, name.spot);
        }
    }
}

/// Two notices must not have one name: it names them in the outbox.
fn check_notices(draft: &Draft, findings: &mut Findings) {
    let mut seen: BTreeMap<&str, Spot> = BTreeMap::new();
    for notify in &draft.notifies {
        if let Some(first) = seen.get(&*notify.name) {
            let message = format!("notice {} is defined twice", quote(&notify.name));
            findings
                .error(notify.spot, message, "give one of the two another name")
                .relate(*first, "defined here first");
        } else {
            seen.insert(&notify.name, notify.spot);
        }
    }
}

/// Records protected tables that a group names without saying so.
fn check_protected(sync: &Sync, draft: &Draft, config: &Resolved, findings: &mut Findings) {
    if sync.allow_protected {
        return;
    }
    for (name, spot) in sync.data.iter().zip(&sync.data_spots) {
        let Some(table) = config.datasets.get(name).map(|dataset| &dataset.table) else {
            continue;
        };
        if let Some(protected) = draft.protected.get(table) {
            let message =
                format!("table {} of data set {} is protected", quote(table.as_str()), quote(name.as_str()));
            let help = "take it out of `data`, or say `allow_protected = true` in this group";
            findings.error(*spot, message, help).relate(*protected, "protected here");
        }
    }
}
