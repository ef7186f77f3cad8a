//! What is remembered of a snapshot's runs: `record.json` in its directory. Names, times and counts; no value.
//!
//! The daemon writes it down before it does something and after it is done. So it knows after a death at any moment what was
//! made, what waits to be published and what has to be tried again. What comes next is
//! decided by [`agenda`](super::agenda). Times are those of this host's clock.

use std::io::Read as _;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::place::{Place, disk, run};

/// Its name in the snapshot's directory.
const RECORD_FILE: &str = "record.json";
/// It holds one of each thing; one that is longer is none of ours.
const RECORD_MAX_BYTES: u64 = 1 << 20;

/// The version of this shape.
const RECORD_VERSION: u32 = 1;

/// A time further ahead than this is no time that has been: some clock was wrong. One that is less ahead may have been done
/// before the clock was set back, and is not done again.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(24);

/// What is remembered of one snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// The schedule that `since` belongs to, as text; none: the snapshot has none.
    pub schedule: Option<String>,
    /// Since when the snapshot is known with this schedule: nothing is made for times before.
    pub since: Timestamp,
    /// The last scheduled time for which a snapshot was published.
    pub done: Option<Timestamp>,
    /// What is being made, or was when the process died, or could not be made.
    pub work: Option<Work>,
    /// What is made and not yet published.
    pub staged: Option<Staged>,
    /// What is published.
    pub published: Option<Published>,
    /// What failed last; nothing once it went well.
    pub failure: Option<Failure>,
    /// The scheduled time of which it was told that it is late.
    pub told_late: Option<Timestamp>,
    /// What applications have not been told yet.
    #[serde(default)]
    pub notices: Vec<Notice>,
}

/// A run for a scheduled time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// The scheduled time.
    pub occurrence: Timestamp,
    /// Tries that were begun.
    pub tries: u32,
    /// When the last one began or, if it has failed, when it failed.
    pub tried_at: Timestamp,
    /// Whether it has failed; else it is at work, or died.
    pub failed: bool,
}

/// A run that is whole and waits for its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// Its name.
    pub run: String,
    /// The scheduled time that it was made for.
    pub occurrence: Timestamp,
    /// What the rules said when it was made, as a hash.
    pub rules: String,
    /// Times that it could not be published.
    pub tries: u32,
    /// When that was the last time.
    pub tried_at: Timestamp,
}

/// The published run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Its name.
    pub run: String,
    /// When it was found published.
    pub at: Timestamp,
    /// The moment that it shows, RFC 3339: the earliest one where it comes from several databases.
    pub as_of: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// Bytes of its files, or of its rows where it is a server's.
    pub bytes: u64,
}

/// Something that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// What, and what to do about it. No value.
    pub text: String,
}

/// An event that is not delivered everywhere yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The event's name.
    pub event: String,
    /// What is told.
    pub payload: String,
    /// The databases that have not heard it.
    pub databases: Vec<String>,
}

/// Why a record can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The system refused something.
    #[error("{doing} `{}` failed: {source}; the directory must be writable by the user that acequia runs as", path.display())]
    Disk {
        /// What was done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no record, or that of a later version.
    #[error("`{}` is no record that this version reads: move it away, and what it remembered is forgotten", .0.display())]
    Malformed(PathBuf),
}

