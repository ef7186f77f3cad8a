//! Routes that can't be compiled: what is wrong with each, so that only these wait and everything else goes on.

use std::collections::BTreeMap;

use crate::name::{CustomerName, DatasetName, SyncName};

use super::Crosswalk;
use super::parents::RouteKey;
use super::problem::{Problem, Scope};

/// A route of the rules that the plan can't have as the databases are now. Its rows wait until it can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRoute {
    /// The sync group.
    pub sync: SyncName,
    /// Source customer.
    pub from: CustomerName,
    /// Target customer.
    pub to: CustomerName,
    /// The data set.
    pub dataset: DatasetName,
    /// Position in [`super::Plan::sources`]; `None` where the source has no such table either, so that nothing comes.
    pub source: Option<usize>,
    /// Its crosswalk where one can be told: children's statements look into it.
    pub crosswalk: Option<Crosswalk>,
    /// The first thing that is wrong. Names and words only.
    pub message: String,
}

/// What has been found out while compiling.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Everything wrong and everything worth a word.
    pub(super) problems: Vec<Problem>,
    /// Routes with an error, the first message of each.
    pub(super) broken: BTreeMap<RouteKey, (SyncName, String)>,
}

impl Findings {
    /// Adds what is wrong with one route.
    pub(super) fn route(&mut self, key: &RouteKey, sync: &SyncName, problems: Vec<Problem>) {
        self.note(key, sync, &problems);
        let (from, to, dataset) = key.clone();
        let scope = Scope::Route(from, to, dataset);
        self.add(problems, &scope);
    }

    /// Adds what is wrong with a source table, and so with every route that begins there.
    pub(super) fn source(&mut self, keys: &[RouteKey], sync: &SyncName, problems: Vec<Problem>) {
        for key in keys {
            self.note(key, sync, &problems);
        }
        let Some((from, _, dataset)) = keys.first().cloned() else { return };
        self.add(problems, &Scope::Source(from, dataset));
    }

    /// Whether something stands in the way of this route.
    pub(super) fn is_broken(&self, key: &RouteKey) -> bool {
        self.broken.contains_key(key)
    }

    fn note(&mut self, key: &RouteKey, sync: &SyncName, problems: &[Problem]) {
        if let Some(first) = problems.iter().find(|problem| problem.is_error()) {
            let known = self.broken.entry(key.clone());
            known.or_insert_with(|| (sync.clone(), first.message.clone()));
        }
    }

    fn add(&mut self, problems: Vec<Problem>, scope: &Scope) {
        self.problems.extend(problems.into_iter().map(|problem| problem.within(scope.clone())));
    }
}
