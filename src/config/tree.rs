//! Walks one table of the parsed tree against the list of keys that it may have.
//!
//! Every question to a [`Section`] answers with a value and its spot, or with nothing after it has recorded what is
//! wrong. Nothing stops at the first problem.

use std::fmt::Display;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::finding::Findings;
use super::keys::KeyTable;
use super::mask::quote;
use super::spelling::{nearest, remedy};
use super::spot::Spot;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Spotted<T> {
    pub(super) value: T,
    pub(super) spot: Spot,
}

/// The words that a value may be.
pub(super) struct Words<T: 'static> {
    /// What this version understands.
    pub(super) known: &'static [(&'static str, T)],
    /// What it does not understand yet.
    pub(super) later: &'static [&'static str],
}

impl<T> Words<T> {
    /// The words that this version understands.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.known.iter().map(|(name, _)| *name).collect()
    }
}

/// The remedy for something that a later version brings.
pub(super) const LATER: &str = "remove it, or install a version of Acequia that supports it";

/// One table of a file.
#[derive(Debug, Clone)]
pub(super) struct Section<'t> {
    file: usize,
    table: &'t DeTable<'t>,
    keys: &'static KeyTable,
    /// How this table is called, for messages: `[datasets.payer]`.
    pub(super) title: String,
    /// Where it is defined: its name, or its header.
    pub(super) spot: Spot,
}

/// A value of the tree with its file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'t> {
    pub(super) file: usize,
    pub(super) value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Item<'t> {
    /// Where it stands.
    pub(super) fn spot(self) -> Spot {
        let span = self.value.span();
        Spot { file: self.file, start: span.start, end: span.end }
    }

    /// Records that something else was expected here.
    pub(super) fn mistyped(self, expected: &str, help: impl Into<String>, findings: &mut Findings) {
        let found = kind(self.value.get_ref());
        findings.error(self.spot(), format!("expected {expected}, found {found}"), help);
    }

    /// A text.
    pub(super) fn text(self, findings: &mut Findings) -> Option<Spotted<String>> {
        if let Some(text) = self.value.get_ref().as_str() {
            return Some(Spotted { value: text.to_owned(), spot: self.spot() });
        }
        self.mistyped("a text", "write it between quotation marks", findings);
        None
    }

    /// A text that the function accepts; the help is the remedy when it does not.
    pub(super) fn parsed<T, E: Display>(
        self,
        parse: impl FnOnce(&str) -> Result<T, E>,
        help: &str,
        findings: &mut Findings,
    ) -> Option<Spotted<T>> {
        let text = self.text(findings)?;
        match parse(&text.value) {
            Ok(value) => Some(Spotted { value, spot: text.spot }),
            Err(error) => {
                findings.error(text.spot, error.to_string(), help);
                None
            }
        }
    }

    /// A list; its entries can be anything yet.
    pub(super) fn list(self, findings: &mut Findings) -> Option<Spotted<Vec<Item<'t>>>> {
        if let Some(items) = self.value.get_ref().as_array() {
            let value = items.iter().map(|value| Item { file: self.file, value }).collect();
            return Some(Spotted { value, spot: self.spot() });
        }
        self.mistyped("a list", "write it between brackets: [\"…\", \"…\"]", findings);
        None
    }

    /// A list of texts that the function accepts; entries that it does not accept are left out.
    pub(super) fn parsed_list<T, E: Display>(
        self,
        parse: impl Fn(&str) -> Result<T, E>,
        help: &str,
        findings: &mut Findings,
    ) -> Option<Spotted<Vec<Spotted<T>>>> {
        let list = self.list(findings)?;
        let value = list.value.into_iter().filter_map(|item| item.parsed(&parse, help, findings)).collect();
        Some(Spotted { value, spot: list.spot })
    }

    /// A table with these keys, known by this title and defined at this spot.
    pub(super) fn section(
        self,
        keys: &'static KeyTable,
        title: String,
        spot: Spot,
        findings: &mut Findings,
    ) -> Option<Section<'t>> {
        if let Some(table) = self.value.get_ref().as_table() {
            return Some(Section::open(self.file, table, keys, title, spot, findings));
        }
        self.mistyped("a table", format!("write it as a table: {}", keys.title), findings);
        None
    }

    /// The entries of a table whose keys are names of the user's choice, in the order of the file.
    pub(super) fn entries(self, example: &str, findings: &mut Findings) -> Vec<(Spotted<&'t str>, Item<'t>)> {
        let Some(table) = self.value.get_ref().as_table() else {
            self.mistyped("a table", format!("write it as {example}"), findings);
            return Vec::new();
        };
        entries(self.file, table)
    }
}

