//! `acequia setup`: what the rules need in the databases, as SQL for a DBA, or done at once.

use std::fmt::Write as _;

use super::check::databases;
use super::console::{Exit, session};
use crate::apply::control;
use crate::catalog::{Catalog, Publication};
use crate::config::{Config, Database};
use crate::daemon::read_catalogs;
use crate::name::{DatabaseName, Ident};
use crate::postgres::{self, Session};
use crate::rules::{self, Flow, setup as sql};

/// The head of what is printed.
const HEAD: &str = include_str!("../../sql/setup/head.sql");

pub(super) async fn setup(config: &Config, print_sql: bool, as_role: Option<String>) -> anyhow::Result<Exit> {
    let flows = Flow::all(config);
    for name in databases(config) {
        let mut database = config.databases[&name].clone();
        let role = Ident::new(&database.user)?.quoted();
        if let Some(other) = &as_role {
            database.user.clone_from(other);
            database.password = None;
        }
        let session = open(&database, print_sql).await?;
        let script = script(config, &flows, &name, session.as_ref(), &role).await?;
        if print_sql {
            print!(
                "{}",
                HEAD.replace("{database}", name.as_str())
                    .replace("{dbname}", &database.dbname)
                    .replace("{role}", &role)
            );
            println!("{script}");
        } else if let Some(session) = session {
            session.batch_execute(&format!("BEGIN;\n{script}\nCOMMIT;")).await.map_err(|error| {
                postgres::Error::from_driver(format!("setting up database {name}"), &error)
            })?;
            println!("database {name}: ready");
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
                "warning: {failure}\n  The grants on sequences and the checks of what is there already are left out."
            );
            Ok(None)
        }
        Err(failure) => Err(failure),
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
        let wanted = sql::published_tables(config, flow);
        let found = match session {
            Some(session) => Publication::read(session, &flow.publication).await?,
            None => None,
        };
        match found {
            None => _ = writeln!(script, "{};", sql::create_publication(flow, &wanted)),
            Some(found) => {
                let missing: std::collections::BTreeSet<_> =
                    wanted.difference(&found.tables).cloned().collect();
                if !missing.is_empty() {
                    _ = writeln!(script, "{};", sql::extend_publication(flow, &missing));
                }
            }
        }
    }
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
