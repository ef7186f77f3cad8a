//! The one moment that all tables of a database show, however many workers read them and however long that takes.
//!
//! One transaction keeps the server's snapshot, and others import it (manual, "Snapshot Synchronization Functions"). It holds
//! no lock on any table; a table is locked only while it is read, and only against being changed in its shape. So a table
//! may be truncated or rewritten before its turn, and such changes are not bound to a snapshot: it would look empty, and
//! nobody would know. Therefore the files of every table are noted before the moment, and compared when it is read.

use std::collections::BTreeMap;

use crate::config::Database;
use crate::name::{Ident, TableName, literal};
use crate::postgres::{self, CopyOut, Error, Session};

use super::catalog;
use super::manifest;
use super::table::Table;

const FILES: &str = include_str!("../../sql/snapshot/files.sql");
const MOMENT: &str = include_str!("../../sql/snapshot/moment.sql");

/// A transaction that keeps a database's snapshot.
pub struct Moment {
    keeper: Session,
    database: Database,
    application: String,
    snapshot: String,
    lsn: String,
    as_of: String,
    /// The files of each table before the moment, by the table's OID.
    files: BTreeMap<u32, String>,
}

impl Moment {
    /// Takes the moment. `schemas` are all that will be read.
    pub async fn take(database: &Database, application: &str, schemas: &[&Ident]) -> Result<Self, Error> {
        let failed =
            |error| Error::from_driver("taking the moment of a snapshot", &error).with_no_row_at_hand();
        let keeper = postgres::open(database, application).await?;
        let schemas: Vec<&str> = schemas.iter().map(|schema| schema.as_str()).collect();
        let rows = keeper.query(FILES, &[&schemas]).await.map_err(failed)?;
        let files = rows.iter().map(|row| (row.get(0), row.get::<_, Vec<String>>(1).join(" ")));
        let files = files.collect();
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        keeper.batch_execute(begin).await.map_err(failed)?;
        let row = keeper.query_one(MOMENT, &[]).await.map_err(failed)?;
        Ok(Self {
            snapshot: row.get("snapshot"),
            lsn: row.get("lsn"),
            as_of: row.get("as_of"),
            keeper,
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
        connection.simple_query("pinning the settings of a session", settings).await?;
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
        "reading table {0}: it was truncated, rewritten or has lost a partition since the snapshot began, so what it shows \
         now is not of that moment. Run the snapshot again; plan such changes for another hour"
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
        let sql = FILES.replace("$1::text[]", &format!("ARRAY[{}]", literal(table.name.schema.as_str())));
        let sql = format!("{} AND c.oid = {}", sql.trim_end().trim_end_matches(';'), table.oid);
        let rows = self.connection.simple_query(&doing, &sql).await?;
        let now = rows.first().and_then(|row| row.get(1)).and_then(Option::as_deref);
        // An array of plain words, as the server writes it.
        let now = now.map(|files| files.trim_matches(['{', '}']).replace(',', " "));
        if now.is_none() || now.as_ref() != moment.files.get(&table.oid) {
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
