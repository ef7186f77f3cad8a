//! Configuration × catalogs → plan, or everything that is wrong.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Catalog;
use crate::config::{Config, NotifyEvent};
use crate::name::{CustomerName, DatasetName, Ident, TableName};

use super::broken::{BrokenRoute, Findings};
use super::circle::circles;
use super::columns::{Filled, filled_columns};
use super::crosswalk::crosswalk;
use super::input::RouteInput;
use super::order::parents_first;
use super::parents::{Resolution, RouteKey, World};
use super::problem::Problem;
use super::route::route;
use super::stage::stage_links;
use super::staged::source_table;
use super::wanted::{Wanted, chains, input, wanted_routes};
use super::{CustomerRoutes, Flow, Plan, SourceTable};

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
    compile_without(config, flow, source, target, &BTreeMap::new())
}

/// The same, with routes (from, to, data set) that something else stands in the way of.
pub fn compile_without(
    config: &Config,
    flow: &Flow,
    source: &Catalog,
    target: &Catalog,
    barred: &BTreeMap<(CustomerName, CustomerName, DatasetName), Problem>,
) -> (Plan, Vec<Problem>) {
    let mut found = Findings::default();
    let mut world = World::new(config, source, target);
    let wanted = wanted_routes(config, flow, &mut world, &mut found);
    world.link();
    found.problems.extend(chains(config, &wanted));
    let parents = dataset_parents(&world);
    world.circles = circles(&parents);
    let mut carried: BTreeMap<RouteKey, Vec<Filled>> = BTreeMap::new();
    for (key, wanted) in &wanted {
        if let Some(input) = input(&world, wanted, key) {
            let mut own: Vec<Problem> = barred.get(key).cloned().into_iter().collect();
            carried.insert(key.clone(), filled_columns(&input, &mut own));
            found.route(key, &wanted.sync.name, own);
        }
    }
    let mut plan = Plan {
        flow: flow.clone(),
        sources: Vec::new(),
        routes: Vec::new(),
        customers: Vec::new(),
        broken: Vec::new(),
        channels: config.channels(NotifyEvent::SyncApplied),
        by_name: BTreeMap::new(),
        by_relation: BTreeMap::new(),
    };
    for dataset in &dataset_order(&parents, &found) {
        let keys = wanted.keys().chain(found.broken.keys());
        let from: BTreeSet<&CustomerName> = keys.filter(|key| key.2 == *dataset).map(|key| &key.0).collect();
        for from in from {
            let read = (&wanted, &carried, &found);
            if let Some(table) = source_table(&world, from, dataset, read, plan.sources.len()) {
                plan.by_name.insert(table.name.clone(), plan.sources.len());
                let oids = world.source_table(from, dataset).into_iter();
                let oids = oids.flat_map(|table| table.partitions.iter().chain([&table.oid]));
                plan.by_relation.extend(oids.map(|oid| (*oid, plan.sources.len())));
                plan.sources.push(table);
            }
        }
    }
    let customers: BTreeSet<&CustomerName> = wanted.keys().map(|key| &key.1).collect();
    for customer in customers {
        add_customer(&world, customer, (&wanted, &carried), &mut plan, &mut found);
    }
    for source in &mut plan.sources {
        let follow = source.routes.iter().map(|&route| &plan.routes[route]);
        let follow = follow.filter(|route| route.recipe.follows_truncation());
        let crosswalks: Vec<String> =
            follow.filter_map(|route| route.crosswalk.as_ref()).map(|one| one.table.clone()).collect();
        source.truncation = (!crosswalks.is_empty())
            .then(|| stage_links(&source.stage.table, &crosswalks, source.identity.len()));
    }
    plan.broken = broken_routes(&world, &wanted, &found, &plan.sources);
    (plan, found.problems)
}

/// Adds the routes of one customer.
fn add_customer(
    world: &World<'_>,
    customer: &CustomerName,
    (wanted, carried): (&BTreeMap<RouteKey, Wanted<'_>>, &BTreeMap<RouteKey, Vec<Filled>>),
    plan: &mut Plan,
    found: &mut Findings,
) {
    let first = plan.routes.len();
    let mut has_deferrable = false;
    for number in 0..plan.sources.len() {
        let from = &plan.sources[number];
        let key = (from.customer.clone(), customer.clone(), from.dataset.clone());
        let (Some(wanted), Some(carried)) = (wanted.get(&key), carried.get(&key)) else { continue };
        let Some(input) = input(world, wanted, &key) else { continue };
        let numbers = (plan.routes.len(), number);
        let mut own = Vec::new();
        let made = route(&input, numbers, &from.columns, carried, &mut own);
        if made.is_some() {
            warn_about_parents(&input, carried, &mut own);
        }
        found.route(&key, &wanted.sync.name, own);
        if let Some(mut route) = made.filter(|_| !found.is_broken(&key)) {
            // With many customers most of a plan is the same again and again.
            if let Some(&other) = plan.sources[number].routes.last() {
                route.share(&plan.routes[other]);
            }
            has_deferrable |= input.target.has_deferrable;
            plan.sources[number].routes.push(plan.routes.len());
            plan.sources[number].cascades |= route.cascade;
            plan.routes.push(route);
        }
    }
    plan.customers.push(CustomerRoutes {
        customer: customer.clone(),
        routes: first..plan.routes.len(),
        circles: circle_routes(world, plan, first),
        has_deferrable,
    });
}

/// The routes that something stands in the way of, in the order of their customers.
fn broken_routes(
    world: &World<'_>,
    wanted: &BTreeMap<RouteKey, Wanted<'_>>,
    found: &Findings,
    sources: &[SourceTable],
) -> Vec<BrokenRoute> {
    let broken = found.broken.iter().map(|(key, (sync, message))| {
        let input = wanted.get(key).and_then(|wanted| input(world, wanted, key));
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

/// The routes of a customer, from `first` on, that create rows in circles: one list for each circle.
fn circle_routes(world: &World<'_>, plan: &Plan, first: usize) -> Vec<Vec<usize>> {
    let mut all: BTreeMap<(&CustomerName, &BTreeSet<DatasetName>), Vec<usize>> = BTreeMap::new();
    for (number, route) in plan.routes.iter().enumerate().skip(first) {
        let circle = world.circles.get(&route.dataset);
        if let Some(circle) = circle.filter(|_| route.recipe.write().circle.is_some()) {
            all.entry((&route.from, circle)).or_default().push(number);
        }
    }
    all.into_values().collect()
}

/// The data sets of the flow, parents first; those of which no customer has the table come last.
fn dataset_order(
    parents: &BTreeMap<DatasetName, BTreeSet<DatasetName>>,
    found: &Findings,
) -> Vec<DatasetName> {
    let nodes: Vec<DatasetName> = parents.keys().cloned().collect();
    let mut order = parents_first(&nodes, parents);
    let rest: BTreeSet<&DatasetName> = found.broken.keys().map(|key| &key.2).collect();
    order.extend(rest.into_iter().filter(|name| !parents.contains_key(*name)).cloned());
    order
}

/// The data sets of the flow, each with those that it refers to.
fn dataset_parents(world: &World<'_>) -> BTreeMap<DatasetName, BTreeSet<DatasetName>> {
    let mut parents: BTreeMap<DatasetName, BTreeSet<DatasetName>> = BTreeMap::new();
    for key in world.routed.keys() {
        let own = parents.entry(key.2.clone()).or_default();
        own.extend(world.parents(key).into_iter().filter_map(|link| link.dataset));
    }
    parents
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
