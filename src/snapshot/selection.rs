//! What of a customer's tables is in a snapshot: all of it, but for what the rule files or comments leave out.
//!
//! Scanned documents and photos are no part of a snapshot for other software (R-SNAP-17), and a column of binary values that
//! somebody adds later shall not slip in: such columns have to be named.

use std::collections::BTreeSet;

use crate::config::{Exclusion, Snapshot};
use crate::name::Ident;

use super::manifest::Excluded;
use super::table::{Class, Column, Table};

/// The tables of one customer that are in the snapshot, with the columns that are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// In the order of their names.
    pub tables: Vec<Table>,
    /// What was left out, and why.
    pub excluded: Vec<Excluded>,
}

impl Selection {
    /// Chooses from a customer's tables.
    pub fn new(snapshot: &Snapshot, tables: Vec<Table>) -> Self {
        let mut selection = Self::default();
        for table in tables {
            selection.choose(snapshot, table);
        }
        selection
    }

    fn choose(&mut self, snapshot: &Snapshot, mut table: Table) {
        let name = table.name.table.clone();
        if let Some(reason) = reason_for_table(snapshot, &table) {
            self.exclude(&name, None, reason);
            return;
        }
        let (columns, left_out): (Vec<Column>, Vec<Column>) = std::mem::take(&mut table.columns)
            .into_iter()
            .partition(|column| reason_for_column(snapshot, &name, column).is_none());
        for column in &left_out {
            let reason = reason_for_column(snapshot, &name, column).unwrap_or_default();
            self.exclude(&name, Some(&column.name), reason);
        }
        if columns.is_empty() && !left_out.is_empty() {
            self.exclude(&name, None, "none of its columns is in the snapshot");
            return;
        }
        // An index without one of its columns would say something else.
        let is_there = |name: &Ident| columns.iter().any(|column| column.name == *name);
        table.indexes.retain(|index| index.columns.iter().all(is_there));
        table.columns = columns;
        self.tables.push(table);
    }

    fn exclude(&mut self, table: &Ident, column: Option<&Ident>, reason: &str) {
        self.excluded.push(Excluded {
            table: table.to_string(),
            column: column.map(Ident::to_string),
            reason: reason.to_owned(),
        });
    }
}

fn names(list: &[Exclusion], table: &Ident, column: Option<&Ident>) -> bool {
    list.iter().any(|entry| entry.table == *table && entry.column.as_ref() == column)
}

fn reason_for_table(snapshot: &Snapshot, table: &Table) -> Option<&'static str> {
    let name = &table.name.table;
    if names(&snapshot.exclude, name, None) {
        Some("`exclude` names it")
    } else if table.hint("snapshot") == Some("no") && !names(&snapshot.include, name, None) {
        Some("its comment says snapshot=no; `include` would take it in")
    } else {
        None
    }
}

fn reason_for_column(snapshot: &Snapshot, table: &Ident, column: &Column) -> Option<&'static str> {
    if names(&snapshot.exclude, table, Some(&column.name)) {
        return Some("`exclude` names it");
    }
    if names(&snapshot.include, table, Some(&column.name)) {
        return None;
    }
    if column.hint("snapshot") == Some("no") {
        Some("its comment says snapshot=no; `include` would take it in")
    } else if column.class == Class::Bytea || column.type_text == "bytea[]" {
        Some("it holds binary values; `include` would take it in")
    } else {
        None
    }
}

