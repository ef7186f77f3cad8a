//! What a command knows of the daemon beside it: what its state file says, that there is none, or that nobody may read it.

use std::path::Path;

use crate::ops::{self, DaemonState};

/// What is there.
pub(super) enum Beside {
    /// A daemon, and what it said last.
    Daemon(Box<DaemonState>),
    /// None, or one that is gone.
    Nobody,
    /// It can't be told; why, and what to do.
    Unknown(String),
}

impl Beside {
    /// Looks into the runtime directory.
    pub(super) fn look(place: &Path) -> Self {
        match ops::read(place) {
            Ok(Some(state)) if is_fresh(&state) => Self::Daemon(Box::new(state)),
            // What it said last may be wrong by now, and is not told.
            Ok(Some(state)) if is_there(state.pid) => Self::Unknown(format!(
                "the daemon (process {}) is there, and has not written its state in {} for {} s: it hangs, or has no room or no \
                 right to write there; its log says which",
                state.pid,
                place.display(),
                now_seconds() - state.written_at
            )),
            Ok(_) => Self::Nobody,
            Err(error) => Self::Unknown(format!(
                "the daemon's state in {} can't be read ({}): run this as root or as the daemon's user",
                place.display(),
                error.kind()
            )),
        }
    }

    /// The daemon; `None`: there is none. Where it can't be told that is an error, which says why.
    pub(super) fn known(self) -> anyhow::Result<Option<Box<DaemonState>>> {
        match self {
            Self::Daemon(state) => Ok(Some(state)),
            Self::Nobody => Ok(None),
            Self::Unknown(why) => Err(anyhow::Error::msg(why)),
        }
    }

    /// The daemon, where one is seen.
    pub(super) fn daemon(&self) -> Option<&DaemonState> {
        match self {
            Self::Daemon(state) => Some(state),
            Self::Nobody | Self::Unknown(_) => None,
        }
    }

    /// What a flow is doing.
    pub(super) fn state_of(&self, flow: &str) -> &'static str {
        match self {
            Self::Daemon(state) => {
                let own = state.flows.iter().find(|state| state.name == flow);
                own.map_or("stopped", |own| own.state.as_str())
            }
            Self::Nobody => "stopped",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// The time as state files have it.
pub(super) fn now_seconds() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.map_or(0, |now| now.as_secs())).unwrap_or(i64::MAX)
}

/// Whether a process of this program has that number, another one than this. One that was killed leaves its file behind, and
/// another program may have its number by now.
fn is_there(pid: u32) -> bool {
    let told = |of: &str| std::fs::read_to_string(format!("/proc/{of}/status")).unwrap_or_default();
    let line = |told: &str, word: &str| told.lines().find(|line| line.starts_with(word)).map(str::to_owned);
    let (there, here) = (told(&pid.to_string()), told("self"));
    let is_dead = line(&there, "State:").is_none_or(|state| state.contains('Z'));
    pid != std::process::id() && !is_dead && line(&there, "Name:") == line(&here, "Name:")
}

/// Whether it was written a moment ago.
fn is_fresh(daemon: &DaemonState) -> bool {
    now_seconds() - daemon.written_at <= i64::from(ops::STATE_MAX_AGE_SECONDS)
}
