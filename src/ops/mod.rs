//! Telling: what the daemon says of itself, in one shape for every reader.

mod state;

pub use state::{DaemonState, FlowState, Phase, STATE_FILE, Verified, read, remove, write};
