//! Which routes a flow has: every group's customers and data sets, as far as both tables exist.

use std::collections::BTreeMap;

use crate::config::{Config, Dataset, Gone, Mode, OnTruncate, Rule, Spot, Sync};
use crate::name::{CustomerName, Ident};

use super::Flow;
use super::broken::Findings;
use super::input::{RouteInput, missing_table};
use super::parents::{RouteKey, RoutePolicy, World};
use super::problem::Problem;
use super::source::source_problems;

/// A route that the rules want: its group, and what holds for it.
pub(super) struct Wanted<'a> {
    /// Its group.
    pub(super) sync: &'a Sync,
    /// What holds for it.
    pub(super) rule: Rule,
}

/// Every (from, to, data set) of the flow with its group, once both tables are known to exist.
pub(super) fn wanted_routes<'a>(
    config: &'a Config,
    flow: &'a Flow,
    world: &mut World<'_>,
    found: &mut Findings,
) -> BTreeMap<RouteKey, Wanted<'a>> {
    let mut wanted: BTreeMap<RouteKey, Wanted<'a>> = BTreeMap::new();
    for sync in flow.syncs(config) {
        let is_here =
            |to: &CustomerName| config.customers.get(to).is_some_and(|to| to.database == flow.target);
        for (dataset, spot) in sync.data.iter().zip(&sync.data_spots) {
            let here = sync.to.iter().zip(&sync.to_spots);
            let here: Vec<(RouteKey, Spot)> = here
                .filter(|(to, _)| is_here(to) && config.carries(sync, to, dataset))
                .map(|(to, spot)| ((sync.from.clone(), to.clone(), dataset.clone()), *spot))
                .collect();
            let keys: Vec<RouteKey> = here.iter().map(|(key, _)| key.clone()).collect();
            let Some(table) = world.source_table(&sync.from, dataset) else {
                let problem = missing_table(world, &sync.from, dataset, *spot);
                found.source(&keys, &sync.name, problem.into_iter().collect());
                continue;
            };
            found.source(&keys, &sync.name, source_problems(config, sync, dataset, table));
            for (key, to_spot) in here {
                if world.target_table(&key.1, dataset).is_none() {
                    let problem = missing_table(world, &key.1, dataset, to_spot);
                    found.route(&key, &sync.name, problem.into_iter().collect());
                    continue;
                }
                let rule = config.rule(sync, &key.1, dataset);
                // Of two groups that give the same from the same, the higher one carries it.
                if wanted.get(&key).is_none_or(|other| other.rule.priority < rule.priority) {
                    wanted.insert(key, Wanted { sync, rule });
                }
            }
        }
    }
    note_policies(config, world, &wanted);
    wanted
}

fn note_policies(config: &Config, world: &mut World<'_>, wanted: &BTreeMap<RouteKey, Wanted<'_>>) {
    for ((from, to, dataset), one) in wanted {
        let Some(dataset) = config.datasets.get(dataset) else { continue };
        let policy =
            RoutePolicy { priority: one.rule.priority, needs_no_memory: needs_no_memory(&one.rule, dataset) };
        world.routed.insert((from.clone(), to.clone(), dataset.name.clone()), policy);
        world.givers.entry((to.clone(), dataset.name.clone())).or_default().push(from.clone());
    }
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
pub(super) fn chains(config: &Config, wanted: &BTreeMap<RouteKey, Wanted<'_>>) -> Vec<Problem> {
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

/// What a route is made from. `None` where one of the tables is not there.
pub(super) fn input<'a>(
    world: &'a World<'a>,
    wanted: &'a Wanted<'_>,
    key: &'a RouteKey,
) -> Option<RouteInput<'a>> {
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
