//! Which parked rows have waited for what a wave brings.

use crate::rules::{CustomerRoutes, Plan};

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

/// Looks for them while the stage still holds what arrived.
pub(super) async fn waiting(
    statements: &mut Statements,
    plan: &Plan,
    staged: &[Staged],
    closed: &[bool],
) -> Result<Vec<Arrival>, Error> {
    let mut found = Vec::new();
    for (customer, routes) in plan.customers.iter().enumerate() {
        let mut ids = Vec::new();
        for staged in staged {
            ids.extend(waiting_for(statements, plan, routes, (staged, closed)).await?);
        }
        if !ids.is_empty() {
            found.push(Arrival { customer, ids });
        }
    }
    Ok(found)
}

async fn waiting_for(
    statements: &mut Statements,
    plan: &Plan,
    routes: &CustomerRoutes,
    (staged, closed): (&Staged, &[bool]),
) -> Result<Vec<i64>, Error> {
    let source = &plan.sources[staged.source];
    let mut ids = Vec::new();
    // What came for a held route has not arrived.
    if !routes.routes.clone().any(|route| !closed[route] && staged.goes_by(&plan.routes[route])) {
        return Ok(ids);
    }
    let (from, to, dataset) = (source.customer.as_str(), routes.customer.as_str(), source.dataset.as_str());
    for wake in &source.wake {
        let rows = statements.query("looking who waits for it", wake, &[&from, &to, &dataset]).await?;
        ids.extend(rows.iter().map(|row| row.get::<_, i64>(0)));
    }
    Ok(ids)
}
