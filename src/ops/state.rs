//! The daemon's own state as a file: written each second, read by `acequia status`.
//!
//! A file needs no open port and survives a hanging database; its age tells a hanging daemon. It holds names, positions
//! and times, never a row.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::{Difference, Outline};
use crate::snapshot::progress::Progress;
use crate::snapshot::record::{Failure, Published};

use super::vital::Vital;

/// The file's name in the runtime directory.
pub const STATE_FILE: &str = "status.json";
/// What the daemon runs by, beside it.
const OUTLINE_FILE: &str = "rules.json";
/// What came of the last reload.
const RELOAD_FILE: &str = "reload.json";
/// Who asks for the next one: a signal does not say it.
const ASKED_FILE: &str = "asked.json";

/// What a flow is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Opening sessions, reading catalogs, making slot and publication.
    Starting,
    /// A row written now would arrive.
    Streaming,
    /// Something failed that goes away by itself.
    Retrying,
    /// Somebody has to change something.
    Halted,
    /// Told to stop.
    Stopping,
    /// All its groups are disabled.
    Resting,
}

impl Phase {
    /// As it is written in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Streaming => "streaming",
            Self::Retrying => "retrying",
            Self::Halted => "halted",
            Self::Stopping => "stopping",
            Self::Resting => "resting",
        }
    }
}

/// One flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowState {
    /// The flow.
    pub name: String,
    /// What it is doing.
    pub state: Phase,
    /// Why it is not streaming.
    pub reason: Option<String>,
    /// Since when, seconds since 1970.
    pub since: i64,
    /// The source's WAL position that is committed in the target.
    pub applied_lsn: String,
    /// The last position received.
    pub received_lsn: String,
    /// Age of the oldest received transaction that is not committed in the target, by the source's clock; 0 when there is none.
    pub lag_seconds: f64,
    /// Source transactions written since the start.
    pub transactions: u64,
    /// Changes written since the start.
    pub changes: u64,
    /// Seconds since anything came from the source.
    pub silent_seconds: f64,
    /// When the customers were compared last, and what was found; nothing where `[daemon] verify` is not said.
    #[serde(default)]
    pub verified: Option<Verified>,
    /// Rules that were reloaded hold from this position on, and the flow has not come so far yet.
    #[serde(default)]
    pub new_rules_from: Option<String>,
    /// The customers that the rules give something now, in the order of their names.
    #[serde(default)]
    pub customers: Vec<String>,
    /// What an onlooker saw; nothing where none has looked yet.
    #[serde(default)]
    pub vital: Option<Vital>,
}

/// The last comparison of all customers of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// When it was done, seconds since 1970.
    pub at: i64,
    /// Rows that differed.
    pub differences: u64,
}

/// A state that is older, in seconds, was written by a process that hangs or is gone.
pub const STATE_MAX_AGE_SECONDS: i32 = 5;

/// The daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaemonState {
    /// Process id.
    pub pid: u32,
    /// Version of the program.
    pub version: String,
    /// SHA-256 of the configuration that runs.
    pub config_sha256: String,
    /// The directory that it was read from.
    pub config_directory: String,
    /// When it was read, seconds since 1970.
    pub loaded_at: i64,
    /// Reloads that were begun.
    pub reloads_begun: u64,
    /// The number of the last one that has ended; what came of it is in a file of its own.
    pub reloads_ended: u64,
    /// SHA-256 of the files that the last one refused.
    pub refused_sha256: Option<String>,
    /// When this was written, seconds since 1970.
    pub written_at: i64,
    /// The flows, in the order of their names.
    pub flows: Vec<FlowState>,
    /// The enabled snapshots, in the order of the files.
    #[serde(default)]
    pub snapshots: Vec<SnapshotState>,
    /// What is late and what is too old.
    #[serde(default)]
    pub limits: Limits,
}

/// Past these, health is red.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// `[daemon] max_lag`, in seconds.
    pub max_lag_seconds: u64,
    /// `[daemon] max_parked_age`, in seconds.
    pub max_parked_age_seconds: u64,
}

/// What is going on with a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotPhase {
    /// Its time has not come.
    Idle,
    /// A run is at work.
    Making,
    /// A run is whole, and waits for `publish_at`.
    Waiting,
    /// It failed, and is tried again.
    Retrying,
}

impl SnapshotPhase {
    /// As it is written in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Making => "making",
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
        }
    }
}

/// One snapshot. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotState {
    /// Its name.
    pub name: String,
    /// What is going on.
    pub state: SnapshotPhase,
    /// When something is done next: made, published or tried again; none while it is made, or without a schedule.
    pub next_at: Option<i64>,
    /// It is past `publish_at`, and not there yet.
    pub late: bool,
    /// How far the run at work is.
    pub progress: Option<Progress>,
    /// What is published.
    pub published: Option<Published>,
    /// What failed last; nothing once it went well.
    pub failure: Option<Failure>,
}

/// What came of a reload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reload {
    /// Counts the reloads of this process, from 1.
    pub number: u64,
    /// When it ended, seconds since 1970.
    pub at: i64,
    /// The rules on disk run now. Otherwise nothing has changed.
    pub taken: bool,
    /// SHA-256 of the files that were read.
    pub config_sha256: String,
    /// What is different.
    pub differences: Vec<Difference>,
    /// What was found wrong, errors first.
    pub found: Vec<Found>,
    /// A database server did not answer.
    pub unreachable: bool,
    /// Flows that take the new rules over, begin or end.
    pub flows: Vec<String>,
}

