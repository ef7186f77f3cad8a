//! A piece of a source table as it is now, read in a transaction of its own and put onto the stage.
//!
//! The bytes of the source's COPY go to the stage's as they are. They are only counted on the way, and looked over: what is no
//! text (a database in `SQL_ASCII` holds what it was given) is left out of its row, and the row is parked for it.

use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::ToSql;

use crate::lsn::Lsn;
use crate::postgres;
use crate::rules::{CURSOR, KEYS, META_COLUMNS, Piece, SourceTable, crosswalk_name};

use super::engine::Engine;
use super::error::Error;
use super::fold::Op;
use super::origin::{Lines, Origin, Reader};
use super::stage::{Staged, StagedRow};
use super::statements::Statements;

/// So much of a piece is read before anything is done at the target: a piece that can't be read then has no consequence.
const MEMORY_BYTES: usize = 8 << 20;
/// What is larger goes through in parts of this size.
const SENT_BYTES: usize = 1 << 20;
/// A table that somebody has locked at the source holds up nobody.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = '250ms'";
const DOING: &str = "reading rows of the source";

/// Rows of the source, not on the stage yet.
pub(super) struct Read {
    source: usize,
    /// Whole lines; the last ones of a piece that is too large for the memory are still to come.
    lines: BytesMut,
    rest: Option<Lines>,
    staged: Staged,
    /// Rows that nobody is given yet.
    marked: usize,
    /// Everything that the rows show had been written to the WAL before this position.
    pub(super) at: Lsn,
}

/// Rows on the stage.
pub(super) struct Copied {
    pub(super) staged: Staged,
    /// The last row's identity, for the next piece; `None` where there was no row.
    pub(super) last: Option<String>,
    /// Bytes of COPY text.
    pub(super) bytes: usize,
    /// Rows that nobody is given yet: they stand on the stage with an `X`.
    pub(super) marked: usize,
}

/// Reads so many rows of a table in the order of the identity, after this one. `received`: conditions that leave out rows of somebody else. What fails here has touched nothing.
pub(super) async fn read(
    origin: &mut Origin,
    (number, source): (usize, &SourceTable),
    (after, rows): (Option<&str>, u32),
    (received, horizon): (&[String], Option<u64>),
) -> Result<Read, postgres::Error> {
    let (piece, cursor) = match after {
        None => (Piece::First(rows), ""),
        Some(cursor) => (Piece::Next(rows), cursor),
    };
    let result = begin(origin, (CURSOR, cursor), &source.copy_out(piece, received, horizon)).await;
    let (at, lines) = result.inspect_err(|_| origin.forget())?;
    lines_of(origin, (number, source), at, lines).await
}

async fn lines_of(
    origin: &mut Origin,
    (number, source): (usize, &SourceTable),
    at: Lsn,
    mut lines: Lines,
) -> Result<Read, postgres::Error> {
    let mut read = Read {
        source: number,
        lines: BytesMut::new(),
        rest: None,
        staged: Staged::new(number),
        marked: 0,
        at,
    };
    while read.lines.len() < MEMORY_BYTES {
        // The server sends one message for each row.
        let line = lines.next().await.map_err(failed).inspect_err(|_| origin.forget())?;
        let Some(line) = line else {
            drop(lines);
            let ended = batch(origin.session().await?, "COMMIT").await;
            ended.inspect_err(|_| origin.forget())?;
            return Ok(read);
        };
        read.take(&line, source);
    }
    read.rest = Some(lines);
    Ok(read)
}

/// Begins a transaction of its own and the COPY in it. The snapshot is taken before the position is asked for.
async fn begin(
    origin: &mut Origin,
    (setting, value): (&str, &str),
    copy: &str,
) -> Result<(Lsn, Lines), postgres::Error> {
    let here = origin.session().await?;
    batch(here, BEGIN).await?;
    set_and_copy(here, (setting, value), copy).await
}

impl Read {
    /// No row.
    pub(super) fn nothing(source: usize) -> Self {
        let staged = Staged::new(source);
        Self { source, lines: BytesMut::new(), rest: None, staged, marked: 0, at: Lsn::ZERO }
    }

    /// The number of rows so far.
    pub(super) fn is_empty(&self) -> bool {
        self.staged.rows.is_empty()
    }

    fn take(&mut self, line: &[u8], source: &SourceTable) {
        let row = if str::from_utf8(line).is_ok() {
            self.lines.put_slice(line);
            let is_marked = line.split(|byte| *byte == b'\t').nth(1) == Some(b"X");
            self.marked += usize::from(is_marked);
            StagedRow::new(if is_marked { Op::Nothing } else { Op::Insert }, false, 0)
        } else {
            let column = write_legible(&mut self.lines, line, source);
            let n = self.staged.last() + 1;
            self.staged.illegible.push((n, column));
            StagedRow::new(Op::Nothing, false, 0)
        };
        self.staged.rows.push(row);
    }

