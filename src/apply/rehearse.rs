//! What a copy would do to a customer: it is done, by the writer itself, counted, and rolled back. Nothing stays but numbers
//! that sequences have given out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Database;
use crate::lsn::Lsn;
use crate::postgres;
use crate::rules::{CREATE_MOVED, Plan};

use super::context::{Context, TEXTS_MAX};
use super::copier::CREATE_ASIDE;
use super::engine::Engine;
use super::error::Error;
use super::holds::Holds;
use super::ledger::{self, Tally};
use super::origin::Origin;
use super::piece;
use super::recent::Recent;
use super::statements::{Param, Statements};
use super::{control, crosswalk, retry};

/// Rows of a piece.
const ROWS: u32 = 5_000;

/// What would become of one route.
#[derive(Debug, Clone, Default)]
pub struct Forecast {
    /// The route's place in the plan.
    pub route: usize,
    /// Rows of the source table.
    pub rows: u64,
    /// Rows that the customer lacks.
    pub created: u64,
    /// Rows of the customer that would be changed.
    pub changed: u64,
    /// Rows of the customer that would be taken away.
    pub deleted: u64,
    /// Rows that stay as they are, or that the rule does not give.
    pub left: u64,
    /// Rows that would be parked, by reason.
    pub parked: BTreeMap<String, u64>,
    /// Natural keys, as JSON arrays: by `create`, `change` or the reason.
    pub examples: BTreeMap<String, Vec<String>>,
    /// The customer's table could not be written at all, for the time being: why.
    pub refused: Option<String>,
}

/// Which routes are rehearsed: all that these names choose together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scope<'a> {
    /// A sync group.
    pub sync: Option<&'a str>,
    /// A customer.
    pub customer: Option<&'a str>,
    /// A data set.
    pub dataset: Option<&'a str>,
    /// So many examples of each kind.
    pub examples: u32,
}

/// A writer whose work is never committed.
pub struct Rehearsal {
    engine: Engine,
}

impl Rehearsal {
    /// Opens the session at the target.
    pub async fn open(source: &Database, target: &Database, plan: Arc<Plan>) -> Result<Self, Error> {
        let statements = Statements::open(target, &format!("acequia plan {}", plan.flow.name)).await?;
        let numbers = vec![0; plan.routes.len()];
        let context = Context {
            source: Origin::new(source.clone()),
            numbers,
            more_numbers: std::collections::HashMap::new(),
            texts: Recent::new(TEXTS_MAX),
            parked: std::collections::HashSet::new(),
            generation: 0,
            lsn: Lsn::ZERO,
        };
        let mut engine = Engine::new(statements, Arc::clone(&plan), context);
        engine.set_holds(Holds::none(&plan));
        engine.rehearses = true;
        Ok(Self { engine })
    }

    /// The customers of the plan that have a route in the scope.
    pub fn customers(&self, scope: &Scope<'_>) -> Vec<usize> {
        let plan = &self.engine.plan;
        let has = |customer: &usize| !self.routes(*customer, scope).is_empty();
        (0..plan.customers.len()).filter(has).collect()
    }

    fn routes(&self, customer: usize, scope: &Scope<'_>) -> Vec<usize> {
        let plan = &self.engine.plan;
        let is = |wanted: Option<&str>, own: &str| wanted.is_none_or(|wanted| wanted == own);
        let covers = |route: &usize| {
            let route = &plan.routes[*route];
            is(scope.sync, route.sync.as_str())
                && is(scope.customer, route.to.as_str())
                && is(scope.dataset, route.dataset.as_str())
        };
        plan.customers[customer].routes.clone().filter(covers).collect()
    }

    /// Rehearses one customer's routes, parents first, in one transaction, which is rolled back.
    pub async fn rehearse(&mut self, customer: usize, scope: &Scope<'_>) -> Result<Vec<Forecast>, Error> {
        let routes = self.routes(customer, scope);
        self.engine.statements.batch("beginning", "BEGIN").await?;
        let done = self.inside(customer, &routes, scope.examples).await;
        // Whatever has failed, nothing stays. The stages go too, where they were made in here.
        self.engine.statements.batch("rolling back", "ROLLBACK").await?;
        self.engine.forget_stages();
        done
    }