/// A table's keys and values, in the order of the file (the parser sorts them by name).
pub(super) fn entries<'t>(file: usize, table: &'t DeTable<'t>) -> Vec<(Spotted<&'t str>, Item<'t>)> {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| {
            let span = key.span();
            let spot = Spot { file, start: span.start, end: span.end };
            (Spotted { value: &**key.get_ref(), spot }, Item { file, value })
        })
        .collect();
    entries.sort_by_key(|(name, _)| name.spot);
    entries
}

impl<'t> Section<'t> {
    /// Takes a table and records every key that it must not have.
    pub(super) fn open(
        file: usize,
        table: &'t DeTable<'t>,
        keys: &'static KeyTable,
        title: String,
        spot: Spot,
        findings: &mut Findings,
    ) -> Self {
        for (key, _) in entries(file, table) {
            if !keys.known.contains(&key.value) {
                refuse(&key, keys, &title, findings);
            }
        }
        Self { file, table, keys, title, spot }
    }

    /// The value of a key. Asking for a key that the table of keys does not have is a mistake of ours.
    pub(super) fn get(&self, key: &str) -> Option<Item<'t>> {
        debug_assert!(self.keys.known.contains(&key), "{key} is missing in the keys of {}", self.keys.title);
        self.table.get(key).map(|value| Item { file: self.file, value })
    }

    /// Whether tables of this kind may have the key.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.keys.known.contains(&key)
    }

    /// Whether the key is there at all, known or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where a key's name stands, else where the table is.
    pub(super) fn key_spot(&self, key: &str) -> Spot {
        self.table.get_key_value(key).map_or(self.spot, |(name, _)| {
            let span = name.span();
            Spot { file: self.file, start: span.start, end: span.end }
        })
    }

    /// Records that a key must be there, unless it is, or is mistyped.
    pub(super) fn require(&self, key: &str, example: &str, findings: &mut Findings) {
        let unknown = self.table.keys().map(|name| &**name.get_ref());
        let mut unknown = unknown.filter(|name| !self.keys.known.contains(name));
        let mistyped = unknown.any(|name| nearest(name, self.keys.known.iter().copied()) == Some(key));
        if !self.has(key) && !mistyped {
            let message = format!("{} has no `{key}`", self.title);
            findings.error(self.spot, message, format!("add `{key} = {example}`")).mark_absence();
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&self, key: &str, findings: &mut Findings) -> Option<Spotted<String>> {
        let text = self.get(key)?.text(findings)?;
        if text.value.is_empty() || text.value.contains('\0') {
            let message = format!("`{key}` must not be empty and not contain the character NUL");
            findings.error(text.spot, message, "write a value, or remove the key");
            return None;
        }
        Some(text)
    }

    /// A text that the function accepts; the help is the remedy when it does not.
    pub(super) fn parsed<T, E: Display>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        help: &str,
        findings: &mut Findings,
    ) -> Option<Spotted<T>> {
        self.get(key)?.parsed(parse, help, findings)
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &str, findings: &mut Findings) -> Option<Spotted<bool>> {
        let item = self.get(key)?;
        if let Some(value) = item.value.get_ref().as_bool() {
            return Some(Spotted { value, spot: item.spot() });
        }
        item.mistyped("`true` or `false`", "write it without quotation marks", findings);
        None
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &self,
        key: &str,
        words: &Words<T>,
        findings: &mut Findings,
    ) -> Option<Spotted<T>> {
        let item = self.get(key)?;
        let names = || words.known.iter().map(|(name, _)| *name);
        let list = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let Some(text) = item.value.get_ref().as_str() else {
            let help = format!("this version understands {list}");
            item.mistyped(&format!("a word for `{key}`"), help, findings);
            return None;
        };
        if let Some((_, value)) = words.known.iter().find(|(name, _)| *name == text) {
            return Some(Spotted { value: *value, spot: item.spot() });
        }
        if words.later.contains(&text) {
            let message = format!("`{key} = \"{text}\"` is not supported by this version");
            findings.error(item.spot(), message, format!("this version understands {list}"));
        } else {
            let help = remedy(text, names().collect::<Vec<_>>(), format!("use one of {list}"));
            findings.error(item.spot(), format!("`{key}` cannot be {}", quote(text)), help);
        }
        None
    }
}

/// Records a key that a table must not have.
fn refuse(key: &Spotted<&str>, keys: &KeyTable, title: &str, findings: &mut Findings) {
    if keys.later.contains(&key.value) {
        let message = format!("`{}` in {title} is not supported by this version", key.value);
        findings.error(key.spot, message, LATER);
        return;
    }
    let known = keys.known.join("`, `");
    let help = remedy(key.value, keys.known.to_vec(), format!("{} has the keys `{known}`", keys.title));
    findings.error(key.spot, format!("unknown key {} in {title}", quote(key.value)), help);
}

/// What a value is, for a message. Never the value itself.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