impl Record {
    /// What is remembered of a snapshot; `None` where nothing was written yet.
    pub fn read(place: &Place) -> Result<Option<Self>, RecordError> {
        let path = place.path().join(RECORD_FILE);
        let failed = |source| RecordError::Disk { doing: "reading", path: path.clone(), source };
        let file = match disk::open_file(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut text = Vec::new();
        file.take(RECORD_MAX_BYTES).read_to_end(&mut text).map_err(failed)?;
        let record: Option<Self> = serde_json::from_slice(&text).ok();
        let known = record.filter(|record| record.version <= RECORD_VERSION);
        known.map(Some).ok_or(RecordError::Malformed(path))
    }

    /// Writes it in one step; when this returns, it is on the disk.
    pub fn write(&self, place: &Place) -> Result<(), RecordError> {
        let path = place.path().join(RECORD_FILE);
        let failed = |source| RecordError::Disk { doing: "writing", path: path.clone(), source };
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        place.owner().replace_file(&path, &text).map_err(failed)
    }

    /// Of a snapshot that is seen for the first time.
    pub fn new(schedule: Option<String>, now: Timestamp) -> Self {
        Self {
            version: RECORD_VERSION,
            schedule,
            since: now,
            done: None,
            work: None,
            staged: None,
            published: None,
            failure: None,
            told_late: None,
            notices: Vec::new(),
        }
    }

    /// Goes by a schedule. Another one than before begins now: its times that have passed are nobody's. What only a wrong clock
    /// can have written is forgotten: else the next run would wait for the time that it showed.
    pub fn follow(&mut self, schedule: Option<&str>, now: Timestamp) {
        if self.schedule.as_deref() != schedule {
            self.schedule = schedule.map(str::to_owned);
            self.since = now;
            self.work = None;
        }
        let is_wrong = |time: Timestamp| time.duration_since(now) > AHEAD_MAX;
        if self.done.is_some_and(is_wrong) {
            self.done = None;
            self.since = now;
        }
        self.staged.take_if(|staged| is_wrong(staged.occurrence));
        self.since = self.since.min(now);
    }

    /// A run begins.
    pub fn begin(&mut self, occurrence: Timestamp, now: Timestamp) {
        let before = self.work.as_ref().filter(|work| work.occurrence == occurrence);
        let tries = before.map_or(0, |work| work.tries).saturating_add(1);
        self.work = Some(Work { occurrence, tries, tried_at: now, failed: false });
    }

    /// It is not made after all: the process stops, its rules have changed, or somebody else is at work. That is no failure.
    pub fn put_back(&mut self) {
        self.work = self.work.take().filter(|work| work.tries > 1);
        if let Some(work) = &mut self.work {
            (work.tries, work.failed) = (work.tries - 1, true);
        }
    }

    /// It is whole, by the rules with this hash.
    pub fn stage(&mut self, run: String, occurrence: Timestamp, rules: &str, now: Timestamp) {
        self.work = None;
        self.failure = None;
        self.staged = Some(Staged { run, occurrence, rules: rules.to_owned(), tries: 0, tried_at: now });
    }

    /// The run that was being made could not be.
    pub fn fail(&mut self, text: String, now: Timestamp) {
        if let Some(work) = &mut self.work {
            (work.failed, work.tried_at) = (true, now);
        }
        self.failure = Some(Failure { at: now, text });
    }

    /// The run that waits could not be published. That says nothing of a newer one that is made or has failed.
    pub fn fail_staged(&mut self, text: String, now: Timestamp) {
        if let Some(staged) = &mut self.staged {
            (staged.tries, staged.tried_at) = (staged.tries.saturating_add(1), now);
        }
        self.failure = Some(Failure { at: now, text });
    }

    /// The staged run is gone: it has to be made again.
    pub fn lose_staged(&mut self) {
        self.staged = None;
    }

    /// An event has to be told. One that waits is superseded by the next of its kind, and all of them by a snapshot that is there.
    pub fn announce(&mut self, notice: Notice, supersedes_all: bool) {
        self.notices.retain(|waiting| !supersedes_all && waiting.event != notice.event);
        if !notice.databases.is_empty() {
            self.notices.push(notice);
        }
    }

    /// What is on the disk: the run that is published, and those that wait, the newest first. A process that died may have done
    /// more than it wrote down, and a command may have published a run. Answers whether what is published is news.
    pub fn find(
        &mut self,
        published: Option<Published>,
        staged: &[String],
        rules: &str,
        now: Timestamp,
    ) -> bool {
        let is_news = published.is_some_and(|published| self.publish(published));
        if let Some(known) = &self.staged {
            // Made by other rules, it is not what anybody wants to see; or somebody has cleared it away.
            if known.rules != rules || !staged.contains(&known.run) {
                self.staged = None;
            }
        } else if let Some(work) = self.work.as_ref().filter(|work| !work.failed) {
            let (occurrence, begun) = (work.occurrence, work.tried_at.as_second());
            let is_ours = |run: &&String| run::start(run).is_some_and(|start| start.as_second() >= begun);
            if let Some(run) = staged.iter().find(is_ours) {
                self.stage(run.clone(), occurrence, rules, now);
            }
        }
        is_news
    }

    /// A run is published. Answers whether that is news.
    fn publish(&mut self, published: Published) -> bool {
        if let Some(staged) = self.staged.take_if(|staged| staged.run <= published.run) {
            // One that was made by hand in the meantime is newer: the scheduled one is not missed.
            self.done = Some(staged.occurrence);
            self.failure = None;
        }
        let is_news = self.published.as_ref().is_none_or(|known| known.run != published.run);
        if is_news {
            self.published = Some(published);
        }
        is_news
    }
}
