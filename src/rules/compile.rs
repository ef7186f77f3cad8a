//! Configuration × catalogs → plan, or everything that is wrong.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Table};
use crate::config::{Config, Dataset, Mode, Sync};
use crate::name::{CustomerName, DatasetName, Ident, TableName};

use super::order::parents_first;
use super::parents::{Resolution, RouteKey, RoutePolicy, World};
use super::problem::Problem;
use super::route::{RouteInput, carried_columns, missing_table, role, route};
use super::shape::key_text;
use super::stage::{stage_sql, staged_columns};
use super::{CustomerRoutes, Flow, Plan, SourceTable, parked};

/// The schemas and tables that a flow needs from a catalog: (source schemas, target schemas, tables).
pub fn tables_to_read(config: &Config, flow: &Flow) -> (Vec<String>, Vec<String>, Vec<String>) {
    let schema =
        |customer| config.customers.get(customer).map(|customer| customer.schema.as_str().to_owned());
    let (mut sources, mut targets) = (BTreeSet::new(), BTreeSet::new());
    for sync in flow.syncs(config) {
        sources.extend(schema(&sync.from));
        let here =
            |to: &&CustomerName| config.customers.get(*to).is_some_and(|to| to.database == flow.target);
        targets.extend(sync.to.iter().filter(here).filter_map(schema));
    }
    // Every data set: one that is not synchronized can be the parent of one that is.
    let tables: BTreeSet<String> =
        config.datasets.values().map(|dataset| dataset.table.as_str().to_owned()).collect();
    (sources.into_iter().collect(), targets.into_iter().collect(), tables.into_iter().collect())
}

/// Compiles the plan of a flow. The plan holds what is sound; whether it may run with the problems found is the caller's
/// decision (an error among them means no).
pub fn compile(config: &Config, flow: &Flow, source: &Catalog, target: &Catalog) -> (Plan, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut world = World { config, source, target, routed: BTreeMap::new() };
    let wanted = wanted_routes(config, flow, &mut world, &mut problems);
    problems.extend(chains(config, &wanted));
    let order = dataset_order(&world);
    let mut plan = Plan {
        flow: flow.clone(),
        sources: Vec::new(),
        routes: Vec::new(),
        customers: Vec::new(),
        by_name: BTreeMap::new(),
    };
    let mut carried: BTreeMap<RouteKey, Vec<Ident>> = BTreeMap::new();
    for (key, sync) in &wanted {
        if let Some(input) = input(&world, sync, key) {
            carried.insert(key.clone(), carried_columns(&input, &mut problems));
        }
    }
    for dataset in &order {
        let from: BTreeSet<&CustomerName> =
            wanted.keys().filter(|key| key.2 == *dataset).map(|key| &key.0).collect();
        for from in from {
            if let Some(table) = source_table(&world, from, dataset, &carried, plan.sources.len()) {
                plan.by_name.insert(table.name.clone(), plan.sources.len());
                plan.sources.push(table);
            }
        }
    }
    let customers: BTreeSet<&CustomerName> = wanted.keys().map(|key| &key.1).collect();
    for customer in customers {
        let first = plan.routes.len();
        let mut has_deferrable = false;
        for number in 0..plan.sources.len() {
            let from = &plan.sources[number];
            let key = (from.customer.clone(), customer.clone(), from.dataset.clone());
            let (Some(sync), Some(carried)) = (wanted.get(&key), carried.get(&key)) else { continue };
            let Some(input) = input(&world, sync, &key) else { continue };
            let numbers = (plan.routes.len(), number);
            if let Some(route) = route(&input, numbers, &from.columns, carried, &mut problems) {
                has_deferrable |= input.target.has_deferrable;
                warn_about_parents(&input, carried, &mut problems);
                plan.sources[number].routes.push(plan.routes.len());
                plan.routes.push(route);
            }
        }
        plan.customers.push(CustomerRoutes {
            customer: customer.clone(),
            routes: first..plan.routes.len(),
            has_deferrable,
        });
    }
    (plan, problems)
}

