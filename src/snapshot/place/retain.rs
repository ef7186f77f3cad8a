//! What is kept of published runs, and for how long.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::disk;
use super::error::Error;
use super::run;
use super::site::{CURRENT, Lock, MANIFEST_FILE, Place, Published};
use crate::config::Snapshot;
use crate::failpoint;
use crate::snapshot::manifest::{Manifest, PER_CUSTOMER};

const HOURS_OF_A_DAY: i64 = 24;

/// What is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// So many runs, the newest included; at least 1.
    pub keep: usize,
    /// The customers that the snapshot has in the rule files.
    pub open: BTreeSet<String>,
    /// What is left of any other customer is wiped when it is so many days old, and until then it is kept beyond `keep`.
    /// None: it goes with `keep`.
    pub closed_days: Option<u32>,
}

impl Retention {
    /// What the rules say of a snapshot.
    pub fn of(snapshot: &Snapshot) -> Self {
        Self {
            keep: snapshot.keep as usize,
            open: snapshot.customers.iter().map(ToString::to_string).collect(),
            closed_days: snapshot.retain_closed_days,
        }
    }
}

/// What becomes of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Stays,
    /// Only these customers' archives stay.
    Shrinks(BTreeSet<String>),
    Goes,
}

impl Place {
    /// Removes what need not be kept. Answers how many runs it removed or made smaller.
    pub fn prune(&self, _lock: &Lock, retention: &Retention, now: Timestamp) -> Result<usize, Error> {
        failpoint::hit("snapshot-before-prune");
        let published = self.published()?;
        let mut changed = 0;
        for (published, fate) in published.iter().zip(fates(&published, retention, now)) {
            match fate {
                Fate::Stays => {
                    // A prune that died may have left archives that the manifest knows no more.
                    remove_strangers(published, &published.manifest)?;
                    continue;
                }
                Fate::Shrinks(customers) => self.shrink(published, &customers)?,
                Fate::Goes => {
                    if published.current {
                        let link = self.root.join(CURRENT);
                        disk::remove_file_if_there(&link).map_err(Error::disk("removing", &link))?;
                    }
                    self.withdraw(&published.run)?;
                }
            }
            changed += 1;
        }
        failpoint::hit("snapshot-after-prune");
        Ok(changed)
    }

    /// Leaves only some customers' archives in a run. The manifest goes first: it never names what is not there.
    fn shrink(&self, published: &Published, customers: &BTreeSet<String>) -> Result<(), Error> {
        let mut manifest = published.manifest.clone();
        manifest.customers.retain(|customer| customers.contains(&customer.name));
        let stays = |name: &Option<String>| name.as_ref().is_some_and(|name| customers.contains(name));
        manifest.datasets.retain(|dataset| stays(&dataset.customer));
        manifest.archives.retain(|archive| stays(&archive.customer));
        self.write_manifest(&published.path, &manifest)?;
        failpoint::hit("snapshot-in-prune");
        remove_strangers(published, &manifest)
    }
}

/// Removes the files of a run that its manifest does not name.
fn remove_strangers(published: &Published, manifest: &Manifest) -> Result<(), Error> {
    let known: BTreeSet<&str> = manifest.archives.iter().map(|archive| archive.file.as_str()).collect();
    let path = &published.path;
    for name in disk::names(path).map_err(Error::disk("listing", path))? {
        if name != MANIFEST_FILE && !known.contains(name.as_str()) {
            let stranger = path.join(name);
            disk::remove_all(&stranger).map_err(Error::disk("clearing away", &stranger))?;
        }
    }
    disk::sync_directory(path).map_err(Error::disk("writing to the disk", path))
}

/// What becomes of each run; the newest comes first.
fn fates(published: &[Published], retention: &Retention, now: Timestamp) -> Vec<Fate> {
    let mut fates = Vec::with_capacity(published.len());
    let mut kept = 0;
    // Customers whose last archive is in a run that stays.
    let mut seen = BTreeSet::new();
    for published in published {
        let all = customers(&published.manifest);
        let closed: BTreeSet<String> = all.difference(&retention.open).cloned().collect();
        let old = retention.closed_days.is_some_and(|days| age_days(&published.run, now) >= i64::from(days));
        let splits = published.manifest.layout == PER_CUSTOMER && !published.manifest.archives.is_empty();
        let within = kept < retention.keep.max(1) || published.current;
        let stay = if within && (closed.is_empty() || !old) {
            all.clone()
        } else if within && splits {
            all.difference(&closed).cloned().collect()
        } else if within && published.current {
            // One file holds all of them, and it is all that there is.
            all.clone()
        } else if splits && !old && retention.closed_days.is_some() {
            closed.difference(&seen).cloned().collect()
        } else {
            BTreeSet::new()
        };
        let fate = match (within, stay == all, stay.is_empty()) {
            (true, true, _) | (false, true, false) => Fate::Stays,
            (_, _, true) => Fate::Goes,
            (_, false, false) => Fate::Shrinks(stay.clone()),
        };
        kept += usize::from(within && fate != Fate::Goes);
        seen.extend(stay);
        fates.push(fate);
    }
    fates
}

fn customers(manifest: &Manifest) -> BTreeSet<String> {
    manifest.customers.iter().map(|customer| customer.name.clone()).collect()
}

/// Whole days since a run began.
fn age_days(run: &str, now: Timestamp) -> i64 {
    let Some(start) = run::start(run) else { return 0 };
    now.duration_since(start).as_hours() / HOURS_OF_A_DAY
}
