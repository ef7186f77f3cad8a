//! Giving a slot up on purpose: the source's disk matters more than the flow, which a resync heals.
//!
//! Most often it is the target that is down then. So what is done is remembered in a file, until there is a slot again. The
//! order: the file, the slot, the target's checkpoint. The checkpoint never says it of a slot that stayed. Cut off at any
//! place, whoever looks next sees by the slot whether it was done, and the flow finds its slot gone, which stops it as well.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::apply::Checkpoint;
use crate::apply::checkpoint::Lost;
use crate::catalog::Slot;
use crate::config::{Config, Database};
use crate::postgres::{self, Error, Session};

use super::gap;

const END_READER: &str = include_str!("../../../sql/catalog/end_reader.sql");
const DROP: &str = include_str!("../../../sql/catalog/give_up.sql");

/// How long a reader of ours may take to end, in milliseconds.
const END_LIMIT_MS: i64 = 1_000;

/// A slot that was given up, or is about to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::daemon) struct Surrender {
    pub(in crate::daemon) flow: String,
    pub(in crate::daemon) slot: String,
    pub(in crate::daemon) database: String,
    /// When, seconds since 1970.
    pub(in crate::daemon) at: i64,
    /// What it kept, in bytes.
    pub(in crate::daemon) kept: u64,
    /// What it may keep, in bytes.
    pub(in crate::daemon) limit: u64,
    /// Where the source's log ended: what keeps WAL from beyond only is another one.
    pub(in crate::daemon) end: String,
    /// The slot is gone.
    pub(in crate::daemon) done: bool,
    /// The target's checkpoint says it.
    pub(in crate::daemon) recorded: bool,
}

impl Surrender {
    /// What is so, and what to do.
    pub(in crate::daemon) fn text(&self) -> String {
        let Self { flow, slot, database, .. } = self;
        format!(
            "slot {slot} of database {database} was given up on purpose {}. `acequia resync --flow {flow}` makes a new slot and \
             brings the customers up to date",
            gap::given_up_words(self.at, self.kept, self.limit)
        )
    }

    fn lost(&self) -> Lost {
        Lost::GivenUp { at: self.at, kept: self.kept, limit: self.limit }
    }

    /// Has the target's checkpoint say it.
    pub(in crate::daemon) async fn record(&self, target: &Database) -> Result<(), Error> {
        let there = postgres::open(target, "acequia onlooker").await?;
        Checkpoint::give_up(&there, &self.flow, self.lost(), &self.end, &self.text()).await
    }
}

/// Why a slot is not ours to drop.
pub(in crate::daemon) fn refusal(flow: &str, dbname: &str, slot: &Slot) -> Option<String> {
    if let Some(what) = slot.stranger(dbname) {
        return Some(format!("it is {what}"));
    }
    let pid = slot.active_pid?;
    let holder = slot.holder.as_deref().unwrap_or_default();
    (holder != postgres::shown(&super::capture::application(flow)))
        .then(|| format!("process {pid} (application \"{holder}\") reads it, which is not this flow"))
}

/// Ends the reader of ours, and drops the slot: each only where it still is the slot that was looked at, and still keeps too
/// much. Meanwhile the flow may have caught up, or made another by a resync. Answers where the log ended when it was dropped;
/// none: there was nothing to drop.
pub(in crate::daemon) async fn drop_slot(
    session: &Session,
    surrender: &Surrender,
    reader: Option<i32>,
) -> Result<Option<String>, Error> {
    let Surrender { slot, end, .. } = surrender;
    let limit = i64::try_from(surrender.limit).unwrap_or(i64::MAX);
    if reader.is_some() {
        let ended = session.execute(END_READER, &[slot, end, &limit, &reader, &END_LIMIT_MS]).await;
        ended.map_err(|error| Error::from_driver(format!("ending the reader of slot {slot}"), &error))?;
    }
    let dropped = session.query_opt(DROP, &[slot, end, &limit]).await;
    let dropped = dropped.map_err(|error| Error::from_driver(format!("dropping slot {slot}"), &error))?;
    Ok(dropped.map(|row| row.get("at")))
}

