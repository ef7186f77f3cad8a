//! Whether a connection still leads to its session: somebody else asks the server.
//!
//! A tunnel, a proxy or a firewall may lose what is on its way and keep the connection open on both sides. No time limit can
//! tell that from a statement that takes long. The server can: it knows whether it works for the session or waits for it.

use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Row};
use tokio::time::{Instant, sleep, timeout};

use super::error::Kind;
use super::identity::Flavour;
use super::place;
use super::progress::Progress;
use crate::config::Server;
use crate::name::mysql_literal;

/// Between two looks. Most statements are done before the first one.
const INTERVAL: Duration = Duration::from_secs(10);
/// All of one look: a session of its own, and its question.
const LOOK_LIMIT: Duration = Duration::from_secs(10);
/// A session for which the server waits so long while we wait for the server is dead …
const DEAF_LIMIT: Duration = Duration::from_secs(25);
/// … and so is one of a server that nobody can ask for so long.
const MUTE_LIMIT: Duration = Duration::from_mins(1);
/// A load for which nobody has brought rows for so long is given up.
const STALL_LIMIT: Duration = Duration::from_mins(30);
/// The server shows nothing of a statement until all of it has come, which takes its time on a slow link.
const SLOWEST_BYTES_PER_SECOND: u64 = 10_000;

/// What a server says while it waits for bytes of the session, or for the session to take some.
const WAITING: [&str; 4] =
    ["Reading from net", "Receiving from client", "Writing to net", "Sending to client"];
/// What MySQL says in a load, whether it waits or works.
const LOADING: &str = "executing";

/// One session, as seen from outside.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    server: Server,
    id: u32,
    flavour: Flavour,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Question<'a> {
    /// So many bytes go to the server before it can begin.
    pub(super) bytes: u64,
    /// Rows that go to a table.
    pub(super) load: Option<Load<'a>>,
}

/// A load, seen from both ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load<'a> {
    /// Where they go.
    pub(super) into: (&'a str, &'a str),
    /// What has been given to the connection.
    pub(super) progress: &'a Progress,
}

impl Question<'_> {
    /// How long the server may see nothing of it.
    fn patience(&self) -> Duration {
        Duration::from_secs(self.bytes / SLOWEST_BYTES_PER_SECOND)
    }
}

/// What the server is seen to do for the session.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sight {
    Works,
    /// It waits; for a load, so many rows are there.
    Waits(Option<String>),
}

impl Watch {
    /// For a session of that number.
    pub(super) fn new(server: &Server, id: u32, flavour: Flavour) -> Self {
        Self { server: server.clone(), id, flavour }
    }

    /// Waits for an answer as long as the limit allows and the connection is not taken for dead.
    pub(super) async fn over<T>(
        &self,
        limit: Duration,
        question: Question<'_>,
        answer: impl Future<Output = Result<T, mysql_async::Error>>,
    ) -> Result<T, Kind> {
        tokio::select! {
            done = timeout(limit, answer) => {
                done.map_err(|_| Kind::TimedOut(limit))?.map_err(Kind::from_driver)
            }
            kind = self.lost(question) => Err(kind),
        }
    }

    /// Returns when there has been no sign of life for too long. What is left of the session is ended where the server lets
    /// in somebody who can do that: it may hold locks.
    async fn lost(&self, question: Question<'_>) -> Kind {
        let (mut alive, mut stirred, mut moved, mut seen) = (Instant::now(), Instant::now(), 0, None);
        loop {
            sleep(INTERVAL).await;
            if let Some(Load { progress, .. }) = question.load {
                if progress.moved() != moved {
                    (alive, stirred, moved) = (Instant::now(), Instant::now(), progress.moved());
                    continue;
                }
                if progress.is_hungry() {
                    if stirred.elapsed() >= STALL_LIMIT {
                        return Kind::TimedOut(STALL_LIMIT);
                    }
                    alive = Instant::now();
                    continue;
                }
            }
            let looked = timeout(LOOK_LIMIT, self.look(question, seen.as_ref(), alive.elapsed())).await;
            let silence = alive.elapsed();
            match looked.unwrap_or(Err(Kind::TimedOut(LOOK_LIMIT))) {
                Ok(None) => return Kind::Deaf(silence),
                Ok(Some(sight)) => {
                    if sight == Sight::Works || seen.as_ref().is_some_and(|seen| *seen != sight) {
                        alive = Instant::now();
                    }
                    seen = Some(sight);
                }
                // A server that does not let us look is alive, and tells nothing of the session.
                Err(kind) if !kind.is_silence() => (alive, seen) = (Instant::now(), None),
                Err(kind) => {
                    tracing::debug!("server `{}` is not asked for a session: {kind:?}", self.server.name);
                    if silence >= MUTE_LIMIT + question.patience() {
                        return Kind::Mute(silence);
                    }
                }
            }
        }
    }

    /// `None` where the session was ended: the server waits for it, and nothing has moved for too long.
    async fn look(
        &self,
        question: Question<'_>,
        last: Option<&Sight>,
        silence: Duration,
    ) -> Result<Option<Sight>, Kind> {
        let mut conn = Conn::new(place::options(&self.server).await?).await.map_err(Kind::from_driver)?;
        let sight = self.sight(&mut conn, question).await.map_err(Kind::from_driver)?;
        let enough = DEAF_LIMIT + question.patience();
        let is_lost = sight != Sight::Works && last == Some(&sight) && silence >= enough;
        if is_lost {
            // It may be gone already.
            _ = conn.query_drop(format!("KILL {}", self.id)).await;
        }
        _ = conn.disconnect().await;
        Ok((!is_lost).then_some(sight))
    }

    async fn sight(&self, conn: &mut Conn, question: Question<'_>) -> Result<Sight, mysql_async::Error> {
        let sql = format!("SELECT command, state FROM information_schema.processlist WHERE id = {}", self.id);
        let row: Option<Row> = conn.query_first(sql).await?;
        let row: Option<(String, Option<String>)> = row.map(mysql_async::from_row);
        // A session that is gone works for nobody.
        let works = row.is_some_and(|(command, state)| {
            let state = state.unwrap_or_default();
            let is_fed = question.load.is_some_and(|load| !load.progress.is_finished());
            command != "Sleep" && !WAITING.contains(&state.as_str()) && !(is_fed && state == LOADING)
        });
        if works {
            return Ok(Sight::Works);
        }
        let Some(Load { into: (database, table), .. }) = question.load else { return Ok(Sight::Waits(None)) };
        if self.flavour == Flavour::Mysql {
            conn.query_drop("SET SESSION information_schema_stats_expiry = 0").await?;
        }
        let sql = format!(
            "SELECT table_rows FROM information_schema.tables WHERE table_schema = {} AND table_name = {}",
            mysql_literal(database),
            mysql_literal(table)
        );
        let rows: Option<Row> = conn.query_first(sql).await?;
        let rows: Option<Option<u64>> = rows.map(mysql_async::from_row);
        Ok(Sight::Waits(rows.flatten().map(|rows| rows.to_string())))
    }
}
