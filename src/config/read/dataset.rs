//! `[datasets.NAME]`: a table that every customer has, its natural key and its columns. And `[data_types]`, which
//! gives names to lists of them.

use std::collections::BTreeMap;

use crate::config::finding::Findings;
use crate::config::keys::KeyTable;
use crate::config::mask::quote;
use crate::config::model::{Columns, KEY_COLUMNS_MAX, KeyPart, Missing};
use crate::config::spot::Spot;
use crate::config::tree::{Item, Section, Spotted, Words};
use crate::expression::Expression;
use crate::name::{DatasetName, Ident};

/// `[datasets.NAME]`
pub(in crate::config) const KEYS: KeyTable = KeyTable {
    title: "[datasets.NAME]",
    known: &["table", "key", "exclude", "columns", "references"],
    later: &[],
};

/// One entry of `references`.
pub(in crate::config) const REFERENCE_KEYS: KeyTable =
    KeyTable {
        title: "{ dataset = \"…\", missing = \"park\" }", known: &["dataset", "missing"], later: &[]
    };

/// `missing`
pub(in crate::config) const MISSING: Words<Missing> =
    Words { known: &[("park", Missing::Park), ("null", Missing::Null), ("skip", Missing::Skip)], later: &[] };

/// A data set whose references may lead nowhere.
#[derive(Debug)]
pub(in crate::config) struct DatasetDraft {
    pub(in crate::config) name: DatasetName,
    pub(in crate::config) table: Spotted<Ident>,
    pub(in crate::config) key: Spotted<Vec<Spotted<KeyPart>>>,
    pub(in crate::config) columns: Columns,
    pub(in crate::config) columns_spot: Option<Spot>,
    pub(in crate::config) references: BTreeMap<Ident, ReferenceDraft>,
}

/// A reference whose data set may not exist.
#[derive(Debug)]
pub(in crate::config) struct ReferenceDraft {
    pub(in crate::config) dataset: Option<Spotted<String>>,
    pub(in crate::config) missing: Missing,
    pub(in crate::config) spot: Spot,
}

/// Reads one data set.
pub(super) fn read(name: &Spotted<&str>, item: Item<'_>, findings: &mut Findings) -> Option<DatasetDraft> {
    let title = format!("[datasets.{}]", quote(name.value).trim_matches('`'));
    let section = item.section(&KEYS, title, name.spot, findings)?;
    let table = if section.has("table") {
        section.parsed("table", Ident::new, "write the table's name without its schema", findings)
    } else {
        Ident::new(name.value).ok().map(|value| Spotted { value, spot: name.spot })
    };
    section.require("key", "[\"…\"]", findings);
    let key = read_key(&section, findings);
    let columns = read_columns(&section, findings);
    let references = read_references(&section, findings);
    let name = match DatasetName::new(name.value) {
        Ok(dataset) => dataset,
        Err(error) => {
            findings.error(name.spot, error.to_string(), "give the data set another name");
            return None;
        }
    };
    let (columns, columns_spot) = columns?;
    Some(DatasetDraft { name, table: table?, key: key?, columns, columns_spot, references })
}

/// Reads `NAME = ["data set", …]` of `[data_types]`.
pub(super) fn read_data_type(
    name: &Spotted<&str>,
    item: Item<'_>,
    findings: &mut Findings,
) -> Option<Vec<Spotted<String>>> {
    if let Err(error) = DatasetName::new(name.value) {
        findings.error(name.spot, error.to_string(), "give the data type another name");
    }
    let list = item.list(findings)?;
    if list.value.is_empty() {
        let message = format!("data type {} is empty", quote(name.value));
        findings.error(list.spot, message, "name at least one data set, or remove it");
    }
    Some(list.value.into_iter().filter_map(|item| item.text(findings)).collect())
}

/// Reads the natural key. Nothing comes back when one of its entries is wrong: half a key is another key.
fn read_key(section: &Section<'_>, findings: &mut Findings) -> Option<Spotted<Vec<Spotted<KeyPart>>>> {
    let list = section.get("key")?.list(findings)?;
    let entries = list.value.len();
    if !(1..=KEY_COLUMNS_MAX).contains(&entries) {
        let message = format!("a natural key has 1 to {KEY_COLUMNS_MAX} columns; this one has {entries}");
        findings.error(list.spot, message, "name the columns by which people recognize the row");
        return None;
    }
    let parts: Vec<Spotted<KeyPart>> =
        list.value.into_iter().filter_map(|item| read_key_entry(item, findings)).collect();
    let columns: Vec<Spotted<Ident>> = parts
        .iter()
        .filter_map(|part| match &part.value {
            KeyPart::Column(name) => Some(Spotted { value: name.clone(), spot: part.spot }),
            KeyPart::Expression(_) => None,
        })
        .collect();
    report_repeated(&columns, "the key", findings);
    (parts.len() == entries).then_some(Spotted { value: parts, spot: list.spot })
}

