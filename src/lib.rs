//! Acequia: change data capture beside a PostgreSQL practice database.
//!
//! The modules, lowest first. **A module uses only modules listed above it**; `tests/tidy.rs` keeps that true.

// -- words --
/// Identifiers: newtypes, and the only place that quotes SQL.
pub mod name;
/// A position in the write-ahead log.
pub mod lsn;
/// Values and changes on their way; none of them prints a value.
pub mod row;
/// Retry, park or halt, and the delay before another try.
pub mod fault;
/// Where the tests stop the process dead.
pub mod failpoint;
// -- settings --
/// Rule files to configuration, with every problem at its place.
pub mod config;
// -- sessions --
/// Sessions with PostgreSQL, opened the one right way; errors without row values.
pub mod postgres;
// -- shape --
/// What the databases look like.
pub mod catalog;
// -- changes --
/// Wire to messages to whole transactions. Knows nothing of rules.
pub mod source;
// -- meaning --
/// Configuration and catalogs to an immutable plan. Knows nothing of sessions.
pub mod rules;
// -- writing --
/// Batches into the customers, exactly once.
pub mod apply;
// -- telling --
/// What the daemon says of itself.
pub mod ops;
// -- process --
/// Builds the flows, joins them, stops them in order.
pub mod daemon;
// -- commands --
/// One file per command.
pub mod cli;
