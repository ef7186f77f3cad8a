//! `acequia_manifest`: the table that says which tables of a database are ours, and of which run. It is swapped with them,
//! so that it always tells of those that are there.

use super::super::manifest::{DatasetEntry, Manifest};
use super::error::Error;
use super::names::Names;
use crate::mysql::Session;
use crate::name::{backticked, mysql_literal};

/// Its name.
pub(super) const LEDGER: &str = "acequia_manifest";

/// What a database's ledger says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) snapshot: String,
    pub(super) run: String,
    /// The tables, by their published names.
    pub(super) tables: Vec<String>,
}

/// A database and a table in it, fit for SQL text.
pub(super) fn qualified(database: &str, table: &str) -> String {
    format!("{}.{}", backticked(database), backticked(table))
}

/// All tables and views of a database.
pub(super) async fn tables(session: &mut Session, database: &str) -> Result<Vec<String>, Error> {
    let sql = format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {}",
        mysql_literal(database)
    );
    let rows = session.ask(&format!("listing the tables of database `{database}`"), &sql).await?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

/// Reads a ledger, published or not; the caller knows that the table is there.
pub(super) async fn read(session: &mut Session, database: &str, ledger: &str) -> Result<Entry, Error> {
    let sql =
        format!("SELECT snapshot, run, table_name FROM {} ORDER BY table_name", qualified(database, ledger));
    let doing = format!("reading {} of database `{database}`", backticked(ledger));
    let rows = session.ask(&doing, &sql).await;
    let rows = match rows {
        Ok(rows) => rows,
        // A column, or a view's table, is missing: somebody else's table of that name.
        Err(error) if error.is_one_of(&[1054, 1356]) => {
            return Err(Error::Foreign { database: database.to_owned(), table: ledger.to_owned() });
        }
        Err(error) => return Err(error.into()),
    };
    let mut entry = Entry { snapshot: String::new(), run: String::new(), tables: Vec::new() };
    for row in rows {
        let [Some(snapshot), Some(run), Some(table)] = &row[..] else { continue };
        (entry.snapshot, entry.run) = (snapshot.clone(), run.clone());
        if !table.is_empty() {
            entry.tables.push(table.clone());
        }
    }
    Ok(entry)
}

/// Writes the ledger of a database, beside the published one. `tables` are the entries of its tables with their names
/// there.
pub(super) async fn write(
    session: &mut Session,
    names: &Names,
    database: &str,
    manifest: &Manifest,
    tables: &[(String, DatasetEntry)],
) -> Result<(), Error> {
    let table = qualified(database, &names.shadow(LEDGER));
    let doing = format!("writing the manifest of database `{database}`");
    session.execute(&doing, &format!("DROP TABLE IF EXISTS {table}")).await?;
    session
        .execute(
            &doing,
            &format!(
                "CREATE TABLE {table} (table_name VARCHAR(64) NOT NULL PRIMARY KEY, snapshot VARCHAR(128) NOT NULL, \
                 run VARCHAR(32) NOT NULL, as_of TEXT, lsn TEXT, row_count BIGINT, sha256 CHAR(64), losses LONGTEXT, \
                 manifest LONGTEXT) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin \
                 COMMENT='What a snapshot of Acequia has put here; the row without a table is the whole run'"
            ),
        )
        .await?;
    let json = |value: Result<String, serde_json::Error>| value.unwrap_or_default().into_bytes();
    let rows: u64 = tables.iter().map(|(_, entry)| entry.rows).sum();
    let whole = json(serde_json::to_string(manifest));
    let mut lines = vec![("", rows, String::new(), Vec::new(), Some(whole))];
    for (name, entry) in tables {
        let lost: std::collections::BTreeMap<_, _> = entry
            .columns
            .iter()
            .filter(|column| !column.losses.is_empty())
            .map(|column| (column.name.as_str(), &column.losses))
            .collect();
        lines.push((name, entry.rows, entry.sha256.clone(), json(serde_json::to_string(&lost)), None));
    }
    let (as_of, lsn) = moments(manifest);
    let insert = format!("INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    for (name, rows, sha256, losses, whole) in lines {
        let text = |text: &str| Some(text.as_bytes().to_vec());
        let values = vec![
            text(name),
            text(&manifest.snapshot),
            text(&manifest.run),
            text(&as_of),
            text(&lsn),
            text(&rows.to_string()),
            text(&sha256).filter(|text| !text.is_empty()),
            Some(losses).filter(|losses| !losses.is_empty()),
            whole,
        ];
        session.insert(&doing, &insert, values).await?;
    }
    Ok(())
}

/// The moments that the rows show; one, unless customers come from several databases.
fn moments(manifest: &Manifest) -> (String, String) {
    let join = |part: fn(&super::super::manifest::Moment) -> &str| {
        manifest.moments.iter().map(part).collect::<Vec<_>>().join(", ")
    };
    (join(|moment| &moment.as_of), join(|moment| &moment.lsn))
}
