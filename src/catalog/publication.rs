//! A publication as it stands.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use crate::name::{Ident, TableName};
use crate::postgres::Error;

const PUBLICATIONS: &str = include_str!("../../sql/catalog/publications.sql");

/// What a publication sends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the publication's own switches")]
pub struct Publication {
    /// Another one as soon as a switch was touched, or the publication was made anew.
    pub version: String,
    /// INSERT is sent.
    pub inserts: bool,
    /// UPDATE is sent.
    pub updates: bool,
    /// DELETE is sent.
    pub deletes: bool,
    /// TRUNCATE is sent.
    pub truncates: bool,
    /// Partitions are sent as their root.
    pub via_root: bool,
    /// Its tables of which only some rows are sent.
    pub filtered: BTreeSet<TableName>,
    /// Its tables of which only some columns are sent.
    pub listed: BTreeSet<TableName>,
    /// Partitioned tables that are sent as their partitions.
    pub split: BTreeSet<TableName>,
    /// Its tables.
    pub tables: BTreeSet<TableName>,
    /// `pg_publication_rel.oid` of the tables that were added by name.
    pub members: BTreeMap<TableName, u32>,
}

impl Publication {
    /// Reads it; `None` where there is none of that name.
    pub async fn read(client: &Client, name: &str) -> Result<Option<Self>, Error> {
        let rows = client
            .query(PUBLICATIONS, &[&name])
            .await
            .map_err(|error| Error::from_driver("reading the publication", &error))?;
        let Some(first) = rows.first() else { return Ok(None) };
        let mut publication = Self {
            inserts: first.get("inserts"),
            updates: first.get("updates"),
            deletes: first.get("deletes"),
            truncates: first.get("truncates"),
            via_root: first.get("via_root"),
            version: first.get("version"),
            members: BTreeMap::new(),
            split: BTreeSet::new(),
            filtered: BTreeSet::new(),
            listed: BTreeSet::new(),
            tables: BTreeSet::new(),
        };
        for row in &rows {
            let (schema, table): (Option<&str>, Option<&str>) = (row.get("schema"), row.get("table"));
            if let (Some(Ok(schema)), Some(Ok(table))) = (schema.map(Ident::new), table.map(Ident::new)) {
                let table = TableName { schema, table };
                if let Some(member) = row.get("member") {
                    publication.members.insert(table.clone(), member);
                }
                for (column, set) in [
                    ("is_split", &mut publication.split),
                    ("is_filtered", &mut publication.filtered),
                    ("is_listed", &mut publication.listed),
                ] {
                    if row.get(column) {
                        set.insert(table.clone());
                    }
                }
                publication.tables.insert(table);
            }
        }
        Ok(Some(publication))
    }
}
