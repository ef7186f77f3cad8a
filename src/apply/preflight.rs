//! Every statement of a plan, prepared by the target and thrown away: what the server would refuse is found before it runs.
//!
//! SQL of the rules is looked at piece by piece, so that what is wrong can be pointed at; and what it calls is looked up,
//! since the server takes much that a rule must not do: draw numbers, sleep, write, answer several rows.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use tokio_postgres::Client;

use crate::config::Spot;
use crate::fault::Fault;
use crate::name::TableName;
use crate::postgres::Error;
use crate::rules::{CustomerRoutes, Plan, Route, RuleExpression};

const CALLS: &str = include_str!("../../sql/catalog/calls.sql");

/// The view that a piece of SQL becomes for a moment.
const VIEW: &str = "acequia_probe";

/// A route whose statements the target refuses, or that does what no rule may do.
#[derive(Debug)]
pub struct Refused {
    /// Position in the plan's routes.
    pub route: usize,
    /// The SQL of the rules that is to blame, if it is.
    pub spot: Option<Spot>,
    /// Why.
    pub reason: Reason,
}

impl Refused {
    /// The server could not say now: a lock, a resource.
    pub fn passes(&self) -> bool {
        matches!(&self.reason, Reason::Server(error) if error.fault() == Fault::Retry)
    }
}

/// Why a route can't run.
#[derive(Debug)]
pub enum Reason {
    /// The server's answer; it is about names and types only, since no row is at hand.
    Server(Error),
    /// SQL of the rules calls this function, which it may not.
    Calls(String, Forbidden),
    /// SQL of the rules reads the only row of this table, and it has more.
    Rows(TableName),
}

/// What a function does that SQL of a rule must not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbidden {
    /// This role may not call it.
    Execute,
    /// It is volatile: another answer each time, or an effect beside its answer.
    Volatile,
    /// It answers any number of rows.
    Rows,
    /// It looks at many rows at once.
    Aggregate,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(error) => write!(f, "{error}"),
            Self::Rows(table) => write!(f, "it reads the only row of {table}, and there are several"),
            Self::Calls(function, forbidden) => {
                let what = match forbidden {
                    Forbidden::Execute => "which this role may not execute",
                    Forbidden::Volatile => {
                        "which is volatile: it can answer differently each time, or do more than answer"
                    }
                    Forbidden::Rows => "which answers any number of rows",
                    Forbidden::Aggregate => "which looks at many rows at once, and a rule sees one",
                };
                write!(f, "it calls {function}, {what}")
            }
        }
    }
}

/// Prepares the statements of every route, customer by customer, each in a transaction that is rolled back: crosswalks
/// that are missing are made for its length, and so is the control schema where `install` makes it. A customer whose
/// statements differ by nothing but names from those of another one is not asked again.
pub async fn preflight(client: &Client, plan: &Plan, install: Option<&str>) -> Result<Vec<Refused>, Error> {
    let failed = |error| Error::from_driver("preparing the statements of the rules", &error);
    let mut accepted = HashSet::new();
    let mut refused = Vec::new();
    for customer in &plan.customers {
        let is_new = |route: &usize| !accepted.contains(&likeness(&plan.routes[*route]));
        let routes: Vec<usize> = customer.routes.clone().filter(is_new).collect();
        if routes.is_empty() {
            continue;
        }
        client.batch_execute("BEGIN").await.map_err(failed)?;
        let found = match client.batch_execute(install.unwrap_or_default()).await {
            Ok(()) => prepare_all(client, plan, customer, &routes).await,
            Err(error) => Err(Error::from_driver("installing the control schema", &error)),
        };
        client.batch_execute("ROLLBACK").await.map_err(failed)?;
        let found = found?;
        let well = routes.iter().filter(|route| !found.iter().any(|refused| refused.route == **route));
        accepted.extend(well.map(|&route| likeness(&plan.routes[route])));
        refused.extend(found);
    }
    Ok(refused)
}

/// The same for two routes whose statements say the same about tables of other names. SQL of the rules that asks for
/// what stands in a customer's table is that customer's own.
fn likeness(route: &Route) -> u64 {
    let sql = route.recipe.write();
    let schema = format!("{}.", route.target.schema.quoted());
    let mut hasher = DefaultHasher::new();
    route.source.hash(&mut hasher);
    if route.expressions.iter().any(|expression| !expression.alone.is_empty()) {
        route.target.schema.hash(&mut hasher);
    }
    let probes = route.expressions.iter().map(|expression| expression.probe.as_str());
    for text in sql.all().chain(sql.create_released.as_deref()).chain(probes) {
        for piece in text.split(schema.as_str()) {
            // "acequia.x_" and sixteen digits; "pg_temp.released_" and the like with a number; sequences stand in literals.
            for name in piece.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '"')) {
                let crosswalk = name.starts_with("x_") && name.len() == 18;
                let numbered = ["released_", "circle_"].iter().any(|ours| name.starts_with(ours));
                let own = name == route.target.schema.as_str();
                (if crosswalk || numbered || own { "" } else { name }).hash(&mut hasher);
            }
        }
    }
    hasher.finish()
}

