//! What the configuration means once every word is resolved: the types that the rest of the house reads.
//!
//! One TOML table is one struct. A value that somebody may want to complain about later carries a [`Spot`], so that a
//! problem found against a database can still point at the line that caused it. Secrets do not print.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde::Serialize;

use super::snapshot::Snapshot;
use super::source::Sources;
use super::spot::Spot;
use super::words::{Apply, CustomerWords, RuleWords};
use crate::expression::Expression;
use crate::name::{CustomerName, DatabaseName, DatasetName, Ident, ServerName, SyncName};

/// Everything that the rule files say, checked as far as files alone can be checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[databases.NAME]`
    pub databases: BTreeMap<DatabaseName, Database>,
    /// `[customers.NAME]`; every one names a database of [`Config::databases`].
    pub customers: BTreeMap<CustomerName, Customer>,
    /// `[datasets.NAME]`
    pub datasets: BTreeMap<DatasetName, Dataset>,
    /// `[data_types]`: words of the users for lists of data sets, in the order of the file.
    pub data_types: BTreeMap<String, Vec<DatasetName>>,
    /// `[protected] tables`: a rule that names one of these needs `allow_protected = true`.
    pub protected: BTreeSet<Ident>,
    /// `[[sync]]`, in the order of the files, disabled groups included.
    pub syncs: Vec<Sync>,
    /// `[defaults]`: what holds for every group that does not say otherwise.
    pub defaults: RuleWords,
    /// `[[notify]]`
    pub notifies: Vec<Notify>,
    /// `[servers.NAME]`
    pub servers: BTreeMap<ServerName, Server>,
    /// `[[snapshot]]`, in the order of the files, disabled ones included.
    pub snapshots: Vec<Snapshot>,
    /// `[daemon]`
    pub daemon: Daemon,
    /// SHA-256 in hexadecimal over all files' names and contents, in the order in which they were merged.
    pub sha256: String,
    /// The texts, for diagnostics that are found later.
    pub(super) sources: Arc<Sources>,
}

/// `[databases.NAME]`: how to reach one database.
#[derive(Debug, Clone)]
pub struct Database {
    /// NAME.
    pub name: DatabaseName,
    /// A host name or address, or the directory of a Unix socket if it starts with `/`.
    pub host: String,
    /// The port, also part of a socket's file name. 5432 unless the file says another.
    pub port: u16,
    /// The database's name on the server.
    pub dbname: String,
    /// The role; `acequia` unless the file says another.
    pub user: String,
    /// Where the password is; none means `.pgpass`, or a server that asks for none.
    pub password: Option<SecretSource>,
    /// How the connection is protected.
    pub tls: Tls,
    /// `max_retained_wal`: past this many bytes of retained WAL the slot is given up; never where it is not said.
    pub max_retained_wal_bytes: Option<u64>,
    /// `failover`: a standby may keep a copy of the slot, where the server can have it so (17+).
    pub failover: bool,
    /// `resting_slot`: what becomes of the slots here whose groups are all disabled.
    pub resting_slot: RestingSlot,
    /// NAME in its header.
    pub spot: Spot,
}

/// What becomes of a flow's slot while all its groups are disabled: it must not keep WAL that nobody will ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestingSlot {
    /// The daemon moves it along. The default.
    Advance,
    /// It is dropped, and made anew when a group is enabled again.
    Drop,
}

impl RestingSlot {
    /// The word in the rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Advance => "advance",
            Self::Drop => "drop",
        }
    }
}

/// Where a secret comes from. Only [`SecretSource::Inline`] holds one, and it does not print it.
#[derive(Debug, Clone)]
pub enum SecretSource {
    /// `{ file = "…" }`: a file that only its owner can read.
    File(PathBuf),
    /// `{ credential = "…" }`: a systemd credential, `$CREDENTIALS_DIRECTORY/NAME`.
    Credential(String),
    /// In the rule file itself. Warned about.
    Inline(SecretString),
}

