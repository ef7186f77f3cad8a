//! `[[sync]]`, the tables below it, and `[defaults]`.

use super::chapter::{Bond, Chapter, Entry, Group, IDENT, INTERVAL, NAME, SQL, Shape, TEXT, TIME, ZONE};
use crate::config::read::rule::{DEFAULT_KEYS, INITIALS, MODES, ON_TRUNCATES, SCHEDULE_KEYS, SET_KEYS};
use crate::config::read::sync::{CUSTOMER_KEYS, DATASET_KEYS, KEYS};
use crate::config::words::Gone;

/// Of several tables the most specific counts.
const WORDS: Group = Group { title: Some("The words of a rule"), entries: RULE_WORDS };

/// The words that are merged column by column.
const FILLINGS: Group = Group { title: Some("What fills columns"), entries: FILLING_WORDS };

/// `"*"`
pub(super) const EVERYBODY: Shape = Shape::Word(|| vec!["*"]);

/// Names of customers or of what is given to them.
pub(super) const NAMES: Shape = Shape::List { entry: &Shape::Text(&NAME), least: 1, most: None };

/// `[[sync]]`
pub(super) static SYNC: Chapter = Chapter {
    keys: &KEYS,
    about: "A group: one source, and any number of targets.",
    groups: &[Group { title: None, entries: SYNC_ENTRIES }, WORDS, FILLINGS],
    bonds: &[Bond::Required(&["name", "from", "to", "data"])],
};

const SYNC_ENTRIES: &[Entry] = &[
    Entry {
        key: "name",
        shape: Shape::Text(&NAME),
        default: None,
        about: "Its name, in messages and commands.",
    },
    Entry {
        key: "from",
        shape: Shape::Text(&NAME),
        default: None,
        about: "The customer whose changes count (\"Sync From\").",
    },
    Entry {
        key: "to",
        shape: Shape::Either(&[EVERYBODY, NAMES]),
        default: None,
        about: "The customers that receive them (\"Sync To\"); \"*\" is every customer but `from`, also one that is added later.",
    },
    Entry {
        key: "except",
        shape: NAMES,
        default: None,
        about: "Of `to = \"*\"`, the customers that are not meant.",
    },
    Entry {
        key: "data",
        shape: Shape::List { entry: &Shape::Text(&TEXT), least: 1, most: None },
        default: None,
        about: "Data sets, or names of [data_types].",
    },
    Entry {
        key: "allow_protected",
        shape: Shape::Flag,
        default: Some("false"),
        about: "Lets the group carry data sets whose tables are under [protected].",
    },
    Entry {
        key: "dataset",
        shape: Shape::Named(&OF_DATASET),
        default: None,
        about: "What one data set of the group does differently.",
    },
    Entry {
        key: "customer",
        shape: Shape::Named(&OF_CUSTOMER),
        default: None,
        about: "What is different for one customer of the group.",
    },
];

/// `[sync.dataset.NAME]`, `[sync.customer.NAME.dataset.NAME]`
static OF_DATASET: Chapter = Chapter {
    keys: &DATASET_KEYS,
    about: "One data set: of the group, or of one customer in it as [sync.customer.NAME.dataset.NAME].",
    groups: &[WORDS, FILLINGS],
    bonds: &[],
};

/// `[sync.customer.NAME]`
static OF_CUSTOMER: Chapter = Chapter {
    keys: &CUSTOMER_KEYS,
    about: "One customer of the group, with all its data sets.",
    groups: &[Group { title: None, entries: CUSTOMER_ENTRIES }, WORDS, FILLINGS],
    bonds: &[],
};

const CUSTOMER_ENTRIES: &[Entry] = &[Entry {
    key: "dataset",
    shape: Shape::Named(&OF_DATASET),
    default: None,
    about: "What one data set of this customer does differently.",
}];

/// `[defaults]`
pub(super) static DEFAULTS: Chapter = Chapter {
    keys: &DEFAULT_KEYS,
    about: "What holds for every group that does not say otherwise.",
    groups: &[WORDS],
    bonds: &[],
};

/// What becomes of a customer's row: a word, or columns that are set.
const GONE: Shape =
    Shape::Either(&[Shape::Word(|| vec![Gone::Ignore.as_str(), Gone::Delete.as_str()]), Shape::Table(&MARK)]);

/// `{ set = { … } }`
static MARK: Chapter = Chapter {
    keys: &SET_KEYS,
    about: "The row stays, and is marked.",
    groups: &[Group { title: None, entries: MARK_ENTRIES }],
    bonds: &[Bond::Required(&["set"])],
};