/// Looks at the SQL of the rules alone, before it runs for the first time.
pub async fn look_at_expressions(client: &Client, plan: &Plan) -> Result<Vec<Refused>, Error> {
    let failed = |error| Error::from_driver("looking at SQL of the rules", &error);
    let mut refused = Vec::new();
    for customer in &plan.customers {
        let has_some = |route: &usize| !plan.routes[*route].expressions.is_empty();
        let routes: Vec<usize> = customer.routes.clone().filter(has_some).collect();
        if routes.is_empty() {
            continue;
        }
        // Nobody waits long for one customer's lock.
        client.batch_execute("BEGIN; SET LOCAL lock_timeout = '200ms'").await.map_err(failed)?;
        let found = probe_all(client, plan, customer, &routes).await;
        client.batch_execute("ROLLBACK").await.map_err(failed)?;
        refused.extend(found?);
    }
    Ok(refused)
}

/// Makes the tables that the statements of these routes name, and looks at the SQL of the rules in them.
async fn probe_all(
    client: &Client,
    plan: &Plan,
    customer: &CustomerRoutes,
    routes: &[usize],
) -> Result<Vec<Refused>, Error> {
    let failed = |error| Error::from_driver("preparing the statements of the rules", &error);
    let stages = routes.iter().map(|&route| plan.sources[plan.routes[route].source].stage.create.clone());
    let own = plan.routes[customer.routes.clone()].iter().filter_map(|route| route.crosswalk.as_ref());
    let broken = plan.broken.iter().filter(|route| route.to == customer.customer);
    let crosswalks = own.chain(broken.filter_map(|route| route.crosswalk.as_ref())).map(|crosswalk| {
        format!("CREATE TABLE IF NOT EXISTS acequia.{} ({})", crosswalk.table, crosswalk.shape)
    });
    let sql: Vec<String> = stages.chain(crosswalks).collect();
    client.batch_execute(&sql.join("; ")).await.map_err(failed)?;
    let mut refused = Vec::new();
    for &number in routes {
        let route = &plan.routes[number];
        for expression in &route.expressions {
            client.batch_execute("SAVEPOINT route").await.map_err(failed)?;
            if let Some(reason) = probe(client, route, expression).await? {
                refused.push(Refused { route: number, spot: Some(expression.spot), reason });
            }
            client.batch_execute("ROLLBACK TO SAVEPOINT route").await.map_err(failed)?;
        }
    }
    Ok(refused)
}

async fn prepare_all(
    client: &Client,
    plan: &Plan,
    customer: &CustomerRoutes,
    routes: &[usize],
) -> Result<Vec<Refused>, Error> {
    let failed = |error| Error::from_driver("preparing the statements of the rules", &error);
    let mut refused = probe_all(client, plan, customer, routes).await?;
    let sound: Vec<usize> =
        routes.iter().copied().filter(|route| !refused.iter().any(|one| one.route == *route)).collect();
    for number in sound {
        client.batch_execute("SAVEPOINT route").await.map_err(failed)?;
        if let Err(error) = prepare(client, &plan.routes[number]).await {
            refused.push(Refused { route: number, spot: None, reason: Reason::Server(error) });
        }
        client.batch_execute("ROLLBACK TO SAVEPOINT route").await.map_err(failed)?;
    }
    Ok(refused)
}

/// One piece of SQL of the rules. It is run over no rows, because rights are asked for only when a statement runs.
async fn probe(client: &Client, route: &Route, expression: &RuleExpression) -> Result<Option<Reason>, Error> {
    let doing = format!("preparing SQL of the rules for {}", route.target);
    let refused = |error| Some(Reason::Server(Error::from_driver(&doing, &error)));
    let view = format!("CREATE TEMP VIEW {VIEW} (answer) AS {}", expression.probe);
    if let Err(error) = client.batch_execute(&view).await {
        return Ok(refused(error));
    }
    let rows = client.query(CALLS, &[&VIEW]).await;
    for row in rows.map_err(|error| Error::from_driver("looking up what SQL of the rules calls", &error))? {
        let forbidden = [
            (!row.get::<_, bool>("may_execute"), Forbidden::Execute),
            (row.get("returns_rows"), Forbidden::Rows),
            (row.get("aggregates"), Forbidden::Aggregate),
            (row.get("is_volatile"), Forbidden::Volatile),
        ];
        if let Some((_, forbidden)) = forbidden.into_iter().find(|(is_so, _)| *is_so) {
            return Ok(Some(Reason::Calls(row.get("function"), forbidden)));
        }
    }
    if let Err(error) = client.batch_execute(&expression.probe).await {
        return Ok(refused(error));
    }
    for table in &expression.alone {
        let several = format!("SELECT count(*) > 1 FROM (SELECT FROM {} LIMIT 2) q", table.quoted());
        let row = client.query_one(&several, &[]).await;
        let row =
            row.map_err(|error| Error::from_driver("counting the rows of a table with one row", &error))?;
        if row.get(0) {
            return Ok(Some(Reason::Rows(table.clone())));
        }
    }
    Ok(None)
}

async fn prepare(client: &Client, route: &Route) -> Result<(), Error> {
    let doing = format!("preparing the statements for {}", route.target);
    let sql = route.recipe.write();
    if let Some(create) = &sql.create_released {
        client.batch_execute(create).await.map_err(|error| Error::from_driver(&doing, &error))?;
    }
    for statement in sql.all() {
        client.prepare(statement).await.map_err(|error| Error::from_driver(&doing, &error))?;
    }
    Ok(())
}
