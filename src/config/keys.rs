//! The keys of a table. A database's and a server's own stand here, because what may hold a secret
//! must be known before it is read.

/// The keys that one kind of table may have.
#[derive(Debug)]
pub(super) struct KeyTable {
    /// How the table is called when no particular one is meant.
    pub(super) title: &'static str,
    /// What this version understands.
    pub(super) known: &'static [&'static str],
    /// What the rule files have words for and this version has not.
    pub(super) later: &'static [&'static str],
}

/// `[databases.NAME]`
pub(super) const DATABASE_KEYS: KeyTable = KeyTable {
    title: "[databases.NAME]",
    known: &[
        "host",
        "port",
        "dbname",
        "user",
        "password",
        "sslmode",
        "insecure",
        "sslrootcert",
        "sslcert",
        "sslkey",
        "max_retained_wal",
        "failover",
        "resting_slot",
    ],
    later: &[],
};

/// `[servers.NAME]`
pub(super) const SERVER_KEYS: KeyTable = KeyTable {
    title: "[servers.NAME]",
    known: &["host", "port", "user", "password", "sslmode", "insecure", "sslrootcert", "sslcert", "sslkey"],
    later: &[],
};
