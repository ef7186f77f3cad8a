//! Questions about rows on the stage: what a rule makes of them, and what the customer has. Commands ask them; the writer
//! never does. They answer names, counts and keys, and no other value of a row.

use crate::config::Missing;
use crate::name::literal;

use super::fragments::{equal, joined, numbered, prefixed};
use super::shape::{ALIAS, Shape};

/// What can be asked about a single staged row. Each stands alone, since a value can make each of them fail.
#[derive(Debug)]
pub struct Questions {
    /// Whether `where` lets the row pass: boolean.
    pub given: String,
    /// Where the row has its place: the source row's identity (a JSON array), whether the natural key is known, data sets
    /// of parents that the customer lacks (text[]), whether the customer's row was created by the link (NULL: there is no
    /// link), the customer's primary key (a row's text; NULL: it has no such row), and how many rows have the natural key.
    pub place: String,
    /// Which of the customer's columns have another value than the rule would write: text[]; no row where there is none.
    pub differences: String,
}

/// What can be asked about all rows of a source table, once all of them are on the stage.
#[derive(Debug)]
pub struct Survey {
    /// Makes the temporary tables that the other statements read.
    pub prepare: [String; 2],
    /// Rows that the rule gives, rows of the customer, rows linked and created by us, rows linked and found, rows that
    /// will be linked at their next change.
    pub totals: String,
    /// What is not as it should be: the natural keys, each a JSON array.
    pub discrepancies: Vec<(Discrepancy, String)>,
    /// For each part of the natural key, its values on both sides: `$1` whether the customer's are asked for.
    pub values: Vec<String>,
}

/// In what two tables can disagree about who is who.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discrepancy {
    /// The rule gives the row, and the customer has none with its natural key.
    MissingAtCustomer,
    /// The customer has the row, and the source none with its natural key.
    MissingAtSource,
    /// Several rows of the source have one natural key.
    DuplicateAtSource,
    /// Several rows of the customer have one natural key.
    DuplicateAtCustomer,
    /// Two rows are linked, and their natural keys differ.
    Mismatching,
    /// A row of the source whose natural key is not known: a part of it is NULL.
    UnknownAtSource,
    /// The same at the customer.
    UnknownAtCustomer,
}

impl Discrepancy {
    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingAtCustomer => "missing_at_customer",
            Self::MissingAtSource => "missing_at_source",
            Self::DuplicateAtSource => "duplicate_at_source",
            Self::DuplicateAtCustomer => "duplicate_at_customer",
            Self::Mismatching => "mismatching",
            Self::UnknownAtSource => "unknown_at_source",
            Self::UnknownAtCustomer => "unknown_at_customer",
        }
    }
}

pub(super) fn questions(shape: &Shape) -> Questions {
    let (created, join) = own_row(shape);
    let waits = shape.parents.iter().filter(|parent| parent.missing != Missing::Null).map(|parent| {
        format!(
            "CASE WHEN NOT {} THEN coalesce({}, 'none that is synchronized') END",
            parent.resolved, parent.waits_for
        )
    });
    let differs = shape
        .columns
        .iter()
        .map(|column| format!("CASE WHEN {} THEN {} END", column.differs, literal(&unquoted(&column.name))));
    let from = format!("FROM {} s{}{join}", shape.stage, shape.parent_joins());
    Questions {
        given: format!("SELECT {} FROM {} s", filter(shape), shape.stage),
        place: format!(
            "SELECT {}, {}, {}, {created}, {}, (SELECT count(*) FROM {} c WHERE {}) {from}",
            shape.identity_text(),
            shape.key_is_known(),
            texts(waits),
            target_key(shape),
            shape.target,
            shape.key_match("c"),
        ),
        differences: format!("SELECT {} {from} WHERE {} IS NOT NULL", texts(differs), target_key(shape)),
    }
}

/// The customer's row of each staged row, if it has one: by the link, else by the natural key.
fn own_row(shape: &Shape) -> (String, String) {
    match &shape.crosswalk {
        None => {
            ("NULL::boolean".to_owned(), format!(" LEFT JOIN {} t ON {}", shape.target, shape.key_match("t")))
        }
        Some(table) => (
            "x.created".to_owned(),
            format!(
                " LEFT JOIN {table} x ON {} LEFT JOIN {} t ON CASE WHEN x.created IS NULL THEN {} ELSE {} END",
                shape.link_of_row(),
                shape.target,
                shape.key_match("t"),
                shape.row_of_link("x"),
            ),
        ),
    }
}

fn filter(shape: &Shape) -> String {
    shape.filter.as_ref().map_or_else(|| "true".to_owned(), |filter| format!("({filter}) IS TRUE"))
}

fn texts(parts: impl Iterator<Item = String>) -> String {
    format!("array_remove(ARRAY[{}]::text[], NULL)", joined(parts, ", "))
}

/// The customer's primary key as the journal has it; NULL where there is no row.
fn target_key(shape: &Shape) -> String {
    let columns = prefixed("t", &shape.primary_key_names());
    let first = columns.first().cloned().unwrap_or_default();
    format!("CASE WHEN {first} IS NOT NULL THEN ROW({})::text END", columns.join(", "))
}

