//! Rows of the source on their way to the stage of the target: chunk by chunk in the order of their identity, or single ones.
//!
//! Each chunk is one statement at the source, and so one moment of it. Values go on to the target by COPY: a server that logs
//! statements logs what is bound to them. What stands in identities is bound at the source, as the writer does it.

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, TryStreamExt as _, pin_mut};
use tokio_postgres::types::ToSql;

use crate::apply::write_texts;
use crate::postgres::Error;
use crate::rules::SourceTable;

use super::side::{Sides, answered, batch};

/// Rows of one chunk.
pub(super) const CHUNK_ROWS: i64 = 20_000;
/// Values go on to the target in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;
/// Which version of a row was read: where it lies, and who wrote it.
const VERSION: &str = "format('%s %s %s', s.tableoid::int8, s.ctid, s.xmin)";

const READING: &str = "reading rows of the source";
const STAGING: &str = "staging rows of the source";

/// Parts of an identity, as texts.
pub(super) type Identity = Vec<Option<String>>;

/// A row on the stage; its number is its place, from 1.
#[derive(Debug)]
pub(super) struct Staged {
    /// The source row's identity, a JSON array.
    pub(super) identity: String,
    /// Which version was read; `None` where the source has no such row, so that its delete is staged.
    pub(super) version: Option<String>,
}

/// Empties the stage, or makes it.
pub(super) async fn prepare(sides: &Sides<'_>, table: &SourceTable) -> Result<(), Error> {
    batch(&sides.target, STAGING, &table.stage.create).await?;
    batch(&sides.target, STAGING, &table.stage.truncate).await
}

/// Stages the next rows after an identity. Answers them with the last identity; `None` after the last chunk.
pub(super) async fn next_chunk(
    sides: &Sides<'_>,
    table: &SourceTable,
    after: Option<&Identity>,
) -> Result<(Vec<Staged>, Option<Identity>), Error> {
    let names: Vec<String> =
        table.identity.iter().map(|&column| format!("s.{}", table.columns[column].name.quoted())).collect();
    let bounds = table.identity.iter().enumerate();
    let bounds: Vec<String> =
        bounds.map(|(i, &column)| format!("${}::text::{}", i + 1, table.sent[column].type_text)).collect();
    let names = names.join(", ");
    let condition = match after {
        Some(_) => format!("({names}) > ({})", bounds.join(", ")),
        None => "true".to_owned(),
    };
    let sql = format!(
        "SELECT {} FROM {} s WHERE {condition} ORDER BY {names} LIMIT {CHUNK_ROWS}",
        outputs(table),
        table.name.quoted()
    );
    let params: Vec<&(dyn ToSql + Sync)> =
        after.into_iter().flatten().map(|part| part as &(dyn ToSql + Sync)).collect();
    prepare(sides, table).await?;
    let copied = copy(sides, table, &sql, &params, &[]);
    let Copied { staged, answered: rows, last } =
        answered(&[&sides.source, &sides.target], READING, copied).await?;
    let is_full = rows >= CHUNK_ROWS;
    Ok((staged, last.filter(|_| is_full).and_then(|identity| parts(&identity))))
}

/// Stages the rows of these identities; a delete for each that the source does not have.
pub(super) async fn single_rows(
    sides: &Sides<'_>,
    table: &SourceTable,
    identities: &[String],
) -> Result<Vec<Staged>, Error> {
    let split: Vec<Identity> = identities.iter().filter_map(|identity| parts(identity)).collect();
    let arrays: Vec<Vec<Option<&str>>> = (0..table.identity.len())
        .map(|i| split.iter().map(|identity| identity.get(i).and_then(Option::as_deref)).collect())
        .collect();
    let parameters = (1..=arrays.len()).map(|i| format!("${i}::text[]")).collect::<Vec<_>>().join(", ");
    let aliases = (0..arrays.len()).map(|i| format!("i{i}")).collect::<Vec<_>>().join(", ");
    let found = table.identity.iter().enumerate().map(|(i, &column)| {
        format!("s.{} = o.i{i}::{}", table.columns[column].name.quoted(), table.sent[column].type_text)
    });
    let sql = format!(
        "SELECT {} FROM unnest({parameters}) o ({aliases}) JOIN {} s ON {}",
        outputs(table),
        table.name.quoted(),
        found.collect::<Vec<_>>().join(" AND ")
    );
    let params: Vec<&(dyn ToSql + Sync)> =
        arrays.iter().map(|values| values as &(dyn ToSql + Sync)).collect();
    prepare(sides, table).await?;
    let copied = copy(sides, table, &sql, &params, identities);
    Ok(answered(&[&sides.source, &sides.target], READING, copied).await?.staged)
}

