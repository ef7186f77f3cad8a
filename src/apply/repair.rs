//! Single rows that are brought up to date: because somebody has found that a customer's differ, or because a copy has left them
//! to the stream. Read at the source by identity, and written like everything else; what the source no longer has is
//! followed as a delete.
//!
//! A row is looked at twice, and written where it has not changed between the looks and the stream has passed the first one:
//! so what is written is the row's state where the stream is, and never one that is still to come.

use std::sync::Arc;

use tokio_postgres::Row;

use crate::postgres;

use super::engine::Engine;
use super::error::Error;
use super::fold::Op;
use super::piece::{self, Look};
use super::stage::StagedRow;
use super::statements::Param;

/// So many rows of one route at once.
const ROWS: i64 = 1_000;

/// The oldest entry's route, and entries of it that may be looked at. `$1` flow, `$2` `$3` `$4` routes that are held, `$5` how
/// many, `$6` where the stream is.
const NEXT: &str = "SELECT r.id, r.from_customer, r.to_customer, r.dataset, r.key, r.seen FROM acequia.repair r \
    JOIN (SELECT from_customer, to_customer, dataset FROM acequia.repair WHERE flow = $1 \
    AND (passed IS NULL OR passed <= $6::text::pg_lsn) \
    AND (from_customer, to_customer, dataset) NOT IN (SELECT * FROM unnest($2::text[], $3::text[], $4::text[])) \
    ORDER BY id LIMIT 1) f USING (from_customer, to_customer, dataset) \
    WHERE r.flow = $1 AND (r.passed IS NULL OR r.passed <= $6::text::pg_lsn) ORDER BY r.id LIMIT $5";
const NOTE: &str = "UPDATE acequia.repair r SET seen = v.seen, passed = $3::text::pg_lsn \
    FROM unnest($1::int8[], $2::text[]) v (id, seen) WHERE r.id = v.id";

/// Looks at some rows, and brings those up to date that can be. Answers whether there may be more to do at once.
pub(super) async fn some(engine: &mut Engine) -> Result<bool, Error> {
    let plan = Arc::clone(&engine.plan);
    let rows = next(engine).await?;
    let Some(first) = rows.first() else { return Ok(false) };
    let own: (&str, &str, &str) = (first.get(1), first.get(2), first.get(3));
    let is_its =
        |route: &crate::rules::Route| (route.from.as_str(), route.to.as_str(), route.dataset.as_str()) == own;
    let Some(route) = plan.routes.iter().position(is_its) else {
        // Nobody gets the rows: their rule is gone.
        return forget(engine, &ids(&rows)).await.map(|()| true);
    };
    let number = plan.routes[route].source;
    let keys: Vec<&str> = rows.iter().map(|row| row.get(4)).collect();
    let seen: Vec<Option<&str>> = rows.iter().map(|row| row.get(5)).collect();
    let is_settled = |place: usize, version: &str| seen[place] == Some(version);
    let looked =
        piece::look(&mut engine.context.source, (number, &plan.sources[number]), &keys, is_settled).await;
    let Look { at, versions, read } = match looked {
        Ok(looked) => looked,
        Err(error) => return engine.refuse(number, error).map(|()| false),
    };
    let (mut settled, mut gone, mut moving, mut now) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((place, version), id) in versions.iter().enumerate().zip(ids(&rows)) {
        if is_settled(place, version) {
            settled.push(id);
            gone.extend(version.is_empty().then_some(id));
        } else {
            moving.push(id);
            now.push(version.as_str());
        }
    }
    if !moving.is_empty() {
        let at = at.to_string();
        engine.statements.execute("noting rows that were looked at", NOTE, &[&moving, &now, &at]).await?;
    }
    // A customer that is locked or broken is held by now, and gets them when it no longer is.
    if !settled.is_empty() && bring(engine, route, &gone, read).await? {
        forget(engine, &settled).await?;
    }
    Ok(true)
}

fn ids(rows: &[Row]) -> Vec<i64> {
    rows.iter().map(|row| row.get(0)).collect()
}

async fn next(engine: &mut Engine) -> Result<Vec<Row>, postgres::Error> {
    let plan = Arc::clone(&engine.plan);
    // Who is held gets its rows later, and so does a route that the plan can't have now, or whose source can't be read.
    let routes = plan.routes.iter().zip(&engine.closed);
    let held = routes.filter(|(route, closed)| **closed || engine.copier.is_put_off(route.source));
    let held = held.map(|(route, _)| [route.from.as_str(), route.to.as_str(), route.dataset.as_str()]);
    let broken =
        plan.broken.iter().map(|route| [route.from.as_str(), route.to.as_str(), route.dataset.as_str()]);
    let held: Vec<[&str; 3]> = held.chain(broken).collect();
    let name = |i: usize| held.iter().map(|own| own[i]).collect::<Vec<&str>>();
    let (from, to, datasets) = (name(0), name(1), name(2));
    let at = engine.context.lsn_text();
    let params: [Param<'_>; 6] = [&plan.flow.name, &from, &to, &datasets, &ROWS, &at];
    engine.statements.query("looking for rows to bring up to date", NEXT, &params).await
}

async fn forget(engine: &mut Engine, ids: &[i64]) -> Result<(), Error> {
    let sql = "DELETE FROM acequia.repair WHERE id = ANY ($1)";
    engine.statements.execute("forgetting what was brought up to date", sql, &[&ids]).await?;
    Ok(())
}

async fn bring(
    engine: &mut Engine,
    route: usize,
    gone: &[i64],
    read: Option<piece::Read>,
) -> Result<bool, Error> {
    let plan = Arc::clone(&engine.plan);
    let number = plan.routes[route].source;
    let source = &plan.sources[number];
    let read = read.unwrap_or_else(|| piece::Read::nothing(number));
    let mut staged = read.stage(engine).await?.staged;
    if !gone.is_empty() {
        let (sql, after) = (source.stage_gone(), staged.last());
        let deletes = engine.statements.execute("staging what is gone", &sql, &[&gone, &after]).await?;
        let deletes = usize::try_from(deletes).unwrap_or(0);
        staged.rows.extend(vec![StagedRow::new(Op::Delete, false, 0); deletes]);
    }
    let done = engine.write_piece(&mut staged, &[route]).await?;
    engine.note_arrivals(std::slice::from_ref(&staged), None).await?;
    engine.leave(std::slice::from_ref(&staged));
    Ok(!done.is_empty())
}