/// How a connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// The host is a socket directory: nothing leaves the machine.
    Socket,
    /// `sslmode = "disable"`, which the file allowed with `insecure = true`.
    Off,
    /// `sslmode = "verify-full"`: the server's certificate and its host name are checked.
    VerifyFull {
        /// `sslrootcert`, a PEM file; none means the authorities that the system trusts.
        root_certificates: Option<PathBuf>,
        /// `sslcert` and `sslkey`.
        client: Option<ClientCertificate>,
    },
}

/// The certificate by which the server recognizes this daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// `sslcert`, a PEM file.
    pub certificate: PathBuf,
    /// `sslkey`, a PEM file.
    pub key: PathBuf,
}

/// `[customers.NAME]`: a schema in a database.
#[derive(Debug, Clone)]
pub struct Customer {
    /// NAME.
    pub name: CustomerName,
    /// The database that holds the schema.
    pub database: DatabaseName,
    /// The schema.
    pub schema: Ident,
    /// What people call the customer.
    pub title: Option<String>,
    /// NAME in its header.
    pub spot: Spot,
}

/// `[datasets.NAME]`: one table that every customer has, and how its rows are recognized.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// NAME.
    pub name: DatasetName,
    /// The table's name in every customer's schema; NAME unless the file says another.
    pub table: Ident,
    /// The natural key: 1 to [`KEY_COLUMNS_MAX`] parts.
    pub key: Vec<KeyPart>,
    /// Which columns are copied.
    pub columns: Columns,
    /// What to do about a parent that the customer lacks, by foreign-key column.
    pub references: BTreeMap<Ident, Reference>,
    /// NAME in its header.
    pub spot: Spot,
    /// The value of `key`.
    pub key_spot: Spot,
    /// The value of `exclude` or `columns`.
    pub columns_spot: Option<Spot>,
}

/// One entry of `key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPart {
    /// A column.
    Column(Ident),
    /// SQL over a row, the same for both sides: `upper(trim(code))`.
    Expression(Expression),
}

impl KeyPart {
    /// The column's name, or the expression's text.
    pub fn text(&self) -> &str {
        match self {
            Self::Column(name) => name.as_str(),
            Self::Expression(sql) => sql.text(),
        }
    }
}

impl Dataset {
    /// The parts of the natural key that are plain columns.
    pub fn key_columns(&self) -> impl Iterator<Item = &Ident> {
        self.key.iter().filter_map(|part| match part {
            KeyPart::Column(name) => Some(name),
            KeyPart::Expression(_) => None,
        })
    }

    /// The same as a list.
    pub fn key_names(&self) -> Vec<Ident> {
        self.key_columns().cloned().collect()
    }
}

/// The most columns that a natural key has: PostgreSQL's limit for an index.
pub const KEY_COLUMNS_MAX: usize = 32;

/// Which columns of a data set are copied.
#[derive(Debug, Clone)]
pub enum Columns {
    /// Every column.
    All,
    /// `exclude`: every column but these.
    Except(Vec<(Ident, Spot)>),
    /// `columns`: only these.
    Only(Vec<(Ident, Spot)>),
}

/// One entry of `references`: the policy for one foreign key. The key itself is in the catalog.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The parent's data set, where the catalog leaves it open.
    pub dataset: Option<DatasetName>,
    /// What happens when the customer lacks the parent.
    pub missing: Missing,
    /// The column's name in `references`.
    pub spot: Spot,
}

/// What happens to a row whose parent the customer lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// The row waits in `parked` until the parent arrives. The default.
    Park,
    /// The row is written with NULL in the column.
    Null,
    /// The row is not written.
    Skip,
}

