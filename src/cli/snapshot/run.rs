//! `acequia snapshot run`: make one now.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::choice;
use super::progress::show;
use crate::cli::audit::note;
use crate::cli::console::{Exit, Output, say};
use crate::cli::dumps::size;
use crate::config::Config;
use crate::snapshot::error::Error;
use crate::snapshot::run::{self, Published};

pub(super) const AFTER_HELP: &str = "\
It is made as the rule files say, and published at once: `publish_at` is for the daemon. The last
published one stays as it is until then, and if anything fails. Ctrl-C clears away what was
written; a second one does not wait for that.

  acequia snapshot run nightly
  acequia snapshot run nightly --output json | jq -r .path

Exit status: 0 published, 1 failed, 69 a database can't be reached, 75 another run is at work";

/// How long a run may take to clear away what it has written.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// What to make.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Run {
    /// Its name in the rule files
    name: String,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

pub(super) async fn run(config: &Config, wanted: &Run) -> anyhow::Result<Exit> {
    let snapshot = choice::find(config, &wanted.name)?;
    let (tell, told) = watch::channel(None);
    let shown = tokio::spawn(show(told));
    let stop = CancellationToken::new();
    let token = stop.clone();
    // In a box, so that it can be dropped before its end: what it owns keeps the progress going.
    let mut made = Box::pin(async move {
        let staged = run::make(config, snapshot, Timestamp::now(), &tell, &token).await?;
        // With the end of the channel, nothing is drawn any more.
        drop(tell);
        run::publish(config, snapshot, &staged.run, Timestamp::now()).await
    });
    let mut signals = Signals::listen()?;
    let published = tokio::select! {
        published = &mut made => published.map_err(anyhow::Error::from),
        () = signals.next() => stopped(&stop, made, &mut signals).await,
    };
    // It draws to the end and has no way to fail.
    let _ = shown.await;
    let published = match published {
        Ok(published) => published,
        Err(error) => {
            note(config, "snapshot run", "snapshot run failed", &json!({ "snapshot": wanted.name })).await;
            return Err(error);
        }
    };
    let detail = json!({ "snapshot": published.manifest.snapshot, "run": published.manifest.run, "rows": published.rows,
        "bytes": published.bytes, "path": published.path });
    note(config, "snapshot run", "snapshot run", &detail).await;
    match wanted.output {
        Output::Json => say!("{}", serde_json::to_string_pretty(&as_json(&published))?),
        Output::Text => print(&published),
    }
    Ok(Exit::Done)
}

/// Tells a run to stop and lets it clear away what it has written, unless it is told once more. What is left then is cleared by
/// the next run, as after a death.
async fn stopped(
    stop: &CancellationToken,
    made: impl Future<Output = Result<Published, Error>>,
    signals: &mut Signals,
) -> anyhow::Result<Published> {
    stop.cancel();
    tokio::select! {
        published = made => return Ok(published?),
        () = tokio::time::sleep(STOP_LIMIT) => {}
        () = signals.next() => {}
    }
    anyhow::bail!(
        "stopped in the middle of something: the next run clears away what is left, and `acequia snapshot list` says what is published"
    )
}

/// What says that a run shall stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn as_json(published: &Published) -> serde_json::Value {
    json!({ "path": published.path, "run": published.manifest.run, "rows": published.rows, "bytes": published.bytes,
            "manifest": published.manifest })
}

fn print(published: &Published) {
    let manifest = &published.manifest;
    say!(
        "published {} run {}: {} customer(s), {} data set(s), {} rows, {}",
        manifest.snapshot,
        manifest.run,
        manifest.customers.len(),
        manifest.datasets.len(),
        published.rows,
        size(published.bytes)
    );
    for moment in &manifest.moments {
        say!("  as of {} ({} at {})", moment.as_of, moment.database, moment.lsn);
    }
    for missing in &manifest.missing {
        say!("  without customer {}: {}", missing.customer, missing.reason);
    }
    let losses: u64 = manifest
        .datasets
        .iter()
        .flat_map(|dataset| &dataset.columns)
        .flat_map(|column| column.losses.values())
        .sum();
    if losses > 0 {
        say!("  {losses} value(s) that the format can't hold; manifest.json counts them by column");
    }
    say!("  {}", published.path.display());
}
