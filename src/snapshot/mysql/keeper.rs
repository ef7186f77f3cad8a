//! The lock that keeps a second run of a snapshot away from the server, and the session that holds it.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::Error;
use super::names::Names;
use crate::config::Server;
use crate::mysql::{self, Session};
use crate::name::mysql_literal;

/// How often it says that it is there, and how long the server waits for that: a lock whose run is gone without a word is free
/// then.
const INTERVAL: Duration = Duration::from_secs(15);
const SILENCE_SECONDS: u32 = 60;
/// What is left of a session that was ended undoes its work first.
const END_LIMIT: Duration = Duration::from_mins(1);
const END_LOOK: Duration = Duration::from_millis(200);

/// A session that holds the lock and has nothing else to do. Dropped, it lets go of it.
pub(super) struct Keeper {
    id: u32,
    at_rest: JoinHandle<Session>,
    stop: CancellationToken,
    _dropped: DropGuard,
}

impl Keeper {
    /// Has a session rest.
    pub(super) fn rest(session: Session) -> Self {
        let (id, stop) = (session.id(), CancellationToken::new());
        let at_rest = tokio::spawn(rest(session, stop.clone()));
        Self { id, at_rest, _dropped: stop.clone().drop_guard(), stop }
    }

    /// Has it back, still with the lock.
    pub(super) async fn wake(self) -> Result<Session, Error> {
        self.stop.cancel();
        self.at_rest.await.map_err(|_| Error::Broken)
    }

    /// The server's number of the session.
    pub(super) fn id(&self) -> u32 {
        self.id
    }
}

/// Opens a session and takes the lock. Who holds it works alone, so what is still there of earlier runs is ended.
pub(super) async fn lock(server: &Server, names: &Names, snapshot: &str) -> Result<Session, Error> {
    let mut session = mysql::open(server).await?;
    let silence = format!("SET SESSION wait_timeout = {SILENCE_SECONDS}");
    session.execute("setting how long the server waits", &silence).await?;
    let lock = format!("SELECT GET_LOCK({}, 0)", mysql_literal(&names.lock()));
    if session.value("taking the snapshot's lock", &lock).await?.as_deref() != Some("1") {
        return Err(Error::Busy(snapshot.to_owned()));
    }
    end_left(&mut session, names).await?;
    Ok(session)
}

/// Says from time to time that the session is there.
async fn rest(mut session: Session, stop: CancellationToken) -> Session {
    while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
        if let Err(error) = session.execute("holding the snapshot's lock", "DO 1").await {
            tracing::warn!("the run will have to be made again: {error}");
            break;
        }
    }
    session
}

/// Ends sessions that still work on tables of a run that is gone: those whose connection has died without a word wait for its
/// rows, and hold the table.
pub(super) async fn end_left(session: &mut Session, names: &Names) -> Result<(), Error> {
    let doing = "looking for what an earlier run has left";
    let sql = format!(
        "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() \
         AND user = SUBSTRING_INDEX(USER(), '@', 1) AND LOCATE({}, info) > 0",
        mysql_literal(&names.mark_of_new())
    );
    let mut ended = Vec::new();
    let waiting = async {
        loop {
            let left = session.ask(doing, &sql).await?;
            let left: Vec<u32> =
                left.into_iter().flatten().flatten().filter_map(|id| id.parse().ok()).collect();
            if left.is_empty() {
                return Ok::<_, mysql::Error>(());
            }
            for id in left {
                if !ended.contains(&id) {
                    session.end(id).await?;
                    ended.push(id);
                }
            }
            tokio::time::sleep(END_LOOK).await;
        }
    };
    // What takes longer is met where its table is dropped.
    if let Ok(waited) = tokio::time::timeout(END_LIMIT, waiting).await {
        waited?;
    }
    if !ended.is_empty() {
        tracing::info!("{} sessions of an earlier run were still there, and are ended", ended.len());
    }
    Ok(())
}
