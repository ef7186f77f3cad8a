//! The forms that the lines may have.

/// The form of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// To the journal of systemd, where each field can be searched for: `ACEQUIA_FLOW`, `ACEQUIA_CUSTOMER`, …
    Journal,
    /// An object on each line of standard error.
    Json,
    /// Lines of text on standard error.
    Text {
        /// Levels in colours: for a terminal.
        coloured: bool,
    },
}
