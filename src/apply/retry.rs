//! Parked rows come back: when the parent that they waited for arrives, when their time has come, when an operator asks.
//!
//! They go through the same stage and the same statements as the stream, always the careful way.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use tokio_postgres::Row;

use crate::config::Mode;
use crate::lsn::Lsn;
use crate::rules::{Plan, Route, SourceTable};

use super::customer::ILLEGIBLE;
use super::engine::Engine;
use super::error::Error;
use super::failure::{Cost, Failure};
use super::fold::Op;
use super::holds::covering;
use super::ledger::{Span, Tally};
use super::stage::{Staged, StagedRow, set_number};
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

/// Tries the rows again whose parents have arrived, and those that wait for these, as deep as it goes. Rows that wait for
/// each other, or one for itself, wake each other every time: what came to nothing is not tried again before something got in.
pub(super) async fn arrivals(engine: &mut Engine) -> Result<(), Error> {
    let mut stuck: BTreeSet<i64> = BTreeSet::new();
    for _ in 0..ROUNDS {
        let mut round: BTreeMap<usize, BTreeSet<i64>> = BTreeMap::new();
        for arrival in std::mem::take(&mut engine.arrivals) {
            round.entry(arrival.customer).or_default().extend(arrival.ids);
        }
        let before = written(engine);
        let mut tried = BTreeSet::new();
        for (customer, ids) in round {
            let ids: Vec<i64> = ids.difference(&stuck).copied().collect();
            if !ids.is_empty() {
                tried.extend(ids.iter().copied());
                try_customer(engine, customer, ids).await?;
            }
        }
        if tried.is_empty() {
            return Ok(());
        }
        if written(engine) == before {
            stuck.append(&mut tried);
        } else {
            stuck = tried;
        }
    }
    engine.arrivals.clear();
    Ok(())
}

/// So many rows have been written by the transaction at hand.
fn written(engine: &Engine) -> u64 {
    engine.tallies.iter().map(|tally| tally.created + tally.updated).sum()
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
            // What is held has to wait for its hold.
            &format!(
                "SELECT id, to_customer FROM acequia.parked p WHERE flow = $1 AND next_try_at <= now() \
                 AND NOT EXISTS ({}) ORDER BY first_lsn, id LIMIT $2",
                covering("p")
            ),
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
            try_customer(engine, customer, ids).await?;
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

async fn try_customer(engine: &mut Engine, customer: usize, ids: Vec<i64>) -> Result<(), Error> {
    match again(engine, customer, ids).await? {
        None => Ok(()),
        Some(failure) => engine.hold(customer, &failure).await,
    }
}

/// Puts parked rows back on the stage and applies them to their customer, where that is not held. `Some` where the customer
/// is locked or broken: everything is then as before.
pub(super) async fn again(
    engine: &mut Engine,
    customer: usize,
    ids: Vec<i64>,
) -> Result<Option<Failure>, Error> {
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
            "SELECT id, from_customer, dataset, op, unchanged, moved_from IS NOT NULL, first_lsn::text, last_lsn::text \
             FROM acequia.parked \
             WHERE id = ANY ($1) AND sqlstate IS DISTINCT FROM $2 ORDER BY first_lsn, id",
            // What can't be read waits until the source changes it.
            &[&ids, &ILLEGIBLE],
        )
        .await?;
    let (mut staged, spans) = restore(engine, customer, &rows).await?;
    engine.statements.batch("setting a savepoint", "SAVEPOINT again").await?;
    let mut tallies = vec![Tally::default(); plan.routes.len()];
    let mut part = engine.part(&plan, &mut staged, customer);
    part.restored = true;
    let (done, at) = (part.apply_carefully(&[], &mut tallies).await, part.at);
    if let Err(error) = done {
        // What the careful way can't halve it can't park.
        let failure = Failure::of(error, Some(customer), at)?;
        if failure.cost == Cost::Rows {
            return Err(failure.error);
        }
        let back = "ROLLBACK TO SAVEPOINT again; RELEASE SAVEPOINT again";
        engine.statements.batch("going back to a savepoint", back).await?;
        engine.context.more_numbers.clear();
        engine.leave(&staged);
        return Ok(Some(failure));
    }
    engine.statements.batch("releasing a savepoint", "RELEASE SAVEPOINT again").await?;
    for (route, (total, mut tally)) in engine.tallies.iter_mut().zip(tallies).enumerate() {
        // Parked again is not parked anew, and what create-only leaves alone was counted when it came.
        tally.parked = 0;
        if plan.routes[route].mode != Mode::Override {
            tally.skipped = 0;
        }
        if tally != Tally::default() {
            tally.waited = spans.get(&plan.routes[route].source).copied();
        }
        total.add(tally);
    }
    engine.note_arrivals(&staged, Some(customer)).await?;
    engine.leave(&staged);
    Ok(None)
}

