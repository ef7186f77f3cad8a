//! `snapshot.published`, `snapshot.failed`, `snapshot.late`: what became of a snapshot. Names, counts and hashes; no value.

use serde::Serialize;

use super::event::{PAYLOAD_MAX_BYTES, ascii, grouped};

/// The reason of a failure is cut here, in characters; the log has all of it.
const REASON_MAX_CHARACTERS: usize = 500;

/// A snapshot is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DumpPublished {
    /// The snapshot.
    pub snapshot: String,
    /// The run.
    pub run: String,
    /// `full` or `incremental`.
    pub kind: String,
    /// `dat`, `sql` or `mysql`.
    pub format: String,
    /// How many customers are in it.
    pub customers: usize,
    /// How many were meant to be in it and are not.
    pub missing: usize,
    /// Rows of all data sets.
    pub rows: u64,
    /// Bytes of all files; of a server's snapshot, 0.
    pub bytes: u64,
    /// The moment that it shows, RFC 3339: the earliest one where it comes from several databases.
    pub as_of: Option<String>,
    /// Its directory.
    pub path: String,
    /// SHA-256 of `manifest.json` in hexadecimal; that file has the hashes of all others.
    pub sha256: String,
    /// The files; left out where they do not fit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub archives: Vec<Archive>,
}

/// A file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Archive {
    /// Its name.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

/// A snapshot could not be made, or not be published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DumpFailed {
    /// The snapshot.
    pub snapshot: String,
    /// The time that it was to be made for, RFC 3339.
    pub scheduled_for: String,
    /// What stood in the way.
    pub reason: String,
    /// The run that is still published.
    pub published: Option<String>,
}

/// A snapshot is past its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DumpLate {
    /// The snapshot.
    pub snapshot: String,
    /// The time that it was to be made for, RFC 3339.
    pub scheduled_for: String,
    /// When it was to be there, RFC 3339.
    pub publish_at: String,
    /// The run that is still published.
    pub published: Option<String>,
}

/// An event with its name and its sentence.
#[derive(Serialize)]
struct Whole<'a, T> {
    event: &'static str,
    #[serde(flatten)]
    event_itself: &'a T,
    text: String,
}

fn payload<T: Serialize>(event: &'static str, event_itself: &T, text: String) -> String {
    ascii(&Whole { event, event_itself, text })
}

impl DumpPublished {
    /// The event as JSON, shorter than [`PAYLOAD_MAX_BYTES`]: files are left out first.
    #[must_use]
    pub fn payload(mut self) -> String {
        let customers = if self.customers == 1 { "customer" } else { "customers" };
        let text = format!(
            "snapshot {} is there: {} rows of {} {customers}",
            self.snapshot,
            grouped(self.rows),
            self.customers
        );
        let whole = payload("snapshot.published", &self, text.clone());
        if whole.len() < PAYLOAD_MAX_BYTES {
            return whole;
        }
        self.archives.clear();
        let whole = payload("snapshot.published", &self, text.clone());
        if whole.len() < PAYLOAD_MAX_BYTES {
            return whole;
        }
        // What is left is short but for a path that somebody has made very long.
        self.path.clear();
        payload("snapshot.published", &self, text)
    }
}

impl DumpFailed {
    /// The event as JSON, shorter than [`PAYLOAD_MAX_BYTES`].
    #[must_use]
    pub fn payload(mut self) -> String {
        let stays = still_there(self.published.as_deref());
        let text = format!("snapshot {} failed; {stays}", self.snapshot);
        if self.reason.chars().count() > REASON_MAX_CHARACTERS {
            self.reason = self.reason.chars().take(REASON_MAX_CHARACTERS).chain(['…']).collect();
        }
        payload("snapshot.failed", &self, text)
    }
}

impl DumpLate {
    /// The event as JSON; it is short.
    #[must_use]
    pub fn payload(&self) -> String {
        let stays = still_there(self.published.as_deref());
        let text = format!("snapshot {} was to be there at {}; {stays}", self.snapshot, self.publish_at);
        payload("snapshot.late", self, text)
    }
}

fn still_there(published: Option<&str>) -> String {
    match published {
        Some(run) => format!("run {run} is still there"),
        None => "there is none yet".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(files: usize) -> DumpPublished {
        let archive =
            |number| Archive { file: format!("customer-{number}.zip"), bytes: 9, sha256: "0".repeat(64) };
        DumpPublished {
            snapshot: "nightly".to_owned(),
            run: "20261122T060000Z".to_owned(),
            kind: "full".to_owned(),
            format: "dat".to_owned(),
            customers: files,
            missing: 0,
            rows: 14_113,
            bytes: 2_000,
            as_of: Some("2026-11-22T06:00:01Z".to_owned()),
            path: "/var/lib/acequia/snapshots/nightly/published/20261122T060000Z".to_owned(),
            sha256: "f".repeat(64),
            archives: (0..files).map(archive).collect(),
        }
    }

    fn parsed(payload: &str) -> serde_json::Value {
        assert!(payload.len() < PAYLOAD_MAX_BYTES && payload.is_ascii(), "{payload}");
        serde_json::from_str(payload).expect("JSON")
    }

    #[test]
    fn who_fetches_a_snapshot_is_told_where_it_is_and_what_it_must_be() {
        let seen = parsed(&published(1).payload());
        let expected = serde_json::json!({
            "event": "snapshot.published", "snapshot": "nightly", "run": "20261122T060000Z", "kind": "full", "format": "dat",
            "customers": 1, "missing": 0, "rows": 14_113, "bytes": 2_000, "as_of": "2026-11-22T06:00:01Z",
            "path": "/var/lib/acequia/snapshots/nightly/published/20261122T060000Z", "sha256": "f".repeat(64),
            "archives": [{ "file": "customer-0.zip", "bytes": 9, "sha256": "0".repeat(64) }],
            "text": "snapshot nightly is there: 14,113 rows of 1 customer",
        });
        assert_eq!(seen, expected);
    }

    #[test]
    fn five_hundred_files_are_found_by_the_manifest() {
        let seen = parsed(&published(500).payload());
        assert_eq!(
            (&seen["archives"], &seen["customers"]),
            (&serde_json::Value::Null, &serde_json::json!(500))
        );
    }

    #[test]
    fn a_failure_says_what_is_still_there() {
        let failed = DumpFailed {
            snapshot: "nightly".to_owned(),
            scheduled_for: "2026-11-22T06:00:00Z".to_owned(),
            reason: "ä".repeat(9_000),
            published: Some("20261121T060000Z".to_owned()),
        };
        let seen = parsed(&failed.payload());
        assert_eq!(seen["text"], "snapshot nightly failed; run 20261121T060000Z is still there");
        assert_eq!(seen["reason"].as_str().map(|reason| reason.chars().count()), Some(501));
    }

    #[test]
    fn what_is_late_says_since_when() {
        let late = DumpLate {
            snapshot: "nightly".to_owned(),
            scheduled_for: "2026-11-22T06:00:00Z".to_owned(),
            publish_at: "2026-11-22T11:00:00Z".to_owned(),
            published: None,
        };
        let seen = parsed(&late.payload());
        assert_eq!(
            seen["text"],
            "snapshot nightly was to be there at 2026-11-22T11:00:00Z; there is none yet"
        );
    }
}
