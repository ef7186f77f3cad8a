//! What every key of the files means, in one table: the JSON Schema that editors use and acequia.toml(5) are made of it.
//!
//! The keys themselves, and the words that values may be, are those of the readers (`read/`); a test compares. Who adds a
//! key there adds its sentence here.
//!
//! ```text
//! chapter      what a chapter is made of
//! connection   [databases.NAME], [servers.NAME]
//! dataset      [customers.NAME], [datasets.NAME], [data_types], [protected]
//! rule         [[sync]] and below it, [defaults]
//! snapshot     [[snapshot]]
//! process      [daemon], [[notify]]
//! ```

mod chapter;
mod connection;
mod dataset;
mod process;
mod rule;
mod snapshot;

pub use chapter::{Bond, Chapter, Entry, Form, Group, Shape};

pub(super) use chapter::NAME;

use self::chapter::TEXT;
use super::read;

/// A file.
pub static FILE: Chapter = Chapter {
    keys: &read::KEYS,
    about: "A configuration is acequia.toml and every conf.d/*.toml of one directory, taken together.",
    groups: &[Group { title: None, entries: FILE_ENTRIES }],
    bonds: &[],
};

const FILE_ENTRIES: &[Entry] = &[
    Entry {
        key: "daemon",
        shape: Shape::Table(&process::DAEMON),
        default: None,
        about: "The process itself. Each key once, in whichever file.",
    },
    Entry {
        key: "databases",
        shape: Shape::Named(&connection::DATABASE),
        default: None,
        about: "The PostgreSQL databases. The name is yours; rules and messages use it.",
    },
    Entry {
        key: "customers",
        shape: Shape::Named(&dataset::CUSTOMER),
        default: None,
        about: "The customers: each is a schema in one of the databases.",
    },
    Entry {
        key: "datasets",
        shape: Shape::Named(&dataset::DATASET),
        default: None,
        about: "What can be synchronized: one entry for each table that every customer has.",
    },
    Entry {
        key: "data_types",
        shape: Shape::Map {
            keys: &NAME,
            value: &Shape::List { entry: &Shape::Text(&TEXT), least: 1, most: None },
        },
        default: None,
        about: "Names for lists of data sets, in the words of the people who use the system. `data` of a group may name \
                one in place of its data sets.",
    },
    Entry {
        key: "protected",
        shape: Shape::Table(&dataset::PROTECTED),
        default: None,
        about: "Tables that belong to one customer alone. A rule over one of these is refused, unless its group says \
                `allow_protected = true`.",
    },
    Entry {
        key: "defaults",
        shape: Shape::Table(&rule::DEFAULTS),
        default: None,
        about: "What holds for every group that does not say otherwise. In one file only.",
    },
    Entry {
        key: "sync",
        shape: Shape::Tables(&rule::SYNC),
        default: None,
        about: "The groups: who gives what to whom. Any number of them.",
    },
    Entry {
        key: "notify",
        shape: Shape::Tables(&process::NOTIFY),
        default: None,
        about: "Who is told of what, by LISTEN and NOTIFY.",
    },
    Entry {
        key: "servers",
        shape: Shape::Named(&connection::SERVER),
        default: None,
        about: "The MySQL and MariaDB servers that snapshots are loaded into.",
    },
    Entry {
        key: "snapshot",
        shape: Shape::Tables(&snapshot::SNAPSHOT),
        default: None,
        about: "Dumps of all tables of customers at one moment, on a timer.",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Every chapter, by its table of keys.
    fn chapters(chapter: &'static Chapter, found: &mut BTreeMap<String, &'static Chapter>) {
        let keys = format!("{:?}", chapter.keys);
        if found.insert(keys, chapter).is_none() {
            for inner in chapter.inner() {
                chapters(inner, found);
            }
        }
    }

    fn all() -> BTreeMap<String, &'static Chapter> {
        let mut found = BTreeMap::new();
        chapters(&FILE, &mut found);
        found
    }

    /// The sources of a folder, with those below it.
    fn sources(folder: &Path) -> String {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let texts = entries.map(|path| {
            if path.is_dir() { sources(&path) } else { fs::read_to_string(path).expect("a source") }
        });
        texts.collect()
    }

    #[test]
    fn every_key_that_the_readers_know_has_its_sentence_and_no_other() {
        for chapter in all().values() {
            let told: Vec<&str> = chapter.entries().map(|entry| entry.key).collect();
            let set: BTreeSet<&str> = told.iter().copied().collect();
            assert_eq!(told.len(), set.len(), "{} tells a key twice: {told:?}", chapter.title());
            let known: BTreeSet<&str> = chapter.keys.known.iter().copied().collect();
            assert_eq!(set, known, "{}: the manual on the left, the reader on the right", chapter.title());
            for bond in chapter.bonds {
                let keys: Vec<&str> = match bond {
                    Bond::Required(keys) => keys.to_vec(),
                    Bond::OneOf(sets) => sets.iter().flat_map(|keys| keys.iter().copied()).collect(),
                    Bond::NotBoth(one, other) | Bond::Needs(one, other) => vec![one, other],
                };
                assert!(keys.iter().all(|key| set.contains(key)), "{}: {bond:?}", chapter.title());
            }
        }
    }

    #[test]
    fn every_table_and_every_list_of_words_of_the_readers_is_in_the_manual() {
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config");
        let readers =
            sources(&config.join("read")) + &fs::read_to_string(config.join("keys.rs")).expect("the keys");
        let declared = |what: &str| -> Vec<String> {
            let lines = readers.lines().filter(|line| line.contains("const ") && line.contains(what));
            let names =
                lines.filter_map(|line| line.split("const ").nth(1)?.split(':').next().map(str::to_owned));
            names.collect()
        };
        let tables = declared(": KeyTable");
        assert!(tables.len() > 15, "only {tables:?} were found");
        assert_eq!(
            all().len(),
            tables.len(),
            "the chapters of the manual, and the readers' tables {tables:?}"
        );
        let words = declared(": Words<");
        let manual = sources(&config.join("manual"));
        assert!(words.len() > 10, "only {words:?} were found");
        for list in words {
            assert!(manual.contains(&format!("{list}.names()")), "{list} is not in the manual");
        }
    }
}
