//! What the daemon writes of itself: one line for each thing that somebody can act on, as text, as JSON or with the
//! journal's own fields. A line that comes again and again is folded into a count, and a panic says where, and no more.
//!
//! `line` is one line and its three forms (pure), `fold` what is written and what is only counted (pure), `writer` takes the
//! program's events and chooses a form, `outlet` brings lines to where they are read, `acts` is what a command, which has no
//! log, tells the journal, `panic` speaks for what must not happen.

mod acts;
mod fold;
mod form;
mod line;
mod outlet;
mod panic;
mod writer;

use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use writer::Writer;

pub use acts::{ACT, tell_acts};
pub use form::Form;
pub use panic::{has_panicked, keep_panics_quiet, panicked};
pub use writer::{TURN, is_journal};

/// How often it is looked for lines whose time of being counted is over.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Counts what is folded; to be told that the process ends.
#[derive(Debug)]
pub struct Log {
    writer: Writer,
}

/// Begins to write what the program says. `RUST_LOG` chooses among its own levels only: whatever it says, nothing that a
/// library says below INFO is written, because some of them speak of values there.
pub fn start(form: Form) -> Log {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let writer = Writer::new(form);
    tracing_subscriber::registry().with(filter).with(writer.clone()).init();
    panic::speak_in_the_log();
    Log { writer }
}

impl Log {
    /// Writes the counts of lines that came again, whenever their time is over. Never ready.
    pub async fn count(&self) {
        let mut timer = tokio::time::interval(SWEEP_INTERVAL);
        loop {
            timer.tick().await;
            self.writer.sweep(false);
        }
    }
}

impl Drop for Log {
    /// What is still counted is told, and what still waits is written.
    fn drop(&mut self) {
        self.writer.sweep(true);
    }
}
