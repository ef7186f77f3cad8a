//! Routes that nobody can compare now: held, or never begun.

use std::collections::BTreeMap;

use crate::postgres::Error;
use crate::rules::Route;

use super::side::{Sides, query};

/// What a hold does to a comparison: whoever waits for its time has its rows parked, and they are told of as such.
const HOLDS: &str = "SELECT reason, sync, to_customer, dataset FROM acequia.hold WHERE flow = $1 AND reason <> 'scheduled' \
    ORDER BY id";
const LINKS: &str = "SELECT from_customer, to_customer, dataset, shape FROM acequia.crosswalk";

/// Positions in the plan's routes, each with the reason.
pub(super) async fn skipped(sides: &Sides<'_>) -> Result<BTreeMap<usize, String>, Error> {
    let mut skipped = BTreeMap::new();
    let routes = || sides.plan.routes.iter().enumerate();
    if sides.position().await?.is_none() {
        let reason = "the flow has never run: start the daemon (`acequia run`)";
        return Ok(routes().map(|(place, _)| (place, reason.to_owned())).collect());
    }
    let rows = query(&sides.target, "looking for links", LINKS, &[]).await?;
    let shapes: BTreeMap<[&str; 3], &str> =
        rows.iter().map(|row| ([row.get(0), row.get(1), row.get(2)], row.get(3))).collect();
    for (place, route) in routes() {
        let Some(wanted) = &route.crosswalk else { continue };
        match shapes.get(&[route.from.as_str(), route.to.as_str(), route.dataset.as_str()]) {
            Some(shape) if *shape == wanted.shape => {}
            Some(_) => {
                let reason = "its links were made for another key, and the daemon has not made them anew yet";
                skipped.insert(place, reason.to_owned());
            }
            None => {
                skipped.insert(place, "it has not begun: the daemon has not prepared it yet".to_owned());
            }
        }
    }
    for hold in query(&sides.target, "reading who is held", HOLDS, &[&sides.plan.flow.name]).await? {
        let reason: &str = hold.get(0);
        let is =
            |place: usize, own: &str| hold.get::<_, Option<&str>>(place).is_none_or(|wanted| wanted == own);
        let covers = |route: &Route| {
            is(1, route.sync.as_str()) && is(2, route.to.as_str()) && is(3, route.dataset.as_str())
        };
        for (place, _) in routes().filter(|(_, route)| covers(route)) {
            skipped.entry(place).or_insert_with(|| words(reason));
        }
    }
    Ok(skipped)
}

fn words(reason: &str) -> String {
    match reason {
        "paused" => "held: paused by an operator".to_owned(),
        "backfill" => "held: it is being copied".to_owned(),
        "overflow" => "held: it needs a resync".to_owned(),
        "locked" => "held: somebody has locked the customer's table".to_owned(),
        "broken" => "held: the customer's table can't be written as it is".to_owned(),
        other => format!("held: {other}"),
    }
}
