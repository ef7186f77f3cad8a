//! A reload: the files are read anew and compared with the databases, while everything goes on by the old rules. Either all of
//! it is taken over, or nothing changes.
//!
//! A flow that the change concerns writes first, by its old rules, what had committed at its source before; the others do
//! not notice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::Catalog;
use crate::config::{Config, Diagnostic, Difference, Outline, Style};
use crate::name::Ident;
use crate::ops::{Asked, Found, Phase, Reload};
use crate::postgres;
use crate::rules::{self, Concern, Flow, Reads};

use super::check::{Finding, check};
use super::flow::{When, read_catalogs};
use super::progress::unix_seconds;
use super::trail;

/// So long at most the databases are asked at a time: while one hangs, no other reload would be heard.
const ASK_LIMIT: Duration = Duration::from_mins(5);
/// What DBAs see of the sessions of a reload.
const APPLICATION: &str = "acequia reload";

/// What runs when a reload begins.
pub(super) struct Running {
    pub(super) config: Arc<Config>,
    /// Where the files are.
    pub(super) directory: PathBuf,
    /// What each flow is doing.
    pub(super) phases: BTreeMap<String, Phase>,
    /// Who has asked for it, where it was a command.
    pub(super) asked: Option<Asked>,
}

/// What a reload comes to.
pub(super) struct Verdict {
    pub(super) record: Reload,
    /// `None`: nothing changes.
    pub(super) taken: Option<Taken>,
}

/// A configuration to run by.
pub(super) struct Taken {
    pub(super) config: Arc<Config>,
    /// What each flow does about it.
    pub(super) steps: Vec<Step>,
}

/// What one flow does about a change.
pub(super) struct Step {
    pub(super) flow: Flow,
    pub(super) kind: Kind,
    pub(super) when: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The change does not concern it.
    Same,
    /// It goes on by other rules.
    Touched,
    /// It was not there, or it rested.
    Begins,
    /// No enabled group needs it any more.
    Ends,
}

/// Reads the files, checks them, and says what to do. What came of it is written down where it concerns somebody.
pub(super) async fn reload(running: Running, number: u64) -> Verdict {
    let verdict = judge(&running, number).await;
    if verdict.taken.is_none() {
        trail::refused(&running.config, &verdict.record, running.asked.as_ref()).await;
    }
    verdict
}

async fn judge(running: &Running, number: u64) -> Verdict {
    let old = &running.config;
    let (new, warnings) = match Config::load(&running.directory) {
        Ok(loaded) => loaded,
        Err(problems) => {
            let found: Vec<Finding> = problems.diagnostics.into_iter().map(Finding::from).collect();
            return refused(number, problems.sha256, Vec::new(), &found, false);
        }
    };
    let differences = Outline::of(old).differences(&Outline::of(&new));
    let mut steps = match limited(steps(old, &new)).await {
        Ok(steps) => steps,
        Err(error) => return unreachable(number, &new, differences, &error),
    };
    let checked: Vec<Flow> = steps
        .iter()
        .filter(|step| matches!(step.kind, Kind::Touched | Kind::Begins))
        .map(|step| step.flow.clone())
        .collect();
    let findings = match review(old, &new, &checked, warnings).await {
        Ok(findings) => findings,
        Err(Refused { found, is_unreachable }) => {
            return refused(number, new.sha256, differences, &found, is_unreachable);
        }
    };
    for step in &mut steps {
        let moves = step.kind == Kind::Touched && !Reads::same_databases(old, &new, &step.flow);
        step.when = if moves { When::AtOnce } else { when(step, &running.phases) };
    }
    let record = Reload {
        number,
        at: unix_seconds(),
        taken: true,
        config_sha256: new.sha256.clone(),
        found: findings.iter().map(found).collect(),
        unreachable: false,
        flows: steps.iter().filter_map(Step::told).collect(),
        differences,
    };
    let concerned = steps.iter().filter(|step| step.kind != Kind::Same).map(|step| &step.flow.target);
    trail::reloaded((old, &new), &concerned.collect(), &record, running.asked.as_ref()).await;
    Verdict { record, taken: Some(Taken { config: Arc::new(new), steps }) }
}

