//! `acequia setup`: what the rules need in the databases, as SQL for a DBA, or done at once.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use super::check::databases;
use super::console::{Exit, say, session};
use crate::apply::{audit, control};
use crate::catalog::{Catalog, Publication};
use crate::config::{Config, Database};
use crate::daemon::{publication_gap, read_catalogs};
use crate::name::{DatabaseName, Ident, TableName};
use crate::postgres::{self, Session};
use crate::rules::{self, Flow, setup as sql};
use crate::snapshot;
use crate::snapshot::grants::grants;
use crate::snapshot::selection::Selection;

/// The head of what is printed.
const HEAD: &str = include_str!("../../sql/setup/head.sql");
/// SQLSTATE of a role that lacks a privilege.
const PRIVILEGE_MISSING: &str = "42501";

pub(super) async fn setup(
    config: &Config,
    print_sql: bool,
    only: Option<&str>,
    as_role: Option<&str>,
) -> anyhow::Result<Exit> {
    let flows = Flow::all(config);
    let mut wanted = databases(config);
    if let Some(only) = only {
        wanted.retain(|name| name.as_str() == only);
        if wanted.is_empty() {
            let names: Vec<String> = databases(config).iter().map(ToString::to_string).collect();
            anyhow::bail!(
                "no enabled sync group or snapshot uses a database `{only}`; those in use are: {}",
                names.join(", ")
            );
        }
    }
    for name in wanted {
        let mut database = config.databases[&name].clone();
        let role = Ident::new(&database.user)?.quoted();
        if let Some(other) = as_role {
            other.clone_into(&mut database.user);
            database.password = None;
        }
        let session = open(&database, print_sql).await?;
        let script = script(config, &flows, &name, session.as_ref(), &role).await?;
        if print_sql {
            super::console::write_out(format_args!(
                "{}",
                HEAD.replace("{database}", name.as_str())
                    .replace("{dbname}", &database.dbname)
                    .replace("{role}", &role)
            ));
            say!("{script}");
        } else if let Some(session) = session {
            let done = session.batch_execute(&format!("BEGIN;\n{script}\nCOMMIT;")).await;
            if let Err(error) = done {
                let error = postgres::Error::from_driver(format!("setting up database {name}"), &error);
                let refused = error.sqlstate().is_some_and(|state| state.as_str() == PRIVILEGE_MISSING);
                if !refused {
                    return Err(error.into());
                }
                eprintln!(
                    "acequia: {error} Or a DBA runs what `acequia setup --print-sql` \
                     prints, or `acequia setup --as ROLE`."
                );
                return Ok(Exit::Failed);
            }
            // A role that owns the tables need not be one that may write there.
            let detail = json!({ "database": name.as_str() });
            if let Err(error) = audit::record(&session, "setup", &detail).await {
                eprintln!(
                    "acequia: the setup of database {name} is done, and not written down in acequia.audit: {error}"
                );
            }
            say!("database {name}: ready");
        }
    }
    Ok(Exit::Done)
}

/// For printing, a database that can't be reached yet (the role does not exist) is no hindrance: what only the catalog
/// knows is then missing, and said so.
async fn open(database: &Database, print_sql: bool) -> anyhow::Result<Option<Session>> {
    match session(database, "setup").await {
        Ok(session) => Ok(Some(session)),
        Err(failure) if print_sql => {
            eprintln!(
                "warning: {failure}\n  What only the database knows is left out (grants on sequences and on parents of \
                 the tables, what is there already): make the role, then print it again."
            );
            Ok(None)
        }
        Err(failure) => Err(failure.into()),
    }
}

async fn script(
    config: &Config,
    flows: &[Flow],
    database: &DatabaseName,
    session: Option<&Session>,
    role: &str,
) -> anyhow::Result<String> {
    let mut script = String::new();
    for flow in flows.iter().filter(|flow| flow.source == *database) {
        _ = writeln!(script, "-- Flow {}: reading.", flow.name);
        script += &sql::source_grants(config, flow, role);
        let found = match session {
            Some(session) => Publication::read(session, &flow.publication).await?,
            None => None,
        };
        let left_out = match session {
            Some(session) => {
                let (sources, _, tables) = rules::tables_to_read(config, flow);
                sql::unpublishable(config, flow, &read_catalogs(session, &sources, &tables).await?)
            }
            None => BTreeMap::new(),
        };
        for (table, reason) in &left_out {
            eprintln!(
                "warning: {table} is {reason}. It is left out of the publication. See `acequia check`."
            );
        }
        let left_out = left_out.into_keys().collect();
        if let Some((_, statement)) = publication_gap(config, flow, found.as_ref(), &left_out) {
            _ = writeln!(script, "{statement};");
        }
    }
    script += &snapshot_grants(config, database, session, role).await?;
    let mut is_target = false;
    for flow in flows.iter().filter(|flow| flow.target == *database) {
        is_target = true;
        _ = writeln!(script, "\n-- Flow {}: writing.", flow.name);
        let (_, targets, tables) = rules::tables_to_read(config, flow);
        let catalog = match session {
            Some(session) => read_catalogs(session, &targets, &tables).await?,
            None => Catalog::default(),
        };
        script += &sql::target_grants(config, flow, &catalog, role);
    }
    if is_target {
        let version = match session {
            Some(session) => control::version(session).await.unwrap_or(0),
            None => 0,
        };
        if let Some(upgrade) = control::upgrade(version) {
            _ = writeln!(script, "\n-- The control schema, owned by Acequia's role: what it must remember.");
            _ = writeln!(script, "CREATE SCHEMA IF NOT EXISTS acequia AUTHORIZATION {role};");
            _ = writeln!(script, "SET ROLE {role};\n{upgrade}\nRESET ROLE;");
        }
    }
    Ok(script)
}

/// Reading what the snapshots of this database dump: only those tables, as they are now.
async fn snapshot_grants(
    config: &Config,
    database: &DatabaseName,
    session: Option<&Session>,
    role: &str,
) -> anyhow::Result<String> {
    let Some(session) = session else { return Ok(String::new()) };
    let mut script = String::new();
    for snapshot in config.snapshots.iter().filter(|snapshot| snapshot.enabled) {
        let customers = snapshot.customers.iter().filter_map(|name| config.customers.get(name));
        for customer in customers.filter(|customer| customer.database == *database) {
            let tables = snapshot::catalog::read(session, &customer.schema).await?;
            let chosen = Selection::new(snapshot, tables).tables;
            let names: Vec<TableName> = chosen.into_iter().map(|table| table.name).collect();
            _ = writeln!(script, "\n-- Snapshot {}, customer {}: reading.", snapshot.name, customer.name);
            script += &grants(&names, role);
        }
    }
    Ok(script)
}
