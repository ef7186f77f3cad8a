//! Delivery: from the outbox of the target to the ears at the source.
//!
//! An event is forgotten after it was told, so a death in between tells it again. Whatever fails is tried again, for
//! ever; nobody waits for it but the events.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::watch;
use tokio_postgres::types::ToSql;

use crate::config::Database;
use crate::fault::Delays;
use crate::postgres::{self, Kind, Session};

use super::outbox;

/// How often the outbox is looked at without a word from the writer, who may have died before saying it.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// What has gathered while nothing was delivered is dropped at once, and that may take its time.
const BOUND_LIMIT: Duration = Duration::from_mins(10);
const BOUNDING: &str = "bounding the outbox";

/// A parameter of a statement.
type Param<'a> = &'a (dyn ToSql + Sync);

/// Delivers the events of one flow.
#[derive(Debug, Clone)]
pub struct Post {
    /// The flow.
    pub flow: String,
    /// Where the events are heard.
    pub source: Database,
    /// Where they wait.
    pub target: Database,
}

impl Post {
    /// Delivers for ever. `written` changes when the writer has put something into the outbox.
    pub async fn deliver(self, mut written: watch::Receiver<u64>) -> Infallible {
        let mut delays = Delays::default();
        let mut is_failing = false;
        loop {
            let failed = self.attempt(&mut written, &mut delays, &mut is_failing).await;
            let Err(error) = failed;
            if !is_failing {
                tracing::warn!(flow = %self.flow, "notices wait in the outbox: {error}");
                is_failing = true;
            }
            tokio::time::sleep(delays.next_delay()).await;
        }
    }

    async fn attempt(
        &self,
        written: &mut watch::Receiver<u64>,
        delays: &mut Delays,
        is_failing: &mut bool,
    ) -> Result<Infallible, postgres::Error> {
        let application = format!("acequia notices {}", self.flow);
        let target = postgres::open(&self.target, &application).await?;
        // First of all: while the source is away, this is the one that keeps the outbox small.
        self.bound(&target).await?;
        let source = postgres::open(&self.source, &application).await?;
        loop {
            while self.pass(&target, &source).await? {
                delays.succeeded();
            }
            if std::mem::take(is_failing) {
                tracing::info!(flow = %self.flow, "notices are delivered again");
            }
            tokio::select! {
                changed = written.changed() => {
                    if changed.is_err() {
                        // No writer any more: this task goes with it.
                        return std::future::pending().await;
                    }
                }
                () = source.closed() => return Err(gone("the source")),
                () = target.closed() => return Err(gone("the target")),
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
    }

    /// Delivers the oldest events. Answers whether there were any.
    async fn pass(&self, target: &Session, source: &Session) -> Result<bool, postgres::Error> {
        let limit = outbox::DELIVERED_AT_ONCE;
        let params: [Param<'_>; 2] = [&self.flow, &limit];
        let rows = answered("reading the outbox", target.query(outbox::READ, &params)).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        let channels: Vec<&str> = rows.iter().map(|row| row.get(1)).collect();
        let payloads: Vec<&str> = rows.iter().map(|row| row.get(2)).collect();
        notify(source, &channels, &payloads).await?;
        crate::failpoint::hit("after-notify");
        let params: [Param<'_>; 1] = [&ids];
        answered("forgetting delivered events", target.execute(outbox::FORGET, &params)).await?;
        Ok(true)
    }

    async fn bound(&self, target: &Session) -> Result<(), postgres::Error> {
        let bounded = async {
            let dropped = target.execute(outbox::BOUND, &[&self.flow, &outbox::OUTBOX_EVENTS]).await;
            dropped.map_err(|error| postgres::Error::from_driver(BOUNDING, &error))
        };
        let dropped = postgres::within(BOUND_LIMIT, BOUNDING, bounded).await?;
        if dropped > 0 {
            tracing::warn!(
                flow = %self.flow,
                dropped,
                "the oldest notices were dropped: more waited for their delivery than the outbox keeps"
            );
        }
        Ok(())
    }
}

/// Tells one event on these channels of a database, without an outbox: who tells it remembers it until this went well.
pub async fn tell(database: &Database, channels: &[&str], payload: &str) -> Result<(), postgres::Error> {
    let session = postgres::open(database, "acequia notices").await?;
    notify(&session, channels, &vec![payload; channels.len()]).await
}

async fn notify(session: &Session, channels: &[&str], payloads: &[&str]) -> Result<(), postgres::Error> {
    let params: [Param<'_>; 2] = [&channels, &payloads];
    answered("notifying at the source", session.query(outbox::NOTIFY, &params)).await.map(drop)
}

/// Nobody but a new session delivers anything where this one is dead without a word.
async fn answered<T>(
    doing: &str,
    asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, postgres::Error> {
    let asked = async { asked.await.map_err(|error| postgres::Error::from_driver(doing, &error)) };
    postgres::in_time(doing, asked).await
}

fn gone(side: &str) -> postgres::Error {
    postgres::Error::new(format!("waiting for notices, with a session at {side}"), Kind::Closed)
}
