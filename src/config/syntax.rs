//! Files that are not TOML: every syntax error of a file with a remedy, and how far its tree can be trusted.
//!
//! The parser goes on after an error. After a mistake inside one value the rest of the tree is right; after one in the
//! structure (a bracket that is not closed) keys may land in the wrong table, and what is found there is not told.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::finding::{Finding, Findings};
use super::mask::quote;
use super::spot::Spot;

/// A file with more syntax errors than this is no rule file; the first ones are told.
const ERRORS_MAX: usize = 50;

/// A parsed file.
pub(super) struct Document<'t> {
    /// The file's number.
    pub(super) file: usize,
    /// As much of it as could be recovered.
    pub(super) tree: DeTable<'t>,
    /// What is wrong with its syntax.
    pub(super) errors: Vec<Finding>,
    /// From this byte on the tree may be wrong; the file's end if it is right.
    pub(super) trusted_until: usize,
}

/// How a syntax error is told, and whether the tree is right after it.
struct Meaning {
    message: String,
    help: &'static str,
    inside_value: bool,
}

/// Parses one file; never fails.
pub(super) fn parse(file: usize, text: &str) -> Document<'_> {
    let (tree, errors) = DeTable::parse_recoverable(text);
    let tree = tree.into_inner();
    let mut findings = Findings::default();
    let mut trusted_until = text.len();
    let mut broken_lines = BTreeSet::new();
    // Mistakes of structure first: what is wrong beside one of them on its line follows from it.
    let mut told: Vec<(Range<usize>, &Error, Meaning)> =
        errors.iter().take(ERRORS_MAX).map(|error| understood(text, error)).collect();
    told.sort_by_key(|(span, _, meaning)| (meaning.inside_value, span.start));
    for (span, error, meaning) in told {
        let line = line_of(text, span.start);
        if broken_lines.contains(&line) {
            continue;
        }
        if !meaning.inside_value {
            broken_lines.insert(line);
            broken_lines.extend(error.span().map(|found| line_of(text, found.start)));
            trusted_until = trusted_until.min(span.start);
        }
        let finding = findings.error(spot(file, &span), meaning.message, meaning.help);
        if error.message() == DUPLICATE
            && let Some(first) = first_definition(text, &tree, &span)
        {
            finding.relate(spot(file, &first), "defined here first");
        }
    }
    if errors.len() > ERRORS_MAX {
        trusted_until = 0;
    }
    Document { file, tree, errors: findings.all, trusted_until }
}

/// Which line a byte is on; 0 is the first.
fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count()
}

/// An error with its place and its meaning.
fn understood<'e>(text: &str, error: &'e Error) -> (Range<usize>, &'e Error, Meaning) {
    let span = error.span().unwrap_or(text.len()..text.len());
    let meaning = meaning(error, text.get(span.clone()).unwrap_or_default());
    if !error.message().starts_with("missing comma") {
        return (span, error, meaning);
    }
    // The parser stops at the next word, which may be lines further on. What is missing is missing before it.
    let end = text.get(..span.start).unwrap_or_default().trim_end().len();
    (end..end, error, meaning)
}

/// The parser's words for a key or table that is there already.
const DUPLICATE: &str = "duplicate key";

