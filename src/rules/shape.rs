//! The shape of a route: every column's value, comparison and match as SQL over the stage (`s`), the crosswalk (`x`),
//! the customer's table (`t`) and its parents (`p1`, `p2`, …). `sql` joins these pieces into statements.

use std::sync::Arc;

use crate::catalog::{BaseType, Column, ColumnDefault};
use crate::config::Missing;
use crate::name::{DatasetName, Ident, literal};

use super::parents::{ParentLink, Resolution};
use super::stage::{old_column, staged_type};

/// Pieces of SQL for one route.
#[derive(Debug)]
pub(super) struct Shape {
    /// The stage, quoted.
    pub(super) stage: String,
    /// The route's own table of released links, in the session's temporary schema.
    pub(super) released: String,
    /// The crosswalk, quoted; `None` where the primary key is the natural key.
    pub(super) crosswalk: Option<String>,
    /// The customer's table, quoted.
    pub(super) target: String,
    /// The source row's identity: staged column, quoted, and its type.
    pub(super) identity: Vec<(String, String)>,
    /// Further columns in the crosswalk that children refer to, quoted.
    pub(super) references: Vec<(String, String)>,
    /// The customer's primary key.
    pub(super) primary_key: Vec<PrimaryKeyColumn>,
    /// What is written.
    pub(super) columns: Arc<Vec<WrittenColumn>>,
    /// How the customer's row is recognized.
    pub(super) key: Arc<Vec<KeyMatch>>,
    /// The foreign keys.
    pub(super) parents: Vec<ParentJoin>,
    /// The staged columns, quoted: what a parked row keeps.
    pub(super) staged: Arc<Vec<String>>,
    /// No two source rows can have one natural key.
    pub(super) key_is_unique: bool,
    /// `where` over the stage; rows for which it is not true are not given.
    pub(super) filter: Option<String>,
    /// Crosswalks of groups that go before this one: a row that they link is theirs.
    pub(super) higher: Vec<String>,
    /// Crosswalks of all other groups that write this table: a row that they link is not deleted.
    pub(super) others: Vec<String>,
    /// The columns that the journal keeps, with the staged columns that have to be there.
    pub(super) images: Arc<Vec<(String, Vec<usize>)>>,
    /// The columns that it keeps of a row that is deleted: all that can be written again.
    pub(super) whole: Arc<Vec<Ident>>,
}

impl Shape {
    /// Holds once what it has in common with the shape of another customer: all that names no table.
    pub(super) fn share(&mut self, other: &Self) {
        share(&mut self.columns, &other.columns);
        share(&mut self.key, &other.key);
        share(&mut self.staged, &other.staged);
        share(&mut self.images, &other.images);
        share(&mut self.whole, &other.whole);
    }
}

/// Equal things become one.
fn share<T: PartialEq>(own: &mut Arc<T>, other: &Arc<T>) {
    if **own == **other {
        *own = Arc::clone(other);
    }
}

/// What becomes of the customer's row when the source row is gone.
#[derive(Debug)]
pub(super) enum Departure {
    /// Nothing.
    Ignore,
    /// It is deleted.
    Delete,
    /// These columns are set: SQL over `t`.
    Set(Vec<(Ident, String)>),
}

/// Stands for the alias of the customer's row in a key part.
pub(super) const ALIAS: &str = "\u{1}";

/// A column of the customer's primary key.
#[derive(Debug)]
pub(super) struct PrimaryKeyColumn {
    /// Quoted name.
    pub(super) name: String,
    /// Type without modifier.
    pub(super) type_text: String,
    /// Its value for a new row.
    pub(super) value: String,
    /// It is among the written columns too.
    pub(super) written: bool,
}

/// A column that the route writes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrittenColumn {
    /// Quoted name in the customer's table.
    pub(super) name: String,
    /// Positions in the source table's staged columns: when one of them is unchanged, this column is left alone.
    pub(super) depends: Vec<usize>,
    /// It is part of the natural key.
    pub(super) is_of_key: bool,
    /// The value.
    pub(super) value: String,
    /// True when the customer's row has another value.
    pub(super) differs: String,
    /// How the two sides' values can be told to be equal without bringing them together.
    pub(super) carried: Option<Carried>,
}

