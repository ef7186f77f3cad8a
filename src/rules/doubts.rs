//! Words of the rules that mean nothing to these two tables, and columns that fit for most rows but not for all.

use std::collections::BTreeSet;

use crate::config::{Columns, Missing, Mode, Spot};
use crate::name::{Ident, SyncName};

use super::columns::{Filled, column_list, said};
use super::input::{RouteInput, role};
use super::parents::{ParentLink, Resolution};
use super::problem::Problem;

/// Looks for all of them.
pub(super) fn check_doubts(
    input: &RouteInput<'_>,
    links: &[ParentLink],
    filled: &[Filled],
    problems: &mut Vec<Problem>,
) {
    check_listed(input, filled, problems);
    check_references(input, links, problems);
    check_parents(input, links, filled, problems);
    check_other_sources(input, problems);
    if input.rule.mode != Mode::LinkOnly {
        check_nulls(input, links, filled, problems);
    }
}

/// A name in `columns` or `exclude` that no table has is mistyped.
fn check_listed(input: &RouteInput<'_>, filled: &[Filled], problems: &mut Vec<Problem>) {
    let RouteInput { dataset, source, target, .. } = input;
    let is_filled = |name: &Ident| filled.iter().any(|column| column.target == *name);
    let help = format!("columns there: {}", column_list(source));
    match &dataset.columns {
        Columns::All => {}
        Columns::Only(columns) => {
            let unknown =
                columns.iter().filter(|(name, _)| source.column(name).is_none() && !is_filled(name));
            problems.extend(unknown.map(|(name, spot)| {
                Problem::error(
                    *spot,
                    format!("column \"{name}\" does not exist in {}", source.name),
                    help.clone(),
                )
            }));
        }
        Columns::Except(columns) => {
            let known = |name: &Ident| source.column(name).is_some() || target.column(name).is_some();
            problems.extend(columns.iter().filter(|(name, _)| !known(name)).map(|(name, spot)| {
                let message =
                    format!("`exclude` names column \"{name}\", which {} does not have", source.name);
                Problem::warning(*spot, message, help.clone())
            }));
        }
    }
}

/// A policy for a column that refers to nothing, or that leaves a NULL where none may be.
fn check_references(input: &RouteInput<'_>, links: &[ParentLink], problems: &mut Vec<Problem>) {
    let RouteInput { dataset, source, target, .. } = input;
    for (name, reference) in &dataset.references {
        if !links.iter().any(|link| link.columns.contains(name)) {
            problems.push(Problem::warning(
                reference.spot,
                format!(
                    "column \"{name}\" of {} refers to nothing: there is no foreign key on it",
                    source.name
                ),
                "remove it, or add the foreign key",
            ));
        } else if reference.missing == Missing::Null && target.column(name).is_some_and(|own| own.not_null) {
            problems.push(Problem::warning(
                reference.spot,
                format!(
                    "column \"{name}\" of {} is NOT NULL, and missing = \"null\" would leave NULL there: such rows will be parked",
                    target.name
                ),
                "say missing = \"park\" or \"skip\", or let the column be NULL",
            ));
        }
    }
}

/// The customer's parents are read to see whether they are there.
fn check_parents(
    input: &RouteInput<'_>,
    links: &[ParentLink],
    filled: &[Filled],
    problems: &mut Vec<Problem>,
) {
    let RouteInput { world, key, sync, .. } = input;
    let role = role(world.config, &key.1);
    let is_carried = |name: &Ident| filled.iter().any(|column| column.source() == Some(name));
    let read = links
        .iter()
        .filter(|link| link.resolution == Resolution::Pass && link.columns.iter().all(is_carried));
    let tables: BTreeSet<_> = read.map(|link| &link.table).collect();
    for table in tables.into_iter().filter_map(|name| world.target.tables.get(name)) {
        let (schema, name) = (table.name.schema.quoted(), table.name.quoted());
        if !(table.privileges.select && table.privileges.schema) {
            let message = format!(
                "SELECT on {} is not granted to {role}: rows of {} refer to it",
                table.name, input.target.name
            );
            problems.push(Problem::error(sync.spot, message, "grant it").with_sql(format!(
                "GRANT USAGE ON SCHEMA {schema} TO {role};\nGRANT SELECT ON {name} TO {role};"
            )));
        }
    }
}

/// Groups of other databases write the same table: a flow knows nothing of what another one gave.
fn check_other_sources(input: &RouteInput<'_>, problems: &mut Vec<Problem>) {
    let RouteInput { world, key, sync, .. } = input;
    let config = world.config;
    let database = |customer| config.customers.get(customer).map(|customer| &customer.database);
    let own = database(&sync.from);
    let position = |name: &SyncName| config.syncs.iter().position(|other| other.name == *name);
    let others = config.syncs.iter().filter(|other| {
        database(&other.from) != own
            && other.to.contains(&key.1)
            && config.carries(other, &key.1, &key.2)
            && position(&other.name) < position(&sync.name)
    });
    problems.extend(others.map(|other| {
        Problem::warning(
            input.rule.spots.get("priority").copied().unwrap_or(sync.spot),
            format!(
                "sync \"{}\" and sync \"{}\" give data set {} to {} from two databases: priority does not hold between \
                 them, the later change wins",
                other.name, sync.name, key.2, key.1
            ),
            "let one of the two give it, or tell their rows apart by `where`",
        )
    }));
}

/// A column that may be NULL at the source and not at the customer.
fn check_nulls(input: &RouteInput<'_>, links: &[ParentLink], filled: &[Filled], problems: &mut Vec<Problem>) {
    let RouteInput { dataset, source, target, .. } = input;
    for column in filled.iter().filter(|column| column.defaults.is_empty()) {
        let own = column.source().and_then(|name| source.column(name));
        let (Some(own), Some(theirs)) = (own, target.column(&column.target)) else { continue };
        // A reference has a policy of its own, and a row whose key is NULL is told when it comes.
        let is_special = links.iter().any(|link| link.columns.contains(&own.name))
            || dataset.key_columns().any(|key| *key == column.target);
        if theirs.not_null && !own.not_null && !is_special {
            problems.push(Problem::warning(
                spot_of(input, column),
                format!(
                    "column \"{}\" may be NULL in {} and not in {}: such rows will be parked",
                    theirs.name, source.name, target.name
                ),
                format!("give it a value: default = {{ {} = \"…\" }}", theirs.name),
            ));
        }
    }
}

/// Where the files say that a column is carried.
pub(super) fn spot_of(input: &RouteInput<'_>, column: &Filled) -> Spot {
    let mapped = column.source().is_some_and(|name| *name != column.target);
    if mapped {
        return said(input, &format!("map.{}", column.target));
    }
    input.dataset.columns_spot.unwrap_or(input.dataset.spot)
}
