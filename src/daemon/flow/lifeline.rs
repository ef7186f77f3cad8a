//! Whether the writer's connections still lead to their sessions, at the target and at the source: somebody else asks the servers.
//!
//! A tunnel, a proxy or a firewall may lose what is on its way and keep the connection open on both sides. The writer then
//! waits for an answer for ever, and no time limit can tell that from a statement that takes long. The server can: it knows
//! whether it works for the writer or waits for it.

use std::time::{Duration, Instant};

use crate::apply::Asking;
use crate::config::Database;
use crate::postgres::{self, Session};

use super::error::Error;

/// What is asked.
const ASKING: &str = "asking for the writer's session";
/// How often it is looked whether the writer still waits for the same answer.
const INTERVAL: Duration = Duration::from_secs(5);
/// After so many looks the server is asked.
const LOOKS: u32 = 3;
/// A source that could not be asked so often in succession is given up: the target's transaction waits for it, and others there
/// wait for that one's locks.
const UNASKED_MAX: u32 = 3;
/// So often the server may say that it sends a long answer, of which it can't be told how much has come.
const SENDS_MAX: u32 = 60;

/// Whether the server waits for the writer; how much of a COPY has passed: a slow link is not a dead one; and whether it sends
/// something else.
const ASK: &str = "SELECT a.pid IS NULL OR coalesce(a.wait_event IN ('ClientRead', 'ClientWrite'), false), \
                   coalesce(c.bytes_processed, 0), coalesce(a.wait_event = 'ClientWrite' AND c.pid IS NULL, false) \
                   FROM (VALUES ($1::int4)) w (pid) \
                   LEFT JOIN pg_stat_activity a USING (pid) LEFT JOIN pg_stat_progress_copy c USING (pid)";

/// A role may end its own sessions.
const END: &str = "SELECT pg_catalog.pg_terminate_backend($1)";
/// The same where the number may be another session's by now.
const END_NAMED: &str = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_stat_activity \
                         WHERE pid = $1 AND application_name = $2 AND usename = current_user";

/// One of the writer's sessions, as seen from outside.
pub(super) struct Lifeline {
    flow: String,
    database: Database,
    asking: Asking,
    /// A server that can't be asked is given up.
    gives_up: bool,
}

impl Lifeline {
    /// For a session of a writer with this database.
    pub(super) fn new(asking: Asking, database: &Database, flow: &str) -> Self {
        Self { flow: flow.to_owned(), database: database.clone(), asking, gives_up: false }
    }

    /// The server is given up, too, where it can't be asked for long.
    pub(super) fn or_given_up(self) -> Self {
        Self { gives_up: true, ..self }
    }

    /// Returns when the server waits for the writer while the writer waits for the server. That session is ended: it may
    /// hold the flow's lock.
    pub(super) async fn lost(self) -> Error {
        let (mut waits_for, mut looks, mut last) = (None, 0, Look::default());
        let (mut unasked, mut since) = (0, Instant::now());
        loop {
            tokio::time::sleep(INTERVAL).await;
            let now = self.asking.at_hand();
            let Some((_, pid)) = now.filter(|_| now == waits_for) else {
                (waits_for, looks, last) = (now, 0, Look::default());
                (unasked, since) = (0, Instant::now());
                continue;
            };
            looks += 1;
            if looks < LOOKS {
                continue;
            }
            match self.ask(pid, last).await {
                Ok(Some(look)) => (last, unasked) = (look, 0),
                Ok(None) => return Error::Deaf { database: self.database.name.to_string(), pid },
                // A server that can't be asked tells nothing of the session.
                Err(error) => {
                    tracing::debug!(flow = %self.flow, "not asked for the writer's session: {error}");
                    unasked = if error.kind().is_unreachable() { unasked + 1 } else { 0 };
                    if self.gives_up && unasked >= UNASKED_MAX {
                        let (database, seconds) = (self.database.name.to_string(), since.elapsed().as_secs());
                        return Error::Silent { database, seconds };
                    }
                }
            }
        }
    }

    async fn ask(&self, pid: i32, last: Look) -> Result<Option<Look>, postgres::Error> {
        let session = postgres::open(&self.database, &application(&self.flow)).await?;
        let asked = async {
            let asked = ask(&session, pid, last).await;
            asked.map_err(|error| postgres::Error::from_driver(ASKING, &error))
        };
        postgres::in_time(ASKING, asked).await
    }
}

/// What the server does for the writer.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    /// It waits, and so much of a COPY has passed.
    waits: Option<i64>,
    /// So many times it was sending something else.
    sends: u32,
}

/// Ends a session of ours that has this process and this name; `false` where there is none, or where that was not possible.
pub(super) async fn end(database: &Database, flow: &str, (pid, name): (i32, &str)) -> bool {
    let Ok(session) = postgres::open(database, &application(flow)).await else { return false };
    let ended = async {
        let ended = session.query(END_NAMED, &[&pid, &postgres::shown(name)]).await;
        ended.map_err(|error| postgres::Error::from_driver(ASKING, &error))
    };
    postgres::in_time(ASKING, ended).await.is_ok_and(|ended| ended.iter().any(|row| row.get(0)))
}

/// What DBAs see of who asks.
pub(super) fn application(flow: &str) -> String {
    format!("acequia lifeline {flow}")
}

/// What the server does; `None` where it waits and nothing has passed since the last look: the session is ended then.
async fn ask(session: &Session, pid: i32, last: Look) -> Result<Option<Look>, tokio_postgres::Error> {
    let row = session.query_one(ASK, &[&pid]).await?;
    let (waits, bytes, sends): (bool, i64, bool) = (row.get(0), row.get(1), row.get(2));
    if sends && last.sends < SENDS_MAX {
        return Ok(Some(Look { waits: None, sends: last.sends + 1 }));
    }
    if !waits {
        return Ok(Some(Look::default()));
    }
    if !sends && last.waits != Some(bytes) {
        return Ok(Some(Look { waits: Some(bytes), sends: 0 }));
    }
    session.query_one(END, &[&pid]).await?;
    Ok(None)
}
