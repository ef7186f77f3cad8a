//! Foreign keys: how a value that refers to a parent becomes one that is right in another customer.
//!
//! A value is *natural* when it means the same everywhere (a revenue code): it passes through, and the parent only has to
//! be there. Otherwise it is a number of one customer, and the parent's crosswalk translates it. A parent that is not
//! synchronized to the customer can't be translated at all; the rule's `references` policy decides what happens then.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Table};
use crate::config::{Config, Dataset, Missing};
use crate::name::{CustomerName, DatasetName, Ident, TableName};

/// The configuration with both catalogs, and which data sets go from whom to whom.
pub(super) struct World<'a> {
    /// The configuration.
    pub(super) config: &'a Config,
    /// Tables of the source database.
    pub(super) source: &'a Catalog,
    /// Tables of the target database.
    pub(super) target: &'a Catalog,
    /// What is synchronized.
    pub(super) routed: BTreeMap<RouteKey, RoutePolicy>,
    /// Who gives a data set to a customer.
    pub(super) givers: BTreeMap<(CustomerName, DatasetName), Vec<CustomerName>>,
    /// For each data set that lies in a circle of references, all of that circle.
    pub(super) circles: BTreeMap<DatasetName, BTreeSet<DatasetName>>,
}

/// From whom, to whom, what.
pub(super) type RouteKey = (CustomerName, CustomerName, DatasetName);

/// The part of a rule that other routes must know.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoutePolicy {
    /// Of two groups that write one row, the higher one wins.
    pub(super) priority: i32,
    /// The rule needs no memory of its own: the key alone can say which row is which.
    pub(super) needs_no_memory: bool,
}

/// A foreign key as a route sees it.
#[derive(Debug, Clone)]
pub(super) struct ParentLink {
    /// The referring columns.
    pub(super) columns: Vec<Ident>,
    /// The parent's table in the customer's schema.
    pub(super) table: TableName,
    /// The columns there.
    pub(super) parent_columns: Vec<Ident>,
    /// The parent's data set, where it has one and it is synchronized to this customer.
    pub(super) dataset: Option<DatasetName>,
    /// How the value is carried over.
    pub(super) resolution: Resolution,
    /// What to do when the parent is not there.
    pub(super) missing: Missing,
}

/// How a referring value becomes right in the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resolution {
    /// It is natural.
    Pass,
    /// Through the parent's crosswalk.
    Crosswalk,
    /// Not at all: the parent is not synchronized.
    Never,
}

