//! Bringing a flow up: catalogs, plan, publication, slot, checkpoint (`position`), stream.
//!
//! The order matters: the publication must exist before the slot does, and the checkpoint says "creating" before the slot
//! is made, so that a death in between is recognized and no change is taken for seen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::apply::{Desk, Writer, shapes};
use crate::catalog::{Server, Slot};
use crate::config::{Config, Database};
use crate::lsn::Lsn;
use crate::postgres::{self, Session};
use crate::rules::{Flow, Plan};
use crate::source::duplex::ReplicationStream;
use crate::source::wire::ReplicationConnection;

use super::capture;
use super::drift::{Watch, application};
use super::error::Error;
use super::plan::{self, Planned, Told};
use super::position::{Ends, ident};
use super::predecessor::Opened;
use super::recall::Turn;
use super::surrender;

/// A source may always be silent for this long.
const SILENCE_MIN: Duration = Duration::from_secs(20);

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

/// Brings the flow up. The processes of its connections go into `opened` as soon as they are known.
pub(super) async fn prepare(
    config: &Config,
    flow: &Flow,
    (told, turn): (&mut Told, &Turn),
    opened: &Opened,
) -> Result<Prepared, Error> {
    let began = Instant::now();
    let (source, target) = databases(config, flow);
    let session = postgres::open(source, &application(&flow.name)).await?;
    let server = Server::read(&session).await?;
    if server.in_recovery {
        return Err(Error::Standby { database: source.name.to_string() });
    }
    if server.wal_level != "logical" {
        return Err(Error::WalLevel { database: source.name.to_string(), found: server.wal_level });
    }
    let planned = plan::make(config, flow, (source, &session), target, (told, turn)).await?;
    let Planned { plan, source: source_side, target: target_side, there, memory } = planned;
    let plan = Arc::new(plan);
    let desk = Desk::open(target, &flow.name).await?;
    opened.writer.get_or_init(|| desk.pid());
    let mut writer = Writer::open(desk, source, Arc::clone(&plan), config.daemon.parked_limit).await?;
    // At the very first start there is an audit only now.
    told.start.record(writer.client(), config, flow).await?;
    let application = capture::application(&flow.name);
    let mut connection = ReplicationConnection::connect(source, &application).await?;
    opened.reader.get_or_init(|| connection.pid());
    connection.simple_query(postgres::TAKE_BYTES).await?;
    let given_up = surrender::Memory::of(config, &flow.slot).read().await;
    let ends = Ends { flow, source, session: &session, server: &server, given_up, there: writer.client() };
    let applied = ends.position(&mut connection, turn.gap.as_ref(), &memory).await?;
    writer.start_at(applied).await?;
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
    let drift = Watch::new(&flow.name, sides, began.elapsed(), config.daemon.max_lag);
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
