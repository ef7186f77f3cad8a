//! Journal and history are kept for so long, and no bigger than so: the oldest images and minutes go, a piece at a time.
//!
//! How big they are, is estimated: live rows as the server counts them, times the width of a sample. Freed space does not
//! count, since it is used again. The server's count lags behind, so what is too much is worked off before it is asked again.

use super::error::Error;
use super::statements::{Param, Statements};

/// So many rows go in one statement: the writer does nothing else meanwhile.
const PIECE: u64 = 20_000;
/// So many pages are looked at for the width of a row.
const SAMPLE_PAGES: f64 = 300.0;
/// The history may take this part of what the journal may: minutes of many customers with many data sets add up.
const HISTORY_PART: u64 = 10;

/// How much of the journal is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// For so many days ...
    pub days: u32,
    /// ... and so many bytes of it.
    pub bytes: u64,
}

/// What is too much still.
#[derive(Debug, Default)]
pub(super) struct Surplus {
    journal: Excess,
    history: Excess,
}

#[derive(Debug, Default)]
struct Excess {
    rows: u64,
    /// The newest of them is as old as this.
    until: String,
}

/// One of the two tables, and its column that says when a row was written.
struct Kept {
    table: &'static str,
    at: &'static str,
    what: &'static str,
}

const JOURNAL: Kept = Kept { table: "acequia.journal", at: "at", what: "the journal" };
const HISTORY: Kept = Kept { table: "acequia.applied", at: "minute", what: "the history" };

/// Forgets a piece. Answers whether there is more to forget.
pub(super) async fn piece(
    statements: &mut Statements,
    surplus: &mut Surplus,
    keep: Keep,
) -> Result<bool, Error> {
    if JOURNAL.lessen(statements, &mut surplus.journal, keep).await? {
        return Ok(true);
    }
    let keep = Keep { bytes: keep.bytes / HISTORY_PART, ..keep };
    HISTORY.lessen(statements, &mut surplus.history, keep).await
}

impl Kept {
    async fn lessen(
        &self,
        statements: &mut Statements,
        excess: &mut Excess,
        keep: Keep,
    ) -> Result<bool, Error> {
        let doing = format!("pruning {}", self.what);
        let days = i32::try_from(keep.days).unwrap_or(i32::MAX);
        let piece = i64::try_from(PIECE).unwrap_or(i64::MAX);
        let old = self.delete("< now() - make_interval(days => $1)");
        if statements.execute(&doing, &old, &[&days, &piece]).await? == PIECE {
            return Ok(true);
        }
        if excess.rows == 0 {
            *excess = self.look(statements, keep.bytes).await?;
        }
        if excess.rows == 0 {
            return Ok(false);
        }
        let piece = i64::try_from(excess.rows.min(PIECE)).unwrap_or(i64::MAX);
        let too_much = self.delete("<= $1::text::timestamptz");
        let gone = statements.execute(&doing, &too_much, &[&excess.until, &piece]).await?;
        excess.rows = if gone == 0 { 0 } else { excess.rows.saturating_sub(gone) };
        Ok(excess.rows > 0)
    }

    /// `$2` of the rows whose time is so.
    fn delete(&self, so: &str) -> String {
        let Self { table, at, .. } = self;
        format!(
            "DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {at} {so} LIMIT $2))"
        )
    }

    /// How much is too much.
    async fn look(&self, statements: &mut Statements, max_bytes: u64) -> Result<Excess, Error> {
        let doing = format!("measuring {}", self.what);
        let max = i64::try_from(max_bytes).unwrap_or(i64::MAX);
        let rows = statements.query(&doing, &self.size(), &[]).await?;
        let (bytes, pages) = rows.first().map_or((0, 0), |row| (row.get::<_, i64>(0), row.get::<_, i64>(1)));
        if bytes <= max {
            return Ok(Excess::default());
        }
        // More than four thousand million pages can't be.
        let pages = f64::from(u32::try_from(pages).unwrap_or(u32::MAX).max(1));
        let percent = (100.0 * SAMPLE_PAGES / pages).min(100.0);
        let params: [Param<'_>; 3] = [&percent, &bytes, &max];
        let rows = statements.query(&doing, &self.estimate(), &params).await?;
        let Some(row) = rows.first() else { return Ok(Excess::default()) };
        let until: Option<String> = row.get(1);
        let rows = until.as_ref().map_or(0, |_| u64::try_from(row.get::<_, i64>(0)).unwrap_or(0));
        Ok(Excess { rows, until: until.unwrap_or_default() })
    }

    /// Whether it could be too big at all, and how many pages it has.
    fn size(&self) -> String {
        let table = self.table;
        format!(
            "SELECT pg_total_relation_size('{table}'), pg_relation_size('{table}') / current_setting('block_size')::int8"
        )
    }

    /// `$1` percent of the pages, `$2` bytes that are there, `$3` bytes to be kept. Answers how many rows are too much, and when
    /// the newest of them was written. Four bytes of each are its place in the page.
    fn estimate(&self) -> String {
        let Self { table, at, .. } = self;
        format!(
            "WITH sample AS MATERIALIZED (\
             SELECT {at} AS at, pg_column_size(k) + 4 AS width FROM {table} k TABLESAMPLE SYSTEM ($1::float8::float4)), \
             estimate AS (SELECT least(pg_stat_get_live_tuples('{table}'::regclass), $2::int8 / avg(width)) AS live, \
             $3::int8 / avg(width) AS kept FROM sample) \
             SELECT (live - kept)::int8, (SELECT percentile_disc((SELECT (live - kept) / live FROM estimate)::float8) \
             WITHIN GROUP (ORDER BY at) FROM sample)::text FROM estimate WHERE live > kept"
        )
    }
}
