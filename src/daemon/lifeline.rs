//! Whether the writer's connection still leads to its session: somebody else asks the server.
//!
//! A tunnel, a proxy or a firewall may lose what is on its way and keep the connection open on both sides. The writer then
//! waits for an answer for ever, and no time limit can tell that from a statement that takes long. The server can: it knows
//! whether it works for the writer or waits for it.

use std::time::Duration;

use tokio::time::timeout;

use crate::apply::{self, Asking, Writer, writer};
use crate::config::Database;
use crate::postgres::{self, Session};

use super::error::Error;

/// What is asked.
const ASKING: &str = "asking for the writer's session";
/// An answer that does not come by then never will.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(20);
/// How often it is looked whether the writer still waits for the same answer.
const INTERVAL: Duration = Duration::from_secs(5);
/// After so many looks the server is asked.
const LOOKS: u32 = 3;

/// Whether the server waits for the writer, and how much of a COPY has reached it: a slow link is not a dead one.
const ASK: &str = "SELECT a.pid IS NULL OR coalesce(a.wait_event IN ('ClientRead', 'ClientWrite'), false), \
                   coalesce(c.bytes_processed, 0) FROM (VALUES ($1::int4)) w (pid) \
                   LEFT JOIN pg_stat_activity a USING (pid) LEFT JOIN pg_stat_progress_copy c USING (pid)";

/// A role may end its own sessions.
const END: &str = "SELECT pg_catalog.pg_terminate_backend($1)";

/// The writer's session, as seen from outside.
pub(super) struct Lifeline {
    flow: String,
    target: Database,
    pub(super) pid: i32,
    asking: Asking,
}

impl Lifeline {
    /// For a writer that has just been opened.
    pub(super) fn of(writer: &Writer, target: &Database, flow: &str) -> Self {
        Self { flow: flow.to_owned(), target: target.clone(), pid: writer.pid(), asking: writer.asking() }
    }

    /// Returns when the server waits for the writer while the writer waits for the server. That session is ended: it may
    /// hold the flow's lock.
    pub(super) async fn lost(self) -> Error {
        let (mut waits_for, mut looks, mut received) = (None, 0, None);
        loop {
            tokio::time::sleep(INTERVAL).await;
            let now = self.asking.at_hand();
            if now.is_none() || now != waits_for {
                (waits_for, looks, received) = (now, 0, None);
                continue;
            }
            looks += 1;
            if looks < LOOKS {
                continue;
            }
            match self.ask(received).await {
                Ok(Asked::Works) => received = None,
                Ok(Asked::Waits { bytes }) => received = Some(bytes),
                Ok(Asked::Deaf) => {
                    return Error::Deaf { database: self.target.name.to_string(), pid: self.pid };
                }
                // A server that can't be asked tells nothing of the session.
                Err(error) => {
                    tracing::debug!(flow = %self.flow, "not asked for the writer's session: {error}");
                }
            }
        }
    }

    async fn ask(&self, received: Option<i64>) -> Result<Asked, postgres::Error> {
        let session = postgres::open(&self.target, &application(&self.flow)).await?;
        let failed = |error| postgres::Error::from_driver(ASKING, &error);
        match timeout(ANSWER_MAX, ask(&session, self.pid, received)).await {
            Ok(asked) => asked.map_err(failed),
            // This one may be dead as well.
            Err(_) => {
                session.abandon();
                Err(postgres::Error::protocol(ASKING, "no answer in time"))
            }
        }
    }
}

/// Ends the session of the writer before this one, where it is still there and holds the flow's lock: its end did not reach the
/// server, which may never notice it by itself.
pub(super) async fn release(target: &Database, flow: &str, error: &Error, before: Option<i32>) {
    let Error::Apply(apply::Error::Served { pid, application, .. }) = error else { return };
    if before != Some(*pid) || *application != writer::application(flow) {
        return;
    }
    if end(target, flow, *pid).await {
        tracing::info!(flow, "the writer's last session was still there, and is ended");
    }
}

/// Ends a session of ours at the target; `false` where that was not possible.
pub(super) async fn end(target: &Database, flow: &str, pid: i32) -> bool {
    let Ok(session) = postgres::open(target, &application(flow)).await else { return false };
    matches!(timeout(ANSWER_MAX, session.query_one(END, &[&pid])).await, Ok(Ok(_)))
}

/// What DBAs see of who asks.
pub(super) fn application(flow: &str) -> String {
    format!("acequia lifeline {flow}")
}

/// What the server does for the writer.
enum Asked {
    Works,
    /// It waits, since this look or with something that has come since the last one.
    Waits {
        bytes: i64,
    },
    /// It has waited since the last look, and nothing came.
    Deaf,
}

async fn ask(session: &Session, pid: i32, received: Option<i64>) -> Result<Asked, tokio_postgres::Error> {
    let row = session.query_one(ASK, &[&pid]).await?;
    let (waits, bytes): (bool, i64) = (row.get(0), row.get(1));
    if !waits {
        return Ok(Asked::Works);
    }
    if received != Some(bytes) {
        return Ok(Asked::Waits { bytes });
    }
    session.query_one(END, &[&pid]).await?;
    Ok(Asked::Deaf)
}