/// Tells the planner how much is on the stage.
pub(super) async fn analyze(sides: &Sides<'_>, table: &SourceTable) -> Result<(), Error> {
    batch(&sides.target, STAGING, &format!("ANALYZE {}", table.stage.table)).await
}

/// Identity, version, and the staged columns as texts.
fn outputs(table: &SourceTable) -> String {
    let text = |column: &usize| format!("s.{}::text", table.columns[*column].name.quoted());
    let identity: Vec<String> = table.identity.iter().map(text).collect();
    let columns: Vec<String> = (0..table.columns.len()).map(|column| text(&column)).collect();
    format!("json_build_array({})::text, {VERSION}, {}", identity.join(", "), columns.join(", "))
}

/// What a query answered.
#[derive(Default)]
struct Copied {
    staged: Vec<Staged>,
    /// Rows, those that can't be staged included.
    answered: i64,
    /// The last identity.
    last: Option<String>,
}

/// Copies what a query answers to the stage, and a delete for each identity of `wanted` that it did not answer.
async fn copy(
    sides: &Sides<'_>,
    table: &SourceTable,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
    wanted: &[String],
) -> Result<Copied, Error> {
    let failed = |error| Error::from_driver(READING, &error);
    let stuck = |error| Error::from_driver(STAGING, &error);
    let answers = sides.source.query_raw(sql, params.iter().copied()).await.map_err(failed)?;
    let sink = sides.target.copy_in::<_, Bytes>(table.stage.copy.as_str()).await.map_err(stuck)?;
    pin_mut!(answers, sink);
    let Copied { mut staged, mut answered, mut last } = Copied::default();
    let mut found: BTreeSet<String> = BTreeSet::new();
    let mut piece = BytesMut::new();
    while let Some(row) = answers.try_next().await.map_err(failed)? {
        let values: Result<Vec<Option<&str>>, _> =
            (0..table.columns.len()).map(|column| row.try_get(column + 2)).collect();
        answered += 1;
        let Ok(identity) = row.try_get::<_, String>(0) else { continue };
        if !wanted.is_empty() {
            found.insert(identity.clone());
        }
        last = Some(identity.clone());
        // What is not UTF-8 can't be given to anybody, and is not compared.
        let Ok(values) = values else { continue };
        staged.push(Staged { identity, version: row.get(1) });
        let before = table.identity.iter().map(|_| None);
        line(&mut piece, staged.len(), "I", before, values.into_iter(), table);
        if piece.len() >= PIECE_BYTES {
            sink.send(piece.split().freeze()).await.map_err(stuck)?;
        }
    }
    for identity in wanted.iter().filter(|identity| !found.contains(*identity)) {
        let Some(before) = parts(identity) else { continue };
        staged.push(Staged { identity: identity.clone(), version: None });
        let nothing = table.columns.iter().map(|_| None);
        line(&mut piece, staged.len(), "D", before.iter().map(Option::as_deref), nothing, table);
    }
    sink.send(piece.freeze()).await.map_err(stuck)?;
    sink.finish().await.map_err(stuck)?;
    Ok(Copied { staged, answered, last })
}

/// A line of the stage.
fn line<'v>(
    out: &mut BytesMut,
    number: usize,
    operation: &str,
    before: impl Iterator<Item = Option<&'v str>>,
    values: impl Iterator<Item = Option<&'v str>>,
    table: &SourceTable,
) {
    const COMPLETE: &str = "0";
    let number = number.to_string();
    let mut cells: Vec<Option<&str>> = vec![Some(&number), Some(operation), Some(COMPLETE)];
    cells.extend(before.chain(values).map(|value| value.map(|value| -> &str { value })));
    write_texts(out, cells.into_iter(), table.stage.packed);
}

/// The parts of an identity; `None` for what is none.
fn parts(identity: &str) -> Option<Identity> {
    serde_json::from_str(identity).ok()
}
