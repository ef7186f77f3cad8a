//! Tables as SQL that PostgreSQL loads, and others nearly: it stands beside the data as `meta/<STEM>.sql`.
//!
//! Everything that a table needs from elsewhere is left out: types of the customer's own are texts, domains their base
//! types; generated columns are plain ones, defaults and foreign keys are gone. The data is complete without them.

use std::fmt::Write as _;

use super::super::table::{Class, Column, Index, Table};
use crate::name::{Ident, literal};

/// Stands between what has to be there before the rows, and what is made faster after them.
pub const AFTER_ROWS: &str = "-- After the rows are loaded:\n";

/// All of it, in the order in which it can be run.
pub fn file(shape: &Table, customer_column: Option<&Ident>) -> String {
    format!("{}\n{AFTER_ROWS}{}", create(shape, customer_column), finish(shape, customer_column))
}

/// `CREATE TABLE`, without its schema. `customer_column` leads in a combined layout.
pub fn create(shape: &Table, customer_column: Option<&Ident>) -> String {
    let leading = customer_column.map(|name| format!("  {} text NOT NULL", name.quoted()));
    let columns = shape.columns.iter().map(|column| {
        let not_null = if column.not_null { " NOT NULL" } else { "" };
        format!("  {} {}{not_null}", column.name.quoted(), type_text(column))
    });
    let columns: Vec<_> = leading.into_iter().chain(columns).collect();
    let table = shape.name.table.quoted();
    if columns.is_empty() {
        // No standard knows such a table; PostgreSQL does.
        return format!("CREATE TABLE {table} ();\n");
    }
    format!("CREATE TABLE {table} (\n{}\n);\n", columns.join(",\n"))
}

/// Keys, indexes and comments. In a combined layout a key is one with its customer.
pub fn finish(shape: &Table, customer_column: Option<&Ident>) -> String {
    let table = shape.name.table.quoted();
    let mut sql = String::new();
    for index in &shape.indexes {
        let name = index.name.quoted();
        let columns = key(index, customer_column);
        let _ = match (index.primary, index.unique) {
            (true, _) => writeln!(sql, "ALTER TABLE {table} ADD CONSTRAINT {name} PRIMARY KEY ({columns});"),
            (false, true) => writeln!(sql, "CREATE UNIQUE INDEX {name} ON {table} ({columns});"),
            (false, false) => writeln!(sql, "CREATE INDEX {name} ON {table} ({columns});"),
        };
    }
    if let Some(comment) = &shape.comment {
        let _ = writeln!(sql, "COMMENT ON TABLE {table} IS {};", literal(comment));
    }
    for column in &shape.columns {
        if let Some(comment) = &column.comment {
            let name = column.name.quoted();
            let _ = writeln!(sql, "COMMENT ON COLUMN {table}.{name} IS {};", literal(comment));
        }
    }
    sql
}

/// The type that any server of PostgreSQL has for a column's values.
pub fn type_text(column: &Column) -> &str {
    match &column.class {
        Class::Enum(_) => "text",
        // Names of objects of that server: elsewhere they mean nothing.
        Class::Other if is_of_the_server(&column.type_text) => "text",
        Class::Array | Class::Other | Class::Text if is_own(&column.type_text) => "text",
        Class::SmallInt
        | Class::Integer
        | Class::BigInt
        | Class::Numeric(_)
        | Class::Real
        | Class::Double
        | Class::Money
        | Class::Boolean
        | Class::Text
        | Class::Varchar(_)
        | Class::Char(_)
        | Class::Date
        | Class::Timestamp
        | Class::TimestampTz
        | Class::Time
        | Class::TimeTz
        | Class::Interval
        | Class::Uuid
        | Class::Json
        | Class::Xml
        | Class::Bytea
        | Class::Array
        | Class::Other => &column.type_text,
    }
}

/// The catalog names types with their schema, unless every server has them.
fn is_own(type_text: &str) -> bool {
    type_text.contains('.')
}

fn is_of_the_server(type_text: &str) -> bool {
    type_text.starts_with("reg") || type_text == "aclitem"
}

