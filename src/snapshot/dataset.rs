//! The data sets of a run: each becomes one file or one table, out of the table of one customer or those of all of them.

use crate::config::Layout;
use crate::name::{CustomerName, DatabaseName, Ident};

use super::table::{Class, Column, Index, Table};

/// One file or table of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    /// The table's name, the same for all customers.
    pub table: Ident,
    /// What it looks like: the customer's table; in a combined layout, all columns that any customer's table has.
    pub shape: Table,
    /// Where the rows come from, in the order of the customers.
    pub sources: Vec<Source>,
}

/// The table of one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The customer.
    pub customer: CustomerName,
    /// The database that it lives in.
    pub database: DatabaseName,
    /// Its table, with the columns that are chosen.
    pub table: Table,
}

impl Source {
    /// The table's own column behind one of the data set's.
    pub fn column(&self, wanted: &Column) -> Option<&Column> {
        self.table.columns.iter().find(|column| column.name == wanted.name)
    }
}

/// Data sets that end in one archive, or in one database of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The customer whose it is; none: all customers are in it, and a leading column says whose a row is.
    pub customer: Option<CustomerName>,
    /// In the order of the tables' names.
    pub datasets: Vec<DataSet>,
}

/// Puts the chosen tables of all customers together.
pub fn bundles(layout: Layout, customers: Vec<(CustomerName, DatabaseName, Vec<Table>)>) -> Vec<Bundle> {
    match layout {
        Layout::PerCustomer => customers.into_iter().map(of_one).collect(),
        Layout::Combined => vec![of_all(customers)],
    }
}

fn of_one((customer, database, tables): (CustomerName, DatabaseName, Vec<Table>)) -> Bundle {
    let datasets = tables.into_iter().map(|table| DataSet {
        table: table.name.table.clone(),
        shape: table.clone(),
        sources: vec![Source { customer: customer.clone(), database: database.clone(), table }],
    });
    let datasets = datasets.collect();
    Bundle { customer: Some(customer), datasets }
}

fn of_all(customers: Vec<(CustomerName, DatabaseName, Vec<Table>)>) -> Bundle {
    let mut datasets: Vec<DataSet> = Vec::new();
    for (customer, database, tables) in customers {
        for table in tables {
            let source = Source { customer: customer.clone(), database: database.clone(), table };
            match datasets.iter_mut().find(|known| known.table == source.table.name.table) {
                Some(known) => {
                    unite(&mut known.shape, &source.table);
                    known.sources.push(source);
                }
                None => datasets.push(DataSet {
                    table: source.table.name.table.clone(),
                    shape: source.table.clone(),
                    sources: vec![source],
                }),
            }
        }
    }
    datasets.sort_by(|one, other| one.table.cmp(&other.table));
    for dataset in &mut datasets {
        let everywhere =
            |column: &Column| dataset.sources.iter().all(|source| source.column(column).is_some());
        for column in &mut dataset.shape.columns {
            column.not_null &= everywhere(column);
        }
    }
    Bundle { customer: None, datasets }
}

/// Widens a table's shape to what another customer's table of that name has.
fn unite(shape: &mut Table, other: &Table) {
    shape.rows_estimate += other.rows_estimate;
    shape.size_bytes += other.size_bytes;
    for column in &other.columns {
        match shape.columns.iter_mut().find(|known| known.name == column.name) {
            Some(known) => {
                known.not_null &= column.not_null;
                if known.type_text != column.type_text {
                    widen(known, column);
                }
            }
            None => shape.columns.push(column.clone()),
        }
    }
    // Only what every customer has of keys holds for all of them.
    shape.indexes.retain(|index| other.indexes.iter().any(|own| is_same(index, own)));
}

fn is_same(one: &Index, other: &Index) -> bool {
    one.primary == other.primary && one.unique == other.unique && one.columns == other.columns
}

/// A column that customers have with different types. Where only the length differs it has none any more; else it is text,
/// and each value stands in it as PostgreSQL writes it.
fn widen(known: &mut Column, other: &Column) {
    let (class, type_text) = match (&known.class, &other.class) {
        (
            Class::SmallInt | Class::Integer | Class::BigInt,
            Class::SmallInt | Class::Integer | Class::BigInt,
        ) => (Class::BigInt, "bigint"),
        (Class::Numeric(_), Class::Numeric(_)) => (Class::Numeric(None), "numeric"),
        // Where only a modifier differs. (The labels of one enum may be missing in the other, and a text is a text.)
        (one, another)
            if one == another && !matches!(one, Class::Enum(_) | Class::Varchar(_) | Class::Char(_)) =>
        {
            (one.clone(), base_name(&known.type_text))
        }
        (_, _) => (Class::Text, "text"),
    };
    let type_text = type_text.to_owned();
    known.class = class;
    known.type_text = type_text;
}

/// A type's name without its modifier: `timestamp(3) without time zone` keeps what stands behind it, so it is left as it is.
fn base_name(type_text: &str) -> &str {
    match type_text.split_once('(') {
        Some((name, rest)) if rest.ends_with(')') => name,
        Some(_) | None => type_text,
    }
}
