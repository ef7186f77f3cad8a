//! `[customers.NAME]`, `[datasets.NAME]` and `[protected]`.

use super::chapter::{Bond, Chapter, Entry, Group, IDENT, NAME, Shape, TEXT};
use crate::config::model::KEY_COLUMNS_MAX;
use crate::config::read::dataset::{KEYS, MISSING, REFERENCE_KEYS};
use crate::config::read::{PROTECTED_KEYS, customer};

/// `[customers.NAME]`
pub(super) static CUSTOMER: Chapter = Chapter {
    keys: &customer::KEYS,
    about: "A schema in one of the databases. All customers share the names of tables; the rows, and the numbers in the \
            primary keys, are each one's own.",
    groups: &[Group { title: None, entries: CUSTOMER_ENTRIES }],
    bonds: &[Bond::Required(&["database", "schema"])],
};

const CUSTOMER_ENTRIES: &[Entry] = &[
    Entry {
        key: "database",
        shape: Shape::Text(&NAME),
        default: None,
        about: "Where the schema is: NAME of [databases.NAME].",
    },
    Entry {
        key: "schema",
        shape: Shape::Text(&IDENT),
        default: None,
        about: "The schema's name as the catalog has it, without quotation marks of SQL.",
    },
    Entry { key: "title", shape: Shape::Text(&TEXT), default: None, about: "How people call the customer." },
];

/// `[datasets.NAME]`
pub(super) static DATASET: Chapter = Chapter {
    keys: &KEYS,
    about: "A table that every customer has. Surrogate keys and generated columns are not to be named; foreign keys between \
            the tables are found in the catalog.",
    groups: &[Group { title: None, entries: DATASET_ENTRIES }],
    bonds: &[Bond::Required(&["key"]), Bond::NotBoth("exclude", "columns")],
};

/// Columns as they are in the catalog.
const COLUMNS: Shape = Shape::List { entry: &Shape::Text(&IDENT), least: 0, most: None };

const DATASET_ENTRIES: &[Entry] = &[
    Entry {
        key: "table",
        shape: Shape::Text(&IDENT),
        default: None,
        about: "The table's name in every customer's schema. Without it, the data set's own name.",
    },
    Entry {
        key: "key",
        shape: Shape::List { entry: &Shape::Text(&TEXT), least: 1, most: Some(KEY_COLUMNS_MAX) },
        default: None,
        about: "The natural key: how people recognize the same item at another customer. Columns, or SQL over the row that \
                both sides compute alike: \"upper(trim(code))\". A column that is a foreign key counts by what it points at.",
    },
    Entry {
        key: "exclude",
        shape: COLUMNS,
        default: None,
        about: "Columns that stay each customer's own. A row that is created gets the customer's default there.",
    },
    Entry {
        key: "columns",
        shape: Shape::List { entry: &Shape::Text(&IDENT), least: 1, most: None },
        default: None,
        about: "The columns to carry, in place of all but `exclude`.",
    },
    Entry {
        key: "references",
        shape: Shape::Map { keys: &IDENT, value: &Shape::Table(&REFERENCE) },
        default: None,
        about: "By column: what becomes of a row whose parent the customer lacks.",
    },
];

/// `references = { COLUMN = { … } }`
static REFERENCE: Chapter = Chapter {
    keys: &REFERENCE_KEYS,
    about: "What a foreign key of the table means.",
    groups: &[Group { title: None, entries: REFERENCE_ENTRIES }],
    bonds: &[],
};

const REFERENCE_ENTRIES: &[Entry] = &[
    Entry {
        key: "dataset",
        shape: Shape::Text(&NAME),
        default: None,
        about: "The data set that the column points at, where the catalog leaves it open.",
    },
    Entry {
        key: "missing",
        shape: Shape::Word(|| MISSING.names()),
        default: Some("\"park\""),
        about: "Where the customer lacks the parent: the row waits for it, is written without it, or is left out.",
    },
];

/// `[protected]`
pub(super) static PROTECTED: Chapter = Chapter {
    keys: &PROTECTED_KEYS,
    about: "People, money, appointments: no slip can carry them into another practice. The lists of all files are one list.",
    groups: &[Group { title: None, entries: PROTECTED_ENTRIES }],
    bonds: &[Bond::Required(&["tables"])],
};

const PROTECTED_ENTRIES: &[Entry] = &[Entry {
    key: "tables",
    shape: COLUMNS,
    default: None,
    about: "The tables, as they are in the catalog.",
}];
