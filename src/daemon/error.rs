//! What can end a flow's attempt.

use crate::apply;
use crate::fault::Fault;
use crate::lsn::Lsn;
use crate::postgres;
use crate::source::assemble::AssembleError;
use crate::source::pgoutput::DecodeError;

/// Why a flow stopped working.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A session or the replication connection failed.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// The writer failed.
    #[error(transparent)]
    Apply(#[from] apply::Error),
    /// The stream could not be decoded.
    #[error("decoding the replication stream: {0}")]
    Decode(#[from] DecodeError),
    /// The stream was out of order.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    /// The rules do not fit the databases.
    #[error(
        "{count} problem(s) between the rules and the databases, the first one: {first}; run `acequia check` for all of them"
    )]
    Rules {
        /// How many errors.
        count: usize,
        /// The first message.
        first: String,
    },
    /// The tables are not what the plan was made from: no failure, but a reason to prepare anew.
    #[error("the tables of the flow have changed in its {side}, database {database}")]
    Drift {
        /// "source" or "target".
        side: &'static str,
        /// Its name.
        database: String,
    },
    /// Everything before a table's new identity is committed: no failure, the flow goes over to it.
    #[error("everything before {at} is written")]
    Reached {
        /// Where the transaction commits that brings the new identity.
        at: Lsn,
    },
    /// The source does not write what is needed.
    #[error(
        "database {database} runs with wal_level = {found}, and logical replication needs wal_level = logical: set it \
         (ALTER SYSTEM SET wal_level = 'logical') and restart the server"
    )]
    WalLevel {
        /// The source.
        database: String,
        /// Its setting.
        found: String,
    },
    /// The publication is not there, or not enough, and this role may not mend it.
    #[error("publication {publication} of database {database} {what}: a DBA who owns the tables runs {sql};")]
    Publication {
        /// The publication.
        publication: String,
        /// The source.
        database: String,
        /// What is wrong with it.
        what: String,
        /// The statement that mends it.
        sql: String,
    },
    /// A slot that nobody knows.
    #[error(
        "slot {slot} exists in database {database}, but the target has no checkpoint for flow {flow}: what the slot has \
         seen so far is unknown. If nothing else uses it, drop it and start again from now: \
         SELECT pg_drop_replication_slot('{slot}')"
    )]
    UnknownSlot {
        /// The slot.
        slot: String,
        /// The source.
        database: String,
        /// The flow.
        flow: String,
    },
    /// The slot is gone.
    #[error(
        "slot {slot} is gone from database {database}, and the checkpoint of flow {flow} stands at {checkpoint}: changes \
         since then can't be read any more. Compare the customers with the source; then DELETE FROM acequia.checkpoint \
         WHERE flow = '{flow}' in the target, and the flow starts from now"
    )]
    SlotGone {
        /// The slot.
        slot: String,
        /// The source.
        database: String,
        /// The flow.
        flow: String,
        /// Where the target stands.
        checkpoint: Lsn,
    },
    /// The slot can't serve this flow.
    #[error(
        "slot {slot} of database {database} {what}; the checkpoint of flow {flow} stands at {checkpoint}. It was \
         re-created, moved or given up by the server, so changes are missing between the two: the flow does not go on by \
         itself. Compare the customers with the source; then drop the slot (SELECT pg_drop_replication_slot('{slot}')) \
         and DELETE FROM acequia.checkpoint WHERE flow = '{flow}' in the target, and the flow starts from now"
    )]
    Slot {
        /// The slot.
        slot: String,
        /// The source.
        database: String,
        /// The flow.
        flow: String,
        /// What is wrong with it, with its position.
        what: String,
        /// Where the target stands.
        checkpoint: Lsn,
    },
    /// The publication was gone for a while.
    #[error(
        "the publication of slot {slot} in database {database} was dropped, and what was written until it was made again \
         can't be read any more. Compare the customers with the source; then drop the slot (SELECT \
         pg_drop_replication_slot('{slot}')) and DELETE FROM acequia.checkpoint WHERE flow = '{flow}' in the target, and \
         the flow starts from now"
    )]
    Unpublished {
        /// The slot.
        slot: String,
        /// The source.
        database: String,
        /// The flow.
        flow: String,
    },
    /// What is unread has no column of the identity that the table has now.
    #[error(
        "a column of {table}'s replica identity was renamed, or dropped and made anew, while changes were unread that know \
         it by its old name, at {at}: give it that name back, and the flow goes on by itself; rename it again when \
         `acequia status` shows no lag"
    )]
    IdentityLost {
        /// The source table.
        table: String,
        /// The transaction that can't be followed commits here.
        at: Lsn,
    },
    /// Somebody reads the slot.
    #[error(
        "slot {slot} of database {database} is in use by process {pid} there (application \"{holder}\"): it is tried \
         again. If that is no Acequia that is just ending, end it: SELECT pg_terminate_backend({pid})"
    )]
    SlotInUse {
        /// The slot.
        slot: String,
        /// The source.
        database: String,
        /// The reader's backend.
        pid: i32,
        /// The reader's application name.
        holder: String,
    },
    /// Another cluster.
    #[error(
        "database {database} belongs to cluster {found}, and the checkpoint of flow {flow} to cluster {expected}: positions \
         of one mean nothing in the other. If the source was moved, DELETE FROM acequia.checkpoint WHERE flow = '{flow}' in \
         the target after comparing the customers with it"
    )]
    OtherCluster {
        /// The source.
        database: String,
        /// The flow.
        flow: String,
        /// System identifier in the checkpoint.
        expected: String,
        /// System identifier of the server.
        found: String,
    },
    /// The server ended the stream.
    #[error(
        "the server of database {database} ended the stream; it is shutting down, or somebody ended the walsender"
    )]
    StreamEnded {
        /// The source.
        database: String,
    },
    /// A task of ours ended in a way that it must not.
    #[error(
        "the task that reads the stream broke down; this is a fault of Acequia, please report it with what it printed before"
    )]
    Broken,
    /// Nothing came for too long.
    #[error("nothing came from database {database} for {seconds} seconds: the connection is taken for dead")]
    Silent {
        /// The source.
        database: String,
        /// How long.
        seconds: u64,
    },
}

impl Error {
    /// What to do about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Postgres(error) => error.fault(),
            Self::Apply(error) => match error.fault() {
                // A data fault that no row can be blamed for: nothing was written, and the same would happen again.
                Fault::Park => Fault::Halt,
                fault @ (Fault::Retry | Fault::Halt) => fault,
            },
            Self::Decode(error) => error.fault(),
            Self::Assemble(error) => error.fault(),
            Self::Drift { .. }
            | Self::Reached { .. }
            | Self::SlotInUse { .. }
            | Self::StreamEnded { .. }
            | Self::Silent { .. } => Fault::Retry,
            Self::Rules { .. }
            | Self::WalLevel { .. }
            | Self::Publication { .. }
            | Self::UnknownSlot { .. }
            | Self::SlotGone { .. }
            | Self::Slot { .. }
            | Self::Unpublished { .. }
            | Self::IdentityLost { .. }
            | Self::Broken
            | Self::OtherCluster { .. } => Fault::Halt,
        }
    }
}
