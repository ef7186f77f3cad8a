//! The lock that keeps a second run of a snapshot away from the server, and the session that holds it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
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
/// A session that is ended lets go of its locks a moment later.
const LOCK_SECONDS: u32 = 5;
/// What is left of a session that was ended undoes its work first.
const END_LIMIT: Duration = Duration::from_mins(1);
const END_LOOK: Duration = Duration::from_millis(200);

/// A session that holds the lock and has nothing else to do. Dropped, it lets go of it.
pub(super) struct Keeper {
    hold: Hold,
    at_rest: JoinHandle<Session>,
    stop: CancellationToken,
    _dropped: DropGuard,
}

/// The lock, as those know it who work under it.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    snapshot: String,
    lock: String,
    /// The server's number of the session that holds it.
    holder: u64,
    /// Why it is not held any more.
    lost: watch::Receiver<Option<String>>,
}

/// A session that has just taken the lock.
pub(super) struct Locked {
    pub(super) session: Session,
    lock: String,
    holder: u64,
}

impl Keeper {
    /// Has the session rest.
    pub(super) fn rest(locked: Locked, snapshot: &str) -> Self {
        let Locked { session, lock, holder } = locked;
        let stop = CancellationToken::new();
        let (loses, lost) = watch::channel(None);
        let at_rest = tokio::spawn(rest(session, stop.clone(), loses));
        let hold = Hold { snapshot: snapshot.to_owned(), lock, holder, lost };
        Self { hold, at_rest, _dropped: stop.clone().drop_guard(), stop }
    }

    /// Has it back, still with the lock.
    pub(super) async fn wake(self) -> Result<Session, Error> {
        self.stop.cancel();
        let session = self.at_rest.await.map_err(|_| Error::Broken)?;
        let lost = self.hold.lost.borrow().clone();
        lost.map_or(Ok(session), |why| Err(self.hold.is_lost(&why)))
    }

    /// For those who work under the lock.
    pub(super) fn hold(&self) -> &Hold {
        &self.hold
    }
}

impl Hold {
    /// Asks by another session whether the lock is there. Without it another run may be at work on the same tables.
    pub(super) async fn check(&self, session: &mut Session) -> Result<(), Error> {
        match holder(session, &self.lock).await? {
            Some(holder) if holder == self.holder => Ok(()),
            Some(_) => Err(self.is_lost("another session holds it")),
            None => Err(self.is_lost("the server that was asked knows of none")),
        }
    }

    /// Returns when it is known to be lost.
    pub(super) async fn until_lost(&self) -> Error {
        let mut lost = self.lost.clone();
        let why = lost.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        match why {
            Some(why) => self.is_lost(&why),
            // The keeper has been woken: nothing can be lost any more.
            None => std::future::pending().await,
        }
    }

    /// Takes it over: ends the session that holds it, and has the lock where nobody else was faster.
    pub(super) async fn take_over(&self, session: &mut Session) -> Result<bool, Error> {
        if holder(session, &self.lock).await? != Some(self.holder) {
            return Ok(false);
        }
        session.end(self.holder).await?;
        Ok(take(session, &self.lock).await?)
    }

    fn is_lost(&self, why: &str) -> Error {
        Error::Unlocked { snapshot: self.snapshot.clone(), why: why.to_owned() }
    }
}

/// Opens a session and takes the lock. Who holds it works alone, so what is still there of earlier runs is ended.
pub(super) async fn lock(server: &Server, names: &Names, snapshot: &str) -> Result<Locked, Error> {
    let mut session = mysql::open(server).await?;
    let lock = names.lock();
    if !take(&mut session, &lock).await? {
        return Err(Error::Busy(snapshot.to_owned()));
    }
    let Some(holder) = holder(&mut session, &lock).await? else {
        let why = "the server does not know of it right after it was taken".to_owned();
        return Err(Error::Unlocked { snapshot: snapshot.to_owned(), why });
    };
    end_left(&mut session, names).await?;
    Ok(Locked { session, lock, holder })
}

/// False: somebody else has it.
async fn take(session: &mut Session, lock: &str) -> Result<bool, mysql::Error> {
    let silence = format!("SET SESSION wait_timeout = {SILENCE_SECONDS}");
    session.execute("setting how long the server waits", &silence).await?;
    let sql = format!("SELECT GET_LOCK({}, {LOCK_SECONDS})", mysql_literal(lock));
    Ok(session.value("taking the snapshot's lock", &sql).await?.as_deref() == Some("1"))
}

async fn holder(session: &mut Session, lock: &str) -> Result<Option<u64>, mysql::Error> {
    let sql = format!("SELECT IS_USED_LOCK({})", mysql_literal(lock));
    let holder = session.value("looking who holds the snapshot's lock", &sql).await?;
    Ok(holder.and_then(|holder| holder.parse().ok()))
}

/// Says from time to time that the session is there.
async fn rest(
    mut session: Session,
    stop: CancellationToken,
    loses: watch::Sender<Option<String>>,
) -> Session {
    while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
        match session.touch("holding the snapshot's lock").await {
            Err(error) if error.is_lost() => {
                loses.send_replace(Some(error.what()));
                break;
            }
            // A statement that was refused has not cost the lock.
            Err(error) => tracing::warn!("{error}"),
            Ok(()) => {}
        }
    }
    session
}

/// Ends sessions that still work on tables of a run that is gone: those whose connection has died without a word wait for its
/// rows, and hold the table. Who asks for that has the lock.
pub(super) async fn end_left(session: &mut Session, names: &Names) -> Result<(), Error> {
    let doing = "looking for what an earlier run has left";
    let sql = format!(
        "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() \
         AND user = SUBSTRING_INDEX(USER(), '@', 1) AND LOCATE({}, info) > 0",
        mysql_literal(&names.mark_of_new())
    );
    let mut ended = Vec::new();
    let until = Instant::now() + END_LIMIT;
    loop {
        let left = session.ask(doing, &sql).await?;
        let left: Vec<u64> = left.into_iter().flatten().flatten().filter_map(|id| id.parse().ok()).collect();
        // What takes longer is met where its table is dropped.
        if left.is_empty() || Instant::now() >= until {
            break;
        }
        for id in left {
            if !ended.contains(&id) {
                session.end(id).await?;
                ended.push(id);
            }
        }
        tokio::time::sleep(END_LOOK).await;
    }
    if !ended.is_empty() {
        tracing::info!("{} sessions of an earlier run were still there, and are ended", ended.len());
    }
    Ok(())
}