/// Every (from, to, data set) of the flow with its group, once both tables are known to exist.
fn wanted_routes<'a>(
    config: &'a Config,
    flow: &'a Flow,
    world: &mut World<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<RouteKey, &'a Sync> {
    let mut wanted = BTreeMap::new();
    for sync in flow.syncs(config) {
        for (dataset, spot) in sync.data.iter().zip(&sync.data_spots) {
            let Some(table) = world.source_table(&sync.from, dataset) else {
                let problem = missing_table(world, &sync.from, dataset, *spot);
                problems.extend(problem.filter(|problem| !problems.contains(problem)));
                continue;
            };
            problems.extend(source_problems(config, sync, dataset, table));
            for (to, to_spot) in sync.to.iter().zip(&sync.to_spots) {
                let elsewhere = config.customers.get(to).is_none_or(|to| to.database != flow.target);
                if elsewhere || !config.carries(sync, to, dataset) {
                    continue;
                }
                if world.target_table(to, dataset).is_none() {
                    let problem = missing_table(world, to, dataset, *to_spot);
                    problems.extend(problem.filter(|problem| !problems.contains(problem)));
                    continue;
                }
                let key = (sync.from.clone(), to.clone(), dataset.clone());
                let rule = config.rule(sync, to, dataset);
                let policy = RoutePolicy { mode: rule.mode, on_delete: rule.on_delete };
                world.routed.insert(key.clone(), policy);
                wanted.insert(key, sync);
            }
        }
    }
    wanted
}

/// Rows that a customer received are not news of its own: they do not go on from there.
fn chains(config: &Config, wanted: &BTreeMap<RouteKey, &Sync>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for ((from, to, dataset), sync) in wanted {
        let gives =
            |other: &&Sync| config.is_active(other) && other.from == *to && other.data.contains(dataset);
        if let Some(other) = config.syncs.iter().find(gives) {
            problems.push(Problem::warning(
                other.from_spot,
                format!(
                    "data set {dataset} comes to {to} from {from} (sync \"{}\"): those rows do not go on by sync \"{}\", \
                     only {to}'s own do",
                    sync.name, other.name
                ),
                format!("name the customers of \"{}\" in sync \"{}\" too", other.name, sync.name),
            ));
        }
    }
    problems
}

/// What can be wrong with a table at the source.
fn source_problems(config: &Config, sync: &Sync, name: &DatasetName, table: &Table) -> Vec<Problem> {
    let mut problems = Vec::new();
    let Some(dataset) = config.datasets.get(name) else { return problems };
    if table.identity().is_none() {
        problems.push(no_identity(dataset, table));
    }
    for key in dataset.key_columns() {
        match table.column(key) {
            None => problems.push(Problem::error(
                dataset.key_spot,
                format!("key column \"{key}\" does not exist in {}", table.name),
                format!("columns there: {}", column_list(table)),
            )),
            Some(column) if column.generated => problems.push(Problem::error(
                dataset.key_spot,
                format!(
                    "key column \"{key}\" of {} is generated, and generated columns are not sent",
                    table.name
                ),
                "use the columns that it is computed from",
            )),
            Some(_) => {}
        }
    }
    let known = dataset.key_columns().all(|key| table.column(key).is_some());
    if known && !table.is_unique(&dataset.key_names()) {
        problems.push(Problem::warning(
            dataset.key_spot,
            format!("no unique index of {} covers the natural key: two rows with one key can't be told apart and will be parked", table.name),
            "choose a key that is unique, or add a unique index",
        ));
    }
    if !(table.privileges.select && table.privileges.schema) {
        let role = role(config, &sync.from);
        let (schema, name) = (table.name.schema.quoted(), table.name.quoted());
        let message = format!("SELECT on {} is not granted to {role}", table.name);
        problems.push(Problem::error(sync.from_spot, message, "grant it").with_sql(format!(
            "GRANT USAGE ON SCHEMA {schema} TO {role};\nGRANT SELECT ON {name} TO {role};"
        )));
    }
    problems
}

/// A table whose old rows can't be recognized.
fn no_identity(dataset: &Dataset, table: &Table) -> Problem {
    let has_unique = table.unique.iter().any(|index| !index.partial && index.columns.is_some());
    let (remedy, action) = if !table.primary_key().is_empty() {
        ("let its primary key be the replica identity", "REPLICA IDENTITY DEFAULT".to_owned())
    } else if has_unique {
        ("give it a primary key, or publish its old rows whole", "REPLICA IDENTITY FULL".to_owned())
    } else {
        let key: Vec<String> = dataset.key_columns().map(Ident::quoted).collect();
        ("give it a primary key", format!("ADD PRIMARY KEY ({})", key.join(", ")))
    };
    let message = format!(
        "{} has no replica identity: updates and deletes can't be followed, and once it is published the \
         application's own UPDATE and DELETE on it fail",
        table.name
    );
    Problem::error(dataset.spot, message, remedy)
        .with_sql(format!("ALTER TABLE {} {action};", table.name.quoted()))
}

