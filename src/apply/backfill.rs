//! Which routes have begun, and what is copied for those that begin with the rows that are there already.
//!
//! The table `acequia.backfill` has a row for each route. One that is not `live` has a hold: what the stream brings for it is
//! parked, until everything has been copied and the stream has passed the position at which the last piece was read. What is
//! parked is then written like everything that was held, and is the newest state of every row that changed meanwhile.

use std::collections::HashMap;

use tokio_postgres::Row;

use crate::config::{Initial, Mode};
use crate::postgres;
use crate::rules::{Plan, Route};

use super::error::Error;
use super::job::{Job, State};
use super::statements::{Param, Statements};

/// The routes of a plan, as arrays: `$1` flow, `$2` sync, `$3` from, `$4` to, `$5` data set.
const WANTED: &str = "WITH w AS (SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) \
    WITH ORDINALITY u (sync, from_customer, to_customer, dataset, n))";
const FORGET: &str = "DELETE FROM acequia.backfill b WHERE flow = $1 AND NOT EXISTS (SELECT FROM w \
    WHERE (w.from_customer, w.to_customer, w.dataset) = (b.from_customer, b.to_customer, b.dataset))";
const RENAME: &str = "UPDATE acequia.backfill b SET sync = w.sync FROM w WHERE b.flow = $1 AND b.sync <> w.sync \
    AND (w.from_customer, w.to_customer, w.dataset) = (b.from_customer, b.to_customer, b.dataset)";
const NEW: &str = "SELECT w.n FROM w WHERE NOT EXISTS (SELECT FROM acequia.backfill b WHERE b.flow = $1 \
    AND (w.from_customer, w.to_customer, w.dataset) = (b.from_customer, b.to_customer, b.dataset)) ORDER BY w.n";
const ADD: &str = "INSERT INTO acequia.backfill (flow, sync, from_customer, to_customer, dataset, state) \
    SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) ON CONFLICT DO NOTHING";
const READ: &str = "SELECT from_customer, to_customer, dataset, state, cursor, passed::text, horizon \
    FROM acequia.backfill WHERE flow = $1 AND state <> 'live'";

/// Holds go with what they are for.
const END_HOLDS: &str = "DELETE FROM acequia.hold h WHERE flow = $1 AND reason = 'backfill' AND NOT EXISTS (\
    SELECT FROM acequia.backfill b WHERE b.flow = h.flow AND b.state <> 'live' \
    AND (b.sync, b.to_customer, b.dataset) = (h.sync, h.to_customer, h.dataset))";
const PUT_HOLDS: &str = "INSERT INTO acequia.hold (flow, sync, to_customer, dataset, reason, who) \
    SELECT flow, sync, to_customer, dataset, 'backfill', who FROM acequia.backfill WHERE flow = $1 AND state <> 'live' \
    ON CONFLICT DO NOTHING";

/// What is asked for anew is not over before it is done.
const KEEP_HOLDS: &str = "UPDATE acequia.hold h SET next_try_at = NULL FROM acequia.backfill b WHERE h.flow = $1 \
    AND h.reason = 'backfill' AND h.next_try_at IS NOT NULL AND b.state <> 'replaying' \
    AND (b.flow, b.sync, b.to_customer, b.dataset) = (h.flow, h.sync, h.to_customer, h.dataset)";
/// What was parked for a route that has been away says nothing about the rows of now: they are looked at again.
const LOOK_AGAIN: &str = "WITH old AS (DELETE FROM acequia.parked p USING unnest($2::text[], $3::text[], $4::text[]) r (f, t, d) \
    WHERE p.flow = $1 AND (p.from_customer, p.to_customer, p.dataset) = (r.f, r.t, r.d) \
    RETURNING p.flow, p.from_customer, p.to_customer, p.dataset, p.key) \
    INSERT INTO acequia.repair (flow, from_customer, to_customer, dataset, key) SELECT * FROM old";

/// The names of routes, as arrays for SQL.
#[derive(Default)]
pub(super) struct Names<'a> {
    pub(super) sync: Vec<&'a str>,
    pub(super) from: Vec<&'a str>,
    pub(super) to: Vec<&'a str>,
    pub(super) dataset: Vec<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn push(&mut self, [sync, from, to, dataset]: [&'a str; 4]) {
        self.sync.push(sync);
        self.from.push(from);
        self.to.push(to);
        self.dataset.push(dataset);
    }

    fn params<'b>(&'b self, flow: &'b String) -> [Param<'b>; 5] {
        [flow, &self.sync, &self.from, &self.to, &self.dataset]
    }
}

pub(super) fn names(route: &Route) -> [&str; 4] {
    [route.sync.as_str(), route.from.as_str(), route.to.as_str(), route.dataset.as_str()]
}

