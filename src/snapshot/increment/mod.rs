//! Incremental snapshots: what has changed since the last *published* run, and the keys of what is gone.
//!
//! ```text
//! shape     a table, and whether two runs of it can be compared; the order in which it is read
//! key       the primary key of a row of COPY text, and which of two comes first
//! base      the keys and hashes of all rows of a run, in that order, in a file
//! compare   two runs, row by row, as they are read: both come in one order, so one step of memory is enough
//! ```
//!
//! Why not from the write-ahead log: a slot of its own would keep a day's WAL at the source, and a missed day would fill its
//! disk. So every row is read, as for a full snapshot, in the order of the primary key, and compared with the base that the
//! published run left: 16 bytes of hash and the key for each row. What was never published never moves the base, so no
//! change is lost with a day that was.
//!
//! A base holds keys, which are values of rows. It is for this host alone: 0600 in 0700, not encrypted, in no archive, and
//! removed with the next published run.
//!
//! A table without a primary key is written whole each time, and so is one whose columns or key are no longer what they were.
//! A row of more than [`compare::ROW_MAX_BYTES`] is written whether or not it has changed: to compare it first, it would
//! have to be in memory whole.

mod base;
pub mod compare;
mod error;
mod key;
pub mod shape;

pub use compare::{Compared, Comparison, Found};
pub use error::Error;
pub use shape::Shape;

#[cfg(test)]
mod tests;
