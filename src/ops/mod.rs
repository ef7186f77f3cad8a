//! Telling: what the daemon says of itself, in one shape for every reader.

mod state;

pub use state::{
    DaemonState, FlowState, Found, Phase, Reload, STATE_FILE, SnapshotPhase, SnapshotState, Verified, read,
    read_outline, read_reload, remove, write, write_outline, write_reload,
};
