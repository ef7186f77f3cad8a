//! Parked rows come back: when the parent that they waited for arrives, when their time has come, when an operator asks.
//!
//! They go through the same stage and the same statements as the stream, always the careful way.

use std::collections::HashSet;
use std::sync::Arc;

use crate::config::Mode;
use crate::rules::{Plan, Route};

use super::customer::ILLEGIBLE;
use super::engine::Engine;
use super::error::Error;
use super::fold::Op;
use super::ledger::Tally;
use super::stage::{Staged, StagedRow};
use super::statements::Statements;

/// So many parked rows are tried in one transaction when the timer rings.
const DUE_AT_ONCE: i64 = 2_000;
/// How many times in a row an arrival may let further rows in (a chain of parents): more wait for the timer.
const ROUNDS: usize = 16;

const PARKED_ROUTES: &str = "WITH RECURSIVE r AS (\
    (SELECT from_customer, to_customer, dataset FROM acequia.parked ORDER BY 1, 2, 3 LIMIT 1) UNION ALL \
    SELECT n.* FROM r CROSS JOIN LATERAL (SELECT p.from_customer, p.to_customer, p.dataset FROM acequia.parked p \
    WHERE (p.from_customer, p.to_customer, p.dataset) > (r.from_customer, r.to_customer, r.dataset) ORDER BY 1, 2, 3 LIMIT 1) n) \
    SELECT * FROM r";

/// Tries the rows again whose parents have arrived, and those that wait for these, as deep as it goes.
pub(super) async fn arrivals(engine: &mut Engine) -> Result<(), Error> {
    for _ in 0..ROUNDS {
        let round = std::mem::take(&mut engine.arrivals);
        if round.is_empty() {
            return Ok(());
        }
        for arrival in round {
            again(engine, arrival.customer, arrival.ids).await?;
        }
    }
    engine.arrivals.clear();
    Ok(())
}

