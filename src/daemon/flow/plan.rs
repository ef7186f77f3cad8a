//! The plan of a flow, from the databases as they are now: catalogs, publication, rules; and what is wrong between them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::json;
use tokio_postgres::Client;

use crate::apply::remembered::{Remembered, SourceKey};
use crate::apply::{audit, control, look_at_expressions, shapes};
use crate::catalog::{Catalog, Fingerprint, Publication, Server};
use crate::config::{Config, Database};
use crate::name::{CustomerName, DatasetName, TableName};
use crate::postgres::{self, Session};
use crate::rules::{self, Flow, Plan, Problem, Scope, Severity};

use super::super::trail::Start;
use super::drift::{Side, application};
use super::error::Error;
use super::past;
use super::publish::publish;
use super::recall::{self, Note, Turn};

/// What has been said of a flow's problems, so that nothing is said twice.
#[derive(Debug, Default)]
pub(super) struct Told {
    problems: BTreeSet<String>,
    /// Whether the start is written down.
    pub(super) start: Start,
}

/// A plan, and what it was made from.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) source: Side,
    pub(super) target: Side,
    /// The session in which the target's catalogs were read.
    pub(super) there: Session,
    pub(super) memory: Memory,
}

/// Reads the tables that a flow needs from one database, parents that no data set names included.
pub async fn read_catalogs(
    session: &Session,
    schemas: &[String],
    tables: &[String],
) -> Result<Catalog, postgres::Error> {
    let catalog = Catalog::read(session, schemas, tables).await?;
    let parents = rules::parent_tables(&catalog, tables);
    if parents.is_empty() {
        return Ok(catalog);
    }
    let all: Vec<String> = tables.iter().cloned().chain(parents).collect();
    Catalog::read(session, schemas, &all).await
}

/// Makes the plan. The fingerprints are taken first: what changes while the catalogs are read is noticed afterwards.
/// `turn` knows the tables whose identity of now is followed from here on.
pub(super) async fn make(
    config: &Config,
    flow: &Flow,
    (source, here): (&Database, &Session),
    target: &Database,
    (told, turn): (&mut Told, &Turn),
) -> Result<Planned, Error> {
    let begun = Instant::now();
    let (schemas, targets, tables) = rules::tables_to_read(config, flow);
    let there = postgres::open(target, &application(&flow.name)).await?;
    told.start.record(&there, config, flow).await?;
    let target_seen = Fingerprint::read(&there, &targets, &tables, None).await?;
    let target_catalog = read_catalogs(&there, &targets, &tables).await?;
    let remembered = Remembered::read(&there, &flow.name).await?;
    let publication = Some(flow.publication.as_str());
    let mut source_seen = Fingerprint::read(here, &schemas, &tables, publication).await?;
    let mut catalog = read_catalogs(here, &schemas, &tables).await?;
    let sources = recall::sources(config, flow);
    recall::find_renamed(here, &mut catalog, &sources, &remembered).await?;
    let mut notes = compare(here, &mut catalog, (&sources, &remembered), turn).await?;
    let published = publish(flow, here, &mut catalog, (&sources, &remembered)).await?;
    notes.extend(published.notes);
    if published.mended {
        // That was us: no reason to begin again.
        let now = Fingerprint::read(here, &schemas, &tables, publication).await?;
        source_seen.publication = now.publication;
    }
    let (catalogs_ms, begun) = (begun.elapsed().as_millis(), Instant::now());
    let (mut plan, mut problems) = rules::compile(config, flow, &catalog, &target_catalog);
    let barred = barred(config, &there, &plan).await?;
    if !barred.is_empty() {
        (plan, problems) = rules::compile_without(config, flow, &catalog, &target_catalog, &barred);
    }
    let (routes, plan_ms) = (plan.routes.len(), begun.elapsed().as_millis());
    tracing::debug!(flow = %flow.name, routes, catalogs_ms, plan_ms, "plan made");
    tell(config, flow, &problems, told);
    refuse(flow, &problems, &there).await?;
    let side = |role, database: &Database, schemas, publication: Option<&str>, seen| Side {
        role,
        database: database.clone(),
        schemas,
        tables: tables.clone(),
        publication: publication.map(str::to_owned),
        seen,
    };
    let source = side("source", source, schemas, publication, source_seen);
    let target = side("target", target, targets, None, target_seen);
    let memory = Memory { sources, catalog, publication: published.publication, notes };
    Ok(Planned { plan, source, target, there, memory })
}

/// Routes with SQL that no rule may have: what sleeps or writes must not run even once.
async fn barred(
    config: &Config,
    there: &Session,
    plan: &Plan,
) -> Result<BTreeMap<(CustomerName, CustomerName, DatasetName), Problem>, Error> {
    let mut barred = BTreeMap::new();
    if plan.routes.iter().all(|route| route.expressions.is_empty()) {
        return Ok(barred);
    }
    control::require(there, plan.flow.target.as_str()).await?;
    for refused in look_at_expressions(there, plan).await? {
        // What is locked is not wrong; the writer finds out what it is.
        if refused.passes() {
            continue;
        }
        let route = &plan.routes[refused.route];
        let spot = refused.spot.unwrap_or(config.datasets[&route.dataset].spot);
        let message =
            format!("{} can't take this for data set {}: {}", route.target, route.dataset, refused.reason);
        let remedy = "write it so that the server takes it, with functions that are stable or immutable";
        let key = (route.from.clone(), route.to.clone(), route.dataset.clone());
        barred.entry(key).or_insert_with(|| Problem::error(spot, message, remedy));
    }
    Ok(barred)
}

