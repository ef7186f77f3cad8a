//! What is wrong with a rule when it meets the databases, and the remedy.

use crate::config::Spot;
use crate::name::{CustomerName, DatasetName};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// What it is about can't run like this.
    Error,
    /// It can, and somebody should know.
    Warning,
}

/// How far a problem reaches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The flow can't go on at all.
    Flow,
    /// Nothing of this table goes to anybody: source customer, data set.
    Source(CustomerName, DatasetName),
    /// Nothing of it goes to one customer: source customer, target customer, data set.
    Route(CustomerName, CustomerName, DatasetName),
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// Who has to wait until it is mended.
    pub scope: Scope,
    /// The place in the rule files that is to blame.
    pub spot: Spot,
    /// What is wrong and on what.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// The same as SQL, where a DBA can mend it.
    pub sql: Option<String>,
}

impl Problem {
    /// An error.
    pub fn error(spot: Spot, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Error, spot, message.into(), remedy.into())
    }

    /// A warning.
    pub fn warning(spot: Spot, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Warning, spot, message.into(), remedy.into())
    }

    fn new(severity: Severity, spot: Spot, message: String, remedy: String) -> Self {
        Self { severity, scope: Scope::Flow, spot, message, remedy, sql: None }
    }

    /// Says how far it reaches.
    #[must_use]
    pub fn within(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// It stands in the way of what it is about.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Adds the statement that mends it.
    #[must_use]
    pub fn with_sql(mut self, sql: impl Into<String>) -> Self {
        self.sql = Some(sql.into());
        self
    }
}
