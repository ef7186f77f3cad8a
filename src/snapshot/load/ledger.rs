//! What was loaded into a schema, in a table beside the data: which run an incremental one may follow, and which tables are
//! ours to replace.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use super::super::manifest::Manifest;
use super::error::Error;
use crate::name::{Ident, TableName};
use crate::postgres;

/// The table's name; no data set is loaded into it.
pub(super) const TABLE: &str = "acequia_manifest";

/// What the schema holds.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The snapshot and the run that were loaded last.
    last: Option<(String, String)>,
    /// Tables that a load has made and no later one has taken away.
    pub(super) tables: BTreeSet<String>,
}

impl Ledger {
    /// Reads it, and makes it where there is none.
    pub(super) async fn read(client: &Client, schema: &Ident) -> Result<Self, Error> {
        let failed = |error| {
            postgres::Error::from_driver("reading what was loaded before", &error).with_no_row_at_hand()
        };
        let table = format!("{}.{TABLE}", schema.quoted());
        let make = format!(
            "CREATE TABLE IF NOT EXISTS {table} (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, snapshot text NOT NULL, \
             run text NOT NULL, base text, as_of text, tables text[] NOT NULL, loaded_at timestamptz NOT NULL DEFAULT now())"
        );
        client.batch_execute(&make).await.map_err(failed)?;
        let last = format!("SELECT snapshot, run, tables FROM {table} ORDER BY number DESC LIMIT 1");
        let Some(row) = client.query_opt(&last, &[]).await.map_err(failed)? else {
            return Ok(Self::default());
        };
        let tables: Vec<String> = row.get(2);
        Ok(Self { last: Some((row.get(0), row.get(1))), tables: tables.into_iter().collect() })
    }

    /// Checks that an incremental run follows the one that is there.
    pub(super) fn check_base(&self, manifest: &Manifest, schema: &Ident) -> Result<(), Error> {
        let Some(needed) = &manifest.base else { return Ok(()) };
        let found = match &self.last {
            Some((snapshot, run)) if *snapshot == manifest.snapshot && run == needed => return Ok(()),
            Some((snapshot, run)) => format!("run {run} of snapshot {snapshot}"),
            None => "none".to_owned(),
        };
        Err(Error::Base { schema: schema.clone(), needed: needed.clone(), found })
    }

    /// Notes a run, and the tables that are ours after it.
    pub(super) async fn note(
        &self,
        client: &Client,
        schema: &Ident,
        manifest: &Manifest,
    ) -> Result<(), Error> {
        let failed =
            |error| postgres::Error::from_driver("noting what was loaded", &error).with_no_row_at_hand();
        let insert = format!(
            "INSERT INTO {}.{TABLE} (snapshot, run, base, as_of, tables) VALUES ($1, $2, $3, $4, $5)",
            schema.quoted()
        );
        let as_of = manifest.moments.first().map(|moment| moment.as_of.as_str());
        let tables: Vec<&str> = self.tables.iter().map(String::as_str).collect();
        let Manifest { snapshot, run, base, .. } = manifest;
        client.execute(&insert, &[snapshot, run, base, &as_of, &tables]).await.map_err(failed)?;
        Ok(())
    }
}

/// The full name of a table of the schema.
pub(super) fn in_schema(schema: &Ident, table: &Ident) -> String {
    TableName { schema: schema.clone(), table: table.clone() }.quoted()
}
