//! SQL in rules: one expression over a row, read so far that its columns are known and can be given other names.
//!
//! PostgreSQL evaluates it; there is no language of our own. What is read here is only what must be known before: that
//! the text is one expression and nothing that looks beyond its row, and where in it columns stand. [`Expression::render`]
//! puts other text in their places and leaves every other character as it was written, so nothing is lost on the way
//! through the parser.

mod columns;

use std::ops::Range;
use std::sync::Arc;

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace};

use self::columns::Reader;
use crate::name::{Ident, NameError};

/// The longest text of an expression, in bytes.
pub const EXPRESSION_MAX_BYTES: usize = 20_000;

/// The most words and signs of an expression, commas and literals aside: each may nest one level deeper, and reading and
/// dropping a tree takes stack for every level.
const SIGNS_MAX: usize = 1_000;

/// How deep parentheses, CASE and the like may nest.
const NESTING_MAX: usize = 50;

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

/// A column as an expression names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnName {
    /// The data set before the point; none means the row itself.
    pub qualifier: Option<Ident>,
    /// The column, as the catalog has it: folded to lower case unless it is quoted.
    pub name: Ident,
}

/// One SQL expression of PostgreSQL, without sub-selects, aggregates, placeholders and comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    text: Arc<str>,
    /// The columns with the bytes where they stand, from left to right.
    columns: Arc<[(Range<usize>, ColumnName)]>,
    functions: Arc<[String]>,
}

impl Expression {
    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ExpressionError::Empty);
        }
        if text.len() > EXPRESSION_MAX_BYTES {
            return Err(ExpressionError::TooLong);
        }
        let places = Places::new(text);
        let dialect = PostgreSqlDialect {};
        let tokens = Tokenizer::new(&dialect, text)
            .with_unescape(false)
            .tokenize_with_location()
            .map_err(|error| syntax(&error.message, Some(places.character(error.location))))?;
        check_tokens(&tokens, &places)?;
        let mut parser =
            Parser::new(&dialect).with_recursion_limit(NESTING_MAX).with_tokens_with_locations(tokens);
        let tree = parser.parse_expr().map_err(|error| syntax(&error.to_string(), None))?;
        let rest = parser.peek_token();
        if rest.token != Token::EOF {
            return Err(ExpressionError::Trailing(places.character(rest.span.start)));
        }
        let found = Reader::new(text, &places).read(&tree)?;
        Ok(Self { text: text.into(), columns: found.columns.into(), functions: found.functions.into() })
    }

    /// The text as it was written, without blanks around it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The columns that it names, each once, in the order of their first places.
    pub fn columns(&self) -> Vec<ColumnName> {
        let mut columns = Vec::new();
        for (_, column) in self.columns.iter() {
            if !columns.contains(column) {
                columns.push(column.clone());
            }
        }
        columns
    }

    /// The functions that it calls, each once: folded as PostgreSQL folds, with the schema if one is named. `current_date`
    /// and its like are among them; what has a syntax of its own (`CAST`, `EXTRACT`, `TRIM … FROM`, …) is not.
    pub fn functions(&self) -> Vec<String> {
        self.functions.to_vec()
    }

    /// The text with every column replaced. What the caller gives must stand for itself wherever a column can, so anything
    /// longer than a name wants parentheses; so does the whole before it becomes part of something else.
    pub fn render(&self, column: &mut dyn FnMut(&ColumnName) -> String) -> String {
        let mut sql = String::with_capacity(self.text.len() * 2);
        let mut done = 0;
        for (range, name) in self.columns.iter() {
            sql.push_str(&self.text[done..range.start]);
            sql.push_str(&column(name));
            done = range.end;
        }
        sql.push_str(&self.text[done..]);
        sql
    }
}

/// What must not be there, whatever it means.
fn check_tokens(tokens: &[TokenWithSpan], places: &Places) -> Result<(), ExpressionError> {
    let mut signs = 0;
    for token in tokens {
        let what = match &token.token {
            Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)) => {
                Some("a comment")
            }
            Token::Placeholder(_) => Some("a placeholder"),
            Token::SemiColon => Some("a semicolon"),
            token => {
                let level = !matches!(token, Token::Whitespace(_) | Token::Comma | Token::Number(..))
                    && !matches!(token, Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_));
                signs += usize::from(level);
                None
            }
        };
        if let Some(what) = what {
            return Err(ExpressionError::ForbiddenAt { what, at: places.character(token.span.start) });
        }
    }
    if signs > SIGNS_MAX { Err(ExpressionError::TooLong) } else { Ok(()) }
}

/// What the parser says, with the place as a character of the text if it is known. The parser's own place counts lines,
/// which a rule mostly has one of.
fn syntax(message: &str, at: Option<usize>) -> ExpressionError {
    let message = message.strip_prefix("sql parser error: ").unwrap_or(message);
    let message =
        message.replace("Expected: ", "expected ").replace(" at Line: 1, Column: ", " at character ");
    let shown: String = message.chars().flat_map(char::escape_debug).take(200).collect();
    ExpressionError::Syntax(match at {
        Some(at) => format!("{shown} at character {at}"),
        None => shown,
    })
}

/// Where the lines of a text begin, to turn the parser's places into bytes.
struct Places<'a> {
    text: &'a str,
    lines: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        let behind_ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, lines: std::iter::once(0).chain(behind_ends).collect() }
    }

    /// The byte of a place; one that is not in the text is its end.
    fn byte(&self, location: Location) -> usize {
        let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX).saturating_sub(1);
        let Some(&start) = self.lines.get(number(location.line)) else { return self.text.len() };
        let mut characters = self.text[start..].char_indices();
        characters.nth(number(location.column)).map_or(self.text.len(), |(at, _)| start + at)
    }

    /// The same in characters; 1 is the first.
    fn character(&self, location: Location) -> usize {
        self.text[..self.byte(location)].chars().count() + 1
    }
}

#[cfg(test)]
mod tests;
