//! Who is held, and why: the rows of `acequia.hold`, and which routes of the plan they close.
//!
//! A hold outlives the daemon, because the rows that it keeps back do. Its time (`next_try_at`) is the target's own clock:
//! none means that somebody has to end it.

use std::collections::HashMap;

use crate::rules::{BrokenRoute, Plan, Route};

use super::error::Error;
use super::statements::{Param, Statements};

/// Reasons of parked rows that a hold keeps back, as an SQL list.
pub(super) const HELD: &str = "('paused', 'locked', 'broken', 'scheduled', 'backfill')";

/// Why a route is held. Where several hold one route, the first of them names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// More rows waited than the customer's limit: nothing is kept any more.
    Overflow,
    /// An operator said so.
    Paused,
    /// The server refuses the customer's table, not a row of it.
    Broken,
    /// Somebody has locked something of the customer.
    Locked,
    /// Rows that were there before are copied first.
    Backfill,
    /// The rule writes at certain times only.
    Scheduled,
}

impl Reason {
    const ALL: [Self; 6] =
        [Self::Overflow, Self::Paused, Self::Broken, Self::Locked, Self::Backfill, Self::Scheduled];

    /// As it stands in the control schema.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Overflow => "overflow",
            Self::Paused => "paused",
            Self::Broken => "broken",
            Self::Locked => "locked",
            Self::Backfill => "backfill",
            Self::Scheduled => "scheduled",
        }
    }

    /// Seconds until the first try, and the most that they grow to; none where no try is of use.
    fn pace(self) -> Option<(f64, f64)> {
        match self {
            Self::Locked => Some((1.0, 15.0)),
            Self::Broken => Some((5.0, 300.0)),
            Self::Overflow | Self::Paused | Self::Backfill | Self::Scheduled => None,
        }
    }
}

/// A row of `acequia.hold`.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    pub(super) id: i64,
    pub(super) reason: Reason,
    pub(super) sync: Option<String>,
    pub(super) customer: Option<String>,
    pub(super) dataset: Option<String>,
    /// Tries that came to nothing.
    pub(super) tries: i32,
}

impl Hold {
    /// The route is held by it.
    pub(super) fn covers(&self, route: &Route) -> bool {
        self.is_over([route.sync.as_str(), route.to.as_str(), route.dataset.as_str()])
    }

    /// The same for a route that the plan can't have.
    fn covers_broken(&self, route: &BrokenRoute) -> bool {
        self.is_over([route.sync.as_str(), route.to.as_str(), route.dataset.as_str()])
    }

    fn is_over(&self, [sync, customer, dataset]: [&str; 3]) -> bool {
        let is = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|wanted| wanted == own);
        is(&self.sync, sync) && is(&self.customer, customer) && is(&self.dataset, dataset)
    }
}

/// All holds of a flow.
#[derive(Debug, Default)]
pub(super) struct Holds {
    pub(super) all: Vec<Hold>,
    /// For each route of the plan.
    reasons: Vec<Option<Reason>>,
    /// For each route that the plan can't have.
    broken: Vec<Reason>,
}

const READ: &str =
    "SELECT id, reason, sync, to_customer, dataset, tries FROM acequia.hold WHERE flow = $1 ORDER BY id";

