//! Making snapshots when it is time.
//!
//! `tasks` has a task for each snapshot: a `dump`, with its `memory` of what was made, and a `herald` who tells applications.

mod dump;
mod herald;
mod memory;
mod tasks;

pub(super) use tasks::Snapshots;
