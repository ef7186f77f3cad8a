//! Rows that are written all the while, looked for, and held against what `/readyz` says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::support::{Database, Door, LIMIT, Session, wait_for};
use super::{MAX_LAG, StopAtEnd};

/// Between two rows.
const PACE: Duration = Duration::from_millis(200);
/// Between two looks; a row may be so much later than `max_lag` before that is seen.
const LOOK: Duration = Duration::from_millis(100);
/// Whether a row was committed is not known where the source has not answered by then; nor is it green that does not say so.
const PATIENCE: Duration = Duration::from_millis(300);
/// A target that does not answer by then, nor a new session after that, has not shown a row. What counts is when it was asked.
const LOOK_PATIENCE: Duration = Duration::from_secs(2);
/// Every fault lasts so long: past the tries, the looks and the pauses of the daemon, with rows that are late nearly all the
/// while.
const LASTING: Duration = Duration::from_secs(3 * MAX_LAG.as_secs());
/// Until then it may be red of what was done to let it happen: a daemon that stood still, say.
const INJECTED: Duration = Duration::from_secs(3);

/// What the canary knows of the rows that it has written.
#[derive(Default)]
struct Rows {
    /// Those that have not arrived, with the moment in which their commit was known.
    missing: BTreeMap<u64, Instant>,
    /// Those of them that the stream does not bring any more: a resync copies them, as it copies what was there before.
    copied: BTreeSet<u64>,
    /// Those of which nobody has said yet whether they were committed.
    unsure: BTreeSet<u64>,
    /// Arrived past `max_lag`.
    late: u64,
    /// Late, between two answers of green.
    broken: Vec<String>,
    is_green: bool,
    /// It says so itself: no answer is none.
    is_red: bool,
    /// When that was last another word.
    since: Option<Instant>,
}

/// Writes rows at the source, and looks for them.
pub(super) struct Canary<'a> {
    pub(super) source: &'a Database,
    pub(super) target: &'a Database,
    /// The server that has the target's place, where that is another one by now.
    moved: Mutex<Option<Door>>,
    address: SocketAddr,
    rows: Mutex<Rows>,
    stop: AtomicBool,
}

fn lock(rows: &Mutex<Rows>) -> MutexGuard<'_, Rows> {
    rows.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A session, made anew where it does not answer in time.
struct Patient<'a> {
    open: &'a dyn Fn(Duration) -> Option<Session>,
    patience: Duration,
    session: Option<Session>,
}

impl<'a> Patient<'a> {
    fn new(open: &'a dyn Fn(Duration) -> Option<Session>, patience: Duration) -> Self {
        Self { open, patience, session: None }
    }

    fn ask(&mut self, sql: &str) -> Option<Vec<Vec<Option<String>>>> {
        let session = match self.session.take() {
            Some(session) => session,
            None => (self.open)(self.patience)?,
        };
        let answer = session.query_within(sql, self.patience)?;
        self.session = Some(session);
        Some(answer)
    }
}

const GREEN: &str = "HTTP/1.1 200";
const RED: &str = "HTTP/1.1 503";

/// Keys as SQL has them.
fn listed<'a>(keys: impl Iterator<Item = &'a u64>) -> String {
    let keys: Vec<String> = keys.map(|key| format!("'{key}'")).collect();
    keys.join(", ")
}

/// What is expected of something that befalls it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// Red, and green again at its end.
    Mended,
    /// Red, and red it stays.
    Lasting,
    /// Nobody answers for as long as it lasts, and it is green again at its end.
    Mute,
    /// Red or not: rows may well come in time.
    Borne,
}

impl<'a> Canary<'a> {
    /// The daemon tells at this address how it is.
    pub(super) fn new(source: &'a Database, target: &'a Database, address: SocketAddr) -> Self {
        let (moved, rows, stop) = (Mutex::new(None), Mutex::default(), AtomicBool::new(false));
        Self { source, target, moved, address, rows, stop }
    }

