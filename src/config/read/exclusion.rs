//! `exclude` and `include` of a snapshot: tables, and columns of tables.

use crate::config::finding::Findings;
use crate::config::mask::quote;
use crate::config::snapshot::Exclusion;
use crate::config::tree::Section;
use crate::name::Ident;

/// How to write an entry.
const HELP: &str = "write \"table\" or \"table.column\"; a name with a dot in quotation marks, as in SQL";

/// Reads one of the two. Nothing comes back when an entry is wrong.
pub(super) fn read_exclusions(
    section: &Section<'_>,
    key: &str,
    findings: &mut Findings,
) -> Option<Vec<Exclusion>> {
    let Some(item) = section.get(key) else {
        return Some(Vec::new());
    };
    let list = item.list(findings)?;
    let count = list.value.len();
    let mut entries: Vec<Exclusion> = Vec::new();
    for item in list.value {
        let Some(entry) = item.parsed(parse, HELP, findings) else { continue };
        let (table, column) = entry.value;
        let entry = Exclusion { table, column, spot: entry.spot };
        let same = |one: &&Exclusion| (&one.table, &one.column) == (&entry.table, &entry.column);
        if let Some(first) = entries.iter().find(same) {
            let message = format!("{} is in `{key}` twice", quote(&entry.to_string()));
            findings.error(entry.spot, message, "remove one of the two").relate(first.spot, "the first time");
        } else {
            entries.push(entry);
        }
    }
    (entries.len() == count).then_some(entries)
}

/// `table` or `table.column`, each as it is in the catalog, in quotation marks if need be.
fn parse(text: &str) -> Result<(Ident, Option<Ident>), String> {
    let wrong = || format!("{} is no table, and no column of one", quote(text));
    let (table, rest) = part(text).ok_or_else(wrong)?;
    let column = match rest.strip_prefix('.') {
        None if rest.is_empty() => None,
        None => return Err(wrong()),
        Some(rest) => match part(rest) {
            Some((column, "")) => Some(column),
            Some(_) | None => return Err(wrong()),
        },
    };
    let ident = |name: String| Ident::new(&name).map_err(|error| error.to_string());
    Ok((ident(table)?, column.map(ident).transpose()?))
}

/// The first name of a text, and what follows it.
fn part(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    loop {
        let quote = rest.find('"')?;
        name.push_str(&rest[..quote]);
        rest = &rest[quote + 1..];
        let Some(more) = rest.strip_prefix('"') else {
            return Some((name, rest));
        };
        name.push('"');
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_dot_is_written_as_in_sql() {
        let parsed = |text| {
            let (table, column) = parse(text).expect("a name");
            (table.to_string(), column.map(|column| column.to_string()))
        };
        assert_eq!(parsed("patient_document"), ("patient_document".to_owned(), None));
        assert_eq!(parsed("patient.photo"), ("patient".to_owned(), Some("photo".to_owned())));
        assert_eq!(parsed(r#""a.b"."c""d""#), ("a.b".to_owned(), Some("c\"d".to_owned())));
        for text in ["", ".", "a.", ".b", "a.b.c", "\"a", "\"a\"b", "a.\"b\"c"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
