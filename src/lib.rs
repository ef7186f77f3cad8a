//! Acequia: change data capture beside a PostgreSQL practice database.
//!
//! # The way of one changed row
//!
//! ```text
//! source::duplex     a frame from the replication connection: WAL data or a keepalive
//! source::pgoutput   bytes to one message, pure; it never panics
//! source::assemble   messages to events of whole transactions; what was applied before is dropped here, and what a flow
//!                    of ours wrote, unless it goes on from here
//! rules              the plan: which source table this is, and the finished SQL of every route to a customer
//! apply::batch       changes gather until the writer is free; apply::fold keeps the last state of each row, in waves
//!                    that may be applied as sets
//! apply::writer      one batch, one target transaction: the checkpoint is locked, the transaction is marked as ours,
//!                    then wave by wave
//!   apply::engine      apply::stage encodes the rows, and they are copied to the target once
//!   apply::customer    for each customer, parents first: links, creates, changes, parks; then deletes, children first.
//!                      Where the server refuses something, apply::careful does it again, and parks the rows at fault
//!   apply::retry       parked rows whose parent has just arrived
//!                    then what is told of it (notify), counts, the checkpoint's new position, commit
//! daemon::flow       life tells on a watch channel what is committed; capture confirms it to the source, which may forget
//!                    it now
//! ```
//!
//! Between `daemon::flow::capture`, which reads, and `daemon::flow::life`, which writes, lies a channel that holds one batch:
//! that is the back-pressure. Whatever fails on the way, the target rolls back, and the stream is read again from the
//! checkpoint. A plan is made by `daemon::flow::plan` and never changed: where a catalog is no longer what it was
//! (`daemon::flow::drift`), the flow begins anew at its checkpoint, with another plan. A reload (`daemon::reload`) changes plans
//! the same way. What comes for a customer that is *held* (paused, locked, broken, or written at certain times only) is parked
//! by `apply::withhold` and written later by `apply::drain`, in its order.
//!
//! # The way of a snapshot
//!
//! `daemon::snapshots` looks at the clock and at what is remembered (`snapshot::agenda`) and has a run made. `snapshot::run` takes
//! the moment of each database (`moment`), and a crew of workers reads all tables at it with COPY (`crew`, over
//! `postgres::copy_out`). In threads of their own the bytes become files or what MySQL loads (`convert`, `transcript`); parts
//! become archives (`archive`), tables are loaded beside the published ones (`snapshot::mysql`). All of it is read back or
//! compared, and put in the place of the last one by one step (`place`).
//!
//! # The modules
//!
//! Lowest first. **A module uses only modules listed above it**; `tests/tidy.rs` keeps that true.

// -- words --
/// Identifiers: newtypes, and the only place that quotes SQL.
pub mod name;
/// A position in the write-ahead log.
pub mod lsn;
/// Values and changes on their way; none of them prints a value.
pub mod row;
/// When something that is done at certain times is done next.
pub mod schedule;
/// Retry, park or halt, and the delay before another try.
pub mod fault;
/// Where the tests have the process die, panic or stand still.
pub mod failpoint;
/// What the daemon writes of itself, and what a panic says.
pub mod logging;
/// SQL of the rules: one expression over a row, and the columns in it.
pub mod expression;
// -- settings --
/// Rule files to configuration, with every problem at its place.
pub mod config;
// -- sessions --
/// Sessions with PostgreSQL, opened the one right way; errors without row values.
pub mod postgres;
/// Sessions with MySQL and MariaDB, the same way.
pub mod mysql;
// -- shape --
/// What the databases look like.
pub mod catalog;
// -- changes --
/// Wire to messages to whole transactions. Knows nothing of rules.
pub mod source;
// -- meaning --
/// Configuration and catalogs to an immutable plan. Knows nothing of sessions.
pub mod rules;
// -- telling --
/// What applications are told of: events in the outbox, and their delivery.
pub mod notify;
// -- writing --
/// Batches into the customers, exactly once.
pub mod apply;
// -- comparing --
/// Whether the customers have what the rules give them.
pub mod verify;
// -- dumping --
/// All tables of customers at one moment, to archives or MySQL. Knows nothing of rules.
pub mod snapshot;
// -- telling --
/// What the daemon says of itself.
pub mod ops;
// -- process --
/// Builds the flows, joins them, stops them in order.
pub mod daemon;
// -- commands --
/// One file per command.
pub mod cli;
