//! The plan of a flow, from the databases as they are now: catalogs, publication, rules; and what is wrong between them.

use std::collections::BTreeSet;

use crate::catalog::{Catalog, Fingerprint, Publication, Table, Unsent};
use crate::config::{Config, Database};
use crate::fault::Fault;
use crate::name::TableName;
use crate::postgres::{self, Session};
use crate::rules::{self, Flow, Plan, Problem, Scope, Severity, setup};

use super::drift::{Side, application};
use super::error::Error;

/// What has been said of a flow's problems, so that nothing is said twice.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeSet<String>);

/// A plan, and what it was made from.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) source: Side,
    pub(super) target: Side,
    /// The session in which the target's catalogs were read.
    pub(super) there: Session,
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
pub(super) async fn make(
    config: &Config,
    flow: &Flow,
    (source, here): (&Database, &Session),
    target: &Database,
    told: &mut Told,
) -> Result<Planned, Error> {
    let (sources, targets, tables) = rules::tables_to_read(config, flow);
    let publication = Some(flow.publication.as_str());
    let mut source_seen = Fingerprint::read(here, &sources, &tables, publication).await?;
    let mut source_catalog = read_catalogs(here, &sources, &tables).await?;
    let there = postgres::open(target, &application(&flow.name)).await?;
    let target_seen = Fingerprint::read(&there, &targets, &tables, None).await?;
    let target_catalog = read_catalogs(&there, &targets, &tables).await?;
    if publish(config, flow, here, &mut source_catalog).await? {
        // That was us: no reason to begin again.
        let now = Fingerprint::read(here, &sources, &tables, publication).await?;
        source_seen.publication = now.publication;
    }
    let (plan, problems) = rules::compile(config, flow, &source_catalog, &target_catalog);
    tell(config, flow, &problems, told);
    refuse(flow, &plan, &problems, &there).await?;
    let side = |role, database: &Database, schemas, publication: Option<&str>, seen| Side {
        role,
        database: database.clone(),
        schemas,
        tables: tables.clone(),
        publication: publication.map(str::to_owned),
        seen,
    };
    let source = side("source", source, sources, publication, source_seen);
    let target = side("target", target, targets, None, target_seen);
    Ok(Planned { plan, source, target, there })
}

