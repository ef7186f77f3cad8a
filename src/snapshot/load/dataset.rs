//! One data set of an archive into its table: made, filled, or changed.

use tokio_postgres::Client;

use super::super::convert::guard::is_text;
use super::super::ddl::postgres::AFTER_ROWS;
use super::super::loss::Loss;
use super::super::manifest::{DatasetEntry, Manifest, PER_CUSTOMER};
use super::super::table::{Class, Column, Table};
use super::error::Error;
use super::feed::{Archive, Part};
use super::ledger::{self, in_schema};
use super::unmarket::{Back, Unpacking};
use crate::name::Ident;
use crate::postgres::{self, Session};

/// One data set on its way.
pub(super) struct Loading<'a> {
    session: &'a Session,
    schema: &'a Ident,
    manifest: &'a Manifest,
    dataset: &'a DatasetEntry,
    table: Ident,
}

impl<'a> Loading<'a> {
    pub(super) fn new(
        session: &'a Session,
        schema: &'a Ident,
        manifest: &'a Manifest,
        dataset: &'a DatasetEntry,
    ) -> Result<Self, Error> {
        Ok(Self { session, schema, manifest, dataset, table: ident(dataset, &dataset.table)? })
    }

    /// Makes the table; what is to be run behind the rows is returned.
    pub(super) async fn create(&self, archive: &mut Archive) -> Result<String, Error> {
        let stem = self.dataset.file.rsplit('/').next().and_then(|file| file.split_once('.'));
        let (stem, _) = stem.ok_or_else(|| self.damaged("has a file without an ending"))?;
        if self.dataset.table == ledger::TABLE {
            return Err(self.damaged("has the name of the table that notes what was loaded"));
        }
        let definition = archive.text(&self.dataset.table, format!("meta/{stem}.sql")).await?;
        let (create, finish) = definition.split_once(AFTER_ROWS).unwrap_or((&definition, ""));
        execute(self.session, &format!("making table {}", self.dataset.table), create).await?;
        if self.is_market() {
            self.allow_nothing().await?;
        }
        Ok(finish.to_owned())
    }

    /// Columns whose values became nothing can't refuse it, unless they are of the key.
    async fn allow_nothing(&self) -> Result<(), Error> {
        let kinds = [Loss::Infinity, Loss::YearOutOfRange, Loss::NotANumber];
        let lossy = self.dataset.columns.iter().filter(|column| {
            !self.dataset.primary_key.contains(&column.name)
                && kinds.iter().any(|kind| column.losses.contains_key(kind))
        });
        for column in lossy {
            let name = ident(self.dataset, &column.name)?.quoted();
            let sql = format!(
                "ALTER TABLE {} ALTER COLUMN {name} DROP NOT NULL",
                in_schema(self.schema, &self.table)
            );
            execute(self.session, &format!("opening a column of table {}", self.dataset.table), &sql).await?;
        }
        Ok(())
    }

    /// All rows into an empty table.
    pub(super) async fn fill(&self, archive: &mut Archive, shape: &Table) -> Result<(), Error> {
        let columns = self.column_names()?;
        let statement = copy(&in_schema(self.schema, &self.table), &columns);
        archive.copy(self.session, self.rows(), self.unpacking(shape, &columns), &statement).await
    }

