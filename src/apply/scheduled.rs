//! Routes that are written at certain times only: each has a hold for as long as its rule says so, and its time in it.
//!
//! A time that passed while no daemon ran is not lost, because the hold keeps it: it is made good for once, at the start.

use jiff::Timestamp;

use crate::config::Apply;
use crate::postgres;
use crate::rules::{Plan, Route};
use crate::schedule::{next_interval, next_wall_time};

use super::error::Error;
use super::holds::{Hold, Reason};
use super::statements::{Param, Statements};

/// A rule that says another time than before counts from now.
const PUT: &str = "INSERT INTO acequia.hold AS h (flow, sync, to_customer, dataset, reason, what, next_try_at) \
    SELECT $1, sync, customer, dataset, 'scheduled', what, 'epoch'::timestamptz + next * interval '1 microsecond' \
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::int8[]) r (sync, customer, dataset, what, next) \
    ON CONFLICT (flow, coalesce(sync, ''), coalesce(to_customer, ''), coalesce(dataset, ''), reason) DO UPDATE SET \
    next_try_at = CASE WHEN h.what = excluded.what THEN h.next_try_at ELSE excluded.next_try_at END, what = excluded.what";

/// What has waited for a time that no rule says any more is written at once.
const END: &str = "UPDATE acequia.hold h SET next_try_at = now() WHERE flow = $1 AND reason = 'scheduled' AND NOT EXISTS (\
    SELECT FROM unnest($2::text[], $3::text[], $4::text[]) r (sync, customer, dataset) \
    WHERE (h.sync, h.to_customer, h.dataset) = (r.sync, r.customer, r.dataset))";

/// Puts the holds of a plan's routes in order.
pub(super) async fn begin(statements: &mut Statements, plan: &Plan) -> Result<(), Error> {
    let now = now(statements).await?;
    let (mut syncs, mut customers, mut datasets) = (Vec::new(), Vec::new(), Vec::new());
    let (mut words, mut times) = (Vec::new(), Vec::new());
    for route in &plan.routes {
        let Some((what, next)) = next(&route.apply, now) else { continue };
        syncs.push(route.sync.as_str());
        customers.push(route.to.as_str());
        datasets.push(route.dataset.as_str());
        words.push(what);
        times.push(next.as_microsecond());
    }
    let flow = plan.flow.name.as_str();
    let params: [Param<'_>; 6] = [&flow, &syncs, &customers, &datasets, &words, &times];
    statements.execute("ending what is no longer scheduled", END, &params[..4]).await?;
    if !syncs.is_empty() {
        statements.execute("holding what is scheduled", PUT, &params).await?;
    }
    Ok(())
}

/// Holds again until the next time, where the rule has one. Answers whether it has.
pub(super) async fn again(statements: &mut Statements, plan: &Plan, hold: &Hold) -> Result<bool, Error> {
    let is_its = |route: &&Route| hold.covers(route) && route.apply != Apply::Stream;
    let route = plan.routes.iter().find(is_its).filter(|_| hold.reason == Reason::Scheduled);
    let Some(route) = route else { return Ok(false) };
    let Some((_, next)) = next(&route.apply, now(statements).await?) else { return Ok(false) };
    let sql = "UPDATE acequia.hold SET tries = 0, next_try_at = 'epoch'::timestamptz + $2::int8 * interval '1 microsecond' \
               WHERE id = $1";
    statements.execute("holding until the next time", sql, &[&hold.id, &next.as_microsecond()]).await?;
    Ok(true)
}

/// The schedule in words, and when its next time is; `None` for what is written as it comes.
fn next(apply: &Apply, now: Timestamp) -> Option<(String, Timestamp)> {
    match apply {
        Apply::Stream => None,
        Apply::Every(every) => Some((format!("every {} s", every.as_secs()), next_interval(now, *every))),
        Apply::At { time, time_zone } => {
            let zone = time_zone.iana_name().unwrap_or("UTC");
            Some((format!("at {time} {zone}"), next_wall_time(now, *time, time_zone)))
        }
    }
}

/// The target's clock: it is the one that holds go by.
async fn now(statements: &mut Statements) -> Result<Timestamp, Error> {
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8";
    let rows = statements.query("reading the clock", sql, &[]).await?;
    let now = rows.first().and_then(|row| Timestamp::from_microsecond(row.get(0)).ok());
    Ok(now.ok_or_else(|| postgres::Error::protocol("reading the clock", "no time"))?)
}
