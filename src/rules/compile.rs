//! Configuration × catalogs → plan, or everything that is wrong.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Table};
use crate::config::{Config, Dataset, Gone, KeyPart, Mode, NotifyEvent, OnTruncate, Rule, Sync};
use crate::name::{CustomerName, DatasetName, Ident, TableName};

use super::columns::{Filled, column_list, filled_columns};
use super::input::{RouteInput, missing_table, role};
use super::order::parents_first;
use super::parents::{Resolution, RouteKey, RoutePolicy, World};
use super::problem::Problem;
use super::route::route;
use super::shape::key_text;
use super::stage::{stage_links, stage_sql, staged_columns};
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
    let mut world = World { config, source, target, routed: BTreeMap::new(), givers: BTreeMap::new() };
    let wanted = wanted_routes(config, flow, &mut world, &mut problems);
    problems.extend(chains(config, &wanted));
    let order = dataset_order(&world);
    let mut plan = Plan {
        flow: flow.clone(),
        sources: Vec::new(),
        routes: Vec::new(),
        customers: Vec::new(),
        channels: channels(config),
        by_name: BTreeMap::new(),
    };
    let mut carried: BTreeMap<RouteKey, Vec<Filled>> = BTreeMap::new();
    for (key, wanted) in &wanted {
        if let Some(input) = input(&world, wanted, key) {
            carried.insert(key.clone(), filled_columns(&input, &mut problems));
        }
    }
    for dataset in &order {
        let from: BTreeSet<&CustomerName> =
            wanted.keys().filter(|key| key.2 == *dataset).map(|key| &key.0).collect();
        for from in from {
            if let Some(table) = source_table(&world, from, dataset, (&wanted, &carried), plan.sources.len())
            {
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
            let (Some(wanted), Some(carried)) = (wanted.get(&key), carried.get(&key)) else { continue };
            let Some(input) = input(&world, wanted, &key) else { continue };
            let numbers = (plan.routes.len(), number);
            if let Some(route) = route(&input, numbers, &from.columns, carried, &mut problems) {
                has_deferrable |= input.target.has_deferrable;
                warn_about_parents(&input, carried, &mut problems);
                plan.sources[number].routes.push(plan.routes.len());
                plan.sources[number].cascades |= route.cascade;
                plan.routes.push(route);
            }
        }
        plan.customers.push(CustomerRoutes {
            customer: customer.clone(),
            routes: first..plan.routes.len(),
            has_deferrable,
        });
    }
    for source in &mut plan.sources {
        let follow = source.routes.iter().map(|&route| &plan.routes[route]);
        let follow = follow.filter(|route| route.sql.truncated.is_some());
        let crosswalks: Vec<String> =
            follow.filter_map(|route| route.crosswalk.as_ref()).map(|one| one.table.clone()).collect();
        source.truncation = (!crosswalks.is_empty())
            .then(|| stage_links(&source.stage.table, &crosswalks, source.identity.len()));
    }
    (plan, problems)
}

/// Where it is told what was applied, none twice.
fn channels(config: &Config) -> Vec<Ident> {
    let told = config.notifies.iter().filter(|notify| notify.events.contains(&NotifyEvent::SyncApplied));
    let channels: BTreeSet<&Ident> = told.map(|notify| &notify.listen).collect();
    channels.into_iter().cloned().collect()
}

/// A route that the rules want: its group, and what holds for it.
struct Wanted<'a> {
    sync: &'a Sync,
    rule: Rule,
}

/// Every (from, to, data set) of the flow with its group, once both tables are known to exist.
fn wanted_routes<'a>(
    config: &'a Config,
    flow: &'a Flow,
    world: &mut World<'_>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<RouteKey, Wanted<'a>> {
    let mut wanted: BTreeMap<RouteKey, Wanted<'a>> = BTreeMap::new();
    for sync in flow.syncs(config) {
        for (dataset, spot) in sync.data.iter().zip(&sync.data_spots) {
            let Some(table) = world.source_table(&sync.from, dataset) else {
                let problem = missing_table(world, &sync.from, dataset, *spot);
                problems.extend(problem.filter(|problem| !problems.contains(problem)));
                continue;
            };
            problems.extend(source_problems(config, sync, dataset, table));
            for (to, to_spot) in sync.to.iter().zip(&sync.to_spots) {
                let rule = config.rule(sync, to, dataset);
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
                // Of two groups that give the same from the same, the higher one carries it.
                if wanted.get(&key).is_none_or(|other| other.rule.priority < rule.priority) {
                    wanted.insert(key, Wanted { sync, rule });
                }
            }
        }
    }
    for ((from, to, dataset), one) in &wanted {
        let Some(dataset) = config.datasets.get(dataset) else { continue };
        let policy =
            RoutePolicy { priority: one.rule.priority, needs_no_memory: needs_no_memory(&one.rule, dataset) };
        world.routed.insert((from.clone(), to.clone(), dataset.name.clone()), policy);
        world.givers.entry((to.clone(), dataset.name.clone())).or_default().push(from.clone());
    }
    wanted
}