fn column_list(table: &Table) -> String {
    table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The data sets of the flow, parents first.
fn dataset_order(world: &World<'_>) -> Vec<DatasetName> {
    let mut parents: BTreeMap<DatasetName, BTreeSet<DatasetName>> = BTreeMap::new();
    for key in world.routed.keys() {
        let own = parents.entry(key.2.clone()).or_default();
        own.extend(world.parents(key).into_iter().filter_map(|link| link.dataset));
    }
    let nodes: Vec<DatasetName> = parents.keys().cloned().collect();
    parents_first(&nodes, &parents)
}

fn input<'a>(world: &'a World<'a>, sync: &'a Sync, key: &'a RouteKey) -> Option<RouteInput<'a>> {
    Some(RouteInput {
        world,
        sync,
        key,
        dataset: world.config.datasets.get(&key.2)?,
        source: world.source_table(&key.0, &key.2)?,
        target: world.target_table(&key.1, &key.2)?,
    })
}

/// One staged table: the columns that some route carries, the identity, and what children refer to.
fn source_table(
    world: &World<'_>,
    from: &CustomerName,
    dataset: &DatasetName,
    carried: &BTreeMap<RouteKey, Vec<Ident>>,
    number: usize,
) -> Option<SourceTable> {
    let table = world.source_table(from, dataset)?;
    let identity = table.identity()?;
    let mut referenced: BTreeSet<Vec<Ident>> = BTreeSet::new();
    let mut needed: BTreeSet<&Ident> = identity.iter().collect();
    for (key, columns) in carried.iter().filter(|(key, _)| key.0 == *from && key.2 == *dataset) {
        needed.extend(columns);
        referenced.extend(world.referenced_by_children(key));
    }
    needed.extend(referenced.iter().flatten());
    let sent = table.columns.iter().filter(|column| !column.generated && needed.contains(&column.name));
    let names: Vec<Ident> = sent.map(|column| column.name.clone()).collect();
    let columns = staged_columns(table, &names);
    let position = |name: &Ident| names.iter().position(|own| own == name);
    let identity: Vec<usize> = identity.iter().filter_map(position).collect();
    let stage = stage_sql(number, &columns, &identity);
    let mut routed = world.routed.iter().filter(|(key, _)| key.0 == *from && key.2 == *dataset);
    let first_state_counts = routed.any(|(_, policy)| policy.mode == Mode::CreateOnly);
    let wake = referenced.iter().map(|set| {
        let values: Vec<String> = set.iter().map(|name| format!("s.{}", name.quoted())).collect();
        parked::wake(&stage.table, &key_text(&values))
    });
    Some(SourceTable {
        customer: from.clone(),
        dataset: dataset.clone(),
        name: table.name.clone(),
        identity,
        key: world.config.datasets.get(dataset)?.key_columns().filter_map(position).collect(),
        first_state_counts,
        wake: wake.collect(),
        stage,
        columns,
        routes: Vec::new(),
    })
}

/// A reference to something that is not synchronized to the customer can never be translated.
fn warn_about_parents(input: &RouteInput<'_>, carried: &[Ident], problems: &mut Vec<Problem>) {
    for link in input.world.parents(input.key) {
        let applies = link.columns.iter().all(|column| carried.contains(column));
        if link.resolution == Resolution::Never && applies && link.missing == crate::config::Missing::Park {
            let columns: Vec<&str> = link.columns.iter().map(Ident::as_str).collect();
            problems.push(Problem::warning(
                input.dataset.spot,
                format!(
                    "\"{}\" of {} refers to {}, which sync \"{}\" does not bring to {}: rows that refer to it will be parked",
                    columns.join("\", \""),
                    input.source.name,
                    link.table.table,
                    input.sync.name,
                    input.key.1
                ),
                format!("add its data set to `data`, or say references = {{ {} = {{ missing = \"null\" }} }}", columns[0]),
            ));
        }
    }
}

/// The tables that foreign keys of these tables lead to and that are not read yet, in the same schemas.
pub fn parent_tables(catalog: &Catalog, read: &[String]) -> Vec<String> {
    let parents = catalog
        .tables
        .values()
        .flat_map(|table| &table.foreign_keys)
        .map(|key: &crate::catalog::ForeignKey| &key.parent);
    let missing: BTreeSet<String> = parents.map(|name: &TableName| name.table.as_str().to_owned()).collect();
    missing.into_iter().filter(|name| !read.contains(name)).collect()
}
