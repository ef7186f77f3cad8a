//! Bringing a flow up: catalogs, plan, publication, slot, checkpoint, stream.
//!
//! The order matters: the publication must exist before the slot does, and the checkpoint says "creating" before the slot
//! is made, so that a death in between is recognized and no change is taken for seen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::apply::{Checkpoint, Writer, shapes};
use crate::catalog::{Server, Slot};
use crate::config::{Config, Database};
use crate::lsn::Lsn;
use crate::name::{Ident, literal};
use crate::postgres::{self, Session};
use crate::rules::{Flow, Plan};
use crate::source::duplex::ReplicationStream;
use crate::source::wire::{ReplicationConnection, SystemIdentity};

use super::drift::{Watch, application};
use super::error::Error;
use super::plan::{self, Planned, Told};
use super::recall::Turn;

/// A source may always be silent for this long.
const SILENCE_MIN: Duration = Duration::from_mins(1);

/// A flow that is ready to stream.
pub(super) struct Prepared {
    /// What it does.
    pub(super) plan: Arc<Plan>,
    /// Writes it.
    pub(super) writer: Writer,
    /// Brings it.
    pub(super) stream: ReplicationStream,
    /// Everything before this position is in the target.
    pub(super) applied: Lsn,
    /// How long the source may be silent.
    pub(super) silence_limit: Option<Duration>,
    /// Notices when the plan no longer fits the databases.
    pub(super) drift: Watch,
}

/// Brings the flow up.
pub(super) async fn prepare(
    config: &Config,
    flow: &Flow,
    (told, turn): (&mut Told, &Turn),
) -> Result<Prepared, Error> {
    let began = Instant::now();
    let (source, target) = databases(config, flow);
    let session = postgres::open(source, &application(&flow.name)).await?;
    let server = Server::read(&session).await?;
    if server.wal_level != "logical" {
        return Err(Error::WalLevel { database: source.name.to_string(), found: server.wal_level });
    }
    let planned = plan::make(config, flow, (source, &session), target, (told, turn)).await?;
    let Planned { plan, source: source_side, target: target_side, there, memory } = planned;
    let plan = Arc::new(plan);
    let mut writer = Writer::open(source, target, Arc::clone(&plan), config.daemon.parked_limit).await?;
    let application = format!("acequia capture {}", flow.name);
    let mut connection = ReplicationConnection::connect(source, &application).await?;
    connection.simple_query(postgres::TAKE_BYTES).await?;
    let system = connection.identify_system().await?;
    let applied = position(flow, source, &session, &writer, &mut connection, &system).await?;
    writer.start_at(applied);
    memory.keep(flow, writer.client()).await?;
    let due =
        shapes::remember(writer.client(), &flow.name, &source_side.seen, &target_side.seen, turn.drifted)
            .await?;
    if due > 0 {
        tracing::info!(flow = %flow.name, rows = due, "the target's tables have changed: rows that they refused are tried again");
    }
    let started = connection.start(&ident(&flow.slot)?, &ident(&flow.publication)?, applied).await;
    let stream = match started {
        Ok(stream) => stream,
        Err(error) => return Err(holder(flow, source, &session, error).await),
    };
    // The server sends a keepalive after half its own limit; twice the limit without a word, and it is gone.
    let silence_limit = (server.wal_sender_timeout_ms > 0).then(|| {
        Duration::from_millis(2 * u64::from(server.wal_sender_timeout_ms.unsigned_abs())).max(SILENCE_MIN)
    });
    let sides = vec![(source_side, Some(session)), (target_side, Some(there))];
    let drift = Watch::new(&flow.name, sides, began.elapsed());
    Ok(Prepared { plan, writer, stream, applied, silence_limit, drift })
}

/// Where a slot can't be read because somebody else reads it: who that is.
async fn holder(flow: &Flow, source: &Database, session: &Session, error: postgres::Error) -> Error {
    const IN_USE: &str = "55006";
    if error.sqlstate().is_none_or(|state| state.as_str() != IN_USE) {
        return error.into();
    }
    match Slot::read(session, &flow.slot).await {
        Ok(Some(Slot { active_pid: Some(pid), holder, .. })) => Error::SlotInUse {
            slot: flow.slot.clone(),
            database: source.name.to_string(),
            pid,
            holder: holder.unwrap_or_default(),
        },
        // It is free by now, or can't be asked for: the server's words are all there is.
        Ok(_) | Err(_) => error.into(),
    }
}

/// Both databases of a flow. The configuration has them: it was resolved before the flow was made.
fn databases<'a>(config: &'a Config, flow: &Flow) -> (&'a Database, &'a Database) {
    (&config.databases[&flow.source], &config.databases[&flow.target])
}

fn ident(name: &str) -> Result<Ident, postgres::Error> {
    Ident::new(name)
        .map_err(|_| postgres::Error::protocol("naming a slot or a publication", "not an identifier"))
}

/// Where the flow goes on: at its checkpoint, if the slot can still serve it; at a new slot, if this is the first time.
async fn position(
    flow: &Flow,
    source: &Database,
    session: &Session,
    writer: &Writer,
    connection: &mut ReplicationConnection,
    identity: &SystemIdentity,
) -> Result<Lsn, Error> {
    let system = identity.system_identifier.as_str();
    let checkpoint = writer.checkpoint().await?;
    let slot = Slot::read(session, &flow.slot).await?;
    if let Some(error) = slot_gap(flow, source, system, checkpoint.as_ref(), slot.as_ref()) {
        return Err(error);
    }
    match checkpoint {
        None => first_time(flow, source, session, writer, connection, (system, false)).await,
        Some(Checkpoint { creating: true, .. }) => {
            first_time(flow, source, session, writer, connection, (system, slot.is_some())).await
        }
        Some(checkpoint) if identity.wal_position < checkpoint.lsn => Err(Error::Slot {
            slot: flow.slot.clone(),
            database: source.name.to_string(),
            flow: flow.name.clone(),
            what: format!("belongs to a server whose WAL ends at {}: it was set back", identity.wal_position),
            checkpoint: checkpoint.lsn,
        }),
        Some(checkpoint) => Ok(checkpoint.lsn),
    }
}

/// Why a flow can't go on from its checkpoint by its slot, as both stand; `system` is the source's cluster.
pub fn slot_gap(
    flow: &Flow,
    source: &Database,
    system: &str,
    checkpoint: Option<&Checkpoint>,
    slot: Option<&Slot>,
) -> Option<Error> {
    let (name, database, slot_name) = (flow.name.clone(), source.name.to_string(), flow.slot.clone());
    match (checkpoint, slot) {
        (None, None) | (Some(Checkpoint { creating: true, .. }), _) => None,
        (None, Some(_)) => Some(Error::UnknownSlot { slot: slot_name, database, flow: name }),
        (Some(checkpoint), _) if checkpoint.system_identifier != system => Some(Error::OtherCluster {
            database,
            flow: name,
            expected: checkpoint.system_identifier.clone(),
            found: system.to_owned(),
        }),
        (Some(checkpoint), None) => {
            Some(Error::SlotGone { slot: slot_name, database, flow: name, checkpoint: checkpoint.lsn })
        }
        (Some(Checkpoint { lsn, .. }), Some(slot)) => {
            let what = fault_of_slot(slot, source, *lsn)?;
            Some(Error::Slot { slot: slot_name, database, flow: name, what, checkpoint: *lsn })
        }
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
