//! What can go wrong while writing.

use crate::fault::Fault;
use crate::lsn::Lsn;
use crate::name::{CustomerName, DatasetName};
use crate::postgres;

/// A failure of the writer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A session failed.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// Another daemon serves this flow.
    #[error(
        "flow {flow} is served by another Acequia (session {pid} of the target, application \"{application}\"): \
         stop that one, or give this one other rules"
    )]
    Served {
        /// The flow.
        flow: String,
        /// Backend that holds the flow's lock.
        pid: i32,
        /// Its application name.
        application: String,
    },
    /// The control schema is missing or of another version.
    #[error("the control schema \"acequia\" of database {database} {what}")]
    Control {
        /// The target database.
        database: String,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// The checkpoint moved without us.
    #[error(
        "the checkpoint of flow {flow} stands at {found}, and this writer left it at {expected}: \
         somebody changed it, the flow starts again from what is there"
    )]
    Moved {
        /// The flow.
        flow: String,
        /// What this writer knew.
        expected: Lsn,
        /// What stands there.
        found: Lsn,
    },
    /// Another replica identity than the plan was made for.
    #[error(
        "the stream brings {table} by another replica identity from {at} on: the flow goes over to it there"
    )]
    Identity {
        /// The source table.
        table: String,
        /// Whose it is.
        from: CustomerName,
        /// Its data set.
        dataset: DatasetName,
        /// The transaction that brings the other one first commits here.
        at: Lsn,
    },
    /// A change of a relation that the stream never announced.
    #[error(
        "the stream sent a change of relation {relation} without announcing it; this is a fault, please report it"
    )]
    Unannounced {
        /// OID at the source.
        relation: u32,
    },
    /// The customer's table takes no write, without an error.
    #[error("{table} did not take a write: row-level security or a trigger ignores it")]
    Ignored {
        /// The customer's table.
        table: String,
    },
}

impl Error {
    /// What the server called it.
    pub(super) fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Postgres(error) => error.refusal().map(|refusal| refusal.sqlstate.as_str()),
            Self::Served { .. }
            | Self::Control { .. }
            | Self::Moved { .. }
            | Self::Identity { .. }
            | Self::Unannounced { .. }
            | Self::Ignored { .. } => None,
        }
    }

    /// What to do about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Postgres(error) => error.fault(),
            Self::Moved { .. } => Fault::Retry,
            Self::Ignored { .. } => Fault::Park,
            Self::Served { .. } | Self::Control { .. } | Self::Identity { .. } | Self::Unannounced { .. } => {
                Fault::Halt
            }
        }
    }
}
