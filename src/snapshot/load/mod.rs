//! A published snapshot, put back into a database.
//!
//! ```text
//! unmarket   a file's bytes to what COPY takes: pure
//! feed       the files of an archive, read on a thread and sent to the server
//! ledger     what was loaded before
//! dataset    one data set into its table
//! postgres   an archive into a schema of PostgreSQL
//! ```

mod error;
pub mod unmarket;
mod feed;
mod ledger;
mod dataset;
pub mod postgres;

pub use error::Error;