/// Whether a rule can do without a crosswalk: it never has to know what it has given, and the key is the source's own.
fn needs_no_memory(rule: &Rule, dataset: &Dataset) -> bool {
    let all_stay = rule.on_delete == Gone::Ignore
        && rule.on_leave == Gone::Ignore
        && rule.on_truncate == OnTruncate::Ignore;
    let is_own = |key: &Ident| {
        !rule.map.contains_key(key) && !rule.set.contains_key(key) && !rule.default.contains_key(key)
    };
    let remembers_nothing = match rule.mode {
        Mode::LinkOnly => false,
        // It takes back only what it has created.
        Mode::CreateOnly => all_stay,
        // What was never given must not be renamed or taken away.
        Mode::Override => rule.filter.is_none() && rule.on_truncate == OnTruncate::Ignore,
    };
    remembers_nothing && dataset.key_columns().all(is_own)
}

/// Rows that a customer received are not news of its own: they do not go on from there.
fn chains(config: &Config, wanted: &BTreeMap<RouteKey, Wanted<'_>>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for ((from, to, dataset), Wanted { sync, .. }) in wanted {
        let gives = |other: &&Sync| {
            let goes = |next: &CustomerName| {
                let rule = config.rule(other, next, dataset);
                config.carries(other, next, dataset) && !rule.cascade
            };
            other.from == *to && other.data.contains(dataset) && other.to.iter().any(goes)
        };
        if let Some(other) = config.syncs.iter().find(gives) {
            problems.push(Problem::warning(
                other.from_spot,
                format!(
                    "data set {dataset} comes to {to} from {from} (sync \"{}\"): those rows do not go on by sync \"{}\", \
                     only {to}'s own do",
                    sync.name, other.name
                ),
                format!(
                    "say `cascade = true` in sync \"{}\", or name its customers in sync \"{}\" too",
                    other.name, sync.name
                ),
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
            // It may come from another column (`map`): then that one is looked at.
            None if is_mapped(config, sync, dataset, key) => {}
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
    let key: Vec<Ident> = dataset.key_columns().cloned().collect();
    let known = key.len() == dataset.key.len() && key.iter().all(|key| table.column(key).is_some());
    if known && !table.is_unique(&key) {
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

/// Whether a rule of the group fills the column from another one.
fn is_mapped(config: &Config, sync: &Sync, dataset: &Dataset, column: &Ident) -> bool {
    sync.to.iter().any(|to| config.rule(sync, to, &dataset.name).map.contains_key(column))
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

fn input<'a>(world: &'a World<'a>, wanted: &'a Wanted<'_>, key: &'a RouteKey) -> Option<RouteInput<'a>> {
    Some(RouteInput {
        world,
        sync: wanted.sync,
        rule: &wanted.rule,
        key,
        dataset: world.config.datasets.get(&key.2)?,
        source: world.source_table(&key.0, &key.2)?,
        target: world.target_table(&key.1, &key.2)?,
    })
}

/// One staged table: the columns that some route reads, the identity, and what children refer to.
fn source_table(
    world: &World<'_>,
    from: &CustomerName,
    dataset: &DatasetName,
    (wanted, carried): (&BTreeMap<RouteKey, Wanted<'_>>, &BTreeMap<RouteKey, Vec<Filled>>),
    number: usize,
) -> Option<SourceTable> {
    let table = world.source_table(from, dataset)?;
    let identity = table.identity()?;
    let mut referenced: BTreeSet<Vec<Ident>> = BTreeSet::new();
    let mut needed: BTreeSet<Ident> = identity.iter().cloned().collect();
    let mut key_columns: BTreeSet<Ident> = BTreeSet::new();
    let mut first_state_counts = false;
    for (key, columns) in carried.iter().filter(|(key, _)| key.0 == *from && key.2 == *dataset) {
        let Some(wanted) = wanted.get(key) else { continue };
        let Some(input) = input(world, wanted, key) else { continue };
        needed.extend(read_columns(&input, columns));
        key_columns.extend(columns_of_key(&input));
        referenced.extend(world.referenced_by_children(key));
        // A row that is inside `where` for one transaction is given, whatever the next one says.
        first_state_counts |= wanted.rule.mode == Mode::CreateOnly || wanted.rule.filter.is_some();
    }
    needed.extend(key_columns.iter().cloned());
    needed.extend(referenced.iter().flatten().cloned());
    let sent = table.columns.iter().filter(|column| !column.generated && needed.contains(&column.name));
    let names: Vec<Ident> = sent.map(|column| column.name.clone()).collect();
    let columns = staged_columns(table, &names);
    let position = |name: &Ident| names.iter().position(|own| own == name);
    let identity: Vec<usize> = identity.iter().filter_map(position).collect();
    let stage = stage_sql(number, &columns, &identity);
    let wake = referenced.iter().map(|set| {
        let values: Vec<String> = set.iter().map(|name| format!("s.{}", name.quoted())).collect();
        parked::wake(&stage.table, &key_text(&values))
    });
    Some(SourceTable {
        customer: from.clone(),
        dataset: dataset.clone(),
        name: table.name.clone(),
        identity,
        key: key_columns.iter().filter_map(position).collect(),
        first_state_counts,
        wake: wake.collect(),
        truncation: None,
        stage,
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

/// A reference to something that is not synchronized to the customer can never be translated.
fn warn_about_parents(input: &RouteInput<'_>, filled: &[Filled], problems: &mut Vec<Problem>) {
    let carried =
        |column: &Ident| filled.iter().any(|one| one.target == *column && one.source() == Some(column));
    for link in input.world.parents(input.key) {
        let applies = link.columns.iter().all(carried);
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