    /// What has changed into a table that holds the run before. Answers how many rows are gone.
    pub(super) async fn apply(&self, archive: &mut Archive, shape: &Table) -> Result<u64, Error> {
        let Some(deleted) = &self.dataset.deleted else { return Ok(0) };
        let (columns, key) = (self.column_names()?, self.key(shape)?);
        let table = in_schema(self.schema, &self.table);
        let doing = format!("changing rows of table {}", self.dataset.table);
        let make = format!(
            "CREATE TEMPORARY TABLE acequia_gone ON COMMIT DROP AS SELECT {} FROM {table} WITH NO DATA; \
             CREATE TEMPORARY TABLE acequia_changed ON COMMIT DROP AS SELECT {} FROM {table} WITH NO DATA",
            list(&key),
            list(&columns)
        );
        execute(self.session, &doing, &make).await?;
        let gone = Part {
            table: &self.dataset.table,
            file: &deleted.file,
            rows: deleted.rows,
            bytes: deleted.bytes,
            sha256: &deleted.sha256,
        };
        let statement = copy("pg_temp.acequia_gone", &key);
        archive.copy(self.session, gone, self.unpacking(shape, &key), &statement).await?;
        let statement = copy("pg_temp.acequia_changed", &columns);
        archive.copy(self.session, self.rows(), self.unpacking(shape, &columns), &statement).await?;
        let same =
            key.iter().map(|name| format!("t.{0} = c.{0}", name.quoted())).collect::<Vec<_>>().join(" AND ");
        let delete = |from: &str| format!("DELETE FROM {table} t USING pg_temp.{from} c WHERE {same}");
        let taken = count(self.session, &doing, &delete("acequia_gone")).await?;
        if taken != deleted.rows {
            return Err(
                self.damaged("takes away rows that are not there: it does not follow what the schema holds")
            );
        }
        count(self.session, &doing, &delete("acequia_changed")).await?;
        let insert = format!(
            "INSERT INTO {table} ({0}) OVERRIDING SYSTEM VALUE SELECT {0} FROM pg_temp.acequia_changed",
            list(&columns)
        );
        count(self.session, &doing, &insert).await?;
        execute(self.session, &doing, "DROP TABLE pg_temp.acequia_gone, pg_temp.acequia_changed").await?;
        Ok(taken)
    }

    fn rows(&self) -> Part<'_> {
        let DatasetEntry { table, file, rows, bytes, sha256, .. } = self.dataset;
        Part { table, file, rows: *rows, bytes: *bytes, sha256 }
    }

    /// The file's columns, in its order.
    fn column_names(&self) -> Result<Vec<Ident>, Error> {
        self.dataset.columns.iter().map(|column| ident(self.dataset, &column.name)).collect()
    }

    /// The columns of the file with the keys of deleted rows: the primary key, behind the customer in a combined layout.
    fn key(&self, shape: &Table) -> Result<Vec<Ident>, Error> {
        let leading = self.dataset.columns.first().filter(|_| self.manifest.layout != PER_CUSTOMER);
        let names = leading.map(|column| &column.name).into_iter().chain(&self.dataset.primary_key);
        let key: Vec<Ident> = names.map(|name| ident(self.dataset, name)).collect::<Result<_, _>>()?;
        let is_there = |name: &Ident| shape.columns.iter().any(|column| column.name == *name);
        if key.is_empty() || !key.iter().all(is_there) {
            return Err(self.damaged("names a key that the table does not have"));
        }
        Ok(key)
    }

    fn unpacking(&self, shape: &Table, columns: &[Ident]) -> Unpacking {
        if !self.is_market() {
            return Unpacking::lossless();
        }
        let back = |name: &Ident| match shape.columns.iter().find(|column| column.name == *name) {
            Some(Column { class: Class::Bytea, not_null, .. }) => Back::Bytes { not_null: *not_null },
            Some(column) if column.not_null && is_text(&column.class) => Back::Text,
            Some(_) | None => Back::Value,
        };
        Unpacking::market(columns.iter().map(back).collect())
    }

    fn is_market(&self) -> bool {
        self.manifest.profile.as_deref() == Some("market")
    }

    pub(super) fn damaged(&self, problem: &str) -> Error {
        Error::Damaged { table: self.dataset.table.clone(), problem: problem.to_owned() }
    }
}

fn ident(dataset: &DatasetEntry, name: &str) -> Result<Ident, Error> {
    let problem = || "has a name that none can be".to_owned();
    Ident::new(name).map_err(|_| Error::Damaged { table: dataset.table.clone(), problem: problem() })
}

fn list(columns: &[Ident]) -> String {
    columns.iter().map(Ident::quoted).collect::<Vec<_>>().join(", ")
}

fn copy(table: &str, columns: &[Ident]) -> String {
    // A table without columns has no list.
    let list = if columns.is_empty() { String::new() } else { format!(" ({})", list(columns)) };
    format!("COPY {table}{list} FROM STDIN")
}

pub(super) async fn execute(session: &Session, doing: &str, sql: &str) -> Result<(), Error> {
    let done = session.batch_execute(sql).await;
    done.map_err(|error| postgres::Error::from_driver(doing, &error).with_no_row_at_hand().into())
}

async fn count(client: &Client, doing: &str, sql: &str) -> Result<u64, Error> {
    let done = client.execute(sql, &[]).await;
    done.map_err(|error| postgres::Error::from_driver(doing, &error).with_no_row_at_hand().into())
}
