//! SQL in rules: one expression over a row, read so far that its columns are known and can be given other names.
//!
//! PostgreSQL evaluates it; there is no language of our own. What is read here is only what must be known before: that
//! the text is one expression and nothing that looks beyond its row, and where in it columns stand. [`Expression::render`]
//! puts other text in their places and leaves every other character as it was written, so nothing is lost on the way
//! through the parser.

mod columns;
mod error;
mod place;

use std::ops::Range;
use std::sync::Arc;

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};

pub use self::columns::ColumnName;
use self::columns::Reader;
use self::error::SIGNS_MAX;
pub use self::error::{EXPRESSION_MAX_BYTES, ExpressionError};
use self::place::Places;

/// How deep parentheses, CASE and the like may nest.
const NESTING_MAX: usize = 50;

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
        let tokens = Tokenizer::new(&dialect, text).with_unescape(false).tokenize_with_location().map_err(
            |error| ExpressionError::syntax(&error.message, Some(places.character(error.location))),
        )?;
        check_tokens(&tokens, &places)?;
        let mut parser =
            Parser::new(&dialect).with_recursion_limit(NESTING_MAX).with_tokens_with_locations(tokens);
        let tree = parser.parse_expr().map_err(|error| ExpressionError::syntax(&error.to_string(), None))?;
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
    for TokenWithSpan { token, span } in tokens {
        let comment = matches!(token, Token::Whitespace(space) if !matches!(space, Whitespace::Space | Whitespace::Newline | Whitespace::Tab));
        let what = if comment {
            Some("a comment")
        } else if matches!(token, Token::Placeholder(_)) {
            Some("a placeholder")
        } else if matches!(token, Token::SemiColon) {
            Some("a semicolon")
        } else {
            None
        };
        if let Some(what) = what {
            return Err(ExpressionError::ForbiddenAt { what, at: places.character(span.start) });
        }
        let literal = matches!(
            token,
            Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_) | Token::Number(..)
        );
        signs += usize::from(!literal && !matches!(token, Token::Whitespace(_) | Token::Comma));
    }
    if signs > SIGNS_MAX { Err(ExpressionError::TooLong) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
