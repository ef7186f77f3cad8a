//! Why an archive can't be put into a database.

use super::super::{archive, mysql};
use crate::fault::Fault;
use crate::name::Ident;
use crate::postgres;

/// Why nothing was loaded: what had been done is rolled back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive can't be read.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// The server refused something, or is not there.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// The MySQL or MariaDB server refused something, or is not there.
    #[error(transparent)]
    Mysql(#[from] mysql::Error),
    /// There is nothing that a schema could be made of.
    #[error("a snapshot of format `{format}` can't be loaded here: {remedy}")]
    Format {
        /// As the manifest has it.
        format: String,
        /// What to do instead.
        remedy: &'static str,
    },
    /// It does not hold together with its own manifest.
    #[error(
        "the archive is not what its manifest says: data set `{table}` {problem}; nothing was loaded, verify the snapshot"
    )]
    Damaged {
        /// The table.
        table: String,
        /// What is wrong.
        problem: String,
    },
    /// Somebody's rows are there.
    #[error(
        "table {table} of schema {schema} has rows: load into another schema, or empty it first with --replace"
    )]
    Occupied {
        /// The schema.
        schema: Ident,
        /// The first of them.
        table: String,
    },
    /// An incremental snapshot goes on from a run that is not there.
    #[error(
        "the snapshot goes on from run {needed}, and schema {schema} has {found}: load the runs in their order, the full one first"
    )]
    Base {
        /// The schema.
        schema: Ident,
        /// The run that it goes on from.
        needed: String,
        /// What was loaded there.
        found: String,
    },
    /// A thread broke down.
    #[error(
        "a part of Acequia that reads the archive broke down: this is a fault of Acequia, please report it"
    )]
    Broken,
}

impl Error {
    /// Whether another try may help.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Archive(error) => error.fault(),
            Self::Postgres(error) => error.fault(),
            Self::Mysql(error) => error.fault(),
            Self::Format { .. }
            | Self::Damaged { .. }
            | Self::Occupied { .. }
            | Self::Base { .. }
            | Self::Broken => Fault::Halt,
        }
    }
}
