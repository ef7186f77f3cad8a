//! A target: its control schema, and whether it takes every statement of the plan.

use crate::apply::{self, Forbidden, Reason, control};
use crate::catalog::Server;
use crate::postgres::Session;
use crate::rules::{Flow, Plan, Problem};

use super::findings::{Findings, parts};

/// The control schema, and with it whether the target takes the statements of the plan.
pub(super) async fn check_control(
    findings: &mut Findings<'_>,
    flow: &Flow,
    there: &Session,
    server: &Server,
    plan: &Plan,
) -> anyhow::Result<()> {
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
        Some(_) if upgrade.is_none() => check_plan(findings, flow, there, plan, None).await,
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
    for refused in refused {
        let route = &plan.routes[refused.route];
        let spot = refused.spot.unwrap_or(config.datasets[&route.dataset].spot);
        let (what, remedy, sql) = match &refused.reason {
            Reason::Server(error) => {
                let (what, remedy) = parts(error);
                let ours = "make the two tables fit, or leave the column out (`exclude`)";
                (what, if refused.spot.is_some() { remedy } else { ours }, None)
            }
            Reason::Rows(_) => (
                refused.reason.to_string(),
                "look only at rows that this row refers to by a foreign key that is carried",
                None,
            ),
            Reason::Calls(function, forbidden) => {
                let (remedy, sql) = advice(function, *forbidden, &role(findings, flow));
                (refused.reason.to_string(), remedy, sql)
            }
        };
        let what = match refused.spot {
            Some(_) => format!("{} can't take this for data set {}: {what}", route.target, route.dataset),
            None => format!("{} can't take data set {}: {what}", route.target, route.dataset),
        };
        let mut problem = Problem::error(spot, what, remedy);
        problem.sql = sql;
        findings.add(&problem);
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
    crate::name::Ident::new(user).map(|role| role.quoted()).unwrap_or_default()
}
