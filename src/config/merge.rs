//! What holds for one customer and data set of a group: the most specific table that says a word wins.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Config, NotifyEvent, Sync};
use super::spot::Spot;
use super::words::{Apply, Gone, Initial, Mode, OnTruncate, Rule, RuleWords, Said};
use crate::expression::Expression;
use crate::name::{CustomerName, DatasetName, Ident};

impl Config {
    /// What holds for one data set and one customer of a group.
    pub fn rule(&self, sync: &Sync, to: &CustomerName, dataset: &DatasetName) -> Rule {
        merge(&self.defaults, sync, to, dataset)
    }

    /// Where it is told of an event, none twice.
    pub fn channels(&self, event: NotifyEvent) -> Vec<Ident> {
        let told = self.notifies.iter().filter(|notify| notify.events.contains(&event));
        let channels: BTreeSet<&Ident> = told.map(|notify| &notify.listen).collect();
        channels.into_iter().cloned().collect()
    }

    /// Whether a group does anything at all.
    pub fn is_active(&self, sync: &Sync) -> bool {
        sync.is_active(&self.defaults)
    }

    /// The group that carries this data set to this customer instead: one of the same `from` with a higher priority. A
    /// route that is overshadowed is not made.
    pub fn overshadowed(&self, sync: &Sync, to: &CustomerName, dataset: &DatasetName) -> Option<&Sync> {
        overshadowed(&self.syncs, &self.defaults, sync, to, dataset)
    }

    /// Whether a group has a route for one customer and data set: it names both, is enabled there, and no other group of
    /// the same `from` goes before it.
    pub fn carries(&self, sync: &Sync, to: &CustomerName, dataset: &DatasetName) -> bool {
        sync.gives(to, dataset)
            && is_enabled(&self.defaults, sync, to, dataset)
            && self.overshadowed(sync, to, dataset).is_none()
    }
}

/// The most specific words of every kind.
pub(super) fn merge(defaults: &RuleWords, sync: &Sync, to: &CustomerName, dataset: &DatasetName) -> Rule {
    let tables = tables(defaults, sync, to, dataset);
    let mut merge = Merge { tables: &tables, spots: BTreeMap::new() };
    let (map, set, default) = merge.columns();
    Rule {
        enabled: merge.word("enabled", |words| words.enabled.as_ref()).unwrap_or(true),
        mode: merge.word("mode", |words| words.mode.as_ref()).unwrap_or(Mode::CreateOnly),
        filter: merge.word("where", |words| words.filter.as_ref()),
        on_delete: merge.word("on_delete", |words| words.on_delete.as_ref()).unwrap_or(Gone::Ignore),
        on_leave: merge.word("on_leave", |words| words.on_leave.as_ref()).unwrap_or(Gone::Ignore),
        on_truncate: merge
            .word("on_truncate", |words| words.on_truncate.as_ref())
            .unwrap_or(OnTruncate::Ignore),
        map,
        set,
        default,
        priority: merge.word("priority", |words| words.priority.as_ref()).unwrap_or(0),
        cascade: merge.word("cascade", |words| words.cascade.as_ref()).unwrap_or(false),
        apply: merge.word("apply", |words| words.apply.as_ref()).unwrap_or(Apply::Stream),
        initial: merge.word("initial", |words| words.initial.as_ref()).unwrap_or(Initial::None),
        spots: merge.spots,
    }
}

/// The group of the same `from` that goes before this one.
pub(super) fn overshadowed<'a>(
    syncs: &'a [Sync],
    defaults: &RuleWords,
    sync: &Sync,
    to: &CustomerName,
    dataset: &DatasetName,
) -> Option<&'a Sync> {
    let mut rivals = syncs.iter().filter(|other| {
        other.name != sync.name
            && other.from == sync.from
            && other.gives(to, dataset)
            && is_enabled(defaults, other, to, dataset)
    });
    let first = rivals.next()?;
    let own = priority(defaults, sync, to, dataset);
    std::iter::once(first).chain(rivals).find(|other| priority(defaults, other, to, dataset) > own)
}