/// `[[sync]]`: who gives what to whom.
#[derive(Debug, Clone)]
pub struct Sync {
    /// The group's name.
    pub name: SyncName,
    /// The customer that gives.
    pub from: CustomerName,
    /// The customers that receive: none twice, never `from`; `"*"` expanded, `except` taken out. Empty only where
    /// `"*"` finds nobody.
    pub to: Vec<CustomerName>,
    /// The data sets, data types expanded, none twice, in the order of the file.
    pub data: Vec<DatasetName>,
    /// What the group's own table says.
    pub words: RuleWords,
    /// `[sync.dataset.NAME]`
    pub datasets: BTreeMap<DatasetName, RuleWords>,
    /// `[sync.customer.NAME]`, with `[sync.customer.NAME.dataset.NAME]` inside.
    pub customers: BTreeMap<CustomerName, CustomerWords>,
    /// The group may write protected tables.
    pub allow_protected: bool,
    /// The group's name, or its header.
    pub spot: Spot,
    /// The value of `from`.
    pub from_spot: Spot,
    /// One for each of `to`; with `"*"`, that text for each.
    pub to_spots: Vec<Spot>,
    /// One for each of `data`: the word in the group's `data`, be it the data set or its data type.
    pub data_spots: Vec<Spot>,
}

/// `[[notify]]`: who is told of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// Its name.
    pub name: String,
    /// `on`: of what.
    pub events: Vec<NotifyEvent>,
    /// `channel = { listen = "…" }`: the channel of PostgreSQL's NOTIFY at the source.
    pub listen: Ident,
    /// Its name, or its header.
    pub spot: Spot,
}

/// What somebody can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum NotifyEvent {
    /// `sync.applied`: a source transaction reached the customers.
    SyncApplied,
    /// `alert.drift`: a customer has other rows than the rules give it.
    AlertDrift,
    /// `alert.wal`: a slot keeps more than half of what it may, or was given up for that.
    AlertWal,
    /// `alert.health`: a check turned red, or green again.
    AlertHealth,
    /// `snapshot.published`: a new snapshot is there.
    SnapshotPublished,
    /// `snapshot.failed`: a snapshot could not be made, or not be published; the one before is still there.
    SnapshotFailed,
    /// `snapshot.late`: it is past `publish_at`, and the snapshot is not there yet.
    SnapshotLate,
}

impl NotifyEvent {
    /// The word in the rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SyncApplied => "sync.applied",
            Self::AlertDrift => "alert.drift",
            Self::AlertWal => "alert.wal",
            Self::AlertHealth => "alert.health",
            Self::SnapshotPublished => "snapshot.published",
            Self::SnapshotFailed => "snapshot.failed",
            Self::SnapshotLate => "snapshot.late",
        }
    }
}

/// `[daemon]`: the process itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Daemon {
    /// For the lock file and the control socket. `$RUNTIME_DIRECTORY` unless the file says another, else `/run/acequia`.
    pub runtime_directory: PathBuf,
    /// `journal_keep`: for how many days old images and the history are kept. 30 unless the file says another.
    pub journal_keep_days: u32,
    /// `journal_max`: of old images so many bytes are kept in one database. 10 GB unless the file says another.
    pub journal_max_bytes: u64,
    /// `parked_limit`: so many rows wait at most for one customer; past it the customer needs a resync.
    /// 1,000,000 unless the file says another.
    pub parked_limit: u64,
    /// `verify`: when the daemon compares customers with what the rules give them; never unless the file says so.
    pub verify: Option<Apply>,
    /// `listen`: the loopback address where health and metrics are told by HTTP; nowhere unless the file says so.
    pub listen: Option<SocketAddr>,
    /// `max_lag`: after so long a row that has not arrived is late. 60 s unless the file says another.
    pub max_lag: Duration,
    /// `max_parked_age`: a row that has been parked for longer is a failure, not a matter of course. 24 h unless the file
    /// says another.
    pub max_parked_age: Duration,
}

/// `[servers.NAME]`: a MySQL or MariaDB server that snapshots are loaded into.
#[derive(Debug, Clone)]
pub struct Server {
    /// NAME.
    pub name: ServerName,
    /// A host name or address, or the path of a Unix socket if it starts with `/`.
    pub host: String,
    /// The port; 3306 unless the file says another.
    pub port: u16,
    /// The account.
    pub user: String,
    /// Where the password is.
    pub password: Option<SecretSource>,
    /// How the connection is protected.
    pub tls: Tls,
    /// NAME in its header.
    pub spot: Spot,
}
