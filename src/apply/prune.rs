//! The journal is kept for so long, and no bigger than so: the oldest images go, a piece at a time. So do, as old, the minutes
//! of the history.
//!
//! How big it is, is estimated: live rows as the server counts them, times the width of a sample. Freed space does not count,
//! since it is used again. The server's count lags behind, so what is too much is worked off before it is asked again.

use super::error::Error;
use super::statements::{Param, Statements};

/// So many images go in one statement: the writer does nothing else meanwhile.
const PIECE: u64 = 20_000;
/// So many pages are looked at for the width of an image.
const SAMPLE_PAGES: f64 = 300.0;

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
    images: u64,
    /// The newest of them is as old as this.
    until: String,
}

const OLD: &str = "DELETE FROM acequia.journal WHERE ctid = ANY (ARRAY(SELECT ctid FROM acequia.journal \
    WHERE at < now() - make_interval(days => $1) LIMIT $2))";
/// As long as an image: when each customer got what.
const OLD_MINUTES: &str = "DELETE FROM acequia.applied WHERE ctid = ANY (ARRAY(SELECT ctid FROM acequia.applied \
    WHERE minute < now() - make_interval(days => $1) LIMIT $2))";
const TOO_MUCH: &str = "DELETE FROM acequia.journal WHERE ctid = ANY (ARRAY(SELECT ctid FROM acequia.journal \
    WHERE at <= $1::text::timestamptz LIMIT $2))";

/// Whether it could be too big at all, and how many pages it has.
const SIZE: &str = "SELECT pg_total_relation_size('acequia.journal'), \
    pg_relation_size('acequia.journal') / current_setting('block_size')::int8";
/// `$1` percent of the pages, `$2` bytes that are there, `$3` bytes to be kept. Answers how many images are too much, and when
/// the newest of them was written. Four bytes of each are its place in the page.
const ESTIMATE: &str = "WITH sample AS MATERIALIZED (\
    SELECT at, pg_column_size(j) + 4 AS width FROM acequia.journal j TABLESAMPLE SYSTEM ($1::float8::float4)), \
    estimate AS (SELECT least(pg_stat_get_live_tuples('acequia.journal'::regclass), $2::int8 / avg(width)) AS live, \
    $3::int8 / avg(width) AS kept FROM sample) \
    SELECT (live - kept)::int8, (SELECT percentile_disc((SELECT (live - kept) / live FROM estimate)::float8) \
    WITHIN GROUP (ORDER BY at) FROM sample)::text FROM estimate WHERE live > kept";

/// Forgets a piece. Answers whether there is more to forget.
pub(super) async fn piece(
    statements: &mut Statements,
    surplus: &mut Surplus,
    keep: Keep,
) -> Result<bool, Error> {
    let days = i32::try_from(keep.days).unwrap_or(i32::MAX);
    let piece = i64::try_from(PIECE).unwrap_or(i64::MAX);
    if statements.execute("pruning the journal", OLD, &[&days, &piece]).await? == PIECE {
        return Ok(true);
    }
    if statements.execute("pruning the history", OLD_MINUTES, &[&days, &piece]).await? == PIECE {
        return Ok(true);
    }
    if surplus.images == 0 {
        *surplus = look(statements, keep.bytes).await?;
    }
    if surplus.images == 0 {
        return Ok(false);
    }
    let piece = i64::try_from(surplus.images.min(PIECE)).unwrap_or(i64::MAX);
    let gone = statements.execute("pruning the journal", TOO_MUCH, &[&surplus.until, &piece]).await?;
    surplus.images = if gone == 0 { 0 } else { surplus.images.saturating_sub(gone) };
    Ok(surplus.images > 0)
}

/// How much is too much.
async fn look(statements: &mut Statements, max_bytes: u64) -> Result<Surplus, Error> {
    const DOING: &str = "measuring the journal";
    let max = i64::try_from(max_bytes).unwrap_or(i64::MAX);
    let rows = statements.query(DOING, SIZE, &[]).await?;
    let (bytes, pages) = rows.first().map_or((0, 0), |row| (row.get::<_, i64>(0), row.get::<_, i64>(1)));
    if bytes <= max {
        return Ok(Surplus::default());
    }
    // More than four thousand million pages can't be.
    let pages = f64::from(u32::try_from(pages).unwrap_or(u32::MAX).max(1));
    let percent = (100.0 * SAMPLE_PAGES / pages).min(100.0);
    let params: [Param<'_>; 3] = [&percent, &bytes, &max];
    let rows = statements.query(DOING, ESTIMATE, &params).await?;
    let Some(row) = rows.first() else { return Ok(Surplus::default()) };
    let until: Option<String> = row.get(1);
    let images = until.as_ref().map_or(0, |_| u64::try_from(row.get::<_, i64>(0)).unwrap_or(0));
    Ok(Surplus { images, until: until.unwrap_or_default() })
}