/// Tells an error of the parser in the words of the house. The text is what the parser stopped at.
fn meaning(error: &Error, found: &str) -> Meaning {
    let message = error.message();
    let inside = |message: String, help| Meaning { message, help, inside_value: true };
    let outside = |message: &str, help| Meaning { message: message.to_owned(), help, inside_value: false };
    if message == DUPLICATE {
        inside(format!("{} is defined twice", quote(found)), "remove one of the two, or give it another name")
    } else if message.starts_with("string values must be quoted") && found.trim().is_empty() {
        outside("there is no value after the `=`", "write the value behind it, or remove the line")
    } else if message.starts_with("string values must be quoted") {
        inside("a text must stand between quotation marks".to_owned(), "write it as \"text\"")
    } else if message.starts_with("invalid boolean") {
        inside("this is neither `true` nor `false`".to_owned(), "write `true` or `false`, in small letters")
    } else if message.contains("escape") {
        inside(
            "a backslash must be followed by one of its letters".to_owned(),
            "write `\\\\` for a backslash, or put the text between single quotation marks",
        )
    } else if message.contains("digit") || message.contains("leading zero") {
        inside(
            "this is not a number".to_owned(),
            "write a number without a leading zero, or a text as \"text\"",
        )
    } else if message.starts_with("key with no value") {
        outside("there is no `=` after this key", "write `key = value`, or `[name]` for a table")
    } else if message.starts_with("unclosed table") {
        outside("the table's name has no closing bracket", "close it with `]` (and `[[…]]` with `]]`)")
    } else if message.starts_with("unclosed array") {
        outside("the list is not closed", "close it with `]`")
    } else if message.starts_with("unclosed inline table") {
        outside("the inline table is not closed", "close it with `}`")
    } else if message.starts_with("missing comma") {
        outside(
            "a comma or a closing bracket is missing here",
            "write `,` between entries, `]` or `}` after the last one",
        )
    } else if message.starts_with("invalid basic string") || message.starts_with("invalid literal string") {
        outside("the text has no closing quotation mark", "close it on the same line")
    } else if message.starts_with("invalid multi-line") {
        outside("the text has no closing quotation marks", "close it with the three marks that it began with")
    } else {
        outside(
            &format!("this is not TOML: {message}"),
            "see https://toml.io for how values and tables are written",
        )
    }
}

/// Where a name that is defined twice was defined before; `again` is the second place.
fn first_definition(text: &str, tree: &DeTable<'_>, again: &Range<usize>) -> Option<Range<usize>> {
    earlier_header(text, again).or_else(|| {
        let name = text.get(again.clone())?.trim_matches(['"', '\'']);
        let mut keys = Vec::new();
        Search { text, name, before: again.start }.table(tree, &mut keys);
        keys.into_iter().max_by_key(|span| span.start)
    })
}

/// The same `[header]` on an earlier line: the tree has forgotten it by then.
fn earlier_header(text: &str, again: &Range<usize>) -> Option<Range<usize>> {
    let line_start = text.get(..again.start)?.rfind('\n').map_or(0, |at| at + 1);
    let header = header(text.get(line_start..)?.lines().next()?)?;
    let mut at = 0;
    let mut found = None;
    for line in text.get(..line_start)?.split_inclusive('\n') {
        if self::header(line) == Some(header) {
            found = Some(at..at + line.trim_end().len());
        }
        at += line.len();
    }
    found
}

/// A line's `[header]` without what follows it.
fn header(line: &str) -> Option<&str> {
    let line = line.trim();
    let end = line.starts_with('[').then(|| line.find(']'))??;
    line.get(..=end)
}

/// Looks for every key of a name before a byte, except in inline tables that are closed by then.
struct Search<'a> {
    text: &'a str,
    name: &'a str,
    before: usize,
}

impl Search<'_> {
    fn table(&self, table: &DeTable<'_>, found: &mut Vec<Range<usize>>) {
        for (key, value) in table {
            if key.get_ref() == self.name && key.span().start < self.before {
                found.push(key.span());
            }
            self.value(value, found);
        }
    }

    fn value(&self, value: &Spanned<DeValue<'_>>, found: &mut Vec<Range<usize>>) {
        let span = value.span();
        let inline = self.text.get(span.clone()).is_some_and(|text| text.starts_with('{'));
        match value.get_ref() {
            DeValue::Table(table) if !inline || span.contains(&self.before) => self.table(table, found),
            DeValue::Array(items) => items.iter().for_each(|item| self.value(item, found)),
            DeValue::Table(_)
            | DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }
}

/// The parser's span as a spot.
fn spot(file: usize, span: &Range<usize>) -> Spot {
    Spot { file, start: span.start, end: span.end }
}
