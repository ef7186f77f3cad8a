//! What is remembered of a snapshot's runs: `record.json` in its directory. Names, times and counts; no value.
//!
//! The daemon writes it down before it does something and after it is done. So it knows after a death at any moment what was
//! made, what waits to be published and what has to be tried again. What comes next is
//! decided by [`agenda`](super::agenda). Times are those of this host's clock.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

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

impl Record {
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

    /// It is whole.
    pub fn stage(&mut self, run: String, occurrence: Timestamp, now: Timestamp) {
        self.work = None;
        self.failure = None;
        self.staged = Some(Staged { run, occurrence, tries: 0, tried_at: now });
    }

    /// The run that was being made, or was to be published, could not be.
    pub fn fail(&mut self, text: String, now: Timestamp) {
        if let Some(work) = &mut self.work {
            (work.failed, work.tried_at) = (true, now);
        } else if let Some(staged) = &mut self.staged {
            (staged.tries, staged.tried_at) = (staged.tries.saturating_add(1), now);
        }
        self.failure = Some(Failure { at: now, text });
    }

    /// The staged run is gone: it has to be made again.
    pub fn lose_staged(&mut self) {
        self.staged = None;
    }

    /// A run is published. Answers whether that is news.
    pub fn publish(&mut self, published: Published) -> bool {
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
