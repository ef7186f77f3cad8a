//! Bringing a flow up: catalogs, plan, publication, slot, checkpoint, stream.
//!
//! The order matters: the publication must exist before the slot does, and the checkpoint says "creating" before the slot
//! is made, so that a death in between is recognized and no change is taken for seen.

use std::sync::Arc;
use std::time::Duration;

use crate::apply::{Checkpoint, Writer};
use crate::catalog::{Catalog, Publication, Server, Slot};
use crate::config::{Config, Database};
use crate::lsn::Lsn;
use crate::name::{Ident, literal};
use crate::postgres::{self, Session};
use crate::rules::{self, Flow, Plan, Severity, setup};
use crate::source::duplex::ReplicationStream;
use crate::source::wire::ReplicationConnection;

use super::error::Error;

/// A source may always be silent for this long.
const SILENCE_MIN: Duration = Duration::from_mins(1);

/// A flow that is ready to stream.
pub struct Prepared {
    /// What it does.
    pub plan: Arc<Plan>,
    /// Writes it.
    pub writer: Writer,
    /// Brings it.
    pub stream: ReplicationStream,
    /// Everything before this position is in the target.
    pub applied: Lsn,
    /// How long the source may be silent.
    pub silence_limit: Option<Duration>,
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

/// Brings the flow up.
pub(super) async fn prepare(config: &Config, flow: &Flow) -> Result<Prepared, Error> {
    let (source, target) = databases(config, flow);
    let session = postgres::open(source, &format!("acequia catalog {}", flow.name)).await?;
    let server = Server::read(&session).await?;
    if server.wal_level != "logical" {
        return Err(Error::WalLevel { database: source.name.to_string(), found: server.wal_level });
    }
    let plan = Arc::new(plan(config, flow, &session, target).await?);
    publication(config, flow, &session).await?;
    let mut writer = Writer::open(source, target, Arc::clone(&plan)).await?;
    let application = format!("acequia capture {}", flow.name);
    let mut connection = ReplicationConnection::connect(source, &application).await?;
    let system = connection.identify_system().await?.system_identifier;
    let applied = position(flow, source, &session, &writer, &mut connection, &system).await?;
    writer.start_at(applied);
    let stream = connection.start(&ident(&flow.slot)?, &ident(&flow.publication)?, applied).await?;
    // The server sends a keepalive after half its own limit; twice the limit without a word, and it is gone.
    let silence_limit = (server.wal_sender_timeout_ms > 0).then(|| {
        Duration::from_millis(2 * u64::from(server.wal_sender_timeout_ms.unsigned_abs())).max(SILENCE_MIN)
    });
    Ok(Prepared { plan, writer, stream, applied, silence_limit })
}

/// Both databases of a flow. The configuration has them: it was resolved before the flow was made.
fn databases<'a>(config: &'a Config, flow: &Flow) -> (&'a Database, &'a Database) {
    (&config.databases[&flow.source], &config.databases[&flow.target])
}

fn ident(name: &str) -> Result<Ident, postgres::Error> {
    Ident::new(name)
        .map_err(|_| postgres::Error::protocol("naming a slot or a publication", "not an identifier"))
}

async fn plan(config: &Config, flow: &Flow, session: &Session, target: &Database) -> Result<Plan, Error> {
    let (sources, targets, tables) = rules::tables_to_read(config, flow);
    let source_catalog = read_catalogs(session, &sources, &tables).await?;
    let there = postgres::open(target, &format!("acequia catalog {}", flow.name)).await?;
    let target_catalog = read_catalogs(&there, &targets, &tables).await?;
    let (plan, problems) = rules::compile(config, flow, &source_catalog, &target_catalog);
    let errors: Vec<_> = problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    for problem in &problems {
        let place = config.place(problem.spot);
        let sql = problem.sql.as_deref().unwrap_or_default().replace('\n', " ");
        match problem.severity {
            Severity::Error => {
                tracing::error!(flow = %flow.name, %place, remedy = %problem.remedy, sql, "{}", problem.message);
            }
            Severity::Warning => {
                tracing::warn!(flow = %flow.name, %place, remedy = %problem.remedy, "{}", problem.message);
            }
        }
    }
    match errors.first() {
        None => Ok(plan),
        Some(first) => Err(Error::Rules { count: errors.len(), first: first.message.clone() }),
    }
}

