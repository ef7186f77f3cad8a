//! `acequia check`: the files, both databases of every flow, and whether they fit together. Everything wrong is said in
//! one answer, each with its place in the files and the remedy; what a DBA can mend stands there as SQL.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::console::{Exit, Output, print_diagnostics, session};
use crate::apply::{self, control};
use crate::catalog::{Publication, Server, Slot};
use crate::config::{Config, Database, Diagnostic, Severity};
use crate::daemon::read_catalogs;
use crate::name::{DatabaseName, Ident};
use crate::rules::{self, Flow, Problem, setup};

/// A finding with the SQL that mends it.
struct Finding {
    diagnostic: Diagnostic,
    sql: Option<String>,
}

/// Everything found so far.
struct Findings<'a> {
    config: &'a Config,
    found: Vec<Finding>,
    unreachable: bool,
}

pub(super) async fn check(directory: &Path, offline: bool, output: Output) -> anyhow::Result<Exit> {
    let (config, warnings) = match Config::load(directory) {
        Ok(loaded) => loaded,
        Err(problems) => {
            let found = problems
                .diagnostics
                .into_iter()
                .map(|diagnostic| Finding { diagnostic, sql: None })
                .collect();
            return report(&found, output, false);
        }
    };
    let found = warnings.into_iter().map(|diagnostic| Finding { diagnostic, sql: None }).collect();
    let mut findings = Findings { config: &config, found, unreachable: false };
    if !offline {
        for flow in Flow::all(&config) {
            findings.flow(&flow).await?;
        }
    }
    let Findings { found, unreachable, .. } = findings;
    let exit = report(&found, output, unreachable)?;
    if exit == Exit::Done && output == Output::Text {
        let flows = Flow::all(&config);
        let asked =
            if offline { "files only; no database was asked" } else { "files and databases fit together" };
        println!(
            "ok: {} customers, {} data sets, {} sync groups, {} flow(s): {asked}",
            config.customers.len(),
            config.datasets.len(),
            config.syncs.len(),
            flows.len()
        );
    }
    Ok(exit)
}

fn report(found: &Vec<Finding>, output: Output, unreachable: bool) -> anyhow::Result<Exit> {
    let errors = found.iter().filter(|finding| finding.diagnostic.severity == Severity::Error).count();
    match output {
        Output::Json => {
            let all = found.iter().map(|finding| {
                let mut value = serde_json::to_value(&finding.diagnostic)?;
                if let Value::Object(fields) = &mut value {
                    fields.insert("sql".to_owned(), json!(finding.sql));
                }
                Ok(value)
            });
            let all: Result<Vec<Value>, serde_json::Error> = all.collect();
            println!("{}", serde_json::to_string_pretty(&all?)?);
        }
        Output::Text => {
            for finding in found {
                print_diagnostics(std::slice::from_ref(&finding.diagnostic));
                if let Some(sql) = &finding.sql {
                    eprintln!("{}\n", indent(sql));
                }
            }
            if errors > 0 {
                eprintln!("{errors} error(s), {} warning(s)", found.len() - errors);
            }
        }
    }
    Ok(match (errors, unreachable) {
        (0, _) => Exit::Done,
        (_, true) => Exit::Unavailable,
        (_, false) => Exit::Configuration,
    })
}

