//! Values that the stream did not bring, fetched from the source.
//!
//! An UPDATE leaves TOASTed values out that it did not touch. Where the customer has the row, they are left alone; where
//! the row has to be created they are needed. A column that a relation does not bring at all is needed everywhere. What is
//! read may be newer than the change at hand: the stream brings that newer state later anyway, and writes it again.
//!
//! That is also why a row that was completed because one customer needed it is incomplete again for the next one
//! ([`Staged::take_back`]): a customer that has the row keeps the value that it has, be it its own or that of the source's
//! last commit, and does not get one from a commit that is still to come.

use std::collections::BTreeMap;

use bytes::BytesMut;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::postgres;
use crate::rules::{MORE_COLUMN, SourceTable};

use super::error::Error;
use super::origin::{Origin, Reader};
use super::stage::{Staged, place, write_fetched};
use super::statements::Statements;

/// Fetched values go on to the target in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;

/// Completes these rows of a stage: one query for each set of columns, however many rows. A row that the source no longer
/// has stays as it is: its delete is on the way.
pub(super) async fn complete(
    statements: &mut Statements,
    origin: &mut Origin,
    table: &SourceTable,
    staged: &mut Staged,
    rows: &[i32],
) -> Result<(), Error> {
    let mut known: Vec<i32> = Vec::new();
    let mut sets: BTreeMap<usize, Vec<i32>> = BTreeMap::new();
    for &n in rows {
        match place(n).and_then(|place| staged.rows.get(place)) {
            Some(row) if row.set != 0 && row.fetched => known.push(n),
            Some(row) if row.set != 0 => sets.entry(row.set).or_default().push(n),
            Some(_) | None => {}
        }
    }
    for (set, rows) in sets {
        let columns = &staged.sets[set - 1];
        bring(statements, origin.session().await?, table, columns, &rows).await?;
        for n in fill(statements, table, columns).await? {
            staged.complete(n);
        }
    }
    if !known.is_empty() {
        let sql =
            format!("UPDATE {} SET \"acequia:u\" = 0 WHERE \"acequia:n\" = ANY ($1)", table.stage.table);
        statements.execute("using fetched values again", &sql, &[&known]).await?;
        for n in known {
            staged.complete(n);
        }
    }
    Ok(())
}

/// Gives rows that were complete for one customer their sets back. The values stay on the stage.
pub(super) async fn take_back(
    statements: &mut Statements,
    table: &SourceTable,
    staged: &mut Staged,
) -> Result<(), Error> {
    let (rows, sets) = staged.take_back();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE {} s SET \"acequia:u\" = v.u FROM unnest($1::int4[], $2::int4[]) v (n, u) WHERE s.\"acequia:n\" = v.n",
        table.stage.table
    );
    statements.execute("taking fetched values back", &sql, &[&rows, &sets]).await?;
    Ok(())
}

/// Where a column stands in the stage's array, from 1; `None` for one that has a column of its own, as nearly all have.
fn place_in_array(table: &SourceTable, column: usize) -> Option<usize> {
    (column + 1).checked_sub(table.columns.len() - table.stage.packed).filter(|place| *place > 0)
}

/// Where fetched values wait: a table like the stage.
fn waiting_table(table: &SourceTable) -> String {
    table.stage.table.replacen("stage", "fetched", 1)
}