impl<'a> World<'a> {
    /// The table of a data set in a source customer.
    pub(super) fn source_table(&self, customer: &CustomerName, dataset: &DatasetName) -> Option<&'a Table> {
        self.source.tables.get(&self.table_name(customer, dataset)?)
    }

    /// The table of a data set in a target customer.
    pub(super) fn target_table(&self, customer: &CustomerName, dataset: &DatasetName) -> Option<&'a Table> {
        self.target.tables.get(&self.table_name(customer, dataset)?)
    }

    /// The full name of a data set's table in a customer.
    pub(super) fn table_name(&self, customer: &CustomerName, dataset: &DatasetName) -> Option<TableName> {
        let schema = self.config.customers.get(customer)?.schema.clone();
        Some(TableName { schema, table: self.config.datasets.get(dataset)?.table.clone() })
    }

    fn dataset_of_table(&self, table: &Ident) -> Option<&'a Dataset> {
        self.config.datasets.values().find(|dataset| dataset.table == *table)
    }

    /// The foreign keys of a route, from both sides' constraints: the customer's may be missing, the source's may be more.
    pub(super) fn parents(&self, key: &RouteKey) -> Vec<ParentLink> {
        self.parents_within(key, &mut BTreeSet::new())
    }

    fn parents_within(&self, key: &RouteKey, asked: &mut BTreeSet<DatasetName>) -> Vec<ParentLink> {
        let (from, to, name) = key;
        let (Some(dataset), Some(customer)) = (self.config.datasets.get(name), self.config.customers.get(to))
        else {
            return Vec::new();
        };
        let mut links: Vec<ParentLink> = Vec::new();
        let sides = [self.source_table(from, name), self.target_table(to, name)];
        for table in sides.into_iter().flatten() {
            for foreign in &table.foreign_keys {
                if links.iter().any(|link| link.columns == foreign.columns) {
                    continue;
                }
                let own_schema = foreign.parent.schema == table.name.schema;
                let schema = if own_schema { customer.schema.clone() } else { foreign.parent.schema.clone() };
                let mut link = ParentLink {
                    columns: foreign.columns.clone(),
                    table: TableName { schema, table: foreign.parent.table.clone() },
                    parent_columns: foreign.parent_columns.clone(),
                    dataset: None,
                    resolution: Resolution::Pass,
                    missing: missing_policy(dataset, &foreign.columns),
                };
                if own_schema {
                    let parent = self.dataset_of_table(&foreign.parent.table);
                    link.dataset = parent.map(|parent| parent.name.clone()).filter(|parent| {
                        self.routed.contains_key(&(from.clone(), to.clone(), parent.clone()))
                    });
                    link.resolution = match parent {
                        None if foreign.parent_is_surrogate => Resolution::Never,
                        None => Resolution::Pass,
                        Some(parent) => self.resolution(from, to, parent, &link, asked),
                    };
                }
                links.push(link);
            }
        }
        links
    }

    fn resolution(
        &self,
        from: &CustomerName,
        to: &CustomerName,
        parent: &Dataset,
        link: &ParentLink,
        asked: &mut BTreeSet<DatasetName>,
    ) -> Resolution {
        let key = (from.clone(), to.clone(), parent.name.clone());
        let natural = link.parent_columns.iter().all(|column| parent.key_columns().any(|key| key == column));
        if natural && self.is_plain(&key, &link.parent_columns, asked) {
            return Resolution::Pass;
        }
        let in_primary_key = |table: &Table| same_set(table.primary_key(), &link.parent_columns);
        if link.dataset.is_some() && self.target_table(to, &parent.name).is_some_and(in_primary_key) {
            Resolution::Crosswalk
        } else {
            Resolution::Never
        }
    }

    /// Whether these columns hold values that mean the same in every customer: none of them is a translated reference.
    fn is_plain(&self, key: &RouteKey, columns: &[Ident], asked: &mut BTreeSet<DatasetName>) -> bool {
        if !asked.insert(key.2.clone()) {
            return false; // a key that refers to itself in a circle is never natural
        }
        let links = self.parents_within(key, asked);
        asked.remove(&key.2);
        links
            .iter()
            .filter(|link| link.columns.iter().any(|column| columns.contains(column)))
            .all(|link| link.resolution == Resolution::Pass)
    }

    /// Whether the customer's row is known by its natural key alone, so that no crosswalk is needed: identity at the source,
    /// natural key and the customer's primary key are the same columns, with values that mean the same everywhere.
    pub(super) fn is_natural(&self, key: &RouteKey) -> bool {
        let (from, to, name) = key;
        let (Some(dataset), Some(policy)) = (self.config.datasets.get(name), self.routed.get(key)) else {
            return false;
        };
        let (Some(source), Some(target)) = (self.source_table(from, name), self.target_table(to, name))
        else {
            return false;
        };
        let columns: Vec<Ident> = dataset.key_columns().cloned().collect();
        policy.needs_no_memory
            && columns.len() == dataset.key.len()
            && self.rivals(key).next().is_none()
            && source.identity().is_some_and(|identity| same_set(identity, &columns))
            && same_set(target.primary_key(), &columns)
            && self.is_plain(key, &columns, &mut BTreeSet::new())
    }

    /// The routes of other source customers that write the same data set of the same customer.
    pub(super) fn rivals(&self, key: &RouteKey) -> impl Iterator<Item = (&RouteKey, &RoutePolicy)> {
        let givers = self.givers.get(&(key.1.clone(), key.2.clone())).into_iter().flatten();
        let others = givers.filter(|from| **from != key.0);
        others.filter_map(|from| self.routed.get_key_value(&(from.clone(), key.1.clone(), key.2.clone())))
    }

    /// The columns of a data set's table that children of the same pair of customers translate, each set once.
    pub(super) fn translated_by_children(&self, key: &RouteKey) -> Vec<Vec<Ident>> {
        self.referenced(key, |link| link.resolution == Resolution::Crosswalk)
    }

    /// The columns by which children of the same pair of customers refer to a data set, each set once.
    pub(super) fn referenced_by_children(&self, key: &RouteKey) -> Vec<Vec<Ident>> {
        self.referenced(key, |_any| true)
    }

    fn referenced(&self, key: &RouteKey, wanted: impl Fn(&ParentLink) -> bool) -> Vec<Vec<Ident>> {
        let mut sets = BTreeSet::new();
        for child in self.routed.keys().filter(|child| (&child.0, &child.1) == (&key.0, &key.1)) {
            let links = self.parents(child).into_iter();
            sets.extend(
                links
                    .filter(|link| link.dataset.as_ref() == Some(&key.2) && wanted(link))
                    .map(|link| link.parent_columns),
            );
        }
        sets.into_iter().collect()
    }
}

/// The policy for a parent that is not there: the rule's, for any column of the key; parking by default.
fn missing_policy(dataset: &Dataset, columns: &[Ident]) -> Missing {
    columns
        .iter()
        .find_map(|column| dataset.references.get(column))
        .map_or(Missing::Park, |reference| reference.missing)
}

/// The same columns, in whatever order.
pub(super) fn same_set(a: &[Ident], b: &[Ident]) -> bool {
    a.len() == b.len() && a.iter().all(|name| b.contains(name))
}
