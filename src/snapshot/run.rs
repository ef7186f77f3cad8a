//! One run of a snapshot: what there is to read, the moment, the archives or tables, and at last the one step that puts it in
//! the place of the one before.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Dialect, Format, Kind, Layout, OnLoss, Profile, Snapshot};

use super::archive::Seal;
use super::archives::{self, Making};
use super::convert::{Form, Rows};
use super::crew::Counters;
use super::dat::Changes;
use super::describe;
use super::dumps::{self, Dumping};
use super::error::{Error, unless_stopped};
use super::manifest::Manifest;
use super::mysql::{self, Sink};
use super::place::{self, Lock, Place, Retention};
use super::progress::{Progress, Step};
use super::scope::Scope;
use super::tables;

/// How often progress is told.
const TELL_INTERVAL: Duration = Duration::from_millis(500);

/// Where progress is told; `None` before and after a run.
pub type Told = watch::Sender<Option<Progress>>;

/// A run that is whole and checked, and not published yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// Its name.
    pub run: String,
    /// What is in it.
    pub manifest: Manifest,
}

/// A run that was put in the place of the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Where `current` is.
    pub path: PathBuf,
    /// What is in it.
    pub manifest: Manifest,
    /// Rows of all data sets.
    pub rows: u64,
    /// Bytes of all archives; 0 for a MySQL server.
    pub bytes: u64,
}

/// Makes a run: everything but publishing. Nobody else can work at this snapshot meanwhile; what it wrote goes when it fails,
/// and at the next run at the latest when the process dies.
pub async fn make(
    config: &Config,
    snapshot: &Snapshot,
    now: Timestamp,
    told: &Told,
    stop: &CancellationToken,
) -> Result<Staged, Error> {
    let place = Place::open(&snapshot.directory, &snapshot.name)?;
    let lock = place.lock("making a snapshot", now)?;
    let made = make_in(config, snapshot, now, told, stop, (&place, &lock)).await;
    told.send_replace(None);
    made
}

async fn make_in(
    config: &Config,
    snapshot: &Snapshot,
    now: Timestamp,
    told: &Told,
    stop: &CancellationToken,
    (place, lock): (&Place, &Lock),
) -> Result<Staged, Error> {
    place.clear(lock)?;
    let run = place.new_run(now)?;
    let mut progress = Progress::new(now);
    told.send_replace(Some(progress.clone()));
    let form = form(snapshot);
    let destination = tables::order(config, snapshot, &run);
    let scope = unless_stopped(stop, Scope::take(config, snapshot, settings(snapshot))).await?;
    if destination.is_none()
        && let Some(needed) = room_needed(place)?
    {
        place.check_room(needed)?;
    }
    progress.step = Step::Exporting;
    progress.rows_estimate = scope.rows_estimate();
    progress.tables_total = scope.bundles.iter().map(|bundle| bundle.datasets.len() as u64).sum();
    let directory = place.stage(lock, &run)?;
    let incremental = snapshot.kind == Kind::Incremental;
    let base = if incremental { place.base()? } else { None };
    let mut manifest = describe::manifest(snapshot, &run, &scope, base.as_ref().map(|(run, _)| run.as_str()));
    let counters = Arc::new(Counters::default());
    let workers = usize::from(snapshot.workers);
    if stop.is_cancelled() {
        return Err(Error::Stopped);
    }
    let made = if let Some(destination) = destination {
        let expected = |manifest: &Manifest| expect_no_loss(snapshot, manifest);
        let making = tables::make(destination, workers, &scope, &mut manifest, &counters, stop, expected);
        with_progress(making, &counters, progress, told).await
    } else if let Some(dialect) = dialect(snapshot) {
        let dumping = dumping(snapshot, dialect, None, &directory)?;
        let making = dumps::make(&scope, &dumping, &mut manifest, &counters, stop);
        with_progress(making, &counters, progress, told).await
    } else {
        let combined_name = snapshot.name.to_string();
        let new = if incremental { Some(place.stage_base(lock, &run)?) } else { None };
        let changes =
            new.map(|new| Changes { old: base.map(|(_, path)| path), new, settings: form.settings() });
        let seal = seal(snapshot)?;
        let making = Making { form, rows: Rows::All, workers, directory, seal, combined_name, changes };
        let making = archives::make(&scope, &making, &mut manifest, &counters, stop);
        with_progress(making, &counters, progress, told).await
    };
    let expected = made.and_then(|()| expect_no_loss(snapshot, &manifest));
    let completed = expected.and_then(|()| place.complete(lock, &run, &manifest).map_err(Error::from));
    if let Err(error) = completed {
        // The error that counts is the first one; what stays is cleared by the next run.
        let _ = place.discard(lock, &run);
        return Err(error);
    }
    Ok(Staged { run, manifest })
}

/// Does it, and tells how far it is.
async fn with_progress<T>(
    done: impl Future<Output = T>,
    counters: &Counters,
    mut progress: Progress,
    told: &Told,
) -> T {
    tokio::pin!(done);
    let mut tick = tokio::time::interval(TELL_INTERVAL);
    loop {
        tokio::select! {
            result = &mut done => return result,
            _ = tick.tick() => {
                progress.rows = counters.rows.load(Ordering::Relaxed);
                progress.bytes = counters.bytes.load(Ordering::Relaxed);
                progress.tables = counters.datasets.load(Ordering::Relaxed);
                told.send_replace(Some(progress.clone()));
            }
        }
    }
}

