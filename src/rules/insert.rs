//! The statements of a route that create rows, and the one that counts what needs none.

use crate::config::Mode;

use super::fragments::{PICK, joined, numbered};
use super::shape::Shape;

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
    let keys = joined(shape.key.iter().map(|key| key.value.clone()), ", ");
    let distinct = if shape.key_is_unique { String::new() } else { format!("DISTINCT ON ({keys}) ") };
    // Of two rows of one key, the first in the stream.
    let order =
        if shape.key_is_unique { String::new() } else { format!(" ORDER BY {keys}, s.\"acequia:n\"") };
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
         AND NOT EXISTS (SELECT FROM {target} t WHERE {}){order}), \
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
