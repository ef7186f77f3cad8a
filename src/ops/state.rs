//! The daemon's own state as a file: written each second, read by `acequia status`.
//!
//! A file needs no open port and survives a hanging database; its age tells a hanging daemon. It holds names, positions
//! and times, never a row.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The file's name in the runtime directory.
pub const STATE_FILE: &str = "status.json";

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
}

/// The last comparison of all customers of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// When it was done, seconds since 1970.
    pub at: i64,
    /// Rows that differed.
    pub differences: u64,
}

/// The daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaemonState {
    /// Process id.
    pub pid: u32,
    /// Version of the program.
    pub version: String,
    /// SHA-256 of the configuration that runs.
    pub config_sha256: String,
    /// When this was written, seconds since 1970.
    pub written_at: i64,
    /// The flows, in the order of their names.
    pub flows: Vec<FlowState>,
}

/// Replaces the file in one step; it is 0600 in a directory of 0700.
pub fn write(directory: &Path, state: &DaemonState) -> std::io::Result<()> {
    if !directory.is_dir() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let text = serde_json::to_vec(state)?;
    let (new, file) = (directory.join(format!(".{STATE_FILE}.new")), directory.join(STATE_FILE));
    let mut out =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    out.write_all(&text)?;
    std::fs::rename(new, file)
}

/// Removes the file, if it is there: no daemon runs any more.
pub fn remove(directory: &Path) {
    // What can't be removed is stale within seconds, and known by its age.
    let _ = std::fs::remove_file(directory.join(STATE_FILE));
}

/// Reads the file; `None` where no daemon has written one.
pub fn read(directory: &Path) -> std::io::Result<Option<DaemonState>> {
    let file: PathBuf = directory.join(STATE_FILE);
    match std::fs::read(file) {
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
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
        let state = DaemonState {
            pid: 1,
            version: "0".to_owned(),
            config_sha256: String::new(),
            written_at: 7,
            flows: Vec::new(),
        };
        assert_eq!(read(&directory).expect("readable"), None);
        write(&directory, &state).expect("writable");
        assert_eq!(read(&directory).expect("readable"), Some(state));
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&directory.join(STATE_FILE))), (0o700, 0o600));
    }
}
