//! Parked rows come back: when the parent that they waited for arrives, when their time has come, when an operator asks.
//!
//! They go through the same stage and the same statements as the stream, always the careful way.

use std::sync::Arc;

use std::collections::HashMap;

use crate::config::Mode;

use super::error::Error;
use super::fold::Op;
use super::ledger::Tally;
use super::stage::{Staged, StagedRow};
use super::writer::Writer;

/// So many parked rows are tried in one transaction when the timer rings.
const DUE_AT_ONCE: i64 = 2_000;
/// How many times in a row an arrival may let further rows in (a chain of parents): more wait for the timer.
const ROUNDS: usize = 16;

/// Parked rows whose parent has arrived in one customer.
#[derive(Debug)]
pub(super) struct Arrival {
    /// Position in the plan's customers.
    customer: usize,
    /// Ids in `acequia.parked`.
    ids: Vec<i64>,
}

/// Notes which parked rows wait for what was just staged, while the stage still holds it.
pub(super) async fn note_arrivals(writer: &mut Writer, staged: &[Staged]) -> Result<(), Error> {
    if !writer.context.has_parked {
        return Ok(());
    }
    let plan = Arc::clone(&writer.plan);
    for (customer, routes) in plan.customers.iter().enumerate() {
        let mut ids = Vec::new();
        for staged in staged {
            let source = &plan.sources[staged.source];
            let routed = routes.routes.clone().any(|route| plan.routes[route].source == staged.source);
            for wake in source.wake.iter().filter(|_| routed) {
                let (from, to, dataset) =
                    (source.customer.as_str(), routes.customer.as_str(), source.dataset.as_str());
                let rows = writer
                    .statements
                    .query("looking who waits for it", wake, &[&from, &to, &dataset])
                    .await?;
                ids.extend(rows.iter().map(|row| row.get::<_, i64>(0)));
            }
        }
        if !ids.is_empty() {
            writer.arrivals.push(Arrival { customer, ids });
        }
    }
    Ok(())
}

/// Tries the rows again whose parents have arrived, and those that wait for these, as deep as it goes.
pub(super) async fn arrivals(writer: &mut Writer) -> Result<(), Error> {
    for _ in 0..ROUNDS {
        let round = std::mem::take(&mut writer.arrivals);
        if round.is_empty() {
            return Ok(());
        }
        for arrival in round {
            again(writer, arrival.customer, arrival.ids).await?;
        }
    }
    writer.arrivals.clear();
    Ok(())
}

/// Tries the rows again whose time has come.
pub(super) async fn due(writer: &mut Writer) -> Result<u64, Error> {
    let plan = Arc::clone(&writer.plan);
    let flow = &plan.flow.name;
    let rows = writer
        .statements
        .query(
            "looking for parked rows that are due",
            "SELECT id, to_customer FROM acequia.parked WHERE flow = $1 AND next_try_at <= now() \
             ORDER BY first_lsn, id LIMIT $2",
            &[flow, &DUE_AT_ONCE],
        )
        .await?;
    let mut by_customer: HashMap<usize, Vec<i64>> = HashMap::new();
    for row in &rows {
        let name: &str = row.get(1);
        if let Some(customer) = plan.customers.iter().position(|customer| customer.customer.as_str() == name)
        {
            by_customer.entry(customer).or_default().push(row.get(0));
        }
    }
    for (customer, ids) in by_customer {
        again(writer, customer, ids).await?;
    }
    arrivals(writer).await?;
    if rows.is_empty() {
        let left = writer
            .statements
            .query(
                "counting parked rows",
                "SELECT EXISTS (SELECT FROM acequia.parked WHERE flow = $1)",
                &[flow],
            )
            .await?;
        writer.context.has_parked = left.first().is_some_and(|row| row.get(0));
    }
    Ok(rows.len() as u64)
}

/// Puts parked rows back on the stage and applies them to their customer.
async fn again(writer: &mut Writer, customer: usize, ids: Vec<i64>) -> Result<(), Error> {
    let plan = Arc::clone(&writer.plan);
    writer.context.generation += 1;
    let rows = writer
        .statements
        .query(
            "reading parked rows",
            "SELECT id, from_customer, dataset, op, unchanged FROM acequia.parked WHERE id = ANY ($1) ORDER BY first_lsn, id",
            &[&ids],
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
            tables
                .push((Staged { source, rows: Vec::new(), sets: Vec::new(), truncated: false }, Vec::new()));
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
        staged.rows.push(StagedRow { op, moved: false, set });
        restored.push(row.get(0));
    }
    for (staged, ids) in &tables {
        let source = &plan.sources[staged.source];
        writer.ensure_stage(staged.source, source).await?;
        writer.statements.execute("staging parked rows", &source.stage.restore, &[ids]).await?;
    }
    let mut staged: Vec<Staged> = tables.into_iter().map(|(staged, _)| staged).collect();
    let mut tallies = vec![Tally::default(); plan.routes.len()];
    writer.part(&plan, &mut staged, customer).apply_carefully(&[], &mut tallies).await?;
    for (route, (total, mut tally)) in writer.tallies.iter_mut().zip(tallies).enumerate() {
        // Parked again is not parked anew, and what create-only leaves alone was counted when it came.
        tally.parked = 0;
        if plan.routes[route].mode == Mode::CreateOnly {
            tally.skipped = 0;
        }
        total.add(tally);
    }
    note_arrivals(writer, &staged).await?;
    writer.clear(&staged).await
}