/// Stages parked rows of a customer, but for those whose routes are held. Answers also from where those of each source table
/// came, by its place in the plan.
async fn restore(
    engine: &mut Engine,
    customer: usize,
    rows: &[Row],
) -> Result<(Vec<Staged>, HashMap<usize, Span>), Error> {
    let plan = Arc::clone(&engine.plan);
    let mut tables: Vec<Restored> = Vec::new();
    for row in rows {
        let (from, dataset): (&str, &str) = (row.get(1), row.get(2));
        let is_source =
            |source: &SourceTable| source.customer.as_str() == from && source.dataset.as_str() == dataset;
        let Some(source) = plan.sources.iter().position(is_source) else { continue };
        let mut routes = plan.customers[customer].routes.clone();
        if !routes.any(|route| !engine.closed[route] && plan.routes[route].source == source) {
            continue;
        }
        let place = tables.iter().position(|table| table.staged.source == source).unwrap_or_else(|| {
            tables.push(Restored {
                staged: Staged::new(source),
                ids: Vec::new(),
                ops: Vec::new(),
                sets: Vec::new(),
                span: span(row),
            });
            tables.len() - 1
        });
        tables[place].push(row, &plan.sources[source]);
    }
    let mut all = Vec::with_capacity(tables.len());
    let spans = tables.iter().map(|table| (table.staged.source, table.span)).collect();
    for Restored { staged, ids, ops, sets, .. } in tables {
        let source = &plan.sources[staged.source];
        engine.ensure_stage(staged.source, source).await?;
        engine.statements.execute("staging parked rows", &source.stage.restore, &[&ids, &ops, &sets]).await?;
        all.push(staged);
    }
    Ok((all, spans))
}

/// When a parked row came, first and last.
fn span(row: &Row) -> Span {
    let at = |column: usize| row.get::<_, &str>(column).parse().unwrap_or(Lsn::ZERO);
    Span { from: at(6), to: at(7) }
}

/// Parked rows of one source table on their way to its stage.
struct Restored {
    staged: Staged,
    ids: Vec<i64>,
    /// What each becomes there: `U` or `D`.
    ops: Vec<&'static str>,
    /// The set of columns that each lacks.
    sets: Vec<i32>,
    span: Span,
}

impl Restored {
    /// Adds a parked row: two staged rows where one is to be replaced.
    fn push(&mut self, row: &Row, source: &SourceTable) {
        let (op, has_moved): (&str, bool) = (row.get(3), row.get(5));
        self.span = self.span.with(span(row));
        if op != "upsert" {
            self.staged.rows.push(StagedRow::new(Op::Delete, false, 0));
            self.ids.push(row.get(0));
            self.ops.push("D");
            self.sets.push(0);
        }
        if op != "delete" {
            let names: Vec<String> = row.get(4);
            let place = |name: &String| source.columns.iter().position(|column| column.name.as_str() == name);
            let mut unchanged: Vec<usize> = names.iter().filter_map(place).collect();
            unchanged.sort_unstable();
            let set = set_number(unchanged, &mut self.staged.sets);
            self.staged.rows.push(StagedRow::new(Op::Update, has_moved, set));
            self.ids.push(row.get(0));
            self.sets.push(i32::try_from(set).unwrap_or(i32::MAX));
            self.ops.push("U");
        }
    }
}
