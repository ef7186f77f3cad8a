//! The primary key and the indexes, as far as the servers' limits allow.

use crate::name::backticked;

use super::super::super::table::Table;
use super::columns::{Column, KEY_BYTES, Kind};
use super::names::unique_names;
use super::source::SourceKey;

/// Characters of a text that an index looks at.
const PREFIX_CHARACTERS: u32 = 191;
/// Columns of a key; MariaDB has more.
const KEY_COLUMNS: usize = 16;

/// A key of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name, unquoted; the primary key has none.
    pub name: String,
    /// The primary key.
    pub primary: bool,
    /// No two rows are the same in it.
    pub unique: bool,
    /// Its columns.
    pub parts: Vec<Part>,
}

/// One column of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its place among the table's columns.
    pub column: usize,
    /// Only so many characters of it.
    pub prefix: Option<u32>,
}

impl Key {
    /// As it stands in `CREATE TABLE`, or behind `ADD`.
    pub(super) fn definition(&self, columns: &[Column]) -> String {
        let part = |part: &Part| {
            let prefix = part.prefix.map(|characters| format!("({characters})")).unwrap_or_default();
            format!("{}{prefix}", backticked(&columns[part.column].name))
        };
        let parts: Vec<String> = self.parts.iter().map(part).collect();
        let head = match (self.primary, self.unique) {
            (true, _) => "PRIMARY KEY".to_owned(),
            (false, true) => format!("UNIQUE KEY {}", backticked(&self.name)),
            (false, false) => format!("KEY {}", backticked(&self.name)),
        };
        format!("{head} ({})", parts.join(", "))
    }
}

/// The keys that the columns' types allow.
pub(super) fn fitting(
    keys: &[SourceKey],
    columns: &[Column],
    shape: &Table,
    leading: usize,
    notes: &mut Vec<String>,
) -> Vec<Key> {
    let names = unique_names(keys.iter().map(|key| key.name.as_str()));
    let mut fitting = Vec::new();
    for (key, name) in keys.iter().zip(names) {
        let what = || format!("index {} of table {}", key.name, shape.name);
        if key.columns.iter().any(|place| matches!(columns[*place].kind, Kind::Json | Kind::Bytes)) {
            notes.push(format!("{} is left out: the server can't compare one of its columns", what()));
            continue;
        }
        if key.columns.len() > KEY_COLUMNS {
            notes.push(format!("{} is left out: it has more than {KEY_COLUMNS} columns", what()));
            continue;
        }
        let parts = shortened(key.columns.iter().map(|place| part(*place, columns)).collect(), columns);
        let is_cut = parts.iter().any(|part| part.prefix.is_some());
        if key.unique && is_cut {
            notes.push(format!("{} does not keep rows apart: a key of the server is shorter", what()));
        }
        let unique = key.unique && !is_cut;
        let built = Key { name, primary: key.primary && unique, unique, parts };
        // An index that begins with the customer serves nobody where it keeps nothing apart.
        let without_customer = leading == 1 && key.unique && !unique;
        fitting.push(if without_customer {
            Key { parts: built.parts[1..].to_vec(), ..built }
        } else {
            built
        });
    }
    fitting
}

/// A key whose columns together are too long for one looks at the beginnings of its texts.
fn shortened(mut parts: Vec<Part>, columns: &[Column]) -> Vec<Part> {
    let bytes =
        |part: &Part| part.prefix.map_or_else(|| columns[part.column].kind.bytes(), |prefix| prefix * 4);
    while parts.iter().map(bytes).sum::<u32>() > KEY_BYTES {
        let is_text = |part: &&mut Part| {
            matches!(columns[part.column].kind, Kind::Varchar(_) | Kind::Char(_) | Kind::Text)
        };
        let Some(longest) = parts.iter_mut().filter(is_text).max_by_key(|part| bytes(part)) else { break };
        longest.prefix = Some(longest.prefix.map_or(PREFIX_CHARACTERS, |prefix| prefix / 2).max(1));
    }
    parts
}

/// A column of a key: all of it where there is room, else its beginning.
fn part(place: usize, columns: &[Column]) -> Part {
    let kind = &columns[place].kind;
    let is_long = matches!(kind, Kind::Text) || kind.bytes() > KEY_BYTES;
    Part { column: place, prefix: is_long.then_some(PREFIX_CHARACTERS) }
}
