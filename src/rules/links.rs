//! The statements of a route that keep its crosswalk: which source row is which row of the customer.

use super::fragments::{LIVING, PICK, THERE, equal, joined, numbered, prefixed};
use super::shape::{Shape, key_text, old_identity};

fn crosswalk(shape: &Shape) -> &str {
    shape.crosswalk.as_deref().unwrap_or_default()
}

pub(super) fn unlink_stale(shape: &Shape) -> String {
    format!(
        "DELETE FROM {} x USING {} s WHERE {PICK} AND {} AND {} AND NOT EXISTS (SELECT FROM {} t WHERE {})",
        crosswalk(shape),
        shape.stage,
        shape.given(),
        shape.link_of_row(),
        shape.target,
        shape.row_of_link("x"),
    )
}

pub(super) fn link_found(shape: &Shape) -> String {
    let columns = shape.crosswalk_columns();
    let keys = prefixed("t", &shape.primary_key_names());
    let values = shape.identity_values().into_iter().chain(shape.reference_values()).chain(keys.clone());
    let outputs = joined(values.zip(&columns).map(|(value, name)| format!("{value} AS {name}")), ", ");
    let targets = numbered('t', shape.primary_key.len());
    let taken = equal(prefixed("x", &targets), prefixed("c", &targets));
    format!(
        "INSERT INTO {link} ({columns}, created) SELECT {columns}, false FROM (\
         SELECT {outputs}, count(*) OVER (PARTITION BY s.\"acequia:n\") AS candidates, \
         row_number() OVER (PARTITION BY {} ORDER BY s.\"acequia:n\") AS claim \
         FROM {} s{} JOIN {} t ON {} WHERE {PICK} AND {} \
         AND NOT EXISTS (SELECT FROM {link} x WHERE {})) c \
         WHERE candidates = 1 AND claim = 1 AND NOT EXISTS (SELECT FROM {link} x WHERE {taken})",
        keys.join(", "),
        shape.stage,
        shape.parent_joins(),
        shape.target,
        shape.key_match("t"),
        shape.given(),
        shape.link_of_row(),
        link = crosswalk(shape),
        columns = columns.join(", "),
    )
}

pub(super) fn create_released(shape: &Shape) -> String {
    let types = shape.identity.iter().chain(&shape.references).map(|(_, type_text)| type_text.clone());
    let types = types.chain(shape.primary_key.iter().map(|column| column.type_text.clone()));
    let columns = shape
        .crosswalk_columns()
        .into_iter()
        .zip(types)
        .map(|(name, type_text)| format!("{name} {type_text}"));
    let table = shape.released.trim_start_matches("pg_temp.");
    format!("CREATE TEMP TABLE IF NOT EXISTS {table} (n int4, {}, created bool)", joined(columns, ", "))
}

pub(super) fn release(shape: &Shape) -> String {
    let identity = numbered('s', shape.identity.len());
    release_where(shape, &equal(prefixed("x", &identity), old_identity(shape.identity.len())))
}

fn release_where(shape: &Shape, gone: &str) -> String {
    let columns = shape.crosswalk_columns();
    format!(
        "WITH gone AS (DELETE FROM {} x USING {} s WHERE {PICK} AND {gone} RETURNING s.\"acequia:n\" AS n, {}, x.created) \
         INSERT INTO {} (n, {names}, created) SELECT n, {names}, created FROM gone",
        crosswalk(shape),
        shape.stage,
        prefixed("x", &columns).join(", "),
        shape.released,
        names = columns.join(", "),
    )
}

pub(super) fn relink(shape: &Shape) -> String {
    relink_where(shape, "")
}

/// Not onto an identity whose delete is parked: that delete needs the link.
pub(super) fn relink_held(shape: &Shape) -> String {
    let only = format!(
        " AND NOT EXISTS (SELECT FROM acequia.parked p WHERE p.from_customer = $3 AND p.to_customer = $4 AND p.dataset = $5 \
         AND p.key = {} AND p.op <> 'upsert')",
        shape.identity_text()
    );
    relink_where(shape, &only)
}

fn relink_where(shape: &Shape, only: &str) -> String {
    let values = shape.identity_values().into_iter().chain(shape.reference_values());
    let values = values.chain(prefixed("r", &numbered('t', shape.primary_key.len())));
    // A link that stands under the new identity is of a source row that is gone: a delete that could not be done.
    let identity = numbered('s', shape.identity.len());
    let columns = shape.crosswalk_columns();
    let others = columns
        .iter()
        .filter(|name| !identity.contains(name))
        .map(|name| format!("{name} = excluded.{name}"));
    format!(
        "INSERT INTO {} ({}, created) SELECT {}, r.created FROM {} r JOIN {} s ON s.\"acequia:n\" = r.n \
         WHERE {PICK} AND {THERE}{only} ON CONFLICT ({}) DO UPDATE SET {}, created = excluded.created",
        crosswalk(shape),
        columns.join(", "),
        joined(values, ", "),
        shape.released,
        shape.stage,
        identity.join(", "),
        joined(others, ", "),
    )
}

pub(super) fn restore_links(shape: &Shape) -> String {
    let columns = shape.crosswalk_columns().join(", ");
    format!(
        "INSERT INTO {} ({columns}, created) SELECT {columns}, created FROM {} WHERE n BETWEEN $1 AND $2 \
         ON CONFLICT DO NOTHING",
        crosswalk(shape),
        shape.released,
    )
}

pub(super) fn refresh_references(shape: &Shape) -> String {
    let pairs: Vec<(String, String)> =
        numbered('r', shape.references.len()).into_iter().zip(shape.reference_values()).collect();
    let set = joined(pairs.iter().map(|(own, value)| format!("{own} = {value}")), ", ");
    let differs =
        joined(pairs.iter().map(|(own, value)| format!("x.{own} IS DISTINCT FROM {value}")), " OR ");
    format!(
        "UPDATE {} x SET {set} FROM {} s WHERE {PICK} AND {LIVING} AND {} AND ({differs})",
        crosswalk(shape),
        shape.stage,
        shape.link_of_row(),
    )
}

/// Drops the links of rows outside `where`, where nothing is ever written.
pub(super) fn unlink_left(shape: &Shape) -> Option<String> {
    let (filter, table) = shape.filter.as_ref().zip(shape.crosswalk.as_ref())?;
    Some(format!(
        "DELETE FROM {table} x USING {} s WHERE {PICK} AND {LIVING} AND ({filter}) IS NOT TRUE AND {}",
        shape.stage,
        shape.link_of_row(),
    ))
}

/// Takes the links of rows outside `where` that are to be deleted, so that others can claim their keys.
pub(super) fn release_left(shape: &Shape, only_created: bool) -> Option<String> {
    let filter = shape.filter.as_ref()?;
    let created = if only_created { " AND x.created" } else { "" };
    Some(release_where(
        shape,
        &format!("{LIVING} AND ({filter}) IS NOT TRUE AND {}{created}", shape.link_of_row()),
    ))
}

/// Drops all links but those that a parked delete needs.
pub(super) fn unlink_all(shape: &Shape) -> Option<String> {
    let table = shape.crosswalk.as_ref()?;
    let key = key_text(&prefixed("x", &numbered('s', shape.identity.len())));
    Some(format!(
        "DELETE FROM {table} x WHERE NOT EXISTS (SELECT FROM acequia.parked p WHERE p.from_customer = $1 \
         AND p.to_customer = $2 AND p.dataset = $3 AND p.key = {key} AND p.op <> 'upsert')"
    ))
}
