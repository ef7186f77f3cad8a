//! What a rule lets a route do, as far as its statements depend on it.

use crate::config::Mode;

use super::shape::Departure;

/// What a route does, as far as its statements depend on it.
#[derive(Debug)]
pub(super) struct Policy {
    /// What may be written.
    pub(super) mode: Mode,
    /// `on_delete`
    pub(super) on_delete: Departure,
    /// `on_leave`
    pub(super) on_leave: Departure,
    /// `on_truncate = "delete"`
    pub(super) deletes_truncated: bool,
    /// Staged columns that `where` reads.
    pub(super) filter_columns: Vec<usize>,
}
