//! The control schema's migrations: numbered files under `sql/control/`, each run once.

use tokio_postgres::Client;

use crate::postgres;

use super::error::Error;

/// The migrations in order.
const MIGRATIONS: [(i32, &str); 1] = [(1, include_str!("../../sql/control/001_control.sql"))];

/// The version that a database has; 0 where there is none.
pub async fn version(client: &Client) -> Result<i32, postgres::Error> {
    let failed = |error| postgres::Error::from_driver("reading the control schema's version", &error);
    let there =
        client.query_one("SELECT to_regclass('acequia.migration') IS NOT NULL", &[]).await.map_err(failed)?;
    if !there.get::<_, bool>(0) {
        return Ok(0);
    }
    let row = client
        .query_one("SELECT coalesce(max(version), 0) FROM acequia.migration", &[])
        .await
        .map_err(failed)?;
    Ok(row.get(0))
}

/// The control tables that somebody has dropped.
pub async fn missing_tables(client: &Client) -> Result<Vec<String>, postgres::Error> {
    let lines = MIGRATIONS.iter().flat_map(|(_, sql)| sql.lines());
    let names = lines.filter_map(|line| line.strip_prefix("CREATE TABLE ")?.split([' ', '(']).next());
    let names: Vec<&str> = names.collect();
    let rows = client
        .query(
            "SELECT name FROM unnest($1::text[]) name WHERE to_regclass(name) IS NULL ORDER BY 1",
            &[&names],
        )
        .await
        .map_err(|error| postgres::Error::from_driver("looking for the control schema's tables", &error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The statements that bring a control schema from `version` to the newest, to be run in one transaction.
pub fn upgrade(version: i32) -> Option<String> {
    let missing: Vec<&str> =
        MIGRATIONS.iter().filter(|(number, _)| *number > version).map(|(_, sql)| *sql).collect();
    if missing.is_empty() {
        return None;
    }
    Some(missing.join("\n"))
}

/// Why a control schema of this version is not ours to use, and what to do; `None` where it is, or can be brought up to date.
pub fn too_new(version: i32) -> Option<String> {
    let newest = MIGRATIONS.last().map_or(0, |(number, _)| *number);
    (version > newest).then(|| {
        format!(
            "has version {version}, which a newer Acequia made (this one knows {newest}): run that newer Acequia"
        )
    })
}

/// Refuses a control schema that is not ours to use; installs it where it is missing and the role may.
pub async fn require(client: &Client, database: &str) -> Result<(), Error> {
    let newest = MIGRATIONS.last().map_or(0, |(number, _)| *number);
    let found = version(client).await?;
    if let Some(what) = too_new(found) {
        return Err(Error::Control { database: database.to_owned(), what });
    }
    let Some(sql) = upgrade(found) else { return Ok(()) };
    let allowed = client
        .query_one(
            "SELECT n.oid IS NOT NULL, coalesce(has_schema_privilege(n.oid, 'CREATE'), \
             has_database_privilege(current_database(), 'CREATE')) \
             FROM (VALUES (1)) v LEFT JOIN pg_namespace n ON n.nspname = 'acequia'",
            &[],
        )
        .await
        .map_err(|error| postgres::Error::from_driver("reading the control schema's privileges", &error))?;
    if !allowed.get::<_, bool>(1) {
        let state = if found == 0 { "is missing".to_owned() } else { format!("has the old version {found}") };
        let what = format!(
            "{state}, and this role may not make it: a DBA runs the SQL of `acequia setup --print-sql`"
        );
        return Err(Error::Control { database: database.to_owned(), what });
    }
    let schema = if allowed.get(0) { "" } else { "CREATE SCHEMA acequia;" };
    let what = format!("installing the control schema (statements of version {newest})");
    client
        .batch_execute(&format!("BEGIN; {schema} {sql}; COMMIT"))
        .await
        .map_err(|error| postgres::Error::from_driver(&what, &error))?;
    Ok(())
}
