//! What is wrong with a rule when it meets the databases, and the remedy.

use crate::config::Spot;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The flow can't run like this.
    Error,
    /// It can, and somebody should know.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
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
        Self { severity: Severity::Error, spot, message: message.into(), remedy: remedy.into(), sql: None }
    }

    /// A warning.
    pub fn warning(spot: Spot, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, spot, message: message.into(), remedy: remedy.into(), sql: None }
    }

    /// Adds the statement that mends it.
    #[must_use]
    pub fn with_sql(mut self, sql: impl Into<String>) -> Self {
        self.sql = Some(sql.into());
        self
    }
}
