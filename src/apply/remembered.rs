//! What the source's tables were when the flow was prepared last, remembered in the target: their OIDs, their places in the
//! publication, the numbers of their columns, their identities. The catalog alone does not tell what has become of what.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use crate::catalog::Table;
use crate::lsn::Lsn;
use crate::name::{CustomerName, DatasetName, Ident};
use crate::postgres::Error;

/// Source customer and data set.
pub type SourceKey = (CustomerName, DatasetName);

/// Everything that is remembered of a flow.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    /// Its source tables.
    pub tables: BTreeMap<SourceKey, RememberedTable>,
    /// Which publication it was, and which version of its switches.
    pub publication: Option<String>,
    /// When that was, as the target's server writes a time.
    pub at: Option<String>,
}

/// A source table.
#[derive(Debug, Clone, Default)]
pub struct RememberedTable {
    /// `pg_class.oid`: a renamed table keeps it.
    pub relation: u32,
    /// `pg_publication_rel.oid`: one that was taken out and put back has another one.
    pub member: Option<u32>,
    /// Its columns, dropped ones too.
    pub columns: BTreeMap<String, RememberedColumn>,
}

/// A column of a source table.
#[derive(Debug, Clone)]
pub struct RememberedColumn {
    /// `pg_attribute.attnum`.
    pub number: i16,
    /// Changes before this position may bring another column's values.
    pub since: Lsn,
    /// Its place in the identity that the crosswalks are made for, from 1.
    pub place: Option<i16>,
}

impl RememberedTable {
    /// The columns of the identity that the crosswalks are made for, in order; empty where none is remembered.
    pub fn identity(&self) -> Vec<&str> {
        let mut placed: Vec<(i16, &str)> =
            self.columns.iter().filter_map(|(name, column)| Some((column.place?, name.as_str()))).collect();
        placed.sort_unstable();
        placed.into_iter().map(|(_, name)| name).collect()
    }
}

const TABLES: &str =
    "SELECT from_customer, dataset, relation, member FROM acequia.source_table WHERE flow = $1";
const COLUMNS: &str = "SELECT from_customer, dataset, name, number, since::text, place FROM acequia.source_column WHERE flow = $1";
const FLOW: &str =
    "SELECT publication, shape_at::timestamptz(0)::text FROM acequia.checkpoint WHERE flow = $1";

const KEEP_TABLE: &str = "INSERT INTO acequia.source_table (flow, from_customer, dataset, relation, member) \
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (flow, from_customer, dataset) \
    DO UPDATE SET relation = excluded.relation, member = excluded.member";
/// A column that is gone stays remembered: if it comes back, its number tells that it is another one.
const KEEP_COLUMNS: &str = "INSERT INTO acequia.source_column (flow, from_customer, dataset, name, number, since, place) \
    SELECT $1, $2, $3, c.name, c.number, c.since::pg_lsn, c.place \
    FROM unnest($4::text[], $5::int2[], $6::text[], $7::int2[]) c (name, number, since, place) \
    ON CONFLICT (flow, from_customer, dataset, name) \
    DO UPDATE SET number = excluded.number, since = excluded.since, place = excluded.place \
    WHERE (source_column.number, source_column.since, source_column.place) \
    IS DISTINCT FROM (excluded.number, excluded.since, excluded.place)";

/// What is gone identifies nothing.
const FORGET_PLACES: &str = "UPDATE acequia.source_column SET place = NULL WHERE flow = $1 AND from_customer = $2 \
    AND dataset = $3 AND place IS NOT NULL AND name <> ALL ($4::text[])";

impl Remembered {
    /// Reads it; nothing before the flow ran for the first time.
    pub async fn read(client: &Client, flow: &str) -> Result<Self, Error> {
        let failed = |error| Error::from_driver("reading what is remembered of the source", &error);
        let mut remembered = Self::default();
        let known = "SELECT to_regclass('acequia.source_table') IS NOT NULL";
        if !client.query_one(known, &[]).await.map_err(failed)?.get::<_, bool>(0) {
            return Ok(remembered);
        }
        if let Some(row) = client.query_opt(FLOW, &[&flow]).await.map_err(failed)? {
            (remembered.publication, remembered.at) = (row.get(0), row.get(1));
        }
        for row in client.query(TABLES, &[&flow]).await.map_err(failed)? {
            let table =
                RememberedTable { relation: row.get(2), member: row.get(3), columns: BTreeMap::new() };
            if let Some(key) = key(row.get(0), row.get(1)) {
                remembered.tables.insert(key, table);
            }
        }
        for row in client.query(COLUMNS, &[&flow]).await.map_err(failed)? {
            let column = RememberedColumn {
                number: row.get(3),
                since: row.get::<_, &str>(4).parse().unwrap_or(Lsn::ZERO),
                place: row.get(5),
            };
            let table = key(row.get(0), row.get(1)).and_then(|key| remembered.tables.get_mut(&key));
            if let Some(table) = table {
                table.columns.insert(row.get(2), column);
            }
        }
        Ok(remembered)
    }

    /// Remembers a table as the plan has it now.
    pub async fn keep(
        client: &Client,
        flow: &str,
        (from, dataset): &SourceKey,
        table: &Table,
        member: Option<u32>,
    ) -> Result<(), Error> {
        let failed = |error| Error::from_driver("remembering the source's tables", &error);
        let (from, dataset) = (from.as_str(), dataset.as_str());
        client.execute(KEEP_TABLE, &[&flow, &from, &dataset, &table.oid, &member]).await.map_err(failed)?;
        let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let numbers: Vec<i16> = table.columns.iter().map(|column| column.number).collect();
        let since: Vec<String> = table.columns.iter().map(|column| column.since.to_string()).collect();
        let identity = table.identity().unwrap_or_default();
        let place = |name: &Ident| {
            identity.iter().position(|own| own == name).and_then(|i| i16::try_from(i + 1).ok())
        };
        let places: Vec<Option<i16>> = table.columns.iter().map(|column| place(&column.name)).collect();
        client
            .execute(KEEP_COLUMNS, &[&flow, &from, &dataset, &names, &numbers, &since, &places])
            .await
            .map_err(failed)?;
        client.execute(FORGET_PLACES, &[&flow, &from, &dataset, &names]).await.map_err(failed)?;
        Ok(())
    }
}

fn key(from: &str, dataset: &str) -> Option<SourceKey> {
    Some((CustomerName::new(from).ok()?, DatasetName::new(dataset).ok()?))
}
