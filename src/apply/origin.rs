//! The source as a place to read rows from, beside the stream.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use tokio_postgres::types::ToSql;
use tokio_postgres::{CopyOutStream, Error as Refused, Row, RowStream};

use crate::config::Database;
use crate::postgres::{self, Error, Session};

use super::asking::Asking;

/// The session is opened when it is needed first, and kept.
pub(super) struct Origin {
    database: Database,
    session: Option<Session>,
    asking: Asking,
}

impl Origin {
    pub(super) fn new(database: Database) -> Self {
        Self { database, session: None, asking: Asking::default() }
    }

    /// For who looks whether an answer is still to come.
    pub(super) fn asking(&self) -> Asking {
        self.asking.clone()
    }

    /// What went wrong may have left the session in the middle of something.
    pub(super) fn forget(&mut self) {
        self.session = None;
    }

    pub(super) async fn session(&mut self) -> Result<Reader<'_>, Error> {
        if self.session.as_ref().is_none_or(|session| session.is_closed()) {
            self.session = None;
        }
        let session = match &mut self.session {
            Some(session) => session,
            empty => {
                let session = postgres::open(&self.database, "acequia fetch").await?;
                self.asking.is_of(prepare(&session).await?);
                empty.insert(session)
            }
        };
        Ok(Reader { session, asking: &self.asking })
    }
}

/// Has the session send bytes as they are; answers its process.
async fn prepare(session: &Session) -> Result<i32, Error> {
    const DOING: &str = "preparing to fetch values";
    let prepared = async {
        session.batch_execute(postgres::TAKE_BYTES).await?;
        session.query_one("SELECT pg_catalog.pg_backend_pid()", &[]).await
    };
    let prepared = async { prepared.await.map_err(|error| Error::from_driver(DOING, &error)) };
    Ok(postgres::in_time(DOING, prepared).await?.get(0))
}

/// The source's session. While an answer is waited for, that can be seen from outside.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    session: &'a Session,
    asking: &'a Asking,
}

impl Reader<'_> {
    pub(super) async fn batch_execute(self, sql: &str) -> Result<(), Refused> {
        let _question = self.asking.begin();
        self.session.batch_execute(sql).await
    }

    pub(super) async fn query(self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Refused> {
        let _question = self.asking.begin();
        self.session.query(sql, params).await
    }

    pub(super) async fn query_one(self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Row, Refused> {
        let _question = self.asking.begin();
        self.session.query_one(sql, params).await
    }

    pub(super) async fn query_opt(
        self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Refused> {
        let _question = self.asking.begin();
        self.session.query_opt(sql, params).await
    }

    /// Rows one by one.
    pub(super) async fn rows<'b>(
        self,
        sql: &str,
        params: impl ExactSizeIterator<Item = &'b (dyn ToSql + Sync)>,
    ) -> Result<Rows, Refused> {
        let _question = self.asking.begin();
        let rows = self.session.query_raw(sql, params).await?;
        Ok(Rows { rows: Box::pin(rows), asking: self.asking.clone() })
    }

    /// Lines of a COPY one by one.
    pub(super) async fn lines(self, copy: &str) -> Result<Lines, Refused> {
        let _question = self.asking.begin();
        let lines = self.session.copy_out(copy).await?;
        Ok(Lines { lines: Box::pin(lines), asking: self.asking.clone() })
    }
}

/// Rows as they come.
pub(super) struct Rows {
    rows: Pin<Box<RowStream>>,
    asking: Asking,
}

impl Rows {
    /// The next one; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Row>, Refused> {
        let _question = self.asking.begin();
        self.rows.try_next().await
    }
}

/// Lines as they come: the server sends one message for each row.
pub(super) struct Lines {
    lines: Pin<Box<CopyOutStream>>,
    asking: Asking,
}

impl Lines {
    /// The next one; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Refused> {
        let _question = self.asking.begin();
        self.lines.try_next().await
    }
}
