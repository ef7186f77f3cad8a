//! What can go wrong with a snapshot in a MySQL or MariaDB server. Names and numbers, never a value.

use super::super::convert::Malformed;
use super::super::loss::Losses;
use crate::fault::Fault;
use crate::mysql;

/// What failed, on what, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server, or the way to it.
    #[error(transparent)]
    Mysql(#[from] mysql::Error),
    /// The source's rows are not what they should be.
    #[error("reading the rows of table {table}: {malformed}")]
    Malformed {
        /// The table.
        table: String,
        /// Where it went wrong.
        malformed: Malformed,
    },
    /// The rows ended before their end; who reads them says why.
    #[error("the rows of table {0} ended before their end; what stopped them is told by who reads them")]
    CutOff(String),
    /// Another run writes to this server.
    #[error(
        "another run of snapshot `{0}` is at work on the server; wait for it, or look for it in SHOW PROCESSLIST"
    )]
    Busy(String),
    /// The lock that keeps other runs away is gone while the run is at work.
    #[error(
        "snapshot `{snapshot}` does not hold its lock on the server any more ({why}), so another run may be at work there; it is made again. If it stays: `host` has to lead to one server, and nothing may end idle sessions within a minute"
    )]
    Unlocked {
        /// The snapshot.
        snapshot: String,
        /// How that is known.
        why: String,
    },
    /// Two customers' tables would be in one database.
    #[error(
        "two customers of snapshot `{snapshot}` come to database `{database}`; put {{customer}} into `database`, or set layout = \"combined\""
    )]
    OneDatabase {
        /// The snapshot.
        snapshot: String,
        /// The database.
        database: String,
    },
    /// A table that no snapshot has made stands where one is to be.
    #[error(
        "`{database}`.`{table}` is there and no snapshot has made it, so it is left alone; rename or drop it, or name another database"
    )]
    Foreign {
        /// The database.
        database: String,
        /// The table.
        table: String,
    },
    /// The tables there are another snapshot's.
    #[error(
        "database `{database}` holds the tables of snapshot `{owner}`; give each snapshot a database of its own"
    )]
    OfAnother {
        /// The database.
        database: String,
        /// The other snapshot.
        owner: String,
    },
    /// `on_loss = "fail"`
    #[error(
        "table {table} has values that the server has no place for, in {columns}; mend them, or set on_loss = \"null\" or \"text\""
    )]
    Loss {
        /// The table.
        table: String,
        /// Columns, how many values, and why.
        columns: String,
    },
    /// The server has changed or left out what it was given.
    #[error(
        "the server did not take all of table {table} as it was sent (warnings {codes}); leave the column out with `exclude`, and report it"
    )]
    Changed {
        /// The table.
        table: String,
        /// The numbers of the warnings.
        codes: String,
    },
    /// The server does not have what was sent.
    #[error(
        "table {table} on the server is not what was sent: {what} differ(s); run it again, and report it if it stays"
    )]
    Differs {
        /// The table.
        table: String,
        /// Rows, or a column.
        what: String,
    },
    /// There is nothing to publish.
    #[error("run {run} is not on the server, whole and waiting; make the snapshot again")]
    NotStaged {
        /// The run.
        run: String,
    },
    /// A thread of the run broke down.
    #[error("a worker of the snapshot broke down: this is a fault of Acequia, please report it")]
    Broken,
}

impl Error {
    /// Whether a connection to the server is gone.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Mysql(error) if error.is_lost()) || matches!(self, Self::Unlocked { .. })
    }

    /// Whether the same again may work.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Mysql(error) => error.fault(),
            Self::Malformed { .. }
            | Self::CutOff(_)
            | Self::Busy(_)
            | Self::Unlocked { .. }
            | Self::Differs { .. } => Fault::Retry,
            Self::OneDatabase { .. }
            | Self::Foreign { .. }
            | Self::OfAnother { .. }
            | Self::Loss { .. }
            | Self::Changed { .. }
            | Self::NotStaged { .. }
            | Self::Broken => Fault::Halt,
        }
    }
}

/// `born (3: infinity), price (1: not_a_number)`
pub(super) fn told<'c>(losses: impl IntoIterator<Item = (&'c str, &'c Losses)>) -> String {
    let kinds = |losses: &Losses| {
        let word = |loss| serde_json::to_value(loss).ok().and_then(|word| word.as_str().map(str::to_owned));
        let kinds: Vec<String> = losses
            .iter()
            .map(|(loss, count)| format!("{count}: {}", word(loss).unwrap_or_default()))
            .collect();
        kinds.join(", ")
    };
    let lost = losses.into_iter().filter(|(_, losses)| !losses.is_empty());
    lost.map(|(column, losses)| format!("{column} ({})", kinds(losses))).collect::<Vec<_>>().join(", ")
}
