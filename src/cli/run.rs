//! `acequia run`: the daemon in the foreground.

use std::path::Path;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::console::{Exit, load};
use crate::daemon::{self, Ended};
use crate::rules::Flow;

pub(super) async fn run(directory: &Path) -> anyhow::Result<Exit> {
    start_logging();
    // From here on a hangup is no reason to die.
    let hangup = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    let config = load(directory)?;
    let flows = Flow::all(&config);
    let snapshots = config.snapshots.iter().filter(|snapshot| snapshot.enabled).count();
    if flows.is_empty() && snapshots == 0 {
        tracing::warn!(
            "no sync group and no snapshot is enabled: there is nothing to do until the rules change"
        );
    }
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, config = %config.sha256, flows = flows.len(), snapshots, "starting");
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let shutdown = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("told to stop");
    };
    match daemon::run(config, directory, hangup, shutdown).await {
        Ended::Stopped => {
            tracing::info!("stopped");
            Ok(Exit::Done)
        }
        Ended::Refused => {
            tracing::error!(
                "no flow can start: mend what stands above (`acequia check` shows all of it), then start again"
            );
            Ok(Exit::Configuration)
        }
    }
}

/// Logs go to standard error, where the journal takes them. `RUST_LOG` chooses among our own levels only: what
/// libraries log is capped when they are built, because one of them logs bound values.
fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = matches!(super::console::error_style(), crate::config::Style::Coloured);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .init();
}
