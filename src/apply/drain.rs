//! Catching up: what a hold kept back is written, the oldest first, in chunks of one transaction each.
//!
//! Meanwhile rows of the stream go on being parked, so that no state of a row overtakes another. With the last chunk the
//! hold ends.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::engine::Engine;
use super::error::Error;
use super::failure::{Cost, Failure};
use super::holds::{HELD, Hold, Reason};
use super::{retry, scheduled};

/// So many rows are written in one transaction …
const CHUNK_ROWS: i64 = 20_000;
/// … and those that came with the last of them, but no more than this: a parent and its children go together.
const CHUNK_ROWS_MAX: i64 = 40_000;
/// A customer that was locked a moment ago is not waited for.
const NO_PATIENCE: &str = "SET LOCAL lock_timeout = '100ms'";

/// Holds of one customer whose time has come, and the routes that nothing else keeps back.
pub(super) struct Turn {
    holds: Vec<Hold>,
    routes: Vec<usize>,
}

/// Whose turn it is. All of a customer's holds are taken together: its data sets refer to each other.
pub(super) fn next(engine: &Engine, due: &[i64]) -> Option<Turn> {
    let due: HashSet<i64> = due.iter().copied().collect();
    let due: Vec<&Hold> = engine.holds.all.iter().filter(|hold| due.contains(&hold.id)).collect();
    due.iter().find_map(|first| {
        let same = due.iter().filter(|hold| hold.customer == first.customer);
        let holds: Vec<Hold> = same.map(|hold| (*hold).clone()).collect();
        let routes = engine.holds.kept_by(&holds, &engine.plan);
        // What is resumed while others hold all of it is theirs from now on.
        (holds.iter().any(ends_alone) || !routes.is_empty()).then_some(Turn { holds, routes })
    })
}

/// Writes a chunk of what is kept back, inside a transaction. Answers whether there may be more to write at once.
pub(super) async fn chunk(engine: &mut Engine, turn: &Turn) -> Result<bool, Error> {
    let Turn { holds, routes } = turn;
    let plan = Arc::clone(&engine.plan);
    let Some(&first) = routes.first() else {
        return end_alone(engine, holds).await;
    };
    let customer = plan.customers.iter().position(|routes| routes.routes.contains(&first)).unwrap_or(0);
    if holds.iter().any(|hold| hold.reason == Reason::Locked) {
        engine.statements.batch("waiting less for locks", NO_PATIENCE).await?;
    }
    if holds.iter().any(|hold| hold.reason == Reason::Locked && hold.tries > 0)
        && let Some(failure) = probe(engine, customer, routes).await?
    {
        engine.hold(customer, &failure).await?;
        return Ok(false);
    }
    let ids = oldest(engine, customer, routes).await?;
    let count = ids.len();
    for &route in routes {
        engine.closed[route] = false;
    }
    if let Some(failure) = retry::again(engine, customer, ids).await? {
        engine.hold(customer, &failure).await?;
        return Ok(false);
    }
    retry::arrivals(engine).await?;
    if let Some(kept) = engine.kept.get_mut(plan.customers[customer].customer.as_str()) {
        *kept = kept.saturating_sub(count as u64);
    }
    if i64::try_from(count).is_ok_and(|count| count < CHUNK_ROWS) {
        return end(engine, holds).await;
    }
    let ids: Vec<i64> = holds.iter().map(|hold| hold.id).collect();
    let sql = "UPDATE acequia.hold SET tries = 0 WHERE id = ANY ($1) AND tries <> 0";
    engine.statements.execute("noting a try that went well", sql, &[&ids]).await?;
    engine.read_holds().await?;
    Ok(true)
}

/// Whether a hold can end while others keep its rows back.
fn ends_alone(hold: &Hold) -> bool {
    match hold.reason {
        Reason::Paused | Reason::Locked | Reason::Broken | Reason::Backfill => true,
        Reason::Overflow | Reason::Scheduled => false,
    }
}

/// Ends holds whose rows others keep back: what is copied, for one, waits for nothing but that the lock goes.
async fn end_alone(engine: &mut Engine, holds: &[Hold]) -> Result<bool, Error> {
    let plan = Arc::clone(&engine.plan);
    let mut ended: Vec<Hold> = holds.iter().filter(|hold| ends_alone(hold)).cloned().collect();
    let locked = |route: &usize| {
        holds.iter().any(|hold| hold.reason == Reason::Locked && hold.covers(&plan.routes[*route]))
    };
    let routes: Vec<usize> = (0..plan.routes.len()).filter(locked).collect();
    if let Some(&first) = routes.first() {
        engine.statements.batch("waiting less for locks", NO_PATIENCE).await?;
        let customer = plan.customers.iter().position(|own| own.routes.contains(&first)).unwrap_or(0);
        if let Some(failure) = probe(engine, customer, &routes).await? {
            engine.hold(customer, &failure).await?;
            ended.retain(|hold| hold.reason != Reason::Locked);
        }
    }
    end(engine, &ended).await
}

