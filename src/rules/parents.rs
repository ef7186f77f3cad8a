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
    datasets_by_table: BTreeMap<&'a Ident, &'a Dataset>,
    /// The foreign keys from one customer to another, once for all of their routes.
    links: BTreeMap<(CustomerName, CustomerName), Links>,
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

/// The foreign keys of all data sets, seen from one customer to another.
#[derive(Debug, Default)]
struct Links {
    /// Of each data set: its foreign keys.
    parents: BTreeMap<DatasetName, Vec<ParentLink>>,
    /// Of each data set: the columns by which synchronized children refer to it, and whether one of them translates them.
    children: BTreeMap<DatasetName, BTreeMap<Vec<Ident>, bool>>,
}

impl Links {
    /// Whether these columns hold values that mean the same in every customer: none of them is a translated reference.
    fn is_plain(&self, dataset: &DatasetName, columns: &[Ident]) -> bool {
        let touches = |link: &&ParentLink| link.columns.iter().any(|column| columns.contains(column));
        let mut links = self.parents.get(dataset).into_iter().flatten().filter(touches);
        links.all(|link| link.resolution == Resolution::Pass)
    }

    /// Settles the references by natural columns, each with its parent: they pass where the parent's columns are plain.
    /// A key that refers to itself in a circle never becomes natural.
    fn settle(&mut self, mut open: Vec<(DatasetName, usize, DatasetName)>) {
        loop {
            let before = open.len();
            open.retain(|(child, number, parent)| {
                let columns = self.parents.get(child).and_then(|links| links.get(*number));
                let plain = columns.is_some_and(|link| self.is_plain(parent, &link.parent_columns));
                if let Some(links) = self.parents.get_mut(child).filter(|_| plain) {
                    links[*number].resolution = Resolution::Pass;
                }
                !plain
            });
            if open.len() == before {
                return;
            }
        }
    }
}

impl<'a> World<'a> {
    /// Nothing is synchronized yet.
    pub(super) fn new(config: &'a Config, source: &'a Catalog, target: &'a Catalog) -> Self {
        Self {
            config,
            source,
            target,
            routed: BTreeMap::new(),
            givers: BTreeMap::new(),
            circles: BTreeMap::new(),
            datasets_by_table: config
                .datasets
                .values()
                .rev()
                .map(|dataset| (&dataset.table, dataset))
                .collect(),
            links: BTreeMap::new(),
        }
    }

    /// Follows the foreign keys of everything that is synchronized. To be called once, when `routed` is complete.
    pub(super) fn link(&mut self) {
        let mut links: BTreeMap<(CustomerName, CustomerName), Links> = BTreeMap::new();
        for (from, to, dataset) in self.routed.keys() {
            let pair = (from.clone(), to.clone());
            let own = links.entry(pair).or_insert_with(|| self.links(from, to));
            for link in own.parents.get(dataset).into_iter().flatten() {
                if let Some(parent) = &link.dataset {
                    let sets = own.children.entry(parent.clone()).or_default();
                    *sets.entry(link.parent_columns.clone()).or_default() |=
                        link.resolution == Resolution::Crosswalk;
                }
            }
        }
        self.links = links;
    }

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

    fn links_of(&self, key: &RouteKey) -> Option<&Links> {
        self.links.get(&(key.0.clone(), key.1.clone()))
    }

    /// The foreign keys of a route, from both sides' constraints: the customer's may be missing, the source's may be more.
    pub(super) fn parents(&self, key: &RouteKey) -> Vec<ParentLink> {
        let links = self.links_of(key).and_then(|links| links.parents.get(&key.2));
        links.cloned().unwrap_or_default()
    }

