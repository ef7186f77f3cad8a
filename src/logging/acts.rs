//! What an operator has done by a command stands in the journal of this host too, where there is one. Commands have no log
//! of their own.

use jiff::Timestamp;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::line::Line;
use super::outlet::Journal;

/// The events that say what somebody has done: the same that is written into the audit.
pub const ACT: &str = "acequia::act";

struct Acts(Journal);

/// From now on acts, and nothing else, are told to the journal.
pub fn tell_acts() {
    let only = Targets::new().with_target(ACT, Level::INFO);
    if let Some(journal) = Journal::open() {
        tracing_subscriber::registry().with(only).with(Acts(journal)).init();
    }
}

impl<S: Subscriber> Layer<S> for Acts {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // Where there is no journal, or it stands still, the audit has it.
        self.0.send(&Line::of(event, Timestamp::now()).datagram());
    }
}