impl Sync {
    /// Whether the group names the customer and the data set.
    pub fn gives(&self, to: &CustomerName, dataset: &DatasetName) -> bool {
        self.to.contains(to) && self.data.contains(dataset)
    }

    /// Whether the group is enabled for any customer and data set; `defaults` are those of its configuration.
    pub(super) fn is_active(&self, defaults: &RuleWords) -> bool {
        let enabled = |to| self.data.iter().any(|dataset| is_enabled(defaults, self, to, dataset));
        self.to.iter().any(enabled)
    }
}

/// `enabled`, the most specific one.
pub(super) fn is_enabled(
    defaults: &RuleWords,
    sync: &Sync,
    to: &CustomerName,
    dataset: &DatasetName,
) -> bool {
    let mut tables = tables(defaults, sync, to, dataset).into_iter();
    tables.find_map(|words| words.enabled.as_ref()).is_none_or(|said| said.value)
}

/// `priority`, the most specific one.
pub(super) fn priority(defaults: &RuleWords, sync: &Sync, to: &CustomerName, dataset: &DatasetName) -> i32 {
    let mut tables = tables(defaults, sync, to, dataset).into_iter();
    tables.find_map(|words| words.priority.as_ref()).map_or(0, |said| said.value)
}

/// The tables that may say a word, the most specific first.
pub(super) fn tables<'a>(
    defaults: &'a RuleWords,
    sync: &'a Sync,
    to: &CustomerName,
    dataset: &DatasetName,
) -> Vec<&'a RuleWords> {
    let customer = sync.customers.get(to);
    let mut tables = Vec::with_capacity(5);
    tables.extend(customer.and_then(|customer| customer.datasets.get(dataset)));
    tables.extend(customer.map(|customer| &customer.words));
    tables.extend(sync.datasets.get(dataset));
    tables.push(&sync.words);
    tables.push(defaults);
    tables
}

/// `map`, `set` and `default` of a rule.
type Columns = (BTreeMap<Ident, Ident>, BTreeMap<Ident, Expression>, BTreeMap<Ident, Vec<Expression>>);

/// Takes words out of tables and keeps their places.
struct Merge<'a> {
    /// The most specific first.
    tables: &'a [&'a RuleWords],
    spots: BTreeMap<String, Spot>,
}

impl<'a> Merge<'a> {
    /// One word.
    fn word<T: Clone + 'a>(
        &mut self,
        key: &str,
        said: impl Fn(&'a RuleWords) -> Option<&'a Said<T>>,
    ) -> Option<T> {
        let said = self.tables.iter().find_map(|words| said(words))?;
        self.spots.insert(key.to_owned(), said.spot);
        Some(said.value.clone())
    }

    /// `map`, `set` and `default`, which are said for each column on its own. Of `map` and `set` the more specific one
    /// counts, and a `set` ends the defaults of more general tables.
    fn columns(&mut self) -> Columns {
        let (mut map, mut set, mut default) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for words in self.tables.iter().rev() {
            for (column, said) in &words.map {
                map.insert(column.clone(), said.value.clone());
                set.remove(column);
                self.say("map", column, said.spot, &["set"]);
            }
            for (column, said) in &words.set {
                set.insert(column.clone(), said.value.clone());
                map.remove(column);
                default.remove(column);
                self.say("set", column, said.spot, &["map", "default"]);
            }
            for (column, said) in &words.default {
                default.insert(column.clone(), said.value.clone());
                self.say("default", column, said.spot, &[]);
            }
        }
        (map, set, default)
    }

    /// Keeps the place of a column's word and forgets those that it ends.
    fn say(&mut self, key: &str, column: &Ident, spot: Spot, ended: &[&str]) {
        self.spots.insert(format!("{key}.{column}"), spot);
        for key in ended {
            self.spots.remove(&format!("{key}.{column}"));
        }
    }
}
