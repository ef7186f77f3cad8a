//! What the writing at hand knows beside the plan.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::lsn::Lsn;
use crate::rules::{Plan, RouteSql};

use super::recent::Recent;

use super::origin::Origin;

/// Images whose columns are not the route's usual ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Images {
    /// Without what is made from these staged columns.
    Without(Vec<usize>),
    /// Of rows that are deleted: everything.
    Whole,
}

/// What the writer knows beside the plan.
pub(super) struct Context {
    /// The source, for values that the stream leaves out.
    pub(super) source: Origin,
    /// The number of each route in the target's registry.
    pub(super) numbers: Vec<i32>,
    /// The same for images of other columns. What is registered in a savepoint that is taken back is forgotten here.
    pub(super) more_numbers: HashMap<(usize, Images), i32>,
    /// The statements of the routes that were at work last.
    pub(super) texts: Recent<usize, Arc<RouteSql>>,
    /// Routes of which something may be parked.
    pub(super) parked: HashSet<usize>,
    /// Number of the writing at hand; no two are the same.
    pub(super) generation: i64,
    /// Position that the writing at hand belongs to.
    pub(super) lsn: Lsn,
}

/// So many routes keep their statements at hand, some 40 KB each. With many customers there are far more.
pub(super) const TEXTS_MAX: usize = 1_000;

impl Context {
    /// The statements of a route, written when they are first needed.
    pub(super) fn sql(&mut self, plan: &Plan, route: usize) -> Arc<RouteSql> {
        if let Some(sql) = self.texts.get(&route) {
            return Arc::clone(sql);
        }
        let sql = Arc::new(plan.routes[route].recipe.write());
        self.texts.put(route, Arc::clone(&sql));
        sql
    }

    pub(super) fn lsn_text(&self) -> String {
        self.lsn.to_string()
    }
}
