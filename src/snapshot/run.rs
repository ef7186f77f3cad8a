//! One run of a snapshot: what there is to read, the moment, the archives or tables, and at last the one step that puts it in
//! the place of the one before.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Format, Snapshot};

use super::archives;
use super::convert::{Form, Rows};
use super::crew::Counters;
use super::error::Error;
use super::manifest::Manifest;
use super::place::{Lock, Place, Retention};
use super::progress::{Progress, Step};
use super::scope::Scope;

/// How often progress is told.
const TELL_INTERVAL: Duration = Duration::from_millis(500);

/// Where progress is told; `None` before and after a run.
pub type Told = watch::Sender<Option<Progress>>;

/// A run that is whole and checked, and not published yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// Its name.
    pub run: String,
    /// What is in it.
    pub manifest: Manifest,
}

/// A run that was put in the place of the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Where `current` is.
    pub path: PathBuf,
    /// What is in it.
    pub manifest: Manifest,
    /// Rows of all data sets.
    pub rows: u64,
    /// Bytes of all archives; 0 for a MySQL server.
    pub bytes: u64,
}