fn key(index: &Index, customer_column: Option<&Ident>) -> String {
    // A plain index only makes things faster: it helps as it is.
    let leading = customer_column.filter(|_| index.unique || index.primary).map(Ident::quoted);
    let columns = index.columns.iter().map(Ident::quoted);
    leading.into_iter().chain(columns).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::TableName;

    fn ident(name: &str) -> Ident {
        Ident::new(name).expect("a name")
    }

    fn column(name: &str, class: Class, type_text: &str) -> Column {
        Column {
            name: ident(name),
            class,
            type_text: type_text.to_owned(),
            not_null: name == "id",
            comment: None,
        }
    }

    fn table(name: &str, columns: Vec<Column>) -> Table {
        Table {
            name: TableName { schema: ident("hq"), table: ident(name) },
            oid: 1,
            comment: Some("it's; dat=B_X \\ and\nmore".to_owned()),
            may_select: true,
            partitioned: false,
            rows_estimate: 0,
            size_bytes: 0,
            columns,
            indexes: Vec::new(),
        }
    }

    fn index(name: &str, primary: bool, unique: bool, columns: &[&str]) -> Index {
        Index {
            name: ident(name),
            primary,
            unique,
            columns: columns.iter().map(|name| ident(name)).collect(),
        }
    }

    #[test]
    fn a_table_comes_with_its_keys_behind_the_rows_and_comments() {
        let mut table = table(
            "say \"x\"; DROP TABLE y",
            vec![
                column("id", Class::Integer, "integer"),
                column("a b", Class::Numeric(Some((10, 2))), "numeric(10,2)"),
            ],
        );
        table.columns[1].comment = Some("Wert".to_owned());
        table.indexes = vec![
            index("x_pkey", true, true, &["id"]),
            index("x_u", false, true, &["a b"]),
            index("x_i", false, false, &["a b"]),
        ];
        insta::assert_snapshot!(file(&table, None), @r#"
        CREATE TABLE "say ""x""; DROP TABLE y" (
          "id" integer NOT NULL,
          "a b" numeric(10,2)
        );

        -- After the rows are loaded:
        ALTER TABLE "say ""x""; DROP TABLE y" ADD CONSTRAINT "x_pkey" PRIMARY KEY ("id");
        CREATE UNIQUE INDEX "x_u" ON "say ""x""; DROP TABLE y" ("a b");
        CREATE INDEX "x_i" ON "say ""x""; DROP TABLE y" ("a b");
        COMMENT ON TABLE "say ""x""; DROP TABLE y" IS E'it''s; dat=B_X \\ and
        more';
        COMMENT ON COLUMN "say ""x""; DROP TABLE y"."a b" IS 'Wert';
        "#);
        let combined = file(&table, Some(&ident("custno")));
        assert!(combined.contains("(\n  \"custno\" text NOT NULL,\n  \"id\" integer NOT NULL"));
        assert!(combined.contains("PRIMARY KEY (\"custno\", \"id\")"));
        assert!(combined.contains(
            "y\" (\"custno\", \"a b\");\nCREATE INDEX \"x_i\" ON \"say \"\"x\"\"; DROP TABLE y\" (\"a b\")"
        ));
    }

    #[test]
    fn types_that_only_one_server_has_are_texts() {
        let of = |class, text| type_text(&column("c", class, text)).to_owned();
        assert_eq!(of(Class::Enum(vec!["a".to_owned()]), "hq.color"), "text");
        assert_eq!(of(Class::Array, "hq.color[]"), "text");
        assert_eq!(of(Class::Array, "integer[]"), "integer[]");
        assert_eq!(of(Class::Other, "\"Cust Weird\".\"Pair\""), "text");
        assert_eq!(of(Class::Text, "public.citext"), "text");
        assert_eq!(of(Class::Other, "regclass"), "text");
        assert_eq!(of(Class::Other, "int4range"), "int4range");
        assert_eq!(of(Class::Timestamp, "timestamp(3) without time zone"), "timestamp(3) without time zone");
    }

    #[test]
    fn a_table_without_columns_is_one() {
        let mut table = table("t", Vec::new());
        table.comment = None;
        assert_eq!(file(&table, None), format!("CREATE TABLE \"t\" ();\n\n{AFTER_ROWS}"));
    }
}
