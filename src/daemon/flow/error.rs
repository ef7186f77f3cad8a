//! What can end a flow's attempt.

use crate::apply;
use crate::fault::Fault;
use crate::lsn::Lsn;
use crate::postgres;
use crate::rules::Flow;
use crate::source::assemble::AssembleError;
use crate::source::duplex::READING;
use crate::source::pgoutput::DecodeError;

use super::gap::Gap;

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
    /// The rules are to be changed at once: no failure, the flow begins anew by the others.
    #[error("the rules have changed")]
    Ordered,
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
    /// The slot can't bring what comes after the checkpoint.
    #[error(transparent)]
    Gap(Box<Gap>),
    /// The slot was replaced: no failure, the flow is prepared anew.
    #[error("slot {slot} was made anew")]
    Renewed {
        /// The slot.
        slot: String,
    },
    /// Making the slot waits for others.
    #[error(
        "slot {slot} can't be made in database {database} while older transactions of its server are open, and it was given \
         up for the moment; the oldest is {whose}. It is tried again"
    )]
    SlotWaits {
        /// The slot.
        slot: String,
        /// The source.
        database: String,
        /// Whose transaction is the oldest.
        whose: String,
    },
    /// Not a primary server.
    #[error(
        "database {database} is a standby, and Acequia reads at the primary only: it goes on when this one is promoted, or \
         `host` names the primary"
    )]
    Standby {
        /// The source.
        database: String,
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
    /// The server ended the stream.
    #[error(
        "the server of database {database} ended the stream; it is shutting down, or somebody ended the walsender"
    )]
    StreamEnded {
        /// The source.
        database: String,
    },
    /// The source shuts down, and waits for what is not written yet.
    #[error(
        "the server of database {database} is shutting down, and waits for rows to be confirmed that are not written yet: the \
         connection was closed, so that it can go; they are read again when it is back"
    )]
    GoingDown {
        /// The source.
        database: String,
    },
    /// A task of ours ended in a way that it must not.
    #[error(
        "the task that reads the stream broke down; this is a fault of Acequia, please report it with what it printed before"
    )]
    Broken,
    /// What the writer asks does not reach the server, or the answer does not reach the writer.
    #[error(
        "the writer waits for an answer of database {database}, and its session {pid} there waits for the writer: the \
         connection is taken for dead, and the session was ended. Check tunnels, proxies and firewalls between the two"
    )]
    Deaf {
        /// The source or the target.
        database: String,
        /// The session's process.
        pid: i32,
    },
    /// Both databases wait while a flow is prepared, and so does the flow.
    #[error(
        "the flow waits for an answer of database {from} or {to}, and both wait for the flow: a connection is taken for \
         dead. Check tunnels, proxies and firewalls before these databases"
    )]
    Unheard {
        /// The source.
        from: String,
        /// The target.
        to: String,
    },
    /// Nothing came for too long.
    #[error("nothing came from database {database} for {seconds} seconds: the connection is taken for dead")]
    Silent {
        /// The source.
        database: String,
        /// How long.
        seconds: u64,
    },
}

impl From<Gap> for Error {
    fn from(gap: Gap) -> Self {
        Self::Gap(Box::new(gap))
    }
}

impl Error {
    /// What was met in the stream that neither slot nor checkpoint shows, and that comes again at each start: whoever asks for a
    /// resync then gets a new slot.
    pub(super) fn of_stream(&self, flow: &Flow, checkpoint: Lsn) -> Option<Gap> {
        if let Self::Gap(gap) = self {
            return gap.is_of_stream().then(|| Gap::clone(gap));
        }
        let is_ours = matches!(
            self,
            Self::Decode(_)
                | Self::Assemble(_)
                | Self::Broken
                | Self::Apply(apply::Error::Unannounced { .. })
        );
        let is_the_servers = if let Self::Postgres(told) = self {
            told.doing().starts_with(READING) && told.fault() == Fault::Halt
        } else {
            false
        };
        (is_ours || is_the_servers).then(|| Gap::illegible(flow, checkpoint, self.finding()))
    }

    /// What it is, without what to do.
    fn finding(&self) -> String {
        let text = self.to_string();
        let remedy = if let Self::Postgres(refused) = self { refused.remedy() } else { "" };
        text.strip_suffix(remedy).unwrap_or(&text).trim_end_matches(['.', ' ']).to_owned()
    }

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
            | Self::Renewed { .. }
            | Self::SlotWaits { .. }
            | Self::Standby { .. }
            | Self::Ordered
            | Self::SlotInUse { .. }
            | Self::StreamEnded { .. }
            | Self::GoingDown { .. }
            | Self::Deaf { .. }
            | Self::Unheard { .. }
            | Self::Silent { .. } => Fault::Retry,
            Self::Rules { .. }
            | Self::WalLevel { .. }
            | Self::Publication { .. }
            | Self::Gap(_)
            | Self::Broken => Fault::Halt,
        }
    }
}