/// Entries of `exclude` and `include` that name nothing in any customer: likely mistyped.
pub fn unknown<'s>(snapshot: &'s Snapshot, tables: &[&Table]) -> Vec<&'s Exclusion> {
    let known: BTreeSet<(&Ident, Option<&Ident>)> = tables
        .iter()
        .flat_map(|table| {
            let name = &table.name.table;
            let columns = table.columns.iter().map(move |column| (name, Some(&column.name)));
            columns.chain([(name, None)])
        })
        .collect();
    let entries = snapshot.exclude.iter().chain(&snapshot.include);
    entries.filter(|entry| !known.contains(&(&entry.table, entry.column.as_ref()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Format, Kind, Layout, OnLoss, Profile, Spot};
    use crate::name::{SnapshotName, TableName};
    use crate::snapshot::table::Index;

    fn ident(text: &str) -> Ident {
        Ident::new(text).expect("an identifier")
    }

    fn entry(text: &str) -> Exclusion {
        let (table, column) =
            text.split_once('.').map_or((text, None), |(table, column)| (table, Some(column)));
        let spot = Spot { file: 0, start: 0, end: 0 };
        Exclusion { table: ident(table), column: column.map(ident), spot }
    }

    fn snapshot(exclude: &[&str], include: &[&str]) -> Snapshot {
        Snapshot {
            name: SnapshotName::new("nightly").expect("a name"),
            enabled: true,
            customers: Vec::new(),
            format: Format::Dat { profile: Profile::Lossless, guard_formulas: false },
            layout: Layout::PerCustomer,
            kind: Kind::Full,
            schedule: None,
            publish_at: None,
            directory: "/nowhere".into(),
            keep: 1,
            exclude: exclude.iter().map(|text| entry(text)).collect(),
            include: include.iter().map(|text| entry(text)).collect(),
            encrypt_to: Vec::new(),
            on_loss: OnLoss::Null,
            time_zone: jiff::tz::TimeZone::UTC,
            workers: 2,
            retain_closed_days: None,
            spot: Spot { file: 0, start: 0, end: 0 },
        }
    }

    fn table(name: &str, comment: Option<&str>, columns: &[(&str, Class)]) -> Table {
        let columns = columns.iter().map(|(name, class)| Column {
            name: ident(name),
            class: class.clone(),
            type_text: String::new(),
            not_null: false,
            comment: None,
        });
        Table {
            name: TableName { schema: ident("cust"), table: ident(name) },
            oid: 1,
            comment: comment.map(str::to_owned),
            may_select: true,
            partitioned: false,
            rows_estimate: 0,
            size_bytes: 0,
            columns: columns.collect(),
            indexes: vec![Index {
                name: ident("key"),
                primary: true,
                unique: true,
                columns: vec![ident("id")],
            }],
        }
    }

    fn chosen(selection: &Selection) -> Vec<String> {
        let columns = |table: &Table| {
            table.columns.iter().map(|column| column.name.to_string()).collect::<Vec<_>>().join(",")
        };
        selection.tables.iter().map(|table| format!("{}({})", table.name.table, columns(table))).collect()
    }

    #[test]
    fn binary_columns_are_left_out_unless_they_are_named() {
        let patient = || table("patient", None, &[("id", Class::Integer), ("photo", Class::Bytea)]);
        let selection = Selection::new(&snapshot(&[], &[]), vec![patient()]);
        assert_eq!(chosen(&selection), ["patient(id)"]);
        assert_eq!(selection.excluded[0].column.as_deref(), Some("photo"));
        let selection = Selection::new(&snapshot(&[], &["patient.photo"]), vec![patient()]);
        assert_eq!(chosen(&selection), ["patient(id,photo)"]);
        assert!(selection.excluded.is_empty());
    }

    #[test]
    fn a_comment_leaves_a_table_out_and_include_takes_it_in() {
        let document = || table("patient_document", Some("dat=DOC; snapshot=no"), &[("id", Class::Integer)]);
        assert_eq!(chosen(&Selection::new(&snapshot(&[], &[]), vec![document()])), [""; 0]);
        let selection = Selection::new(&snapshot(&[], &["patient_document"]), vec![document()]);
        assert_eq!(chosen(&selection), ["patient_document(id)"]);
    }

    #[test]
    fn a_table_of_which_nothing_is_left_is_left_out_and_one_without_columns_is_not() {
        let scans = table("scan", None, &[("image", Class::Bytea)]);
        let empty = table("marker", None, &[]);
        let selection = Selection::new(&snapshot(&[], &[]), vec![scans, empty]);
        assert_eq!(chosen(&selection), ["marker()"]);
    }

    #[test]
    fn a_key_without_all_of_its_columns_is_no_key() {
        let payer = table("payer", None, &[("id", Class::Integer), ("name", Class::Text)]);
        let selection = Selection::new(&snapshot(&["payer.id"], &[]), vec![payer]);
        assert_eq!(chosen(&selection), ["payer(name)"]);
        assert!(selection.tables[0].primary_key().is_empty());
    }

    #[test]
    fn an_entry_that_names_nothing_is_found() {
        let payer = table("payer", None, &[("id", Class::Integer)]);
        let snapshot = snapshot(&["payer", "payr"], &["payer.photo"]);
        let unknown: Vec<String> =
            unknown(&snapshot, &[&payer]).iter().map(|entry| entry.table.to_string()).collect();
        assert_eq!(unknown, ["payr", "payer"]);
    }
}