/// Says what is new among the problems, and which ones are gone.
fn tell(config: &Config, flow: &Flow, problems: &[Problem], told: &mut Told) {
    let mut now = BTreeSet::new();
    for problem in problems {
        let mut text = format!("{}: {}", problem.message, problem.remedy);
        if let Some(sql) = &problem.sql {
            text = format!("{text}: {}", sql.replace('\n', " "));
        }
        if !now.insert(text.clone()) || told.0.contains(&text) {
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
    for text in told.0.difference(&now) {
        tracing::info!(flow = %flow.name, "no longer so: {text}");
    }
    told.0 = now;
}

/// A plan that can't run at all, or that would begin with nothing to do.
async fn refuse(flow: &Flow, plan: &Plan, problems: &[Problem], there: &Session) -> Result<(), Error> {
    let mut errors = problems.iter().filter(|problem| problem.is_error());
    let of_flow = errors.clone().find(|problem| problem.scope == Scope::Flow);
    let stands = match of_flow {
        Some(_) => false,
        // A flow that has begun keeps what comes, until a route is whole again.
        None => !plan.routes.is_empty() || plan.broken.is_empty() || has_begun(flow, there).await?,
    };
    let count = errors.clone().count();
    match of_flow.or_else(|| errors.next()) {
        Some(first) if !stands => Err(Error::Rules { count, first: first.message.clone() }),
        Some(_) | None => Ok(()),
    }
}

async fn has_begun(flow: &Flow, there: &Session) -> Result<bool, postgres::Error> {
    let failed = |error| postgres::Error::from_driver("looking whether the flow has begun", &error);
    let known = there.query_one("SELECT to_regclass('acequia.checkpoint') IS NOT NULL", &[]).await;
    if !known.map_err(failed)?.get::<_, bool>(0) {
        return Ok(false);
    }
    let sql = "SELECT EXISTS (SELECT FROM acequia.checkpoint WHERE flow = $1 AND state = 'live')";
    Ok(there.query_one(sql, &[&flow.name]).await.map_err(failed)?.get(0))
}

/// What a publication lacks for its flow, and the statement that mends it.
pub fn publication_gap(
    config: &Config,
    flow: &Flow,
    found: Option<&Publication>,
    left_out: &BTreeSet<TableName>,
) -> Option<(&'static str, String)> {
    let wanted: BTreeSet<TableName> =
        setup::published_tables(config, flow).difference(left_out).cloned().collect();
    let Some(found) = found else {
        return Some(("is missing", setup::create_publication(flow, &wanted)));
    };
    let missing: BTreeSet<_> = wanted.difference(&found.tables).cloned().collect();
    let publishes = found.inserts && found.updates && found.deletes;
    let all = publish_all(flow);
    match (publishes, missing.is_empty()) {
        (true, true) => None,
        (true, false) => Some(("lacks tables of the rules", setup::extend_publication(flow, &missing))),
        (false, true) => Some(("does not publish inserts, updates and deletes", all)),
        (false, false) => {
            let sql = format!("{all};\n{}", setup::extend_publication(flow, &missing));
            Some(("does not publish all that the rules need", sql))
        }
    }
}

fn publish_all(flow: &Flow) -> String {
    format!("ALTER PUBLICATION \"{}\" SET (publish = 'insert, update, delete, truncate')", flow.publication)
}

/// Makes the publication what the flow needs, as far as this role may; answers whether something was changed. A table that
/// is not there, or whose UPDATEs would fail once it is published, is left out. Tables that this role may not add are
/// marked as unsent: their routes wait for a DBA, the others go on.
async fn publish(
    config: &Config,
    flow: &Flow,
    session: &Session,
    catalog: &mut Catalog,
) -> Result<bool, Error> {
    let may_go = |table: &Table| table.identity().is_some();
    let wanted = setup::published_tables(config, flow);
    let wanted: BTreeSet<TableName> =
        wanted.into_iter().filter(|name| catalog.tables.get(name).is_some_and(may_go)).collect();
    let found = Publication::read(session, &flow.publication).await?;
    let mut changed = false;
    let Some(found) = found else {
        if wanted.is_empty() {
            return Ok(false); // no route is sound, and the rules' own errors say why
        }
        mend(flow, session, "is missing", &setup::create_publication(flow, &wanted)).await?;
        return Ok(true);
    };
    if !(found.inserts && found.updates && found.deletes) {
        let what = "does not publish inserts, updates and deletes";
        mend(flow, session, what, &publish_all(flow)).await?;
        changed = true;
    }
    for name in wanted.difference(&found.tables) {
        let sql = setup::extend_publication(flow, &BTreeSet::from([name.clone()]));
        match mend(flow, session, "lacks tables of the rules", &sql).await {
            Ok(()) => changed = true,
            Err(Error::Publication { .. }) => {
                if let Some(table) = catalog.tables.get_mut(name) {
                    let what =
                        format!("is not in publication {}, so its changes are not sent", flow.publication);
                    table.unsent = Some(Unsent { what, sql: sql.replace('\n', "") });
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(changed)
}

async fn mend(flow: &Flow, session: &Session, what: &str, sql: &str) -> Result<(), Error> {
    let doing = format!("making publication {} in database {}", flow.publication, flow.source);
    match session.batch_execute(sql).await.map_err(|error| postgres::Error::from_driver(doing, &error)) {
        Ok(()) => Ok(()),
        Err(error) if error.fault() == Fault::Retry => Err(error.into()),
        Err(_) => Err(Error::Publication {
            publication: flow.publication.clone(),
            database: flow.source.to_string(),
            what: what.to_owned(),
            sql: sql.replace('\n', ""),
        }),
    }
}
