//! How far a run is, on a terminal: rows, bytes, rate, time left. Where nobody looks, a line now and then.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::watch;

use crate::cli::dumps::line;
use crate::snapshot::progress::Progress;

/// How often a line is written where no terminal is.
const LINE_INTERVAL: Duration = Duration::from_secs(30);

/// Shows what comes on the channel until it closes.
pub(super) async fn show(mut told: watch::Receiver<Option<Progress>>) {
    if std::io::stderr().is_terminal() {
        bar(&mut told).await;
    } else {
        lines(&mut told).await;
    }
}

async fn bar(told: &mut watch::Receiver<Option<Progress>>) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar:.cyan/dim} {percent:>3}% {eta:>4}") {
        bar.set_style(style);
    }
    while told.changed().await.is_ok() {
        let Some(progress) = told.borrow_and_update().clone() else { continue };
        bar.set_length(progress.rows_estimate.max(progress.rows));
        bar.set_position(progress.rows);
        bar.set_message(line(&progress));
    }
    bar.finish_and_clear();
}

async fn lines(told: &mut watch::Receiver<Option<Progress>>) {
    let mut interval = tokio::time::interval(LINE_INTERVAL);
    interval.tick().await;
    loop {
        tokio::select! {
            changed = told.changed() => if changed.is_err() { return },
            _ = interval.tick() => {
                if let Some(progress) = told.borrow().as_ref() {
                    eprintln!("{}", line(progress));
                }
            }
        }
    }
}
