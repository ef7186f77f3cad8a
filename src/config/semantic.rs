//! What is wrong although every word of it is right: things that contradict each other.
//!
//! Only what the files alone can tell; what needs a database is found by `check`.

use std::collections::BTreeMap;

use super::circle::find_circles;
use super::finding::Findings;
use super::mask::quote;
use super::model::{Columns, Dataset, KeyPart, Sync};
use super::read::Draft;
use super::resolve::Resolved;
use super::spot::Spot;
use crate::name::{DatasetName, Ident, SyncName};

/// Records every contradiction.
pub(super) fn check(draft: &Draft, config: &Resolved, findings: &mut Findings) {
    check_schemas(draft, config, findings);
    check_tables(draft, config, findings);
    for dataset in config.datasets.values() {
        check_columns(dataset, draft, findings);
    }
    check_names(draft, findings);
    for sync in &config.syncs {
        check_protected(sync, draft, config, findings);
    }
    let enabled: Vec<&Sync> = config.syncs.iter().filter(|sync| sync.is_active(&config.defaults)).collect();
    for (index, sync) in enabled.iter().enumerate() {
        for earlier in &enabled[..index] {
            check_writers(earlier, sync, findings);
        }
    }
    report_circles(&enabled, findings);
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

/// Every key column is copied, and so is every column of `references`.
fn check_columns(dataset: &Dataset, draft: &Draft, findings: &mut Findings) {
    let Some(definition) = draft.datasets.get(dataset.name.as_str()).and_then(|one| one.value.as_ref())
    else {
        return;
    };
    for part in &definition.key.value {
        for column in key_columns(&part.value) {
            if let Some((why, at)) = not_copied(&column, dataset) {
                let message = format!("key column {} is not copied", quote(column.as_str()));
                let help = "a row is recognized by its key: copy the column, or choose another key";
                findings.error(part.spot, message, help).relate(at, why);
            }
        }
    }
    for (column, reference) in &dataset.references {
        if let Some((why, at)) = not_copied(column, dataset) {
            let message =
                format!("the reference {} does nothing: the column is not copied", quote(column.as_str()));
            findings.warning(reference.spot, message, "remove it, or copy the column").relate(at, why);
        }
    }
}

/// The columns of one part of a key.
fn key_columns(part: &KeyPart) -> Vec<Ident> {
    match part {
        KeyPart::Column(name) => vec![name.clone()],
        KeyPart::Expression(sql) => sql.columns().into_iter().map(|column| column.name).collect(),
    }
}

/// Why a column is not copied, if it is not.
fn not_copied(column: &Ident, dataset: &Dataset) -> Option<(&'static str, Spot)> {
    match &dataset.columns {
        Columns::All => None,
        Columns::Except(columns) => {
            columns.iter().find(|(name, _)| name == column).map(|(_, spot)| ("it is excluded here", *spot))
        }
        Columns::Only(columns) => {
            let copied = columns.iter().any(|(name, _)| name == column);
            (!copied).then_some(("it is not in `columns`", dataset.columns_spot.unwrap_or(dataset.spot)))
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

/// Two enabled groups must not write the same data set of the same customer: the later change would win by chance.
fn check_writers(first: &Sync, second: &Sync, findings: &mut Findings) {
    let common: Vec<&str> =
        second.data.iter().filter(|name| first.data.contains(name)).map(DatasetName::as_str).collect();
    let Some(dataset) = common.first() else {
        return;
    };
    let others = match common.len() - 1 {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    for (customer, spot) in second.to.iter().zip(&second.to_spots) {
        let Some(position) = first.to.iter().position(|other| other == customer) else {
            continue;
        };
        let message = format!(
            "groups {} and {} both write data set {}{others} of customer {}",
            quote(first.name.as_str()),
            quote(second.name.as_str()),
            quote(dataset),
            quote(customer.as_str())
        );
        let help = "take the data set or the customer out of one of the two groups, or disable one";
        let at = first.to_spots.get(position).copied().unwrap_or(first.spot);
        findings
            .error(*spot, message, help)
            .relate(at, format!("{} writes it here", quote(first.name.as_str())));
    }
}

/// Records data sets that come back to the customer that they came from.
fn report_circles(enabled: &[&Sync], findings: &mut Findings) {
    for circle in find_circles(enabled) {
        let Some((last, earlier)) = circle.steps.split_last() else {
            continue;
        };
        let names: Vec<&str> = circle.steps.iter().map(|step| step.from.as_str()).collect();
        let others = match circle.datasets.len() - 1 {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        let message = format!(
            "data set {}{others} goes in a circle: {} → {}",
            quote(circle.datasets[0].as_str()),
            names.join(" → "),
            last.to.as_str()
        );
        let help =
            "take the data set out of one of these groups: a change would come back to where it was made";
        let finding = findings.error(last.spot, message, help);
        for step in earlier {
            finding.relate(
                step.spot,
                format!("from {} to {}", quote(step.from.as_str()), quote(step.to.as_str())),
            );
        }
    }
}
