//! The writer's session: statements prepared when they are first used, planned for the sizes of the moment.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio_postgres::types::ToSql;
use tokio_postgres::{CopyInSink, Row, Statement, ToStatement};

use crate::config::Database;
use crate::postgres::{self, Error, Session};

use super::asking::Asking;
use super::recent::Recent;

/// A parameter.
pub(super) type Param<'a> = &'a (dyn ToSql + Sync);

/// A session with its prepared statements. Those that are dropped are closed at the server by the driver.
pub(super) struct Statements {
    session: Session,
    prepared: Recent<Arc<str>, Statement>,
    asking: Asking,
}

/// So many statements stay prepared. With many customers there are far more, and the server keeps each of them parsed in
/// the session's memory: 50 to 100 KB for a table of ten columns.
const PREPARED_MAX: usize = 2_000;

/// Plans are made for each execution: a stage has one row now and 50,000 a second later, and the plan that is right for
/// one is a disaster for the other. Temporary tables get enough buffers to stay in memory. Nobody waits longer for one
/// customer's lock than that.
const SETTINGS: &str = "SET plan_cache_mode = force_custom_plan; SET temp_buffers = '32MB'; SET work_mem = '32MB'; SET random_page_cost = 1.1; \
                        SET client_min_messages = error; SET lock_timeout = '500ms'";
/// A server that waits for a lock notices our death, where its operating system can tell it (manual, "TCP Settings"). And an
/// answer that our machine does not acknowledge is one that it never gets: the flow's lock, and those of customers' rows, are
/// not kept for it for the quarter of an hour that operating systems go on sending.
const CHECKS: [&str; 2] = ["SET client_connection_check_interval = '2s'", "SET tcp_user_timeout = '25s'"];

impl std::ops::Deref for Statements {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &tokio_postgres::Client {
        &self.session
    }
}

impl Statements {
    pub(super) async fn open(database: &Database, application: &str) -> Result<Self, Error> {
        let session = postgres::open_to_write(database, application).await?;
        let statements = Self { session, prepared: Recent::new(PREPARED_MAX), asking: Asking::default() };
        statements.batch("setting up the writer's session", SETTINGS).await?;
        for check in CHECKS {
            match statements.batch("having the server look after the connection", check).await {
                Err(error) if error.refusal().is_none() => return Err(error),
                Err(_refused) => tracing::debug!("the server can't look after its connections on its system"),
                Ok(()) => {}
            }
        }
        Ok(statements)
    }

    /// For who looks whether an answer is still to come.
    pub(super) fn asking(&self) -> Asking {
        self.asking.clone()
    }

    /// Runs statements without parameters.
    pub(super) async fn batch(&self, doing: &str, sql: &str) -> Result<(), Error> {
        let _question = self.asking.begin();
        self.session.batch_execute(sql).await.map_err(|error| Error::from_driver(doing, &error))
    }

    async fn statement(&mut self, doing: &str, sql: &str) -> Result<Statement, Error> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let _question = self.asking.begin();
        let statement = self.session.prepare(sql).await.map_err(|error| Error::from_driver(doing, &error))?;
        self.prepared.put(sql.into(), statement.clone());
        Ok(statement)
    }

    /// Runs a statement; answers the number of rows.
    pub(super) async fn execute(
        &mut self,
        doing: &str,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<u64, Error> {
        let statement = self.statement(doing, sql).await?;
        let _question = self.asking.begin();
        self.session.execute(&statement, params).await.map_err(|error| Error::from_driver(doing, &error))
    }

    /// Runs a query.
    pub(super) async fn query(
        &mut self,
        doing: &str,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, Error> {
        let statement = self.statement(doing, sql).await?;
        let _question = self.asking.begin();
        self.session.query(&statement, params).await.map_err(|error| Error::from_driver(doing, &error))
    }

    /// Runs a query that answers one number.
    pub(super) async fn count(&mut self, doing: &str, sql: &str, params: &[Param<'_>]) -> Result<u64, Error> {
        let rows = self.query(doing, sql, params).await?;
        Ok(rows.first().map_or(0, |row| number(row, 0)))
    }

    /// Runs a query that answers two numbers: rows expected and rows written.
    pub(super) async fn counts(
        &mut self,
        doing: &str,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<(u64, u64), Error> {
        let rows = self.query(doing, sql, params).await?;
        Ok(rows.first().map_or((0, 0), |row| (number(row, 0), number(row, 1))))
    }

    /// Sends COPY text.
    pub(super) async fn copy(&mut self, doing: &'static str, sql: &str, text: Bytes) -> Result<(), Error> {
        let statement = self.statement(doing, sql).await?;
        let mut sink = self.sink(doing, &statement).await?;
        sink.send(text).await?;
        sink.finish().await
    }

    /// Begins a COPY whose text comes in pieces.
    pub(super) async fn sink<T>(&self, doing: &'static str, sql: &T) -> Result<Sink, Error>
    where
        T: ?Sized + ToStatement,
    {
        let _question = self.asking.begin();
        let sink = self.session.copy_in(sql).await.map_err(|error| Error::from_driver(doing, &error))?;
        Ok(Sink { lines: Box::pin(sink), doing, asking: self.asking.clone() })
    }
}

/// A server counts a message of a COPY when it is whole: by short ones it is seen that a slow link still brings something.
const MESSAGE_BYTES: usize = 16 << 10;

/// A COPY whose text comes in pieces. The server is asked only while it is given one: where they come from may take its time.
pub(super) struct Sink {
    lines: Pin<Box<CopyInSink<Bytes>>>,
    doing: &'static str,
    asking: Asking,
}

impl Sink {
    /// Sends text, cut anywhere.
    pub(super) async fn send(&mut self, mut text: Bytes) -> Result<(), Error> {
        while !text.is_empty() {
            let piece = text.split_to(text.len().min(MESSAGE_BYTES));
            let _question = self.asking.begin();
            self.lines.send(piece).await.map_err(|error| Error::from_driver(self.doing, &error))?;
        }
        Ok(())
    }

    /// Ends the COPY; the server has taken all lines.
    pub(super) async fn finish(mut self) -> Result<(), Error> {
        let _question = self.asking.begin();
        let finished = self.lines.as_mut().finish().await;
        finished.map(drop).map_err(|error| Error::from_driver(self.doing, &error))
    }
}

/// A count, which is never negative.
fn number(row: &Row, column: usize) -> u64 {
    u64::try_from(row.get::<_, i64>(column)).unwrap_or(0)
}
