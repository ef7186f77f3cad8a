//! Whether a connection still leads to its session: somebody else asks the server.
//!
//! A tunnel, a proxy or a firewall may lose what is on its way and keep the connection open on both sides. No time limit can
//! tell that from a statement that takes long. The server can: it knows whether it works for the session or waits for it.

use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Row, from_row_opt};
use tokio::time::{Instant, sleep, timeout};

use super::error::Kind;
use super::identity::Flavour;
use super::mark;
use super::place;
use super::progress::Progress;
use crate::config::Server;
use crate::name::mysql_literal;

/// Between two looks. Most statements are done before the first one.
const INTERVAL: Duration = Duration::from_secs(10);
/// All of one look: a session of its own, which a busy server may let in as late as any other, and its questions.
const LOOK_LIMIT: Duration = Duration::from_secs(25);
/// A session for which the server waits so long while we wait for the server is dead …
const DEAF_LIMIT: Duration = Duration::from_secs(25);
/// … and so is one of a server that nobody can ask for so long.
const MUTE_LIMIT: Duration = Duration::from_mins(1);
/// A load of which nothing moves for so long is given up, whatever the reason …
const STALL_LIMIT: Duration = Duration::from_mins(30);
/// … and a statement that goes over a whole table, or a load that has all its rows, after so long.
pub(super) const LONG_LIMIT: Duration = Duration::from_hours(6);
/// The server shows nothing of a statement until all of it has come, which takes its time on a slow link.
const SLOWEST_BYTES_PER_SECOND: u64 = 10_000;

/// The server knows no session of that number.
pub(super) const NO_SESSION: u16 = 1094;
/// What a server says while it waits for bytes of the session, or for the session to take some. In a load MySQL says
/// `executing` for waiting and for work, which tells nothing.
const WAITING: [&str; 4] =
    ["Reading from net", "Receiving from client", "Writing to net", "Sending to client"];

/// One session, as seen from outside.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    server: Server,
    mark: Option<String>,
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
        let under_way = self.load.map_or(0, |load| load.progress.under_way());
        Duration::from_secs((self.bytes + under_way) / SLOWEST_BYTES_PER_SECOND)
    }
}

/// What the server is seen to do for the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    Works,
    /// It waits; for a load, so many rows are there.
    Waits(Option<u64>),
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Sees(Sight),
    /// The server does not know the session.
    Nothing,
    /// The server waits for the session and nothing has moved for too long. Whether it could be ended.
    Ended(bool),
}

impl Watch {
    /// For the session that has this mark.
    pub(super) fn new(server: &Server, mark: Option<String>, flavour: Flavour) -> Self {
        Self { server: server.clone(), mark, flavour }
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
                let limit = if progress.is_finished() { LONG_LIMIT } else { STALL_LIMIT };
                if stirred.elapsed() >= limit {
                    return Kind::TimedOut(limit);
                }
                if progress.is_hungry() {
                    alive = Instant::now();
                    continue;
                }
            }
            let looked = timeout(LOOK_LIMIT, self.look(question, seen.as_ref(), alive.elapsed())).await;
            let silence = alive.elapsed();
            match looked.unwrap_or(Err(Kind::TimedOut(LOOK_LIMIT))) {
                Ok(Look::Ended(is_ended)) => return Kind::Deaf { silence, is_ended },
                Ok(Look::Sees(sight)) => {
                    let has_changed = seen.as_ref().is_some_and(|seen| *seen != sight);
                    if has_changed {
                        stirred = Instant::now();
                    }
                    if has_changed || sight == Sight::Works {
                        alive = Instant::now();
                    }
                    seen = Some(sight);
                }
                Ok(Look::Nothing) => (alive, seen) = (Instant::now(), None),
                // A server that does not let us look is alive, and tells nothing of the session.
                Err(kind) if !kind.is_silence() => (alive, seen) = (Instant::now(), None),
                Err(kind) => {
                    // What was seen before the server fell silent says nothing of what it does after that.
                    seen = None;
                    tracing::debug!("server `{}` is not asked for a session: {kind:?}", self.server.name);
                    if silence >= MUTE_LIMIT + question.patience() {
                        return Kind::Mute(silence);
                    }
                }
            }
        }
    }

    /// Asks by a session of its own.
    async fn look(
        &self,
        question: Question<'_>,
        last: Option<&Sight>,
        silence: Duration,
    ) -> Result<Look, Kind> {
        let mut conn = Conn::new(place::options(&self.server).await?).await.map_err(Kind::from_driver)?;
        let seen = self.sight(&mut conn, question).await.map_err(Kind::from_driver)?;
        let enough = DEAF_LIMIT + question.patience();
        let look = match seen {
            None => Look::Nothing,
            Some((id, sight)) if sight != Sight::Works && last == Some(&sight) && silence >= enough => {
                Look::Ended(end(&mut conn, id).await)
            }
            Some((_, sight)) => Look::Sees(sight),
        };
        _ = conn.disconnect().await;
        Ok(look)
    }

    /// What the session does, and its number at the server; `None` where the server does not know it.
    async fn sight(
        &self,
        conn: &mut Conn,
        question: Question<'_>,
    ) -> Result<Option<(u64, Sight)>, mysql_async::Error> {
        let Some(mark) = &self.mark else { return Ok(None) };
        // Whom we ask may be another server than the session's, or the session may be gone: that says nothing of its link.
        let Some(id) = mark::holder(conn, mark).await? else { return Ok(None) };
        let sql = format!("SELECT command, state FROM information_schema.processlist WHERE id = {id}");
        let row: Option<Row> = conn.query_first(sql).await?;
        let row = row.and_then(|row| from_row_opt::<(String, Option<String>)>(row).ok());
        let Some((command, state)) = row else { return Ok(None) };
        if command != "Sleep" && !WAITING.contains(&state.unwrap_or_default().as_str()) {
            return Ok(Some((id, Sight::Works)));
        }
        let Some(Load { into: (database, table), .. }) = question.load else {
            return Ok(Some((id, Sight::Waits(None))));
        };
        if self.flavour == Flavour::Mysql {
            conn.query_drop("SET SESSION information_schema_stats_expiry = 0").await?;
        }
        let sql = format!(
            "SELECT table_rows FROM information_schema.tables WHERE table_schema = {} AND table_name = {}",
            mysql_literal(database),
            mysql_literal(table)
        );
        let row: Option<Row> = conn.query_first(sql).await?;
        let rows = row.and_then(|row| from_row_opt::<Option<u64>>(row).ok()).flatten();
        Ok(Some((id, Sight::Waits(rows))))
    }
}

/// Ends a session; whether it is gone then.
async fn end(conn: &mut Conn, id: u64) -> bool {
    match conn.query_drop(format!("KILL {id}")).await {
        Ok(()) => true,
        Err(mysql_async::Error::Server(answer)) => answer.code == NO_SESSION,
        Err(_) => false,
    }
}
