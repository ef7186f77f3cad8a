//! What `acequia status` says of snapshots: from the daemon's state file, or else from what it has written down beside them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::console::say;
use super::table::bytes;
use crate::config::{Config, Snapshot};
use crate::ops::{DaemonState, SnapshotPhase, SnapshotState};
use crate::snapshot::place::Place;
use crate::snapshot::progress::{Progress, Step};
use crate::snapshot::record::{Failure, Published, Record};

/// One enabled snapshot.
pub(super) struct SnapshotReport {
    name: String,
    /// As people say it; none: it is made by hand.
    schedule: Option<String>,
    /// Nothing: no daemon makes it.
    running: Option<SnapshotState>,
    published: Option<Published>,
    failure: Option<Failure>,
}

/// All enabled snapshots.
pub(super) fn snapshots(config: &Config, daemon: Option<&DaemonState>) -> Vec<SnapshotReport> {
    let enabled = config.snapshots.iter().filter(|snapshot| snapshot.enabled);
    enabled.map(|snapshot| report(snapshot, daemon)).collect()
}

fn report(snapshot: &Snapshot, daemon: Option<&DaemonState>) -> SnapshotReport {
    let states = daemon.map_or(&[][..], |daemon| &daemon.snapshots);
    let running = states.iter().find(|state| state.name == snapshot.name.as_str()).cloned();
    let (published, failure) = match &running {
        Some(state) => (state.published.clone(), state.failure.clone()),
        // Who may not look there is told nothing of it; `snapshot list` says why.
        None => remembered(snapshot).map_or((None, None), |record| (record.published, record.failure)),
    };
    let schedule = snapshot.schedule.as_ref().map(ToString::to_string);
    SnapshotReport { name: snapshot.name.to_string(), schedule, running, published, failure }
}

fn remembered(snapshot: &Snapshot) -> Option<Record> {
    let place = Place::find(&snapshot.directory, &snapshot.name).ok().flatten()?;
    Record::read(&place).ok().flatten()
}

impl SnapshotReport {
    pub(super) fn as_json(&self) -> Value {
        let running = self.running.as_ref();
        json!({ "name": self.name, "schedule": self.schedule, "state": self.state(),
                "next_at": running.and_then(|state| state.next_at).map(text),
                "late": running.is_some_and(|state| state.late),
                "progress": running.and_then(|state| state.progress.as_ref()),
                "published": self.published, "failure": self.failure })
    }

    fn state(&self) -> &'static str {
        self.running.as_ref().map_or("stopped", |state| state.state.as_str())
    }

    pub(super) fn print(&self) {
        let late = if self.running.as_ref().is_some_and(|state| state.late) { ", late" } else { "" };
        say!("\nsnapshot {}: {}{late}", self.name, self.state());
        if let Some(failure) = &self.failure {
            say!("  failed      {}: {}", failure.at.strftime(MINUTES), failure.text);
        }
        if let Some(state) = &self.running {
            if let Some(progress) = &state.progress {
                say!("  at work     {}{}", line(progress), time_left(progress, Timestamp::now()));
            }
            if let Some(at) = state.next_at {
                say!("  {}{}", next_label(state.state), text(at));
            }
        }
        if let Some(schedule) = &self.schedule {
            say!("  schedule    {schedule}");
        }
        if let Some(published) = &self.published {
            let as_of = published.as_of.as_deref().unwrap_or("an unknown time");
            say!(
                "  published   {} as of {as_of}, {} rows, {}",
                published.run,
                published.rows,
                size(published.bytes)
            );
        } else {
            say!("  published   nothing yet");
        }
    }
}

/// A time without seconds.
const MINUTES: &str = "%Y-%m-%d %H:%MZ";

fn next_label(state: SnapshotPhase) -> &'static str {
    match state {
        SnapshotPhase::Waiting => "seen from   ",
        SnapshotPhase::Retrying => "next try    ",
        SnapshotPhase::Idle | SnapshotPhase::Making => "next        ",
    }
}

fn text(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| String::new(), |at| at.to_string())
}

/// How long it may still take, by the server's own estimate of its rows: once that is passed, it says nothing any more.
fn time_left(progress: &Progress, now: Timestamp) -> String {
    if progress.rows == 0 || progress.rows >= progress.rows_estimate {
        return String::new();
    }
    let seconds = now.as_second().saturating_sub(progress.began_at).max(1).unsigned_abs();
    let rows_left = u128::from(progress.rows_estimate - progress.rows);
    format!(", about {} left", duration(u128::from(seconds) * rows_left / u128::from(progress.rows)))
}

fn duration(seconds: u128) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// What it is doing, and how fast.
pub(super) fn line(progress: &Progress) -> String {
    let step = match progress.step {
        Step::Preparing => "preparing",
        Step::Exporting => "exporting",
        Step::Checking => "checking",
        Step::Waiting => "waiting",
        Step::Publishing => "publishing",
    };
    let seconds = (Timestamp::now().as_second() - progress.began_at).max(1);
    let rate = u64::try_from(seconds).map_or(progress.bytes, |seconds| progress.bytes / seconds);
    format!(
        "{step}: {} of {} tables, {} rows, {}, {}/s",
        progress.tables,
        progress.tables_total,
        progress.rows,
        size(progress.bytes),
        size(rate)
    )
}

/// A number of bytes for people.
pub(super) fn size(count: u64) -> String {
    bytes(i64::try_from(count).unwrap_or(i64::MAX))
}
