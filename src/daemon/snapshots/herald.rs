//! Tells applications what becomes of a snapshot: at the databases that it is made of, on the channels of `[[notify]]`.
//!
//! What is told stands in the snapshot's record until every database has heard it, or something newer is to be told.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;

use crate::config::{Config, NotifyEvent, Snapshot};
use crate::fault::Delays;
use crate::name::DatabaseName;
use crate::notify::{self, Archive, DumpFailed, DumpLate, DumpPublished};
use crate::snapshot::record::{Notice, Record};

use super::memory::Found;

/// A database that does not answer keeps nobody waiting longer than this.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Tells what waits to be told.
#[derive(Default)]
pub(super) struct Herald {
    delays: Delays,
    /// Not before then.
    pause_until: Option<tokio::time::Instant>,
}

/// A snapshot is there.
pub(super) fn published(config: &Config, snapshot: &Snapshot, found: &Found) -> Notice {
    let manifest = &found.manifest;
    let archives = manifest.archives.iter().map(|archive| Archive {
        file: archive.file.clone(),
        bytes: archive.bytes,
        sha256: archive.sha256.clone(),
    });
    let event = DumpPublished {
        snapshot: snapshot.name.to_string(),
        run: manifest.run.clone(),
        kind: manifest.kind.clone(),
        format: manifest.format.clone(),
        customers: manifest.customers.len(),
        missing: manifest.missing.len(),
        rows: manifest.datasets.iter().map(|dataset| dataset.rows).sum(),
        bytes: manifest.archives.iter().map(|archive| archive.bytes).sum(),
        as_of: manifest.moments.iter().map(|moment| moment.as_of.clone()).min(),
        path: found.path.display().to_string(),
        sha256: found.sha256.clone(),
        archives: archives.collect(),
    };
    notice(config, snapshot, NotifyEvent::SnapshotPublished, event.payload())
}

/// A snapshot could not be made, or not be published.
pub(super) fn failed(
    config: &Config,
    snapshot: &Snapshot,
    (record, occurrence, reason): (&Record, Timestamp, &str),
) -> Notice {
    let event = DumpFailed {
        snapshot: snapshot.name.to_string(),
        scheduled_for: occurrence.to_string(),
        reason: reason.to_owned(),
        published: record.published.as_ref().map(|published| published.run.clone()),
    };
    notice(config, snapshot, NotifyEvent::SnapshotFailed, event.payload())
}

/// A snapshot is past its time.
pub(super) fn late(
    config: &Config,
    snapshot: &Snapshot,
    (record, occurrence, publish_at): (&Record, Timestamp, Timestamp),
) -> Notice {
    let event = DumpLate {
        snapshot: snapshot.name.to_string(),
        scheduled_for: occurrence.to_string(),
        publish_at: publish_at.to_string(),
        published: record.published.as_ref().map(|published| published.run.clone()),
    };
    notice(config, snapshot, NotifyEvent::SnapshotLate, event.payload())
}

fn notice(config: &Config, snapshot: &Snapshot, event: NotifyEvent, payload: String) -> Notice {
    let databases = if config.channels(event).is_empty() { Vec::new() } else { databases(config, snapshot) };
    Notice { event: event.as_str().to_owned(), payload, databases }
}

/// The databases of its customers.
fn databases(config: &Config, snapshot: &Snapshot) -> Vec<String> {
    let customers = snapshot.customers.iter().filter_map(|name| config.customers.get(name));
    let databases: BTreeSet<&str> = customers.map(|customer| customer.database.as_str()).collect();
    databases.into_iter().map(str::to_owned).collect()
}

impl Herald {
    /// Tells what waits, all databases at the same time. Answers whether anything was told, or given up.
    pub(super) async fn deliver(
        &mut self,
        config: &Config,
        snapshot: &Snapshot,
        record: &mut Record,
    ) -> bool {
        let now = tokio::time::Instant::now();
        if record.notices.is_empty() || self.pause_until.is_some_and(|until| now < until) {
            return false;
        }
        let mut is_changed = false;
        for notice in &mut record.notices {
            let mut deaf = Vec::new();
            let databases = std::mem::take(&mut notice.databases);
            let telling = databases
                .iter()
                .map(|database| tokio::time::timeout(ANSWER_MAX, tell(config, database, notice)));
            for (database, told) in databases.iter().zip(join_all(telling).await) {
                match told {
                    Ok(Ok(())) => {
                        is_changed = true;
                        continue;
                    }
                    Ok(Err(error)) => {
                        tracing::warn!(snapshot = %snapshot.name, event = %notice.event, "nobody was told yet: {error}");
                    }
                    Err(_) => {
                        tracing::warn!(snapshot = %snapshot.name, event = %notice.event, %database, "nobody was told yet: the database does not answer; it is tried again");
                    }
                }
                deaf.push(database.clone());
            }
            notice.databases = deaf;
        }
        record.notices.retain(|notice| !notice.databases.is_empty());
        if record.notices.is_empty() {
            self.delays.succeeded();
            self.pause_until = None;
        } else {
            self.pause_until = now.checked_add(self.delays.next_delay().max(Duration::from_secs(1)));
        }
        is_changed
    }
}

/// Tells one event at one database. One that the rules no longer have, or that nobody listens to any more, is done with.
async fn tell(config: &Config, database: &str, notice: &Notice) -> Result<(), crate::postgres::Error> {
    let events = [NotifyEvent::SnapshotPublished, NotifyEvent::SnapshotFailed, NotifyEvent::SnapshotLate];
    let Some(event) = events.into_iter().find(|event| event.as_str() == notice.event) else { return Ok(()) };
    let channels = config.channels(event);
    let channels: Vec<&str> = channels.iter().map(crate::name::Ident::as_str).collect();
    let known = DatabaseName::new(database).ok().and_then(|name| config.databases.get(&name));
    match known {
        Some(known) if !channels.is_empty() => notify::tell(known, &channels, &notice.payload).await,
        Some(_) | None => Ok(()),
    }
}
