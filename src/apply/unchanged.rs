//! Values that the stream did not bring, fetched from the source.
//!
//! An UPDATE leaves TOASTed values out that it did not touch. Where the customer has the row, they are left alone; where
//! the row has to be created they are needed. What is read may be newer than the change at hand: the stream brings that
//! newer state later anyway, and writes it again.

use tokio_postgres::types::ToSql;

use crate::config::Database;
use crate::postgres::{self, Session};
use crate::rules::{SourceTable, StagedColumn};

use super::error::Error;
use super::stage::{Staged, encode_cells};
use super::statements::Statements;

/// Completes these rows of a stage.
pub(super) async fn complete(
    statements: &mut Statements,
    database: &Database,
    table: &SourceTable,
    staged: &mut Staged,
    rows: &[i32],
) -> Result<(), Error> {
    let source = postgres::open(database, "acequia fetch").await?;
    for &n in rows {
        let place = usize::try_from(n).unwrap_or(0).saturating_sub(1);
        let set = staged.rows.get(place).map_or(0, |row| row.set);
        if set == 0 {
            continue;
        }
        let columns = staged.sets[set - 1].clone();
        let identity = identity_of(statements, table, n).await?;
        let Some(values) = fetch(&source, table, &columns, &identity).await? else { continue };
        fill(statements, table, n, &columns, &values).await?;
        staged.complete(place);
    }
    Ok(())
}

async fn identity_of(
    statements: &mut Statements,
    table: &SourceTable,
    n: i32,
) -> Result<Vec<String>, postgres::Error> {
    let columns: Vec<String> = table
        .identity
        .iter()
        .map(|&column| format!("{}::text", table.columns[column].name.quoted()))
        .collect();
    let sql = format!("SELECT {} FROM {} WHERE \"acequia:n\" = $1", columns.join(", "), table.stage.table);
    let rows = statements.query("reading an incomplete row's identity", &sql, &[&n]).await?;
    let values =
        rows.first().map(|row| (0..columns.len()).filter_map(|i| row.get::<_, Option<String>>(i)).collect());
    Ok(values.unwrap_or_default())
}

/// `None` where the source no longer has the row: then its delete is on the way.
async fn fetch(
    source: &Session,
    table: &SourceTable,
    columns: &[usize],
    identity: &[String],
) -> Result<Option<Vec<Option<String>>>, postgres::Error> {
    let wanted: Vec<String> =
        columns.iter().map(|&column| format!("{}::text", table.columns[column].name.quoted())).collect();
    // Compared as the source's own type, so that its index serves.
    let found = table.identity.iter().enumerate().map(|(i, &column)| {
        let column = &table.columns[column];
        format!("{} = ${}::text::{}", column.name.quoted(), i + 1, column.type_text)
    });
    let sql = format!(
        "SELECT {} FROM {} WHERE {}",
        wanted.join(", "),
        table.name.quoted(),
        found.collect::<Vec<_>>().join(" AND ")
    );
    let params: Vec<&(dyn ToSql + Sync)> = identity.iter().map(|value| value as _).collect();
    let row = source
        .query_opt(sql.as_str(), &params)
        .await
        .map_err(|error| postgres::Error::from_driver("fetching values that the stream left out", &error))?;
    Ok(row.map(|row| (0..columns.len()).map(|i| row.get(i)).collect()))
}

/// By COPY and not as parameters: a server that logs statements logs what is bound to them.
async fn fill(
    statements: &mut Statements,
    table: &SourceTable,
    n: i32,
    columns: &[usize],
    values: &[Option<String>],
) -> Result<(), postgres::Error> {
    statements
        .batch("preparing fetched values", "CREATE TEMP TABLE IF NOT EXISTS fetched (c int4, v text)")
        .await?;
    let cells = columns.iter().zip(values).map(|(&column, value)| (column, value.as_deref()));
    statements
        .copy("staging fetched values", "COPY pg_temp.fetched (c, v) FROM STDIN", encode_cells(cells))
        .await?;
    let set = columns.iter().map(|&column| {
        let StagedColumn { name, type_text } = &table.columns[column];
        format!("{} = (SELECT v FROM pg_temp.fetched WHERE c = {column})::{type_text}", name.quoted())
    });
    let sql = format!(
        "UPDATE {} SET \"acequia:u\" = 0, {} WHERE \"acequia:n\" = $1",
        table.stage.table,
        set.collect::<Vec<_>>().join(", "),
    );
    statements.execute("completing a row", &sql, &[&n]).await?;
    statements.batch("forgetting fetched values", "DELETE FROM pg_temp.fetched").await
}
