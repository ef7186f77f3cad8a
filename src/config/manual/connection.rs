//! `[databases.NAME]` and `[servers.NAME]`.

use super::chapter::{Bond, Chapter, Entry, Form, Group, IDENT, PATH, SIZE, Shape, TEXT};
use crate::config::keys::{DATABASE_KEYS, SERVER_KEYS};
use crate::config::read::connection::{PASSWORD_KEYS, SSL_MODES};
use crate::config::read::database::RESTING_SLOTS;

/// A host, or a path.
const HOST: Form =
    Form { name: "host name, address or path", pattern: Some("^(/.*|[^,/@=\\s]+)$"), characters_max: None };

/// The name of a file of systemd's.
const CREDENTIAL: Form =
    Form { name: "name of a credential", pattern: Some("^[^/]+$"), characters_max: None };

/// A port.
const PORT: Shape = Shape::Number { least: 1, most: 65_535 };

/// A certificate goes with its key.
const CERTIFICATE: Bond = Bond::Needs("sslcert", "sslkey");

/// And a key with its certificate.
const KEY: Bond = Bond::Needs("sslkey", "sslcert");

/// `[databases.NAME]`
pub(super) static DATABASE: Chapter = Chapter {
    keys: &DATABASE_KEYS,
    about: "How to reach one PostgreSQL database. Files are read again at each new connection: a certificate that was renewed, \
            or a password that was changed in its file, needs no restart. A credential of systemd is what it was when the \
            service started.",
    groups: &[
        Group { title: None, entries: DATABASE_ENTRIES },
        Group { title: Some("How a connection is protected"), entries: PROTECTION },
    ],
    bonds: &[Bond::Required(&["dbname"]), CERTIFICATE, KEY],
};

const DATABASE_ENTRIES: &[Entry] = &[
    Entry {
        key: "host",
        shape: Shape::Text(&HOST),
        default: Some("\"/run/postgresql\""),
        about: "A directory is that of a Unix socket; a name or an address is TCP with TLS.",
    },
    Entry { key: "port", shape: PORT, default: Some("5432"), about: "The port, also of a socket." },
    Entry { key: "dbname", shape: Shape::Text(&IDENT), default: None, about: "The database's name." },
    Entry {
        key: "user",
        shape: Shape::Text(&IDENT),
        default: Some("\"acequia\""),
        about: "A role of its own with LOGIN and REPLICATION, no superuser. `acequia setup --print-sql` prints what else it \
                needs.",
    },
    Entry {
        key: "max_retained_wal",
        shape: Shape::Text(&SIZE),
        default: None,
        about: "The most WAL that a slot in this database may keep. Past half of it the daemon warns, past it the slot is given up \
                on purpose and its flow needs a resync. Without it only max_slot_wal_keep_size of the server is a bound; \
                without that too the daemon warns past 10 GB. 1024 to a step, as PostgreSQL counts.",
    },
    Entry {
        key: "failover",
        shape: Shape::Flag,
        default: Some("true"),
        about: "From PostgreSQL 17 on, whether a standby may keep a copy of the slots, so that a flow goes on after a \
                failover.",
    },
    Entry {
        key: "resting_slot",
        shape: Shape::Word(|| RESTING_SLOTS.names()),
        default: Some("\"advance\""),
        about: "What becomes of the slot of a flow of which all groups are disabled: it is moved along, or dropped and made \
                anew. Either way it keeps no WAL.",
    },
];

/// `[servers.NAME]`
pub(super) static SERVER: Chapter = Chapter {
    keys: &SERVER_KEYS,
    about: "How to reach a MySQL or MariaDB server.",
    groups: &[
        Group { title: None, entries: SERVER_ENTRIES },
        Group { title: Some("How a connection is protected"), entries: PROTECTION },
    ],
    bonds: &[Bond::Required(&["host"]), CERTIFICATE, KEY],
};

const SERVER_ENTRIES: &[Entry] = &[
    Entry {
        key: "host",
        shape: Shape::Text(&HOST),
        default: None,
        about: "A path is that of a Unix socket; a name or an address is TCP with TLS.",
    },
    Entry { key: "port", shape: PORT, default: Some("3306"), about: "The port, over TCP." },
    Entry {
        key: "user",
        shape: Shape::Text(&IDENT),
        default: Some("\"acequia\""),
        about: "An account with SELECT, INSERT, CREATE, ALTER, INDEX and DROP in the databases that are written.",
    },
];

const PROTECTION: &[Entry] = &[
    Entry {
        key: "password",
        shape: Shape::Table(&PASSWORD),
        default: None,
        about: "Where the password is, never the password itself. Without it, PostgreSQL's ~/.pgpass is looked at. The file is \
                read anew for each connection.",
    },
    Entry {
        key: "sslmode",
        shape: Shape::Word(|| SSL_MODES.names()),
        default: Some("\"verify-full\""),
        about: "Over TCP: TLS with a certificate that is verified, its name included; or none, which must be allowed by \
                `insecure`.",
    },
    Entry {
        key: "insecure",
        shape: Shape::Flag,
        default: Some("false"),
        about: "Allows `sslmode = \"disable\"` over TCP, in so many words: every row is shown to the network.",
    },
    Entry {
        key: "sslrootcert",
        shape: Shape::Text(&PATH),
        default: Some("\"system\""),
        about: "The authorities that are believed: a file in PEM, or \"system\" for those of this machine.",
    },
    Entry {
        key: "sslcert",
        shape: Shape::Text(&PATH),
        default: None,
        about: "The client's own certificate, in PEM, with `sslkey`.",
    },
    Entry {
        key: "sslkey",
        shape: Shape::Text(&PATH),
        default: None,
        about: "The key of `sslcert`, in PEM; a file of the daemon's user with mode 0600, or of root with 0640.",
    },
];

/// `password = { … }`
static PASSWORD: Chapter = Chapter {
    keys: &PASSWORD_KEYS,
    about: "One of the two.",
    groups: &[Group { title: None, entries: PASSWORD_ENTRIES }],
    bonds: &[Bond::OneOf(&[&["file"], &["credential"]])],
};

const PASSWORD_ENTRIES: &[Entry] = &[
    Entry {
        key: "file",
        shape: Shape::Text(&TEXT),
        default: None,
        about: "A file that holds the password alone, with mode 0600. Relative to the directory of the files.",
    },
    Entry {
        key: "credential",
        shape: Shape::Text(&CREDENTIAL),
        default: None,
        about: "A credential of systemd: NAME of LoadCredential=NAME:PATH in the unit. systemd copies it once, when the service \
                starts: after a rotation, `systemctl restart acequia`.",
    },
];