const MARK_ENTRIES: &[Entry] = &[Entry {
    key: "set",
    shape: Shape::Map { keys: &IDENT, value: &Shape::Text(&SQL) },
    default: None,
    about: "These columns are set: SQL over the customer's own row.",
}];

const RULE_WORDS: &[Entry] = &[
    Entry {
        key: "enabled",
        shape: Shape::Flag,
        default: Some("true"),
        about: "Switches a group, a data set or a customer of it off. It is checked all the same.",
    },
    Entry {
        key: "mode",
        shape: Shape::Word(|| MODES.names()),
        default: Some("\"create-only\""),
        about: "\"create-only\": a row that the customer lacks is created, any other is left alone, whatever it says. \
                \"override\": a row that the customer has is changed too, where the data set's columns differ; its old image \
                goes to the journal. \"link-only\": nothing is written; where both sides have the row, the pair is remembered.",
    },
    Entry {
        key: "initial",
        shape: Shape::Word(|| INITIALS.names()),
        default: Some("\"none\""),
        about: "What is done, when a group first gives a data set to a customer, about the rows that are there already: they \
                are left (changes from then on), or copied first.",
    },
    Entry {
        key: "where",
        shape: Shape::Text(&SQL),
        default: None,
        about: "Only rows for which this is true are given. It may use any column of the source's row, also one that is not \
                carried.",
    },
    Entry {
        key: "on_delete",
        shape: GONE,
        default: Some("\"ignore\""),
        about: "What a delete at the source does: nothing; the customer's row goes too (under create-only, if Acequia has created \
                it); or it stays, and these columns are set.",
    },
    Entry {
        key: "on_leave",
        shape: GONE,
        default: Some("\"ignore\""),
        about: "The same, of a row that an update took out of `where`.",
    },
    Entry {
        key: "on_truncate",
        shape: Shape::Word(|| ON_TRUNCATES.names()),
        default: Some("\"ignore\""),
        about: "What a TRUNCATE at the source does: nothing, and the log says so; or as if each row had been deleted.",
    },
    Entry {
        key: "priority",
        shape: Shape::Number { least: i32::MIN as i64, most: i32::MAX as i64 },
        default: Some("0"),
        about: "Of two groups that write one data set of one customer, the higher one wins; they must differ.",
    },
    Entry {
        key: "cascade",
        shape: Shape::Flag,
        default: Some("false"),
        about: "Rows that `from` has itself received go on from there.",
    },
    Entry {
        key: "apply",
        shape: Shape::Either(&[Shape::Word(|| vec!["stream"]), Shape::Table(&SCHEDULE)]),
        default: Some("\"stream\""),
        about: "When changes are written: as they come, so often, or once a day. What waits is folded to the newest state of \
                each row.",
    },
];

const FILLING_WORDS: &[Entry] = &[
    Entry {
        key: "map",
        shape: Shape::Map { keys: &IDENT, value: &Shape::Text(&IDENT) },
        default: None,
        about: "The customer's column = another column of the source's row.",
    },
    Entry {
        key: "set",
        shape: Shape::Map { keys: &IDENT, value: &Shape::Text(&SQL) },
        default: None,
        about: "The customer's column = SQL over the source's row.",
    },
    Entry {
        key: "default",
        shape: Shape::Map {
            keys: &IDENT,
            value: &Shape::Either(&[
                Shape::Text(&SQL),
                Shape::List { entry: &Shape::Text(&SQL), least: 1, most: None },
            ]),
        },
        default: None,
        about: "The customer's column = SQL that counts where the source's value is null; of a list, the first that is not null. \
                `revenue_code.description` means the customer's own row of that data set, the one that this row refers to.",
    },
];

/// `{ every = … }` or `{ at = …, time_zone = … }`
pub(super) static SCHEDULE: Chapter = Chapter {
    keys: &SCHEDULE_KEYS,
    about: "So often, or once a day.",
    groups: &[Group { title: None, entries: SCHEDULE_ENTRIES }],
    bonds: &[Bond::OneOf(&[&["every"], &["at", "time_zone"]]), Bond::NotBoth("every", "time_zone")],
};

const SCHEDULE_ENTRIES: &[Entry] = &[
    Entry {
        key: "every",
        shape: Shape::Text(&INTERVAL),
        default: None,
        about: "This often; at most a year.",
    },
    Entry {
        key: "at",
        shape: Shape::Text(&TIME),
        default: None,
        about: "At this wall time. A day on which the clock shows it twice has it once.",
    },
    Entry { key: "time_zone", shape: Shape::Text(&ZONE), default: None, about: "Where the wall is." },
];
