//! Reads what a customer's schema holds. The queries are files under `sql/snapshot/` that can be pasted into psql.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Row};

use super::table::{Class, Column, Index, Table};
use crate::name::{Ident, TableName};
use crate::postgres::Error;

const TABLES: &str = include_str!("../../sql/snapshot/tables.sql");
const COLUMNS: &str = include_str!("../../sql/snapshot/columns.sql");
const INDEXES: &str = include_str!("../../sql/snapshot/indexes.sql");

/// `typmod` of types with a length counts four bytes that are no part of it (PostgreSQL source, `VARHDRSZ`).
const HEADER: i32 = 4;

/// Reads all tables of a schema, by name.
pub async fn read(client: &Client, schema: &Ident) -> Result<Vec<Table>, Error> {
    let failed = |error| Error::from_driver(format!("reading the tables of schema {schema}"), &error);
    let mut tables = BTreeMap::new();
    for row in client.query(TABLES, &[&schema.as_str()]).await.map_err(failed)? {
        let table = table(&row, schema)?;
        tables.insert(table.name.table.clone(), table);
    }
    for row in client.query(COLUMNS, &[&schema.as_str()]).await.map_err(failed)? {
        if let Some(table) = tables.get_mut(&ident(row.get("table"))?) {
            table.columns.push(column(&row)?);
        }
    }
    for row in client.query(INDEXES, &[&schema.as_str()]).await.map_err(failed)? {
        if let Some(table) = tables.get_mut(&ident(row.get("table"))?) {
            table.indexes.push(index(&row)?);
        }
    }
    Ok(tables.into_values().collect())
}

/// A name out of the catalog. The server made it, so it can only be valid; an answer that is not is a protocol fault.
fn ident(text: &str) -> Result<Ident, Error> {
    Ident::new(text).map_err(|_| Error::protocol("reading the catalog", "a name that no identifier can be"))
}

fn table(row: &Row, schema: &Ident) -> Result<Table, Error> {
    let count = |column: &str| u64::try_from(row.get::<_, i64>(column)).unwrap_or(0);
    Ok(Table {
        name: TableName { schema: schema.clone(), table: ident(row.get("table"))? },
        oid: row.get("oid"),
        comment: row.get("comment"),
        may_select: row.get("may_select"),
        partitioned: row.get("partitioned"),
        rows_estimate: count("rows_estimate"),
        size_bytes: count("size_bytes"),
        columns: Vec::new(),
        indexes: Vec::new(),
    })
}

fn column(row: &Row) -> Result<Column, Error> {
    Ok(Column {
        name: ident(row.get("name"))?,
        class: class(row),
        type_text: row.get("type_text"),
        not_null: row.get("not_null"),
        comment: row.get("comment"),
    })
}

fn index(row: &Row) -> Result<Index, Error> {
    let columns: Vec<String> = row.get("columns");
    Ok(Index {
        name: ident(row.get("name"))?,
        primary: row.get("is_primary"),
        unique: row.get("is_unique"),
        columns: columns.iter().map(|name| ident(name)).collect::<Result<_, _>>()?,
    })
}

fn class(row: &Row) -> Class {
    let (kind, category): (&str, &str) = (row.get("type_kind"), row.get("type_category"));
    if kind == "e" {
        return Class::Enum(row.get("labels"));
    }
    if category == "A" {
        return Class::Array;
    }
    if row.get::<_, &str>("type_schema") != "pg_catalog" {
        return if category == "S" { Class::Text } else { Class::Other };
    }
    let modifier: i32 = row.get("typmod");
    let length = u32::try_from(modifier - HEADER).ok();
    match row.get("type_name") {
        "int2" => Class::SmallInt,
        "int4" => Class::Integer,
        "int8" => Class::BigInt,
        "numeric" => Class::Numeric(digits(modifier)),
        "float4" => Class::Real,
        "float8" => Class::Double,
        "money" => Class::Money,
        "bool" => Class::Boolean,
        "varchar" => Class::Varchar(length),
        "bpchar" => length.map_or(Class::Text, Class::Char),
        "date" => Class::Date,
        "timestamp" => Class::Timestamp,
        "timestamptz" => Class::TimestampTz,
        "time" => Class::Time,
        "timetz" => Class::TimeTz,
        "interval" => Class::Interval,
        "uuid" => Class::Uuid,
        "json" | "jsonb" => Class::Json,
        "xml" => Class::Xml,
        "bytea" => Class::Bytea,
        _ if category == "S" => Class::Text,
        _ => Class::Other,
    }
}

/// Precision and scale out of a `numeric`'s modifier (PostgreSQL source, `make_numeric_typmod`): the scale has eleven bits
/// and a sign.
fn digits(modifier: i32) -> Option<(u16, i16)> {
    let packed = u32::try_from(modifier - HEADER).ok()?;
    let precision = u16::try_from(packed >> 16).ok()?;
    let scale = i16::try_from(packed & 0x7ff).ok()?;
    Some((precision, if scale >= 0x400 { scale - 0x800 } else { scale }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modifier_of_a_numeric_has_precision_and_a_scale_with_a_sign() {
        assert_eq!(digits(-1), None);
        assert_eq!(digits(((10 << 16) | 2) + 4), Some((10, 2)));
        assert_eq!(digits(((3 << 16) | (0x800 - 2)) + 4), Some((3, -2)));
    }
}
