//! Both sides of a flow: a session each, statements in them, and the position up to which they can be compared.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::config::Database;
use crate::lsn::Lsn;
use crate::postgres::{self, Error, Kind, Session};
use crate::rules::{Plan, Route, SourceTable};

use super::choice::Wanted;

/// As DBAs see it in `pg_stat_activity`.
const APPLICATION: &str = "acequia verify";
/// A flow that does not come on for so long is not waited for any more.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// No single question takes so long: a connection that is dead without a word would be waited for for ever.
const LIMIT: Duration = Duration::from_hours(6);

/// A parameter of a statement.
pub(super) type Param<'a> = &'a (dyn ToSql + Sync);

/// Sessions with both databases of a flow.
pub(super) struct Sides<'a> {
    pub(super) plan: &'a Plan,
    pub(super) wanted: Wanted,
    pub(super) source: Session,
    pub(super) target: Session,
    /// The flow did not come on while it was waited for.
    is_stuck: AtomicBool,
}

impl<'a> Sides<'a> {
    pub(super) async fn open(
        plan: &'a Plan,
        source: &Database,
        target: &Database,
        wanted: Wanted,
    ) -> Result<Self, Error> {
        let source = postgres::open_watched(source, APPLICATION).await?;
        let target = postgres::open_watched(target, APPLICATION).await?;
        let sides = Self { plan, wanted, source, target, is_stuck: AtomicBool::new(false) };
        batch(&sides.source, "preparing to read", postgres::TAKE_BYTES).await?;
        // Every statement is a moment of its own; none of them can write.
        let only_reads =
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        batch(&sides.source, "preparing to read", only_reads).await?;
        Ok(sides)
    }

    pub(super) fn route(&self, route: usize) -> &'a Route {
        &self.plan.routes[route]
    }

    pub(super) fn table(&self, route: &Route) -> &'a SourceTable {
        &self.plan.sources[route.source]
    }

    /// The source's clock.
    pub(super) async fn now(&self) -> Result<String, Error> {
        let sql = "SELECT to_char(now(), 'YYYY-MM-DD HH24:MI:SSOF')";
        let rows = query(&self.source, "asking for the time", sql, &[]).await?;
        Ok(rows.first().map_or_else(String::new, |row| row.get(0)))
    }

    /// The flow's checkpoint.
    pub(super) async fn position(&self) -> Result<Option<Lsn>, Error> {
        const READ: &str = "SELECT lsn::text FROM acequia.checkpoint WHERE flow = $1 AND state = 'live'";
        const KNOWN: &str = "SELECT to_regclass('acequia.checkpoint') IS NOT NULL";
        let known = query(&self.target, "looking for the control schema", KNOWN, &[]).await?;
        if !known.first().is_some_and(|row| row.get(0)) {
            return Ok(None);
        }
        let rows = query(&self.target, "reading the checkpoint", READ, &[&self.plan.flow.name]).await?;
        Ok(rows.first().and_then(|row| row.get::<_, &str>(0).parse().ok()))
    }

    /// WAL that the source has written since the checkpoint.
    pub(super) async fn unapplied(&self) -> Result<Option<i64>, Error> {
        let Some(position) = self.position().await? else { return Ok(None) };
        let sql = "SELECT greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), $1::text::pg_lsn), 0)::int8";
        let rows = query(&self.source, "measuring the lag", sql, &[&position.to_string()]).await?;
        Ok(rows.first().and_then(|row| row.get(0)))
    }

    /// Waits until the customers have everything that the source has committed up to now. Answers whether they do.
    pub(super) async fn catch_up(&self) -> Result<bool, Error> {
        if self.is_stuck.load(Ordering::Relaxed) {
            return Ok(false);
        }
        // Idle or not, this transaction comes after all that can be seen now, and moves the checkpoint.
        let mark = "SELECT pg_logical_emit_message(true, 'acequia verify', '')::text";
        let rows = query(&self.source, "marking a position", mark, &[]).await?;
        let Some(Ok(wanted)) = rows.first().map(|row| row.get::<_, &str>(0).parse::<Lsn>()) else {
            return Err(Error::protocol("marking a position", "a position that is none"));
        };
        let (mut seen, mut moved) = (None, Instant::now());
        loop {
            let position = self.position().await?;
            if position.is_some_and(|position| position >= wanted) {
                return Ok(true);
            }
            if position != seen {
                (seen, moved) = (position, Instant::now());
            }
            if moved.elapsed() > PATIENCE {
                self.is_stuck.store(true, Ordering::Relaxed);
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Waits for what is asked of these sessions, but not for ever; who comes after that finds them closed.
pub(super) async fn answered<T>(
    sessions: &[&Session],
    doing: &str,
    asked: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let answer = postgres::within(LIMIT, doing, asked).await;
    if answer.as_ref().is_err_and(|error| matches!(error.kind(), Kind::TimedOut(_))) {
        for session in sessions {
            session.abandon();
        }
    }
    answer
}

/// Runs a query.
pub(super) async fn query(
    session: &Session,
    doing: &str,
    sql: &str,
    params: &[Param<'_>],
) -> Result<Vec<Row>, Error> {
    let asked = async { session.query(sql, params).await.map_err(|error| Error::from_driver(doing, &error)) };
    answered(&[session], doing, asked).await
}

/// Runs statements without parameters.
pub(super) async fn batch(session: &Session, doing: &str, sql: &str) -> Result<(), Error> {
    let asked = async { session.batch_execute(sql).await.map_err(|error| Error::from_driver(doing, &error)) };
    answered(&[session], doing, asked).await
}
