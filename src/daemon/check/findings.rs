//! Everything that a check has found so far, each with its place in the files and the remedy.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use crate::catalog::Server;
use crate::config::{Config, Database, Diagnostic, Severity};
use crate::name::DatabaseName;
use crate::postgres::{self, Session};
use crate::rules::{self, Problem};

/// What DBAs see of the sessions of a check.
const APPLICATION: &str = "acequia check";

/// A finding with the SQL that mends it.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What and where.
    pub diagnostic: Diagnostic,
    /// What a DBA runs.
    pub sql: Option<String>,
}

impl Finding {
    /// It stands in the way.
    pub fn is_error(&self) -> bool {
        self.diagnostic.severity == Severity::Error
    }
}

impl From<Diagnostic> for Finding {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { diagnostic, sql: None }
    }
}

/// Everything found so far.
pub struct Findings<'a> {
    /// What is checked.
    pub(super) config: &'a Config,
    /// What each database that was reached is: the same for two names of one database.
    pub(super) identities: BTreeMap<DatabaseName, (String, u32)>,
    found: Vec<Finding>,
    /// Databases that did not answer.
    pub(super) silent: BTreeSet<DatabaseName>,
}

impl<'a> Findings<'a> {
    /// Begins with what the files alone gave rise to.
    pub fn new(config: &'a Config, warnings: Vec<Diagnostic>) -> Self {
        let found = warnings.into_iter().map(Finding::from).collect();
        Self { config, identities: BTreeMap::new(), found, silent: BTreeSet::new() }
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

    /// Looks which of these databases answer, side by side: several that hang are waited for together, and once.
    pub(super) async fn knock(&mut self, names: BTreeSet<&DatabaseName>) {
        let config = self.config;
        let new = |name: &&DatabaseName| !self.silent.contains(*name) && !self.identities.contains_key(*name);
        let databases = names.into_iter().filter(new).map(|name| &config.databases[name]);
        let opened = databases.map(async |database| (database, postgres::open(database, APPLICATION).await));
        for (database, opened) in join_all(opened).await {
            // What else may be wrong is found when it is asked.
            if let Err(error) = opened
                && error.kind().is_unreachable()
            {
                self.failed(database, &error);
            }
        }
    }

    /// Opens a session; one that fails is a finding. A database that did not answer once is not waited for again.
    pub(super) async fn open(&mut self, database: &Database) -> Option<Session> {
        if self.silent.contains(&database.name) {
            return None;
        }
        match postgres::open(database, APPLICATION).await {
            Ok(session) => Some(session),
            Err(error) => {
                self.failed(database, &error);
                None
            }
        }
    }

    /// Adds a session that failed, as a problem of the database's entry.
    pub(super) fn failed(&mut self, database: &Database, error: &postgres::Error) {
        if error.kind().is_unreachable() {
            self.silent.insert(database.name.clone());
        }
        let (what, remedy) = parts(error);
        self.add(&Problem::error(database.spot, what, remedy));
    }

    /// Whether a database did not answer.
    pub fn is_unreachable(&self) -> bool {
        !self.silent.is_empty()
    }

    /// Remembers which database a name leads to.
    pub(super) fn belongs_to(&mut self, database: &Database, server: &Server) {
        self.identities
            .insert(database.name.clone(), (server.system_identifier.clone(), server.database_oid));
    }

    /// All of it, what stands in the way first.
    pub fn into_found(mut self) -> Vec<Finding> {
        self.found.sort_by_key(|finding| finding.diagnostic.severity);
        self.found
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
