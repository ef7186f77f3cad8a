//! Single rows that are brought up to date, because somebody has found that a customer's differ: read at the source by
//! identity, and written like everything else. What the source no longer has is followed as a delete.

use std::sync::Arc;

use crate::postgres;
use crate::rules::KEYS;

use super::engine::Engine;
use super::error::Error;
use super::fold::Op;
use super::piece::{self, Read, Wanted};
use super::stage::StagedRow;

/// So many rows of one route at once.
const ROWS: i64 = 1_000;

/// The oldest entry's route, and entries of it.
const NEXT: &str = "SELECT r.id, r.from_customer, r.to_customer, r.dataset, r.key FROM acequia.repair r \
    JOIN (SELECT from_customer, to_customer, dataset FROM acequia.repair WHERE flow = $1 \
    AND (from_customer, to_customer, dataset) NOT IN (SELECT * FROM unnest($2::text[], $3::text[], $4::text[])) ORDER BY id LIMIT 1) f \
    USING (from_customer, to_customer, dataset) WHERE r.flow = $1 ORDER BY r.id LIMIT $5";

/// Brings some rows up to date. Answers whether there may be more to do at once.
pub(super) async fn some(engine: &mut Engine) -> Result<bool, Error> {
    let plan = Arc::clone(&engine.plan);
    // Who is held gets its rows later.
    let held = plan.routes.iter().enumerate().filter(|(number, _)| engine.closed[*number]);
    let held: Vec<_> =
        held.map(|(_, route)| (route.from.as_str(), route.to.as_str(), route.dataset.as_str())).collect();
    let from: Vec<&str> = held.iter().map(|own| own.0).collect();
    let to: Vec<&str> = held.iter().map(|own| own.1).collect();
    let datasets: Vec<&str> = held.iter().map(|own| own.2).collect();
    let params: [super::statements::Param<'_>; 5] = [&plan.flow.name, &from, &to, &datasets, &ROWS];
    let rows = engine.statements.query("looking for rows to bring up to date", NEXT, &params).await?;
    let Some(first) = rows.first() else { return Ok(false) };
    let own: (&str, &str, &str) = (first.get(1), first.get(2), first.get(3));
    let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let is_its =
        |route: &crate::rules::Route| (route.from.as_str(), route.to.as_str(), route.dataset.as_str()) == own;
    if let Some(route) = plan.routes.iter().position(is_its) {
        let keys: Vec<&str> = rows.iter().map(|row| row.get(4)).collect();
        let keys = format!("[{}]", keys.join(","));
        let number = plan.routes[route].source;
        let found = read(engine, number, &keys).await;
        let (gone, read) = match found {
            Ok(found) => found,
            Err(error) => return engine.refuse(number, error).map(|()| false),
        };
        let gone: Vec<i64> = gone.iter().filter_map(|place| ids.get(*place).copied()).collect();
        bring(engine, route, &gone, read).await?;
    }
    // Without a route nobody gets the rows: their rule is gone.
    let sql = "DELETE FROM acequia.repair WHERE id = ANY ($1)";
    engine.statements.execute("forgetting what was brought up to date", sql, &[&ids]).await?;
    Ok(true)
}

/// What the source has of these identities, and which of them it does not have.
async fn read(engine: &mut Engine, number: usize, keys: &str) -> Result<(Vec<usize>, Read), postgres::Error> {
    let plan = Arc::clone(&engine.plan);
    let source = &plan.sources[number];
    let origin = &mut engine.context.source;
    let gone = piece::gone(origin, source, (KEYS, keys)).await?;
    Ok((gone, piece::read(origin, (number, source), Wanted::Of(keys), &[]).await?))
}

async fn bring(engine: &mut Engine, route: usize, gone: &[i64], read: Read) -> Result<(), Error> {
    let plan = Arc::clone(&engine.plan);
    let source = &plan.sources[plan.routes[route].source];
    let mut copied = read.stage(engine).await?;
    if !gone.is_empty() {
        let (sql, after) = (source.stage_gone(), copied.staged.last());
        let staged = engine.statements.execute("staging what is gone", &sql, &[&gone, &after]).await?;
        let deletes = usize::try_from(staged).unwrap_or(0);
        copied.staged.rows.extend(vec![StagedRow::new(Op::Delete, false, 0); deletes]);
    }
    engine.write_piece(&mut copied.staged, &[route]).await?;
    engine.note_arrivals(std::slice::from_ref(&copied.staged), None).await?;
    engine.leave(std::slice::from_ref(&copied.staged));
    Ok(())
}