    /// Puts the rows onto the stage.
    pub(super) async fn stage(mut self, engine: &mut Engine) -> Result<Copied, Error> {
        let plan = Arc::clone(&engine.plan);
        let source = &plan.sources[self.source];
        engine.sweep().await?;
        engine.ensure_stage(self.source, source).await?;
        let bytes = self.pass(&engine.statements, &mut engine.context.source, source).await?;
        let sql = source.last_staged();
        let rows = engine.statements.query("reading where a piece ends", &sql, &[]).await?;
        Ok(Copied {
            staged: self.staged,
            last: rows.first().map(|row| row.get(0)),
            bytes,
            marked: self.marked,
        })
    }

    async fn pass(
        &mut self,
        statements: &Statements,
        origin: &mut Origin,
        source: &SourceTable,
    ) -> Result<usize, postgres::Error> {
        let mut sink = statements.sink("staging rows of the source", source.stage.copy.as_str()).await?;
        let mut bytes = self.lines.len();
        sink.send(self.lines.split().freeze()).await?;
        if let Some(mut rest) = self.rest.take() {
            while let Some(line) = rest.next().await.map_err(failed)? {
                self.take(&line, source);
                if self.lines.len() >= SENT_BYTES {
                    bytes += self.lines.len();
                    sink.send(self.lines.split().freeze()).await?;
                }
            }
            bytes += self.lines.len();
            sink.send(self.lines.split().freeze()).await?;
            batch(origin.session().await?, "COMMIT").await?;
        }
        sink.finish().await?;
        Ok(bytes)
    }
}

/// Writes a line without the values that are no text; answers the first column at fault. Nobody is given such a row.
fn write_legible(out: &mut BytesMut, line: &[u8], source: &SourceTable) -> usize {
    let ours = META_COLUMNS.len() + source.identity.len();
    let mut at_fault = None;
    for (place, field) in line.strip_suffix(b"\n").unwrap_or(line).split(|byte| *byte == b'\t').enumerate() {
        if place > 0 {
            out.put_u8(b'\t');
        }
        if place == 1 {
            out.put_u8(b'X');
            continue;
        }
        if str::from_utf8(field).is_ok() {
            out.put_slice(field);
            continue;
        }
        let column = place.saturating_sub(ours);
        at_fault.get_or_insert(column);
        if source.identity.contains(&column) {
            // By its identity the row is parked: one for each.
            out.put_slice(b"\\\\x");
            for byte in field {
                out.put_slice(format!("{byte:02x}").as_bytes());
            }
        } else {
            out.put_slice(b"\\N");
        }
    }
    out.put_u8(b'\n');
    at_fault.unwrap_or(0)
}

