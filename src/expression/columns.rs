//! Walks the parsed tree: where columns stand, which functions are called, and what a rule must not do.

use std::ops::{ControlFlow, Range};

use sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident as Word, ObjectName,
    Query, Visit, Visitor,
};
use sqlparser::tokenizer::Span;

use super::error::ExpressionError;
use super::place::Places;
use crate::name::Ident;

/// Words that PostgreSQL reads as a call although they have no parentheses.
const BARE_FUNCTIONS: [&str; 12] = [
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "system_user",
    "user",
];

/// Functions that make one value of many rows. In a select list they would make one row of the whole batch.
const AGGREGATES: [&str; 42] = [
    "any_value",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "every",
    "grouping",
    "json_agg",
    "json_agg_strict",
    "json_arrayagg",
    "json_object_agg",
    "json_object_agg_strict",
    "json_object_agg_unique",
    "json_objectagg",
    "jsonb_agg",
    "jsonb_agg_strict",
    "jsonb_object_agg",
    "jsonb_object_agg_strict",
    "jsonb_object_agg_unique",
    "max",
    "min",
    "mode",
    "percentile_cont",
    "percentile_disc",
    "range_agg",
    "range_intersect_agg",
    "regr_slope",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var_pop",
    "variance",
    "xmlagg",
];

/// Functions that make many rows of one. In a select list they would write one row many times.
const SET_RETURNING: [&str; 22] = [
    "generate_series",
    "generate_subscripts",
    "json_array_elements",
    "json_array_elements_text",
    "json_each",
    "json_each_text",
    "json_object_keys",
    "json_populate_recordset",
    "json_to_recordset",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "jsonb_each",
    "jsonb_each_text",
    "jsonb_object_keys",
    "jsonb_path_query",
    "jsonb_populate_recordset",
    "jsonb_to_recordset",
    "regexp_matches",
    "regexp_split_to_table",
    "string_to_table",
    "unnest",
    "xmltable",
];

/// A column as an expression names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnName {
    /// The data set before the point; none means the row itself.
    pub qualifier: Option<Ident>,
    /// The column, as the catalog has it: folded to lower case unless it is quoted.
    pub name: Ident,
}

/// What was found in a tree.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) columns: Vec<(Range<usize>, ColumnName)>,
    pub(super) functions: Vec<String>,
}

