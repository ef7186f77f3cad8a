//! Where a snapshot is published: `<directory>/<name>/`.
//!
//! ```text
//! current                a link to published/<run>; to point it elsewhere is the one step that publishes
//! published/<run>/       manifest.json and the archives
//! staging/<run>/         a run at work; whole as soon as its manifest.json is there
//! base/<run>/            what an incremental run compares with
//! lock                   held by whoever works here
//! ```
//!
//! Everything is 0600 in 0700. What is written is on the disk before anything that relies on it is done, so that after a
//! crash at any moment `current` leads to a whole run, and [`Place::clear`] finds what is left over by its name.

pub mod disk;
mod error;
pub mod run;
mod site;
mod publish;
mod retain;

pub use error::{Error, disk_fault, remedy};
pub use retain::Retention;
pub use site::{CURRENT, Lock, MANIFEST_FILE, Place, Published, make_empty, manifest};

#[cfg(test)]
mod tests;
