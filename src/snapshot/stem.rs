//! How the file of a data set is called, without its ending: as the table's comment says (`dat=B_PAYOR`), else as the table,
//! in capitals.
//!
//! Only letters and digits of ASCII, `_` and `-` are in it, so that every file system and every reader of archives takes it,
//! and no name leads out of its directory. In one archive no two are the same, also for those who ignore case. A name
//! depends on no more than the tables beside it: tomorrow's file is called as today's.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::table::Table;

/// The longest stem, in bytes, of what a hint or a table can make.
pub const STEM_MAX_BYTES: usize = 100;

/// What is left of a long one, before something is put behind it that tells it from others.
const KEPT_BYTES: usize = 80;

/// Names that Windows takes for devices, whatever ending they have.
const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];

/// The stems of the tables of one archive, in their order.
pub fn stems(tables: &[&Table]) -> Vec<String> {
    let mut order: Vec<usize> = (0..tables.len()).collect();
    order.sort_by(|one, other| precedence(tables[*one], tables[*other]));
    let mut stems = vec![String::new(); tables.len()];
    let mut taken = BTreeSet::new();
    for place in order {
        let table = tables[place];
        let mut stem = stem(table);
        let mut salt = 0;
        while !taken.insert(stem.to_ascii_uppercase()) {
            stem = marked(&self::stem(table), table, salt);
            salt += 1;
        }
        stems[place] = stem;
    }
    stems
}

/// Who keeps a name that several would have: whoever asked for it, then the table in the usual lower case, then the first.
fn precedence(one: &Table, other: &Table) -> Ordering {
    let rank = |table: &Table| {
        let name = table.name.table.as_str().to_owned();
        (table.hint("dat").is_none(), name.chars().any(char::is_uppercase), name)
    };
    rank(one).cmp(&rank(other))
}

fn stem(table: &Table) -> String {
    let wanted = table.hint("dat").map_or_else(|| table.name.table.as_str().to_uppercase(), str::to_owned);
    let safe = |letter: char| {
        if letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-') { letter } else { '_' }
    };
    let stem: String = wanted.chars().map(safe).collect();
    if stem.len() > KEPT_BYTES || !stem.contains(|letter: char| letter.is_ascii_alphanumeric()) {
        return marked(&stem, table, 0);
    }
    if stem.starts_with('-') || is_device(&stem) { format!("_{stem}") } else { stem }
}

fn is_device(stem: &str) -> bool {
    let stem = stem.to_ascii_uppercase();
    let numbered = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    let is_numbered =
        numbered.is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit());
    is_numbered || DEVICES.contains(&stem.as_str())
}

/// A stem with a mark that only this table has.
fn marked(stem: &str, table: &Table, salt: u32) -> String {
    let mut hash = Sha256::new();
    hash.update(salt.to_be_bytes());
    hash.update(table.name.table.as_str());
    let mark = hash.finalize().first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    let kept = stem.trim_start_matches('-');
    format!("{}_{mark:08X}", &kept[..kept.len().min(KEPT_BYTES)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::name::{Ident, TableName};

    fn table(name: &str, hint: Option<&str>) -> Table {
        Table {
            name: TableName {
                schema: Ident::new("hq").expect("a name"),
                table: Ident::new(name).expect("a name"),
            },
            oid: 1,
            comment: hint.map(|hint| format!("dataset=Payor; dat={hint}")),
            may_select: true,
            partitioned: false,
            rows_estimate: 0,
            size_bytes: 0,
            columns: Vec::new(),
            indexes: Vec::new(),
        }
    }

    fn stem_of(name: &str, hint: Option<&str>) -> String {
        stems(&[&table(name, hint)]).remove(0)
    }

    #[test]
    fn a_file_is_called_as_the_comment_says_or_as_the_table_in_capitals() {
        assert_eq!(stem_of("payer", Some("B_PAYOR")), "B_PAYOR");
        assert_eq!(stem_of("fee_schedule", None), "FEE_SCHEDULE");
        assert_eq!(stem_of("Fee Schedule", None), "FEE_SCHEDULE");
        assert_eq!(stem_of("größe", None), "GR_SSE");
    }

    #[test]
    fn no_name_leads_out_of_its_directory_or_is_a_device() {
        assert_eq!(stem_of("t", Some("../../etc/passwd")), "______etc_passwd");
        assert_eq!(stem_of("..\\x", None), "___X");
        assert_eq!(stem_of("nul", None), "_NUL");
        assert_eq!(stem_of("com1", None), "_COM1");
        assert_eq!(stem_of("com10", None), "COM10");
        assert_eq!(stem_of("-rf", None), "_-RF");
        assert_eq!(stem_of("..", None).len(), 11);
    }

    #[test]
    fn one_of_several_keeps_the_name_and_the_others_stay_what_they_are() {
        let (lower, upper, hinted) = (table("foo", None), table("Foo", None), table("bar", Some("foo")));
        let two = stems(&[&upper, &lower]);
        assert_eq!(two[1], "FOO");
        assert!(two[0].starts_with("FOO_"));
        let three = stems(&[&lower, &hinted, &upper]);
        assert_eq!(three[1], "foo");
        assert_eq!(three[2], two[0], "a mark does not depend on who else is there");
    }

    proptest! {
        #[test]
        fn stems_are_safe_short_and_different(names in prop::collection::vec(
            (r"[a-cA-C.é/\\\- ]{1,4}", prop::option::of(r"[a-b./]{1,120}")), 1..9)) {
            let tables: Vec<_> = names.iter().map(|(name, hint)| table(name, hint.as_deref())).collect();
            let stems = stems(&tables.iter().collect::<Vec<_>>());
            let mut seen = BTreeSet::new();
            for (stem, (name, _)) in stems.iter().zip(&names) {
                let safe = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
                prop_assert!(!stem.is_empty() && stem.len() <= STEM_MAX_BYTES && stem.chars().all(safe), "{name}: {stem}");
                prop_assert!(!stem.starts_with('-') && seen.insert(stem.to_ascii_uppercase()));
            }
        }
    }
}
