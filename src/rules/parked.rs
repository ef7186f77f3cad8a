//! The statements that park rows of a route and drop what was parked and overtaken.
//!
//! Parameters of the two that park: `$1`, `$2` rows of the stage, `$3` flow, `$4` sync, `$5` from, `$6` to, `$7` data set,
//! `$8` LSN, `$9` generation, `$10` for each set of unchanged columns their names as an array's text;
//! for rejected rows also `$11` SQLSTATE and `$12` what it names.

use std::fmt::Write as _;

use crate::config::{Missing, Mode};

use super::fragments::{LIVING, PICK};
use super::shape::Shape;

/// How long a parked row waits before it is tried again without a reason: longer with each try.
const NEXT_TRY: &str =
    "now() + least(interval '1 hour', interval '30 seconds' * (2 ^ least(parked.tries, 7)))";
/// The first time.
const FIRST_TRY: &str = "now() + interval '30 seconds'";

/// `INSERT … ON CONFLICT`: the newest state of a source row wins, its first position stays. Where one writing could do
/// neither the delete of an identity nor its new row, both are kept.
fn park(select: &str) -> String {
    let both = |op: &str, parked: &str| {
        format!(
            "parked.generation = excluded.generation AND excluded.op = '{op}' AND parked.op IN ('{parked}', 'replace')"
        )
    };
    let (gone, new) = (both("delete", "upsert"), both("upsert", "delete"));
    format!(
        "WITH ins AS (INSERT INTO acequia.parked AS parked (flow, sync, from_customer, to_customer, dataset, key, op, payload, \
         unchanged, reason, waits_for, waits_key, sqlstate, object, first_lsn, last_lsn, next_try_at, generation) {select} \
         ON CONFLICT (from_customer, to_customer, dataset, key) DO UPDATE SET flow = excluded.flow, sync = excluded.sync, \
         op = CASE WHEN ({gone}) OR ({new}) THEN 'replace' ELSE excluded.op END, \
         payload = CASE WHEN {gone} THEN parked.payload ELSE excluded.payload END, \
         unchanged = CASE WHEN {gone} THEN parked.unchanged ELSE excluded.unchanged END, reason = excluded.reason, \
         waits_for = excluded.waits_for, waits_key = excluded.waits_key, sqlstate = excluded.sqlstate, object = excluded.object, \
         last_lsn = excluded.last_lsn, last_at = now(), tries = parked.tries + 1, next_try_at = {NEXT_TRY}, \
         generation = excluded.generation RETURNING 1) SELECT count(*) FROM ins"
    )
}

/// The source row as JSON, and which of its columns are not known.
fn payload(shape: &Shape) -> String {
    // Each as its text: JSON's own null, numbers and arrays would not come back as they were.
    let columns: Vec<String> = shape.staged.iter().map(|name| format!("s.{name}::text AS {name}")).collect();
    format!(
        "(SELECT row_to_json(\"acequia:row\") FROM (SELECT {}) \"acequia:row\"), coalesce(($10::text[])[s.\"acequia:u\"], '{{}}')::text[]",
        columns.join(", ")
    )
}

/// Finds the customer's row of each staged row, and the condition that there is none.
fn own_row(shape: &Shape) -> (String, String) {
    if let Some(table) = &shape.crosswalk {
        (
            format!(
                " LEFT JOIN ({table} x JOIN {} t ON {}) ON {}",
                shape.target,
                shape.row_of_link("x"),
                shape.link_of_row()
            ),
            "x.s1 IS NULL".to_owned(),
        )
    } else {
        let first = shape.key.first().map(|key| key.name.clone()).unwrap_or_default();
        (format!(" LEFT JOIN {} t ON {}", shape.target, shape.key_match("t")), format!("t.{first} IS NULL"))
    }
}

/// Rows that would have to be created, but of which the stream did not bring every value.
pub(super) fn incomplete(shape: &Shape) -> String {
    let (own_row, unlinked) = own_row(shape);
    format!(
        "SELECT s.\"acequia:n\" FROM {} s{}{own_row} WHERE {PICK} AND {} AND s.\"acequia:u\" <> 0 AND {unlinked} AND {}",
        shape.stage,
        shape.parent_joins(),
        shape.given(),
        shape.resolved(),
    )
}

/// Rows of which a parked state may have brought what this one leaves out. `$3` from, `$4` to, `$5` data set.
pub(super) fn incomplete_beside_parked(shape: &Shape) -> String {
    format!(
        "SELECT s.\"acequia:n\" FROM {} s JOIN acequia.parked p ON p.from_customer = $3 AND p.to_customer = $4 \
         AND p.dataset = $5 AND p.key = {} WHERE {PICK} AND {LIVING} AND s.\"acequia:u\" <> 0",
        shape.stage,
        shape.identity_text(),
    )
}

