//! Which parked rows have waited for what a wave brings.

use std::collections::BTreeMap;

use crate::rules::Plan;

use super::error::Error;
use super::stage::Staged;
use super::statements::Statements;

/// Parked rows whose parent has arrived in one customer.
#[derive(Debug)]
pub(super) struct Arrival {
    /// Position in the plan's customers.
    pub(super) customer: usize,
    /// Ids in `acequia.parked`.
    pub(super) ids: Vec<i64>,
}

/// Looks for them while the stage still holds what arrived: one query for each table of the wave, for all
/// customers; what came back from `parked` has arrived in `only` one.
pub(super) async fn waiting(
    statements: &mut Statements,
    plan: &Plan,
    (staged, only): (&[Staged], Option<usize>),
    closed: &[bool],
) -> Result<Vec<Arrival>, Error> {
    let mut found: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
    for staged in staged {
        let source = &plan.sources[staged.source];
        let (from, dataset) = (source.customer.as_str(), source.dataset.as_str());
        for wake in &source.wake {
            for row in statements.query("looking who waits for it", wake, &[&from, &dataset]).await? {
                // A customer that the rules no longer name has no part in this.
                let to: &str = row.get(0);
                let named = plan.customers.binary_search_by(|routes| routes.customer.as_str().cmp(to));
                let goes = |customer: &usize| {
                    if only.is_some_and(|only| only != *customer) {
                        return false;
                    }
                    let mut routes = plan.customers[*customer].routes.clone();
                    // What came for a held route has not arrived.
                    routes.any(|route| !closed[route] && staged.goes_by(&plan.routes[route]))
                };
                if let Some(customer) = named.ok().filter(goes) {
                    found.entry(customer).or_default().push(row.get(1));
                }
            }
        }
    }
    Ok(found.into_iter().map(|(customer, ids)| Arrival { customer, ids }).collect())
}
