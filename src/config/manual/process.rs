//! `[daemon]` and `[[notify]]`.

use super::chapter::{Bond, Chapter, DAYS, Entry, Form, Group, IDENT, INTERVAL, PATH, SIZE, Shape, TEXT};
use super::rule::SCHEDULE;
use crate::config::read::{daemon, notify};

/// An address that only this host reaches.
const LOOPBACK: Form = Form {
    name: "loopback address and port",
    pattern: Some("^(127(\\.[0-9]{1,3}){3}|\\[::1\\]):[0-9]{1,5}$"),
    characters_max: None,
};

/// `[daemon]`
pub(super) static DAEMON: Chapter = Chapter {
    keys: &daemon::KEYS,
    about: "The process itself.",
    groups: &[Group { title: None, entries: DAEMON_ENTRIES }],
    bonds: &[],
};

const DAEMON_ENTRIES: &[Entry] = &[
    Entry {
        key: "runtime_directory",
        shape: Shape::Text(&PATH),
        default: None,
        about: "Where the running daemon keeps its lock and what `acequia status` reads. Without it, systemd's \
                RUNTIME_DIRECTORY, else /run/acequia. It needs a restart; all else is a reload.",
    },
    Entry {
        key: "journal_keep",
        shape: Shape::Text(&DAYS),
        default: Some("\"30d\""),
        about: "For how long the old images of changed and deleted rows are kept, and what `acequia history` tells.",
    },
    Entry {
        key: "journal_max",
        shape: Shape::Text(&SIZE),
        default: Some("\"10GB\""),
        about: "How much room all of them may take in one database; then the oldest go. What `acequia history` tells may take a \
                tenth of it beside them.",
    },
    Entry {
        key: "parked_limit",
        shape: Shape::Number { least: 1, most: i64::MAX },
        default: Some("1000000"),
        about: "So many rows wait at most for one customer that is paused, locked or broken. Past it nothing more is kept for \
                that customer: it needs a resync then.",
    },
    Entry {
        key: "verify",
        shape: Shape::Table(&SCHEDULE),
        default: None,
        about: "When all customers are compared with what the rules give them. What differs is told; nothing is repaired. \
                Without it, never.",
    },
    Entry {
        key: "listen",
        shape: Shape::Text(&LOOPBACK),
        default: None,
        about: "Where health and metrics are told by HTTP: a loopback address of this host, such as \"127.0.0.1:9753\". \
                Without it, nowhere.",
    },
    Entry {
        key: "max_lag",
        shape: Shape::Text(&INTERVAL),
        default: Some("\"60s\""),
        about: "After so long a row that has not arrived is late, and health is red. At least \"5s\".",
    },
    Entry {
        key: "max_parked_age",
        shape: Shape::Text(&INTERVAL),
        default: Some("\"24h\""),
        about: "For so long a row may be parked that nobody has mended; then health is red.",
    },
];

/// `[[notify]]`
pub(super) static NOTIFY: Chapter = Chapter {
    keys: &notify::KEYS,
    about: "Somebody who is told of events. A payload is JSON, with keys and counts and no other values of rows.",
    groups: &[Group { title: None, entries: NOTIFY_ENTRIES }],
    bonds: &[Bond::Required(&["name", "on", "channel"])],
};

const NOTIFY_ENTRIES: &[Entry] = &[
    Entry { key: "name", shape: Shape::Text(&TEXT), default: None, about: "Its name, in messages." },
    Entry {
        key: "on",
        shape: Shape::List {
            entry: &Shape::Word(|| notify::EVENTS.iter().map(|(name, _)| *name).collect()),
            least: 1,
            most: None,
        },
        default: None,
        about: "The events. \"alert.*\" is what somebody has to do something about.",
    },
    Entry { key: "channel", shape: Shape::Table(&CHANNEL), default: None, about: "By which way." },
];

/// `channel`
static CHANNEL: Chapter = Chapter {
    keys: &notify::CHANNEL_KEYS,
    about: "A channel of NOTIFY.",
    groups: &[Group { title: None, entries: CHANNEL_ENTRIES }],
    bonds: &[Bond::Required(&["listen"])],
};

const CHANNEL_ENTRIES: &[Entry] = &[Entry {
    key: "listen",
    shape: Shape::Text(&IDENT),
    default: None,
    about: "The channel at the source (of a snapshot: at the databases of its customers), for those who LISTEN there.",
}];
