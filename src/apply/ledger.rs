//! Who wrote how much: the route's number in the target, and counts that move with the data.

use std::collections::HashMap;

use crate::name::{Ident, array_text};
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

/// The routes wanted, as arrays: `$1` flow, `$2` sync, `$3` from, `$4` to, `$5` data set, `$6` key columns, `$7` image
/// columns; the last two hold an array's text each.
const WANTED: &str = "WITH w AS (SELECT $1::text AS flow, sync, from_customer, to_customer, dataset, k::text[] AS key_columns, \
    i::text[] AS image_columns, md5(k || ' ' || i) AS columns_md5, n \
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) \
    WITH ORDINALITY u (sync, from_customer, to_customer, dataset, k, i, n))";
/// Without a look first, every start would use up a number for each route that is known.
/// How many rows came in through circles, by route.
#[derive(Debug, Default)]
pub(super) struct Circled(HashMap<usize, u64>);

impl Circled {
    /// Rows that a circle has created.
    pub(super) fn note(&mut self, route: usize, created: u64) {
        *self.0.entry(route).or_default() += created;
    }

    /// What a route did, with the rows that its circle had created: those the usual way found there already.
    pub(super) fn count(&mut self, route: usize, usual: Tally) -> Tally {
        let created = self.0.remove(&route).unwrap_or(0);
        let skipped = usual.skipped.saturating_sub(created);
        Tally { created: usual.created + created, skipped, ..usual }
    }
}

const REGISTER: &str = "INSERT INTO acequia.route (flow, sync, from_customer, to_customer, dataset, key_columns, image_columns, \
    columns_md5) SELECT flow, sync, from_customer, to_customer, dataset, key_columns, image_columns, columns_md5 FROM w \
    WHERE NOT EXISTS (SELECT FROM acequia.route r WHERE (r.flow, r.sync, r.from_customer, r.to_customer, r.dataset, \
    r.columns_md5) = (w.flow, w.sync, w.from_customer, w.to_customer, w.dataset, w.columns_md5)) \
    ORDER BY n ON CONFLICT DO NOTHING";
const NUMBERS: &str = "SELECT r.id FROM w JOIN acequia.route r USING (flow, sync, from_customer, to_customer, dataset, \
    columns_md5) ORDER BY w.n";

const ADD: &str = "INSERT INTO acequia.route_count AS c (route, created, updated, deleted, skipped, parked) \
    SELECT * FROM unnest($1::int4[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[]) \
    ON CONFLICT (route) DO UPDATE SET created = c.created + excluded.created, updated = c.updated + excluded.updated, \
    deleted = c.deleted + excluded.deleted, skipped = c.skipped + excluded.skipped, parked = c.parked + excluded.parked, \
    last_at = now()";

/// The number of each route of the plan, in the plan's order; a route with other columns than before gets a new one.
pub(super) async fn register(statements: &mut Statements, plan: &Plan) -> Result<Vec<i32>, postgres::Error> {
    let names = |route: &Route| route.image_columns.iter().map(|(name, _)| name.clone()).collect();
    let images: Vec<Vec<Ident>> = plan.routes.iter().map(names).collect();
    let routes: Vec<(&Route, &[Ident])> = plan.routes.iter().zip(images.iter().map(Vec::as_slice)).collect();
    register_all(statements, plan, &routes).await
}

/// The number of one route whose journal images hold these columns.
pub(super) async fn register_one(
    statements: &mut Statements,
    plan: &Plan,
    route: &Route,
    images: &[Ident],
) -> Result<i32, postgres::Error> {
    let numbers = register_all(statements, plan, &[(route, images)]).await?;
    numbers.first().copied().ok_or_else(|| postgres::Error::protocol("registering a route", "no number"))
}

/// The numbers of routes, each with the columns of its images: two round trips, however many they are.
async fn register_all(
    statements: &mut Statements,
    plan: &Plan,
    routes: &[(&Route, &[Ident])],
) -> Result<Vec<i32>, postgres::Error> {
    let text = |name: fn(&Route) -> &str| routes.iter().map(|(route, _)| name(route)).collect::<Vec<_>>();
    let sync = text(|route| route.sync.as_str());
    let (from, to) = (text(|route| route.from.as_str()), text(|route| route.to.as_str()));
    let dataset = text(|route| route.dataset.as_str());
    let keys: Vec<String> = routes.iter().map(|(route, _)| array(&route.key_columns)).collect();
    let images: Vec<String> = routes.iter().map(|(_, images)| array(images)).collect();
    let params: [Param<'_>; 7] = [&plan.flow.name, &sync, &from, &to, &dataset, &keys, &images];
    statements.execute("registering routes", &format!("{WANTED} {REGISTER}"), &params).await?;
    let rows =
        statements.query("reading the routes' numbers", &format!("{WANTED} {NUMBERS}"), &params).await?;
    if rows.len() == routes.len() {
        Ok(rows.iter().map(|row| row.get(0)).collect())
    } else {
        Err(postgres::Error::protocol("registering routes", "not one number for each"))
    }
}

/// Columns as the text of an SQL array.
fn array(columns: &[Ident]) -> String {
    array_text(columns.iter().map(Ident::as_str))
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
