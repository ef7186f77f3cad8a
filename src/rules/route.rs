//! One route: source table → customer's table, with everything that can be wrong about it.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::catalog::{Column, ColumnDefault, Table};
use crate::config::{Columns, Config, Dataset, Gone, Mode, Spot, Sync};
use crate::name::{CustomerName, DatasetName, Ident};

use super::family::{Fit, fit};
use super::parents::{ParentLink, Resolution, RouteKey, World, same_set};
use super::problem::Problem;
use super::shape::{
    KeyMatch, ParentJoin, PrimaryKeyColumn, Shape, WrittenColumn, comparable, default_value, differs,
    parent_join, parent_value, value,
};
use super::stage::{StagedColumn, old_column, staged_type};
use super::{Crosswalk, Route, RouteSql};

/// What a route is made from.
pub(super) struct RouteInput<'a> {
    pub(super) world: &'a World<'a>,
    pub(super) sync: &'a Sync,
    pub(super) key: &'a RouteKey,
    pub(super) dataset: &'a Dataset,
    pub(super) source: &'a Table,
    pub(super) target: &'a Table,
}

/// The source's columns that this route carries over, in the table's order; and what is wrong with the rest.
pub(super) fn carried_columns(input: &RouteInput<'_>, problems: &mut Vec<Problem>) -> Vec<Ident> {
    let RouteInput { dataset, source, target, .. } = input;
    let references: Vec<ParentLink> = input.world.parents(input.key);
    let refers = |name: &Ident| references.iter().any(|link| link.columns.contains(name));
    let is_number_of_its_own = |name: &Ident| {
        let in_some_key = source.primary_key().contains(name) || target.primary_key().contains(name);
        let always = target
            .column(name)
            .is_some_and(|c| matches!(c.default, ColumnDefault::Sequence { always: true, .. }));
        (in_some_key || always) && !dataset.key_columns().any(|key| key == name) && !refers(name)
    };
    let mut carried = Vec::new();
    for column in &source.columns {
        let name = &column.name;
        let wanted = match &dataset.columns {
            Columns::All => true,
            Columns::Except(left_out) => !left_out.iter().any(|(out, _)| out == name),
            Columns::Only(only) => only.iter().any(|(one, _)| one == name),
        };
        if column.generated
            || !(wanted || dataset.key_columns().any(|key| key == name))
            || is_number_of_its_own(name)
        {
            continue;
        }
        match target.column(name) {
            None => problems.push(Problem::error(
                dataset.columns_spot.unwrap_or(dataset.spot),
                format!("column \"{name}\" of {} is missing in {}", source.name, target.name),
                format!(
                    "add the column there, or leave it out: exclude = [\"{name}\"] in [datasets.{}]",
                    dataset.name
                ),
            )),
            Some(theirs) if theirs.generated => {}
            Some(theirs) => {
                if !refers(name) {
                    problems.extend(misfit(input, column, theirs));
                }
                carried.push(name.clone());
            }
        }
    }
    carried
}

/// Two columns of which the one can't take, or not always, what the other has.
fn misfit(input: &RouteInput<'_>, own: &Column, theirs: &Column) -> Option<Problem> {
    let RouteInput { dataset, source, target, .. } = input;
    let spot = dataset.columns_spot.unwrap_or(dataset.spot);
    let both = format!(
        "column \"{}\" is {} in {} and {} in {}",
        own.name, own.base.text, source.name, theirs.base.text, target.name
    );
    let remedy = format!(
        "make the two columns fit, or leave it out: exclude = [\"{}\"] in [datasets.{}]",
        own.name, dataset.name
    );
    match fit(own, theirs) {
        Fit::Good => None,
        Fit::Shorter(length) => {
            let message = format!("{both}: rows with more than {length} characters there will be parked");
            Some(Problem::warning(spot, message, remedy))
        }
        Fit::Parsed => {
            let message = format!("{both}: rows whose text is no such value will be parked");
            Some(Problem::warning(spot, message, remedy))
        }
        Fit::Never => Some(Problem::error(spot, format!("{both}: no value fits"), remedy)),
    }
}

