//! Everything that `check` has found so far, and how it is told: to people with the lines of the files, to programs as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::catalog::Server;
use crate::cli::console::{Exit, Output, is_unreachable, print_diagnostics, say};
use crate::config::{Config, Database, Diagnostic, Problems, Severity};
use crate::name::DatabaseName;
use crate::postgres;
use crate::rules::{self, Problem};

/// A finding with the SQL that mends it.
struct Finding {
    diagnostic: Diagnostic,
    sql: Option<String>,
}

/// Everything found so far.
pub(super) struct Findings<'a> {
    /// What is checked.
    pub(super) config: &'a Config,
    /// What each database that was reached is: the same for two names of one database.
    pub(super) identities: BTreeMap<DatabaseName, (String, u32)>,
    found: Vec<Finding>,
    unreachable: bool,
}

impl<'a> Findings<'a> {
    /// Begins with what the files alone gave rise to.
    pub(super) fn new(config: &'a Config, warnings: Vec<Diagnostic>) -> Self {
        let found = warnings.into_iter().map(|diagnostic| Finding { diagnostic, sql: None }).collect();
        Self { config, identities: BTreeMap::new(), found, unreachable: false }
    }

    /// Adds what explains others before all of them.
    pub(super) fn add_first(&mut self, problem: &Problem) {
        self.add(problem);
        self.found.rotate_right(1);
    }

    /// Adds a problem, unless it is known: several flows can have the same.
    pub(super) fn add(&mut self, problem: &Problem) {
        let severity = match problem.severity {
            rules::Severity::Error => Severity::Error,
            rules::Severity::Warning => Severity::Warning,
        };
        let diagnostic = self.config.diagnostic(problem.spot, severity, &problem.message, &problem.remedy);
        if !self.found.iter().any(|finding| finding.diagnostic == diagnostic) {
            self.found.push(Finding { diagnostic, sql: problem.sql.clone() });
        }
    }

    /// Adds a session that failed, as a problem of the database's entry.
    pub(super) fn failed(&mut self, database: &Database, error: &postgres::Error) {
        self.unreachable |= is_unreachable(error.kind());
        let (what, remedy) = parts(error);
        self.add(&Problem::error(database.spot, what, remedy));
    }

    /// Remembers which database a name leads to.
    pub(super) fn belongs_to(&mut self, database: &Database, server: &Server) {
        self.identities
            .insert(database.name.clone(), (server.system_identifier.clone(), server.database_oid));
    }

    /// Prints all of it, what stands in the way first.
    pub(super) fn report(mut self, output: Output) -> anyhow::Result<Exit> {
        self.found.sort_by_key(|finding| finding.diagnostic.severity);
        report(&self.found, output, self.unreachable)
    }
}

/// A refusal of a statement that touches no row, in as few words as the server's own; nothing where those are not known.
pub(super) fn refusal(error: &postgres::Error) -> Option<String> {
    let postgres::Kind::Server(refusal) = error.kind() else { return None };
    refusal.message.as_ref().map(|message| format!("{message} (SQLSTATE {})", refusal.sqlstate))
}

/// What failed and on what, and what to do, of a server's or a connection's error.
pub(super) fn parts(error: &postgres::Error) -> (String, &'static str) {
    let (text, remedy) = (error.to_string(), error.remedy());
    let what = text.strip_suffix(remedy).unwrap_or(&text).trim_end_matches(['.', ' ']);
    (what.to_owned(), remedy)
}

/// Prints what is wrong with files that can't be used at all.
pub(super) fn report_files(problems: Problems, output: Output) -> anyhow::Result<Exit> {
    let found = problems.diagnostics.into_iter().map(|diagnostic| Finding { diagnostic, sql: None });
    report(&found.collect::<Vec<_>>(), output, false)
}

fn report(found: &[Finding], output: Output, unreachable: bool) -> anyhow::Result<Exit> {
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
        Output::Text => report_text(found, errors),
    }
    Ok(match (errors, unreachable) {
        (0, _) => Exit::Done,
        (_, true) => Exit::Unavailable,
        (_, false) => Exit::Configuration,
    })
}

fn report_text(found: &[Finding], errors: usize) {
    for finding in found {
        print_diagnostics(std::slice::from_ref(&finding.diagnostic));
        if let Some(sql) = &finding.sql {
            let lines: Vec<String> = sql.lines().map(|line| format!("    {line}")).collect();
            eprintln!("{}", lines.join("\n"));
        }
        eprintln!();
    }
    if errors > 0 {
        eprintln!("{errors} error(s), {} warning(s)", found.len() - errors);
    }
    if found.iter().any(|finding| finding.sql.is_some()) {
        eprintln!("`acequia setup --print-sql` prints grants, publication and control schema at once.");
    }
}
