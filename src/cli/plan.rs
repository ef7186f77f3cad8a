//! `acequia plan`: what a copy would do to each customer: rehearsed by the writer itself, counted, and rolled back.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::console::{Exit, Output, say, session};
use super::flows::has_control;
use super::table::table;
use super::wish::{Scope, concerned};
use crate::apply::{self, Forecast, Rehearsal, audit, look_at_expressions};
use crate::config::Config;
use crate::daemon::read_catalogs;
use crate::postgres;
use crate::rules::{self, Flow, Plan};

/// What is asked.
#[derive(Debug, clap::Args)]
pub(super) struct PlanArguments {
    #[command(flatten)]
    scope: Scope,
    /// So many natural keys of each kind; 0: none
    #[arg(long, value_name = "N", default_value_t = 5)]
    examples: u32,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

/// One route, as it is told.
#[derive(Debug, Serialize)]
struct Report {
    flow: String,
    sync: String,
    from: String,
    customer: String,
    dataset: String,
    mode: &'static str,
    rows: u64,
    create: u64,
    change: u64,
    delete: u64,
    leave: u64,
    ambiguous: u64,
    blocked: u64,
    parked: std::collections::BTreeMap<String, u64>,
    examples: std::collections::BTreeMap<String, Vec<String>>,
    /// The customer's table could not be written for the time being.
    refused: Option<String>,
}

/// Reasons for which the customer's row is not certain.
const AMBIGUOUS: [&str; 4] = ["ambiguous", "taken", "unmatched", "mismatch"];

impl Report {
    fn new(plan: &Plan, forecast: Forecast) -> Self {
        let route = &plan.routes[forecast.route];
        let of = |wanted: bool| -> u64 {
            let parked = forecast.parked.iter();
            parked.filter(|(reason, _)| AMBIGUOUS.contains(&reason.as_str()) == wanted).map(|(_, n)| n).sum()
        };
        let (ambiguous, blocked) = (of(true), of(false));
        Self {
            flow: plan.flow.name.clone(),
            sync: route.sync.to_string(),
            from: route.from.to_string(),
            customer: route.to.to_string(),
            dataset: route.dataset.to_string(),
            mode: route.mode.as_str(),
            rows: forecast.rows,
            create: forecast.created,
            change: forecast.changed,
            delete: forecast.deleted,
            leave: forecast.left,
            ambiguous,
            blocked,
            parked: forecast.parked,
            examples: forecast.examples,
            refused: forecast.refused,
        }
    }

