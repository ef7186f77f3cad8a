//! Telling: what the daemon says of itself, in one shape for every reader.
//!
//! `state` is what is known: what each flow says of itself, and `vital`: what somebody else saw who asked the databases
//! without it. `health` judges that, and is the only place that does: the probe, the monitoring plug-in, the metrics and
//! systemd's status line all tell what it says.

mod health;
mod state;
/// What systemd is told.
pub mod systemd;
mod vital;

pub use health::{Check, Health, Level, Subject};
pub use state::{
    DaemonState, FlowState, Found, Limits, Phase, Reload, STATE_FILE, SnapshotPhase, SnapshotState, Verified,
    read, read_outline, read_reload, remove, write, write_outline, write_reload,
};
pub use vital::{CustomerVital, HoldVital, Side, SlotVital, Vital};
