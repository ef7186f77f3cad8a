//! What a snapshot's task remembers and finds on the disk. Everything here waits for the disk, so it is done on threads that may.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::config::Snapshot;
use crate::snapshot::archive::tally::Tally;
use crate::snapshot::manifest::Manifest;
use crate::snapshot::place::{self, Place, Retention};
use crate::snapshot::record::{Published, Record, RecordError};

/// Why the disk can't be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum MemoryError {
    /// The directory.
    #[error(transparent)]
    Place(#[from] place::Error),
    /// The record in it.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A thread ended where none should.
    #[error("a thread that reads the disk broke down: this is a fault of Acequia, please report it")]
    Broken,
}

/// The directory of a snapshot, and what is remembered of its runs.
pub(super) struct Memory {
    place: Place,
    pub(super) record: Record,
    /// Nothing was remembered: what is published is nothing to tell of now.
    pub(super) is_first: bool,
}

/// A run that was found published.
pub(super) struct Found {
    pub(super) manifest: Manifest,
    /// SHA-256 of `manifest.json`.
    pub(super) sha256: String,
    pub(super) path: PathBuf,
}

impl Memory {
    /// Opens the directory, and makes it where it is not there yet.
    pub(super) async fn open(snapshot: &Snapshot, now: Timestamp) -> Result<Self, MemoryError> {
        let (directory, name) = (snapshot.directory.clone(), snapshot.name.clone());
        let schedule = snapshot.schedule.as_ref().map(ToString::to_string);
        let (place, found) = on_disk(move || {
            let place = Place::open(&directory, &name)?;
            let found = match Record::read(&place) {
                // Written in one step, it is never half: somebody else has written there. Snapshots go on all the same.
                Err(error @ RecordError::Malformed(_)) => {
                    tracing::warn!(snapshot = %name, "{error}");
                    None
                }
                read => read?,
            };
            Ok((place, found))
        })
        .await?;
        let is_first = found.is_none();
        let mut record = found.unwrap_or_else(|| Record::new(schedule.clone(), now));
        record.follow(schedule.as_deref(), now);
        Ok(Self { place, record, is_first })
    }

    /// Writes down what is remembered.
    pub(super) async fn keep(&self) -> Result<(), MemoryError> {
        let (place, record) = (self.place.clone(), self.record.clone());
        on_disk(move || Ok(record.write(&place)?)).await
    }

    /// Wipes what has been kept long enough. Nothing where somebody else is at work: then there is another day.
    pub(super) async fn prune(&self, snapshot: &Snapshot, now: Timestamp) -> Result<(), MemoryError> {
        let (place, retention) = (self.place.clone(), Retention::of(snapshot));
        on_disk(move || {
            match place.lock("wiping what has been kept long enough", now) {
                Ok(lock) => place.prune(&lock, &retention, now).map(drop)?,
                Err(place::Error::Busy { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(())
        })
        .await
    }

    /// Looks at what is published and what waits. Answers with a published run that is news.
    pub(super) async fn observe(
        &mut self,
        rules: &str,
        now: Timestamp,
    ) -> Result<Option<Found>, MemoryError> {
        let (place, known) = (self.place.clone(), self.record.published.as_ref().map(|it| it.run.clone()));
        let (current, waiting) = on_disk(move || {
            let current = place.current()?;
            let found = match current.filter(|run| known.as_ref() != Some(run)) {
                None => None,
                Some(run) => Some(find(&place, &run)?),
            };
            Ok((found, place.waiting()?))
        })
        .await?;
        let found = current.as_ref().map(|found| published(found, now));
        let is_news = self.record.find(found, &waiting, rules, now) && !self.is_first;
        self.is_first = false;
        Ok(current.filter(|_| is_news))
    }
}

/// Reads what a published run holds.
fn find(place: &Place, run: &str) -> Result<Found, MemoryError> {
    let path = place.path().join("published").join(run);
    let manifest = place::manifest(&path)?;
    let file = path.join(place::MANIFEST_FILE);
    let text =
        std::fs::read(&file).map_err(|source| RecordError::Disk { doing: "reading", path: file, source })?;
    let mut hash = Tally::default();
    hash.add(&text);
    Ok(Found { manifest, sha256: hash.sha256(), path })
}

fn published(found: &Found, at: Timestamp) -> Published {
    let manifest = &found.manifest;
    Published {
        run: manifest.run.clone(),
        at,
        as_of: manifest.moments.iter().map(|moment| moment.as_of.clone()).min(),
        rows: manifest.datasets.iter().map(|dataset| dataset.rows).sum(),
        bytes: manifest.archives.iter().map(|archive| archive.bytes).sum(),
    }
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MemoryError> + Send + 'static,
) -> Result<T, MemoryError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| MemoryError::Broken)?
}