    fn differs(&self) -> bool {
        self.create + self.change + self.delete + self.ambiguous + self.blocked > 0 || self.refused.is_some()
    }
}

pub(super) async fn plan(config: &Config, wanted: &PlanArguments) -> anyhow::Result<Exit> {
    let flows = concerned(config, &wanted.scope)?;
    let mut reports: Vec<Report> = Vec::new();
    for flow in &flows {
        reports.extend(rehearse(config, flow, wanted).await?);
    }
    let token = token(config, &wanted.scope, &reports);
    for flow in &flows {
        note(config, flow, &token, &wanted.scope, &reports).await?;
    }
    match wanted.output {
        Output::Json => {
            let all = json!({ "token": token, "config_sha256": config.sha256, "routes": reports });
            say!("{}", serde_json::to_string_pretty(&all)?);
        }
        Output::Text => print_text(&reports, &token, wanted),
    }
    Ok(if reports.iter().any(Report::differs) { Exit::Differences } else { Exit::Done })
}

/// Rehearses what of a flow is in the scope.
async fn rehearse(config: &Config, flow: &Flow, wanted: &PlanArguments) -> anyhow::Result<Vec<Report>> {
    let plan = Arc::new(compile(config, flow).await?);
    let (source, target) = (&config.databases[&flow.source], &config.databases[&flow.target]);
    let mut rehearsal = Rehearsal::open(source, target, Arc::clone(&plan)).await?;
    let [sync, customer, dataset] = wanted.scope.names();
    let scope = apply::Scope { sync, customer, dataset, examples: wanted.examples };
    let customers = rehearsal.customers(&scope);
    let mut reports = Vec::new();
    for (done, &place) in customers.iter().enumerate() {
        if std::io::stderr().is_terminal() {
            eprint!(
                "\r\x1b[K{}: {} ({} of {})",
                flow.name,
                plan.customers[place].customer,
                done + 1,
                customers.len()
            );
        }
        let forecasts = rehearsal.rehearse(place, &scope).await?;
        reports.extend(forecasts.into_iter().map(|forecast| Report::new(&plan, forecast)));
    }
    if std::io::stderr().is_terminal() && !customers.is_empty() {
        eprint!("\r\x1b[K");
    }
    Ok(reports)
}

/// The flow's plan as the daemon would make it from the files as they are now. Nothing runs that `check` refuses.
async fn compile(config: &Config, flow: &Flow) -> anyhow::Result<Plan> {
    let here = session(&config.databases[&flow.source], "plan").await?;
    let there = session(&config.databases[&flow.target], "plan").await?;
    let (sources, targets, tables) = rules::tables_to_read(config, flow);
    let source = read_catalogs(&here, &sources, &tables).await?;
    let target = read_catalogs(&there, &targets, &tables).await?;
    let (plan, problems) = rules::compile(config, flow, &source, &target);
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    anyhow::ensure!(
        errors == 0,
        "{errors} thing(s) are wrong with flow {}: `acequia check` says what",
        flow.name
    );
    if plan.routes.iter().any(|route| !route.expressions.is_empty()) && has_control(&there).await? {
        let refused = look_at_expressions(&there, &plan).await?;
        let refused = refused.iter().filter(|refused| !refused.passes()).count();
        anyhow::ensure!(
            refused == 0,
            "{refused} expression(s) of the rules can't run: `acequia check` says which"
        );
    }
    Ok(plan)
}

/// Names this very plan: these files, this scope, these counts.
fn token(config: &Config, scope: &Scope, reports: &[Report]) -> String {
    let mut text = format!("{}\n{:?}\n", config.sha256, scope.names());
    for report in reports {
        let Report { flow, customer, dataset, create, change, delete, ambiguous, blocked, .. } = report;
        _ = writeln!(text, "{flow} {customer} {dataset} {create} {change} {delete} {ambiguous} {blocked}");
    }
    let mut token = String::new();
    for byte in Sha256::digest(text.as_bytes()).iter().take(6) {
        _ = write!(token, "{byte:02x}");
    }
    token
}

fn scope_json(scope: &Scope) -> Value {
    let [sync, customer, dataset] = scope.names();
    json!({ "sync": sync, "customer": customer, "dataset": dataset })
}

/// Writes down that the plan was made, so that its token can be redeemed.
async fn note(
    config: &Config,
    flow: &Flow,
    token: &str,
    scope: &Scope,
    reports: &[Report],
) -> anyhow::Result<()> {
    let target = session(&config.databases[&flow.target], "plan").await?;
    if !has_control(&target).await? {
        return Ok(());
    }
    let sum = |count: fn(&Report) -> u64| {
        reports.iter().filter(|report| report.flow == flow.name).map(count).sum::<u64>()
    };
    let detail = json!({ "flow": flow.name, "token": token, "config_sha256": config.sha256, "scope": scope_json(scope),
        "create": sum(|r| r.create), "change": sum(|r| r.change), "delete": sum(|r| r.delete),
        "ambiguous": sum(|r| r.ambiguous), "blocked": sum(|r| r.blocked) });
    audit::record(&target, "plan", &detail).await?;
    Ok(())
}

/// Whether a plan of that token was made a short while ago, for the same files and scope.
pub(super) async fn redeem(
    config: &Config,
    token: &str,
    scope: &Scope,
    flows: &[Flow],
) -> anyhow::Result<()> {
    for flow in flows {
        let target = session(&config.databases[&flow.target], "plan").await?;
        let sql = "SELECT EXISTS (SELECT FROM acequia.audit WHERE what = 'plan' AND at > now() - interval '1 day' \
                   AND detail->>'flow' = $1 AND detail->>'token' = $2 AND detail->>'config_sha256' = $3 \
                   AND detail->'scope' = $4::text::jsonb)";
        let scope = scope_json(scope).to_string();
        let row = target.query_one(sql, &[&flow.name, &token, &config.sha256, &scope]).await;
        let row = row.map_err(|error| postgres::Error::from_driver("looking for the plan", &error))?;
        anyhow::ensure!(
            row.get::<_, bool>(0),
            "no plan of the last day has token {token} for these files and these names: run `acequia plan` with the same names"
        );
    }
    Ok(())
}

fn print_text(reports: &[Report], token: &str, wanted: &PlanArguments) {
    let rows = reports.iter().map(|report| {
        vec![
            report.dataset.clone(),
            report.customer.clone(),
            report.mode.to_owned(),
            report.rows.to_string(),
            report.create.to_string(),
            report.change.to_string(),
            report.delete.to_string(),
            report.leave.to_string(),
            report.ambiguous.to_string(),
            report.blocked.to_string(),
        ]
    });
    let headings = [
        "data set",
        "customer",
        "mode",
        "rows",
        "create",
        "change",
        "delete",
        "leave",
        "ambiguous",
        "blocked",
    ];
    say!("{}", table(&headings, rows.collect(), &[3, 4, 5, 6, 7, 8, 9]));
    for report in reports.iter().filter(|report| report.differs()) {
        if report.examples.is_empty() && report.refused.is_none() {
            continue;
        }
        say!("\n{} → {} (sync {})", report.dataset, report.customer, report.sync);
        if let Some(table) = &report.refused {
            say!(
                "  {table} can't be written now: it is locked, or the server refuses it; `acequia check` says more"
            );
        }
        for (what, keys) in &report.examples {
            let count = match what.as_str() {
                "create" => report.create,
                "change" => report.change,
                reason => report.parked.get(reason).copied().unwrap_or(0),
            };
            if count > 0 {
                let more = if count > keys.len() as u64 { ", …" } else { "" };
                say!("  {count} {}: {}{more}", words(what), keys.join(", "));
            }
        }
    }
    if reports.iter().any(|report| report.change + report.delete > 0) {
        say!("\nNothing was changed. To do it: acequia backfill{} --plan {token}", wanted.scope.as_options());
    } else if reports.iter().any(Report::differs) {
        say!("\nNothing was changed. To do it: acequia backfill{}", wanted.scope.as_options());
    } else {
        say!("\nNothing is to be done.");
    }
}

/// What becomes of rows, for people.
fn words(what: &str) -> &'static str {
    match what {
        "create" => "to be created",
        "change" => "to be changed",
        "ambiguous" => "ambiguous: the customer has several rows of that key",
        "taken" => "taken: the customer's row is linked to another one",
        "unmatched" => "without a partner at the customer",
        "mismatch" => "linked, with different keys",
        "missing_parent" => "blocked: they refer to a row that the customer lacks",
        _rejected => "blocked: the customer's table refuses them",
    }
}
