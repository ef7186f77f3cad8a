//! Telling: what the daemon says of itself, in one shape for every reader.
//!
//! `state` is what is known: what each flow says of itself, and `vital`: what somebody else saw who asked the databases
//! without it. `health` judges that, and is the only place that does: the probe, the monitoring plug-in, the metrics and
//! systemd's status line all tell what it says. `stale` says how old the oldest is that a customer lacks.
//!
//! `http` answers who asks from outside, with what was `seen` last: `probe` says whether it lives and is ready; `gather` makes
//! `sample`s of the `metric`s, with what the system says of the process `own`, and `scrape` writes them as text.

mod gather;
mod health;
mod http;
mod metric;
mod own;
mod probe;
mod sample;
mod scrape;
mod seen;
mod stale;
mod state;
/// What systemd is told.
pub mod systemd;
mod vital;

pub use health::{Check, Health, Level, Subject};
pub use http::Http;
pub use metric::{Kind, METRICS, Metric};
pub use seen::Seen;
pub use state::{
    Asked, DaemonState, FlowState, Found, Limits, Phase, Reload, STATE_FILE, STATE_MAX_AGE_SECONDS,
    SnapshotPhase, SnapshotState, Verified, is_beside, read, read_outline, read_reload, remove, take_asked,
    write, write_asked, write_outline, write_reload,
};
pub use vital::{CustomerVital, HoldVital, Side, SlotVital, UNBOUNDED_WAL_BYTES, Vital};
