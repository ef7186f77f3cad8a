//! What the writing at hand knows beside the plan.

use std::collections::{HashMap, HashSet};

use crate::lsn::Lsn;

use super::unchanged::Origin;

/// What the writer knows beside the plan.
pub(super) struct Context {
    /// The source, for values that the stream leaves out.
    pub(super) source: Origin,
    /// The number of each route in the target's registry.
    pub(super) numbers: Vec<i32>,
    /// The same for images that leave columns out, by route and the staged columns left out.
    pub(super) partial_numbers: HashMap<(usize, Vec<usize>), i32>,
    /// Routes of which something may be parked.
    pub(super) parked: HashSet<usize>,
    /// Number of the writing at hand; no two are the same.
    pub(super) generation: i64,
    /// Position that the writing at hand belongs to.
    pub(super) lsn: Lsn,
}

impl Context {
    pub(super) fn lsn_text(&self) -> String {
        self.lsn.to_string()
    }
}
