//! The crosswalk of a route: its name, its columns, and the crosswalks of groups that write the same table.

use sha2::{Digest as _, Sha256};

use crate::catalog::{Column, Table};
use crate::name::Ident;

use super::Crosswalk;
use super::input::RouteInput;
use super::parents::{RouteKey, World, same_set};
use super::stage::staged_type;

/// The crosswalks of the other source customers that write this data set of this customer, quoted; only those that go
/// before this one, or all.
pub(super) fn rivals(world: &World<'_>, key: &RouteKey, only_higher: bool) -> Vec<String> {
    let own = world.routed.get(key).map_or(0, |policy| policy.priority);
    let others = world.rivals(key).filter(|(_, policy)| !only_higher || policy.priority > own);
    others.map(|(other, _)| format!("acequia.{}", crosswalk_table(other))).collect()
}

/// The crosswalk of a route, and the columns that it holds beyond the identity: those that children refer to, and the
/// primary key, by which a row is known again when the replica identity becomes another one.
pub(super) fn crosswalk(input: &RouteInput<'_>, identity: &[Ident]) -> (Option<Crosswalk>, Vec<Ident>) {
    let RouteInput { world, key, source, target, .. } = input;
    let references = extra_references(world, key, identity);
    let table = crosswalk_table(key);
    let typed = |letter: char, names: &[Ident], table: &Table, base: fn(&Column) -> String| -> Vec<String> {
        let columns = names.iter().filter_map(|name| table.column(name));
        // The name stands in a comment: a crosswalk made for other columns of the same types is another one.
        let name = |column: &Column| column.name.as_str().replace(['*', '/'], "_");
        columns
            .enumerate()
            .map(|(i, column)| format!("{letter}{} {} /* {} */", i + 1, base(column), name(column)))
            .collect()
    };
    let staged = |column: &Column| staged_type(&column.base);
    let mut columns = typed('s', identity, source, staged);
    columns.extend(typed('r', &references, source, staged));
    columns.extend(typed('t', target.primary_key(), target, |column| column.base.quoted()));
    let numbered = |letter: char, count: usize| {
        (1..=count).map(|i| format!("{letter}{i}")).collect::<Vec<_>>().join(", ")
    };
    let shape = format!(
        "{}, created boolean NOT NULL, PRIMARY KEY ({}), UNIQUE ({})",
        columns.join(", "),
        numbered('s', identity.len()),
        numbered('t', target.primary_key().len()),
    );
    let sets = world.translated_by_children(key).into_iter().filter(|set| !same_set(set, identity));
    let indexes = sets.map(|set| {
        let names: Vec<String> = set.iter().map(|name| crosswalk_column(world, key, source, name)).collect();
        format!("CREATE INDEX ON acequia.{table} ({})", names.join(", "))
    });
    let indexes = indexes.collect();
    (Some(Crosswalk { table, shape, indexes }), references)
}

/// Columns that are not part of the identity: those that children translate, and the primary key.
fn extra_references(world: &World<'_>, key: &RouteKey, identity: &[Ident]) -> Vec<Ident> {
    let mut extra: Vec<Ident> = world.translated_by_children(key).into_iter().flatten().collect();
    let source = world.source_table(&key.0, &key.2);
    extra.extend(source.into_iter().flat_map(Table::sent_primary_key).cloned());
    extra.retain(|name| !identity.contains(name));
    extra.sort();
    extra.dedup();
    extra
}

/// The crosswalk's column that holds a column of the source table.
pub(super) fn crosswalk_column(world: &World<'_>, key: &RouteKey, source: &Table, name: &Ident) -> String {
    let identity = source.identity().unwrap_or_default();
    if let Some(place) = identity.iter().position(|own| own == name) {
        return format!("s{}", place + 1);
    }
    let place = extra_references(world, key, identity).iter().position(|own| own == name);
    place.map_or_else(String::new, |place| format!("r{}", place + 1))
}

/// The crosswalk's name: the same for the same customers and data set, whatever else the rules say.
pub(super) fn crosswalk_table(key: &RouteKey) -> String {
    crosswalk_name([key.0.as_str(), key.1.as_str(), key.2.as_str()])
}

/// The same by names: from, to, data set.
pub fn crosswalk_name([from, to, dataset]: [&str; 3]) -> String {
    let digest = Sha256::digest(format!("{from}\n{to}\n{dataset}").as_bytes());
    let (first, _) = digest.split_at(8);
    format!("x_{:016x}", first.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
}
