//! An archive of `.DAT` files into a schema of PostgreSQL: all of it in one transaction, or nothing.
//!
//! Tables that are not there are made by the archive's own `meta/*.sql`, so load only archives whose maker you trust.
//! An incremental archive goes on from the run before it: keys that are gone and rows that have changed are deleted, and
//! the changed rows put in.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::archive::Keys;
use super::super::catalog;
use super::super::manifest::Manifest;
use super::super::table::Table;
use super::dataset::{Loading, execute};
use super::error::Error;
use super::feed::Archive;
use super::ledger::{Ledger, in_schema};
use crate::name::{Ident, literal};
use crate::postgres::{self, Session};

/// Where to.
#[derive(Debug, Clone)]
pub struct Target {
    /// The schema; made if it is not there.
    pub schema: Ident,
    /// Tables that have rows are emptied first; those that a load has made are made anew.
    pub replace: bool,
}

/// What was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The snapshot's manifest, as it stands in the archive.
    pub manifest: Manifest,
    /// Rows put in.
    pub rows: u64,
    /// Rows taken out because their keys are gone at the source.
    pub gone: u64,
}

/// Loads one archive. A failure leaves the schema as it was.
pub async fn load(
    session: &Session,
    archive: &Path,
    keys: Option<Keys>,
    target: &Target,
) -> Result<Loaded, Error> {
    let mut archive = Archive::open(archive, keys).await?;
    check_format(&archive.manifest)?;
    execute(session, "beginning to load", "BEGIN").await?;
    let loaded = load_all(session, &mut archive, target).await;
    let (doing, end) =
        if loaded.is_ok() { ("committing what was loaded", "COMMIT") } else { ("rolling back", "ROLLBACK") };
    let ended = execute(session, doing, end).await;
    // A connection that broke has rolled back; the first error says why.
    let loaded = loaded?;
    ended.map(|()| loaded)
}

async fn load_all(session: &Session, archive: &mut Archive, target: &Target) -> Result<Loaded, Error> {
    let manifest = archive.manifest.clone();
    let schema = &target.schema;
    prepare(session, &manifest, schema).await?;
    let mut ledger = Ledger::read(session, schema).await?;
    ledger.check_base(&manifest, schema)?;
    clear(session, &manifest, target, &mut ledger).await?;
    let existing = tables(session, schema).await?;
    let loading = |dataset| Loading::new(session, schema, &manifest, dataset);
    let mut finishing = Vec::new();
    for dataset in manifest.datasets.iter().filter(|dataset| !existing.contains_key(&dataset.table)) {
        let loading = loading(dataset)?;
        finishing.push((dataset, loading.create(archive).await?));
        ledger.tables.insert(dataset.table.clone());
    }
    let shapes = tables(session, schema).await?;
    let mut gone = 0;
    for dataset in &manifest.datasets {
        let loading = loading(dataset)?;
        let shape = shapes.get(&dataset.table).ok_or_else(|| loading.damaged("made no table"))?;
        if dataset.deleted.is_some() {
            gone += loading.apply(archive, shape).await?;
        } else {
            loading.fill(archive, shape).await?;
        }
    }
    for (dataset, finish) in finishing {
        execute(session, &format!("making the keys of table {}", dataset.table), &finish).await?;
    }
    let rows = manifest.datasets.iter().map(|dataset| dataset.rows).sum();
    ledger.note(session, schema, &manifest).await?;
    Ok(Loaded { manifest, rows, gone })
}

fn check_format(manifest: &Manifest) -> Result<(), Error> {
    let remedy = match manifest.format.as_str() {
        "dat" => return Ok(()),
        "sql" => "it is a file of statements: decompress it and give it to the server's own client",
        _ => "its tables are on a server already",
    };
    Err(Error::Format { format: manifest.format.clone(), remedy })
}

/// Makes the schema, and reads names and times as the archive means them.
async fn prepare(session: &Session, manifest: &Manifest, schema: &Ident) -> Result<(), Error> {
    let exists = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1::text)";
    let failed = |error| postgres::Error::from_driver("looking for the schema", &error).with_no_row_at_hand();
    let exists: bool = session.query_one(exists, &[&schema.as_str()]).await.map_err(failed)?.get(0);
    // Who may write into a schema that is there need not be allowed to make one.
    if !exists {
        execute(session, "making the schema", &format!("CREATE SCHEMA {}", schema.quoted())).await?;
    }
    let zone = literal(manifest.time_zone.as_deref().unwrap_or("UTC"));
    let schema = schema.quoted();
    let settings = format!(
        "SET LOCAL search_path = {schema}; SET LOCAL DateStyle = 'ISO, MDY'; SET LOCAL TimeZone = {zone}"
    );
    execute(session, "preparing to load", &settings).await?;
    // What came out of such a database may be no UTF-8.
    execute(session, "preparing to load", postgres::TAKE_BYTES).await
}

async fn tables(session: &Session, schema: &Ident) -> Result<BTreeMap<String, Table>, Error> {
    let tables = catalog::read(session, schema).await?;
    Ok(tables.into_iter().map(|table| (table.name.table.to_string(), table)).collect())
}

/// Sees that there is room for the data sets: what is ours is taken away where it is replaced, what is somebody's is emptied
/// only if that is wanted.
async fn clear(
    session: &Session,
    manifest: &Manifest,
    target: &Target,
    ledger: &mut Ledger,
) -> Result<(), Error> {
    let mut existing = tables(session, &target.schema).await?;
    let goes_on = manifest.base.is_some();
    let (mut dropped, mut emptied) = (Vec::new(), Vec::new());
    let is_there = |table: &str| manifest.datasets.iter().any(|dataset| dataset.table == table);
    for dataset in &manifest.datasets {
        let Some(table) = existing.get(&dataset.table).filter(|_| dataset.deleted.is_none()) else {
            continue;
        };
        let name = in_schema(&target.schema, &table.name.table);
        if ledger.tables.contains(&dataset.table) && (goes_on || target.replace) {
            dropped.push(name);
            existing.remove(&dataset.table);
        } else if target.replace {
            emptied.push(name);
        } else if has_rows(session, &name).await? {
            return Err(Error::Occupied { schema: target.schema.clone(), table: dataset.table.clone() });
        }
    }
    // A table that is gone at the source.
    for table in ledger.tables.iter().filter(|table| !is_there(table)) {
        if let Some(table) = existing.remove(table)
            && (goes_on || target.replace)
        {
            dropped.push(in_schema(&target.schema, &table.name.table));
        }
    }
    if goes_on || target.replace {
        ledger.tables.retain(|table| is_there(table));
    }
    if !dropped.is_empty() {
        execute(session, "taking old tables away", &format!("DROP TABLE {}", dropped.join(", "))).await?;
    }
    if !emptied.is_empty() {
        execute(session, "emptying tables", &format!("TRUNCATE {}", emptied.join(", "))).await?;
    }
    Ok(())
}

async fn has_rows(session: &Session, table: &str) -> Result<bool, Error> {
    let failed = |error| postgres::Error::from_driver("looking for rows", &error).with_no_row_at_hand();
    let row =
        session.query_one(&format!("SELECT EXISTS (SELECT FROM {table})"), &[]).await.map_err(failed)?;
    Ok(row.get(0))
}
