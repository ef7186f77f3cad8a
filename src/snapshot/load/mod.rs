//! A published snapshot, put back into a database.
//!
//! ```text
//! unmarket   a file's bytes to what COPY takes: pure
//! feed       the files of an archive, read on a thread and sent to the server
//! ledger     what was loaded before
//! dataset    one data set into its table
//! postgres   an archive into a schema of PostgreSQL
//! shape      what a table looked like, out of the manifest
//! mysql      an archive into a database of MySQL or MariaDB
//! ```

mod error;
pub mod unmarket;
mod feed;
mod ledger;
mod dataset;
pub mod postgres;
mod shape;
pub mod mysql;

pub use error::Error;
