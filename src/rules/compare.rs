//! Whether the customer has what the rule gives, row by row, in the writer's own terms: the rows are on the stage, and what
//! is compared is what the writer would write.

use crate::config::{Missing, Mode};
use crate::name::literal;

use super::fragments::{LIVING, PICK, equal, joined, numbered, prefixed};
use super::policy::Policy;
use super::shape::{ALIAS, Departure, Shape, key_text, old_identity};

/// The statements that compare the rows `$1 ..= $2` of the stage, `$3` from, `$4` to, `$5` data set.
#[derive(Debug)]
pub struct Comparison {
    /// Rows that the source has: row number, natural key (a JSON array), a word of [`Verdict`], the columns that differ.
    pub rows: String,
    /// Rows that the source no longer has, staged as deletes; the same answer, and no row where nothing is left of them.
    pub departed: Option<String>,
    /// Makes the session's table of identities that were seen at the source.
    pub create_seen: String,
    /// Adds what is on the stage.
    pub add_seen: String,
    /// The name of that table.
    pub seen: &'static str,
    /// The identities (JSON arrays) of some links whose source row was not seen; they count as seen from then on.
    pub unseen: Option<String>,
}

/// What is found out about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The customer has it as the rule gives it.
    Equal,
    /// The customer lacks it.
    Missing,
    /// The customer has other values.
    Different,
    /// The source no longer has it, or gives it no longer, and the rule says that it goes.
    LeftOver,
    /// The source no longer has it; the rule lets the customer keep it.
    Kept,
    /// It is parked.
    NotYet,
    /// The rule does not give it.
    NotGiven,
}

impl Verdict {
    /// Each of them.
    pub const ALL: [Self; 7] = [
        Self::Equal,
        Self::Missing,
        Self::Different,
        Self::LeftOver,
        Self::Kept,
        Self::NotYet,
        Self::NotGiven,
    ];

    /// The word for programs, and in the statements.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Missing => "missing",
            Self::Different => "different",
            Self::LeftOver => "left_over",
            Self::Kept => "kept",
            Self::NotYet => "not_yet",
            Self::NotGiven => "not_given",
        }
    }

    /// The two sides are not as the rule wants them.
    pub fn is_difference(self) -> bool {
        matches!(self, Self::Missing | Self::Different | Self::LeftOver)
    }
}

fn word(verdict: Verdict) -> String {
    literal(verdict.as_str())
}

/// The entry of a row in `acequia.parked`.
fn parked(key: &str) -> String {
    format!(
        "EXISTS (SELECT FROM acequia.parked p WHERE p.from_customer = $3 AND p.to_customer = $4 AND p.dataset = $5 AND p.key = {key})"
    )
}

/// Identities that were seen at the source.
const SEEN: &str = "pg_temp.seen";
/// So many links without a source row are answered at once.
const UNSEEN_ROWS: usize = 50_000;

pub(super) fn comparison(shape: &Shape, policy: &Policy) -> Comparison {
    let identity = numbered('s', shape.identity.len());
    let outputs = shape.identity_values().into_iter().zip(&identity);
    let outputs = joined(outputs.map(|(value, name)| format!("{value} AS {name}")), ", ");
    let unseen = shape.crosswalk.as_ref().map(|table| {
        format!(
            "WITH alone AS MATERIALIZED (SELECT {} FROM {table} x JOIN {} t ON {} \
             WHERE NOT EXISTS (SELECT FROM {SEEN} k WHERE {}) LIMIT {UNSEEN_ROWS}), \
             told AS (INSERT INTO {SEEN} SELECT * FROM alone) SELECT {} FROM alone x",
            prefixed("x", &identity).join(", "),
            shape.target,
            shape.row_of_link("x"),
            equal(prefixed("k", &identity), prefixed("x", &identity)),
            key_text(&prefixed("x", &identity)),
        )
    });
    Comparison {
        rows: rows(shape, policy),
        departed: departed(shape, policy),
        create_seen: format!(
            "DROP TABLE IF EXISTS {SEEN}; CREATE TEMP TABLE seen AS SELECT {outputs} FROM {} s WITH NO DATA",
            shape.stage
        ),
        add_seen: format!("INSERT INTO {SEEN} SELECT {outputs} FROM {} s", shape.stage),
        seen: SEEN,
        unseen,
    }
}

/// What the writer would find to do for a row that has its row at the customer: names of columns.
fn differences(shape: &Shape, mode: Mode) -> String {
    let texts: Vec<String> = match mode {
        Mode::Override => {
            let differs = |column: &super::shape::WrittenColumn| {
                format!("CASE WHEN {} THEN {} END", column.differs, literal(&unquoted(&column.name)))
            };
            shape.columns.iter().map(differs).collect()
        }
        // What was there before stays as it is.
        Mode::CreateOnly => Vec::new(),
        Mode::LinkOnly => {
            vec![format!("CASE WHEN ({}) IS NOT TRUE THEN 'natural key' END", shape.key_match("t"))]
        }
    };
    format!("array_remove(ARRAY[{}]::text[], NULL)", texts.join(", "))
}

fn unquoted(name: &str) -> String {
    name.trim_start_matches('"').trim_end_matches('"').replace("\"\"", "\"")
}

