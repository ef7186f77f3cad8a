//! Which routes are asked for, and what is to be done with what differs.

use crate::rules::{BrokenRoute, Route};

/// Names that choose; none chooses all.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Of this group.
    pub sync: Option<String>,
    /// To this customer.
    pub customer: Option<String>,
    /// Of this data set.
    pub dataset: Option<String>,
}

impl Choice {
    /// The route is asked for.
    pub fn takes(&self, route: &Route) -> bool {
        self.takes_named([route.sync.as_str(), route.to.as_str(), route.dataset.as_str()])
    }

    /// The same of a route that the plan can't have.
    pub(super) fn takes_broken(&self, route: &BrokenRoute) -> bool {
        self.takes_named([route.sync.as_str(), route.to.as_str(), route.dataset.as_str()])
    }

    /// Nothing is left out.
    pub(super) fn is_everything(&self) -> bool {
        let Self { sync, customer, dataset } = self;
        [sync, customer, dataset].into_iter().all(Option::is_none)
    }

    fn takes_named(&self, names: [&str; 3]) -> bool {
        let wanted = [&self.sync, &self.customer, &self.dataset];
        wanted.into_iter().zip(names).all(|(wanted, own)| wanted.as_deref().is_none_or(|name| name == own))
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The daemon runs, so that its checkpoint moves.
    pub is_followed: bool,
    /// Differences go through the writer.
    pub repairs: bool,
    /// So many natural keys of differing rows are kept for each route.
    pub keys: usize,
}
