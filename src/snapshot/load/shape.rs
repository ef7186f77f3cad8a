//! What a table looked like, out of the manifest: its columns by the names of their types, and its primary key. What a
//! manifest does not tell (other keys, comments, types of a customer's own) is a text, or is not there.

use super::super::manifest::{DatasetEntry, Manifest, PER_CUSTOMER};
use super::super::table::{Class, Column, Index, Table};
use crate::name::{Ident, NameError, TableName};

/// The shape of a data set's file; the customer's column of a combined layout is a column like others.
pub(super) fn shape(manifest: &Manifest, dataset: &DatasetEntry) -> Result<Table, NameError> {
    let columns = dataset.columns.iter().map(|column| {
        let is_customer = column.type_text.is_empty();
        Ok(Column {
            name: Ident::new(&column.name)?,
            class: if is_customer { Class::Varchar(Some(63)) } else { class(&column.type_text) },
            type_text: column.type_text.clone(),
            not_null: dataset.primary_key.contains(&column.name) || is_customer,
            comment: None,
        })
    });
    let leading = dataset.columns.first().filter(|_| manifest.layout != PER_CUSTOMER);
    let key = leading.map(|column| &column.name).into_iter().chain(&dataset.primary_key);
    let key: Vec<Ident> = key.map(|name| Ident::new(name)).collect::<Result<_, _>>()?;
    let primary = Index { name: Ident::new("primary")?, primary: true, unique: true, columns: key };
    let schema = Ident::new("snapshot")?;
    Ok(Table {
        name: TableName { schema, table: Ident::new(&dataset.table)? },
        oid: 0,
        partitioned: false,
        comment: None,
        may_select: true,
        rows_estimate: dataset.rows,
        size_bytes: dataset.bytes,
        columns: columns.collect::<Result<_, _>>()?,
        indexes: if dataset.primary_key.is_empty() { Vec::new() } else { vec![primary] },
    })
}

/// A type by its name, as `format_type` writes it.
fn class(type_text: &str) -> Class {
    let (name, modifier) = parts(type_text);
    let length = || modifier.as_deref().and_then(|digits| digits.parse().ok());
    match name.as_str() {
        "smallint" => Class::SmallInt,
        "integer" => Class::Integer,
        "bigint" => Class::BigInt,
        "numeric" => Class::Numeric(modifier.as_deref().and_then(|digits| {
            let (precision, scale) = digits.split_once(',')?;
            Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
        })),
        "real" => Class::Real,
        "double precision" => Class::Double,
        "boolean" => Class::Boolean,
        "character varying" => Class::Varchar(length()),
        "character" => length().map_or(Class::Text, Class::Char),
        "date" => Class::Date,
        "timestamp without time zone" => Class::Timestamp,
        "timestamp with time zone" => Class::TimestampTz,
        "time without time zone" => Class::Time,
        "time with time zone" => Class::TimeTz,
        "uuid" => Class::Uuid,
        "json" | "jsonb" => Class::Json,
        "bytea" => Class::Bytea,
        // Arrays and amounts of money stand in a file as PostgreSQL shows them.
        _ => Class::Text,
    }
}

/// `timestamp(3) without time zone` is its name and `3`.
fn parts(type_text: &str) -> (String, Option<String>) {
    let Some((before, rest)) = type_text.split_once('(') else { return (type_text.to_owned(), None) };
    let Some((modifier, after)) = rest.split_once(')') else { return (type_text.to_owned(), None) };
    (format!("{before}{after}"), Some(modifier.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_their_names() {
        assert_eq!(class("numeric(10,2)"), Class::Numeric(Some((10, 2))));
        assert_eq!(class("numeric(3,-2)"), Class::Numeric(Some((3, -2))));
        assert_eq!(class("numeric"), Class::Numeric(None));
        assert_eq!(class("character varying(20)"), Class::Varchar(Some(20)));
        assert_eq!(class("timestamp(3) with time zone"), Class::TimestampTz);
        for text in ["integer[]", "money", "mood", "numeric(5,2)[]", "character varying(9)[]"] {
            assert_eq!(class(text), Class::Text, "{text}");
        }
    }
}