/// Reads the values at the source and copies them to the target as they come. By COPY and not as parameters: a server that
/// logs statements logs what is bound to them.
async fn bring(
    statements: &mut Statements,
    source: Reader<'_>,
    table: &SourceTable,
    columns: &[usize],
    rows: &[i32],
) -> Result<(), Error> {
    let waiting = waiting_table(table);
    let create = format!(
        "CREATE TEMP TABLE IF NOT EXISTS {} (LIKE {})",
        waiting.trim_start_matches("pg_temp."),
        table.stage.table
    );
    statements.batch("preparing for fetched values", &create).await?;
    let identities = identities(statements, table, rows).await?;
    let sql = query(table, columns);
    let params = identities.iter().map(|values| &**values as &(dyn ToSql + Sync));
    let failed = |error| postgres::Error::from_driver("fetching values that the stream left out", &error);
    let mut answers = source.rows(&sql, params).await.map_err(failed)?;
    let packed = columns.iter().filter(|&&column| place_in_array(table, column).is_some()).count();
    let plain = columns.iter().take(columns.len() - packed);
    let mut names: Vec<String> = plain.map(|&column| table.columns[column].name.quoted()).collect();
    names.extend((packed > 0).then(|| MORE_COLUMN.to_owned()));
    let copy = format!("COPY {waiting} (\"acequia:n\", {}) FROM STDIN", names.join(", "));
    let mut sink = statements.sink("staging fetched values", copy.as_str()).await?;
    let mut piece = BytesMut::new();
    while let Some(row) = answers.next().await.map_err(failed)? {
        // What is not UTF-8 stays unknown.
        let values: Result<Vec<Option<&str>>, _> = (1..=columns.len()).map(|i| row.try_get(i)).collect();
        let Ok(values) = values else { continue };
        write_fetched(&mut piece, row.get(0), values.into_iter(), packed);
        if piece.len() >= PIECE_BYTES {
            sink.send(piece.split().freeze()).await?;
        }
    }
    sink.send(piece.freeze()).await?;
    sink.finish().await?;
    Ok(())
}

/// Asks for values by identity: `$1` row numbers, then an array of texts for each part of the identity. Compared as the
/// source's own type, so that its index serves.
fn query(table: &SourceTable, columns: &[usize]) -> String {
    let wanted = columns.iter().map(|&column| format!("t.{}::text", table.columns[column].name.quoted()));
    let arrays = (0..table.identity.len()).map(|i| format!(", ${}::text[]", i + 2));
    let aliases = (0..table.identity.len()).map(|i| format!(", i{i}"));
    let found = table.identity.iter().enumerate().map(|(i, &column)| {
        format!("t.{} = o.i{i}::{}", table.columns[column].name.quoted(), table.sent[column].type_text)
    });
    format!(
        "SELECT o.n, {} FROM unnest($1::int4[]{}) o (n{}) JOIN {} t ON {}",
        wanted.collect::<Vec<_>>().join(", "),
        arrays.collect::<String>(),
        aliases.collect::<String>(),
        table.name.quoted(),
        found.collect::<Vec<_>>().join(" AND ")
    )
}

/// The numbers and the identities of staged rows, as columns.
async fn identities(
    statements: &mut Statements,
    table: &SourceTable,
    rows: &[i32],
) -> Result<Vec<Box<dyn ToSql + Sync + Send>>, postgres::Error> {
    let parts =
        table.identity.iter().map(|&column| format!(", {}::text", table.columns[column].name.quoted()));
    let sql = format!(
        "SELECT \"acequia:n\"{} FROM {} WHERE \"acequia:n\" = ANY ($1)",
        parts.collect::<String>(),
        table.stage.table
    );
    let found: Vec<Row> = statements.query("reading incomplete rows' identities", &sql, &[&rows]).await?;
    let numbers: Vec<i32> = found.iter().map(|row| row.get(0)).collect();
    let mut arrays: Vec<Box<dyn ToSql + Sync + Send>> = vec![Box::new(numbers)];
    for i in 1..=table.identity.len() {
        let values: Vec<Option<String>> = found.iter().map(|row| row.get(i)).collect();
        arrays.push(Box::new(values));
    }
    Ok(arrays)
}

/// Puts what was fetched onto the stage; answers the rows that are complete now.
async fn fill(
    statements: &mut Statements,
    table: &SourceTable,
    columns: &[usize],
) -> Result<Vec<i32>, postgres::Error> {
    let waiting = waiting_table(table);
    let mut packed = 0;
    let set = columns.iter().map(|&column| {
        if let Some(place) = place_in_array(table, column) {
            packed += 1;
            return format!("{MORE_COLUMN}[{place}] = (f.{MORE_COLUMN})[{packed}]");
        }
        let name = table.columns[column].name.quoted();
        format!("{name} = f.{name}")
    });
    let sql = format!(
        "UPDATE {} s SET \"acequia:u\" = 0, {} FROM {waiting} f WHERE s.\"acequia:n\" = f.\"acequia:n\" RETURNING s.\"acequia:n\"",
        table.stage.table,
        set.collect::<Vec<_>>().join(", "),
    );
    let filled = statements.query("completing rows", &sql, &[]).await?;
    statements.batch("forgetting fetched values", &format!("DELETE FROM {waiting}")).await?;
    Ok(filled.iter().map(|row| row.get(0)).collect())
}