/// The file that remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Memory(PathBuf);

impl Memory {
    /// In systemd's state directory, else in the runtime directory.
    pub(in crate::daemon) fn of(config: &Config, slot: &str) -> Self {
        let state = std::env::var_os("STATE_DIRECTORY").filter(|directory| !directory.is_empty());
        // Several are separated by colons.
        let first = state.and_then(|all| std::env::split_paths(&all).next());
        Self::new(first.as_deref().unwrap_or(&config.daemon.runtime_directory), slot)
    }

    /// Of one slot; its name has no character that a file's name can't have.
    fn new(directory: &Path, slot: &str) -> Self {
        Self(directory.join(format!("given-up-{slot}.json")))
    }

    /// What it says; nothing where it can't be read, which the slot that is gone makes good.
    pub(in crate::daemon) async fn read(&self) -> Option<Surrender> {
        let text = tokio::fs::read(&self.0).await.ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes it down.
    pub(in crate::daemon) async fn keep(&self, surrender: &Surrender) -> std::io::Result<()> {
        let (path, text) = (self.0.clone(), serde_json::to_vec(surrender)?);
        let written = tokio::task::spawn_blocking(move || {
            if let Some(directory) = path.parent().filter(|directory| !directory.is_dir()) {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            }
            let new = path.with_extension("new");
            let mut file =
                std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(new, path)
        });
        written.await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
    }

    /// Forgets it.
    pub(in crate::daemon) async fn forget(&self) {
        // What stays is older than the next slot, and is forgotten then.
        let _ = tokio::fs::remove_file(&self.0).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsn::Lsn;

    fn slot(plugin: &str, reader: Option<&str>) -> Slot {
        Slot {
            kind: "logical".to_owned(),
            plugin: Some(plugin.to_owned()),
            database: Some("practice".to_owned()),
            active_pid: reader.map(|_| 7),
            holder: reader.map(str::to_owned),
            holder_address: None,
            invalidated: None,
            failover: None,
            confirmed: Some(Lsn(9)),
            restart: None,
            wal_status: None,
            safe_bytes: None,
            retained_bytes: None,
            behind_bytes: None,
        }
    }

    #[test]
    fn only_a_slot_of_ours_is_given_up() {
        let refused = |slot: &Slot| refusal("main:east", "practice", slot).is_some();
        assert!(!refused(&slot("pgoutput", None)));
        assert!(!refused(&slot("pgoutput", Some("acequia capture main:east"))));
        assert!(refused(&slot("pgoutput", Some("acequia capture main:west"))));
        assert!(refused(&slot("pgoutput", Some(""))));
        assert!(refused(&slot("wal2json", None)));
        let long = format!("main:{}", "x".repeat(70));
        let shown: String = format!("acequia capture {long}").chars().take(63).collect();
        assert_eq!(refusal(&long, "practice", &slot("pgoutput", Some(&shown))), None);
    }

    #[tokio::test]
    async fn what_was_given_up_is_remembered_until_it_is_forgotten() {
        let place = tempfile::tempdir().expect("a directory");
        let memory = Memory::new(&place.path().join("state"), "acequia_1");
        assert_eq!(memory.read().await, None);
        let surrender = Surrender {
            flow: "main:east".to_owned(),
            slot: "acequia_1".to_owned(),
            database: "main".to_owned(),
            at: 0,
            kept: 7,
            limit: 5,
            end: "0/8".to_owned(),
            done: true,
            recorded: false,
        };
        memory.keep(&surrender).await.expect("it can be written");
        assert_eq!(memory.read().await.as_ref(), Some(&surrender));
        assert!(surrender.text().contains("on purpose at 1970-01-01"), "{}", surrender.text());
        memory.forget().await;
        assert_eq!(memory.read().await, None);
    }
}
