//! What a table becomes in MySQL or MariaDB: its columns' types, its keys, and the SQL that makes it.
//!
//! Keys compare bytes, as PostgreSQL's do: the usual collation takes `CPT-99213` and `cpt-99213`, `AB` and `AB ` for one.
//! What the server's limits do not allow is left out of a key, or becomes a longer type, and is told in
//! [`Layout::notes`]. Sources: MySQL manual, "Limits on Table Column Count and Row Size", "`InnoDB` Limits".

mod columns;
mod keys;
mod names;
mod remark;
mod source;

use std::collections::BTreeSet;

use crate::mysql::Flavour;
use crate::name::{Ident, backticked};

use super::super::convert::customer_column;
use super::super::table::Table;

pub use columns::{Column, Kind};
pub use keys::Key;
pub use names::{name_in_mysql, unique_names};

/// What a table becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The columns; the customer's comes first in a combined layout.
    pub columns: Vec<Column>,
    /// How many of them lead, and are none of the source's: 1 in a combined layout, else 0.
    pub leading: usize,
    /// The primary key and the indexes.
    pub keys: Vec<Key>,
    /// The table's comment.
    pub comment: Option<String>,
    /// What is not as it was, in words for the log.
    pub notes: Vec<String>,
}

impl Layout {
    /// `wide` are those of the shape's columns, by number, that are to be text of any length, whatever their type.
    pub fn new(shape: &Table, combined: bool, wide: &BTreeSet<usize>) -> Self {
        let customer = combined.then(|| customer_column(&shape.columns));
        let keys = source::keys(shape, customer.as_ref().map(Ident::as_str));
        let (columns, mut notes) =
            columns::of_source(shape, customer.as_ref().map(Ident::as_str), wide, &keys);
        let leading = usize::from(combined);
        let keys = keys::fitting(&keys, &columns, shape, leading, &mut notes);
        Self { columns, leading, keys, comment: shape.comment.clone(), notes }
    }

    /// Places of the primary key's columns among the shape's columns.
    pub fn primary(&self) -> BTreeSet<usize> {
        let primary = self.keys.iter().filter(|key| key.primary).flat_map(|key| &key.parts);
        primary.filter_map(|part| part.column.checked_sub(self.leading)).collect()
    }

    /// `CREATE TABLE` with the primary key and without other indexes: those are built faster when the rows are there.
    /// `flavour` none: it is to be understood by both servers.
    pub fn create(&self, table: &str, flavour: Option<Flavour>) -> String {
        let mut lines: Vec<String> = self.columns.iter().map(|column| column.definition(flavour)).collect();
        lines.extend(self.keys.iter().filter(|key| key.primary).map(|key| key.definition(&self.columns)));
        if lines.is_empty() {
            // A table without columns: neither server has such.
            lines.push("`acequia_no_columns` TINYINT".to_owned());
        }
        let comment = self.comment.as_deref().map(remark::of_table);
        let comment = comment.map(|comment| format!(" COMMENT={comment}")).unwrap_or_default();
        format!(
            "CREATE TABLE {table} (\n  {}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 ROW_FORMAT=DYNAMIC{comment}",
            lines.join(",\n  ")
        )
    }

    /// The other indexes, as one statement; none where there are none.
    pub fn add_indexes(&self, table: &str) -> Option<String> {
        let keys = self.keys.iter().filter(|key| !key.primary);
        let added: Vec<String> = keys.map(|key| format!("ADD {}", key.definition(&self.columns))).collect();
        (!added.is_empty()).then(|| format!("ALTER TABLE {table}\n  {}", added.join(",\n  ")))
    }

    /// The columns' names, quoted and joined.
    pub fn column_list(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|column| backticked(&column.name)).collect();
        if names.is_empty() { "`acequia_no_columns`".to_owned() } else { names.join(", ") }
    }
}

#[cfg(test)]
mod tests;