    fn links(&self, from: &CustomerName, to: &CustomerName) -> Links {
        let mut links = Links::default();
        let mut open = Vec::new();
        for dataset in self.config.datasets.values() {
            let own = self.foreign_keys(from, to, dataset);
            for (number, (link, parent)) in own.iter().enumerate() {
                let natural = |parent: &&Dataset| {
                    link.parent_columns.iter().all(|column| parent.key_columns().any(|key| key == column))
                };
                if let Some(parent) = parent.filter(natural) {
                    open.push((dataset.name.clone(), number, parent.name.clone()));
                }
            }
            let own = own.into_iter().map(|(link, _)| link).collect();
            links.parents.insert(dataset.name.clone(), own);
        }
        links.settle(open);
        links
    }

    /// The foreign keys of a data set, each with its parent, resolved as if no reference were natural.
    fn foreign_keys(
        &self,
        from: &CustomerName,
        to: &CustomerName,
        dataset: &Dataset,
    ) -> Vec<(ParentLink, Option<&'a Dataset>)> {
        let Some(customer) = self.config.customers.get(to) else { return Vec::new() };
        let mut links: Vec<(ParentLink, Option<&Dataset>)> = Vec::new();
        let sides = [self.source_table(from, &dataset.name), self.target_table(to, &dataset.name)];
        for table in sides.into_iter().flatten() {
            for foreign in &table.foreign_keys {
                if links.iter().any(|(link, _)| link.columns == foreign.columns) {
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
                let mut parent = None;
                if own_schema {
                    parent = self.datasets_by_table.get(&foreign.parent.table).copied();
                    link.dataset = parent.map(|parent| parent.name.clone()).filter(|parent| {
                        self.routed.contains_key(&(from.clone(), to.clone(), parent.clone()))
                    });
                    link.resolution = match parent {
                        None if foreign.parent_is_surrogate => Resolution::Never,
                        None => Resolution::Pass,
                        Some(parent) => self.translation(to, parent, &link),
                    };
                }
                links.push((link, parent));
            }
        }
        links
    }

    /// How a reference by a number of one customer is carried over.
    fn translation(&self, to: &CustomerName, parent: &Dataset, link: &ParentLink) -> Resolution {
        let in_primary_key = |table: &Table| same_set(table.primary_key(), &link.parent_columns);
        if link.dataset.is_some() && self.target_table(to, &parent.name).is_some_and(in_primary_key) {
            Resolution::Crosswalk
        } else {
            Resolution::Never
        }
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
        let own: Vec<Ident> = dataset.key_columns().cloned().collect();
        policy.needs_no_memory
            && own.len() == dataset.key.len()
            && self.rivals(key).next().is_none()
            && source.identity().is_some_and(|identity| same_set(identity, &own))
            && same_set(target.primary_key(), &own)
            && self.links_of(key).is_some_and(|links| links.is_plain(name, &own))
    }

    /// The routes of other source customers that write the same data set of the same customer.
    pub(super) fn rivals(&self, key: &RouteKey) -> impl Iterator<Item = (&RouteKey, &RoutePolicy)> {
        let givers = self.givers.get(&(key.1.clone(), key.2.clone())).into_iter().flatten();
        let others = givers.filter(|from| **from != key.0);
        others.filter_map(|from| self.routed.get_key_value(&(from.clone(), key.1.clone(), key.2.clone())))
    }

    /// The columns of a data set's table that children of the same pair of customers translate, each set once.
    pub(super) fn translated_by_children(&self, key: &RouteKey) -> Vec<Vec<Ident>> {
        self.referenced(key, |translates| translates)
    }

    /// The columns by which children of the same pair of customers refer to a data set, each set once.
    pub(super) fn referenced_by_children(&self, key: &RouteKey) -> Vec<Vec<Ident>> {
        self.referenced(key, |_any| true)
    }

    fn referenced(&self, key: &RouteKey, wanted: impl Fn(bool) -> bool) -> Vec<Vec<Ident>> {
        let sets = self.links_of(key).and_then(|links| links.children.get(&key.2));
        let wanted = sets.into_iter().flatten().filter(|(_, translates)| wanted(**translates));
        wanted.map(|(set, _)| set.clone()).collect()
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
