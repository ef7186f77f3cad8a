//! Which snapshot a command means.

use std::path::PathBuf;

use crate::config::{Config, Snapshot, nearest};
use crate::snapshot::place::Place;

/// The snapshot of this name in the rule files.
pub(super) fn find<'c>(config: &'c Config, name: &str) -> anyhow::Result<&'c Snapshot> {
    let names = || config.snapshots.iter().map(|snapshot| snapshot.name.as_str());
    config.snapshots.iter().find(|snapshot| snapshot.name.as_str() == name).ok_or_else(|| {
        let known = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if config.snapshots.is_empty() => "the rule files have no [[snapshot]]".to_owned(),
            None => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
        };
        anyhow::anyhow!("no snapshot is called `{name}`; {known}")
    })
}

/// The directory of a published run: of the snapshot of this name, or where this path leads.
pub(super) fn published(config: &Config, what: &str) -> anyhow::Result<PathBuf> {
    if what.contains('/') {
        return Ok(PathBuf::from(what));
    }
    let snapshot = find(config, what)?;
    let place = Place::find(&snapshot.directory, &snapshot.name)?;
    let current = match &place {
        Some(place) => place.published()?.into_iter().find(|published| published.current),
        None => None,
    };
    current.map(|published| published.path).ok_or_else(|| {
        anyhow::anyhow!("nothing is published of snapshot `{what}`: `acequia snapshot run {what}` makes one")
    })
}
