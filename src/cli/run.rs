//! `acequia run`: the daemon in the foreground.

use std::path::Path;

use anyhow::Context as _;
use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};

use super::console::{Exit, error_style, load};
use crate::config::Style;
use crate::daemon::{self, Ended};
use crate::logging::{self, Form};
use crate::rules::Flow;

/// What the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    // Without help of their own, so that the help of the command stays short.
    Auto,
    Journald,
    Json,
    Text,
}

pub(super) async fn run(directory: &Path, log: LogForm) -> anyhow::Result<Exit> {
    let log = logging::start(form(log));
    tokio::select! {
        ended = run_logged(directory) => ended,
        () = log.count() => Ok(Exit::Fault),
    }
}

async fn run_logged(directory: &Path) -> anyhow::Result<Exit> {
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
            _ = terminate.recv() => tracing::info!("told to stop"),
            _ = interrupt.recv() => tracing::info!("told to stop"),
            () = logging::panicked() => tracing::error!("the process ends in order, to be started anew"),
        }
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

/// The form that was asked for; by itself, the one that fits where standard error goes.
fn form(wanted: LogForm) -> Form {
    let text = || Form::Text { coloured: matches!(error_style(), Style::Coloured) };
    match wanted {
        LogForm::Auto if logging::is_journal() => Form::Journal,
        LogForm::Auto | LogForm::Text => text(),
        LogForm::Journald => Form::Journal,
        LogForm::Json => Form::Json,
    }
}
