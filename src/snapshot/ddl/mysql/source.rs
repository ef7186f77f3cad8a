//! The keys of the source.

use super::super::super::table::{Index, Table};
use crate::name::Ident;

/// A key as the source has it: places among the columns, the customer's column counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceKey {
    pub(super) name: String,
    pub(super) primary: bool,
    /// No two rows are the same in it.
    pub(super) unique: bool,
    pub(super) columns: Vec<usize>,
}

/// The source's keys whose columns are all in the snapshot. In a combined table rows of two customers may have one key.
pub(super) fn keys(shape: &Table, customer: Option<&str>) -> Vec<SourceKey> {
    let leading = usize::from(customer.is_some());
    let place =
        |name: &Ident| shape.columns.iter().position(|column| &column.name == name).map(|at| at + leading);
    let key = |index: &Index| {
        let own: Option<Vec<usize>> = index.columns.iter().map(place).collect();
        let own = own.filter(|own| !own.is_empty())?;
        let columns = if index.unique && leading == 1 { [vec![0], own].concat() } else { own };
        let (primary, unique) = (index.primary, index.unique);
        Some(SourceKey { name: index.name.as_str().to_owned(), primary, unique, columns })
    };
    shape.indexes.iter().filter_map(key).collect()
}
