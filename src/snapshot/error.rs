//! Why a run failed. What was published before stays as it is.

use tokio_util::sync::CancellationToken;

use crate::fault::Fault;
use crate::postgres;

use super::crew::JobError;
use super::moment::ReadError;
use super::scope::ScopeError;
use super::{archive, convert, increment, mysql, place};

/// What failed, on what, and what to do; no value of a row is in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing that could be read.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// A table could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What the server sent is no copy of that table.
    #[error("writing {table}: {error}")]
    Malformed {
        /// The table.
        table: String,
        /// What is wrong.
        error: convert::Malformed,
    },
    /// The directory of the snapshot.
    #[error(transparent)]
    Place(#[from] place::Error),
    /// An archive could not be written, or is not what was written.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// What has changed since the last run could not be found out.
    #[error(transparent)]
    Increment(#[from] increment::Error),
    /// The server that the tables go to.
    #[error(transparent)]
    Mysql(#[from] mysql::Error),
    /// `on_loss = "fail"`, and values were lost.
    #[error(
        "the format can't hold {values} value(s), {columns}; the rule file says on_loss = \"fail\". Mend them at the source, leave \
         the columns out, or choose another on_loss"
    )]
    Loss {
        /// How many.
        values: u64,
        /// In which columns.
        columns: String,
    },
    /// Somebody said stop.
    #[error("stopped before it was whole; the last published snapshot stays as it is")]
    Stopped,
    /// A thread or task ended where none should.
    #[error("a worker of the snapshot broke down: this is a fault of Acequia, please report it")]
    Broken,
}

impl Error {
    /// Whether it may go away by itself.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Scope(ScopeError::Postgres(error)) | Self::Read(ReadError::Postgres(error)) => {
                error.fault()
            }
            Self::Scope(ScopeError::MayNotRead { .. } | ScopeError::Nobody(_))
            | Self::Loss { .. }
            | Self::Broken => Fault::Halt,
            Self::Read(ReadError::Moved(_)) | Self::Malformed { .. } | Self::Stopped => Fault::Retry,
            Self::Place(error) => error.fault(),
            Self::Archive(error) => error.fault(),
            Self::Increment(error) => error.fault(),
            Self::Mysql(error) => error.fault(),
        }
    }

    /// Whether a server could not be reached.
    pub fn postgres(&self) -> Option<&postgres::Error> {
        match self {
            Self::Scope(ScopeError::Postgres(error)) | Self::Read(ReadError::Postgres(error)) => Some(error),
            Self::Scope(_)
            | Self::Read(_)
            | Self::Malformed { .. }
            | Self::Place(_)
            | Self::Archive(_)
            | Self::Increment(_)
            | Self::Mysql(_)
            | Self::Loss { .. }
            | Self::Stopped
            | Self::Broken => None,
        }
    }

    /// The error of the server that the tables go to, if it is one.
    pub fn server(&self) -> Option<&crate::mysql::Error> {
        match self {
            Self::Mysql(mysql::Error::Mysql(error)) => Some(error),
            Self::Mysql(_)
            | Self::Scope(_)
            | Self::Read(_)
            | Self::Malformed { .. }
            | Self::Place(_)
            | Self::Archive(_)
            | Self::Increment(_)
            | Self::Loss { .. }
            | Self::Stopped
            | Self::Broken => None,
        }
    }

    /// Whether another run is at work.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Place(place::Error::Busy { .. }) | Self::Mysql(mysql::Error::Busy(_)))
    }

    /// Of a job.
    pub(super) fn from_job(error: JobError<Self>) -> Self {
        match error {
            JobError::Read(error) => Self::Read(error),
            JobError::Write(error) => error,
            JobError::Stopped => Self::Stopped,
            JobError::Broken => Self::Broken,
        }
    }
}

/// Asks servers something that may be let go in the middle: what it was is begun anew by the next run.
pub(super) fn unless_stopped<T, E: Into<Error>>(
    stop: &CancellationToken,
    asked: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, Error>> {
    // In a box here, or whoever waits for it would be as large.
    let asked = Box::pin(asked);
    async move { stop.run_until_cancelled(asked).await.ok_or(Error::Stopped)?.map_err(Into::into) }
}
