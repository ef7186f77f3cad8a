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
    /// Each of them.
    pub const ALL: [Self; 7] = [
        Self::MissingAtCustomer,
        Self::MissingAtSource,
        Self::DuplicateAtSource,
        Self::DuplicateAtCustomer,
        Self::Mismatching,
        Self::UnknownAtSource,
        Self::UnknownAtCustomer,
    ];

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

/// After a writing, for what is still on the stage: (what became of the row, its natural key as a JSON array), some of each.
/// `$1` generation of the writing, `$2` from, `$3` to, `$4` data set, `$5` how many. Told are `create`, `change`, and the reasons for which
/// rows were parked.
pub(super) fn outcomes(shape: &Shape) -> String {
    const AGES: u64 = 1 << 32;
    let key = joined(shape.key.iter().map(|key| format!("({})::text", key.value)), ", ");
    let from = format!("FROM {} s{}", shape.stage, shape.parent_joins());
    let target = prefixed("t", &shape.primary_key_names()).join(", ");
    // What a transaction has made bears its own number or a later one, that of a savepoint.
    let is_ours = format!(
        "((t.xmin::text::int8 - pg_current_xact_id()::text::int8 % {AGES} + {AGES}) % {AGES}) < {}",
        AGES / 2
    );
    format!(
        "SELECT what, key FROM (SELECT what, key, row_number() OVER (PARTITION BY what) AS place FROM (\
         SELECT CASE WHEN EXISTS (SELECT FROM acequia.journal j WHERE j.at = now() AND j.key = ROW({target})::text \
         AND j.route IN (SELECT r.id FROM acequia.route r WHERE (r.from_customer, r.to_customer, r.dataset) = ($2, $3, $4))) \
         THEN 'change' ELSE 'create' END AS what, json_build_array({key})::text AS key \
         {from}{} WHERE {} AND {is_ours} UNION ALL \
         SELECT p.reason, json_build_array({key})::text {from} JOIN acequia.parked p ON p.from_customer = $2 AND p.to_customer = $3 \
         AND p.dataset = $4 AND p.generation >= $1 AND p.key = {}) o) q WHERE place <= $5::int8 ORDER BY what, place",
        shape.own_row_join(),
        shape.given(),
        shape.identity_text(),
    )
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

/// The natural keys of the source's rows, as `s` …
const SOURCE: &str = "pg_temp.source_keys s";
/// … and of the customer's, as `c`.
const CUSTOMER: &str = "pg_temp.customer_keys c";
/// Given, and without a row at the customer that is linked.
const ALONE: &str = "s.given AND s.target IS NULL";

/// Conditions over the parts of the natural key: `k1`, `k2`, ….
struct Keys {
    names: Vec<String>,
    /// `s` and `c` have the same key.
    same: String,
}

impl Keys {
    fn known(&self, alias: &str) -> String {
        let parts = prefixed(alias, &self.names).into_iter().map(|name| format!("{name} IS NOT NULL"));
        joined(parts, " AND ")
    }

    fn text(&self, alias: &str) -> String {
        let texts = prefixed(alias, &self.names).into_iter().map(|name| format!("{name}::text"));
        format!("json_build_array({})::text", joined(texts, ", "))
    }

    /// The keys that several of these rows have.
    fn twice(&self, alias: &str, rows: &str) -> String {
        let columns = prefixed(alias, &self.names).join(", ");
        let (key, known) = (self.text(alias), self.known(alias));
        format!("SELECT {key} FROM {rows} AND {known} GROUP BY {columns} HAVING count(*) > 1")
    }
}

pub(super) fn survey(shape: &Shape) -> Survey {
    let names = numbered('k', shape.key.len());
    let same = equal(prefixed("s", &names), prefixed("c", &names));
    let keys = Keys { names, same };
    let totals = format!(
        "SELECT count(*) FILTER (WHERE s.given), (SELECT count(*) FROM {CUSTOMER}), \
         count(*) FILTER (WHERE s.target IS NOT NULL AND s.created), \
         count(*) FILTER (WHERE s.target IS NOT NULL AND NOT s.created), \
         count(*) FILTER (WHERE {ALONE} AND {} AND EXISTS (SELECT FROM {CUSTOMER} WHERE {})) FROM {SOURCE}",
        keys.known("s"),
        keys.same,
    );
    let values = keys.names.iter().map(|name| {
        format!(
            "SELECT DISTINCT {name}::text FROM (SELECT {name} FROM {SOURCE} WHERE given AND NOT $1 \
             UNION ALL SELECT {name} FROM {CUSTOMER} WHERE $1) v WHERE {name} IS NOT NULL"
        )
    });
    Survey {
        prepare: key_tables(shape, &keys.names),
        totals,
        discrepancies: Discrepancy::ALL.map(|what| (what, discrepancy(what, &keys))).to_vec(),
        values: values.collect(),
    }
}

/// The natural keys of the rows that a discrepancy is about.
fn discrepancy(what: Discrepancy, keys: &Keys) -> String {
    let (source_key, customer_key) = (keys.text("s"), keys.text("c"));
    let (source_known, customer_known) = (keys.known("s"), keys.known("c"));
    let same = &keys.same;
    match what {
        Discrepancy::MissingAtCustomer => format!(
            "SELECT {source_key} FROM {SOURCE} WHERE {ALONE} AND {source_known} \
             AND NOT EXISTS (SELECT FROM {CUSTOMER} WHERE {same})"
        ),
        Discrepancy::MissingAtSource => format!(
            "SELECT {customer_key} FROM {CUSTOMER} WHERE {customer_known} \
             AND NOT EXISTS (SELECT FROM {SOURCE} WHERE s.target = c.target) \
             AND NOT EXISTS (SELECT FROM {SOURCE} WHERE s.given AND {same})"
        ),
        Discrepancy::DuplicateAtSource => keys.twice("s", &format!("{SOURCE} WHERE s.given")),
        Discrepancy::DuplicateAtCustomer => keys.twice("c", &format!("{CUSTOMER} WHERE true")),
        Discrepancy::Mismatching => format!(
            "SELECT {source_key} || ' / ' || {customer_key} FROM {SOURCE} JOIN {CUSTOMER} ON c.target = s.target \
             WHERE ({same}) IS NOT TRUE"
        ),
        Discrepancy::UnknownAtSource => {
            format!("SELECT {source_key} FROM {SOURCE} WHERE s.given AND NOT ({source_known})")
        }
        Discrepancy::UnknownAtCustomer => {
            format!("SELECT {customer_key} FROM {CUSTOMER} WHERE NOT ({customer_known})")
        }
    }
}

/// The natural keys of both sides in the customer's types, so that they are compared as the customer compares them.
fn key_tables(shape: &Shape, names: &[String]) -> [String; 2] {
    let columns = |values: Vec<String>| {
        joined(values.into_iter().zip(names).map(|(value, name)| format!(", {value} AS {name}")), "")
    };
    let own = columns(shape.key.iter().map(|key| key.value.clone()).collect());
    let theirs = columns(shape.key.iter().map(|key| key.theirs.replace(ALIAS, "t")).collect());
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
