//! What is wrong with the columns of one data set.

use crate::config::finding::Findings;
use crate::config::mask::quote;
use crate::config::model::{Columns, Dataset, KeyPart};
use crate::config::read::Draft;
use crate::config::spot::Spot;
use crate::expression::Expression;
use crate::name::Ident;

/// Functions that give another value at another time, or to another session. `check` asks the server about all others.
const CHANGING: [&str; 14] = [
    "clock_timestamp",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "gen_random_uuid",
    "localtime",
    "localtimestamp",
    "nextval",
    "now",
    "random",
    "statement_timestamp",
    "transaction_timestamp",
    "txid_current",
];

/// Every key column is copied, and so is every column of `references`.
pub(super) fn check(dataset: &Dataset, draft: &Draft, findings: &mut Findings) {
    let Some(definition) = draft.datasets.get(dataset.name.as_str()).and_then(|one| one.value.as_ref())
    else {
        return;
    };
    for part in &definition.key.value {
        if let KeyPart::Expression(sql) = &part.value {
            check_key_expression(sql, part.spot, findings);
        }
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
pub(super) fn key_columns(part: &KeyPart) -> Vec<Ident> {
    match part {
        KeyPart::Column(name) => vec![name.clone()],
        KeyPart::Expression(sql) => sql.columns().into_iter().map(|column| column.name).collect(),
    }
}

/// An expression in a key is about the row, and about nothing that changes without it.
fn check_key_expression(sql: &Expression, spot: Spot, findings: &mut Findings) {
    let columns = sql.columns();
    if columns.is_empty() {
        let help = "name the columns by which people recognize the row";
        findings.error(spot, "this part of the key is the same for every row: it names no column", help);
    }
    if let Some(qualifier) = columns.iter().find_map(|column| column.qualifier.as_ref()) {
        let message = format!("a key is about its own row, and this names {}", quote(qualifier.as_str()));
        findings.error(spot, message, "write the columns without a name before them");
    }
    if let Some(name) = sql.functions().iter().find(|name| CHANGING.contains(&name.as_str())) {
        let message = format!("a key must not change by itself, and {} does", quote(name));
        findings.error(spot, message, "use functions that always give the same for the same row");
    }
}

/// Why a column is not copied, if it is not.
pub(super) fn not_copied(column: &Ident, dataset: &Dataset) -> Option<(&'static str, Spot)> {
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
