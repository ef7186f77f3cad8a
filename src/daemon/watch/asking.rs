//! A session for questions that must not hang: kept open, opened anew after a failure, and given up where a server takes a
//! question and answers nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::error::Elapsed;

use crate::config::{Config, Database};
use crate::name::DatabaseName;
use crate::postgres::{self, Error, Session};
use crate::rules::Flow;

use super::super::flow::surrender::Memory;

/// The server gives a question up after this part of `max_lag` …
const PART: u32 = 6;
/// … within these bounds.
const LIMIT_MIN: Duration = Duration::from_secs(1);
const LIMIT_MAX: Duration = Duration::from_secs(5);
/// Who asks waits so much longer: an answer that says "cancelled" is an answer.
const GRACE: Duration = Duration::from_millis(300);

/// Which database is asked, and how soon an answer is wanted.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) database: Arc<Database>,
    pub(super) max_lag: Duration,
}

impl Place {
    /// As a configuration has it.
    pub(super) fn of(config: &Config, name: &DatabaseName) -> Option<Self> {
        let database = Arc::new(config.databases.get(name)?.clone());
        Some(Self { database, max_lag: config.daemon.max_lag })
    }

    /// How long an answer may take.
    pub(super) fn limit(&self) -> Duration {
        (self.max_lag / PART).clamp(LIMIT_MIN, LIMIT_MAX)
    }
}

/// What an onlooker goes by.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    pub(super) flow: Flow,
    pub(super) source: Place,
    pub(super) target: Place,
    /// The customers that the rules give something.
    pub(super) customers: Vec<String>,
    /// Who is told of what the slot keeps.
    pub(super) wal_channels: Vec<String>,
    /// Where it is remembered that the slot was given up.
    pub(super) memory: Memory,
}

/// The session, and what it was opened for.
pub(super) struct Asking {
    application: String,
    session: Option<(Session, Arc<Database>)>,
}

/// Waits for an answer for as long as one may take.
pub(super) async fn limited<T>(
    place: &Place,
    question: impl Future<Output = Result<T, Error>>,
) -> Result<Result<T, Error>, Elapsed> {
    tokio::time::timeout(place.limit() + GRACE, question).await
}

impl Asking {
    /// No session yet. `application` is what DBAs see of it.
    pub(super) fn new(application: &str) -> Self {
        Self { application: application.to_owned(), session: None }
    }

    /// What came of asking. The error is for people: what failed, and what to do.
    pub(super) fn settle<T>(
        &mut self,
        place: &Place,
        asked: Result<Result<T, Error>, Elapsed>,
    ) -> Result<T, String> {
        match asked {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                // A refusal of the server's leaves the session as it is.
                if error.refusal().is_none() {
                    self.session = None;
                }
                Err(error.to_string())
            }
            Err(_) => {
                if let Some((session, _)) = self.session.take() {
                    session.abandon();
                }
                let (name, seconds) = (&place.database.name, place.limit().as_secs());
                Err(format!(
                    "database {name} gave no answer within {seconds} s: its server hangs, is overloaded or can't be reached"
                ))
            }
        }
    }

    /// The session, opened where there is none.
    pub(super) async fn open(&mut self, place: &Place) -> Result<&Session, Error> {
        let is_its = |(_, of): &(Session, Arc<Database>)| Arc::ptr_eq(of, &place.database);
        if !self.session.as_ref().is_some_and(is_its) {
            self.session = None;
            let session = postgres::open(&place.database, &self.application).await?;
            // A heartbeat is for the local log: a synchronous standby that is gone must not hold it up.
            let limit = place.limit().as_millis();
            let sql = format!("SET statement_timeout = {limit}; SET synchronous_commit = local");
            let set = session.batch_execute(&sql).await;
            set.map_err(|error| Error::from_driver("limiting how long an answer may take", &error))?;
            self.session = Some((session, Arc::clone(&place.database)));
        }
        match &self.session {
            Some((session, _)) => Ok(session),
            None => Err(Error::protocol("opening a session", "no session")),
        }
    }
}
