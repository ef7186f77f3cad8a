//! Whether a configuration and the databases of its flows fit together: for `acequia check`, and before a reload. Everything
//! wrong is said in one answer, each with its place in the files and the remedy; what a DBA can mend stands there as SQL.
//!
//! `findings` gathers and prints; `source` looks at a source (settings, slot, publication), `target` at a target (control
//! schema, every statement of the plan), `sides` at what only both together tell, `snapshots` at what is dumped.

mod findings;
mod sides;
mod snapshots;
mod source;
mod target;

use crate::catalog::Server;
use crate::config::{Config, Diagnostic};
use crate::postgres;
use crate::rules::{self, Flow, Problem};

pub use self::findings::{Finding, Findings};
use super::flow::read_catalogs;
use super::left::left_behind;

/// Checks all flows of a configuration, and looks for flows that it no longer has.
pub async fn check_everything(
    config: &Config,
    warnings: Vec<Diagnostic>,
) -> Result<Findings<'_>, postgres::Error> {
    let mut findings = check(config, &Flow::all(config), warnings).await?;
    snapshots::check_snapshots(&mut findings).await?;
    for left in left_behind(config, &findings.silent).await {
        let spot = config.databases[&left.target].spot;
        findings.add(&Problem::warning(spot, left.message(), left.remedy()));
    }
    Ok(findings)
}

/// Checks these flows. `warnings` are those that the files alone gave rise to.
pub(super) async fn check<'a>(
    config: &'a Config,
    flows: &[Flow],
    warnings: Vec<Diagnostic>,
) -> Result<Findings<'a>, postgres::Error> {
    let mut findings = Findings::new(config, warnings);
    findings.knock(flows.iter().flat_map(|flow| [&flow.source, &flow.target]).collect()).await;
    for flow in flows {
        check_flow(&mut findings, flow).await?;
    }
    sides::check_names(&mut findings);
    Ok(findings)
}

async fn check_flow(findings: &mut Findings<'_>, flow: &Flow) -> Result<(), postgres::Error> {
    let config = findings.config;
    let (source, target) = (&config.databases[&flow.source], &config.databases[&flow.target]);
    let (Some(here), Some(there)) = (findings.open(source).await, findings.open(target).await) else {
        return Ok(());
    };
    let server = Server::read(&here).await?;
    source::check_server(findings, flow, &server);
    source::check_retained(findings, flow, &server);
    let target_server = Server::read(&there).await?;
    findings.belongs_to(target, &target_server);
    findings.belongs_to(source, &server);
    let (sources, targets, tables) = rules::tables_to_read(config, flow);
    let source_catalog = read_catalogs(&here, &sources, &tables).await?;
    let target_catalog = read_catalogs(&there, &targets, &tables).await?;
    let (plan, problems) = rules::compile(config, flow, &source_catalog, &target_catalog);
    for problem in &problems {
        findings.add(problem);
    }
    sides::check_labels(findings, &plan, (&here, &source_catalog), (&there, &target_catalog)).await?;
    source::check_publication(findings, flow, &here, &source_catalog).await?;
    source::check_slot(findings, flow, (&here, &server), &there).await?;
    target::check_locks(findings, target, &target_server, &plan);
    target::check_control(findings, flow, &there, &target_server, &plan).await
}
