//! A flow: source database → target database, with its slot and its publication.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::config::{Config, Sync};
use crate::name::{CustomerName, DatabaseName};

/// One direction between two databases (which may be the same one). It owns one replication slot, one publication,
/// one writer and one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// `source:target`, which no database's name can look like; the key of the checkpoint.
    pub name: String,
    /// Where changes are read.
    pub source: DatabaseName,
    /// Where they are written.
    pub target: DatabaseName,
    /// The replication slot's name.
    pub slot: String,
    /// The publication's name.
    pub publication: String,
}

/// Slot names have at most 63 characters; a hash of 8 and the prefix leave this many for the readable part.
const READABLE: usize = 40;

impl Flow {
    /// The flow between two databases.
    pub fn new(source: &DatabaseName, target: &DatabaseName) -> Self {
        let name = format!("{source}:{target}");
        let object = object_name(&name);
        Self {
            name,
            source: source.clone(),
            target: target.clone(),
            slot: object.clone(),
            publication: object,
        }
    }

    /// All flows that the enabled groups need, in the order of their names.
    pub fn all(config: &Config) -> Vec<Self> {
        let mut pairs = BTreeSet::new();
        for sync in &config.syncs {
            let Some(from) = config.customers.get(&sync.from) else { continue };
            let receives =
                |to: &&CustomerName| sync.data.iter().any(|dataset| config.carries(sync, to, dataset));
            for to in sync.to.iter().filter(receives).filter_map(|to| config.customers.get(to)) {
                pairs.insert((from.database.clone(), to.database.clone()));
            }
        }
        pairs.iter().map(|(source, target)| Self::new(source, target)).collect()
    }

    /// The flows that only disabled groups would need, in the order of their names.
    pub fn resting(config: &Config) -> Vec<Self> {
        let database = |customer| config.customers.get(customer).map(|customer| customer.database.clone());
        let mut pairs = BTreeSet::new();
        for sync in config.syncs.iter().filter(|sync| !sync.data.is_empty()) {
            let Some(source) = database(&sync.from) else { continue };
            pairs.extend(sync.to.iter().filter_map(database).map(|target| (source.clone(), target)));
        }
        let all = pairs.iter().map(|(source, target)| Self::new(source, target));
        let needed = Self::all(config);
        all.filter(|flow| !needed.contains(flow)).collect()
    }

    /// The customers that an enabled group gives something between the two databases.
    pub fn customers(&self, config: &Config) -> BTreeSet<CustomerName> {
        let lives_there = |to: &&CustomerName| {
            config.customers.get(*to).is_some_and(|customer| customer.database == self.target)
        };
        let given = self.syncs(config).flat_map(|sync| {
            let receives =
                |to: &&CustomerName| sync.data.iter().any(|dataset| config.carries(sync, to, dataset));
            sync.to.iter().filter(lives_there).filter(receives)
        });
        given.cloned().collect()
    }

    /// The groups that have a route between the two databases.
    pub fn syncs<'a>(&'a self, config: &'a Config) -> impl Iterator<Item = &'a Sync> {
        let lives_in = |customer: &CustomerName, database: &DatabaseName| {
            config.customers.get(customer).is_some_and(|customer| customer.database == *database)
        };
        config.syncs.iter().filter(move |sync| {
            lives_in(&sync.from, &self.source)
                && sync.to.iter().any(|to| {
                    lives_in(to, &self.target)
                        && sync.data.iter().any(|dataset| config.carries(sync, to, dataset))
                })
        })
    }
}

/// A name that a slot can have (a-z, 0-9, _), different for different flows: where letters had to be replaced or cut,
/// or could be read two ways, a hash of the whole name is added.
fn object_name(flow: &str) -> String {
    let readable: String = flow
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' })
        .take(READABLE)
        .collect();
    let plain = flow.len() <= READABLE
        && flow.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == ':');
    let mut name = format!("acequia_{readable}");
    if !plain {
        name.push('_');
        for byte in Sha256::digest(flow.as_bytes()).iter().take(4) {
            write!(name, "{byte:02x}").expect("writing to a String never fails");
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(source: &str, target: &str) -> Flow {
        let name = |text| DatabaseName::new(text).expect("a valid name");
        Flow::new(&name(source), &name(target))
    }

    #[test]
    fn a_plain_flow_has_a_readable_slot() {
        assert_eq!(flow("practice", "practice").slot, "acequia_practice_practice");
    }

    #[test]
    fn two_flows_never_share_a_slot() {
        let long = "x".repeat(50);
        let slots: BTreeSet<_> = [
            ("a-b", "c"),
            ("a", "b-c"),
            ("A", "b"),
            ("a", "b"),
            ("a_b", "c"),
            (long.as_str(), "y"),
            (long.as_str(), "z"),
        ]
        .map(|(source, target)| flow(source, target).slot)
        .into();
        assert_eq!(slots.len(), 7, "{slots:?}");
        assert!(slots.iter().all(|slot| slot.len() <= 63), "{slots:?}");
    }
}
