//! Verifying: do the customers have what the rules give them? Compared while the stream goes on, and nothing is locked.
//!
//! ```text
//! choice     which routes are asked for, and what for
//! report     what was found, by route
//! side       the two sessions, and statements in them
//! skip       routes that nobody can compare now, and why
//! source     rows of the source on their way to the stage of the target
//! sift       checksums of both sides: which rows may differ
//! row        staged rows compared by the writer's own SQL
//! confirm    rows that seem to differ, looked at again at a known position until it is certain; their repair
//! route      one route from beginning to end, and one walk over a source table for all routes that need it
//! ```
//!
//! The two sides are read at different moments, so whatever differs is only a suspect. A suspect is read again at the source;
//! when the flow has passed the position of that moment the customer is compared with it; and when the source's row is still
//! the same version after that, the difference is one. The rest is still moving, and is said to be.

mod choice;
mod confirm;
mod report;
mod route;
mod row;
mod side;
mod sift;
mod skip;
mod source;

use crate::config::Database;
use crate::postgres::Error;
use crate::rules::Plan;

pub use choice::{Choice, Wanted};
pub use report::{Difference, FlowReport, RouteReport};

use side::Sides;

/// Compares the routes of a plan that `choice` takes. `tell` hears how far it is.
pub async fn verify(
    plan: &Plan,
    (source, target): (&Database, &Database),
    choice: &Choice,
    wanted: Wanted,
    tell: &(dyn Fn(&str) + Send + Sync),
) -> Result<FlowReport, Error> {
    let mut sides = Sides::open(plan, source, target, wanted).await?;
    let mut report = FlowReport::new(&plan.flow);
    report.began_at = sides.now().await?;
    let skipped = skip::skipped(&sides).await?;
    for (index, table) in plan.sources.iter().enumerate() {
        let routes: Vec<usize> =
            table.routes.iter().copied().filter(|&route| choice.takes(&plan.routes[route])).collect();
        if !routes.is_empty() {
            route::table(&mut sides, (index, &routes), &skipped, &mut report, tell).await?;
        }
    }
    report.add_broken(plan, choice);
    report.position = sides.position().await?.map(|lsn| lsn.to_string());
    report.unapplied_bytes = if wanted.is_followed { None } else { sides.unapplied().await? };
    if report.position.is_some() {
        report.audit(&sides.target, wanted.repairs, choice.is_everything()).await?;
    }
    Ok(report)
}