/// Waits for databases for as long as is reasonable.
async fn limited<T>(asked: impl Future<Output = Result<T, postgres::Error>>) -> Result<T, postgres::Error> {
    postgres::within(ASK_LIMIT, "comparing the new rules with the databases", asked).await
}

/// What each flow of the old and the new rules has to do.
async fn steps(old: &Config, new: &Config) -> Result<Vec<Step>, postgres::Error> {
    let (before, after) = (Flow::all(old), Flow::all(new));
    let mut steps = Vec::new();
    for flow in &after {
        let kind = if before.contains(flow) {
            match Reads::of(old, flow).concern(&Reads::of(new, flow)) {
                Concern::Touched => Kind::Touched,
                Concern::Parents(tables) if are_parents(new, flow, &tables).await? => Kind::Touched,
                Concern::None | Concern::Parents(_) => Kind::Same,
            }
        } else {
            Kind::Begins
        };
        let when = if kind == Kind::Same { When::Quietly } else { When::AtOnce };
        steps.push(Step { flow: flow.clone(), kind, when });
    }
    let gone = before.into_iter().filter(|flow| !after.contains(flow));
    steps.extend(gone.map(|flow| Step { flow, kind: Kind::Ends, when: When::AtOnce }));
    Ok(steps)
}

/// Whether a foreign key of the flow's schemas leads to one of these tables.
async fn are_parents(
    config: &Config,
    flow: &Flow,
    tables: &BTreeSet<Ident>,
) -> Result<bool, postgres::Error> {
    let (sources, targets, read) = rules::tables_to_read(config, flow);
    let leads_there = |catalog: &Catalog| {
        let mut keys = catalog.tables.values().flat_map(|table| &table.foreign_keys);
        keys.any(|key| tables.contains(&key.parent.table))
    };
    for (name, schemas) in [(&flow.source, sources), (&flow.target, targets)] {
        let session = postgres::open(&config.databases[name], APPLICATION).await?;
        if leads_there(&read_catalogs(&session, &schemas, &read).await?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Why it can't be.
struct Refused {
    found: Vec<Finding>,
    is_unreachable: bool,
}

/// Compares the new rules with the databases. What is wrong by the old rules just the same does not stand in their way: else
/// one customer's broken table would keep all others from being changed.
async fn review(
    old: &Config,
    new: &Config,
    flows: &[Flow],
    warnings: Vec<Diagnostic>,
) -> Result<Vec<Finding>, Refused> {
    let failed = |error: &postgres::Error| Refused {
        found: vec![of_error(new, error)],
        is_unreachable: error.kind().is_unreachable(),
    };
    let findings = limited(check(new, flows, warnings)).await.map_err(|error| failed(&error))?;
    let is_unreachable = findings.is_unreachable();
    let found = findings.into_found();
    // What the old rules have wrong changes nothing then, and to ask for it would take as long again.
    if is_unreachable {
        return Err(Refused { found, is_unreachable: true });
    }
    if !found.iter().any(Finding::is_error) {
        return Ok(found);
    }
    let before = Flow::all(old);
    let known: Vec<Flow> = flows.iter().filter(|flow| before.contains(flow)).cloned().collect();
    let known = match limited(check(old, &known, Vec::new())).await {
        Ok(findings) => findings.into_found(),
        Err(_) => Vec::new(),
    };
    let is_known = |finding: &Finding| {
        known
            .iter()
            .any(|other| other.diagnostic.message == finding.diagnostic.message && other.sql == finding.sql)
    };
    if found.iter().all(|finding| !finding.is_error() || is_known(finding)) {
        return Ok(found);
    }
    Err(Refused { found, is_unreachable: false })
}

/// From where on the rules hold for a flow that stays at its databases: one that is not held up writes first what has committed by
/// now. One that begins may still be about to end. (One that moves may be held up by a server that hangs, which nobody knows.)
fn when(step: &Step, phases: &BTreeMap<String, Phase>) -> When {
    let streams = matches!(phases.get(&step.flow.name), Some(Phase::Streaming | Phase::Starting));
    match (step.kind, streams) {
        (Kind::Same, _) => When::Quietly,
        (Kind::Touched | Kind::Begins | Kind::Ends, true) => When::Forward,
        (Kind::Touched | Kind::Begins | Kind::Ends, false) => When::AtOnce,
    }
}

impl Step {
    /// What is told of it.
    fn told(&self) -> Option<String> {
        let name = &self.flow.name;
        let from = match self.when {
            When::Forward => "for what commits from now on",
            When::Quietly | When::AtOnce => "at once",
        };
        let end = match self.when {
            When::Forward => "when what has committed by now is written",
            When::Quietly | When::AtOnce => "at once",
        };
        match self.kind {
            Kind::Same => None,
            Kind::Touched => Some(format!("flow {name}: the new rules hold {from}")),
            Kind::Begins => Some(format!("flow {name}: begins")),
            Kind::Ends => Some(format!("flow {name}: ends {end}; its customers keep their data")),
        }
    }
}

fn found(finding: &Finding) -> Found {
    Found {
        is_error: finding.is_error(),
        text: finding.diagnostic.render(Style::Plain),
        diagnostic: serde_json::to_value(&finding.diagnostic).unwrap_or_default(),
        sql: finding.sql.clone(),
    }
}

/// A session that failed, at the databases' first line, since it is not known which.
fn of_error(config: &Config, error: &postgres::Error) -> Finding {
    let (text, remedy) = (error.to_string(), error.remedy());
    let what = text.strip_suffix(remedy).unwrap_or(&text).trim_end_matches(['.', ' ']);
    let spot = config.databases.values().map(|database| database.spot).min();
    let spot = spot.unwrap_or(crate::config::Spot { file: 0, start: 0, end: 0 });
    Finding::from(config.diagnostic(spot, crate::config::Severity::Error, what, remedy))
}

fn unreachable(number: u64, new: &Config, differences: Vec<Difference>, error: &postgres::Error) -> Verdict {
    let is_unreachable = error.kind().is_unreachable();
    refused(number, new.sha256.clone(), differences, &[of_error(new, error)], is_unreachable)
}

fn refused(
    number: u64,
    config_sha256: String,
    differences: Vec<Difference>,
    findings: &[Finding],
    unreachable: bool,
) -> Verdict {
    let found = findings.iter().map(found).collect();
    let (at, taken, flows) = (unix_seconds(), false, Vec::new());
    let record = Reload { number, at, taken, config_sha256, differences, found, unreachable, flows };
    Verdict { record, taken: None }
}

/// Says in the log what came of it.
pub(super) fn tell(record: &Reload) {
    for found in &record.found {
        let text = match &found.sql {
            Some(sql) => format!("{}\n{sql}", found.text),
            None => found.text.clone(),
        };
        if found.is_error && !record.taken {
            tracing::error!("{text}");
        } else {
            tracing::warn!("{text}");
        }
    }
    if !record.taken {
        let errors = record.found.iter().filter(|found| found.is_error).count();
        tracing::error!(
            config = %record.config_sha256,
            errors,
            "reload refused: everything goes on by the rules as they were; mend what stands above, then reload again"
        );
        return;
    }
    for difference in &record.differences {
        tracing::info!("changed: {difference}");
    }
    for flow in &record.flows {
        tracing::info!("{flow}");
    }
    tracing::info!(config = %record.config_sha256, differences = record.differences.len(), "reloaded");
}
