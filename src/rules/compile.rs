//! Configuration × catalogs → plan, or everything that is wrong.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Column, Table};
use crate::config::{Columns, Config, Dataset, Mode, Sync};
use crate::name::{CustomerName, DatasetName, Ident, TableName};

use super::broken::{BrokenRoute, Findings};
use super::order::parents_first;
use super::parents::{Resolution, RouteKey, RoutePolicy, World};
use super::problem::Problem;
use super::route::{RouteInput, carried_columns, crosswalk, missing_table, role, route};
use super::shape::key_text;
use super::stage::{stage_sql, staged_columns};
use super::{CustomerRoutes, Flow, Plan, SentColumn, SourceTable, parked};

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

/// Compiles the plan of a flow. The plan holds what is sound, and lists the routes that are not; whether it may run with
/// the problems found is the caller's decision (an error that reaches the whole flow means no).
pub fn compile(config: &Config, flow: &Flow, source: &Catalog, target: &Catalog) -> (Plan, Vec<Problem>) {
    let mut found = Findings::default();
    let mut world = World { config, source, target, routed: BTreeMap::new() };
    let wanted = wanted_routes(config, flow, &mut world, &mut found);
    found.problems.extend(chains(config, &wanted));
    let mut plan = Plan {
        flow: flow.clone(),
        sources: Vec::new(),
        routes: Vec::new(),
        customers: Vec::new(),
        broken: Vec::new(),
        by_name: BTreeMap::new(),
        by_relation: BTreeMap::new(),
    };
    let mut carried: BTreeMap<RouteKey, Vec<Ident>> = BTreeMap::new();
    for (key, sync) in &wanted {
        if let Some(input) = input(&world, sync, key) {
            let mut own = Vec::new();
            carried.insert(key.clone(), carried_columns(&input, &mut own));
            found.route(key, &sync.name, own);
        }
    }
    for dataset in &dataset_order(&world, &found) {
        let keys = wanted.keys().chain(found.broken.keys());
        let from: BTreeSet<&CustomerName> = keys.filter(|key| key.2 == *dataset).map(|key| &key.0).collect();
        for from in from {
            if let Some(table) = source_table(&world, from, dataset, (&carried, &found), plan.sources.len()) {
                plan.by_name.insert(table.name.clone(), plan.sources.len());
                let oids = source.tables.get(&table.name).into_iter();
                let oids = oids.flat_map(|table| table.partitions.iter().chain([&table.oid]));
                plan.by_relation.extend(oids.map(|oid| (*oid, plan.sources.len())));
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
            let mut own = Vec::new();
            let made = route(&input, numbers, &from.columns, carried, &mut own);
            if made.is_some() {
                warn_about_parents(&input, carried, &mut own);
            }
            found.route(&key, &sync.name, own);
            if let Some(route) = made.filter(|_| !found.is_broken(&key)) {
                has_deferrable |= input.target.has_deferrable;
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
    plan.broken = broken_routes(&world, &wanted, &found, &plan.sources);
    (plan, found.problems)
}

/// The routes that something stands in the way of, in the order of their customers.
fn broken_routes(
    world: &World<'_>,
    wanted: &BTreeMap<RouteKey, &Sync>,
    found: &Findings,
    sources: &[SourceTable],
) -> Vec<BrokenRoute> {
    let broken = found.broken.iter().map(|(key, (sync, message))| {
        let input = wanted.get(key).and_then(|sync| input(world, sync, key));
        let crosswalk = input.filter(|_| !world.is_natural(key)).and_then(|input| {
            let identity = input.source.identity()?;
            crosswalk(&input, identity).0.filter(|_| !input.target.primary_key().is_empty())
        });
        let is_its = |source: &SourceTable| source.customer == key.0 && source.dataset == key.2;
        BrokenRoute {
            sync: sync.clone(),
            from: key.0.clone(),
            to: key.1.clone(),
            dataset: key.2.clone(),
            source: sources.iter().position(is_its),
            crosswalk,
            message: message.clone(),
        }
    });
    broken.collect()
}

/// Every (from, to, data set) of the flow with its group, once both tables are known to exist.
fn wanted_routes<'a>(
    config: &'a Config,
    flow: &'a Flow,
    world: &mut World<'_>,
    found: &mut Findings,
) -> BTreeMap<RouteKey, &'a Sync> {
    let mut wanted = BTreeMap::new();
    for sync in flow.syncs(config) {
        let is_here =
            |to: &CustomerName| config.customers.get(to).is_some_and(|to| to.database == flow.target);
        for (dataset, spot) in sync.data.iter().zip(&sync.data_spots) {
            let here = sync.to.iter().filter(|to| is_here(to) && config.carries(sync, to, dataset));
            let keys: Vec<RouteKey> =
                here.map(|to| (sync.from.clone(), to.clone(), dataset.clone())).collect();
            let Some(table) = world.source_table(&sync.from, dataset) else {
                let problem = missing_table(world, &sync.from, dataset, *spot);
                found.source(&keys, &sync.name, problem.into_iter().collect());
                continue;
            };
            found.source(&keys, &sync.name, source_problems(config, sync, dataset, table));
            for (to, to_spot) in sync.to.iter().zip(&sync.to_spots) {
                let key = (sync.from.clone(), to.clone(), dataset.clone());
                if !keys.contains(&key) {
                    continue;
                }
                if world.target_table(to, dataset).is_none() {
                    let problem = missing_table(world, to, dataset, *to_spot);
                    found.route(&key, &sync.name, problem.into_iter().collect());
                    continue;
                }
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
    if let Some(unsent) = &table.unsent {
        let problem = Problem::error(
            sync.from_spot,
            format!("{} {}", table.name, unsent.what),
            "a DBA who owns the tables runs",
        );
        problems.push(problem.with_sql(format!("{};", unsent.sql)));
    }
    if table.row_security {
        let role = role(config, &sync.from);
        let message = format!(
            "row-level security is on for {} and applies to {role}: values that the stream leaves out are read \
             there, and its policies could hide them",
            table.name
        );
        let problem =
            Problem::error(sync.from_spot, message, "let the role pass by it, or leave the data set out");
        problems.push(problem.with_sql(format!("ALTER ROLE {role} BYPASSRLS;")));
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

/// The data sets of the flow, parents first; those of which no customer has the table come last.
fn dataset_order(world: &World<'_>, found: &Findings) -> Vec<DatasetName> {
    let mut parents: BTreeMap<DatasetName, BTreeSet<DatasetName>> = BTreeMap::new();
    for key in world.routed.keys() {
        let own = parents.entry(key.2.clone()).or_default();
        own.extend(world.parents(key).into_iter().filter_map(|link| link.dataset));
    }
    let nodes: Vec<DatasetName> = parents.keys().cloned().collect();
    let mut order = parents_first(&nodes, &parents);
    let rest: BTreeSet<&DatasetName> = found.broken.keys().map(|key| &key.2).collect();
    order.extend(rest.into_iter().filter(|name| !parents.contains_key(*name)).cloned());
    order
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

/// One staged table: the columns that some route carries, the identity, and what children refer to. For a route that is
/// broken all columns that it may carry: its rows wait, and nobody knows yet for what.
fn source_table(
    world: &World<'_>,
    from: &CustomerName,
    dataset: &DatasetName,
    (carried, found): (&BTreeMap<RouteKey, Vec<Ident>>, &Findings),
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
    if found.broken.keys().any(|key| key.0 == *from && key.2 == *dataset) {
        needed.extend(given_columns(world.config.datasets.get(dataset)?, table));
    }
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
        sent: names.iter().filter_map(|name| table.column(name)).map(sent_column).collect(),
        stage,
        columns,
        routes: Vec::new(),
    })
}

fn sent_column(column: &Column) -> SentColumn {
    SentColumn { type_oid: column.sent_oid, type_text: column.sent_type.clone(), since: column.since }
}

/// The columns that a data set may carry.
fn given_columns<'a>(dataset: &Dataset, table: &'a Table) -> Vec<&'a Ident> {
    let is_given = |name: &&Ident| match &dataset.columns {
        Columns::All => true,
        Columns::Except(left_out) => !left_out.iter().any(|(out, _)| out == *name),
        Columns::Only(only) => {
            only.iter().any(|(one, _)| one == *name) || dataset.key_columns().any(|key| key == *name)
        }
    };
    table.columns.iter().map(|column| &column.name).filter(is_given).collect()
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
