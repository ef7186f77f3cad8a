//! The process: one task for each flow, stopped in order.
//!
//! `start` brings a flow up to its stream (`plan` makes its plan, `publish` its publication, `recall` tells what has changed
//! since the last time, `position` finds where it goes on and `gap` why it can't; `wished` hears who asks for a new slot
//! then), `capture` reads it, `drift` notices when the plan no
//! longer fits the databases, `inspection` compares customers with what the rules give them, `flow` writes what was captured and decides what a failure means, this file joins the flows
//! and writes the state file. Clocks enter here.

mod capture;
mod drift;
mod error;
mod flow;
mod gap;
mod inspection;
mod plan;
mod position;
mod progress;
mod publish;
mod recall;
mod start;
mod wished;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::ops::{self, DaemonState, Phase};
use crate::rules::Flow;

pub use error::Error;
pub use gap::{Gap, find_gap};
pub use plan::read_catalogs;
pub use publish::publication_gap;

/// How often the state file is written.
const STATE_INTERVAL: Duration = Duration::from_secs(1);
/// How long flows may take to notice that they shall stop. What they are writing is dropped with its transaction, and
/// written at the next start.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Told to stop.
    Stopped,
    /// No flow could start with this configuration.
    Refused,
}

/// Runs every flow until `shutdown` is ready, or until no flow can ever start.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Ended {
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let flows = Flow::all(&config);
    let mut watched = Vec::new();
    let config = std::sync::Arc::new(config);
    for flow in flows {
        let (state, seen) = watch::channel(progress::first_state(&flow.name));
        watched.push(seen);
        tasks.spawn(flow::run(std::sync::Arc::clone(&config), flow, state, stop.clone()));
    }
    tasks.close();
    let ended = tokio::select! {
        () = shutdown => Ended::Stopped,
        () = all_refused(&watched) => Ended::Refused,
        () = publish(&config.daemon.runtime_directory, &config.sha256, &watched) => Ended::Stopped,
    };
    stop.cancel();
    if tokio::time::timeout(STOP_LIMIT, tasks.wait()).await.is_err() {
        tracing::warn!(
            "a flow did not stop in time; what it was writing will be written again at the next start"
        );
    }
    ops::remove(&config.daemon.runtime_directory);
    ended
}

/// Ready when every flow is halted and none has ever streamed. One that a command heals is worth staying for.
async fn all_refused(watched: &[watch::Receiver<progress::Progress>]) {
    if watched.is_empty() {
        return std::future::pending().await;
    }
    let refused = |progress: &progress::Progress| {
        progress.phase == Phase::Halted && !progress.has_streamed && !progress.has_gap
    };
    loop {
        for seen in watched {
            if seen.clone().wait_for(refused).await.is_err() {
                return std::future::pending().await;
            }
        }
        // One that was halted may have found its way while others were waited for.
        if watched.iter().all(|seen| refused(&seen.borrow())) {
            return;
        }
    }
}

/// Writes the state file on a timer, for ever.
async fn publish(directory: &Path, sha256: &str, watched: &[watch::Receiver<progress::Progress>]) {
    let mut timer = tokio::time::interval(STATE_INTERVAL);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut told = false;
    loop {
        timer.tick().await;
        let written = write_state(directory, sha256, watched);
        if let Err(error) = &written
            && !told
        {
            tracing::warn!(
                directory = %directory.display(),
                kind = %error.kind(),
                "the state file can't be written; check the directory's owner ([daemon] runtime_directory)"
            );
        }
        told = written.is_err();
    }
}

fn write_state(
    directory: &Path,
    sha256: &str,
    watched: &[watch::Receiver<progress::Progress>],
) -> std::io::Result<()> {
    let state = DaemonState {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_sha256: sha256.to_owned(),
        written_at: progress::unix_seconds(),
        flows: watched.iter().map(|seen| seen.borrow().state()).collect(),
    };
    ops::write(directory, &state)
}