/// Compiles the route. `staged` are the source table's staged columns. `None` where a problem stands in the way.
pub(super) fn route(
    input: &RouteInput<'_>,
    number: (usize, usize),
    staged: &[StagedColumn],
    carried: &[Ident],
    problems: &mut Vec<Problem>,
) -> Option<Route> {
    let (route_number, source_number) = number;
    let RouteInput { world, sync, key, dataset, source, target } = input;
    let before = problems.len();
    let links = world.parents(key);
    let natural = world.is_natural(key);
    let (joins, values) = parents_and_values(input, &links, carried);
    let primary_key = primary_key(input, carried, &values, problems);
    check_filled(input, carried, problems);
    check_target(input, problems);
    let identity = source.identity()?;
    let (crosswalk, references) = if natural { (None, Vec::new()) } else { crosswalk(input, identity) };
    let typed = |name: &Ident| source.column(name).map(|column| (name.quoted(), staged_type(&column.base)));
    let shape = Shape {
        stage: format!("pg_temp.stage_{source_number}"),
        released: format!("pg_temp.released_{route_number}"),
        crosswalk: crosswalk.as_ref().map(|crosswalk| format!("acequia.{}", crosswalk.table)),
        target: target.name.quoted(),
        identity: identity.iter().filter_map(typed).collect(),
        references: references.iter().filter_map(typed).collect(),
        primary_key,
        key: key_matches(input, identity, carried, &values, &links),
        parents: joins,
        staged: staged.iter().map(|column| column.name.quoted()).collect(),
        key_is_unique: source.is_unique(&dataset.key_names())
            && !links.iter().any(|link| link.resolution == Resolution::Never),
        columns: written_columns(input, &links, staged, carried, &values),
    };
    if problems.len() > before
        && problems[before..].iter().any(|problem| problem.severity == super::Severity::Error)
    {
        return None;
    }
    let rule = input.world.config.rule(sync, &key.1, &dataset.name);
    let (mode, on_delete) = (rule.mode, rule.on_delete);
    Some(Route {
        sync: sync.name.clone(),
        from: key.0.clone(),
        to: key.1.clone(),
        dataset: dataset.name.clone(),
        source: source_number,
        target: target.name.clone(),
        mode,
        on_delete: on_delete.clone(),
        crosswalk,
        key_columns: target.primary_key().to_vec(),
        image_columns: carried.to_vec(),
        refers_to_itself: links.iter().any(|link| link.dataset.as_ref() == Some(&dataset.name)),
        sql: Arc::new(RouteSql::new(shape, mode, &on_delete)),
    })
}

fn written_columns(
    input: &RouteInput<'_>,
    links: &[ParentLink],
    staged: &[StagedColumn],
    carried: &[Ident],
    values: &[String],
) -> Vec<WrittenColumn> {
    let columns = carried.iter().zip(values).filter_map(|(name, value)| {
        let (own, theirs) = (input.source.column(name)?, input.target.column(name)?);
        let staged = staged.iter().position(|column| column.name == *name)?;
        let is_reference =
            links.iter().any(|link| link.columns.contains(name) && link.resolution != Resolution::Pass);
        let differs = if is_reference {
            format!("t.{} IS DISTINCT FROM {value}", theirs.name.quoted())
        } else {
            differs(value, &own.base, theirs)
        };
        Some(WrittenColumn { name: theirs.name.quoted(), staged, value: value.clone(), differs })
    });
    columns.collect()
}

/// The joins to the parents, and the value of every carried column.
fn parents_and_values(
    input: &RouteInput<'_>,
    links: &[ParentLink],
    carried: &[Ident],
) -> (Vec<ParentJoin>, Vec<String>) {
    let RouteInput { world, key, source, target, .. } = input;
    let applies = |link: &&ParentLink| link.columns.iter().all(|column| carried.contains(column));
    let links: Vec<&ParentLink> = links.iter().filter(applies).collect();
    let mut joins = Vec::new();
    let mut translated: Vec<Vec<Option<String>>> = Vec::new();
    for (i, link) in links.iter().enumerate() {
        let mut through: Option<(String, Vec<String>)> = None;
        let mut columns = vec![None; link.columns.len()];
        if let (Resolution::Crosswalk, Some(parent)) = (link.resolution, &link.dataset) {
            let parent_key = (key.0.clone(), key.1.clone(), parent.clone());
            let parent_input = world.source_table(&key.0, parent).zip(world.target_table(&key.1, parent));
            if let Some((theirs, customers)) = parent_input {
                let source_columns =
                    link.parent_columns.iter().map(|name| crosswalk_column(world, &parent_key, theirs, name));
                through =
                    Some((format!("acequia.{}", crosswalk_table(&parent_key)), source_columns.collect()));
                columns = link
                    .parent_columns
                    .iter()
                    .map(|name| customers.primary_key().iter().position(|own| own == name))
                    .map(|position| position.map(|position| format!("t{}", position + 1)))
                    .collect();
            }
        }
        let parent_table = world.target.tables.get(&link.table);
        let types: Vec<_> = link
            .columns
            .iter()
            .zip(&link.parent_columns)
            .filter_map(|(own, theirs)| {
                Some((&source.column(own)?.base, parent_table.and_then(|table| table.column(theirs))))
            })
            .collect();
        joins.push(parent_join(
            i + 1,
            link,
            through.as_ref().map(|(table, on)| (table.as_str(), on.clone())),
            &types,
        ));
        translated.push(columns);
    }
    let values = carried.iter().map(|name| {
        let (Some(own), Some(theirs)) = (source.column(name), target.column(name)) else {
            return String::new();
        };
        let plain = value(&format!("s.{}", name.quoted()), &own.base, &theirs.base);
        // A column in several foreign keys takes the translation; the others only have to be there.
        let through = |i: &usize| links[*i].columns.contains(name);
        let rank = |i: &usize| usize::from(links[*i].resolution == Resolution::Pass);
        match (0..links.len()).filter(through).min_by_key(rank) {
            None => plain,
            Some(i) => {
                let position = links[i].columns.iter().position(|column| column == name).unwrap_or(0);
                let column = translated[i].get(position).and_then(Option::as_deref);
                parent_value(i + 1, links[i], position, column, &plain, &theirs.base, &joins[i].resolved)
            }
        }
    });
    let values = values.collect();
    (joins, values)
}

