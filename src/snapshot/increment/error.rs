//! What can go wrong while two runs are compared. Names only, never a key.

use std::io;
use std::path::{Path, PathBuf};

use crate::fault::Fault;
use crate::snapshot::place::{disk_fault, remedy};

/// Why a comparison can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused something.
    #[error("{doing} the base of an incremental snapshot, `{}`, failed: {source}{}", path.display(), remedy(source))]
    Disk {
        /// What was done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The rows came in another order than the base's, or a key came twice.
    #[error(
        "the rows of table {table} of customer `{customer}` did not come in the order of their key: make a full snapshot of it"
    )]
    Order {
        /// Whose.
        customer: String,
        /// Which.
        table: String,
    },
    /// A row without some of its key's cells, or the text ended in the middle of one.
    #[error(
        "the rows of table {table} of customer `{customer}` did not come as the server sends them: try again, and report it if it stays"
    )]
    Malformed {
        /// Whose.
        customer: String,
        /// Which.
        table: String,
    },
    /// A key longer than any index would hold.
    #[error(
        "a key of table {table} of customer `{customer}` has more than {max} bytes: make a full snapshot of it"
    )]
    LongKey {
        /// Whose.
        customer: String,
        /// Which.
        table: String,
        /// The limit.
        max: usize,
    },
}

impl Error {
    pub(super) fn disk(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Disk { doing, path: path.to_owned(), source }
    }

    /// Whether it goes away by itself.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Disk { source, .. } => disk_fault(source),
            Self::Malformed { .. } => Fault::Retry,
            Self::Order { .. } | Self::LongKey { .. } => Fault::Halt,
        }
    }
}
