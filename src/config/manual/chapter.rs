//! What a chapter of the manual is made of: keys, the values that they take, and a sentence for each.

use crate::config::keys::KeyTable;

/// One kind of table in the files.
#[derive(Debug)]
pub struct Chapter {
    /// The keys that the reader of this table knows.
    pub(in crate::config) keys: &'static KeyTable,
    /// What the table is for, in a sentence or two.
    pub about: &'static str,
    /// Its keys.
    pub groups: &'static [Group],
    /// What holds between its keys.
    pub bonds: &'static [Bond],
}

impl Chapter {
    /// How the table is called: `[databases.NAME]`.
    pub fn title(&self) -> &'static str {
        self.keys.title
    }

    /// Its keys, one by one.
    pub fn entries(&self) -> impl Iterator<Item = &'static Entry> + use<> {
        let groups: &'static [Group] = self.groups;
        groups.iter().flat_map(|group| group.entries)
    }

    /// The chapters of the tables that stand in this one, in the order of their keys.
    pub fn inner(&self) -> Vec<&'static Self> {
        self.entries().flat_map(|entry| entry.shape.chapters()).collect()
    }
}

/// Keys that belong together.
#[derive(Debug)]
pub struct Group {
    /// How they are called where several tables have them; nothing where they are this table's own.
    pub title: Option<&'static str>,
    /// The keys.
    pub entries: &'static [Entry],
}

/// One key.
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: &'static str,
    /// Its values.
    pub shape: Shape,
    /// What holds where it is left out, as it would be written; nothing where that takes a sentence.
    pub default: Option<&'static str>,
    /// What it does.
    pub about: &'static str,
}

/// What a value may be.
#[derive(Debug)]
pub enum Shape {
    /// A text of some form.
    Text(&'static Form),
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Number {
        /// The smallest.
        least: i64,
        /// The largest.
        most: i64,
    },
    /// One of a few words: those that the reader knows.
    Word(fn() -> Vec<&'static str>),
    /// A list.
    List {
        /// What is in it.
        entry: &'static Self,
        /// How many there are at least.
        least: usize,
        /// How many there are at most.
        most: Option<usize>,
    },
    /// A table.
    Table(&'static Chapter),
    /// Tables, each under a name of the user's choice.
    Named(&'static Chapter),
    /// A list of tables: `[[…]]`.
    Tables(&'static Chapter),
    /// A table whose keys are names, and whose values are all of one shape.
    Map {
        /// What its keys are.
        keys: &'static Form,
        /// What its values are.
        value: &'static Self,
    },
    /// One of these.
    Either(&'static [Self]),
}

impl Shape {
    /// The chapters of the tables that such a value is or holds.
    fn chapters(&self) -> Vec<&'static Chapter> {
        match self {
            Self::Text(_) | Self::Flag | Self::Number { .. } | Self::Word(_) => Vec::new(),
            Self::Table(chapter) | Self::Named(chapter) | Self::Tables(chapter) => vec![*chapter],
            Self::List { entry: value, .. } | Self::Map { value, .. } => value.chapters(),
            Self::Either(shapes) => shapes.iter().flat_map(Self::chapters).collect(),
        }
    }
}

/// The form of a text.
#[derive(Debug)]
pub struct Form {
    /// What it is, for people.
    pub name: &'static str,
    /// A regular expression that every such text matches (ECMA 262, as in a JSON Schema).
    pub pattern: Option<&'static str>,
    /// The most characters that it has.
    pub characters_max: Option<usize>,
}

/// What holds between the keys of a table.
#[derive(Debug)]
pub enum Bond {
    /// These must be there.
    Required(&'static [&'static str]),
    /// Of these sets exactly one is there, and whole.
    OneOf(&'static [&'static [&'static str]]),
    /// Never both.
    NotBoth(&'static str, &'static str),
    /// Where the first is, the second is too.
    Needs(&'static str, &'static str),
}

/// Any text.
pub(super) const TEXT: Form = Form { name: "text", pattern: None, characters_max: None };
/// A file or directory.
pub(super) const PATH: Form = Form { name: "path", pattern: None, characters_max: None };
/// A name of the user's choice.
pub(in crate::config) const NAME: Form =
    Form { name: "name", pattern: Some("^[A-Za-z0-9][A-Za-z0-9_.-]*$"), characters_max: Some(63) };
/// A name as it is in the catalog of a database.
pub(super) const IDENT: Form = Form { name: "name in the catalog", pattern: None, characters_max: Some(63) };
/// An expression.
pub(super) const SQL: Form = Form { name: "SQL", pattern: None, characters_max: None };
/// A number of bytes.
pub(super) const SIZE: Form = Form {
    name: "size, such as \"20GB\"",
    pattern: Some("^\\s*0*[1-9][0-9]*\\s*([kKmMgGtT]?[bB])\\s*$"),
    characters_max: None,
};
/// A number of days.
pub(super) const DAYS: Form = Form {
    name: "days, such as \"30d\"",
    pattern: Some("^\\s*0*[1-9][0-9]{0,4}\\s*d\\s*$"),
    characters_max: None,
};
/// A span of time.
pub(super) const INTERVAL: Form = Form {
    name: "interval, such as \"30s\", \"15m\", \"2h\" or \"1d\"",
    pattern: Some("^\\s*0*[1-9][0-9]*\\s*[smhd]\\s*$"),
    characters_max: None,
};
/// A wall time.
pub(super) const TIME: Form = Form {
    name: "time of day, such as \"02:00\"",
    pattern: Some("^[0-9]{1,2}:[0-9]{1,2}$"),
    characters_max: None,
};
/// A time zone.
pub(super) const ZONE: Form = Form {
    name: "time zone, such as \"America/New_York\"",
    pattern: Some("^[A-Za-z]"),
    characters_max: None,
};