fn indent(sql: &str) -> String {
    sql.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

impl Findings<'_> {
    fn add(&mut self, problem: &Problem) {
        let severity = match problem.severity {
            rules::Severity::Error => Severity::Error,
            rules::Severity::Warning => Severity::Warning,
        };
        let diagnostic = self.config.diagnostic(problem.spot, severity, &problem.message, &problem.remedy);
        let known = self.found.iter().any(|finding| finding.diagnostic == diagnostic);
        if !known {
            self.found.push(Finding { diagnostic, sql: problem.sql.clone() });
        }
    }

    async fn flow(&mut self, flow: &Flow) -> anyhow::Result<()> {
        let config = self.config;
        let (source, target) = (&config.databases[&flow.source], &config.databases[&flow.target]);
        let (Some(here), Some(there)) = (self.open(source).await, self.open(target).await) else {
            return Ok(());
        };
        let server = Server::read(&here).await?;
        self.source(flow, source, &server);
        let target_server = Server::read(&there).await?;
        let (sources, targets, tables) = rules::tables_to_read(config, flow);
        let source_catalog = read_catalogs(&here, &sources, &tables).await?;
        let target_catalog = read_catalogs(&there, &targets, &tables).await?;
        let (plan, problems) = rules::compile(config, flow, &source_catalog, &target_catalog);
        for problem in &problems {
            self.add(problem);
        }
        self.publication(flow, source, Publication::read(&here, &flow.publication).await?);
        self.slot(flow, source, &server, Slot::read(&here, &flow.slot).await?);
        let version = control::version(&there).await;
        match version {
            Ok(version) if control::upgrade(version).is_none() => {
                for refused in apply::preflight(&there, &plan).await? {
                    let route = &plan.routes[refused.route];
                    let spot = config.datasets[&route.dataset].spot;
                    let message =
                        format!("{} can't take data set {}: {}", route.target, route.dataset, refused.error);
                    self.add(&Problem::error(
                        spot,
                        message,
                        "make the two tables fit, or leave the column out",
                    ));
                }
            }
            Ok(_) if target_server.may_create_schema || target_server.may_write_control_schema => {}
            Ok(_) | Err(_) => self.add(
                &Problem::error(
                    target.spot,
                    format!("the control schema \"acequia\" is missing or old in database {}", target.name),
                    "a DBA runs the SQL of `acequia setup --print-sql`",
                )
                .with_sql("acequia setup --print-sql | psql …"),
            ),
        }
        Ok(())
    }

    async fn open(&mut self, database: &Database) -> Option<crate::postgres::Session> {
        match session(database, "check").await {
            Ok(session) => Some(session),
            Err(failure) => {
                let error = failure.downcast_ref::<crate::postgres::Error>();
                self.unreachable |= error.is_some_and(|error| super::console::is_unreachable(error.kind()));
                self.add(&Problem::error(
                    database.spot,
                    failure.to_string(),
                    "mend it and run `acequia check` again",
                ));
                None
            }
        }
    }

    fn source(&mut self, flow: &Flow, database: &Database, server: &Server) {
        if server.wal_level != "logical" {
            self.add(
                &Problem::error(
                    database.spot,
                    format!("database {} runs with wal_level = {}", database.name, server.wal_level),
                    "logical replication needs wal_level = logical; the server has to be restarted",
                )
                .with_sql("ALTER SYSTEM SET wal_level = 'logical';"),
            );
        }
        if !server.may_replicate {
            let role = Ident::new(&server.role).map(|role| role.quoted()).unwrap_or_default();
            self.add(
                &Problem::warning(
                    database.spot,
                    format!(
                        "role {} of database {} lacks REPLICATION (flow {})",
                        server.role, database.name, flow.name
                    ),
                    "grant it, unless your service allows replication in another way",
                )
                .with_sql(format!("ALTER ROLE {role} REPLICATION;")),
            );
        }
        if server.encoding != "UTF8" {
            self.add(&Problem::warning(
                database.spot,
                format!("database {} is encoded in {}", database.name, server.encoding),
                "rows whose text can't be converted to UTF-8 stop the flow",
            ));
        }
    }

    fn publication(&mut self, flow: &Flow, database: &Database, found: Option<Publication>) {
        let wanted = setup::published_tables(self.config, flow);
        let problem = match found {
            None => Some(("is missing", setup::create_publication(flow, &wanted))),
            Some(found) => {
                let missing: BTreeSet<_> = wanted.difference(&found.tables).cloned().collect();
                if !(found.inserts && found.updates && found.deletes) {
                    let sql = format!(
                        "ALTER PUBLICATION \"{}\" SET (publish = 'insert, update, delete, truncate')",
                        flow.publication
                    );
                    Some(("does not publish inserts, updates and deletes", sql))
                } else if missing.is_empty() {
                    None
                } else {
                    Some(("lacks tables", setup::extend_publication(flow, &missing)))
                }
            }
        };
        if let Some((what, sql)) = problem {
            let message = format!("publication {} of database {} {what}", flow.publication, database.name);
            self.add(
                &Problem::error(database.spot, message, "a DBA who owns the tables runs")
                    .with_sql(format!("{sql};")),
            );
        }
    }

    fn slot(&mut self, flow: &Flow, database: &Database, server: &Server, slot: Option<Slot>) {
        let Some(slot) = slot else {
            if server.max_replication_slots == 0 || server.max_wal_senders == 0 {
                self.add(&Problem::error(
                    database.spot,
                    format!(
                        "database {} allows no replication (max_replication_slots, max_wal_senders)",
                        database.name
                    ),
                    "raise both and restart the server",
                ));
            }
            return;
        };
        if slot.wal_status.as_deref() == Some("lost") {
            self.add(&Problem::error(
                database.spot,
                format!("slot {} of database {} was given up by the server (wal_status lost)", flow.slot, database.name),
                "changes are missing: compare the customers with the source, then drop the slot and its checkpoint",
            ));
        }
        if let (Some(pid), Some(holder)) = (slot.active_pid, &slot.holder)
            && !holder.starts_with("acequia capture")
        {
            self.add(&Problem::warning(
                database.spot,
                format!(
                    "slot {} of database {} is in use by process {pid} (\"{holder}\")",
                    flow.slot, database.name
                ),
                "it is not Acequia's: end that reader before the daemon starts",
            ));
        }
    }
}

/// The databases of all flows, each once.
pub(super) fn databases(config: &Config) -> BTreeSet<DatabaseName> {
    Flow::all(config).into_iter().flat_map(|flow| [flow.source, flow.target]).collect()
}
