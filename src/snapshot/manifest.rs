//! `manifest.json`: what a published snapshot is. It stands in every archive and, for all of them, in the directory.
//!
//! It holds names, counts and hashes, never a value.

use serde::{Deserialize, Serialize};

use super::loss::Losses;

/// The version of this shape: readers refuse a higher one.
pub const MANIFEST_VERSION: u32 = 1;
/// `layout` of a snapshot with one archive for each customer.
pub const PER_CUSTOMER: &str = "per-customer";

/// One archive's manifest, or the whole snapshot's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`].
    pub version: u32,
    /// `acequia` and its version.
    pub program: String,
    /// The snapshot's name in the rule files.
    pub snapshot: String,
    /// Which run made it: its start in UTC, `20261122T060000Z`; the same in all archives of one run.
    pub run: String,
    /// `full` or `incremental`.
    pub kind: String,
    /// Of an incremental one: the run that it goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// `dat`, `sql` or `mysql`.
    pub format: String,
    /// `lossless` or `market` (dat); `mysql` or `postgresql` (sql).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// `per-customer` or `combined`.
    pub layout: String,
    /// The zone of wall times, where the profile has such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// One for each database that was read.
    pub moments: Vec<Moment>,
    /// The customers in it.
    pub customers: Vec<CustomerEntry>,
    /// Customers that were meant to be in it and are not, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
    /// The data sets, those of all customers.
    pub datasets: Vec<DatasetEntry>,
    /// Tables and columns that were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<Excluded>,
    /// The archives beside this file, in the directory's manifest only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub archives: Vec<ArchiveEntry>,
}

/// The instant that all data sets of one database show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The database's name in the rule files.
    pub database: String,
    /// The WAL position when the instant was taken.
    pub lsn: String,
    /// The server's clock then, RFC 3339 in UTC.
    pub as_of: String,
}

/// A customer in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerEntry {
    /// Its name in the rule files.
    pub name: String,
    /// The database that it lives in.
    pub database: String,
    /// Its schema there.
    pub schema: String,
}

/// A customer that is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Its name in the rule files.
    pub customer: String,
    /// What stood in the way.
    pub reason: String,
}

/// One table, of one customer or of all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetEntry {
    /// The customer, or none in a combined archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The table's name.
    pub table: String,
    /// Where it stands: the path inside the archive, or `database.table` of the MySQL server.
    pub file: String,
    /// Rows, the header not counted.
    pub rows: u64,
    /// Bytes, uncompressed, the header counted. 0 for a MySQL server.
    pub bytes: u64,
    /// SHA-256 of these bytes in hexadecimal; of what was sent, for a MySQL server.
    pub sha256: String,
    /// The columns, in the order of the file.
    pub columns: Vec<ColumnEntry>,
    /// The columns of the primary key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub primary_key: Vec<String>,
    /// Rows of each customer, in a combined archive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows_by_customer: Vec<(String, u64)>,
    /// Of an incremental snapshot: the file with the keys of rows that are gone. None: this data set is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Tombstones>,
}

/// One column of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnEntry {
    /// Its name at the source.
    pub name: String,
    /// Its type at the source, as SQL; empty for the customer's column of a combined archive.
    #[serde(rename = "type")]
    pub type_text: String,
    /// Values that the format could not hold, by kind.
    #[serde(default, skip_serializing_if = "Losses::is_empty")]
    pub losses: Losses,
}

/// The file with the keys of deleted rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstones {
    /// Its path inside the archive.
    pub file: String,
    /// How many rows are gone.
    pub rows: u64,
    /// Bytes, uncompressed.
    pub bytes: u64,
    /// SHA-256 of these bytes in hexadecimal.
    pub sha256: String,
}

/// What is not in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Excluded {
    /// The table.
    pub table: String,
    /// The column; none: all of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Why.
    pub reason: String,
}

/// One file beside the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveEntry {
    /// Its name.
    pub file: String,
    /// Whose it is; none: it holds all customers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of the file as it is, in hexadecimal.
    pub sha256: String,
}
