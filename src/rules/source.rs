//! What can be wrong with a table at the source.

use crate::catalog::Table;
use crate::config::{Config, Dataset, Sync};
use crate::name::{DatasetName, Ident, TableName};

use super::columns::column_list;
use super::input::role;
use super::problem::Problem;

/// What can be wrong with a table at the source.
pub(super) fn source_problems(
    config: &Config,
    sync: &Sync,
    name: &DatasetName,
    table: &Table,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let Some(dataset) = config.datasets.get(name) else { return problems };
    if let Some(name) = &table.known_as {
        let message = format!("table {name} is called {} now", table.name);
        let remedy = "rename it back, or say the new name in the rules (`table` of the data set, `schema` of the customer)";
        problems.push(Problem::error(sync.from_spot, message, remedy).with_sql(rename_back(name, table)));
    }
    if table.own_identity().is_none() {
        problems.push(no_identity(dataset, table));
    }
    if !table.logged {
        let problem = Problem::error(
            dataset.spot,
            format!(
                "{} is unlogged: its changes are not in the server's log, and so can't be followed",
                table.name
            ),
            "let it be logged, or leave the data set out",
        );
        problems.push(problem.with_sql(format!("ALTER TABLE {} SET LOGGED;", table.name.quoted())));
    }
    for key in dataset.key_columns() {
        match table.column(key) {
            // It may come from another column (`map`): then that one is looked at.
            None if is_mapped(config, sync, dataset, key) => {}
            None => problems.push(Problem::error(
                dataset.key_spot,
                format!("key column \"{key}\" does not exist in {}", table.name),
                format!("columns there: {}", column_list(table)),
            )),
            Some(column) if column.generated => problems.push(Problem::error(
                dataset.key_spot,
                format!(
                    "key column \"{key}\" of {} is generated, and generated columns are not sent",
                    table.name
                ),
                "use the columns that it is computed from",
            )),
            Some(_) => {}
        }
    }
    let key: Vec<Ident> = dataset.key_columns().cloned().collect();
    let known = key.len() == dataset.key.len() && key.iter().all(|key| table.column(key).is_some());
    if known && !table.is_unique(&key) {
        problems.push(Problem::warning(
            dataset.key_spot,
            format!("no unique index of {} covers the natural key: two rows with one key can't be told apart and will be parked", table.name),
            "choose a key that is unique, or add a unique index",
        ));
    }
    problems.extend(obstacles(config, sync, table));
    problems
}

/// What keeps the stream or this role from the table's rows.
fn obstacles(config: &Config, sync: &Sync, table: &Table) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !(table.privileges.select && table.privileges.schema) {
        let role = role(config, &sync.from);
        let (schema, name) = (table.name.schema.quoted(), table.name.quoted());
        let message = format!("SELECT on {} is not granted to {role}", table.name);
        problems.push(Problem::error(sync.from_spot, message, "grant it").with_sql(format!(
            "GRANT USAGE ON SCHEMA {schema} TO {role};\nGRANT SELECT ON {name} TO {role};"
        )));
    }
    if let Some(unsent) = &table.unsent {
        let problem = Problem::error(
            sync.from_spot,
            format!("{} {}", table.name, unsent.what),
            "a DBA who owns the tables runs",
        );
        problems.push(problem.with_sql(format!("{};", unsent.sql)));
    }
    if table.row_security {
        let role = role(config, &sync.from);
        let message = format!(
            "row-level security is on for {} and applies to {role}: values that the stream leaves out are read \
             there, and its policies could hide them",
            table.name
        );
        let problem =
            Problem::error(sync.from_spot, message, "let the role pass by it, or leave the data set out");
        problems.push(problem.with_sql(format!("ALTER ROLE {role} BYPASSRLS;")));
    }
    problems
}

fn rename_back(name: &TableName, table: &Table) -> String {
    if name.schema == table.name.schema {
        format!("ALTER TABLE {} RENAME TO {};", table.name.quoted(), name.table.quoted())
    } else {
        format!("ALTER SCHEMA {} RENAME TO {};", table.name.schema.quoted(), name.schema.quoted())
    }
}

/// Whether a rule of the group fills the column from another one.
fn is_mapped(config: &Config, sync: &Sync, dataset: &Dataset, column: &Ident) -> bool {
    sync.to.iter().any(|to| config.rule(sync, to, &dataset.name).map.contains_key(column))
}

/// A table whose old rows can't be recognized.
fn no_identity(dataset: &Dataset, table: &Table) -> Problem {
    let has_unique = table.unique.iter().any(|index| !index.partial && index.columns.is_some());
    let (remedy, action) = if !table.primary_key().is_empty() {
        ("let its primary key be the replica identity", "REPLICA IDENTITY DEFAULT".to_owned())
    } else if has_unique {
        ("give it a primary key, or publish its old rows whole", "REPLICA IDENTITY FULL".to_owned())
    } else {
        let key: Vec<String> = dataset.key_columns().map(Ident::quoted).collect();
        ("give it a primary key", format!("ADD PRIMARY KEY ({})", key.join(", ")))
    };
    let message = format!(
        "{} has no replica identity: updates and deletes can't be followed, and once it is published the \
         application's own UPDATE and DELETE on it fail",
        table.name
    );
    Problem::error(dataset.spot, message, remedy)
        .with_sql(format!("ALTER TABLE {} {action};", table.name.quoted()))
}
