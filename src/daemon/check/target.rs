//! A target: its control schema, and whether it takes every statement of the plan.

use crate::apply::{self, Forbidden, Reason, Refused, control};
use crate::catalog::Server;
use crate::config::Database;
use crate::name::Ident;
use crate::postgres::{self, Session};
use crate::rules::{Flow, Plan, Problem, Route};

use super::findings::{Findings, parts, refusal};

/// The control schema, and with it whether the target takes the statements of the plan.
pub(super) async fn check_control(
    findings: &mut Findings<'_>,
    flow: &Flow,
    there: &Session,
    server: &Server,
    plan: &Plan,
) -> Result<(), postgres::Error> {
    let target = &findings.config.databases[&flow.target];
    let name = format!("the control schema \"acequia\" of database {}", target.name);
    let may_make =
        if server.has_control_schema { server.may_write_control_schema } else { server.may_create_schema };
    let version = control::version(there).await.ok();
    let upgrade = version.and_then(control::upgrade);
    match version {
        Some(version) if control::too_new(version).is_some() => {
            let what = control::too_new(version).unwrap_or_default();
            let (what, remedy) = what.rsplit_once(": ").unwrap_or((&what, ""));
            findings.add(&Problem::error(target.spot, format!("{name} {what}"), remedy));
        }
        Some(_) if upgrade.is_none() => match control::missing_tables(there).await {
            Ok(missing) if missing.is_empty() => check_plan(findings, flow, there, plan, None).await,
            Ok(missing) => {
                let message = format!("{name} is broken: {} is not there", missing.join(", "));
                let remedy =
                    "restore the schema from a backup of the database: it knows what was given to whom";
                findings.add(&Problem::error(target.spot, message, remedy));
            }
            Err(error) => findings.failed(target, &error),
        },
        Some(_) if may_make => {
            let schema = if server.has_control_schema { "" } else { "CREATE SCHEMA acequia;" };
            let install = format!("{schema} {}", upgrade.unwrap_or_default());
            check_plan(findings, flow, there, plan, Some(&install)).await;
        }
        Some(_) | None => findings.add(&Problem::error(
            target.spot,
            format!("{name} is missing, old or not for role {}, and this role may not make it", server.role),
            "a DBA runs the SQL of `acequia setup --print-sql` in that database",
        )),
    }
    Ok(())
}

/// The customer's table with two indexes and a sequence, the crosswalk with two indexes; parents are among the others.
const LOCKS_OF_A_ROUTE: i64 = 7;

/// A target transaction locks every table and index that it touches, in every customer.
pub(super) fn check_locks(findings: &mut Findings<'_>, database: &Database, server: &Server, plan: &Plan) {
    let routes = plan.routes.len();
    let needed = i64::try_from(routes).unwrap_or(i64::MAX).saturating_mul(LOCKS_OF_A_ROUTE);
    let room = server.locks_each.saturating_mul(server.transactions_max);
    if needed <= room {
        return;
    }
    let wanted = needed / server.transactions_max.max(1) + server.locks_each;
    let message = format!(
        "a transaction that touches all {routes} tables of the customers takes some {needed} locks, and the server of \
         database {} has room for {room}: it would be tried again for ever",
        database.name
    );
    let problem =
        Problem::warning(database.spot, message, "give it more room; the server has to be restarted");
    findings.add(&problem.with_sql(format!("ALTER SYSTEM SET max_locks_per_transaction = {wanted};")));
}

/// Every statement of the plan.
async fn check_plan(
    findings: &mut Findings<'_>,
    flow: &Flow,
    there: &Session,
    plan: &Plan,
    install: Option<&str>,
) {
    let config = findings.config;
    let refused = match apply::preflight(there, plan, install).await {
        Ok(refused) => refused,
        Err(error) => return findings.failed(&config.databases[&flow.target], &error),
    };
    for refused in &refused {
        let problem = problem(findings, flow, &plan.routes[refused.route], refused);
        findings.add(&problem);
    }
}

/// What is refused, at the SQL of the rules that is to blame, else at the data set.
fn problem(findings: &Findings<'_>, flow: &Flow, route: &Route, refused: &Refused) -> Problem {
    let spot = refused.spot.unwrap_or(findings.config.datasets[&route.dataset].spot);
    let (what, remedy, sql) = match &refused.reason {
        Reason::Server(error) => {
            let what = refusal(error).unwrap_or_else(|| parts(error).0);
            (what, server_advice(error, refused.spot.is_some()), None)
        }
        Reason::Rows(_) => {
            let remedy = "look only at rows that this row refers to, by a foreign key that is carried";
            (refused.reason.to_string(), remedy, None)
        }
        Reason::Calls(function, forbidden) => {
            let (remedy, sql) = advice(function, *forbidden, &role(findings, flow));
            (refused.reason.to_string(), remedy, sql)
        }
    };
    let subject = if refused.spot.is_some() { "this SQL can't be used" } else { "the rules can't be used" };
    let message = format!("{subject} for {} (data set {}): {what}", route.target, route.dataset);
    let mut problem = Problem::error(spot, message, remedy);
    problem.sql = sql;
    problem
}

/// What to do about a statement that the server refuses, by SQLSTATE.
fn server_advice(error: &postgres::Error, is_of_rules: bool) -> &'static str {
    let code = error.sqlstate();
    match code.as_ref().map_or("", |code| code.as_str()) {
        "0A000" if !is_of_rules => "drop what stands in the way (CREATE RULE), or leave the data set out",
        _code if !is_of_rules => "make the two tables fit, or leave the data set out",
        "42883" => {
            "correct the name, or cast the arguments; a function of yours needs its schema before its name"
        }
        "42804" | "42846" => "give a value of the type that is wanted there",
        "42501" => "grant the role what the expression needs",
        _other => "correct it: the target's server evaluates it for each row",
    }
}

/// What to do about a function that a rule may not call.
fn advice(function: &str, forbidden: Forbidden, role: &str) -> (&'static str, Option<String>) {
    match forbidden {
        Forbidden::Execute => ("grant it", Some(format!("GRANT EXECUTE ON FUNCTION {function} TO {role};"))),
        Forbidden::Volatile => (
            "use what depends on the row alone; a function of yours that does has to be declared IMMUTABLE or STABLE",
            None,
        ),
        Forbidden::Rows => ("use an expression that gives one value", None),
        Forbidden::Aggregate => ("use what depends on the row alone", None),
    }
}

/// The role in the target, quoted.
fn role(findings: &Findings<'_>, flow: &Flow) -> String {
    let user = &findings.config.databases[&flow.target].user;
    Ident::new(user).map(|role| role.quoted()).unwrap_or_default()
}
