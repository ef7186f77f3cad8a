//! A snapshot in a MySQL or MariaDB server: every table is loaded beside the one that is published, compared, and then all
//! of them take their places in one `RENAME TABLE`. Readers see the old tables or the new ones.
//!
//! ```text
//! error      what can go wrong
//! names      what the tables are called that nobody is to see
//! ledger     acequia_manifest: which tables are ours, and of which run
//! insert     rows by INSERT, where LOAD DATA LOCAL is switched off
//! comparison what the server has, beside what was sent
//! keeper     the lock that keeps a second run away
//! loader     one table
//! sink       all tables of a run
//! swap       publishing
//! ```

mod comparison;
mod error;
mod insert;
mod keeper;
mod ledger;
mod loader;
mod names;
mod sink;
mod swap;

pub use error::Error;
pub use loader::{Loaded, Loader, Outcome};
pub use sink::{Order, Sink};
pub use swap::{publish, published};