    async fn inside(
        &mut self,
        customer: usize,
        routes: &[usize],
        examples: u32,
    ) -> Result<Vec<Forecast>, Error> {
        let engine = &mut self.engine;
        let plan = Arc::clone(&engine.plan);
        let mut prepare = format!("{CREATE_MOVED}; {CREATE_ASIDE}");
        if let Some(sql) = control::upgrade(control::version(&engine.statements).await?) {
            prepare = format!("CREATE SCHEMA IF NOT EXISTS acequia; {sql}; {prepare}");
        }
        engine.statements.batch("preparing a rehearsal", &prepare).await?;
        crosswalk::ensure_of(&mut engine.statements, &plan, plan.customers[customer].customer.as_str())
            .await?;
        engine.context.numbers = ledger::register(&mut engine.statements, &plan).await?;
        engine.context.more_numbers.clear();
        let clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8";
        let row = engine.statements.query("reading the clock", clock, &[]).await?;
        let row = row.first().ok_or_else(|| postgres::Error::protocol("reading the clock", "no row"))?;
        engine.context.generation = row.get(0);
        engine.tallies.fill(Tally::default());
        let generation = engine.context.generation + 1;
        let mut forecasts: Vec<Forecast> = Vec::new();
        for &route in routes {
            forecasts.push(all_of(engine, route, generation, examples).await?);
        }
        for forecast in &mut forecasts {
            // What waits for a row that comes in later has come in by now, or not.
            let tally = engine.tallies[forecast.route];
            (forecast.created, forecast.changed, forecast.deleted) =
                (tally.created, tally.updated, tally.deleted);
            forecast.parked = parked(engine, forecast.route, generation).await?;
            let parked: u64 = forecast.parked.values().sum();
            let done = forecast.created + forecast.changed + parked;
            forecast.left = forecast.rows.saturating_sub(done);
        }
        Ok(forecasts)
    }
}

/// Copies a whole source table for one route.
async fn all_of(
    engine: &mut Engine,
    route: usize,
    generation: i64,
    examples: u32,
) -> Result<Forecast, Error> {
    let plan = Arc::clone(&engine.plan);
    let number = plan.routes[route].source;
    let source = &plan.sources[number];
    let mut forecast = Forecast { route, ..Forecast::default() };
    let received = if plan.routes[route].cascade {
        Vec::new()
    } else {
        piece::received(&mut engine.context.source, source).await?
    };
    let mut cursor: Option<String> = None;
    loop {
        let read = piece::read(
            &mut engine.context.source,
            (number, source),
            (cursor.as_deref(), ROWS),
            (&received, None),
        )
        .await?;
        if read.is_empty() {
            break;
        }
        let mut copied = read.stage(engine).await?;
        let count = copied.staged.rows.len();
        forecast.rows += count as u64;
        if engine.write_piece(&mut copied.staged, &[route]).await?.is_empty() {
            forecast.refused = Some(plan.routes[route].target.to_string());
            engine.set_holds(Holds::none(&plan));
            engine.leave(std::slice::from_ref(&copied.staged));
            break;
        }
        engine.note_arrivals(std::slice::from_ref(&copied.staged), None).await?;
        note_examples(engine, (route, generation, examples), &mut forecast).await?;
        engine.leave(std::slice::from_ref(&copied.staged));
        retry::arrivals(engine).await?;
        cursor = copied.last.or(cursor);
        if count < ROWS as usize {
            break;
        }
    }
    Ok(forecast)
}

async fn note_examples(
    engine: &mut Engine,
    (route, generation, examples): (usize, i64, u32),
    forecast: &mut Forecast,
) -> Result<(), Error> {
    if examples == 0 {
        return Ok(());
    }
    let plan = Arc::clone(&engine.plan);
    let row = &plan.routes[route];
    let (from, to, dataset) = (row.from.as_str(), row.to.as_str(), row.dataset.as_str());
    let most = i64::from(examples);
    let sql = engine.context.sql(&plan, route).outcomes();
    let params: [Param<'_>; 5] = [&generation, &from, &to, &dataset, &most];
    for row in engine.statements.query("looking for examples", &sql, &params).await? {
        let known = forecast.examples.entry(row.get(0)).or_default();
        if known.len() < examples as usize {
            known.push(row.get(1));
        }
    }
    Ok(())
}

/// What is parked for a route by now, by reason.
async fn parked(engine: &mut Engine, route: usize, generation: i64) -> Result<BTreeMap<String, u64>, Error> {
    let plan = Arc::clone(&engine.plan);
    let row = &plan.routes[route];
    let (from, to, dataset) = (row.from.as_str(), row.to.as_str(), row.dataset.as_str());
    let sql = "SELECT reason, count(*) FROM acequia.parked WHERE from_customer = $1 AND to_customer = $2 AND dataset = $3 \
               AND generation >= $4 GROUP BY reason";
    let params: [Param<'_>; 4] = [&from, &to, &dataset, &generation];
    let rows = engine.statements.query("counting what would be parked", sql, &params).await?;
    let count = |row: &tokio_postgres::Row| (row.get(0), u64::try_from(row.get::<_, i64>(1)).unwrap_or(0));
    Ok(rows.iter().map(count).collect())
}