/// A column whose value comes from one column of the source: where the texts of these two are equal, nothing differs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Carried {
    /// Over the source's own table, `s`.
    pub(super) source: String,
    /// Over the customer's row `t`.
    pub(super) target: String,
    /// What the customer's side is joined with: the crosswalk of the parent that the column refers to.
    pub(super) join: String,
}

/// One part of the natural key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeyMatch {
    /// Quoted name in the customer's table; nothing for a part that is an expression.
    pub(super) name: String,
    /// The customer's side, with [`ALIAS`] where the row's alias goes.
    pub(super) theirs: String,
    /// The value in the customer's type.
    pub(super) value: String,
    /// The old value of that part, in the customer's type.
    pub(super) old_value: String,
    /// The old value is all that it takes to give the customer's row its old key back.
    pub(super) goes_back: bool,
    /// A value that no row has, where one can be made: for a row that makes way.
    pub(super) spare: Option<String>,
}

/// One foreign key.
#[derive(Debug)]
pub(super) struct ParentJoin {
    /// `LEFT JOIN …`, or nothing.
    pub(super) join: String,
    /// True when there is nothing to refer to, or the parent is there.
    pub(super) resolved: String,
    /// What happens when it is not.
    pub(super) missing: Missing,
    /// The parent's table refers back to this one, or is this one.
    pub(super) in_circle: bool,
    /// The parent's data set, as an SQL literal or NULL.
    pub(super) waits_for: String,
    /// The referring value as the text that a parent's arrival is recognized by.
    pub(super) waits_key: String,
}

/// The value of a staged column for a customer's column of this type. Assignment does the last step, so that a text that
/// is too long or a number that does not fit is an error and never cut in silence.
pub(super) fn value(expression: &str, source: &BaseType, target: &BaseType) -> String {
    let staged = staged_type(source);
    if staged == staged_type(target) && target.is_builtin() || target.is_string() && source.is_string() {
        expression.to_owned()
    } else if target.is_string() {
        format!("{expression}::text")
    } else {
        format!("{expression}::text::{}", target.quoted())
    }
}

/// The value of a staged column in a form that a customer's column of this type can be compared with by `=`.
pub(super) fn comparable(expression: &str, source: &BaseType, target: &Column) -> String {
    let cast = if target.base.name.as_str() == "bpchar" && target.base.is_builtin() {
        format!("{expression}::bpchar")
    } else if target.base.is_string() {
        format!("{expression}::text")
    } else {
        value(expression, source, &target.base)
    };
    match &target.collation {
        Some(collation) if target.base.is_string() => format!("({cast} COLLATE {collation})"),
        Some(_) | None => cast,
    }
}

/// True when the customer's value is another one. Types without an `=` of their own, and those whose `=` is blind to
/// something (interval, numeric's scale, json), are compared by their binary image.
pub(super) fn differs(value: &str, source: Option<&BaseType>, target: &Column) -> String {
    let own = format!("t.{}", target.name.quoted());
    if target.base.is_string() {
        let as_text = if target.base.name.as_str() == "bpchar" {
            format!("({value})::bpchar::text")
        } else {
            format!("({value})::text")
        };
        return format!("{own}::text COLLATE \"C\" IS DISTINCT FROM {as_text} COLLATE \"C\"");
    }
    if !target.base.is_builtin() {
        let own_type = source.is_some_and(|source| !source.is_builtin());
        let as_text = if own_type { strip_cast(value) } else { format!("({value})::text") };
        return format!("{own}::text COLLATE \"C\" IS DISTINCT FROM {as_text} COLLATE \"C\"");
    }
    let simple = matches!(
        target.base.name.as_str(),
        "bool" | "int2" | "int4" | "int8" | "oid" | "date" | "uuid" | "bytea"
    );
    if simple {
        format!("{own} IS DISTINCT FROM {value}")
    } else {
        let base = target.base.quoted();
        format!("record_image_ne(ROW({own}::{base}), ROW(({value})::{}))", target.base.text)
    }
}

/// A value of a customer's own type is staged as text: compared as text it needs no cast to that type.
fn strip_cast(value: &str) -> String {
    value.find("::text::").map_or_else(|| format!("({value})::text"), |at| format!("{}::text", &value[..at]))
}

