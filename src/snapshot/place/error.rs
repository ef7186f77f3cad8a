//! What can be wrong with the place of a snapshot.

use std::io;
use std::path::{Path, PathBuf};

use crate::fault::Fault;

/// Why a place can't be used, or a run not be put there. Names of files and counts of bytes only.
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
    /// There is something else in the place of a directory of ours: a file, or a link that leads who knows where.
    #[error("`{}` is not a directory (a link is none either): move it out of the way", .0.display())]
    NotADirectory(PathBuf),
    /// Something is in a directory that should be empty.
    #[error("`{}` is not empty: name another directory", .0.display())]
    NotEmpty(PathBuf),
    /// A directory that others may change, or read.
    #[error(
        "`{}` is open to others (mode {mode:04o}): `chmod {advised:04o} {}` closes it",
        path.display(),
        path.display()
    )]
    Open {
        /// Which.
        path: PathBuf,
        /// How it is.
        mode: u32,
        /// How it should be.
        advised: u32,
    },
    /// A directory that belongs to another user.
    #[error(
        "`{}` belongs to user {uid}, and this process runs as user {own}: run it as that user, or `chown` the directory",
        path.display()
    )]
    Foreign {
        /// Which.
        path: PathBuf,
        /// Its owner.
        uid: u32,
        /// This process's.
        own: u32,
    },
    /// One run at a time.
    #[error("another run is at work in `{}` ({holder}): wait until it has ended", path.display())]
    Busy {
        /// The place.
        path: PathBuf,
        /// What it says of itself.
        holder: String,
    },
    /// Not enough room for what is to be written.
    #[error(
        "`{}` has {free} bytes free, and the snapshot may need {needed} while it is made: make room, or choose another directory",
        path.display()
    )]
    NoRoom {
        /// The place.
        path: PathBuf,
        /// What the snapshot may need, at most.
        needed: u64,
        /// What there is.
        free: u64,
    },
    /// A word that is not a run's name.
    #[error("`{0}` is not the name of a run: it is its start in UTC, as in 20261122T060000Z")]
    NotARun(String),
    /// No such run, or it is not whole.
    #[error("run {run} is not staged in `{}`: it was never finished, or it was cleared away", path.display())]
    NotStaged {
        /// Which.
        run: String,
        /// The place.
        path: PathBuf,
    },
    /// A newer one is published already: the published one never goes back.
    #[error("run {run} is older than {by}, which is published: nothing is left to do")]
    Superseded {
        /// Which.
        run: String,
        /// The newer one.
        by: String,
    },
    /// A manifest that can't be read.
    #[error("`{}` is not a manifest that this version reads: {problem}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong: the place in the file, never its content.
        problem: String,
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
            Self::Busy { .. } | Self::NoRoom { .. } => Fault::Retry,
            Self::NotADirectory(_)
            | Self::NotEmpty(_)
            | Self::Open { .. }
            | Self::Foreign { .. }
            | Self::NotARun(_)
            | Self::NotStaged { .. }
            | Self::Superseded { .. }
            | Self::Manifest { .. } => Fault::Halt,
        }
    }
}

/// Whether what the system refused may go well later: a full disk may be emptied, a right does not come by itself.
pub fn disk_fault(error: &io::Error) -> Fault {
    if is_right(error) { Fault::Halt } else { Fault::Retry }
}

/// What to do about it, to stand behind the system's words.
pub fn remedy(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::StorageFull || error.kind() == io::ErrorKind::QuotaExceeded {
        "; make room there, or choose another directory"
    } else if is_right(error) {
        "; let the user that acequia runs as write there (systemd: ReadWritePaths=)"
    } else {
        ""
    }
}

fn is_right(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied || error.kind() == io::ErrorKind::ReadOnlyFilesystem
}
