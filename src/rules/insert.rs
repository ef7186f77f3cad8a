//! The statements of a route that create rows, and the one that counts what needs none.

use crate::config::{Missing, Mode};

use super::fragments::{PICK, joined, numbered, prefixed};
use super::shape::{ParentJoin, Shape};

/// Creates the rows that the customer lacks, with their links. Answers (expected, written).
pub(super) fn insert(shape: &Shape) -> String {
    let mut outputs: Vec<String> = Vec::new();
    let mut output = |value: &str, name: String| outputs.push(format!("{value} AS {name}"));
    if shape.crosswalk.is_some() {
        let source_values = shape.identity_values().into_iter().chain(shape.reference_values());
        for (value, name) in source_values.zip(shape.source_side()) {
            output(&value, name);
        }
    }
    for (i, column) in shape.primary_key.iter().enumerate() {
        output(&column.value, format!("t{}", i + 1));
    }
    for (i, column) in shape.columns.iter().enumerate() {
        output(&column.value, format!("v{}", i + 1));
    }
    let drawn: Vec<usize> = (0..shape.primary_key.len()).filter(|&i| !shape.primary_key[i].written).collect();
    let names = drawn.iter().map(|&i| shape.primary_key[i].name.clone());
    let names = joined(names.chain(shape.columns.iter().map(|column| column.name.clone())), ", ");
    let values = drawn.iter().map(|i| format!("t{}", i + 1)).chain(numbered('v', shape.columns.len()));
    let values = joined(values, ", ");
    let distinct = if shape.key_is_unique {
        String::new()
    } else {
        format!("DISTINCT ON ({}) ", joined(shape.key.iter().map(|key| key.value.clone()), ", "))
    };
    let (unlinked, link) = match &shape.crosswalk {
        None => (String::new(), String::new()),
        Some(table) => {
            let columns = shape.crosswalk_columns().join(", ");
            (
                format!(" AND NOT EXISTS (SELECT FROM {table} x WHERE {})", shape.link_of_row()),
                format!(
                    ", lnk AS (INSERT INTO {table} ({columns}, created) SELECT {columns}, true FROM todo)"
                ),
            )
        }
    };
    format!(
        "WITH todo AS MATERIALIZED (SELECT {distinct}{} FROM {} s{} \
         WHERE {PICK} AND {} AND s.\"acequia:u\" = 0 AND {} AND {}{unlinked} \
         AND NOT EXISTS (SELECT FROM {target} t WHERE {})), \
         ins AS (INSERT INTO {target} ({names}) OVERRIDING SYSTEM VALUE SELECT {values} FROM todo RETURNING 1){link} \
         SELECT (SELECT count(*) FROM todo), (SELECT count(*) FROM ins)",
        outputs.join(", "),
        shape.stage,
        shape.parent_joins(),
        shape.given(),
        shape.key_is_known(),
        shape.resolved(),
        shape.key_match("t"),
        target = shape.target,
    )
}

/// Counts the rows that the customer has and that need nothing further.
pub(super) fn matched(shape: &Shape, mode: Mode) -> String {
    let (joins, resolved) = match mode {
        Mode::Override => (shape.parent_joins(), shape.resolved()),
        Mode::CreateOnly => (String::new(), "true".to_owned()),
        Mode::LinkOnly => (shape.parent_joins(), shape.key_match("t")),
    };
    let joins = if shape.crosswalk.is_some() { joins } else { shape.parent_joins() };
    format!(
        "SELECT count(*) FROM {} s{joins}{} WHERE {PICK} AND {} AND {resolved}",
        shape.stage,
        shape.own_row_join(),
        shape.given(),
    )
}

/// Creating rows of one table that refer to each other in a circle, or to themselves: no row can come first.
#[derive(Debug)]
pub struct Circle {
    /// Draws the numbers of all rows that could be created, and links them.
    pub draw: String,
    /// Takes the links back of which a row of the same table is missing. Repeated until none is left.
    pub take_back: String,
    /// Creates every linked row that is not there, in one statement. Answers (expected, written).
    pub insert: String,
}

/// `None` where the customer's key is not a number that it draws itself: such rows are created like all others.
pub(super) fn circle(shape: &Shape) -> Option<Circle> {
    let table = shape.crosswalk.as_ref()?;
    let itself: Vec<&ParentJoin> = shape
        .parents
        .iter()
        .filter(|parent| parent.refers_to_itself && parent.missing == Missing::Park)
        .collect();
    if itself.is_empty() || shape.primary_key.iter().any(|column| column.written) {
        return None;
    }
    let columns = shape.crosswalk_columns().join(", ");
    let keys = shape.primary_key.iter().map(|column| column.value.clone());
    let values: Vec<String> =
        shape.identity_values().into_iter().chain(shape.reference_values()).chain(keys).collect();
    let fresh = format!(
        "{PICK} AND {} AND s.\"acequia:u\" = 0 AND {} AND {} AND NOT EXISTS (SELECT FROM {table} x WHERE {}) \
         AND NOT EXISTS (SELECT FROM {} t WHERE {})",
        shape.given(),
        shape.key_is_known(),
        shape.resolved_but_for_itself(),
        shape.link_of_row(),
        shape.target,
        shape.key_match("t"),
    );
    let missing = itself.iter().map(|parent| format!("NOT {}", parent.resolved));
    let lacks_row = format!("NOT EXISTS (SELECT FROM {} t WHERE {})", shape.target, shape.row_of_link("x"));
    Some(Circle {
        draw: format!(
            "INSERT INTO {table} ({columns}, created) SELECT {}, true FROM {} s{} WHERE {fresh} ON CONFLICT DO NOTHING",
            values.join(", "),
            shape.stage,
            shape.parent_joins(),
        ),
        take_back: format!(
            "DELETE FROM {table} x WHERE x.ctid IN (SELECT x.ctid FROM {} s JOIN {table} x ON {}{} \
             WHERE {PICK} AND {} AND {lacks_row} AND ({}))",
            shape.stage,
            shape.link_of_row(),
            shape.parent_joins(),
            shape.given(),
            joined(missing, " OR "),
        ),
        insert: insert_linked(shape, table, &lacks_row),
    })
}

/// Creates the rows whose links are there already.
fn insert_linked(shape: &Shape, table: &str, lacks_row: &str) -> String {
    let keys = numbered('t', shape.primary_key.len());
    let names = shape.primary_key_names().into_iter();
    let names = joined(names.chain(shape.columns.iter().map(|column| column.name.clone())), ", ");
    let outputs =
        prefixed("x", &keys).into_iter().zip(&keys).map(|(value, name)| format!("{value} AS {name}"));
    let values =
        shape.columns.iter().enumerate().map(|(i, column)| format!("{} AS v{}", column.value, i + 1));
    let outputs = joined(outputs.chain(values), ", ");
    let all = joined(keys.iter().cloned().chain(numbered('v', shape.columns.len())), ", ");
    format!(
        "WITH todo AS MATERIALIZED (SELECT {outputs} FROM {} s JOIN {table} x ON {}{} WHERE {PICK} AND {} AND {lacks_row}), \
         ins AS (INSERT INTO {} ({names}) OVERRIDING SYSTEM VALUE SELECT {all} FROM todo RETURNING 1) \
         SELECT (SELECT count(*) FROM todo), (SELECT count(*) FROM ins)",
        shape.stage,
        shape.link_of_row(),
        shape.parent_joins(),
        shape.given(),
        shape.target,
    )
}