fn unquoted(name: &str) -> String {
    name.trim_start_matches('"').trim_end_matches('"').replace("\"\"", "\"")
}

pub(super) fn survey(shape: &Shape) -> Survey {
    let names = numbered('k', shape.key.len());
    let same = equal(prefixed("s", &names), prefixed("c", &names));
    let known = |alias: &str| {
        joined(prefixed(alias, &names).into_iter().map(|name| format!("{name} IS NOT NULL")), " AND ")
    };
    let key = |alias: &str| {
        let texts = prefixed(alias, &names).into_iter().map(|name| format!("{name}::text"));
        format!("json_build_array({})::text", joined(texts, ", "))
    };
    let twice = |alias: &str, table: &str, which: &str| {
        let columns = prefixed(alias, &names).join(", ");
        format!(
            "SELECT {} FROM {table} {alias} WHERE {which}{} GROUP BY {columns} HAVING count(*) > 1",
            key(alias),
            known(alias)
        )
    };
    let (source, customer) = ("pg_temp.source_keys", "pg_temp.customer_keys");
    let partner = format!("EXISTS (SELECT FROM {customer} c WHERE {same})");
    let giver = format!("EXISTS (SELECT FROM {source} s WHERE s.given AND {same})");
    let linked = format!("EXISTS (SELECT FROM {source} s WHERE s.target = c.target)");
    let mine = "s.given AND s.target IS NULL";
    let discrepancies = vec![
        (
            Discrepancy::MissingAtCustomer,
            format!("SELECT {} FROM {source} s WHERE {mine} AND {} AND NOT {partner}", key("s"), known("s")),
        ),
        (
            Discrepancy::MissingAtSource,
            format!(
                "SELECT {} FROM {customer} c WHERE {} AND NOT {linked} AND NOT {giver}",
                key("c"),
                known("c")
            ),
        ),
        (Discrepancy::DuplicateAtSource, twice("s", source, "s.given AND ")),
        (Discrepancy::DuplicateAtCustomer, twice("c", customer, "")),
        (
            Discrepancy::Mismatching,
            format!(
                "SELECT {} || ' / ' || {} FROM {source} s JOIN {customer} c ON c.target = s.target \
                 WHERE ({same}) IS NOT TRUE",
                key("s"),
                key("c")
            ),
        ),
        (
            Discrepancy::UnknownAtSource,
            format!("SELECT {} FROM {source} s WHERE s.given AND NOT ({})", key("s"), known("s")),
        ),
        (
            Discrepancy::UnknownAtCustomer,
            format!("SELECT {} FROM {customer} c WHERE NOT ({})", key("c"), known("c")),
        ),
    ];
    let totals = format!(
        "SELECT count(*) FILTER (WHERE s.given), (SELECT count(*) FROM {customer}), \
         count(*) FILTER (WHERE s.target IS NOT NULL AND s.created), \
         count(*) FILTER (WHERE s.target IS NOT NULL AND NOT s.created), \
         count(*) FILTER (WHERE {mine} AND {} AND {partner}) FROM {source} s",
        known("s")
    );
    let values = names.iter().map(|name| {
        format!(
            "SELECT DISTINCT {name}::text FROM (SELECT {name} FROM {source} WHERE given AND NOT $1 \
             UNION ALL SELECT {name} FROM {customer} WHERE $1) v WHERE {name} IS NOT NULL"
        )
    });
    Survey { prepare: key_tables(shape, &names), totals, discrepancies, values: values.collect() }
}

/// The natural keys of both sides in the customer's types, so that they are compared as the customer compares them.
fn key_tables(shape: &Shape, names: &[String]) -> [String; 2] {
    let named = |values: Vec<String>| {
        joined(values.into_iter().zip(names).map(|(value, name)| format!(", {value} AS {name}")), "")
    };
    let own = named(shape.key.iter().map(|key| key.value.clone()).collect());
    let theirs = named(shape.key.iter().map(|key| key.theirs.replace(ALIAS, "t")).collect());
    let (created, join) = match &shape.crosswalk {
        // The primary key is the natural key: the row that has it is the row, whoever made it.
        None => ("false", format!(" LEFT JOIN {} t ON {}", shape.target, shape.key_match("t"))),
        Some(table) => (
            "x.created",
            format!(
                " LEFT JOIN {table} x ON {} LEFT JOIN {} t ON {}",
                shape.link_of_row(),
                shape.target,
                shape.row_of_link("x"),
            ),
        ),
    };
    let target = target_key(shape);
    [
        format!(
            "CREATE TEMP TABLE source_keys ON COMMIT DROP AS SELECT {} AS given, {created} AS created, {target} AS target{own} \
             FROM {} s{}{join}",
            filter(shape),
            shape.stage,
            shape.parent_joins(),
        ),
        format!(
            "CREATE TEMP TABLE customer_keys ON COMMIT DROP AS SELECT {target} AS target{theirs} FROM {} t",
            shape.target
        ),
    ]
}
