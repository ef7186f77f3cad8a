//! Drift: both databases are asked, now and then, whether the tables of the flow are still what the plan was made from.
//!
//! A task of its own beside the stream, with one session for each side. It only notices; what it means is found out by
//! preparing anew.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::catalog::Fingerprint;
use crate::config::Database;
use crate::postgres::{self, Session};

use super::error::Error;

/// Nobody is asked more often than this part of `max_lag` …
const OFTEN: u32 = 6;
/// … within these bounds …
const INTERVAL_MIN: Duration = Duration::from_secs(1);
const INTERVAL_CALM: Duration = Duration::from_secs(5);
/// … and nobody more seldom than this part: a table that no longer comes is noticed before a row of it is late.
const SELDOM: u32 = 3;
/// An answer that does not come by then never will.
const ANSWER_MAX: Duration = Duration::from_mins(5);
/// An answer that took this long is asked for a hundred times as seldom, 1 % of the server's time, as far as `max_lag` allows.
const INTERVAL_BY_ANSWER: u32 = 100;
/// Preparing anew stops the stream: where DDL goes on and on, this part of the time is spent on it, as far as `max_lag` allows.
const INTERVAL_BY_PREPARING: u32 = 10;

/// One database of a flow, and what its catalogs said before the plan was made from them.
#[derive(Debug, Clone)]
pub(super) struct Side {
    /// "source" or "target".
    pub(super) role: &'static str,
    pub(super) database: Database,
    pub(super) schemas: Vec<String>,
    pub(super) tables: Vec<String>,
    /// At the source.
    pub(super) publication: Option<String>,
    pub(super) seen: Fingerprint,
}

/// Looks at both sides of a flow.
pub(super) struct Watch {
    sides: Vec<(Side, Option<Session>)>,
    flow: String,
    interval_min: Duration,
    interval_max: Duration,
}

impl Watch {
    /// The sessions are those in which the catalogs were read.
    pub(super) fn new(
        flow: &str,
        sides: Vec<(Side, Option<Session>)>,
        preparing: Duration,
        max_lag: Duration,
    ) -> Self {
        let often = (max_lag / OFTEN).clamp(INTERVAL_MIN, INTERVAL_CALM);
        let interval_max = (max_lag / SELDOM).max(often);
        let interval_min = often.max(preparing * INTERVAL_BY_PREPARING).min(interval_max);
        Self { sides, flow: flow.to_owned(), interval_min, interval_max }
    }

    /// The same sides for another look, with sessions of its own.
    pub(super) fn another(&self) -> Self {
        let sides = self.sides.iter().map(|(side, _)| (side.clone(), None)).collect();
        Self { sides, flow: self.flow.clone(), ..*self }
    }

    /// Returns when a side is no longer what it was; says which.
    pub(super) async fn changed(mut self) -> Error {
        let mut interval = self.interval_min;
        loop {
            tokio::time::sleep(interval).await;
            let began = Instant::now();
            if let Some(drift) = self.look().await {
                return drift;
            }
            let by_answer = began.elapsed() * INTERVAL_BY_ANSWER;
            interval = by_answer.clamp(self.interval_min, self.interval_max);
        }
    }

    /// Looks once. A side that can't be asked counts for unchanged: if it is gone, the stream or the writer will know.
    pub(super) async fn look(&mut self) -> Option<Error> {
        for (side, session) in &mut self.sides {
            let answer = timeout(ANSWER_MAX, side.read(session, &self.flow)).await;
            match answer {
                Ok(Ok(now)) if now == side.seen => {}
                Ok(Ok(_)) => {
                    return Some(Error::Drift { side: side.role, database: side.database.name.to_string() });
                }
                Ok(Err(error)) => {
                    tracing::debug!(flow = %self.flow, side = side.role, "not asked for drift: {error}");
                    *session = None;
                }
                // A connection that is dead without a word must not end the looking.
                Err(_) => *session = None,
            }
        }
        None
    }
}

impl Side {
    async fn read(&self, session: &mut Option<Session>, flow: &str) -> Result<Fingerprint, postgres::Error> {
        if session.is_none() {
            *session = Some(postgres::open(&self.database, &application(flow)).await?);
        }
        let Some(session) = session else { return Ok(self.seen.clone()) };
        Fingerprint::read(session, &self.schemas, &self.tables, self.publication.as_deref()).await
    }
}

/// What DBAs see of the sessions that read catalogs.
pub(super) fn application(flow: &str) -> String {
    format!("acequia catalog {flow}")
}
