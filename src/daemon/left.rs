//! Flows that were: a slot of ours whose groups are gone from the rule files altogether. It is never dropped by itself, and
//! it never keeps WAL unseen.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::apply::Checkpoint;
use crate::catalog::Slot;
use crate::config::{Config, Database};
use crate::name::DatabaseName;
use crate::postgres;
use crate::rules::Flow;

/// A database that takes longer to answer is passed over.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
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

/// The flows that are left behind, as far as the databases of the files tell. One that does not answer is passed over: what
/// needs it says so.
pub async fn left_behind(config: &Config) -> Vec<LeftBehind> {
    let known: BTreeSet<String> =
        Flow::all(config).into_iter().chain(Flow::resting(config)).map(|flow| flow.name).collect();
    let mut left: Vec<LeftBehind> = Vec::new();
    for target in config.databases.values() {
        let found = limited(checkpoints(target)).await.unwrap_or_default();
        for (flow, source, slot) in found {
            if known.contains(&flow) || left.iter().any(|one| one.flow == flow) {
                continue;
            }
            let database = config.databases.values().find(|database| database.name.as_str() == source);
            let retained_bytes = match database {
                None => None,
                Some(database) => match limited(retained(database, &slot)).await {
                    Ok(None) => continue,
                    Ok(Some(bytes)) => bytes,
                    Err(_) => None,
                },
            };
            left.push(LeftBehind { flow, slot, source, target: target.name.clone(), retained_bytes });
        }
    }
    left
}

async fn limited<T>(asked: impl Future<Output = Result<T, postgres::Error>>) -> Result<T, postgres::Error> {
    postgres::within(ANSWER_LIMIT, "looking for flows that were", asked).await
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
    for left in left_behind(config).await {
        tracing::warn!(flow = %left.flow, "{}: {}", left.message(), left.remedy());
    }
}