/// The parked rows whose time has come: (id, customer). Looked up outside a transaction, so that an idle flow writes nothing.
pub(super) async fn due(engine: &mut Engine) -> Result<Vec<(i64, String)>, Error> {
    if engine.context.parked.is_empty() {
        return Ok(Vec::new());
    }
    let flow = engine.plan.flow.name.clone();
    let rows = engine
        .statements
        .query(
            "looking for parked rows that are due",
            "SELECT id, to_customer FROM acequia.parked WHERE flow = $1 AND next_try_at <= now() \
             ORDER BY first_lsn, id LIMIT $2",
            &[&flow, &DUE_AT_ONCE],
        )
        .await?;
    if rows.is_empty() {
        engine.context.parked = parked_routes(&mut engine.statements, &engine.plan).await?;
    }
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The routes of which something is parked. One step in the index for each, however many rows each has.
pub(super) async fn parked_routes(statements: &mut Statements, plan: &Plan) -> Result<HashSet<usize>, Error> {
    let found = statements.query("looking for parked rows", PARKED_ROUTES, &[]).await?;
    let found: HashSet<(&str, &str, &str)> =
        found.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    if found.is_empty() {
        return Ok(HashSet::new());
    }
    let is_among =
        |route: &Route| found.contains(&(route.from.as_str(), route.to.as_str(), route.dataset.as_str()));
    Ok((0..plan.routes.len()).filter(|&route| is_among(&plan.routes[route])).collect())
}

/// Tries these rows again.
pub(super) async fn try_again(engine: &mut Engine, due: &[(i64, String)]) -> Result<(), Error> {
    let plan = Arc::clone(&engine.plan);
    for (customer, routes) in plan.customers.iter().enumerate() {
        let own = due.iter().filter(|(_, name)| name == routes.customer.as_str());
        let ids: Vec<i64> = own.map(|(id, _)| *id).collect();
        if !ids.is_empty() {
            again(engine, customer, ids).await?;
        }
    }
    arrivals(engine).await?;
    // A row of a route that the rules no longer have stays until it is dropped; it need not be looked at so often.
    let ids: Vec<i64> = due.iter().map(|(id, _)| *id).collect();
    engine
        .statements
        .execute(
            "putting parked rows off",
            "UPDATE acequia.parked SET next_try_at = now() + interval '1 hour' WHERE id = ANY ($1) AND next_try_at <= now()",
            &[&ids],
        )
        .await?;
    Ok(())
}

/// These parked rows, and the parked rows that they wait for: in a circle nobody comes first.
async fn with_awaited(engine: &mut Engine, ids: Vec<i64>) -> Result<Vec<i64>, Error> {
    let sql = "WITH RECURSIVE wanted AS (SELECT id FROM unnest($1::int8[]) i (id) UNION SELECT q.id FROM wanted w \
               JOIN acequia.parked p ON p.id = w.id JOIN acequia.parked q ON q.from_customer = p.from_customer \
               AND q.to_customer = p.to_customer AND q.dataset = p.waits_for AND q.key = p.waits_key) \
               SELECT id FROM wanted";
    let rows = engine.statements.query("looking for a circle among parked rows", sql, &[&ids]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// A row that was parked under an earlier plan may lack columns of this one: they are not known, which is not NULL.
const NOTE_LACKING: &str = "UPDATE acequia.parked p SET unchanged = ARRAY(SELECT n FROM string_to_table(e.names, E'\\n') n \
    WHERE n = ANY (p.unchanged) OR p.payload->n IS NULL) \
    FROM unnest($2::text[], $3::text[], $4::text[]) e (from_customer, dataset, names) \
    WHERE p.id = ANY ($1) AND p.op <> 'delete' AND p.from_customer = e.from_customer AND p.dataset = e.dataset \
    AND (SELECT string_agg(k, E'\\n') FROM json_object_keys(p.payload) k) IS DISTINCT FROM e.names";

/// Notes for these rows what their payload does not say; it is then fetched from the source like everything unknown.
async fn note_lacking(engine: &mut Engine, ids: &[i64]) -> Result<(), Error> {
    let sources = &engine.plan.sources;
    let from: Vec<&str> = sources.iter().map(|source| source.customer.as_str()).collect();
    let datasets: Vec<&str> = sources.iter().map(|source| source.dataset.as_str()).collect();
    let names = sources.iter().map(|source| {
        source.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join("\n")
    });
    let names: Vec<String> = names.collect();
    let params: [super::statements::Param<'_>; 4] = [&ids, &from, &datasets, &names];
    engine.statements.execute("noting what parked rows lack", NOTE_LACKING, &params).await?;
    Ok(())
}

/// Puts parked rows back on the stage and applies them to their customer.
async fn again(engine: &mut Engine, customer: usize, ids: Vec<i64>) -> Result<(), Error> {
    let plan = Arc::clone(&engine.plan);
    let has_circles = !plan.customers[customer].circles.is_empty();
    let ids = if has_circles { with_awaited(engine, ids).await? } else { ids };
    engine.context.generation += 1;
    engine.sweep().await?;
    note_lacking(engine, &ids).await?;
    let rows = engine
        .statements
        .query(
            "reading parked rows",
            "SELECT id, from_customer, dataset, op, unchanged FROM acequia.parked WHERE id = ANY ($1) \
             AND sqlstate IS DISTINCT FROM $2 ORDER BY first_lsn, id",
            // What can't be read waits until the source changes it.
            &[&ids, &ILLEGIBLE],
        )
        .await?;
    let mut tables: Vec<(Staged, Vec<i64>)> = Vec::new();
    for row in &rows {
        let (from, dataset): (&str, &str) = (row.get(1), row.get(2));
        let is_source = |source: &crate::rules::SourceTable| {
            source.customer.as_str() == from && source.dataset.as_str() == dataset
        };
        let Some(source) = plan.sources.iter().position(is_source) else { continue };
        let place = tables.iter().position(|(staged, _)| staged.source == source).unwrap_or_else(|| {
            tables.push((Staged::new(source), Vec::new()));
            tables.len() - 1
        });
        let (staged, restored) = &mut tables[place];
        let names: Vec<String> = row.get(4);
        let columns = &plan.sources[source].columns;
        let unknown =
            names.iter().filter_map(|name| columns.iter().position(|column| column.name.as_str() == name));
        // The restoring statement numbers each row's set like the row itself.
        staged.sets.push(unknown.collect());
        let op = if row.get::<_, &str>(3) == "delete" { Op::Delete } else { Op::Update };
        let set = if names.is_empty() { 0 } else { staged.sets.len() };
        staged.rows.push(StagedRow::new(op, false, set));
        restored.push(row.get(0));
    }
    for (staged, ids) in &tables {
        let source = &plan.sources[staged.source];
        engine.ensure_stage(staged.source, source).await?;
        engine.statements.execute("staging parked rows", &source.stage.restore, &[ids]).await?;
    }
    let mut staged: Vec<Staged> = tables.into_iter().map(|(staged, _)| staged).collect();
    let mut tallies = vec![Tally::default(); plan.routes.len()];
    engine.part(&plan, &mut staged, customer).apply_carefully(&[], &mut tallies).await?;
    for (route, (total, mut tally)) in engine.tallies.iter_mut().zip(tallies).enumerate() {
        // Parked again is not parked anew, and what create-only leaves alone was counted when it came.
        tally.parked = 0;
        if plan.routes[route].mode != Mode::Override {
            tally.skipped = 0;
        }
        total.add(tally);
    }
    engine.note_arrivals(&staged).await?;
    engine.leave(&staged);
    Ok(())
}
