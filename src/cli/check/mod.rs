//! `acequia check`: the files, both databases of every flow, and whether they fit together. Everything wrong is said in
//! one answer, each with its place in the files and the remedy; what a DBA can mend stands there as SQL.
//!
//! `findings` gathers and prints; `source` looks at a source (settings, slot, publication), `target` at a target (control
//! schema, every statement of the plan), `sides` at what only both together tell.

mod findings;
mod sides;
mod source;
mod target;

use std::collections::BTreeSet;
use std::path::Path;

use self::findings::Findings;
use super::console::{Exit, Output, say, session};
use crate::catalog::Server;
use crate::config::{Config, Database};
use crate::daemon::read_catalogs;
use crate::name::DatabaseName;
use crate::postgres::Session;
use crate::rules::{self, Flow};

pub(super) async fn check(directory: &Path, offline: bool, output: Output) -> anyhow::Result<Exit> {
    let (config, warnings) = match Config::load(directory) {
        Ok(loaded) => loaded,
        Err(problems) => return findings::report_files(problems, output),
    };
    let mut findings = Findings::new(&config, warnings);
    if !offline {
        for flow in Flow::all(&config) {
            check_flow(&mut findings, &flow).await?;
        }
        sides::check_names(&mut findings);
    }
    let exit = findings.report(output)?;
    if exit == Exit::Done && output == Output::Text {
        let flows = Flow::all(&config);
        let asked =
            if offline { "files only; no database was asked" } else { "files and databases fit together" };
        say!(
            "ok: {} customers, {} data sets, {} sync groups, {} flow(s): {asked}",
            config.customers.len(),
            config.datasets.len(),
            config.syncs.len(),
            flows.len()
        );
    }
    Ok(exit)
}

async fn check_flow(findings: &mut Findings<'_>, flow: &Flow) -> anyhow::Result<()> {
    let config = findings.config;
    let (source, target) = (&config.databases[&flow.source], &config.databases[&flow.target]);
    let (Some(here), Some(there)) = (open(findings, source).await, open(findings, target).await) else {
        return Ok(());
    };
    let server = Server::read(&here).await?;
    source::check_server(findings, flow, &server);
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

async fn open(findings: &mut Findings<'_>, database: &Database) -> Option<Session> {
    match session(database, "check").await {
        Ok(session) => Some(session),
        Err(error) => {
            findings.failed(database, &error);
            None
        }
    }
}

/// The databases of all flows, each once.
pub(super) fn databases(config: &Config) -> BTreeSet<DatabaseName> {
    Flow::all(config).into_iter().flat_map(|flow| [flow.source, flow.target]).collect()
}
