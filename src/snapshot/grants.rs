//! What the role needs to read the tables of a snapshot, as SQL for a DBA.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::name::TableName;

/// Reading these tables, and no others. `role` is quoted.
pub fn grants(tables: &[TableName], role: &str) -> String {
    let schemas: BTreeSet<String> = tables.iter().map(|table| table.schema.quoted()).collect();
    let mut sql = String::new();
    for schema in schemas {
        _ = writeln!(sql, "GRANT USAGE ON SCHEMA {schema} TO {role};");
    }
    for table in tables {
        _ = writeln!(sql, "GRANT SELECT ON {} TO {role};", table.quoted());
    }
    sql
}
