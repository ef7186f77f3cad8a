//! Finds what must not be shown in a configuration file: passwords that somebody wrote into it.
//!
//! It errs on the side of hiding. A key that only looks like `password` hides its value too, because a mistyped key
//! is just what a diagnostic shows; and in a file that does not parse, everything after such a word is hidden.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::keys::{DATABASE_KEYS, SERVER_KEYS};
use super::spelling::nearest;

/// What stands in place of a secret.
pub(super) const MASK: &str = "••••";

/// No name in a message is shown longer than this, in characters.
const QUOTE_MAX_CHARS: usize = 60;

/// Parts of a key that make its value a secret.
const SECRET_WORDS: [&str; 4] = ["pass", "pwd", "secret", "token"];

/// Whether a key's value is a secret by the key's name, mistyped or not.
fn names_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    key == "pw"
        || SECRET_WORDS.iter().any(|word| key.contains(word))
        || (5..=12).contains(&key.len()) && strsim::damerau_levenshtein(&key, "password") <= 3
}

/// Whether a text holds a secret whatever its key is: a connection URL or string, or a private key,
/// of age too.
pub(super) fn holds_secret(text: &str) -> bool {
    text.contains("://") && text.contains('@')
        || text.contains("password=")
        || text.contains("-----BEGIN")
        || text.contains("AGE-SECRET-KEY-")
}

/// A word of the user for a message: between backticks, control characters escaped, cut when it is very long.
pub(super) fn quote(text: &str) -> String {
    if holds_secret(text) {
        return format!("`{MASK}`");
    }
    let cut = if text.chars().count() > QUOTE_MAX_CHARS { "…" } else { "" };
    let shown: String = text.chars().take(QUOTE_MAX_CHARS).flat_map(escaped).collect();
    format!("`{shown}{cut}`")
}

/// A character that is safe on a terminal.
fn escaped(character: char) -> Vec<char> {
    if character.is_control() { character.escape_default().collect() } else { vec![character] }
}

/// The bytes of a file that must not be shown, in order and without overlap.
///
/// `broken` says that the tree may lack parts of the text.
pub(super) fn secrets(text: &str, tree: &DeTable<'_>, broken: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    in_table(tree, false, &mut found);
    in_unknown_keys(tree, &mut found);
    in_comments(text, &mut found);
    if broken {
        in_broken_text(text, &mut found);
    }
    merged(found)
}

/// The secrets of a table; `inside` says that the table itself is the value of a secret's key.
fn in_table(table: &DeTable<'_>, inside: bool, found: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        let name: &str = key.get_ref();
        let reference = inside && matches!(name, "file" | "credential");
        in_value(value.get_ref(), &value.span(), !reference && (inside || names_secret(name)), found);
    }
}

/// The values of keys that a database or a server does not have, or nearly has: whatever the key is called, somebody may
/// have meant a password.
fn in_unknown_keys(tree: &DeTable<'_>, found: &mut Vec<Range<usize>>) {
    for (kind, keys) in [("databases", &DATABASE_KEYS), ("servers", &SERVER_KEYS)] {
        let things = tree.get(kind).and_then(|things| things.get_ref().as_table());
        let tables = things.into_iter().flat_map(DeTable::values).filter_map(|one| one.get_ref().as_table());
        for (key, value) in tables.flatten() {
            if nearest(key.get_ref(), keys.known.iter().copied()).is_none() {
                in_value(value.get_ref(), &value.span(), true, found);
            }
        }
    }
}

/// The secrets of a value; `secret` says that its key makes it one.
fn in_value(value: &DeValue<'_>, span: &Range<usize>, secret: bool, found: &mut Vec<Range<usize>>) {
    match value {
        DeValue::Table(table) => in_table(table, secret, found),
        DeValue::Array(array) if !secret => {
            for item in array {
                in_value(item.get_ref(), &item.span(), false, found);
            }
        }
        DeValue::String(text) if !secret && !holds_secret(text) => {}
        DeValue::String(_) | DeValue::Array(_) => found.push(span.clone()),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            if secret {
                found.push(span.clone());
            }
        }
    }
}

/// What follows a secret's word in a comment: an old password that somebody kept beside the new one.
fn in_comments(text: &str, found: &mut Vec<Range<usize>>) {
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(hash) = line.find('#')
            && let Some(word) = after_secret_word(&line[hash..])
        {
            found.push(line_start + hash + word..line_start + line.trim_end().len());
        }
        line_start += line.len();
    }
}

/// In a file that does not parse: the rest of every line that has a secret's word or looks like a secret, and the lines
/// up to the end of a text of several lines that begins there.
fn in_broken_text(text: &str, found: &mut Vec<Range<usize>>) {
    let mut line_start = 0;
    let mut closing: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let line_end = line_start + line.trim_end().len();
        if let Some(quotes) = closing {
            found.push(line_start..line_end);
            closing = if line.contains(quotes) { None } else { closing };
        } else if let Some(word) = after_secret_word(line).or_else(|| holds_secret(line).then_some(0)) {
            found.push(line_start + word..line_end);
            let rest = &line[word..];
            closing = ["\"\"\"", "'''"].into_iter().find(|quotes| rest.matches(quotes).count() == 1);
        }
        line_start += line.len();
    }
}

/// Where the text after the first secret's word begins.
fn after_secret_word(line: &str) -> Option<usize> {
    let mut offset = 0;
    for part in line.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')) {
        let word = part.trim_end_matches(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'));
        if names_secret(word) {
            return Some(offset + word.len());
        }
        offset += part.len();
    }
    None
}

/// Sorted, with ranges that touch made one and empty ones dropped.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| range.start < range.end);
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            Some(_) | None => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let (tree, errors) = DeTable::parse_recoverable(text);
        let mut shown = text.to_owned();
        for range in secrets(text, tree.get_ref(), !errors.is_empty()).into_iter().rev() {
            shown.replace_range(range, MASK);
        }
        shown
    }

    #[test]
    fn an_inline_password_is_hidden_however_it_is_written() {
        for text in [
            "password = \"hunter2\"",
            "pasword = 'hunter2'",
            "\"password\" = \"\"\"\nhunter2\n\"\"\"",
            "password = { value = \"hunter2\" }",
            "[databases.practice]\nlogin = \"hunter2\"",
            "password = [\"hunter2\"]",
            "databases = { practice = { host = \"a\", password = \"hunter2\" } }",
            "host = \"postgres://acequia:hunter2@db/practice\"",
            "dbname = \"host=db password=hunter2\"",
            "user = \"acequia\" # the password was hunter2",
            "password = hunter2",
            "key\npassword = hunter2",
            "key\npassword = \"\"\"\nhunter2\n",
            "key\nurl = postgres://acequia:hunter2@db",
            "password hunter2",
        ] {
            assert!(!shown(text).contains("hunter2"), "shown: {}", shown(text));
            assert!(shown(text).contains(MASK));
        }
    }

    #[test]
    fn where_a_password_is_may_be_shown() {
        let text = "password = { credential = \"practice_password\" }";
        assert_eq!(shown(text), text);
    }

    #[test]
    fn a_quoted_word_cannot_write_to_the_terminal() {
        assert_eq!(quote("a\u{1b}[31m"), "`a\\u{1b}[31m`");
        assert_eq!(quote("postgres://u:hunter2@h/d"), "`••••`");
    }
}