    /// Looks and writes while the part is played.
    pub(super) fn watch<T>(&self, part: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            scope.spawn(|| self.write());
            scope.spawn(|| self.look());
            let _end = StopAtEnd(&self.stop);
            part()
        })
    }

    /// This server has the target's place.
    pub(super) fn moves(&self, to: Door) {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Some(to);
    }

    /// What is missing now comes by a resync that is about to be asked for. The promise is of rows that are written from then on.
    pub(super) fn is_copied(&self) {
        let mut rows = lock(&self.rows);
        rows.copied = rows.missing.keys().copied().collect();
    }

    fn target_session(&self, limit: Duration) -> Option<Session> {
        let moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match moved {
            Some(door) => door.session_within(self.target.name(), limit),
            None => self.target.session_within(limit),
        }
    }

    fn write(&self) {
        let open = |limit| self.source.session_within(limit);
        let mut session = Patient::new(&open, PATIENCE);
        let mut key = 0_u64;
        while !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(PACE);
            key += 1;
            let sql = format!("INSERT INTO hq.bird VALUES ('{key}', 'bird')");
            if session.ask(&sql).is_some() {
                lock(&self.rows).missing.insert(key, Instant::now());
                self.make_sure(&mut session);
            } else {
                lock(&self.rows).unsure.insert(key);
            }
        }
    }

    /// Asks a source that answers again when the rows were committed of which it had not told.
    fn make_sure(&self, session: &mut Patient<'_>) {
        let keys = listed(lock(&self.rows).unsure.iter());
        if keys.is_empty() {
            return;
        }
        let sql = format!(
            "SELECT key, extract(epoch FROM clock_timestamp() - pg_xact_commit_timestamp(xmin))::float8 FROM hq.bird \
             WHERE key IN ({keys})"
        );
        let Some(found) = session.ask(&sql) else { return };
        let mut rows = lock(&self.rows);
        for row in found {
            let key = row[0].as_ref().and_then(|key| key.parse().ok());
            let age = row[1].as_ref().and_then(|age| Duration::try_from_secs_f64(age.parse().ok()?).ok());
            if let (Some(key), Some(age)) = (key, age)
                && rows.unsure.remove(&key)
            {
                rows.missing.insert(key, Instant::now().checked_sub(age).expect("it was in this test"));
            }
        }
    }

    fn look(&self) {
        let open = |limit| self.target_session(limit);
        let mut session = Patient::new(&open, LOOK_PATIENCE);
        let mut was_mute = false;
        while !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK);
            let began = Instant::now();
            let before = is(self.address, GREEN);
            let keys = listed(lock(&self.rows).missing.keys());
            let arrived = if keys.is_empty() {
                Some(Vec::new())
            } else {
                session.ask(&format!("SELECT key FROM branch.bird WHERE key IN ({keys})"))
            };
            let (after, red) = (is(self.address, GREEN), is(self.address, RED));
            // One question without an answer may be the canary's own trouble: the next one is asked by a new session.
            let counts = arrived.is_some() || was_mute;
            was_mute = arrived.is_none();
            self.note(&arrived.unwrap_or_default(), (before && after && counts, after, red), began);
        }
    }

    fn note(&self, arrived: &[Vec<Option<String>>], (both, green, red): (bool, bool, bool), began: Instant) {
        let mut rows = lock(&self.rows);
        for key in arrived.iter().filter_map(|row| row[0].as_ref()?.parse::<u64>().ok()) {
            if rows.missing.remove(&key).is_some_and(|written| written + MAX_LAG < began) {
                rows.late += 1;
            }
        }
        let overdue: Vec<(u64, Duration)> = rows
            .missing
            .iter()
            .filter(|(key, written)| **written + MAX_LAG + LOOK < began && !rows.copied.contains(key))
            .map(|(key, written)| (*key, began - *written))
            .collect();
        if both && let Some((key, age)) = overdue.first() {
            let said = format!(
                "{} row(s) are late, row {key} was written {age:?} ago, and it is green",
                overdue.len()
            );
            rows.broken.push(said);
        }
        rows.is_red = red;
        if rows.is_green != green {
            rows.is_green = green;
            rows.since = Some(Instant::now());
        }
    }

    fn is_quiet(&self) -> bool {
        let rows = lock(&self.rows);
        rows.is_green && rows.missing.values().all(|written| written.elapsed() < MAX_LAG)
    }

    fn wait_green(&self, what: &str) {
        wait_for(what, LIMIT, || if self.is_quiet() { Ok(()) } else { Err(self.told()) });
    }

    /// What the page says.
    fn told(&self) -> String {
        get(self.address, "/readyz?verbose").unwrap_or_else(|| "nothing".to_owned())
    }

    /// Something is wrong for a while. Answers a line about it.
    pub(super) fn suffer(
        &self,
        what: &str,
        inject: impl FnOnce(),
        heal: impl FnOnce(),
        course: Course,
    ) -> String {
        self.wait_green("all is well");
        let (late, broken) = {
            let rows = lock(&self.rows);
            (rows.late, rows.broken.len())
        };
        inject();
        let began = Instant::now();
        let (mut red, mut stays) = (None, false);
        while began.elapsed() < LASTING {
            std::thread::sleep(LOOK);
            if !lock(&self.rows).is_green {
                red = red.or(Some(began.elapsed()));
                let tells = lock(&self.rows).is_red || course == Course::Mute;
                stays |= tells && began.elapsed() > INJECTED;
            }
        }
        let said = self.told();
        assert!(stays || course == Course::Borne, "{what}: it was not red: nothing befell it\n{said}");
        let healed = Instant::now();
        heal();
        if course != Course::Lasting {
            self.wait_green(&format!("{what} is over"));
        }
        let red = red.map_or("never red".to_owned(), |red| format!("red after {:.1} s", red.as_secs_f64()));
        let rows = lock(&self.rows);
        let mut line = format!(
            "{what}: {red}, over {:.1} s after its end, {} rows late, {} broken",
            healed.elapsed().as_secs_f64(),
            rows.late - late,
            rows.broken.len() - broken
        );
        if rows.broken.len() > broken {
            _ = write!(line, "\n  {}\n{said}", rows.broken[broken..].join("\n  "));
        }
        println!("{line}");
        line
    }
}

/// `GET`: the body. `None` where nobody answers in time.
fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn is(address: SocketAddr, status: &str) -> bool {
    get(address, "/readyz").is_some_and(|answer| answer.starts_with(status))
}
