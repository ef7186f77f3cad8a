//! What can go wrong with an archive. Names of files and of entries, and counts: never a value, never a key.

use std::io;
use std::path::{Path, PathBuf};

use crate::fault::Fault;
use crate::snapshot::place::{self, disk_fault, remedy};

/// Why an archive can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused something.
    #[error("{doing} `{}` failed: {source}{}", path.display(), remedy(source))]
    Disk {
        /// What was done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not what its manifest says, or no archive at all.
    #[error("`{}` is damaged: {problem}; do not load it, and make a new snapshot", path.display())]
    Damaged {
        /// The archive.
        path: PathBuf,
        /// What is wrong, and with which entry.
        problem: String,
    },
    /// Two data sets, or texts, that want one name in the archive.
    #[error("two entries of `{}` have the path `{entry}`: give one of the tables another `dat=` name", path.display())]
    Twice {
        /// The archive.
        path: PathBuf,
        /// The path inside.
        entry: String,
    },
    /// An entry's path that would lead out of the directory that somebody unpacks to.
    #[error("`{entry}` can't be a path in `{}`: it would lead out of it", path.display())]
    Path {
        /// The archive.
        path: PathBuf,
        /// The path inside.
        entry: String,
    },
    /// No key opens it.
    #[error("`{}` is encrypted, and {problem}", path.display())]
    Sealed {
        /// The archive.
        path: PathBuf,
        /// What is missing.
        problem: &'static str,
    },
    /// A recipient that nothing can be encrypted to, by its place in the list: it may be a secret key, written by mistake.
    #[error("recipient {0} is none of age: it begins with `age1`, and `age-keygen -y` prints it")]
    Recipient(usize),
    /// A file that holds no identity.
    #[error("`{}` holds no age identity: it is the file that `age-keygen` wrote, without a passphrase", .0.display())]
    Identity(PathBuf),
    /// Built without the feature.
    #[error("this acequia was built without encryption: build it with the feature `encryption`")]
    NotBuilt,
    /// Nothing to read.
    #[error("there is no snapshot in `{}`: name a snapshot's directory, a run's, or an archive beside its manifest.json", .0.display())]
    NoSnapshot(PathBuf),
    /// The manifest beside the archive can't be read.
    #[error(transparent)]
    Place(#[from] place::Error),
}

impl Error {
    pub(in crate::snapshot) fn disk(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Disk { doing, path: path.to_owned(), source }
    }

    pub(in crate::snapshot) fn damaged(path: &Path, problem: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), problem: problem.into() }
    }

    /// What reading `what` of an archive ran into: bytes that can't be right, or the system.
    pub(in crate::snapshot) fn reading(path: &Path, what: &str, error: io::Error) -> Self {
        let kinds = [io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput, io::ErrorKind::UnexpectedEof];
        if kinds.contains(&error.kind()) {
            Self::damaged(path, format!("{what} can't be read"))
        } else {
            Self::disk("reading", path)(error)
        }
    }

    /// Whether it goes away by itself. What was damaged while it was written is written again.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Disk { source, .. } => disk_fault(source),
            Self::Damaged { .. } => Fault::Retry,
            Self::Place(error) => error.fault(),
            Self::Twice { .. }
            | Self::Path { .. }
            | Self::Sealed { .. }
            | Self::Recipient(_)
            | Self::Identity(_)
            | Self::NotBuilt
            | Self::NoSnapshot(_) => Fault::Halt,
        }
    }
}