/// Something that a check has found, as it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// It stood in the way.
    pub is_error: bool,
    /// For people, with the line of the file.
    pub text: String,
    /// For programs.
    pub diagnostic: serde_json::Value,
    /// What a DBA runs.
    pub sql: Option<String>,
}

/// Replaces the file in one step; it is 0600 in a directory of 0700.
pub fn write(directory: &Path, state: &DaemonState) -> std::io::Result<()> {
    replace(directory, STATE_FILE, &serde_json::to_vec(state)?)
}

/// Writes down what runs, so that others can say what would be different.
pub fn write_outline(directory: &Path, outline: &Outline) -> std::io::Result<()> {
    replace(directory, OUTLINE_FILE, &serde_json::to_vec(outline)?)
}

/// Writes down what came of a reload.
pub fn write_reload(directory: &Path, reload: &Reload) -> std::io::Result<()> {
    replace(directory, RELOAD_FILE, &serde_json::to_vec(reload)?)
}

/// What came of the last reload; `None` where there was none.
pub fn read_reload(directory: &Path) -> std::io::Result<Option<Reload>> {
    read_file(directory, RELOAD_FILE)
}

/// Who asks for a reload, before the signal is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// As people call him.
    pub who: String,
    /// User, number, host.
    pub by: serde_json::Value,
    /// When, in seconds since 1970.
    pub at: i64,
}

/// Writes down who asks.
pub fn write_asked(directory: &Path, asked: &Asked) -> std::io::Result<()> {
    replace(directory, ASKED_FILE, &serde_json::to_vec(asked)?)
}

/// Who has asked, and nobody asks any more.
pub fn take_asked(directory: &Path) -> Option<Asked> {
    let asked = read_file(directory, ASKED_FILE).ok().flatten();
    // What can't be removed is too old the next time.
    let _ = std::fs::remove_file(directory.join(ASKED_FILE));
    asked
}

/// What runs; `None` where no daemon has written it.
pub fn read_outline(directory: &Path) -> std::io::Result<Option<Outline>> {
    read_file(directory, OUTLINE_FILE)
}

/// Whether it is written down what runs and, where there was a reload, what came of it.
pub fn is_beside(directory: &Path, was_reloaded: bool) -> bool {
    directory.join(OUTLINE_FILE).exists() && (!was_reloaded || directory.join(RELOAD_FILE).exists())
}

fn replace(directory: &Path, name: &str, text: &[u8]) -> std::io::Result<()> {
    if !directory.is_dir() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let (new, file) = (directory.join(format!(".{name}.new")), directory.join(name));
    let mut out =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    out.write_all(text)?;
    std::fs::rename(new, file)
}

/// Removes the files, if they are there: no daemon runs any more.
pub fn remove(directory: &Path) {
    for name in [STATE_FILE, OUTLINE_FILE, RELOAD_FILE, ASKED_FILE] {
        // What can't be removed is stale within seconds, and known by its age.
        let _ = std::fs::remove_file(directory.join(name));
    }
}

/// Reads the file; `None` where no daemon has written one.
pub fn read(directory: &Path) -> std::io::Result<Option<DaemonState>> {
    read_file(directory, STATE_FILE)
}

fn read_file<T: DeserializeOwned>(directory: &Path, name: &str) -> std::io::Result<Option<T>> {
    match std::fs::read(directory.join(name)) {
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
impl FlowState {
    /// One for tests, of which nobody has seen anything.
    pub(crate) fn made_up(name: &str, state: Phase) -> Self {
        Self {
            name: name.to_owned(),
            state,
            reason: None,
            since: 0,
            applied_lsn: "0/1".to_owned(),
            received_lsn: "0/1".to_owned(),
            lag_seconds: 0.0,
            transactions: 0,
            changes: 0,
            silent_seconds: 1.0,
            verified: None,
            new_rules_from: None,
            customers: Vec::new(),
            vital: None,
        }
    }
}

#[cfg(test)]
impl DaemonState {
    /// One for tests.
    pub(crate) fn made_up(flows: Vec<FlowState>) -> Self {
        Self {
            pid: 1,
            version: "0".to_owned(),
            config_sha256: String::new(),
            config_directory: String::new(),
            loaded_at: 0,
            reloads_begun: 0,
            reloads_ended: 0,
            refused_sha256: None,
            written_at: 0,
            flows,
            snapshots: Vec::new(),
            limits: Limits { max_lag_seconds: 60, max_parked_age_seconds: 1_000 },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_state_reads_back_and_only_its_owner_can_read_it() {
        let place = tempfile::tempdir().expect("a directory");
        let directory = place.path().join("run");
        let state = DaemonState::made_up(vec![FlowState::made_up("main:east", Phase::Streaming)]);
        assert_eq!(read(&directory).expect("readable"), None);
        write(&directory, &state).expect("writable");
        assert_eq!(read(&directory).expect("readable"), Some(state));
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&directory.join(STATE_FILE))), (0o700, 0o600));
    }
}