async fn batch(here: Reader<'_>, sql: &str) -> Result<(), postgres::Error> {
    here.batch_execute(sql).await.map_err(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn failed(error: tokio_postgres::Error) -> postgres::Error {
    postgres::Error::from_driver(DOING, &error)
}

/// About how many rows a table has; `None` where nobody has looked yet.
pub(super) async fn estimate(
    origin: &mut Origin,
    source: &SourceTable,
) -> Result<Option<i64>, postgres::Error> {
    let sql = "SELECT CASE WHEN bool_or(c.reltuples >= 0) THEN sum(greatest(c.reltuples, 0))::int8 END \
               FROM pg_class c WHERE c.oid IN (SELECT relid FROM pg_partition_tree($1::oid::regclass) WHERE isleaf \
               UNION SELECT $1::oid) AND c.relkind = 'r'";
    let row = origin.session().await?.query_one(sql, &[&source.relation]).await.map_err(failed)?;
    Ok(row.get(0))
}

/// What a look at single rows has found.
pub(super) struct Look {
    /// The position then.
    pub(super) at: Lsn,
    /// For each identity the version of its row; empty where there is none.
    pub(super) versions: Vec<String>,
    /// Those rows, of the ones wanted, that are there.
    pub(super) read: Option<Read>,
}

/// Looks at the rows of these identities (a JSON array each), and reads those for which `wanted` says so of their versions.
pub(super) async fn look(
    origin: &mut Origin,
    (number, source): (usize, &SourceTable),
    keys: &[&str],
    wanted: impl Fn(usize, &str) -> bool,
) -> Result<Look, postgres::Error> {
    let found = versions(origin, source, keys).await;
    let (at, versions) = found.inspect_err(|_| origin.forget())?;
    let is_wanted = |(place, _): &(usize, &&str)| {
        versions.get(*place).is_some_and(|version| !version.is_empty() && wanted(*place, version))
    };
    let own: Vec<&str> = keys.iter().enumerate().filter(is_wanted).map(|(_, key)| *key).collect();
    if own.is_empty() {
        let ended = batch(origin.session().await?, "COMMIT").await;
        ended.inspect_err(|_| origin.forget())?;
        return Ok(Look { at, versions, read: None });
    }
    let copy = source.copy_out(Piece::Keys, &[], None);
    let result = set_and_copy(origin.session().await?, (KEYS, &array(&own)), &copy).await;
    let (_, lines) = result.inspect_err(|_| origin.forget())?;
    let read = lines_of(origin, (number, source), at, lines).await?;
    Ok(Look { at, versions, read: Some(read) })
}

/// Begins a transaction, and asks for the versions in it.
async fn versions(
    origin: &mut Origin,
    source: &SourceTable,
    keys: &[&str],
) -> Result<(Lsn, Vec<String>), postgres::Error> {
    let here = origin.session().await?;
    batch(here, BEGIN).await?;
    let at = set(here, (KEYS, &array(keys))).await?;
    let rows = here.query(&source.versions(), &[]).await.map_err(failed)?;
    Ok((at, rows.iter().map(|row| row.get::<_, Option<String>>(0).unwrap_or_default()).collect()))
}

async fn set_and_copy(
    here: Reader<'_>,
    setting: (&str, &str),
    copy: &str,
) -> Result<(Lsn, Lines), postgres::Error> {
    let at = set(here, setting).await?;
    Ok((at, here.lines(copy).await.map_err(failed)?))
}

/// Tells the session what is wanted; answers the position, of which its snapshot knows everything before.
async fn set(here: Reader<'_>, (setting, value): (&str, &str)) -> Result<Lsn, postgres::Error> {
    let sql = "SELECT set_config($1, $2, true), pg_current_wal_insert_lsn()::text";
    let params: [&(dyn ToSql + Sync); 2] = [&setting, &value];
    let row = here.query_one(sql, &params).await.map_err(failed)?;
    let at = row.get::<_, &str>(1).parse();
    at.map_err(|_| postgres::Error::protocol(DOING, "a position that is none"))
}

fn array(keys: &[&str]) -> String {
    format!("[{}]", keys.join(","))
}

/// Transactions from this one on (an xid8) may not have ended yet.
pub(super) async fn horizon(origin: &mut Origin) -> Result<u64, postgres::Error> {
    let sql = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text";
    let row = origin.session().await?.query_one(sql, &[]).await.map_err(failed)?;
    row.get::<_, &str>(0).parse().map_err(|_| postgres::Error::protocol(DOING, "a transaction that is none"))
}

/// Conditions over `s` that leave out the rows which a flow of ours has created in the source table: they are no news of its owner.
pub(super) async fn received(
    origin: &mut Origin,
    source: &SourceTable,
) -> Result<Vec<String>, postgres::Error> {
    const CROSSWALKS: &str =
        "SELECT from_customer FROM acequia.crosswalk WHERE to_customer = $1 AND dataset = $2 ORDER BY 1";
    const CONDITION: &str = "SELECT format('NOT EXISTS (SELECT FROM acequia.%I x WHERE x.created AND %s)', $2::text, \
        string_agg(format('x.t%s = s.%I', k.place, a.attname), ' AND ' ORDER BY k.place)) \
        FROM pg_index i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY k (number, place) \
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
        WHERE i.indrelid = $1 AND i.indisprimary AND to_regclass('acequia.' || quote_ident($2)) IS NOT NULL \
        HAVING count(*) > 0";
    let here = origin.session().await?;
    let known = "SELECT to_regclass('acequia.crosswalk') IS NOT NULL AND has_table_privilege('acequia.crosswalk', 'SELECT')";
    if !here.query_one(known, &[]).await.map_err(failed)?.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let (customer, dataset) = (source.customer.as_str(), source.dataset.as_str());
    let mut conditions = Vec::new();
    for row in here.query(CROSSWALKS, &[&customer, &dataset]).await.map_err(failed)? {
        let table = crosswalk_name([row.get(0), customer, dataset]);
        let found = here.query_opt(CONDITION, &[&source.relation, &table]).await.map_err(failed)?;
        conditions.extend(found.map(|row| row.get::<_, String>(0)));
    }
    Ok(conditions)
}
