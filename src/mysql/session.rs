//! A session with a MySQL or MariaDB server: one statement after the other, answers as text, and loads that are fed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, LocalInfileError, Row, Value};
use tokio::time::timeout;

use super::error::{Error, Kind};
use super::feed::Food;
use super::identity::Identity;
use super::place;
use crate::config::Server;

/// How long all of opening may take: addresses, TLS, authentication, settings.
const OPEN_LIMIT: Duration = Duration::from_secs(20);
/// A statement that looks something up or changes a catalog.
const QUICK_LIMIT: Duration = Duration::from_mins(10);
/// A statement that goes over a whole table: an index, a checksum.
const LONG_LIMIT: Duration = Duration::from_hours(6);
/// A load in which neither side has moved for so long is dead.
const STALL_LIMIT: Duration = Duration::from_mins(30);
/// What cannot be read as anything else is asked for in this one row.
const ASK: &str = "SELECT version(), @@max_allowed_packet, @@global.local_infile";

/// The text values of an answer's rows.
pub type Rows = Vec<Vec<Option<String>>>;

/// How a load went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Rows that are in the table.
    pub rows: u64,
    /// Values or rows that the server has changed or left out: with LOCAL it warns where it would else refuse.
    pub warnings: u16,
}

/// An open session. After an error of the connection it is of no use; drop it.
pub struct Session {
    conn: Conn,
    server: String,
    identity: Identity,
}

/// Opens a session.
pub async fn open(server: &Server) -> Result<Session, Error> {
    let failed = |kind| Error::new(format!("opening a session with server `{}`", server.name), kind);
    match timeout(OPEN_LIMIT, connect(server)).await {
        Ok(opened) => opened.map_err(failed),
        Err(_) => Err(failed(Kind::TimedOut(OPEN_LIMIT))),
    }
}

async fn connect(server: &Server) -> Result<Session, Kind> {
    let options = place::options(server).await?;
    let mut conn = Conn::new(options).await.map_err(Kind::from_driver)?;
    let answer: Option<Row> = conn.query_first(ASK).await.map_err(Kind::from_driver)?;
    let answer = answer.map(texts).unwrap_or_default();
    let [Some(version), Some(packet), Some(local)] = &answer[..] else {
        return Err(Kind::Protocol("no version in the server's answer"));
    };
    let identity = Identity::new(version, packet.parse().unwrap_or(0), local == "1")
        .ok_or(Kind::Protocol("no version in the server's answer"))?;
    if identity.too_old().is_some() {
        return Err(Kind::Protocol("it is older than MySQL 8.0.17 or MariaDB 10.6.1"));
    }
    Ok(Session { conn, server: server.name.to_string(), identity })
}

impl Session {
    /// Which server it is.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Runs a statement that is done at once. `doing` is for the error: the statement is not shown.
    pub async fn execute(&mut self, doing: &str, sql: &str) -> Result<(), Error> {
        self.run(doing, sql, QUICK_LIMIT).await
    }

    /// Runs a statement that goes over a whole table.
    pub async fn execute_long(&mut self, doing: &str, sql: &str) -> Result<(), Error> {
        self.run(doing, sql, LONG_LIMIT).await
    }

    /// Asks for rows; they should be few. An answer may take as long as going over a whole table does.
    pub async fn ask(&mut self, doing: &str, sql: &str) -> Result<Rows, Error> {
        let rows = timeout(LONG_LIMIT, self.conn.query::<Row, _>(sql)).await;
        match rows {
            Ok(Ok(rows)) => Ok(rows.into_iter().map(texts).collect()),
            Ok(Err(error)) => Err(self.error(doing, Kind::from_driver(error))),
            Err(_) => Err(self.error(doing, Kind::TimedOut(LONG_LIMIT))),
        }
    }

    /// The one value of the first row; `None` where there is no row, or NULL.
    pub async fn value(&mut self, doing: &str, sql: &str) -> Result<Option<String>, Error> {
        let rows = self.ask(doing, sql).await?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
    }

    /// Runs a statement with values bound to it; `None` is NULL.
    pub async fn insert(
        &mut self,
        doing: &str,
        sql: &str,
        values: Vec<Option<Vec<u8>>>,
    ) -> Result<(), Error> {
        let values: Vec<Value> =
            values.into_iter().map(|value| value.map_or(Value::NULL, Value::Bytes)).collect();
        let done = timeout(STALL_LIMIT, self.conn.exec_drop(sql, values)).await;
        match done {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.error(doing, Kind::from_driver(error))),
            Err(_) => Err(self.error(doing, Kind::TimedOut(STALL_LIMIT))),
        }
    }

    /// Runs a `LOAD DATA LOCAL INFILE`. The server gets what is fed, whichever file it asks for, and only once.
    ///
    /// What came before a failure is in the table: the server commits it.
    pub async fn load(&mut self, doing: &str, sql: &str, food: Food) -> Result<Answer, Error> {
        let moved = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&moved);
        self.conn.set_infile_handler(async move {
            Ok(food.into_stream().inspect(move |_| _ = counted.fetch_add(1, Ordering::Relaxed)).boxed())
        });
        let done = unless_stalled(self.conn.query_drop(sql), &moved).await;
        // A statement that failed before the server asked for rows has left the food here, and who feeds would wait.
        self.conn.set_infile_handler(async { Err(LocalInfileError::NoHandler.into()) });
        done.map_err(|kind| self.error(doing, kind))?;
        Ok(Answer { rows: self.conn.affected_rows(), warnings: self.conn.get_warnings() })
    }

    /// Says goodbye. A session that is dropped does so on its own time.
    pub async fn close(self) {
        _ = timeout(OPEN_LIMIT, self.conn.disconnect()).await;
    }

    async fn run(&mut self, doing: &str, sql: &str, limit: Duration) -> Result<(), Error> {
        let done = timeout(limit, self.conn.query_drop(sql)).await;
        match done {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.error(doing, Kind::from_driver(error))),
            Err(_) => Err(self.error(doing, Kind::TimedOut(limit))),
        }
    }

    fn error(&self, doing: &str, kind: Kind) -> Error {
        Error::new(format!("{doing} on server `{}`", self.server), kind)
    }
}

/// Waits for a load as long as pieces move.
async fn unless_stalled(
    loading: impl Future<Output = Result<(), mysql_async::Error>>,
    moved: &AtomicU64,
) -> Result<(), Kind> {
    let mut loading = std::pin::pin!(loading);
    let mut seen = 0;
    loop {
        match timeout(STALL_LIMIT, &mut loading).await {
            Ok(done) => return done.map_err(Kind::from_driver),
            Err(_) if moved.load(Ordering::Relaxed) == seen => return Err(Kind::TimedOut(STALL_LIMIT)),
            Err(_) => seen = moved.load(Ordering::Relaxed),
        }
    }
}

/// A row of the text protocol; what is no UTF-8 is a name of ours nowhere, so it is replaced.
fn texts(row: Row) -> Vec<Option<String>> {
    let text = |value: Value| match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        Value::Date(..) | Value::Time(..) => Some(value.as_sql(true)),
    };
    row.unwrap_raw().into_iter().map(|value| value.and_then(text)).collect()
}
