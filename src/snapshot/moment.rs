//! The one moment that all tables of a database show, however many workers read them and however long that takes.
//!
//! One transaction keeps the server's snapshot, and others import it (manual, "Snapshot Synchronization Functions"). It holds
//! no lock on any table; a table is locked only while it is read, and only against being changed in its shape. So a table
//! may be truncated or rewritten before its turn, and such changes are not bound to a snapshot: it would look empty, and
//! nobody would know. Therefore the files and the shape of every table are noted before the moment, and compared when it
//! is locked to be read.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::Database;
use crate::name::{Ident, TableName, literal};
use crate::postgres::{self, CopyOut, Error, Session};

use super::catalog;
use super::manifest;
use super::table::Table;

const FILES: &str = include_str!("../../sql/snapshot/files.sql");
/// From 17 on a role can have a limit for whole transactions; a snapshot takes as long as it takes.
const NO_LIMIT: &str = "SELECT pg_catalog.set_config('transaction_timeout', '0', false) \
                        WHERE pg_catalog.current_setting('transaction_timeout', true) IS NOT NULL";
const MOMENT: &str = include_str!("../../sql/snapshot/moment.sql");
/// How long a look at one table may take.
const LOOK_LIMIT: Duration = Duration::from_mins(10);

/// A transaction that keeps a database's snapshot.
pub struct Moment {
    keeper: Session,
    /// Sees what there is now, while everything else sees the moment.
    watcher: Session,
    database: Database,
    application: String,
    snapshot: String,
    lsn: String,
    as_of: String,
    /// The files of each table before the moment, by the table's OID.
    files: BTreeMap<u32, Vec<String>>,
}

impl Moment {
    /// Takes the moment. `schemas` are all that will be read.
    pub async fn take(database: &Database, application: &str, schemas: &[&Ident]) -> Result<Self, Error> {
        let failed =
            |error| Error::from_driver("taking the moment of a snapshot", &error).with_no_row_at_hand();
        let keeper = postgres::open_to_ask(database, application).await?;
        let schemas: Vec<&str> = schemas.iter().map(|schema| schema.as_str()).collect();
        let rows = keeper.query(FILES, &[&schemas]).await.map_err(failed)?;
        let files = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let watcher = postgres::open_to_ask(database, application).await?;
        keeper.batch_execute(NO_LIMIT).await.map_err(failed)?;
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        keeper.batch_execute(begin).await.map_err(failed)?;
        let row = keeper.query_one(MOMENT, &[]).await.map_err(failed)?;
        Ok(Self {
            snapshot: row.get("snapshot"),
            lsn: row.get("lsn"),
            as_of: row.get("as_of"),
            keeper,
            watcher,
            database: database.clone(),
            application: application.to_owned(),
            files,
        })
    }

    /// The tables of a schema, as they are at the moment.
    pub async fn tables(&self, schema: &Ident) -> Result<Vec<Table>, Error> {
        catalog::read(&self.keeper, schema).await
    }

    /// Whether there is such a schema at the moment.
    pub async fn has_schema(&self, schema: &Ident) -> Result<bool, Error> {
        let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1::text)";
        let row = self.keeper.query_one(sql, &[&schema.as_str()]).await;
        row.map(|row| row.get(0)).map_err(|error| Error::from_driver("looking for a schema", &error))
    }

    /// The files and the shape of a table as they are now; nothing where it is no longer there.
    async fn files_now(&self, table: &Table) -> Result<Option<Vec<String>>, Error> {
        let sql = format!("{} AND c.oid = $2", FILES.trim_end().trim_end_matches(';'));
        let schemas = [table.name.schema.as_str()];
        let doing = format!("looking at table {}", table.name);
        let asked = async {
            let row = self.watcher.query_opt(&sql, &[&&schemas[..], &table.oid]).await;
            row.map_err(|error| Error::from_driver(doing.as_str(), &error).with_no_row_at_hand())
        };
        Ok(postgres::within(LOOK_LIMIT, &doing, asked).await?.map(|row| row.get(1)))
    }

    /// As the manifest has it.
    pub fn entry(&self) -> manifest::Moment {
        manifest::Moment {
            database: self.database.name.to_string(),
            lsn: self.lsn.clone(),
            as_of: self.as_of.clone(),
        }
    }

    /// A connection that reads tables as they are at the moment. `settings` are statements that shape values.
    pub async fn reader(&self, settings: &str) -> Result<Reader, Error> {
        let mut connection = CopyOut::connect(&self.database, &self.application).await?;
        let doing = "pinning the settings of a session";
        connection.simple_query(doing, NO_LIMIT).await?;
        connection.simple_query(doing, settings).await?;
        Ok(Reader { connection })
    }
}

/// Why a table can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The server, or the way to it.
    #[error(transparent)]
    Postgres(#[from] Error),
    /// Its rows may no longer be those of the moment.
    #[error(
        "reading table {0}: it was made, truncated, rewritten or renamed since the snapshot began, or its columns or \
         partitions have changed, so what it shows now is not of that moment. Run the snapshot again; plan such changes for \
         another hour"
    )]
    Moved(TableName),
}

/// A connection of a worker.
pub struct Reader {
    connection: CopyOut,
}

impl Reader {
    /// Begins to read one table by a `COPY … TO STDOUT` statement; then ask for [`Reader::piece`]s until there is none.
    pub async fn begin(&mut self, moment: &Moment, table: &Table, copy: &str) -> Result<(), ReadError> {
        let doing = format!("reading table {}", table.name);
        // Row-level security would leave rows out in silence; switched off, the server refuses instead.
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}; SET LOCAL row_security = off; \
             LOCK TABLE {} IN ACCESS SHARE MODE",
            literal(&moment.snapshot),
            table.name.quoted()
        );
        self.connection.simple_query(&doing, &begin).await?;
        // The lock holds from now on, so what is seen now is what will be read.
        if moment.files_now(table).await?.as_ref() != moment.files.get(&table.oid) {
            self.connection.simple_query(&doing, "ROLLBACK").await?;
            return Err(ReadError::Moved(table.name.clone()));
        }
        Ok(self.connection.begin_copy(&doing, copy).await?)
    }

    /// The next bytes, cut anywhere; `None` at the end, when the table is free again.
    pub async fn piece(&mut self, table: &Table) -> Result<Option<bytes::Bytes>, Error> {
        let doing = format!("reading table {}", table.name);
        let piece = self.connection.piece(&doing).await?;
        if piece.is_none() {
            self.connection.simple_query(&doing, "COMMIT").await?;
        }
        Ok(piece)
    }
}
