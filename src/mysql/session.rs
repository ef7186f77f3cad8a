//! A session with a MySQL or MariaDB server: one statement after the other, answers as text, and loads that are fed.

use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, LocalInfileError, Row, Value};
use tokio::time::timeout;

use super::error::{Error, Kind};
use super::feed::Food;
use super::identity::Identity;
use super::mark;
use super::place;
use super::progress::Progress;
use super::watch::{LONG_LIMIT, Load, NO_SESSION, Question, Watch};
use crate::config::Server;

/// How long all of opening may take: addresses, TLS, authentication, settings.
const OPEN_LIMIT: Duration = Duration::from_secs(20);
/// A statement that looks something up or changes a catalog.
const QUICK_LIMIT: Duration = Duration::from_mins(10);
/// One statement with rows.
const INSERT_LIMIT: Duration = Duration::from_mins(30);
/// A load takes as long as rows move.
const LOAD_LIMIT: Duration = Duration::MAX;
/// A sign of life of an idle session: who gives one every 15 seconds hears of its end before the server, which waits for
/// 60, has forgotten it.
const TOUCH_LIMIT: Duration = Duration::from_secs(40);
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
    /// `None` once it is of no use.
    conn: Option<Conn>,
    /// A question was asked and its answer not waited for: what comes next would be taken for another's.
    is_busy: bool,
    watch: Watch,
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
    let mark = mark::take(&mut conn).await.map_err(Kind::from_driver)?;
    let watch = Watch::new(server, mark, identity.flavour);
    Ok(Session { conn: Some(conn), is_busy: false, watch, server: server.name.to_string(), identity })
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

    /// Hears from the server that the session is there. That takes no time, so it is not waited for long.
    pub async fn touch(&mut self, doing: &str) -> Result<(), Error> {
        self.run(doing, "DO 1", TOUCH_LIMIT).await
    }

    /// Asks for rows; they should be few. An answer may take as long as going over a whole table does.
    pub async fn ask(&mut self, doing: &str, sql: &str) -> Result<Rows, Error> {
        let (conn, watch) = self.parts(doing)?;
        let rows = watch.over(LONG_LIMIT, Question::default(), conn.query::<Row, _>(sql)).await;
        Ok(self.settle(doing, rows)?.into_iter().map(texts).collect())
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
        let bytes = values.iter().flatten().map(|value| value.len() as u64).sum();
        let values: Vec<Value> =
            values.into_iter().map(|value| value.map_or(Value::NULL, Value::Bytes)).collect();
        let (conn, watch) = self.parts(doing)?;
        let question = Question { bytes, load: None };
        let done = watch.over(INSERT_LIMIT, question, conn.exec_drop(sql, values)).await;
        self.settle(doing, done)
    }

    /// Runs a `LOAD DATA LOCAL INFILE` into a table of a database. The server gets what is fed, whichever file it asks for, and
    /// only once.
    ///
    /// What came before a failure is in the table: the server commits it.
    pub async fn load(
        &mut self,
        doing: &str,
        into: (&str, &str),
        sql: &str,
        food: Food,
    ) -> Result<Answer, Error> {
        let progress = Progress::default();
        let counting = progress.clone();
        let (conn, watch) = self.parts(doing)?;
        conn.set_infile_handler(async move { Ok(counting.counted(food.into_stream())) });
        let question = Question { bytes: 0, load: Some(Load { into, progress: &progress }) };
        let done = watch.over(LOAD_LIMIT, question, conn.query_drop(sql)).await;
        // A statement that failed before the server asked for rows has left the food here, and who feeds would wait.
        conn.set_infile_handler(async { Err(LocalInfileError::NoHandler.into()) });
        let answer = Answer { rows: conn.affected_rows(), warnings: conn.get_warnings() };
        self.settle(doing, done).map(|()| answer)
    }

    /// Ends another session of the same account; one that is gone already is fine.
    pub async fn end(&mut self, id: u64) -> Result<(), Error> {
        match self.execute("ending a session that was left", &format!("KILL {id}")).await {
            Err(error) if error.is_one_of(&[NO_SESSION]) => Ok(()),
            ended => ended,
        }
    }

    /// Says goodbye. A session that is dropped does not.
    pub async fn close(mut self) {
        if let Some(conn) = self.conn.take() {
            _ = timeout(OPEN_LIMIT, conn.disconnect()).await;
        }
    }

    async fn run(&mut self, doing: &str, sql: &str, limit: Duration) -> Result<(), Error> {
        let (conn, watch) = self.parts(doing)?;
        let done = watch.over(limit, Question::default(), conn.query_drop(sql)).await;
        self.settle(doing, done)
    }

    fn parts(&mut self, doing: &str) -> Result<(&mut Conn, &Watch), Error> {
        if self.is_busy {
            self.abandon();
        }
        self.is_busy = true;
        let Some(conn) = &mut self.conn else {
            self.is_busy = false;
            return Err(Error::new(format!("{doing} on server `{}`", self.server), Kind::Closed));
        };
        Ok((conn, &self.watch))
    }

    /// The answer, or the error; nobody waits for a connection that is lost.
    fn settle<T>(&mut self, doing: &str, done: Result<T, Kind>) -> Result<T, Error> {
        self.is_busy = false;
        let done = done.map_err(|kind| Error::new(format!("{doing} on server `{}`", self.server), kind));
        if done.as_ref().is_err_and(Error::is_lost) {
            self.abandon();
        }
        done
    }

    /// Closes the connection without a word. The driver would say goodbye once the answer at hand has come, and wait for that
    /// for ever where the link is dead; it does not where there is no runtime.
    fn abandon(&mut self) {
        if let Some(conn) = self.conn.take() {
            _ = std::thread::Builder::new().spawn(move || drop(conn));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.abandon();
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
