//! The catalog queries and the shapes that their rows become.

use tokio_postgres::{Client, Row};

use super::{
    BaseType, Catalog, Column, ColumnDefault, ForeignKey, Privileges, ReplicaIdentity, Table, UniqueIndex,
};
use crate::lsn::Lsn;
use crate::name::{Ident, TableName};
use crate::postgres::Error;

const TABLES: &str = include_str!("../../sql/catalog/tables.sql");
const NAMES: &str = include_str!("../../sql/catalog/names.sql");
const COLUMNS: &str = include_str!("../../sql/catalog/columns.sql");
const KEYS: &str = include_str!("../../sql/catalog/keys.sql");
const FOREIGN_KEYS: &str = include_str!("../../sql/catalog/foreign_keys.sql");

impl Catalog {
    /// What the tables of these OIDs are called now, as far as they exist.
    pub async fn names(client: &Client, oids: &[u32]) -> Result<Vec<(u32, TableName)>, Error> {
        let rows = client
            .query(NAMES, &[&oids])
            .await
            .map_err(|error| Error::from_driver("looking for renamed tables", &error))?;
        rows.iter().map(|row| Ok((row.get("oid"), table_name(row, "schema", "table")?))).collect()
    }

    /// Reads the tables of these names in these schemas, as far as they exist.
    pub async fn read(client: &Client, schemas: &[String], tables: &[String]) -> Result<Self, Error> {
        let failed = |error| Error::from_driver("reading the catalog", &error);
        let mut catalog = Self::default();
        for row in client.query(TABLES, &[&schemas, &tables]).await.map_err(failed)? {
            catalog.schemas.insert(ident(&row, "schema")?);
            let other = match row.get::<_, Option<&str>>("kind") {
                None => continue,
                Some("v") => "a view",
                Some("m") => "a materialized view",
                Some("f") => "a foreign table",
                Some(_) => {
                    let table = table(&row)?;
                    catalog.tables.insert(table.name.clone(), table);
                    continue;
                }
            };
            catalog.others.insert(table_name(&row, "schema", "table")?, other);
        }
        for row in client.query(COLUMNS, &[&schemas, &tables]).await.map_err(failed)? {
            if let Some(table) = catalog.tables.get_mut(&table_name(&row, "schema", "table")?) {
                table.columns.push(column(&row)?);
            }
        }
        for row in client.query(KEYS, &[&schemas, &tables]).await.map_err(failed)? {
            if let Some(table) = catalog.tables.get_mut(&table_name(&row, "schema", "table")?) {
                table.unique.push(unique_index(&row)?);
            }
        }
        for row in client.query(FOREIGN_KEYS, &[&schemas, &tables]).await.map_err(failed)? {
            if let Some(table) = catalog.tables.get_mut(&table_name(&row, "schema", "table")?) {
                table.foreign_keys.push(foreign_key(&row)?);
            }
        }
        Ok(catalog)
    }
}

/// A name out of the catalog. The server made it, so it can only be valid; an answer that is not is a protocol fault.
fn ident(row: &Row, column: &str) -> Result<Ident, Error> {
    ident_of(row.get(column))
}

fn ident_of(text: &str) -> Result<Ident, Error> {
    Ident::new(text).map_err(|_| Error::protocol("reading the catalog", "a name that no identifier can be"))
}

fn table_name(row: &Row, schema: &str, table: &str) -> Result<TableName, Error> {
    Ok(TableName { schema: ident(row, schema)?, table: ident(row, table)? })
}

fn idents(names: &[String]) -> Result<Vec<Ident>, Error> {
    names.iter().map(|name| ident_of(name)).collect()
}

fn table(row: &Row) -> Result<Table, Error> {
    let replica_identity = match row.get("replica_identity") {
        "n" => ReplicaIdentity::Nothing,
        "f" => ReplicaIdentity::Full,
        "i" => ReplicaIdentity::Index,
        _default => ReplicaIdentity::Default,
    };
    Ok(Table {
        name: table_name(row, "schema", "table")?,
        oid: row.get("oid"),
        partitioned: row.get::<_, &str>("kind") == "p",
        partitions: row.get("partitions"),
        logged: row.get("logged"),
        replica_identity,
        row_security: row.get("row_security"),
        has_deferrable: row.get("has_deferrable"),
        privileges: Privileges {
            schema: row.get("may_use_schema"),
            select: row.get("may_select"),
            insert: row.get("may_insert"),
            update: row.get("may_update"),
            delete: row.get("may_delete"),
        },
        columns: Vec::new(),
        unique: Vec::new(),
        foreign_keys: Vec::new(),
        unsent: None,
        known_as: None,
        followed: None,
    })
}

fn column(row: &Row) -> Result<Column, Error> {
    let expression: Option<String> = row.get("default_expression");
    let default = match row.get::<_, Option<String>>("sequence") {
        Some(name) => ColumnDefault::Sequence {
            name,
            may_use: row.get::<_, Option<bool>>("may_use_sequence").unwrap_or(false),
            always: row.get::<_, &str>("identity") == "a",
        },
        None if row.get("has_default") => ColumnDefault::Expression(expression),
        None => ColumnDefault::None,
    };
    Ok(Column {
        name: ident(row, "name")?,
        number: row.get("number"),
        sent_oid: row.get("sent_oid"),
        sent_type: row.get("sent_type"),
        since: Lsn::ZERO,
        base: BaseType {
            oid: row.get("type_oid"),
            schema: ident(row, "type_schema")?,
            name: ident(row, "type_name")?,
            text: row.get("type_text"),
            has_modifier: row.get("has_modifier"),
        },
        not_null: row.get("not_null"),
        generated: row.get("generated"),
        default,
        collation: row.get("collation"),
    })
}

fn unique_index(row: &Row) -> Result<UniqueIndex, Error> {
    let columns: Vec<Option<String>> = row.get("columns");
    let plain: Option<Vec<String>> = columns.into_iter().collect();
    Ok(UniqueIndex {
        name: ident(row, "name")?,
        primary: row.get("is_primary"),
        identity: row.get("is_identity"),
        partial: row.get("is_partial"),
        columns: plain.map(|names| idents(&names)).transpose()?,
    })
}

fn foreign_key(row: &Row) -> Result<ForeignKey, Error> {
    Ok(ForeignKey {
        name: ident(row, "name")?,
        columns: idents(&row.get::<_, Vec<String>>("columns"))?,
        parent: table_name(row, "parent_schema", "parent_table")?,
        parent_columns: idents(&row.get::<_, Vec<String>>("parent_columns"))?,
        parent_is_surrogate: row.get("parent_is_surrogate"),
    })
}
