//! The SQL that a DBA runs once: roles' grants, the publication. Text only, from the configuration and the catalogs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::catalog::{Catalog, ColumnDefault};
use crate::config::{Config, Rule};
use crate::expression::Expression;
use crate::name::{CustomerName, Ident, TableName};

use super::Flow;
use super::customer::needed_privileges;

/// The tables that a flow reads, sorted.
pub fn published_tables(config: &Config, flow: &Flow) -> BTreeSet<TableName> {
    let mut tables = BTreeSet::new();
    for sync in flow.syncs(config) {
        let Some(from) = config.customers.get(&sync.from) else { continue };
        let datasets = sync.data.iter().filter_map(|dataset| config.datasets.get(dataset));
        tables.extend(
            datasets.map(|dataset| TableName { schema: from.schema.clone(), table: dataset.table.clone() }),
        );
    }
    tables
}

/// Those of them that can't be published, or must not be by us, and why. Once a table without a replica identity is
/// published, the application's own UPDATE and DELETE on it fail.
pub fn unpublishable(config: &Config, flow: &Flow, catalog: &Catalog) -> BTreeMap<TableName, &'static str> {
    let reason = |name: &TableName| match catalog.tables.get(name) {
        None => Some(catalog.others.get(name).copied().unwrap_or("not there")),
        Some(table) if !table.logged => Some("unlogged"),
        Some(table) if table.identity().is_none() => Some(
            "without a replica identity: published, it would refuse the application's own UPDATE and DELETE",
        ),
        Some(_) => None,
    };
    let all = published_tables(config, flow).into_iter();
    all.filter_map(|name| reason(&name).map(|reason| (name, reason))).collect()
}

fn table_list(tables: &BTreeSet<TableName>) -> String {
    tables.iter().map(TableName::quoted).collect::<Vec<_>>().join(",\n  ")
}

/// The customer's tables that SQL of a rule looks at.
fn looked_up(config: &Config, rule: &Rule, schema: &Ident) -> BTreeSet<TableName> {
    let expressions = rule.set.values().chain(rule.default.values().flatten());
    let qualifiers = expressions.flat_map(Expression::columns).filter_map(|name| name.qualifier);
    let dataset = |name: Ident| config.datasets.values().find(|one| one.name.as_str() == name.as_str());
    qualifiers
        .filter_map(dataset)
        .map(|dataset| TableName { schema: schema.clone(), table: dataset.table.clone() })
        .collect()
}

/// `CREATE PUBLICATION` for a flow.
pub fn create_publication(flow: &Flow, tables: &BTreeSet<TableName>) -> String {
    format!(
        "CREATE PUBLICATION \"{}\" FOR TABLE\n  {}\n  WITH (publish = 'insert, update, delete, truncate', \
         publish_via_partition_root = true)",
        flow.publication,
        table_list(tables)
    )
}

/// `ALTER PUBLICATION … ADD TABLE` for tables that are missing in it.
pub fn extend_publication(flow: &Flow, tables: &BTreeSet<TableName>) -> String {
    format!("ALTER PUBLICATION \"{}\" ADD TABLE\n  {}", flow.publication, table_list(tables))
}

/// Reading at the source: for the first state of a row that the stream brings in part.
pub fn source_grants(config: &Config, flow: &Flow, role: &str) -> String {
    let tables = published_tables(config, flow);
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

/// Writing in the customers: no more than their rules need.
pub fn target_grants(config: &Config, flow: &Flow, catalog: &Catalog, role: &str) -> String {
    let mut privileges: BTreeMap<TableName, BTreeSet<&str>> = BTreeMap::new();
    for sync in flow.syncs(config) {
        let here =
            |to: &&CustomerName| config.customers.get(*to).is_some_and(|to| to.database == flow.target);
        for to in sync.to.iter().filter(here).filter_map(|to| config.customers.get(to)) {
            for dataset in sync.data.iter().filter_map(|dataset| config.datasets.get(dataset)) {
                let held = config.rule(sync, &to.name, &dataset.name);
                if !config.carries(sync, &to.name, &dataset.name) {
                    continue;
                }
                let table = TableName { schema: to.schema.clone(), table: dataset.table.clone() };
                // Parents are read to see whether they are there, also those that are not synchronized.
                let found = catalog.tables.get(&table);
                let parents =
                    found.iter().flat_map(|table| &table.foreign_keys).map(|key| key.parent.clone());
                for read in parents.chain(looked_up(config, &held, &to.schema)) {
                    privileges.entry(read).or_default().insert("SELECT");
                }
                privileges.entry(table).or_default().extend(needed_privileges(&held));
            }
        }
    }
    let schemas: BTreeSet<String> = privileges.keys().map(|table| table.schema.quoted()).collect();
    let mut sql = String::new();
    for schema in schemas {
        _ = writeln!(sql, "GRANT USAGE ON SCHEMA {schema} TO {role};");
    }
    for (table, wanted) in &privileges {
        let wanted: Vec<&str> = wanted.iter().copied().collect();
        _ = writeln!(sql, "GRANT {} ON {} TO {role};", wanted.join(", "), table.quoted());
        if !wanted.contains(&"INSERT") {
            continue;
        }
        for column in catalog.tables.get(table).iter().flat_map(|table| &table.columns) {
            if let ColumnDefault::Sequence { name, .. } = &column.default {
                _ = writeln!(sql, "GRANT USAGE ON SEQUENCE {name} TO {role};");
            }
        }
    }
    sql
}
