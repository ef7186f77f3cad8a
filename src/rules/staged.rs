//! The staged table of a data set: which columns are read from the stream, and how its parked children are woken.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Column, Table};
use crate::config::{Columns, Dataset, KeyPart, Mode};
use crate::name::{CustomerName, DatasetName, Ident};

use super::broken::Findings;
use super::columns::Filled;
use super::held::HeldSql;
use super::input::RouteInput;
use super::parents::{RouteKey, World};
use super::shape::key_text;
use super::stage::{packed, stage_sql, staged_columns};
use super::wanted::{Wanted, input};
use super::{SentColumn, SourceTable, parked};

/// One staged table: the columns that some route reads, the identity, and what children refer to. For a route that is
/// broken all columns that it may carry: its rows wait, and nobody knows yet for what.
pub(super) fn source_table(
    world: &World<'_>,
    from: &CustomerName,
    dataset: &DatasetName,
    (wanted, carried, found): (&BTreeMap<RouteKey, Wanted<'_>>, &BTreeMap<RouteKey, Vec<Filled>>, &Findings),
    number: usize,
) -> Option<SourceTable> {
    let table = world.source_table(from, dataset)?;
    let identity = table.identity()?;
    let mut referenced: BTreeSet<Vec<Ident>> = BTreeSet::new();
    let mut needed: BTreeSet<Ident> = identity.iter().chain(table.sent_primary_key()).cloned().collect();
    let mut key_columns: BTreeSet<Ident> = BTreeSet::new();
    let mut first_state_counts = false;
    let mut has_parents = false;
    for (key, columns) in carried.iter().filter(|(key, _)| key.0 == *from && key.2 == *dataset) {
        let Some(wanted) = wanted.get(key) else { continue };
        let Some(input) = input(world, wanted, key) else { continue };
        needed.extend(read_columns(&input, columns));
        key_columns.extend(columns_of_key(&input));
        referenced.extend(world.referenced_by_children(key));
        has_parents |= !world.parents(key).is_empty();
        // A row that is inside `where` for one transaction is given, whatever the next one says.
        first_state_counts |= wanted.rule.mode == Mode::CreateOnly || wanted.rule.filter.is_some();
    }
    needed.extend(key_columns.iter().cloned());
    needed.extend(referenced.iter().flatten().cloned());
    if found.broken.keys().any(|key| key.0 == *from && key.2 == *dataset) {
        needed.extend(given_columns(world.config.datasets.get(dataset)?, table).cloned());
    }
    let sent = table.columns.iter().filter(|column| !column.generated && needed.contains(&column.name));
    let mut names: Vec<Ident> = sent.map(|column| column.name.clone()).collect();
    if packed(names.len(), identity.len()) > 0 {
        // What is looked for comes first, where it has a column of its own.
        let looked_for: BTreeSet<&Ident> =
            identity.iter().chain(&key_columns).chain(referenced.iter().flatten()).collect();
        names.sort_by_key(|name| !looked_for.contains(name));
    }
    let columns = staged_columns(table, &names);
    let position = |name: &Ident| names.iter().position(|own| own == name);
    let identity: Vec<usize> = identity.iter().filter_map(position).collect();
    let stage = stage_sql(number, &columns, &identity);
    let held = HeldSql::new(&stage.rows, &columns, &identity);
    let wake = referenced.iter().map(|set| {
        let values: Vec<String> = set.iter().map(|name| format!("s.{}", name.quoted())).collect();
        parked::wake(&stage.rows, &key_text(&values))
    });
    Some(SourceTable {
        customer: from.clone(),
        dataset: dataset.clone(),
        name: table.name.clone(),
        identity,
        key: key_columns.iter().filter_map(position).collect(),
        first_state_counts,
        has_parents,
        wake: wake.collect(),
        relation: table.oid,
        is_partitioned: table.partitioned,
        known: table.columns.iter().map(|column| column.name.as_str().to_owned()).collect(),
        sent: names.iter().filter_map(|name| table.column(name)).map(sent_column).collect(),
        truncation: None,
        stage,
        held,
        columns,
        routes: Vec::new(),
        cascades: false,
        protected: world.config.protected.contains(&table.name.table),
    })
}

/// The source's columns that a route reads: carried over, in SQL of its rule, and by which it refers to parents.
fn read_columns(input: &RouteInput<'_>, filled: &[Filled]) -> BTreeSet<Ident> {
    let own = |qualifier: &Option<Ident>| {
        qualifier.as_ref().is_none_or(|qualifier| qualifier.as_str() == input.dataset.name.as_str())
    };
    let mut columns: BTreeSet<Ident> = filled.iter().filter_map(Filled::source).cloned().collect();
    let mut looks_further = false;
    for expression in filled.iter().flat_map(Filled::expressions).chain(&input.rule.filter) {
        for name in expression.columns() {
            looks_further |= !own(&name.qualifier);
            columns.extend(Some(name).filter(|name| own(&name.qualifier)).map(|name| name.name));
        }
    }
    if looks_further {
        columns.extend(input.world.parents(input.key).into_iter().flat_map(|link| link.columns));
    }
    columns
}

/// The source's columns by which a row is recognized.
fn columns_of_key(input: &RouteInput<'_>) -> BTreeSet<Ident> {
    let mut columns = BTreeSet::new();
    for part in &input.dataset.key {
        match part {
            KeyPart::Column(name) => {
                columns.insert(input.rule.map.get(name).unwrap_or(name).clone());
            }
            KeyPart::Expression(expression) => {
                columns.extend(expression.columns().into_iter().map(|name| name.name));
            }
        }
    }
    columns
}

fn sent_column(column: &Column) -> SentColumn {
    SentColumn { type_oid: column.sent_oid, type_text: column.sent_type.clone(), since: column.since }
}

/// The columns that a data set may carry.
fn given_columns<'a>(dataset: &'a Dataset, table: &'a Table) -> impl Iterator<Item = &'a Ident> {
    let is_given = |name: &&Ident| match &dataset.columns {
        Columns::All => true,
        Columns::Except(left_out) => !left_out.iter().any(|(out, _)| out == *name),
        Columns::Only(only) => {
            only.iter().any(|(one, _)| one == *name) || dataset.key_columns().any(|key| key == *name)
        }
    };
    table.columns.iter().map(|column| &column.name).filter(is_given)
}
