//! `acequia snapshot list`: what is published.

use jiff::Timestamp;
use serde_json::json;

use super::choice;
use crate::cli::console::{Exit, Output, say};
use crate::cli::dumps::size;
use crate::cli::table::table;
use crate::config::{Config, Snapshot};
use crate::snapshot::manifest::Manifest;
use crate::snapshot::place::{Error, Place, Published};
use crate::snapshot::record::{Failure as LastFailure, Record};

pub(super) const AFTER_HELP: &str = "\
It reads the manifests in the snapshots' directories, and asks no database.

Exit status: 0 every enabled snapshot has a published one, 1 one has none, or can't be read";

/// What to list.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct List {
    /// Only this one
    name: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

/// One snapshot, and what there is of it.
struct Listed<'c> {
    snapshot: &'c Snapshot,
    /// Newest first.
    runs: Vec<Published>,
    failure: Option<String>,
    /// What the daemon remembers of it.
    record: Option<Record>,
}

pub(super) fn list(config: &Config, wanted: &List) -> anyhow::Result<Exit> {
    let snapshots: Vec<&Snapshot> = match &wanted.name {
        Some(name) => vec![choice::find(config, name)?],
        None => config.snapshots.iter().collect(),
    };
    let listed: Vec<Listed<'_>> = snapshots.into_iter().map(look).collect();
    match wanted.output {
        Output::Json => {
            let all: Vec<_> = listed.iter().map(Listed::as_json).collect();
            say!("{}", serde_json::to_string_pretty(&all)?);
        }
        Output::Text => print(&listed),
    }
    let is_whole =
        |one: &Listed<'_>| one.failure.is_none() && (!one.runs.is_empty() || !one.snapshot.enabled);
    let whole = listed.iter().all(is_whole);
    Ok(if whole { Exit::Done } else { Exit::Failed })
}

fn look(snapshot: &Snapshot) -> Listed<'_> {
    match published(snapshot) {
        Ok((runs, record)) => Listed { snapshot, runs, failure: None, record },
        Err(error) => Listed { snapshot, runs: Vec::new(), failure: Some(error.to_string()), record: None },
    }
}

fn published(snapshot: &Snapshot) -> Result<(Vec<Published>, Option<Record>), Error> {
    match Place::find(&snapshot.directory, &snapshot.name)? {
        // Without its record there is nothing to say of failures; what is published counts.
        Some(place) => Ok((place.published()?, Record::read(&place).ok().flatten())),
        None => Ok((Vec::new(), None)),
    }
}

fn rows(manifest: &Manifest) -> u64 {
    manifest.datasets.iter().map(|dataset| dataset.rows).sum()
}

fn archived(manifest: &Manifest) -> u64 {
    manifest.archives.iter().map(|archive| archive.bytes).sum()
}

impl Listed<'_> {
    /// What the daemon could not do the last time.
    fn last_failure(&self) -> Option<&LastFailure> {
        self.record.as_ref().and_then(|record| record.failure.as_ref())
    }

    /// When the schedule comes next.
    fn next_at(&self) -> Option<Timestamp> {
        let schedule = self.snapshot.schedule.as_ref().filter(|_| self.snapshot.enabled)?;
        schedule.next_after(Timestamp::now())
    }

    fn as_json(&self) -> serde_json::Value {
        let runs = self.runs.iter().map(|run| {
            json!({ "run": run.manifest.run, "path": run.path, "kind": run.manifest.kind, "moments": run.manifest.moments,
                    "customers": run.manifest.customers.len(), "rows": rows(&run.manifest), "bytes": archived(&run.manifest) })
        });
        json!({ "snapshot": self.snapshot.name.as_str(), "enabled": self.snapshot.enabled, "failure": self.failure,
                "last_failure": self.last_failure(), "next_at": self.next_at().map(|at| at.to_string()),
                "published": runs.collect::<Vec<_>>() })
    }
}

fn print(listed: &[Listed<'_>]) {
    if listed.is_empty() {
        say!("the rule files have no [[snapshot]]");
    }
    let mut lines = Vec::new();
    for one in listed {
        let name = one.snapshot.name.to_string();
        if let Some(failure) = &one.failure {
            say!("{name}: {failure}");
        } else if one.runs.is_empty() && one.snapshot.enabled {
            say!("{name}: nothing is published yet; `acequia snapshot run {name}` makes one");
        }
        if let Some(failure) = one.last_failure() {
            let at = failure.at.strftime("%Y-%m-%d %H:%MZ");
            say!("{name}: failed at {at}, and what is published stays: {}", failure.text);
        }
        if let Some(at) = one.next_at() {
            say!("{name}: the next one is made at {at}");
        }
        lines.extend(one.runs.iter().map(|run| {
            let as_of = run.manifest.moments.iter().map(|moment| moment.as_of.as_str()).min().unwrap_or("-");
            vec![
                name.clone(),
                run.manifest.run.clone(),
                run.manifest.kind.clone(),
                as_of.to_owned(),
                run.manifest.customers.len().to_string(),
                rows(&run.manifest).to_string(),
                size(archived(&run.manifest)),
                run.path.display().to_string(),
            ]
        }));
    }
    if !lines.is_empty() {
        let headings = ["snapshot", "run", "kind", "as of", "customers", "rows", "bytes", "path"];
        say!("{}", table(&headings, lines, &[4, 5, 6]));
    }
}