/// Looks whether the tables are still locked, before thousands of rows are staged for nothing.
async fn probe(engine: &mut Engine, customer: usize, routes: &[usize]) -> Result<Option<Failure>, Error> {
    let plan = Arc::clone(&engine.plan);
    let tables: BTreeSet<String> = routes.iter().map(|&route| plan.routes[route].target.quoted()).collect();
    let tables: Vec<String> = tables.into_iter().collect();
    let lock = format!("LOCK TABLE {} IN ROW EXCLUSIVE MODE", tables.join(", "));
    engine.statements.batch("setting a savepoint", "SAVEPOINT probe").await?;
    let locked = engine.statements.batch("looking for locks", &lock).await;
    // The locks go again with the savepoint: the writing takes those that it needs.
    let back = "ROLLBACK TO SAVEPOINT probe; RELEASE SAVEPOINT probe";
    engine.statements.batch("going back to a savepoint", back).await?;
    let Err(error) = locked else { return Ok(None) };
    let failure = Failure::of(error.into(), Some(customer), routes.first().copied())?;
    // What else may be wrong with them, the writing finds out.
    Ok(Some(failure).filter(|failure| failure.cost == Cost::Customer))
}

/// The rows that have waited longest on these routes of a customer.
async fn oldest(engine: &mut Engine, customer: usize, routes: &[usize]) -> Result<Vec<i64>, Error> {
    let plan = Arc::clone(&engine.plan);
    let own = routes.iter().map(|&route| &plan.routes[route]);
    let (from, dataset): (Vec<&str>, Vec<&str>) =
        own.map(|route| (route.from.as_str(), route.dataset.as_str())).unzip();
    let (flow, to) = (plan.flow.name.as_str(), plan.customers[customer].customer.as_str());
    let sql = format!(
        "SELECT id FROM (SELECT id, first_lsn FROM acequia.parked WHERE flow = $1 AND to_customer = $2 AND reason IN {HELD} \
         AND (from_customer, dataset) IN (SELECT * FROM unnest($3::text[], $4::text[])) \
         ORDER BY first_lsn FETCH FIRST ($5::int8) ROWS WITH TIES) q ORDER BY first_lsn, id LIMIT {CHUNK_ROWS_MAX}"
    );
    let rows = engine
        .statements
        .query("reading what was kept back", &sql, &[&flow, &to, &from, &dataset, &CHUNK_ROWS])
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// What has been copied and has caught up is live.
const LIVE: &str = "UPDATE acequia.backfill b SET state = 'live', cursor = NULL, ended_at = now() FROM acequia.hold h \
    WHERE h.id = ANY ($1) AND h.reason = 'backfill' AND b.state = 'replaying' \
    AND (b.flow, b.sync, b.to_customer, b.dataset) = (h.flow, h.sync, h.to_customer, h.dataset)";

/// What could not be written before, for want of a row that has come since or was on its way in a later chunk, can be now.
const TRY_REST: &str = "UPDATE acequia.parked p SET next_try_at = now() FROM acequia.hold h WHERE h.id = ANY ($1) \
    AND p.flow = h.flow AND (h.sync IS NULL OR h.sync = p.sync) AND (h.to_customer IS NULL OR h.to_customer = p.to_customer) \
    AND (h.dataset IS NULL OR h.dataset = p.dataset) AND p.next_try_at > now() AND p.next_try_at < 'infinity'";

/// Nothing is kept back any more. What is written at certain times is held again until the next one.
async fn end(engine: &mut Engine, holds: &[Hold]) -> Result<bool, Error> {
    let plan = Arc::clone(&engine.plan);
    let mut ended = Vec::new();
    for hold in holds {
        if !scheduled::again(&mut engine.statements, &plan, hold).await? {
            ended.push(hold);
        }
    }
    let ids: Vec<i64> = ended.iter().map(|hold| hold.id).collect();
    engine.statements.execute("noting what is live", LIVE, &[&ids]).await?;
    engine.statements.execute("putting parked rows on time", TRY_REST, &[&ids]).await?;
    let sql = "DELETE FROM acequia.hold WHERE id = ANY ($1)";
    engine.statements.execute("ending holds", sql, &[&ids]).await?;
    engine.read_jobs().await?;
    engine.read_holds().await?;
    for hold in ended {
        tracing::info!(
            customer = hold.customer.as_deref().unwrap_or("all"),
            dataset = hold.dataset.as_deref().unwrap_or("all"),
            reason = hold.reason.as_str(),
            "no longer held: what had waited is written"
        );
    }
    Ok(false)
}