impl Holds {
    /// Reads them.
    pub(super) async fn read(statements: &mut Statements, plan: &Plan) -> Result<Self, Error> {
        let rows = statements.query("reading who is held", READ, &[&plan.flow.name]).await?;
        let hold = |row: &tokio_postgres::Row| {
            let word: &str = row.get(1);
            Some(Hold {
                id: row.get(0),
                reason: Reason::ALL.into_iter().find(|reason| reason.as_str() == word)?,
                sync: row.get(2),
                customer: row.get(3),
                dataset: row.get(4),
                tries: row.get(5),
            })
        };
        let all: Vec<Hold> = rows.iter().filter_map(hold).collect();
        // Thousands of routes can have a hold each: only those of one customer are compared with its routes.
        let mut by_customer: HashMap<Option<&str>, Vec<&Hold>> = HashMap::new();
        for hold in &all {
            by_customer.entry(hold.customer.as_deref()).or_default().push(hold);
        }
        let reason = |to: &str, covers: &dyn Fn(&Hold) -> bool| {
            let holds =
                [Some(to), None].into_iter().filter_map(|customer| by_customer.get(&customer)).flatten();
            holds.filter(|hold| covers(hold)).map(|hold| hold.reason).min()
        };
        let routes = plan.routes.iter();
        let reasons = routes.map(|route| reason(route.to.as_str(), &|hold| hold.covers(route))).collect();
        let broken = plan.broken.iter();
        let broken = broken.map(|route| reason(route.to.as_str(), &|hold| hold.covers_broken(route)));
        let broken = broken.map(|reason| reason.unwrap_or(Reason::Broken)).collect();
        Ok(Self { all, reasons, broken })
    }

    /// Nobody is held.
    pub(super) fn none(plan: &Plan) -> Self {
        let broken = vec![Reason::Broken; plan.broken.len()];
        Self { all: Vec::new(), reasons: vec![None; plan.routes.len()], broken }
    }

    /// Why a route is held; `None` where it is open.
    pub(super) fn reason(&self, route: usize) -> Option<Reason> {
        self.reasons.get(route).copied().flatten()
    }

    /// Nothing may be written to the route, not even a copy.
    pub(super) fn is_barred(&self, route: usize) -> bool {
        match self.reason(route) {
            None | Some(Reason::Backfill | Reason::Scheduled) => false,
            Some(Reason::Overflow | Reason::Paused | Reason::Broken | Reason::Locked) => true,
        }
    }

    /// Why a route is held that the plan can't have: by its place there.
    pub(super) fn reason_of_broken(&self, broken: usize) -> Reason {
        self.broken.get(broken).copied().unwrap_or(Reason::Broken)
    }

    /// For each route whether it is held.
    pub(super) fn closed(&self) -> Vec<bool> {
        self.reasons.iter().map(Option::is_some).collect()
    }

    /// The routes that these holds keep back, and no other one does.
    pub(super) fn kept_by(&self, holds: &[Hold], plan: &Plan) -> Vec<usize> {
        let (own, others): (Vec<&Hold>, Vec<&Hold>) =
            self.all.iter().partition(|hold| holds.iter().any(|own| own.id == hold.id));
        let covered = |by: &[&Hold], route: &Route| by.iter().any(|hold| hold.covers(route));
        let free = |(_, route): &(usize, &Route)| covered(&own, route) && !covered(&others, route);
        plan.routes.iter().enumerate().filter(free).map(|(number, _)| number).collect()
    }
}

/// A hold to be.
#[derive(Debug)]
pub(super) struct NewHold<'a> {
    pub(super) reason: Reason,
    pub(super) customer: &'a str,
    pub(super) dataset: Option<&'a str>,
    pub(super) what: Option<&'a str>,
    pub(super) sqlstate: Option<&'a str>,
}

const PUT: &str = "INSERT INTO acequia.hold AS h (flow, to_customer, dataset, reason, what, sqlstate, tries, next_try_at) \
    VALUES ($1, $2, $3, $4, $5, $6, 1, clock_timestamp() + make_interval(secs => $7)) \
    ON CONFLICT (flow, coalesce(sync, ''), coalesce(to_customer, ''), coalesce(dataset, ''), reason) DO UPDATE SET \
    tries = h.tries + 1, what = excluded.what, sqlstate = excluded.sqlstate, \
    next_try_at = clock_timestamp() + make_interval(secs => least($8::float8, $7::float8 * 2 ^ least(h.tries, 10))) \
    RETURNING tries";