/// A text by which the values of some columns are recognized again: a JSON array of their text forms.
pub(super) fn key_text(expressions: &[String]) -> String {
    let texts: Vec<String> = expressions.iter().map(|expression| format!("{expression}::text")).collect();
    format!("json_build_array({})::text", texts.join(", "))
}

/// Expression for a column's default in the customer's table, for a primary key that is not carried over.
pub(super) fn default_value(column: &Column) -> Option<String> {
    match &column.default {
        ColumnDefault::Sequence { name, .. } => Some(format!("nextval({}::regclass)", literal(name))),
        ColumnDefault::Expression(Some(expression)) => Some(expression.clone()),
        ColumnDefault::Expression(None) | ColumnDefault::None => None,
    }
}

/// The join that finds a parent. `types` are, for each referring column, its own type and the parent's column.
pub(super) fn parent_join(
    number: usize,
    link: &ParentLink,
    crosswalk: Option<(&str, Vec<String>)>,
    types: &[(&BaseType, Option<&Column>)],
    (itself, in_circle): (bool, bool),
) -> ParentJoin {
    let alias = format!("p{number}");
    let own: Vec<String> = link.columns.iter().map(|column| format!("s.{}", column.quoted())).collect();
    let refers_to_nothing =
        own.iter().map(|column| format!("{column} IS NULL")).collect::<Vec<_>>().join(" OR ");
    let (join, found) = match (link.resolution, crosswalk) {
        (Resolution::Crosswalk, Some((table, columns))) => {
            let on: Vec<String> =
                columns.iter().zip(&own).map(|(theirs, own)| format!("{alias}.{theirs} = {own}")).collect();
            (format!(" LEFT JOIN {table} {alias} ON {}", on.join(" AND ")), format!("{alias}.t1 IS NOT NULL"))
        }
        (Resolution::Pass, _) if types.iter().all(|(_, parent)| parent.is_some()) => {
            let on: Vec<String> = types
                .iter()
                .zip(&own)
                .filter_map(|((own_type, parent), own)| {
                    parent.map(|parent| {
                        format!("{alias}.{} = {}", parent.name.quoted(), comparable(own, own_type, parent))
                    })
                })
                .collect();
            let first = link.parent_columns.first().map_or_else(String::new, Ident::quoted);
            (
                format!(" LEFT JOIN {} {alias} ON {}", link.table.quoted(), on.join(" AND ")),
                format!("{alias}.{first} IS NOT NULL"),
            )
        }
        (Resolution::Pass, _) => (String::new(), "true".to_owned()),
        (Resolution::Crosswalk | Resolution::Never, _) => (String::new(), "false".to_owned()),
    };
    let waits_for = link.dataset.as_ref().map(DatasetName::as_str).map_or_else(|| "NULL".to_owned(), literal);
    // A natural value may name the very row that is written; a translated one has no translation before the row is there.
    let own_row = (itself && link.resolution == Resolution::Pass).then(|| {
        let same = link
            .parent_columns
            .iter()
            .zip(&own)
            .map(|(parent, own)| format!("s.{} = {own}", parent.quoted()));
        format!(" OR ({})", same.collect::<Vec<_>>().join(" AND "))
    });
    let resolved = format!("({refers_to_nothing} OR {found}{})", own_row.unwrap_or_default());
    ParentJoin { join, resolved, missing: link.missing, in_circle, waits_for, waits_key: key_text(&own) }
}

/// The value of a referring column: translated, or passed through where the parent is there.
pub(super) fn parent_value(
    number: usize,
    link: &ParentLink,
    position: usize,
    translated: Option<&str>,
    own: &str,
    target: &BaseType,
    resolved: &str,
) -> String {
    match (link.resolution, translated) {
        (Resolution::Crosswalk, Some(column)) => format!("p{number}.{column}"),
        (Resolution::Pass, _) if link.missing == Missing::Null => {
            format!("CASE WHEN {resolved} THEN {own} END")
        }
        (Resolution::Pass, _) => own.to_owned(),
        (Resolution::Crosswalk | Resolution::Never, _) => {
            debug_assert!(position < link.columns.len(), "the column belongs to the key");
            format!("NULL::{}", target.quoted())
        }
    }
}

/// `s."acequia:o1"` and so on.
pub(super) fn old_identity(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("s.{}", old_column(i))).collect()
}
