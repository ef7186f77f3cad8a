//! Takes the program's events and puts lines where they belong.

use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::fold::{Fold, Verdict};
use super::form::Form;
use super::line::Line;
use super::panic::TARGET;

/// Where the journal of systemd listens.
const JOURNAL: &str = "/run/systemd/journal/socket";
/// Where events of this program come from.
const OURS: &str = "acequia";

/// Writes lines in one form; all clones count together.
#[derive(Debug, Clone)]
pub(super) struct Writer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    form: Form,
    journal: Option<UnixDatagram>,
    fold: Mutex<Fold>,
}

impl Writer {
    /// A journal that can't be had is replaced by text on standard error: no reason not to run.
    pub(super) fn new(form: Form) -> Self {
        let journal = (form == Form::Journal).then(|| UnixDatagram::unbound().ok()).flatten();
        Self(Arc::new(Inner { form, journal, fold: Mutex::default() }))
    }

    /// Tells what came again: in windows that are over, or in all (`at_end`).
    pub(super) fn sweep(&self, at_end: bool) {
        let repeated = {
            let mut fold = self.0.fold.lock().unwrap_or_else(PoisonError::into_inner);
            fold.sweep(Instant::now(), at_end)
        };
        for one in repeated {
            let seconds = one.within.as_secs();
            self.write(&one.line.repeated(one.times, seconds, Timestamp::now()));
        }
    }

    fn write(&self, line: &Line) {
        let form = self.0.form;
        if let Some(journal) = &self.0.journal
            // Each time by its name: a journal that was started anew is another one.
            && journal.send_to(&line.datagram(), JOURNAL).is_ok()
        {
            return;
        }
        let text = match form {
            Form::Json => line.json(),
            Form::Text { coloured } => line.text(coloured),
            Form::Journal => line.text(false),
        };
        // In one piece, and nobody is left to tell where that fails.
        _ = std::io::stderr().lock().write_all(text.as_bytes());
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