fn primary_key(
    input: &RouteInput<'_>,
    carried: &[Ident],
    values: &[String],
    problems: &mut Vec<Problem>,
) -> Vec<PrimaryKeyColumn> {
    let RouteInput { dataset, target, .. } = input;
    if target.primary_key().is_empty() {
        problems.push(Problem::error(
            dataset.spot,
            format!("{} has no primary key, so its rows can't be told apart", target.name),
            "add a primary key to the customer's table".to_owned(),
        ));
    }
    let mut columns = Vec::new();
    for name in target.primary_key() {
        let Some(column) = target.column(name) else { continue };
        let written = carried.iter().position(|carried| carried == name);
        let own = written.and_then(|i| values.get(i)).cloned().or_else(|| default_value(column));
        match own {
            Some(value) => columns.push(PrimaryKeyColumn {
                name: name.quoted(),
                type_text: column.base.quoted(),
                value,
                written: written.is_some(),
            }),
            None => problems.push(Problem::error(
                dataset.key_spot,
                format!("nothing fills column \"{name}\", the primary key of {}", target.name),
                format!("give the column a default or a sequence there, or make it part of `key` in [datasets.{}]", dataset.name),
            )),
        }
    }
    columns
}

/// A column of the customer that is NOT NULL, has no default and gets nothing from the rule refuses every new row.
fn check_filled(input: &RouteInput<'_>, carried: &[Ident], problems: &mut Vec<Problem>) {
    let RouteInput { dataset, target, .. } = input;
    for column in &target.columns {
        let filled =
            carried.contains(&column.name) || target.primary_key().contains(&column.name) || column.generated;
        if column.not_null && column.default == ColumnDefault::None && !filled {
            problems.push(Problem::error(
                dataset.columns_spot.unwrap_or(dataset.spot),
                format!(
                    "column \"{}\" of {} is NOT NULL without a default, and the rule does not fill it",
                    column.name, target.name
                ),
                "give the column a default there, or let the rule carry it over".to_owned(),
            ));
        }
    }
}

/// Row-level security and missing privileges.
fn check_target(input: &RouteInput<'_>, problems: &mut Vec<Problem>) {
    let RouteInput { world, key, sync, target, dataset, .. } = input;
    let role = role(world.config, &key.1);
    if target.row_security {
        problems.push(
            Problem::error(
                sync.spot,
                format!(
                    "row-level security is on for {} and applies to {role}: its policies could hide rows and refuse writes",
                    target.name
                ),
                "let the role pass by it, or leave the data set out",
            )
            .with_sql(format!("ALTER ROLE {role} BYPASSRLS;")),
        );
    }
    let rule = input.world.config.rule(sync, &input.key.1, &dataset.name);
    let overrides = rule.mode == Mode::Override;
    let deletes = rule.on_delete == Gone::Delete;
    let wanted = [
        (true, target.privileges.select, "SELECT"),
        (true, target.privileges.insert, "INSERT"),
        (overrides, target.privileges.update, "UPDATE"),
        (deletes, target.privileges.delete, "DELETE"),
    ];
    let missing: Vec<&str> =
        wanted.iter().filter(|(needed, has, _)| *needed && !has).map(|(_, _, name)| *name).collect();
    if !target.privileges.schema {
        let schema = &target.name.schema;
        problems.push(
            Problem::error(
                sync.spot,
                format!("USAGE on schema {schema} is not granted to {role}"),
                "grant it",
            )
            .with_sql(format!("GRANT USAGE ON SCHEMA {} TO {role};", schema.quoted())),
        );
    }
    if !missing.is_empty() {
        let missing = missing.join(", ");
        let message = format!("{missing} on {} is not granted to {role}", target.name);
        problems.push(
            Problem::error(sync.spot, message, "grant it")
                .with_sql(format!("GRANT {missing} ON {} TO {role};", target.name.quoted())),
        );
    }
    for name in target.primary_key() {
        if let Some(Column { default: ColumnDefault::Sequence { name, may_use: false, .. }, .. }) =
            target.column(name)
        {
            problems.push(
                Problem::error(
                    sync.spot,
                    format!("USAGE on sequence {name} is not granted to {role}"),
                    "grant it",
                )
                .with_sql(format!("GRANT USAGE ON SEQUENCE {name} TO {role};")),
            );
        }
    }
}