/// Holds, or goes on to hold after a try that came to nothing. Answers whether this is new.
pub(super) async fn put(statements: &mut Statements, flow: &str, new: &NewHold<'_>) -> Result<bool, Error> {
    let (first, longest) =
        new.reason.pace().map_or((None, None), |(first, longest)| (Some(first), Some(longest)));
    let reason = new.reason.as_str();
    let params: [Param<'_>; 8] =
        [&flow, &new.customer, &new.dataset, &reason, &new.what, &new.sqlstate, &first, &longest];
    let rows = statements.query("holding a customer", PUT, &params).await?;
    Ok(rows.first().is_some_and(|row| row.get::<_, i32>(0) == 1))
}

/// A route that the plan can't have is tried when the flow is planned anew.
const PUT_BROKEN: &str = "INSERT INTO acequia.hold AS h (flow, sync, to_customer, dataset, reason, what) \
    VALUES ($1, $2, $3, $4, 'broken', $5) \
    ON CONFLICT (flow, coalesce(sync, ''), coalesce(to_customer, ''), coalesce(dataset, ''), reason) DO UPDATE SET \
    what = excluded.what, next_try_at = NULL";

/// What a start puts in order: holds of routes that are no more go, but for an operator's word; what was locked or broken
/// is looked at again at once; rows that no hold keeps back any more are tried like all others.
pub(super) async fn begin(statements: &mut Statements, plan: &Plan) -> Result<Holds, Error> {
    let holds = Holds::read(statements, plan).await?;
    // What was dropped is missing, whether or not the plan can have the routes at the moment.
    let is_overflow = |hold: &Hold| {
        hold.reason == Reason::Overflow && plan.broken.iter().any(|route| hold.covers_broken(route))
    };
    let idle = |hold: &&Hold| {
        let is_used = || plan.routes.iter().any(|route| hold.covers(route));
        hold.reason != Reason::Paused && !is_overflow(hold) && !is_used()
    };
    let idle: Vec<i64> = holds.all.iter().filter(idle).map(|hold| hold.id).collect();
    if !idle.is_empty() {
        statements.execute("ending holds", "DELETE FROM acequia.hold WHERE id = ANY ($1)", &[&idle]).await?;
    }
    let flow = &plan.flow.name;
    let again =
        "UPDATE acequia.hold SET next_try_at = now() WHERE flow = $1 AND reason IN ('locked', 'broken')";
    statements.execute("putting holds on time", again, &[flow]).await?;
    for route in &plan.broken {
        let params: [Param<'_>; 5] =
            [flow, &route.sync.as_str(), &route.to.as_str(), &route.dataset.as_str(), &route.message];
        statements.execute("holding a broken route", PUT_BROKEN, &params).await?;
    }
    let free = format!(
        "UPDATE acequia.parked p SET next_try_at = now() WHERE flow = $1 AND reason IN {HELD} AND NOT EXISTS ({})",
        covering("p")
    );
    statements.execute("freeing parked rows", &free, &[flow]).await?;
    Holds::read(statements, plan).await
}

/// A query that finds the holds over a parked row.
pub(super) fn covering(parked: &str) -> String {
    format!(
        "SELECT FROM acequia.hold h WHERE h.flow = {parked}.flow AND (h.sync IS NULL OR h.sync = {parked}.sync) \
         AND (h.to_customer IS NULL OR h.to_customer = {parked}.to_customer) \
         AND (h.dataset IS NULL OR h.dataset = {parked}.dataset)"
    )
}

/// How many rows are kept back for each customer.
pub(super) async fn kept(statements: &mut Statements, plan: &Plan) -> Result<HashMap<String, u64>, Error> {
    let sql = format!(
        "SELECT to_customer, count(*) FROM acequia.parked WHERE flow = $1 AND reason IN {HELD} GROUP BY to_customer"
    );
    let rows = statements.query("counting what is kept back", &sql, &[&plan.flow.name]).await?;
    let count = |row: &tokio_postgres::Row| (row.get(0), u64::try_from(row.get::<_, i64>(1)).unwrap_or(0));
    Ok(rows.iter().map(count).collect())
}