/// The customer's row of each staged row: by the link, else by the natural key where nobody else's link has it.
fn own_rows(shape: &Shape, mode: Mode) -> String {
    let theirs = format!("NOT (true{})", shape.not_linked_by(&shape.higher));
    let (columns, joins) = (differences(shape, mode), shape.parent_joins());
    let select = |linked: bool, created: &str| {
        format!(
            "SELECT s.\"acequia:n\" AS n, {linked} AS linked, {created} AS created, {theirs} AS theirs, {columns} AS columns \
             FROM {} s{joins}",
            shape.stage
        )
    };
    let Some(table) = &shape.crosswalk else {
        return format!("{}{} WHERE {PICK} AND {LIVING}", select(true, "true"), shape.own_row_join());
    };
    let targets = numbered('t', shape.primary_key.len());
    let living = equal(prefixed("l", &shape.primary_key_names()), prefixed("x", &targets));
    format!(
        "{}{} WHERE {PICK} AND {LIVING} UNION ALL {} JOIN {target} t ON {} WHERE {PICK} AND {} \
         AND NOT EXISTS (SELECT FROM {table} x JOIN {target} l ON {living} WHERE {}) \
         AND NOT EXISTS (SELECT FROM {table} x WHERE {})",
        select(true, "x.created"),
        shape.own_row_join(),
        select(false, "false"),
        shape.key_match("t"),
        shape.given(),
        shape.link_of_row(),
        shape.row_of_link("x"),
        target = shape.target,
    )
}

fn rows(shape: &Shape, policy: &Policy) -> String {
    let outside = shape.filter.as_ref().map_or_else(String::new, |filter| {
        let created = if policy.mode == Mode::CreateOnly { " AND f.created" } else { "" };
        let goes = match (&policy.on_leave, policy.mode) {
            (Departure::Delete, Mode::CreateOnly | Mode::Override) => "f.linked",
            (Departure::Delete, Mode::LinkOnly) | (Departure::Ignore | Departure::Set(_), _) => "false",
        };
        format!(
            "WHEN ({filter}) IS NOT TRUE THEN CASE WHEN {goes}{created} AND NOT f.theirs THEN {} ELSE {} END ",
            word(Verdict::LeftOver),
            word(Verdict::NotGiven)
        )
    });
    let skips = shape.parents.iter().filter(|parent| parent.missing == Missing::Skip);
    let skipped = joined(skips.map(|parent| format!("NOT {} OR ", parent.resolved)), "") + "false";
    format!(
        "WITH own AS MATERIALIZED ({}), found AS MATERIALIZED (SELECT n, count(*) AS candidates, bool_or(linked) AS linked, \
         bool_or(created) AS created, bool_or(theirs) AS theirs, min(columns) AS columns FROM own GROUP BY n) \
         SELECT s.\"acequia:n\", {}, CASE WHEN {} THEN {not_yet} {outside}\
         WHEN f.n IS NULL OR f.candidates > 1 THEN CASE WHEN {skipped} THEN {not_given} ELSE {} END \
         WHEN f.theirs THEN {not_given} \
         WHEN f.columns <> '{{}}' THEN CASE WHEN {skipped} THEN {not_given} ELSE {} END ELSE {} END, \
         coalesce(f.columns, '{{}}') \
         FROM {} s{} LEFT JOIN found f ON f.n = s.\"acequia:n\" WHERE {PICK} AND {LIVING}",
        own_rows(shape, policy.mode),
        key_text(&shape.key.iter().map(|key| key.value.clone()).collect::<Vec<_>>()),
        parked(&shape.identity_text()),
        word(Verdict::Missing),
        word(Verdict::Different),
        word(Verdict::Equal),
        shape.stage,
        shape.parent_joins(),
        not_yet = word(Verdict::NotYet),
        not_given = word(Verdict::NotGiven),
    )
}

/// What is left of source rows that are gone. Without links nobody can tell: the row may be the customer's own.
fn departed(shape: &Shape, policy: &Policy) -> Option<String> {
    let table = shape.crosswalk.as_ref()?;
    let stays = match (policy.mode, &policy.on_delete) {
        (Mode::LinkOnly, _) | (_, Departure::Ignore) => "true".to_owned(),
        (Mode::CreateOnly, Departure::Delete | Departure::Set(_)) => "NOT x.created".to_owned(),
        (Mode::Override, Departure::Delete | Departure::Set(_)) => "false".to_owned(),
    };
    let linked =
        equal(prefixed("x", &numbered('s', shape.identity.len())), old_identity(shape.identity.len()));
    let key: Vec<String> = shape.key.iter().map(|key| key.theirs.replace(ALIAS, "t")).collect();
    Some(format!(
        "SELECT s.\"acequia:n\", {}, CASE WHEN {} THEN {} WHEN {stays} OR NOT (true{}) THEN {} ELSE {} END, '{{}}'::text[] \
         FROM {} s JOIN {table} x ON {linked} JOIN {} t ON {} WHERE {PICK} AND s.\"acequia:op\" = 'D'",
        key_text(&key),
        parked(&shape.old_identity_text()),
        word(Verdict::NotYet),
        shape.not_linked_by(&shape.others),
        word(Verdict::Kept),
        word(Verdict::LeftOver),
        shape.stage,
        shape.target,
        shape.row_of_link("x"),
    ))
}
