//! Archives: `.DAT` files in a ZIP, statements in a gzip file; sealed where only some may read them.
//!
//! ```text
//! part        one data set's bytes, deflated into a file of their own, counted and hashed; many at once
//! zip, gzip   the parts, as they are, one behind the other in an archive
//! outlet      the file on its way to the disk          inlet       the file that is read
//! seal        age recipients, and a key of the run's own
//! contents    what is in a ZIP                         members     what is in a gzip file
//! check       the archive read back: what the manifest says, and nothing else
//! ```
//!
//! All of it blocks: it belongs on threads that may wait. Memory is constant, however large a data set is.

mod error;
pub mod seal;
pub mod tally;
pub mod outlet;
pub mod inlet;
pub mod part;
pub mod zip;
pub mod gzip;
pub mod contents;
pub mod members;
pub mod check;

pub use check::{Checked, check, check_dump, check_file};
pub use contents::Contents;
pub use error::Error;
pub use gzip::{Piece, concatenate};
pub use members::Members;
pub use part::{DonePart, Part};
pub use seal::{Keys, Seal};
pub use zip::assemble;

#[cfg(test)]
mod tests;