/// Puts a staged run in the place of the published one, also one from before a restart; then takes away what need not be kept.
pub async fn publish(
    config: &Config,
    snapshot: &Snapshot,
    run: &str,
    now: Timestamp,
) -> Result<Published, Error> {
    let place = Place::open(&snapshot.directory, &snapshot.name)?;
    let lock = place.lock("publishing a snapshot", now)?;
    // First the tables: a process that dies in between finds them published, and goes on with the link.
    let is_staged = place.staged()?.iter().any(|staged| staged == run);
    if let Some((server, order)) = tables::order(config, snapshot, run)
        && is_staged
    {
        mysql::publish(server, &order, &place.staged_manifest(run)?).await?;
    }
    let path = place.publish(&lock, run)?;
    if let Err(error) = place.prune(&lock, &Retention::of(snapshot), now) {
        // It is published; the next run prunes again.
        tracing::warn!(snapshot = %snapshot.name, "an old run of the snapshot stays: {error}");
    }
    let manifest = place::manifest(&path)?;
    let rows = manifest.datasets.iter().map(|dataset| dataset.rows).sum();
    let bytes = manifest.archives.iter().map(|archive| archive.bytes).sum();
    Ok(Published { path, manifest, rows, bytes })
}

/// Writes the first rows of each data set to a directory that is made, or empty. Nothing is published.
pub async fn sample(
    config: &Config,
    snapshot: &Snapshot,
    rows: u32,
    directory: &Path,
    stop: &CancellationToken,
) -> Result<Manifest, Error> {
    place::make_empty(directory)?;
    let scope = unless_stopped(stop, Scope::take(config, snapshot, settings(snapshot))).await?;
    let mut manifest = describe::manifest(snapshot, "sample", &scope, None);
    let counters = Arc::new(Counters::default());
    if let Some(dialect) = dialect(snapshot) {
        let dumping = dumping(snapshot, dialect, Some(rows), directory)?;
        dumps::make(&scope, &dumping, &mut manifest, &counters, stop).await?;
        return Ok(manifest);
    }
    let making = Making {
        form: form(snapshot),
        rows: Rows::First(rows),
        workers: usize::from(snapshot.workers),
        directory: directory.to_owned(),
        seal: seal(snapshot)?,
        combined_name: snapshot.name.to_string(),
        changes: None,
    };
    archives::make(&scope, &making, &mut manifest, &counters, stop).await?;
    Ok(manifest)
}

/// The statements that a connection to the source begins with.
fn settings(snapshot: &Snapshot) -> String {
    match dialect(snapshot) {
        Some(Dialect::Mysql) => Sink::settings().to_owned(),
        Some(Dialect::Postgresql) => Form::lossless(false).settings(),
        None => form(snapshot).settings(),
    }
}

/// Whose statements a snapshot is made of; for a server, those of a sample.
fn dialect(snapshot: &Snapshot) -> Option<Dialect> {
    match snapshot.format {
        Format::Dat { .. } => None,
        Format::Sql { dialect } => Some(dialect),
        Format::Mysql { .. } => Some(Dialect::Mysql),
    }
}

fn dumping(
    snapshot: &Snapshot,
    dialect: Dialect,
    first: Option<u32>,
    directory: &Path,
) -> Result<Arc<Dumping>, Error> {
    Ok(Arc::new(Dumping {
        dialect,
        on_loss: snapshot.on_loss,
        combined: snapshot.layout == Layout::Combined,
        first,
        workers: usize::from(snapshot.workers),
        directory: directory.to_owned(),
        seal: seal(snapshot)?,
        combined_name: snapshot.name.to_string(),
    }))
}

/// For whom the archives are.
fn seal(snapshot: &Snapshot) -> Result<Option<Arc<Seal>>, Error> {
    if snapshot.encrypt_to.is_empty() {
        return Ok(None);
    }
    Ok(Some(Arc::new(Seal::new(&snapshot.encrypt_to)?)))
}

/// The form of the files.
fn form(snapshot: &Snapshot) -> Form {
    let combined = snapshot.layout == Layout::Combined;
    let (profile, guard_formulas) = match &snapshot.format {
        Format::Dat { profile, guard_formulas } => (*profile, *guard_formulas),
        // Their own passes go on from there.
        Format::Sql { .. } | Format::Mysql { .. } => (Profile::Lossless, false),
    };
    Form { profile, guard_formulas, combined, zone: snapshot.time_zone.clone() }
}

/// Room for the archives, with the parts of the largest of them beside it: as the published run has, and half as much again.
/// The first time nobody knows: tables have much in them that is not exported, and a disk that fills up costs this run only.
fn room_needed(place: &Place) -> Result<Option<u64>, Error> {
    let current = place.published()?.into_iter().find(|published| published.current);
    let bytes = current.map(|last| last.manifest.archives.iter().map(|archive| archive.bytes).sum::<u64>());
    Ok(bytes.map(|bytes| bytes / 2 * 5))
}

/// `on_loss = "fail"`.
fn expect_no_loss(snapshot: &Snapshot, manifest: &Manifest) -> Result<(), Error> {
    if snapshot.on_loss != OnLoss::Fail {
        return Ok(());
    }
    let mut values = 0;
    let mut columns = BTreeSet::new();
    for dataset in &manifest.datasets {
        for column in dataset.columns.iter().filter(|column| !column.losses.is_empty()) {
            values += column.losses.values().sum::<u64>();
            columns.insert(format!("{}.{}", dataset.table, column.name));
        }
    }
    if values == 0 {
        return Ok(());
    }
    Err(Error::Loss { values, columns: columns.into_iter().collect::<Vec<_>>().join(", ") })
}
