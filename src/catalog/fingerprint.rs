//! A fingerprint of what the catalogs say: cheap to ask for, and another one as soon as some DDL touched what a plan
//! was made from.

use tokio_postgres::Client;

use crate::postgres::Error;

const FINGERPRINT: &str = include_str!("../../sql/catalog/fingerprint.sql");

/// What the catalogs of one database said at one moment about the tables of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Over schemas, tables with partitions and parents, columns, constraints, types, triggers, privileges, the role.
    pub tables: String,
    /// Over the publication: its switches, tables, column lists and row filters.
    pub publication: String,
}

impl Fingerprint {
    /// Asks for it. `publication` is the one that the flow reads, at a source.
    pub async fn read(
        client: &Client,
        schemas: &[String],
        tables: &[String],
        publication: Option<&str>,
    ) -> Result<Self, Error> {
        let row = client
            .query_one(FINGERPRINT, &[&schemas, &tables, &publication])
            .await
            .map_err(|error| Error::from_driver("asking whether the catalog has changed", &error))?;
        Ok(Self { tables: row.get("tables"), publication: row.get("publication") })
    }
}
