//! Who wrote how much: the route's number in the target, and counts that move with the data.

use crate::name::Ident;
use crate::postgres;
use crate::rules::{Plan, Route};

use super::statements::{Param, Statements};

/// What happened to the rows of one route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) deleted: u64,
    pub(super) skipped: u64,
    pub(super) parked: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.deleted += other.deleted;
        self.skipped += other.skipped;
        self.parked += other.parked;
    }
}

const REGISTER: &str = "WITH new AS (INSERT INTO acequia.route (flow, sync, from_customer, to_customer, dataset, key_columns, \
    image_columns) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id) \
    SELECT id FROM new UNION ALL SELECT id FROM acequia.route WHERE (flow, sync, from_customer, to_customer, dataset, \
    key_columns, image_columns) = ($1, $2, $3, $4, $5, $6, $7)";

const ADD: &str = "INSERT INTO acequia.route_count AS c (route, created, updated, deleted, skipped, parked) \
    SELECT * FROM unnest($1::int4[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[]) \
    ON CONFLICT (route) DO UPDATE SET created = c.created + excluded.created, updated = c.updated + excluded.updated, \
    deleted = c.deleted + excluded.deleted, skipped = c.skipped + excluded.skipped, parked = c.parked + excluded.parked, \
    last_at = now()";

/// The number of each route of the plan, in the plan's order; a route with other columns than before gets a new one.
pub(super) async fn register(statements: &mut Statements, plan: &Plan) -> Result<Vec<i32>, postgres::Error> {
    let mut numbers = Vec::with_capacity(plan.routes.len());
    for route in &plan.routes {
        let images: Vec<Ident> = route.image_columns.iter().map(|(name, _)| name.clone()).collect();
        numbers.push(register_one(statements, plan, route, &images).await?);
    }
    Ok(numbers)
}

/// The number of one route whose journal images hold these columns.
pub(super) async fn register_one(
    statements: &mut Statements,
    plan: &Plan,
    route: &Route,
    images: &[Ident],
) -> Result<i32, postgres::Error> {
    let names = |columns: &[Ident]| columns.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
    let (keys, images) = (names(&route.key_columns), names(images));
    let flow = &plan.flow.name;
    let (sync, from) = (route.sync.as_str(), route.from.as_str());
    let (to, dataset) = (route.to.as_str(), route.dataset.as_str());
    let params: [Param<'_>; 7] = [flow, &sync, &from, &to, &dataset, &keys, &images];
    let rows = statements.query("registering a route", REGISTER, &params).await?;
    let number = rows.first().map(|row| row.get(0));
    number.ok_or_else(|| postgres::Error::protocol("registering a route", "no number"))
}

/// Adds what a transaction did.
pub(super) async fn add(
    statements: &mut Statements,
    numbers: &[i32],
    tallies: &[Tally],
) -> Result<(), postgres::Error> {
    let busy: Vec<usize> = (0..tallies.len()).filter(|&i| tallies[i] != Tally::default()).collect();
    if busy.is_empty() {
        return Ok(());
    }
    let column = |count: fn(&Tally) -> u64| -> Vec<i64> {
        busy.iter().map(|&i| i64::try_from(count(&tallies[i])).unwrap_or(i64::MAX)).collect()
    };
    let routes: Vec<i32> = busy.iter().map(|&i| numbers[i]).collect();
    statements
        .execute(
            "counting what was written",
            ADD,
            &[
                &routes,
                &column(|tally| tally.created),
                &column(|tally| tally.updated),
                &column(|tally| tally.deleted),
                &column(|tally| tally.skipped),
                &column(|tally| tally.parked),
            ],
        )
        .await?;
    Ok(())
}