/// Tells the columns and identities of the catalog from those that are remembered.
async fn compare(
    here: &Session,
    catalog: &mut Catalog,
    (sources, remembered): (&BTreeMap<SourceKey, TableName>, &Remembered),
    turn: &Turn,
) -> Result<Vec<Note>, postgres::Error> {
    // After the catalog was read: what commits from here on was written to the tables as they are.
    let now = Server::position(here).await?;
    let mut notes = Vec::new();
    for (key, name) in sources {
        let (Some(table), Some(known)) = (catalog.tables.get_mut(name), remembered.tables.get(key)) else {
            continue;
        };
        notes.extend(recall::date_columns(table, known, now));
        if !(turn.fresh.contains(key) && table.own_identity().is_some()) {
            recall::follow_identity(table, known);
        }
    }
    Ok(notes)
}

/// What the next start has to know.
pub(super) struct Memory {
    sources: BTreeMap<SourceKey, TableName>,
    catalog: Catalog,
    publication: Option<Publication>,
    notes: Vec<Note>,
}

impl Memory {
    /// Writes it down in the target. What somebody should know is of no use any more: everything is compared.
    pub(super) async fn keep_quietly(&self, flow: &Flow, there: &Client) -> Result<(), postgres::Error> {
        self.write(flow, there).await
    }

    /// Writes it down in the target, and says what somebody should know.
    pub(super) async fn keep(&self, flow: &Flow, there: &Client) -> Result<(), postgres::Error> {
        for note in &self.notes {
            tracing::warn!(flow = %flow.name, table = %note.table, "{}", note.text);
            let detail = json!({ "flow": flow.name, "table": note.table, "text": note.text });
            audit::record(there, note.what, &detail).await?;
        }
        self.write(flow, there).await
    }

    async fn write(&self, flow: &Flow, there: &Client) -> Result<(), postgres::Error> {
        for (key, name) in &self.sources {
            let Some(table) = self.catalog.tables.get(name) else { continue };
            let member = self.publication.as_ref().and_then(|found| found.members.get(&table.name).copied());
            // What is not sent as a whole is not remembered as sent: the next time it is whole is told.
            let member = member.filter(|_| table.unsent.is_none());
            Remembered::keep(there, &flow.name, key, table, member).await?;
        }
        let version = self.publication.as_ref().map(|found| found.version.as_str());
        shapes::keep_publication(there, &flow.name, version).await
    }
}

/// Says what is new among the problems, and which ones are gone.
fn tell(config: &Config, flow: &Flow, problems: &[Problem], told: &mut Told) {
    let mut now = BTreeSet::new();
    for problem in problems {
        let mut text = format!("{}: {}", problem.message, problem.remedy);
        if let Some(sql) = &problem.sql {
            text = format!("{text}: {}", sql.replace('\n', " "));
        }
        if !now.insert(text.clone()) || told.problems.contains(&text) {
            continue;
        }
        let place = config.place(problem.spot);
        match (problem.severity, &problem.scope) {
            (Severity::Warning, _) => tracing::warn!(flow = %flow.name, %place, "{text}"),
            (Severity::Error, Scope::Flow) => tracing::error!(flow = %flow.name, %place, "{text}"),
            (Severity::Error, Scope::Source(from, dataset)) => {
                tracing::error!(flow = %flow.name, %from, %dataset, %place, "data set broken for all its customers: {text}");
            }
            (Severity::Error, Scope::Route(from, to, dataset)) => {
                tracing::error!(flow = %flow.name, %from, %to, %dataset, %place, "data set broken for one customer: {text}");
            }
        }
    }
    for text in told.problems.difference(&now) {
        tracing::info!(flow = %flow.name, "no longer so: {text}");
    }
    told.problems = now;
}

/// A plan that can't run at all; or one with anything wrong about it, before the flow has ever begun: nothing is lost as long
/// as it waits, and whoever sets it up is still there. A flow that has begun keeps what comes for a broken route, until that
/// is whole again.
async fn refuse(flow: &Flow, problems: &[Problem], there: &Session) -> Result<(), Error> {
    let errors: Vec<&Problem> = problems.iter().filter(|problem| problem.is_error()).collect();
    let of_flow = errors.iter().find(|problem| problem.scope == Scope::Flow);
    let Some(first) = of_flow.or(errors.first()) else { return Ok(()) };
    if of_flow.is_none() && past::has_begun(there, flow).await? {
        return Ok(());
    }
    Err(Error::Rules { count: errors.len(), first: first.message.clone() })
}
