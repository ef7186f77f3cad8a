//! What can be wrong with SQL in a rule. The text of a rule may be shown; it holds no row's value.

use crate::name::NameError;

/// The longest text of an expression, in bytes.
pub const EXPRESSION_MAX_BYTES: usize = 20_000;

/// The most words and signs of an expression, commas and literals aside: each may nest one level deeper, and reading and
/// dropping a tree takes stack for every level.
pub(super) const SIGNS_MAX: usize = 1_000;

/// A text that cannot be SQL of a rule. The places are in characters of the text; 1 is the first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Blanks at most.
    #[error("an SQL expression is missing")]
    Empty,
    /// Longer than [`EXPRESSION_MAX_BYTES`], or of too many parts.
    #[error(
        "the SQL expression is too long: at most {EXPRESSION_MAX_BYTES} bytes and {SIGNS_MAX} words and signs"
    )]
    TooLong,
    /// No expression of PostgreSQL's.
    #[error("this is no SQL expression: {0}")]
    Syntax(String),
    /// There is more behind the expression.
    #[error("this is more than one SQL expression: it goes on at character {0}")]
    Trailing(usize),
    /// Something that a rule must not do.
    #[error("{0} must not be in the SQL of a rule")]
    Forbidden(&'static str),
    /// The same, at a place.
    #[error("{what} must not be in the SQL of a rule (character {at})")]
    ForbiddenAt {
        /// What it is.
        what: &'static str,
        /// Its first character.
        at: usize,
    },
    /// A name that no column can have.
    #[error("a column's name at character {at} cannot be one: {source}")]
    Name {
        /// Its first character.
        at: usize,
        /// What is wrong with it.
        source: NameError,
    },
}

impl ExpressionError {
    /// What the parser says, with the place as a character of the text if it is known. The parser's own place counts lines,
    /// which a rule mostly has one of.
    pub(super) fn syntax(message: &str, at: Option<usize>) -> Self {
        let message = message.strip_prefix("sql parser error: ").unwrap_or(message);
        let message = message
            .replace(", found: EOF", ", and the text ends")
            .replace("Expected: ", "expected ")
            .replace(" at Line: 1, Column: ", " at character ");
        let shown: String = message.chars().flat_map(char::escape_debug).take(200).collect();
        Self::Syntax(match at {
            Some(at) => format!("{shown} at character {at}"),
            None => shown,
        })
    }
}
