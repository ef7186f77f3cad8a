//! `acequia check`: the files, both databases of every flow, and whether they fit together.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::console::{Exit, Output, print_diagnostics, say};
use crate::config::Config;
use crate::daemon::{self, Finding, Findings};
use crate::name::DatabaseName;
use crate::rules::Flow;

pub(super) async fn check(directory: &Path, offline: bool, output: Output) -> anyhow::Result<Exit> {
    let (config, warnings) = match Config::load(directory) {
        Ok(loaded) => loaded,
        Err(problems) => {
            let found: Vec<Finding> = problems.diagnostics.into_iter().map(Finding::from).collect();
            return report(&found, output, false);
        }
    };
    let flows = Flow::all(&config);
    let findings = if offline {
        Findings::new(&config, warnings)
    } else {
        daemon::check_everything(&config, warnings).await?
    };
    let unreachable = findings.is_unreachable();
    let exit = report(&findings.into_found(), output, unreachable)?;
    if exit == Exit::Done && output == Output::Text {
        let asked =
            if offline { "files only; no database was asked" } else { "files and databases fit together" };
        let snapshots = match config.snapshots.len() {
            0 => String::new(),
            count => format!(", {count} snapshot(s)"),
        };
        say!(
            "ok: {} customers, {} data sets, {} sync groups, {} flow(s){snapshots}: {asked}",
            config.customers.len(),
            config.datasets.len(),
            config.syncs.len(),
            flows.len()
        );
    }
    Ok(exit)
}

/// The databases of all flows and of the enabled snapshots, each once.
pub(super) fn databases(config: &Config) -> BTreeSet<DatabaseName> {
    let flows = Flow::all(config).into_iter().flat_map(|flow| [flow.source, flow.target]);
    let snapshots = config.snapshots.iter().filter(|snapshot| snapshot.enabled);
    let dumped = snapshots.flat_map(|snapshot| &snapshot.customers);
    flows.chain(dumped.filter_map(|name| Some(config.customers.get(name)?.database.clone()))).collect()
}

/// Prints what was found; answers how a command ends that has found it.
pub(super) fn report(found: &[Finding], output: Output, unreachable: bool) -> anyhow::Result<Exit> {
    let errors = found.iter().filter(|finding| finding.is_error()).count();
    match output {
        Output::Json => {
            let all: Result<Vec<Value>, serde_json::Error> = found.iter().map(as_json).collect();
            say!("{}", serde_json::to_string_pretty(&all?)?);
        }
        Output::Text => report_text(found, errors),
    }
    Ok(match (errors, unreachable) {
        (0, _) => Exit::Done,
        (_, true) => Exit::Unavailable,
        (_, false) => Exit::Configuration,
    })
}

/// A diagnostic, with the SQL that mends it.
pub(super) fn as_json(finding: &Finding) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(&finding.diagnostic)?;
    if let Value::Object(fields) = &mut value {
        fields.insert("sql".to_owned(), json!(finding.sql));
    }
    Ok(value)
}

fn report_text(found: &[Finding], errors: usize) {
    for finding in found {
        print_diagnostics(std::slice::from_ref(&finding.diagnostic));
        if let Some(sql) = &finding.sql {
            let lines: Vec<String> = sql.lines().map(|line| format!("    {line}")).collect();
            eprintln!("{}", lines.join("\n"));
        }
        eprintln!();
    }
    if errors > 0 {
        eprintln!("{errors} error(s), {} warning(s)", found.len() - errors);
    }
    if found.iter().any(|finding| finding.sql.is_some()) {
        eprintln!("`acequia setup --print-sql` prints grants, publication and control schema at once.");
    }
}
