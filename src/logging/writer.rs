//! Takes the program's events and puts lines where they belong.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::fold::{Fold, Repeated, Verdict};
use super::form::Form;
use super::line::Line;
use super::outlet::{Journal, Sent, StandardError};
use super::panic::TARGET;

/// The events that say that something has turned: see [`Fold::turn`].
pub const TURN: &str = "acequia::turn";
/// Where events of this program come from.
const OURS: &str = "acequia";

/// Writes lines in one form; all clones count together.
#[derive(Debug, Clone)]
pub(super) struct Writer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    form: Form,
    journal: Option<Journal>,
    standard_error: StandardError,
    fold: Mutex<Fold>,
    /// Lines that found no room, and of which nobody has been told.
    lost: AtomicU64,
}

impl Writer {
    /// A journal that can't be had is replaced by text on standard error: no reason not to run.
    pub(super) fn new(form: Form) -> Self {
        let journal = (form == Form::Journal).then(Journal::open).flatten();
        let standard_error = StandardError::open();
        Self(Arc::new(Inner {
            form,
            journal,
            standard_error,
            fold: Mutex::default(),
            lost: AtomicU64::new(0),
        }))
    }

    /// Tells what came again: in windows that are over, or in all (`at_end`).
    pub(super) fn sweep(&self, at_end: bool) {
        let repeated = {
            let mut fold = self.0.fold.lock().unwrap_or_else(PoisonError::into_inner);
            fold.sweep(Instant::now(), at_end)
        };
        self.tell(repeated);
        self.tell_lost();
        if at_end {
            self.0.standard_error.flush();
        }
    }

    fn tell(&self, repeated: Vec<Repeated>) {
        for one in repeated {
            let seconds = one.within.as_secs();
            self.write(&one.line.repeated(one.times, seconds, Timestamp::now()));
        }
    }

    /// Says how many lines found no room, as soon as there is some.
    fn tell_lost(&self) {
        let lost = self.0.lost.swap(0, Ordering::Relaxed);
        if lost > 0 && self.put(&Line::lost(lost, Timestamp::now())) == Sent::Full {
            self.0.lost.fetch_add(lost, Ordering::Relaxed);
        }
    }

    fn write(&self, line: &Line) {
        self.tell_lost();
        if self.put(line) == Sent::Full {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Never waits: who writes a line has work to do, and a reader that stands still must not hold it up.
    fn put(&self, line: &Line) -> Sent {
        let form = self.0.form;
        if let Some(journal) = &self.0.journal {
            let sent = journal.send(&line.datagram());
            if sent != Sent::Nobody {
                return sent;
            }
        }
        let text = match form {
            Form::Json => line.json(),
            Form::Text { coloured } => line.text(coloured),
            Form::Journal => line.text(false),
        };
        self.0.standard_error.put(text)
    }
}

impl<S: Subscriber> Layer<S> for Writer {
    /// What is not ours is heard from INFO on, whatever `RUST_LOG` says.
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let crate_name = metadata.target().split("::").next();
        *metadata.level() <= Level::INFO || crate_name == Some(OURS)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let line = Line::of(event, Timestamp::now());
        // Who asks for more wants to see each of them. And a panic may have come while the lock is held.
        if line.level > Level::INFO || event.metadata().target() == TARGET {
            return self.write(&line);
        }
        if event.metadata().target() == TURN {
            let before =
                self.0.fold.lock().unwrap_or_else(PoisonError::into_inner).turn(&line, Instant::now());
            self.tell(before);
            return self.write(&line);
        }
        let verdict = {
            let mut fold = self.0.fold.lock().unwrap_or_else(PoisonError::into_inner);
            fold.admit(&line, Instant::now())
        };
        if verdict == Verdict::Write {
            self.write(&line);
        }
    }
}

/// Whether standard error goes to the journal: systemd says which file that is (`JOURNAL_STREAM`, systemd.exec(5)), so that
/// nobody is fooled who has inherited the variable and redirected the output.
pub fn is_journal() -> bool {
    let Ok(said) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(file) = rustix::fs::fstat(std::io::stderr()) else { return false };
    said == format!("{}:{}", file.st_dev, file.st_ino)
}
