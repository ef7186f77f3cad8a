//! The labels of enum types.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use crate::postgres::Error;

const LABELS: &str = include_str!("../../sql/catalog/labels.sql");

/// The labels of those among these types that are enums, by OID.
pub async fn read_labels(
    client: &Client,
    types: &BTreeSet<u32>,
) -> Result<BTreeMap<u32, Vec<String>>, Error> {
    let types: Vec<u32> = types.iter().copied().collect();
    let rows = client.query(LABELS, &[&types]).await;
    let rows = rows.map_err(|error| Error::from_driver("reading the labels of enum types", &error))?;
    Ok(rows.iter().map(|row| (row.get("type_oid"), row.get("labels"))).collect())
}
