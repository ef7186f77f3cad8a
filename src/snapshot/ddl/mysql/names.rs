//! Names of PostgreSQL as MySQL and MariaDB can have them: deterministic, so that tomorrow's are today's.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

/// Characters that a name may have.
const NAME_CHARACTERS: usize = 64;
/// Hexadecimal digits that tell apart names which had to be changed.
const MARK_DIGITS: usize = 8;

/// A name as the servers take it: at most 64 characters, none beyond the Basic Multilingual Plane, no blank at the end.
pub fn name_in_mysql(name: &str) -> String {
    let fits = |c: char| c.len_utf8() <= 3 && c != '\0';
    let whole = name.chars().all(fits) && name.chars().count() <= NAME_CHARACTERS && !name.ends_with(' ');
    if whole && !name.is_empty() { name.to_owned() } else { marked(name) }
}

/// The names of one table's columns or one database's tables, in their order. The servers compare these without regard to
/// capitals, so that of two which differ in nothing else the later one is marked.
pub fn unique_names<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut unique = Vec::new();
    for name in names {
        let mut own = name_in_mysql(name);
        let mut salt = name.to_owned();
        while !taken.insert(own.to_lowercase()) {
            own = marked(&salt);
            salt.push('+');
        }
        unique.push(own);
    }
    unique
}

/// The beginning of a name, and digits that are its own.
fn marked(name: &str) -> String {
    let mark = format!("{:x}", Sha256::digest(name.as_bytes()));
    let plain = |c: char| if c.len_utf8() > 3 || c == '\0' { '_' } else { c };
    let head: String = name.chars().map(plain).take(NAME_CHARACTERS - MARK_DIGITS - 1).collect();
    format!("{}_{}", head.trim_end(), &mark[..MARK_DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_the_servers_take_stays_and_others_get_a_mark() {
        assert_eq!(name_in_mysql("cpt code `x`"), "cpt code `x`");
        let odd = name_in_mysql("fish 🐟 ");
        assert!(odd.starts_with("fish _") && odd.chars().count() <= 64 && !odd.ends_with(' '), "{odd}");
        let long = "é".repeat(70);
        assert_eq!(name_in_mysql(&long).chars().count(), 64);
        assert_eq!(name_in_mysql(&long), name_in_mysql(&long));
    }

    #[test]
    fn names_that_differ_in_capitals_only_are_told_apart() {
        let names = unique_names(["Code", "code", "CODE", "other"]);
        let lower: BTreeSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!((names[0].as_str(), lower.len()), ("Code", 4));
        assert!(names[1].starts_with("code_"), "{names:?}");
    }
}
