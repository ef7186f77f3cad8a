//! Flows that were: a slot of ours whose groups are gone from the rule files altogether. It is never dropped by itself, and
//! it never keeps WAL unseen.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use crate::apply::Checkpoint;
use crate::catalog::Slot;
use crate::config::{Config, Database};
use crate::name::DatabaseName;
use crate::postgres;
use crate::rules::Flow;

/// What DBAs see of the sessions.
const APPLICATION: &str = "acequia left behind";

/// A flow that the rule files no longer have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftBehind {
    /// Its name.
    pub flow: String,
    /// Its slot.
    pub slot: String,
    /// The database that the slot is in.
    pub source: String,
    /// The database that has its checkpoint.
    pub target: DatabaseName,
    /// The WAL that the slot keeps; `None` where the source can't be asked.
    pub retained_bytes: Option<i64>,
}

impl LeftBehind {
    /// What is so, in one sentence.
    pub fn message(&self) -> String {
        let Self { flow, slot, source, .. } = self;
        let kept = self.retained_bytes.map_or_else(
            || "an amount of WAL that is not known".to_owned(),
            |bytes| format!("{bytes} bytes of WAL"),
        );
        format!(
            "slot {slot} of database {source} keeps {kept} for flow {flow}, which no group of the rule files has"
        )
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        format!("`acequia forget --flow {}` drops it, or put its groups back into the files", self.flow)
    }
}

/// The flows that are left behind, as far as the databases of the files tell, which are asked side by side. One that does not
/// answer, or is known as silent, is passed over: what needs it says so.
pub async fn left_behind(config: &Config, silent: &BTreeSet<DatabaseName>) -> Vec<LeftBehind> {
    let known: BTreeSet<String> =
        Flow::all(config).into_iter().chain(Flow::resting(config)).map(|flow| flow.name).collect();
    let asked = config.databases.values().filter(|target| !silent.contains(&target.name));
    let found = join_all(asked.map(async |target| (target, in_time(checkpoints(target)).await))).await;
    let mut unknown: BTreeMap<String, (&Database, String, String)> = BTreeMap::new();
    for (target, found) in found {
        for (flow, source, slot) in found.unwrap_or_default() {
            if !known.contains(&flow) {
                unknown.entry(flow).or_insert((target, source, slot));
            }
        }
    }
    let left = unknown.into_iter().map(async |(flow, (target, source, slot))| {
        let database = config.databases.values().find(|database| database.name.as_str() == source);
        let retained_bytes = match database.filter(|database| !silent.contains(&database.name)) {
            None => None,
            // The slot is gone: nothing is left behind.
            Some(database) => in_time(retained(database, &slot)).await.map_or(Some(None), |kept| kept)?,
        };
        Some(LeftBehind { flow, slot, source, target: target.name.clone(), retained_bytes })
    });
    join_all(left).await.into_iter().flatten().collect()
}

async fn in_time<T>(asked: impl Future<Output = Result<T, postgres::Error>>) -> Result<T, postgres::Error> {
    postgres::in_time("looking for flows that were", asked).await
}

async fn checkpoints(target: &Database) -> Result<Vec<(String, String, String)>, postgres::Error> {
    let there = postgres::open(target, APPLICATION).await?;
    Checkpoint::all(&there).await
}

/// `None` where there is no such slot.
async fn retained(source: &Database, slot: &str) -> Result<Option<Option<i64>>, postgres::Error> {
    let here = postgres::open(source, APPLICATION).await?;
    Ok(Slot::read(&here, slot).await?.map(|slot| slot.retained_bytes))
}

/// Says it in the log.
pub(super) async fn warn(config: &Config) {
    for left in left_behind(config, &BTreeSet::new()).await {
        tracing::warn!(flow = %left.flow, "{}: {}", left.message(), left.remedy());
    }
}