/// Reads a tree.
pub(super) struct Reader<'a> {
    text: &'a str,
    places: &'a Places<'a>,
    found: Found,
    /// Names that are no columns, or are told about already: fields and arguments.
    passed: Vec<Span>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, places: &'a Places<'a>) -> Self {
        Self { text, places, found: Found::default(), passed: Vec::new() }
    }

    /// The columns of a tree from left to right, and its functions.
    pub(super) fn read(mut self, tree: &Expr) -> Result<Found, ExpressionError> {
        if let ControlFlow::Break(error) = tree.visit(&mut self) {
            return Err(*error);
        }
        self.found.columns.sort_by_key(|(range, _)| range.start);
        Ok(self.found)
    }

    fn expression(&mut self, expr: &Expr) -> Result<(), ExpressionError> {
        if let Expr::Identifier(word) = expr {
            return self.name(None, word);
        }
        if let Expr::CompoundIdentifier(words) = expr {
            return match &words[..] {
                [qualifier, word] => self.name(Some(qualifier), word),
                _ => Err(self.forbidden("a name of more than two parts", words.first())),
            };
        }
        if let Expr::CompoundFieldAccess { root, access_chain } = expr {
            return self.access(root, access_chain);
        }
        if let Expr::Function(function) = expr {
            return self.function(function);
        }
        if matches!(expr, Expr::Wildcard(_) | Expr::QualifiedWildcard(..)) {
            return Err(ExpressionError::Forbidden("`*` for all columns"));
        }
        let foreign =
            matches!(expr, Expr::OuterJoin(_) | Expr::Prior(_) | Expr::Lambda(_) | Expr::JsonAccess { .. })
                || matches!(
                    expr,
                    Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_) | Expr::MatchAgainst { .. }
                )
                || matches!(
                    expr,
                    Expr::Struct { .. } | Expr::Named { .. } | Expr::Dictionary(_) | Expr::Map(_)
                );
        if foreign { Err(ExpressionError::Forbidden("syntax of another database")) } else { Ok(()) }
    }

    /// A name that is a column, unless it is a call without parentheses.
    fn name(&mut self, qualifier: Option<&Word>, word: &Word) -> Result<(), ExpressionError> {
        if self.passed.contains(&word.span) {
            return Ok(());
        }
        let folded = fold(word);
        if qualifier.is_none() && word.quote_style.is_none() && BARE_FUNCTIONS.contains(&folded.as_str()) {
            self.call(folded);
            return Ok(());
        }
        let first = qualifier.unwrap_or(word);
        let range = self.places.byte(first.span.start)..self.places.byte(word.span.end);
        if !self.text.get(range.clone()).is_some_and(|text| text.ends_with(&written(word))) {
            return Err(ExpressionError::Syntax("a column's place is not clear".to_owned()));
        }
        let ident = |word: &Word| {
            let at = self.places.character(word.span.start);
            Ident::new(&fold(word)).map_err(|source| ExpressionError::Name { at, source })
        };
        let column = ColumnName { qualifier: qualifier.map(ident).transpose()?, name: ident(word)? };
        self.found.columns.push((range, column));
        Ok(())
    }

    /// `column[1]`, `dataset.column[1]`, `(value).field`.
    fn access(&mut self, root: &Expr, chain: &[AccessExpr]) -> Result<(), ExpressionError> {
        let mut fields = chain.iter().filter_map(|access| match access {
            AccessExpr::Dot(Expr::Identifier(word)) => Some(word),
            AccessExpr::Dot(_) | AccessExpr::Subscript(_) => None,
        });
        if let (Expr::Identifier(qualifier), Some(AccessExpr::Dot(Expr::Identifier(word)))) =
            (root, chain.first())
        {
            self.name(Some(qualifier), word)?;
            self.passed.extend([qualifier.span, word.span]);
            _ = fields.next();
            if matches!(chain.get(1), Some(AccessExpr::Dot(_))) {
                return Err(self.forbidden("a name of more than two parts", Some(qualifier)));
            }
        }
        self.passed.extend(fields.map(|word| word.span));
        Ok(())
    }

    fn function(&mut self, function: &Function) -> Result<(), ExpressionError> {
        let name = function_name(&function.name);
        let first = function.name.0.first().and_then(|part| part.as_ident());
        let plain = name.strip_prefix("pg_catalog.").unwrap_or(&name);
        if function.over.is_some() {
            return Err(self.forbidden("a window function (OVER)", first));
        }
        let gathers = function.filter.is_some() || !function.within_group.is_empty();
        if gathers || AGGREGATES.contains(&plain) {
            return Err(self.forbidden("an aggregate function", first));
        }
        if SET_RETURNING.contains(&plain) {
            return Err(self.forbidden("a function that returns several rows", first));
        }
        if let FunctionArguments::List(list) = &function.args {
            if list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
                return Err(self.forbidden("an aggregate function", first));
            }
            for argument in &list.args {
                let value = match argument {
                    FunctionArg::Named { arg, .. } | FunctionArg::Unnamed(arg) => arg,
                    FunctionArg::ExprNamed { name, arg, .. } => {
                        if let Expr::Identifier(word) = name {
                            self.passed.push(word.span);
                        }
                        arg
                    }
                };
                if !matches!(value, FunctionArgExpr::Expr(_)) {
                    return Err(self.forbidden("`*` for all columns", first));
                }
            }
        }
        if name != "row" {
            self.call(name);
        }
        Ok(())
    }

    fn call(&mut self, name: String) {
        if !self.found.functions.contains(&name) {
            self.found.functions.push(name);
        }
    }

    fn forbidden(&self, what: &'static str, at: Option<&Word>) -> ExpressionError {
        match at {
            Some(word) => ExpressionError::ForbiddenAt { what, at: self.places.character(word.span.start) },
            None => ExpressionError::Forbidden(what),
        }
    }
}

impl Visitor for Reader<'_> {
    // A box, because the walk keeps room for it at every level.
    type Break = Box<ExpressionError>;

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<Self::Break> {
        ControlFlow::Break(Box::new(ExpressionError::Forbidden("a sub-select")))
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        match self.expression(expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }
}

/// A function's name with its schema, each part folded.
fn function_name(name: &ObjectName) -> String {
    let parts = name.0.iter().filter_map(|part| part.as_ident()).map(fold);
    parts.collect::<Vec<_>>().join(".")
}

/// A name as the catalog has it. PostgreSQL folds the letters of ASCII only where the encoding has more bytes than one.
fn fold(word: &Word) -> String {
    match word.quote_style {
        // The text was read without resolving doubled quotation marks, so that its places stay true.
        Some(_) => word.value.replace("\"\"", "\""),
        None => word.value.to_ascii_lowercase(),
    }
}

/// A name as it stands in the text.
fn written(word: &Word) -> String {
    match word.quote_style {
        Some(quote) => format!("{quote}{}{quote}", word.value),
        None => word.value.clone(),
    }
}
