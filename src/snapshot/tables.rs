//! A run into the tables of a server: loaded beside the published ones, as often as it takes to find out which columns have to
//! be wider, and staged there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio_util::sync::CancellationToken;

use crate::config::{Config, Format, Server, Snapshot};

use super::crew::{Counters, Feeds, Job, read_all};
use super::error::{Error, unless_stopped};
use super::manifest::Manifest;
use super::mysql::{Loader, Order, Outcome, Sink};
use super::scope::Scope;

/// Where a snapshot's tables go; nothing where its format is another.
pub(super) fn order<'c>(config: &'c Config, snapshot: &Snapshot, run: &str) -> Option<(&'c Server, Order)> {
    let Format::Mysql { server, database } = &snapshot.format else { return None };
    let order = Order {
        snapshot: snapshot.name.to_string(),
        run: run.to_owned(),
        database: database.clone(),
        on_loss: snapshot.on_loss,
    };
    Some((config.servers.get(server)?, order))
}

/// Loads all tables and stages them; adds them to the manifest. `expected` looks at it before that.
pub(super) async fn make(
    (server, order): (&Server, Order),
    workers: usize,
    scope: &Scope,
    manifest: &mut Manifest,
    counters: &Arc<Counters>,
    stop: &CancellationToken,
    expected: impl FnOnce(&Manifest) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut sink = unless_stopped(stop, Sink::prepare(server, order, &scope.bundles)).await?;
    let loaded = load(&mut sink, workers, scope, counters, stop).await;
    manifest.datasets = sink.datasets();
    match loaded.and_then(|()| expected(manifest)) {
        Ok(()) => Ok(sink.stage(manifest).await?),
        Err(error) => {
            let is_lost = matches!(&error, Error::Mysql(error) if error.is_lost());
            sink.discard(is_lost).await;
            Err(error)
        }
    }
}

async fn load(
    sink: &mut Sink,
    workers: usize,
    scope: &Scope,
    counters: &Arc<Counters>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    loop {
        let jobs = sink.jobs();
        if jobs.is_empty() {
            return Ok(());
        }
        let mut loaders: BTreeMap<usize, Loader> =
            jobs.iter().map(|job| (job.number, sink.loader(job.number))).collect();
        let write = |job: &Job, feeds: Feeds| {
            let loader = loaders.remove(&job.number);
            async move {
                let loader = loader.ok_or(Error::Broken)?;
                Ok::<Outcome, Error>(loader.run(feeds).await?)
            }
        };
        let done = async |number: usize, outcome: Outcome| {
            if let Outcome::Loaded(loaded) = &outcome {
                counters.rows.fetch_add(loaded.rows, Ordering::Relaxed);
            }
            sink.took(number, outcome);
            Ok(())
        };
        read_all(jobs, workers, &scope.moments, counters, stop, write, done)
            .await
            .map_err(Error::from_job)?;
    }
}