/// Rows that found no place, each with its reason.
pub(super) fn park_leftovers(shape: &Shape, mode: Mode) -> String {
    let (own_row, unlinked) = own_row(shape);
    let mut reasons = String::new();
    let (mut waits_for, mut waits_key) = (String::from("CASE"), String::from("CASE"));
    if mode == Mode::LinkOnly {
        // A pair that was linked, and one of the two has another key now.
        reasons += " WHEN x.s1 IS NOT NULL THEN 'mismatch'";
    }
    for parent in shape.parents.iter().filter(|parent| parent.missing != Missing::Null) {
        let reason = if parent.missing == Missing::Skip { "skip" } else { "missing_parent" };
        _ = write!(reasons, " WHEN NOT {} THEN '{reason}'", parent.resolved);
        _ = write!(waits_for, " WHEN NOT {} THEN {}", parent.resolved, parent.waits_for);
        _ = write!(waits_key, " WHEN NOT {} THEN {}", parent.resolved, parent.waits_key);
    }
    waits_for += " WHEN true THEN NULL END";
    waits_key += " WHEN true THEN NULL END";
    _ = write!(reasons, " WHEN NOT ({}) THEN 'no_key'", shape.key_is_known());
    if shape.crosswalk.is_some() {
        let candidates = format!("(SELECT count(*) FROM {} c WHERE {})", shape.target, shape.key_match("c"));
        _ = write!(reasons, " WHEN {candidates} > 1 THEN 'ambiguous' WHEN {candidates} = 1 THEN 'taken'");
    }
    let waiting = match mode {
        Mode::Override => format!("({unlinked} OR NOT ({}))", shape.resolved()),
        Mode::CreateOnly => unlinked,
        Mode::LinkOnly => format!("({unlinked} OR ({}) IS NOT TRUE)", shape.key_match("t")),
    };
    let otherwise = if mode == Mode::LinkOnly { "unmatched" } else { "ignored" };
    park(&format!(
        "SELECT $3::text, $4::text, $5::text, $6::text, $7::text, key, 'upsert', payload, unchanged, \
         CASE WHEN why IN ('no_key', 'ignored') THEN 'rejected' ELSE why END, waits_for, waits_key, NULL, \
         CASE why WHEN 'no_key' THEN 'the natural key is NULL' WHEN 'ignored' THEN 'the customer''s table did not take the row' END, \
         $8::text::pg_lsn, $8::text::pg_lsn, {FIRST_TRY}, $9::int8 FROM (\
         SELECT {} AS key, p.*, CASE{reasons} ELSE '{otherwise}' END AS why, {waits_for} AS waits_for, {waits_key} AS waits_key \
         FROM {} s{}{own_row} CROSS JOIN LATERAL (SELECT {}) p (payload, unchanged) \
         WHERE {PICK} AND {} AND {waiting}) q WHERE why <> 'skip'",
        shape.identity_text(),
        shape.stage,
        shape.parent_joins(),
        payload(shape),
        shape.given(),
    ))
}

pub(super) fn park_rejected(shape: &Shape) -> String {
    park(&format!(
        "SELECT $3::text, $4::text, $5::text, $6::text, $7::text, CASE s.\"acequia:op\" WHEN 'D' THEN {} ELSE {} END, \
         CASE s.\"acequia:op\" WHEN 'D' THEN 'delete' ELSE 'upsert' END, {}, 'rejected', NULL, NULL, $11::text, $12::text, \
         $8::text::pg_lsn, $8::text::pg_lsn, {FIRST_TRY}, $9::int8 FROM {} s WHERE {PICK}",
        shape.old_identity_text(),
        shape.identity_text(),
        payload(shape),
        shape.stage,
    ))
}

/// The keys as one array: looked up in the index, whatever the server thinks of how many rows there are.
pub(super) fn supersede(shape: &Shape) -> String {
    format!(
        "DELETE FROM acequia.parked p WHERE p.from_customer = $3 AND p.to_customer = $4 AND p.dataset = $5 AND p.generation <> $6 \
         AND p.key = ANY (ARRAY(SELECT k FROM {} s CROSS JOIN LATERAL unnest(ARRAY[{}, {}]) k WHERE {PICK}))",
        shape.stage,
        shape.identity_text(),
        shape.old_identity_text(),
    )
}

/// Finds what waits for the arrival of staged rows, in every customer. `$1` from, `$2` the data set that arrived.
pub(super) fn wake(stage: &str, referenced: &str) -> String {
    format!(
        "SELECT p.to_customer, p.id FROM acequia.parked p WHERE p.reason = 'missing_parent' AND p.from_customer = $1 \
         AND p.waits_for = $2 AND p.waits_key IN (SELECT {referenced} FROM {stage} s WHERE {LIVING}) \
         ORDER BY p.first_lsn, p.id"
    )
}