fn key_matches(
    input: &RouteInput<'_>,
    identity: &[Ident],
    carried: &[Ident],
    values: &[String],
    links: &[ParentLink],
) -> Vec<KeyMatch> {
    let RouteInput { dataset, source, target, .. } = input;
    let matches = dataset.key_columns().filter_map(|name| {
        let (own, theirs) = (source.column(name)?, target.column(name)?);
        let translated =
            links.iter().any(|link| link.columns.contains(name) && link.resolution != Resolution::Pass);
        let value = if translated {
            values.get(carried.iter().position(|carried| carried == name)?)?.clone()
        } else {
            comparable(&format!("s.{}", name.quoted()), &own.base, theirs)
        };
        let place = identity.iter().position(|column| column == name);
        let old_value = place.map_or_else(String::new, |place| {
            comparable(&format!("s.{}", old_column(place)), &own.base, theirs)
        });
        Some(KeyMatch { name: theirs.name.quoted(), value, old_value })
    });
    matches.collect()
}

/// The crosswalk of a route, and the columns that it holds beyond the identity because children refer to them.
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

/// Columns that children translate and that are not part of the identity.
fn extra_references(world: &World<'_>, key: &RouteKey, identity: &[Ident]) -> Vec<Ident> {
    let mut extra: Vec<Ident> = world.translated_by_children(key).into_iter().flatten().collect();
    extra.retain(|name| !identity.contains(name));
    extra.sort();
    extra.dedup();
    extra
}

/// The crosswalk's column that holds a column of the source table.
fn crosswalk_column(world: &World<'_>, key: &RouteKey, source: &Table, name: &Ident) -> String {
    let identity = source.identity().unwrap_or_default();
    if let Some(place) = identity.iter().position(|own| own == name) {
        return format!("s{}", place + 1);
    }
    let place = extra_references(world, key, identity).iter().position(|own| own == name);
    place.map_or_else(String::new, |place| format!("r{}", place + 1))
}

/// The crosswalk's name: the same for the same customers and data set, whatever else the rules say.
pub(super) fn crosswalk_table(key: &RouteKey) -> String {
    let digest = Sha256::digest(format!("{}\n{}\n{}", key.0, key.1, key.2).as_bytes());
    let (first, _) = digest.split_at(8);
    format!("x_{:016x}", first.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
}

/// The role with which Acequia comes to a customer's database, quoted.
pub(super) fn role(config: &Config, customer: &CustomerName) -> String {
    let database =
        config.customers.get(customer).and_then(|customer| config.databases.get(&customer.database));
    database
        .and_then(|database| Ident::new(&database.user).ok())
        .map_or_else(String::new, |role| role.quoted())
}

/// A table that is not there: alone, or with all the others of its schema.
pub(super) fn missing_table(
    world: &World<'_>,
    customer: &CustomerName,
    dataset: &DatasetName,
    spot: Spot,
) -> Option<Problem> {
    let name = world.table_name(customer, dataset)?;
    // Both catalogs, since one customer can be read in the one and written in the other.
    let mut known = world.source.tables.keys().chain(world.target.tables.keys());
    if known.any(|table| table.schema == name.schema) {
        let message = format!("table {name} does not exist (customer {customer}, data set {dataset})");
        let remedy = format!("create it, or correct `table` in [datasets.{dataset}]");
        return Some(Problem::error(spot, message, remedy));
    }
    let message = format!("schema {} does not exist, or has no table of the rules", name.schema);
    let remedy = format!("correct `schema` of the customer, in [customers.{customer}], or create its tables");
    Some(Problem::error(spot, message, remedy))
}
