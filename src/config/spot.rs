//! Where something stands in the rule files.

/// A piece of a configuration file: which file, and the bytes `start..end` of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spot {
    /// The file's number in the order of merging.
    pub file: usize,
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}