/// Reads one entry of a natural key: a column, or SQL over a row.
fn read_key_entry(item: Item<'_>, findings: &mut Findings) -> Option<Spotted<KeyPart>> {
    let text = item.text(findings)?;
    if looks_like_expression(&text.value) {
        let help = "write the name of a column, as it is in the catalog, or one SQL expression over a row";
        let sql = item.parsed(Expression::parse, help, findings)?;
        return Some(Spotted { value: KeyPart::Expression(sql.value), spot: sql.spot });
    }
    let column = item.parsed(Ident::new, "write the name of a column", findings)?;
    Some(Spotted { value: KeyPart::Column(column.value), spot: column.spot })
}

/// Whether a text is no plain name of a column. Blanks and hyphens occur in names of real tables.
fn looks_like_expression(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '#' | '-' | ' ');
    !text.chars().all(plain) || text.starts_with(|c: char| c.is_numeric() || c == ' ')
}

/// Reads `exclude` or `columns`.
fn read_columns(section: &Section<'_>, findings: &mut Findings) -> Option<(Columns, Option<Spot>)> {
    let [exclude, columns] = ["exclude", "columns"].map(|key| section.get(key));
    match (exclude, columns) {
        (None, None) => Some((Columns::All, None)),
        (Some(item), None) => {
            let names = read_column_names(item, "`exclude`", findings)?;
            Some((Columns::Except(names.value), Some(names.spot)))
        }
        (None, Some(item)) => {
            let names = read_column_names(item, "`columns`", findings)?;
            if names.value.is_empty() {
                findings.error(
                    names.spot,
                    "`columns` names no column",
                    "name the columns to copy, or remove it",
                );
            }
            Some((Columns::Only(names.value), Some(names.spot)))
        }
        (Some(_), Some(_)) => {
            let message = format!("{} has both `exclude` and `columns`", section.title);
            findings
                .error(section.key_spot("columns"), message, "keep one of the two")
                .relate(section.key_spot("exclude"), "`exclude` is here");
            None
        }
    }
}

/// Reads a list of columns.
fn read_column_names(
    item: Item<'_>,
    what: &str,
    findings: &mut Findings,
) -> Option<Spotted<Vec<(Ident, Spot)>>> {
    let names = item.parsed_list(Ident::new, "write the name of a column", findings)?;
    report_repeated(&names.value, what, findings);
    let value = names.value.into_iter().map(|name| (name.value, name.spot)).collect();
    Some(Spotted { value, spot: names.spot })
}

/// Records columns that a list names twice.
fn report_repeated(columns: &[Spotted<Ident>], what: &str, findings: &mut Findings) {
    let mut seen: BTreeMap<&Ident, Spot> = BTreeMap::new();
    for column in columns {
        if let Some(first) = seen.get(&column.value) {
            let message = format!("column {} is in {what} twice", quote(column.value.as_str()));
            findings.error(column.spot, message, "remove one of the two").relate(*first, "the first time");
        } else {
            seen.insert(&column.value, column.spot);
        }
    }
}

/// Reads `references`.
fn read_references(section: &Section<'_>, findings: &mut Findings) -> BTreeMap<Ident, ReferenceDraft> {
    let mut references = BTreeMap::new();
    let Some(item) = section.get("references") else {
        return references;
    };
    let example = "references = { COLUMN = { missing = \"null\" } }";
    for (column, item) in item.entries(example, findings) {
        let title = format!("the reference {}", quote(column.value));
        let Some(entry) = item.section(&REFERENCE_KEYS, title, column.spot, findings) else {
            continue;
        };
        let dataset = entry.text("dataset", findings);
        let missing = entry.word("missing", &MISSING, findings).map_or(Missing::Park, |word| word.value);
        match Ident::new(column.value) {
            Ok(name) => {
                references.insert(name, ReferenceDraft { dataset, missing, spot: column.spot });
            }
            Err(error) => {
                findings.error(column.spot, error.to_string(), "write the name of a column");
            }
        }
    }
    references
}