/// Writes down the routes that have begun since the last time, and forgets those that the rules no longer have: should they
/// come back, they begin anew.
pub(super) async fn begin(statements: &mut Statements, plan: &Plan) -> Result<(), Error> {
    let mut all = Names::default();
    for route in &plan.routes {
        all.push(names(route));
    }
    for broken in &plan.broken {
        all.push([broken.sync.as_str(), broken.from.as_str(), broken.to.as_str(), broken.dataset.as_str()]);
    }
    let flow = &plan.flow.name;
    statements.batch("beginning", "BEGIN").await?;
    let forget = format!("{WANTED} {FORGET}");
    statements.execute("forgetting routes that are gone", &forget, &all.params(flow)).await?;
    let rename = format!("{WANTED} {RENAME}");
    statements.execute("following groups that were renamed", &rename, &all.params(flow)).await?;
    let new = format!("{WANTED} {NEW}");
    let new = statements.query("looking for new routes", &new, &all.params(flow)).await?;
    let mut added = Names::default();
    let mut states = Vec::new();
    for row in &new {
        let place = usize::try_from(row.get::<_, i64>(0) - 1).unwrap_or(usize::MAX);
        // A broken one begins when it is whole.
        let Some(route) = plan.routes.get(place) else { continue };
        states.push(match first_state(statements, route).await? {
            None => "live",
            Some(state) => state.as_str(),
        });
        added.push(names(route));
    }
    if !states.is_empty() {
        let mut params = added.params(flow).to_vec();
        params.push(&states);
        statements.execute("noting new routes", ADD, &params).await?;
        let own: [Param<'_>; 4] = [flow, &added.from, &added.to, &added.dataset];
        statements.execute("looking at parked rows again", LOOK_AGAIN, &own).await?;
    }
    put_holds(statements, plan).await?;
    statements.batch("committing", "COMMIT").await?;
    Ok(())
}

/// What a route begins with; `None`: nothing is to be done.
async fn first_state(statements: &mut Statements, route: &Route) -> Result<Option<State>, Error> {
    match (route.initial, route.mode) {
        (Initial::None, _) => Ok(None),
        (Initial::Copy, Mode::CreateOnly | Mode::LinkOnly) => Ok(Some(State::Copying)),
        (Initial::Copy, Mode::Override) => {
            let sql = format!("SELECT EXISTS (SELECT FROM {})", route.target.quoted());
            let rows = statements.query("looking for rows of the customer's own", &sql, &[]).await?;
            if !rows.first().is_some_and(|row| row.get(0)) {
                return Ok(Some(State::Copying));
            }
            let [sync, _, customer, dataset] = names(route);
            tracing::warn!(
                sync, customer, dataset, table = %route.target,
                "the customer has rows of its own that the copy could override: what comes for it waits; \
                 `acequia plan --sync {sync} --customer {customer}` tells what would change, \
                 `acequia backfill --sync {sync} --customer {customer} --yes` begins"
            );
            Ok(Some(State::Unconfirmed))
        }
    }
}

/// Gives every route that has something to do its hold, and ends those of others.
pub(super) async fn put_holds(statements: &mut Statements, plan: &Plan) -> Result<(), Error> {
    let flow = &plan.flow.name;
    statements.execute("ending holds", END_HOLDS, &[flow]).await?;
    statements.execute("holding what is copied", PUT_HOLDS, &[flow]).await?;
    statements.execute("holding what is asked for anew", KEEP_HOLDS, &[flow]).await?;
    Ok(())
}

/// What is to be done, in the order of the plan's sources: parents first.
pub(super) async fn jobs(statements: &mut Statements, plan: &Plan) -> Result<Vec<Job>, Error> {
    let rows = statements.query("reading what is to be copied", READ, &[&plan.flow.name]).await?;
    let mut jobs = Vec::new();
    let known = if rows.is_empty() { HashMap::new() } else { places(plan) };
    for row in &rows {
        let word: &str = row.get(3);
        let state = State::ALL.into_iter().find(|state| state.as_str() == word);
        let (Some(route), Some(state)) = (known.get(&ends(row)).copied(), state) else { continue };
        let cursor: Option<String> = row.get(4);
        let horizon: Option<&str> = row.get(6);
        let passed = row.get::<_, Option<&str>>(5).map(str::parse).transpose();
        let passed =
            passed.map_err(|_| postgres::Error::protocol("reading what is to be copied", "no position"))?;
        jobs.push(Job {
            route,
            state,
            cursor,
            passed,
            horizon: horizon.and_then(|text| text.parse().ok()),
            is_due: false,
        });
    }
    jobs.sort_by_key(|job| (plan.routes[job.route].source, job.route));
    Ok(jobs)
}

const ASK: &str = "UPDATE acequia.backfill b SET state = CASE WHEN $5 THEN 'comparing' ELSE 'copying' END, resync = $5, \
    cursor = NULL, passed = NULL, horizon = NULL, rows = 0, estimate = NULL, who = $6, began_at = now(), copied_from = NULL, ended_at = NULL \
    WHERE flow = $1 AND ($2::text IS NULL OR sync = $2) AND ($3::text IS NULL OR to_customer = $3) \
    AND ($4::text IS NULL OR dataset = $4) AND ($5 OR state IN ('live', 'unconfirmed')) \
    RETURNING from_customer, to_customer, dataset";
/// What was parked before a gap in the stream says nothing about the rows of now; what is gone is found by its link. A
/// delete whose row no link remembers is kept.
const FORGET_PARKED: &str = "WITH r AS (SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::bool[]) \
    u (from_customer, to_customer, dataset, has_links)), \
    gone AS (DELETE FROM acequia.parked p USING r WHERE p.flow = $1 AND (p.op = 'upsert' OR r.has_links) \
    AND (p.from_customer, p.to_customer, p.dataset) = (r.from_customer, r.to_customer, r.dataset)) \
    UPDATE acequia.parked p SET op = 'delete' FROM r WHERE p.flow = $1 AND p.op = 'replace' AND NOT r.has_links \
    AND (p.from_customer, p.to_customer, p.dataset) = (r.from_customer, r.to_customer, r.dataset)";
/// What was dropped is missing in all data sets of the customer.
const END_OVERFLOW: &str = "DELETE FROM acequia.hold h WHERE flow = $1 AND reason = 'overflow' \
    AND to_customer = ANY ($2) RETURNING to_customer";

/// Has the routes of a scope (sync, customer, data set) copied: those that are not being copied already; where everything is
/// to be put right (`resync`), all of them, from the beginning. Answers how many.
pub(super) async fn ask(
    statements: &mut Statements,
    plan: &Plan,
    scope: &[Option<&str>; 3],
    (resync, who): (bool, &str),
) -> Result<usize, Error> {
    let flow = &plan.flow.name;
    let mut asked = ask_scope(statements, plan, scope, (resync, who)).await?;
    if resync {
        let customers: Vec<&str> = asked.iter().map(|&route| plan.routes[route].to.as_str()).collect();
        let rows = statements.query("ending a hold", END_OVERFLOW, &[flow, &customers]).await?;
        for row in &rows {
            asked.extend(ask_scope(statements, plan, &[None, Some(row.get(0)), None], (true, who)).await?);
        }
        asked.sort_unstable();
        asked.dedup();
        forget_parked(statements, plan, &asked).await?;
    }
    put_holds(statements, plan).await?;
    Ok(asked.len())
}

async fn ask_scope(
    statements: &mut Statements,
    plan: &Plan,
    scope: &[Option<&str>; 3],
    (resync, who): (bool, &str),
) -> Result<Vec<usize>, Error> {
    let params: [Param<'_>; 6] = [&plan.flow.name, &scope[0], &scope[1], &scope[2], &resync, &who];
    let rows = statements.query("noting what is to be copied", ASK, &params).await?;
    let known = places(plan);
    Ok(rows.iter().filter_map(|row| known.get(&ends(row)).copied()).collect())
}

/// The plan's routes by from, to and data set: with thousands of them, each is not looked for among all.
fn places(plan: &Plan) -> HashMap<[&str; 3], usize> {
    let routes = plan.routes.iter().enumerate();
    let name = |(place, route)| {
        let [_, from, to, dataset] = names(route);
        ([from, to, dataset], place)
    };
    routes.map(name).collect()
}

/// From, to and data set, the first columns of a row.
fn ends(row: &Row) -> [&str; 3] {
    [row.get(0), row.get(1), row.get(2)]
}

async fn forget_parked(statements: &mut Statements, plan: &Plan, routes: &[usize]) -> Result<(), Error> {
    let routes: Vec<&Route> = routes.iter().map(|&route| &plan.routes[route]).collect();
    let from: Vec<&str> = routes.iter().map(|route| route.from.as_str()).collect();
    let to: Vec<&str> = routes.iter().map(|route| route.to.as_str()).collect();
    let datasets: Vec<&str> = routes.iter().map(|route| route.dataset.as_str()).collect();
    let has_links: Vec<bool> = routes.iter().map(|route| route.crosswalk.is_some()).collect();
    let params: [Param<'_>; 5] = [&plan.flow.name, &from, &to, &datasets, &has_links];
    statements.execute("forgetting what was parked", FORGET_PARKED, &params).await?;
    Ok(())
}
