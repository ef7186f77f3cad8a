//! The stage: one temporary table for each source table, and the statements that fill and empty it.
//!
//! A staged column has the source's own type where that is a type of the server itself; anything that lives in a
//! customer's schema (an enum, a composite) is staged as text, because every customer has its own.

use crate::catalog::{BaseType, Table};
use crate::name::{Ident, literal};

/// Columns of ours in front of the staged ones: row number in the wave, operation (`I`, `U`, `D`, `P`, `V`), and the number of the
/// set of columns that the stream did not bring (0: all are there). A colon can't be typed by accident in a table.
pub const META_COLUMNS: [&str; 3] = ["\"acequia:n\"", "\"acequia:op\"", "\"acequia:u\""];

/// The stage of one source table: a temporary table of the writer's session.
#[derive(Debug)]
pub struct StageSql {
    /// Quoted name.
    pub table: String,
    /// The rows, as they stand in a FROM clause.
    pub rows: String,
    /// So many of the staged columns, the last ones, stand in one array of texts: the table has no room for them.
    pub packed: usize,
    /// `CREATE TEMP TABLE …`.
    pub create: String,
    /// `COPY … FROM STDIN`.
    pub copy: String,
    /// Empties it, cheap for few rows.
    pub delete: String,
    /// Empties it, cheap for many rows.
    pub truncate: String,
    /// Puts parked rows of one customer back: `$1` ids of `acequia.parked` in order, `$2` for each what it becomes
    /// (`U` or `D`; what is to be replaced is there twice), `$3` its set of columns that are not known; `n` counts from 1.
    pub restore: String,
}

/// One staged column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedColumn {
    /// Name at the source.
    pub name: Ident,
    /// Type in the stage.
    pub type_text: String,
}

/// The column that holds the `i`-th identity value (from 0) as it was before.
pub(super) fn old_column(i: usize) -> String {
    format!("\"acequia:o{}\"", i + 1)
}

/// The type in which a value of this type is staged.
pub(super) fn staged_type(base: &BaseType) -> String {
    if base.is_string() && base.name.as_str() != "bpchar" {
        "text".to_owned()
    } else if base.is_builtin() && !base.name.as_str().starts_with("reg") {
        // Quoted as it stands in pg_type ("bpchar", "_int4"): the modifier is left out, so that nothing is cut or rounded here.
        base.quoted()
    } else {
        "text".to_owned()
    }
}

/// The columns of `names` as they are staged.
pub(super) fn staged_columns(table: &Table, names: &[Ident]) -> Vec<StagedColumn> {
    let staged = |name| {
        table.column(name).map(|c| StagedColumn { name: c.name.clone(), type_text: staged_type(&c.base) })
    };
    names.iter().filter_map(staged).collect()
}

/// Stages a delete for every source row that one of these crosswalks links. Answers how many.
pub(super) fn stage_links(stage: &str, crosswalks: &[String], identity: usize) -> String {
    let [n, op, u] = META_COLUMNS;
    let old: Vec<String> = (0..identity).map(old_column).collect();
    let linked: Vec<String> = (1..=identity).map(|i| format!("s{i}")).collect();
    let linked = linked.join(", ");
    let all: Vec<String> =
        crosswalks.iter().map(|table| format!("SELECT {linked} FROM acequia.{table}")).collect();
    format!(
        "INSERT INTO {stage} ({n}, {op}, {u}, {}) SELECT row_number() OVER (), 'D', 0, {linked} FROM ({}) l",
        old.join(", "),
        all.join(" UNION "),
    )
}

/// A table has at most so many columns (PostgreSQL manual, "PostgreSQL Limits").
const COLUMNS_MAX: usize = 1_600;
/// Where a table leaves no room for ours, its last staged columns stand in this one: an array of their texts.
pub const MORE_COLUMN: &str = "\"acequia:more\"";

/// How many staged columns stand in one array. None, but for tables that are as wide as the server lets them be.
pub(super) fn packed(columns: usize, identity: usize) -> usize {
    let all = META_COLUMNS.len() + identity + columns;
    if all <= COLUMNS_MAX { 0 } else { all + 1 - COLUMNS_MAX }
}

/// The stage as the statements read it.
pub(super) fn stage_rows(number: usize, columns: &[StagedColumn], identity: usize) -> String {
    let table = format!("pg_temp.stage_{number}");
    let (plain, packed) = columns.split_at(columns.len() - packed(columns.len(), identity));
    if packed.is_empty() {
        return table;
    }
    let ours = META_COLUMNS.map(str::to_owned).into_iter().chain((0..identity).map(old_column));
    let names = ours.chain(plain.iter().map(|column| column.name.quoted()));
    let more = packed.iter().enumerate().map(|(i, column)| {
        format!("({MORE_COLUMN})[{}]::{} AS {}", i + 1, column.type_text, column.name.quoted())
    });
    format!("(SELECT {} FROM {table})", names.chain(more).collect::<Vec<_>>().join(", "))
}

/// The statements of the stage with this number.
pub(super) fn stage_sql(number: usize, columns: &[StagedColumn], identity: &[usize]) -> StageSql {
    let table = format!("pg_temp.stage_{number}");
    let [n, op, u] = META_COLUMNS;
    let mut definitions = vec![format!("{n} int4"), format!("{op} \"char\""), format!("{u} int4")];
    let mut names = vec![n.to_owned(), op.to_owned(), u.to_owned()];
    let mut restored = vec!["o.n::int4".to_owned(), "o.op::\"char\"".to_owned()];
    restored.push("o.u".to_owned());
    for (i, &column) in identity.iter().enumerate() {
        definitions.push(format!("{} {}", old_column(i), columns[column].type_text));
        names.push(old_column(i));
        restored.push(format!(
            "((CASE o.op WHEN 'D' THEN p.key ELSE p.moved_from END)::json->>{i})::{}",
            columns[column].type_text
        ));
    }
    let kept = |column: &StagedColumn| format!("(p.payload->>{})", literal(column.name.as_str()));
    let (plain, packed) = columns.split_at(columns.len() - packed(columns.len(), identity.len()));
    for column in plain {
        definitions.push(format!("{} {}", column.name.quoted(), column.type_text));
        names.push(column.name.quoted());
        restored.push(format!("CASE o.op WHEN 'U' THEN {}::{} END", kept(column), column.type_text));
    }
    if !packed.is_empty() {
        definitions.push(format!("{MORE_COLUMN} text[]"));
        names.push(MORE_COLUMN.to_owned());
        restored.push(format!("ARRAY[{}]", packed.iter().map(kept).collect::<Vec<_>>().join(", ")));
    }
    let (names, definitions, restored) = (names.join(", "), definitions.join(", "), restored.join(", "));
    StageSql {
        create: format!("CREATE TEMP TABLE IF NOT EXISTS stage_{number} ({definitions})"),
        copy: format!("COPY {table} ({names}) FROM STDIN"),
        delete: format!("DELETE FROM {table}"),
        truncate: format!("TRUNCATE {table}"),
        restore: format!(
            "INSERT INTO {table} ({names}) SELECT {restored} \
             FROM unnest($1::int8[], $2::text[], $3::int4[]) WITH ORDINALITY o (id, op, u, n) JOIN acequia.parked p ON p.id = o.id"
        ),
        rows: stage_rows(number, columns, identity.len()),
        packed: packed.len(),
        table,
    }
}
