//! Who wrote how much, and when: the route's number in the target, and counts that move with the data. They are kept twice:
//! as one sum for each route, and for each minute in which something was written, with the positions of what came then.

use std::collections::HashMap;

use crate::lsn::Lsn;
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
    /// From where what had waited among them came; `None` where nothing had.
    pub(super) waited: Option<Span>,
}

/// Where source transactions end, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Lsn,
    pub(super) to: Lsn,
}

impl Span {
    /// Both, and what is between them.
    pub(super) fn with(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }

    fn join(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.map(|one| other.map_or(one, |other| one.with(other))).or(other)
    }
}

/// What a target transaction brings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Brought {
    /// The source transactions that the stream brought; `None` where it brought none.
    pub(super) stream: Option<Span>,
    /// Commit time of the last of them, microseconds since 2000-01-01.
    pub(super) time_us: Option<i64>,
    /// Where the flow is with it: the position of what was copied.
    pub(super) at: Lsn,
}

impl Brought {
    /// From where the rows of a route came.
    fn span(&self, tally: &Tally) -> Span {
        Span::join(self.stream, tally.waited).unwrap_or(Span { from: self.at, to: self.at })
    }
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.deleted += other.deleted;
        self.skipped += other.skipped;
        self.parked += other.parked;
        self.waited = Span::join(self.waited, other.waited);
    }
}

/// The routes wanted, as arrays: `$1` flow, `$2` sync, `$3` from, `$4` to, `$5` data set, `$6` key columns, `$7` image
/// columns; the last two hold an array's text each.
const WANTED: &str = "WITH w AS (SELECT $1::text AS flow, sync, from_customer, to_customer, dataset, k::text[] AS key_columns, \
    i::text[] AS image_columns, md5(k || ' ' || i) AS columns_md5, n \
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) \
    WITH ORDINALITY u (sync, from_customer, to_customer, dataset, k, i, n))";
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

/// Without a look first, every start would use up a number for each route that is known.
const REGISTER: &str = "INSERT INTO acequia.route (flow, sync, from_customer, to_customer, dataset, key_columns, image_columns, \
    columns_md5) SELECT flow, sync, from_customer, to_customer, dataset, key_columns, image_columns, columns_md5 FROM w \
    WHERE NOT EXISTS (SELECT FROM acequia.route r WHERE (r.flow, r.sync, r.from_customer, r.to_customer, r.dataset, \
    r.columns_md5) = (w.flow, w.sync, w.from_customer, w.to_customer, w.dataset, w.columns_md5)) \
    ORDER BY n ON CONFLICT DO NOTHING";
const NUMBERS: &str = "SELECT r.id FROM w JOIN acequia.route r USING (flow, sync, from_customer, to_customer, dataset, \
    columns_md5) ORDER BY w.n";

/// One statement for both: `$1` routes, `$2` to `$6` counts, `$7` `$8` positions, `$9` the commit time.
const ADD: &str = "WITH n AS (SELECT * FROM unnest($1::int4[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], \
    $7::text[], $8::text[]) u (route, created, updated, deleted, skipped, parked, from_lsn, to_lsn)), \
    h AS (INSERT INTO acequia.applied AS a (route, minute, created, updated, deleted, skipped, parked, from_lsn, to_lsn, \
    commit_time) SELECT route, date_trunc('minute', clock_timestamp()), created, updated, deleted, skipped, parked, \
    from_lsn::pg_lsn, to_lsn::pg_lsn, '2000-01-01 00:00:00+00'::timestamptz + $9::int8 * interval '1 microsecond' FROM n \
    ON CONFLICT (route, minute) DO UPDATE SET created = a.created + excluded.created, updated = a.updated + excluded.updated, \
    deleted = a.deleted + excluded.deleted, skipped = a.skipped + excluded.skipped, parked = a.parked + excluded.parked, \
    from_lsn = least(a.from_lsn, excluded.from_lsn), to_lsn = greatest(a.to_lsn, excluded.to_lsn), \
    commit_time = greatest(a.commit_time, excluded.commit_time)) \
    INSERT INTO acequia.route_count AS c (route, created, updated, deleted, skipped, parked) \
    SELECT route, created, updated, deleted, skipped, parked FROM n \
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
    brought: Brought,
) -> Result<(), postgres::Error> {
    let busy: Vec<usize> = (0..tallies.len()).filter(|&i| tallies[i] != Tally::default()).collect();
    if busy.is_empty() {
        return Ok(());
    }
    let column = |count: fn(&Tally) -> u64| -> Vec<i64> {
        busy.iter().map(|&i| i64::try_from(count(&tallies[i])).unwrap_or(i64::MAX)).collect()
    };
    let routes: Vec<i32> = busy.iter().map(|&i| numbers[i]).collect();
    let spans = busy.iter().map(|&i| brought.span(&tallies[i]));
    let (from, to): (Vec<String>, Vec<String>) =
        spans.map(|span| (span.from.to_string(), span.to.to_string())).unzip();
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
                &from,
                &to,
                &brought.time_us,
            ],
        )
        .await?;
    Ok(())
}
