//! What a flow reads of the configuration: two configurations that say the same to it are one to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use secrecy::ExposeSecret as _;

use crate::config::{Config, Daemon, Dataset, Rule, SecretSource};
use crate::expression::Expression;
use crate::name::{CustomerName, DatabaseName, DatasetName, Ident};

use super::Flow;

/// Everything that a flow reads, in a form that can be compared. Holds secrets: it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Reads {
    /// What it surely reads.
    own: String,
    /// Tables of data sets that it does not carry: they count where a foreign key leads to them.
    others: BTreeMap<Ident, String>,
}

/// How much of a change concerns a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concern {
    /// Nothing of it.
    None,
    /// All that changed are data sets with these tables, and the flow carries none of them: they concern it where one of its
    /// catalogs has a foreign key to one of them.
    Parents(BTreeSet<Ident>),
    /// It does.
    Touched,
}

impl Reads {
    /// What this flow reads of a configuration.
    pub fn of(config: &Config, flow: &Flow) -> Self {
        let mut own = String::new();
        for name in [&flow.source, &flow.target] {
            add_database(config, name, &mut own);
        }
        let mut carried: BTreeSet<&DatasetName> = BTreeSet::new();
        let mut customers: BTreeSet<&CustomerName> = BTreeSet::new();
        for sync in flow.syncs(config) {
            customers.insert(&sync.from);
            add(&mut own, &("sync", &sync.name, &sync.from, sync.allow_protected));
            for to in &sync.to {
                let lives_here = config.customers.get(to).is_some_and(|one| one.database == flow.target);
                let own_data = sync.data.iter().filter(|dataset| config.carries(sync, to, dataset));
                for dataset in own_data.filter(|_| lives_here) {
                    customers.insert(to);
                    carried.insert(dataset);
                    let rule = config.rule(sync, to, dataset);
                    carried.extend(looked_up(config, &rule));
                    add(&mut own, &(to, dataset, Rule { spots: BTreeMap::new(), ..rule }));
                }
            }
        }
        for customer in customers.into_iter().filter_map(|name| config.customers.get(name)) {
            add(&mut own, &("customer", &customer.name, &customer.database, &customer.schema));
        }
        let (mine, others): (Vec<&Dataset>, Vec<&Dataset>) =
            config.datasets.values().partition(|dataset| carried.contains(&dataset.name));
        for dataset in mine {
            add(&mut own, &("data set", &dataset.name, dataset.outline()));
        }
        for notify in &config.notifies {
            add(&mut own, &("notify", &notify.name, notify.outline()));
        }
        add(&mut own, &("protected", &config.protected));
        // Where the process keeps its own files, and what it says of itself, is nothing to a flow.
        let Daemon {
            runtime_directory: _,
            journal_keep_days,
            journal_max_bytes,
            parked_limit,
            verify,
            listen: _,
            max_lag: _,
            max_parked_age: _,
        } = &config.daemon;
        add(&mut own, &(journal_keep_days, journal_max_bytes, parked_limit, verify));
        let text = |dataset: &Dataset| format!("{} {:?}", dataset.name, dataset.outline());
        let others = others.into_iter().map(|dataset| (dataset.table.clone(), text(dataset)));
        Self { own, others: others.collect() }
    }

    /// How much of the change to `new` concerns the flow.
    pub fn concern(&self, new: &Self) -> Concern {
        if self.own != new.own {
            return Concern::Touched;
        }
        let tables = self.others.keys().chain(new.others.keys());
        let changed: BTreeSet<Ident> =
            tables.filter(|table| self.others.get(*table) != new.others.get(*table)).cloned().collect();
        if changed.is_empty() { Concern::None } else { Concern::Parents(changed) }
    }

    /// The databases say the same: what runs can go on by them.
    pub fn same_databases(old: &Config, new: &Config, flow: &Flow) -> bool {
        let text = |config: &Config| {
            let mut text = String::new();
            for name in [&flow.source, &flow.target] {
                add_database(config, name, &mut text);
            }
            text
        };
        text(old) == text(new)
    }
}

fn add(text: &mut String, thing: &dyn std::fmt::Debug) {
    writeln!(text, "{thing:?}").expect("writing to a String never fails");
}

fn add_database(config: &Config, name: &DatabaseName, text: &mut String) {
    let Some(database) = config.databases.get(name) else { return };
    let mut outline = database.outline();
    // It is nothing to a flow, but to who watches its slot; and it must be possible to raise it while a database is down.
    outline.remove("max_retained_wal");
    add(text, &(name, outline));
    if let Some(SecretSource::Inline(secret)) = &database.password {
        text.push_str(secret.expose_secret());
    }
}

/// The data sets whose rows an expression of the rule looks at.
fn looked_up<'a>(config: &'a Config, rule: &Rule) -> Vec<&'a DatasetName> {
    let expressions = rule.set.values().chain(rule.default.values().flatten());
    let named: Vec<Ident> =
        expressions.flat_map(Expression::columns).filter_map(|name| name.qualifier).collect();
    let is_named = |name: &&DatasetName| named.iter().any(|ident| ident.as_str() == name.as_str());
    config.datasets.keys().filter(is_named).collect()
}
