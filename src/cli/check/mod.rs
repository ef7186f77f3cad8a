//! `acequia check`: the files, both databases of every flow, and whether they fit together. Everything wrong is said in
//! one answer, each with its place in the files and the remedy; what a DBA can mend stands there as SQL.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::console::{Exit, Output, is_unreachable, print_diagnostics, say, session};
use crate::apply::{self, control};
use crate::catalog::{Publication, Server, Slot};
use crate::config::{Config, Database, Diagnostic, Severity};
use crate::daemon::{publication_gap, read_catalogs};
use crate::name::{DatabaseName, Ident, TableName};
use crate::postgres::{self, Session};
use crate::rules::{self, Flow, Plan, Problem};

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
        say!(
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
            say!("{}", serde_json::to_string_pretty(&all?)?);
        }
        Output::Text => {
            for finding in found {
                print_diagnostics(std::slice::from_ref(&finding.diagnostic));
                if let Some(sql) = &finding.sql {
                    eprintln!("{}", indent(sql));
                }
                eprintln!();
            }
            if errors > 0 {
                eprintln!("{errors} error(s), {} warning(s)", found.len() - errors);
            }
            if found.iter().any(|finding| finding.sql.is_some()) {
                eprintln!(
                    "`acequia setup --print-sql` prints grants, publication and control schema at once."
                );
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
        let left_out = rules::setup::without_identity(config, flow, &source_catalog);
        let found = Publication::read(&here, &flow.publication).await?;
        self.publication(flow, source, found.as_ref(), &left_out);
        self.slot(flow, source, &server, Slot::read(&here, &flow.slot).await?);
        self.control(flow, &there, &target_server, &plan).await
    }

    /// The control schema, and with it whether the target takes the statements of the plan.
    async fn control(
        &mut self,
        flow: &Flow,
        there: &Session,
        server: &Server,
        plan: &Plan,
    ) -> anyhow::Result<()> {
        let config = self.config;
        let target = &config.databases[&flow.target];
        let name = format!("the control schema \"acequia\" of database {}", target.name);
        let may_make = if server.has_control_schema {
            server.may_write_control_schema
        } else {
            server.may_create_schema
        };
        let version = control::version(there).await.ok();
        match version {
            Some(version) if control::too_new(version).is_some() => {
                let what = control::too_new(version).unwrap_or_default();
                let (what, remedy) = what.rsplit_once(": ").unwrap_or((&what, ""));
                self.add(&Problem::error(target.spot, format!("{name} {what}"), remedy));
            }
            Some(version) if control::upgrade(version).is_none() => {
                let refused = match apply::preflight(there, plan).await {
                    Ok(refused) => refused,
                    Err(error) => {
                        self.failed(target, &error);
                        return Ok(());
                    }
                };
                for refused in refused {
                    let route = &plan.routes[refused.route];
                    let spot = refused.spot.unwrap_or(config.datasets[&route.dataset].spot);
                    let message =
                        format!("{} can't take data set {}: {}", route.target, route.dataset, refused.error);
                    let remedy = "make the two tables fit, or leave the column out (`exclude`)";
                    self.add(&Problem::error(spot, message, remedy));
                }
            }
            Some(_) if may_make => {}
            Some(_) | None => self.add(&Problem::error(
                target.spot,
                format!(
                    "{name} is missing, old or not for role {}, and this role may not make it",
                    server.role
                ),
                "a DBA runs the SQL of `acequia setup --print-sql` in that database",
            )),
        }
        Ok(())
    }

    async fn open(&mut self, database: &Database) -> Option<Session> {
        match session(database, "check").await {
            Ok(session) => Some(session),
            Err(error) => {
                self.failed(database, &error);
                None
            }
        }
    }

    /// A session that failed, as a problem of the database's entry.
    fn failed(&mut self, database: &Database, error: &postgres::Error) {
        self.unreachable |= is_unreachable(error.kind());
        let (text, remedy) = (error.to_string(), error.remedy());
        let what = text.strip_suffix(remedy).unwrap_or(&text).trim_end_matches(['.', ' ']);
        self.add(&Problem::error(database.spot, what, remedy));
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

    fn publication(
        &mut self,
        flow: &Flow,
        database: &Database,
        found: Option<&Publication>,
        left_out: &BTreeSet<TableName>,
    ) {
        if let Some((what, sql)) = publication_gap(self.config, flow, found, left_out) {
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