/// The publication is there with every table, or is made so where the role may.
async fn publication(config: &Config, flow: &Flow, session: &Session) -> Result<(), Error> {
    let wanted = setup::published_tables(config, flow);
    let (what, sql) = match Publication::read(session, &flow.publication).await? {
        None => ("is missing", setup::create_publication(flow, &wanted)),
        Some(found) => {
            let missing: std::collections::BTreeSet<_> = wanted.difference(&found.tables).cloned().collect();
            if missing.is_empty() {
                return Ok(());
            }
            ("lacks tables", setup::extend_publication(flow, &missing))
        }
    };
    let done = session.batch_execute(&sql).await;
    done.map_err(|_| Error::Publication {
        publication: flow.publication.clone(),
        database: flow.source.to_string(),
        what: what.to_owned(),
        sql,
    })
}

/// Where the flow goes on: at its checkpoint, if the slot can still serve it; at a new slot, if this is the first time.
async fn position(
    flow: &Flow,
    source: &Database,
    session: &Session,
    writer: &Writer,
    connection: &mut ReplicationConnection,
    system: &str,
) -> Result<Lsn, Error> {
    let checkpoint = writer.checkpoint().await?;
    let slot = Slot::read(session, &flow.slot).await?;
    let (name, database, slot_name) = (flow.name.clone(), source.name.to_string(), flow.slot.clone());
    match (checkpoint, slot) {
        (None, Some(_)) => Err(Error::UnknownSlot { slot: slot_name, database, flow: name }),
        (None, None) => first_time(flow, source, session, writer, connection, (system, false)).await,
        (Some(Checkpoint { creating: true, .. }), slot) => {
            first_time(flow, source, session, writer, connection, (system, slot.is_some())).await
        }
        (Some(checkpoint), _) if checkpoint.system_identifier != system => Err(Error::OtherCluster {
            database,
            flow: name,
            expected: checkpoint.system_identifier,
            found: system.to_owned(),
        }),
        (Some(checkpoint), None) => {
            Err(Error::SlotGone { slot: slot_name, database, flow: name, checkpoint: checkpoint.lsn })
        }
        (Some(checkpoint), Some(slot)) => match fault_of_slot(&slot, source, checkpoint.lsn) {
            None => Ok(checkpoint.lsn),
            Some(what) => {
                Err(Error::Slot { slot: slot_name, database, flow: name, what, checkpoint: checkpoint.lsn })
            }
        },
    }
}

fn fault_of_slot(slot: &Slot, source: &Database, checkpoint: Lsn) -> Option<String> {
    if slot.plugin.as_deref() != Some("pgoutput") || slot.database.as_deref() != Some(source.dbname.as_str())
    {
        return Some("is not a pgoutput slot of this database".to_owned());
    }
    if slot.wal_status.as_deref() == Some("lost") {
        return Some(
            "was given up by the server: the WAL that it needs is gone (wal_status lost)".to_owned(),
        );
    }
    match slot.confirmed {
        None => Some("has no position".to_owned()),
        Some(confirmed) if confirmed > checkpoint => Some(format!("lies ahead, at {confirmed}")),
        Some(_) => None,
    }
}

async fn first_time(
    flow: &Flow,
    source: &Database,
    session: &Session,
    writer: &Writer,
    connection: &mut ReplicationConnection,
    found: (&str, bool),
) -> Result<Lsn, Error> {
    let (system, has_slot) = found;
    Checkpoint::announce(writer.client(), &flow.name, system, source.name.as_str(), &flow.slot).await?;
    if has_slot {
        // A death between the slot and its first position: nothing was read from it yet.
        session
            .batch_execute(&format!("SELECT pg_drop_replication_slot({})", literal(&flow.slot)))
            .await
            .map_err(|error| postgres::Error::from_driver("dropping a slot that was never used", &error))?;
    }
    crate::failpoint::hit("before-slot");
    let at = connection.create_slot(&ident(&flow.slot)?).await?;
    crate::failpoint::hit("after-slot");
    Checkpoint::begin(writer.client(), &flow.name, at).await?;
    tracing::info!(flow = %flow.name, slot = %flow.slot, position = %at, "slot created; changes from here on are synchronized");
    Ok(at)
}
