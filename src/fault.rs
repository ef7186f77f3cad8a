//! What to do about something that went wrong: the three classes, and the delay before another try.
//!
//! Every error of the house answers `fault()` with one of these; the decision is made once, where the error is born
//! (for the server's errors in `postgres::sqlstate`), and never guessed again further up.

use std::time::Duration;

use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

/// The class of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It goes away by itself (connection, deadlock, lock, disk full, shutdown): the same again, for ever, with a growing delay.
    Retry,
    /// The row is bad for this customer (constraint, cast, length): it is set aside with the reason and the rest goes on.
    Park,
    /// Somebody has to change something (configuration, privilege, a slot that is gone): this flow stops and says what.
    Halt,
}

/// The first delay after a failure.
const FIRST_DELAY: Duration = Duration::from_millis(200);
/// No delay is longer than this, jitter included.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// A growing delay with jitter that never gives up.
pub struct Delays(ExponentialBackoff);

impl Default for Delays {
    fn default() -> Self {
        Self(
            ExponentialBackoffBuilder::new()
                .with_initial_interval(FIRST_DELAY)
                .with_multiplier(2.0)
                .with_max_interval(LONGEST_DELAY)
                .with_max_elapsed_time(None)
                .build(),
        )
    }
}

impl Delays {
    /// How long to wait before the next try.
    pub fn next_delay(&mut self) -> Duration {
        self.0.next_backoff().map_or(LONGEST_DELAY, |delay| delay.min(LONGEST_DELAY))
    }

    /// Called when it worked: the next failure starts with a short delay again.
    pub fn succeeded(&mut self) {
        self.0.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_stay_bounded_and_never_end() {
        let mut delays = Delays::default();
        assert!(delays.next_delay() <= FIRST_DELAY * 2);
        for _ in 0..10_000 {
            assert!(delays.next_delay() <= LONGEST_DELAY);
        }
        assert!(delays.next_delay() >= LONGEST_DELAY / 3);
        delays.succeeded();
        assert!(delays.next_delay() <= FIRST_DELAY * 2);
    }
}
