//! Which lines are written and which are only counted: pure; the clock is the caller's.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::line::Line;

/// A line that comes again within this time is counted.
pub(super) const WINDOW: Duration = Duration::from_mins(1);
/// So many different lines are remembered; what finds no place is written each time.
const MOST_LINES: usize = 512;
/// Longer lines are not remembered. (Both together: at most 4 MiB.)
const MOST_BYTES: usize = 8 << 10;

/// What to do with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Write it.
    Write,
    /// It was written a moment ago, and has been counted.
    Count,
}

/// Lines that were written within the last minute, and how often they came again.
#[derive(Debug, Default)]
pub(super) struct Fold {
    known: HashMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    line: Line,
    /// When its window began.
    began: Instant,
    /// How often it came again within the window.
    times: u64,
}

/// A line that came again.
#[derive(Debug)]
pub(super) struct Repeated {
    /// As it was written the first time.
    pub(super) line: Line,
    /// How often it came again …
    pub(super) times: u64,
    /// … in how long a time.
    pub(super) within: Duration,
}

impl Fold {
    /// Hears of a line. One whose window is over, but not swept yet, still belongs to it.
    pub(super) fn admit(&mut self, line: &Line, now: Instant) -> Verdict {
        let key = line.identity();
        if let Some(known) = self.known.get_mut(&key) {
            known.times += 1;
            return Verdict::Count;
        }
        if self.known.len() < MOST_LINES && key.len() <= MOST_BYTES {
            self.known.insert(key, Known { line: line.clone(), began: now, times: 0 });
        }
        Verdict::Write
    }

    /// Hears that something has turned. Such a line is written each time, and what was said of the same flow before is over: it is
    /// written when it comes again. Else the last line that is written could say the contrary of what is. Answers what came
    /// again meanwhile.
    pub(super) fn turn(&mut self, line: &Line, now: Instant) -> Vec<Repeated> {
        let Some(flow) = line.flow() else { return Vec::new() };
        let mut repeated = Vec::new();
        self.known.retain(|_, known| {
            if known.line.flow() != Some(flow) {
                return true;
            }
            if known.times > 0 {
                let within = now.saturating_duration_since(known.began);
                repeated.push(Repeated { line: known.line.clone(), times: known.times, within });
            }
            false
        });
        repeated.sort_by_key(|one| one.line.written_at);
        repeated
    }

    /// What came again in windows that are over, or in all (`at_end`). As long as a line goes on to come, one window follows
    /// the other; a line that did not come again is forgotten, and written when it comes the next time.
    pub(super) fn sweep(&mut self, now: Instant, at_end: bool) -> Vec<Repeated> {
        let mut repeated = Vec::new();
        self.known.retain(|_, known| {
            let within = now.saturating_duration_since(known.began);
            if within < WINDOW && !at_end {
                return true;
            }
            let times = std::mem::take(&mut known.times);
            known.began = now;
            if times > 0 {
                repeated.push(Repeated { line: known.line.clone(), times, within });
            }
            times > 0
        });
        repeated.sort_by_key(|one| one.line.written_at);
        repeated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(began: Instant, seconds: u64) -> Instant {
        began + Duration::from_secs(seconds)
    }

    #[test]
    fn a_line_is_written_once_and_counted_for_a_minute() {
        let (mut fold, began) = (Fold::default(), Instant::now());
        let line = Line::of_words("flow interrupted", &[("flow", "a:b")]);
        assert_eq!(fold.admit(&line, began), Verdict::Write);
        for second in 1..=20 {
            assert_eq!(fold.admit(&line, after(began, second)), Verdict::Count);
        }
        assert!(fold.sweep(after(began, 59), false).is_empty(), "the window is not over");
        let repeated = fold.sweep(after(began, 60), false);
        assert_eq!(repeated.len(), 1);
        assert_eq!((repeated[0].times, repeated[0].within), (20, WINDOW));
        assert_eq!(repeated[0].line.message, "flow interrupted");
    }

    #[test]
    fn a_line_that_goes_on_to_come_is_told_once_a_minute_and_one_that_stopped_is_written_anew() {
        let (mut fold, began) = (Fold::default(), Instant::now());
        let line = Line::of_words("again", &[]);
        assert_eq!(fold.admit(&line, began), Verdict::Write);
        for minute in 1..=3 {
            assert_eq!(fold.admit(&line, after(began, minute * 60 - 30)), Verdict::Count);
            assert_eq!(fold.sweep(after(began, minute * 60), false)[0].times, 1);
        }
        assert!(fold.sweep(after(began, 240), false).is_empty(), "it did not come any more");
        assert_eq!(fold.admit(&line, after(began, 241)), Verdict::Write);
    }

    #[test]
    fn another_field_is_another_line_and_the_delay_before_the_next_try_is_not() {
        let (mut fold, now) = (Fold::default(), Instant::now());
        let line = |flow: &str, delay: &str| {
            Line::of_words("flow interrupted", &[("flow", flow), ("retry_in_ms", delay)])
        };
        assert_eq!(fold.admit(&line("a:b", "10"), now), Verdict::Write);
        assert_eq!(fold.admit(&line("a:c", "10"), now), Verdict::Write);
        assert_eq!(fold.admit(&line("a:b", "271"), now), Verdict::Count);
    }

    #[test]
    fn what_was_said_of_a_flow_before_it_turned_is_written_when_it_comes_again() {
        let (mut fold, now) = (Fold::default(), Instant::now());
        let line = |flow: &str| Line::of_words("flow interrupted", &[("flow", flow)]);
        for flow in ["a:b", "a:b", "a:c"] {
            fold.admit(&line(flow), now);
        }
        let repeated = fold.turn(&Line::of_words("streaming", &[("flow", "a:b")]), now);
        assert_eq!(repeated.iter().map(|one| one.times).collect::<Vec<_>>(), [1]);
        assert_eq!(fold.admit(&line("a:b"), now), Verdict::Write);
        assert_eq!(fold.admit(&line("a:c"), now), Verdict::Count);
    }

    #[test]
    fn nothing_that_came_is_untold_when_the_process_ends() {
        let (mut fold, now) = (Fold::default(), Instant::now());
        let line = Line::of_words("again", &[]);
        for _ in 0..3 {
            fold.admit(&line, now);
        }
        assert_eq!(fold.sweep(now, true)[0].times, 2);
        assert!(fold.sweep(now, true).is_empty(), "and it is told once");
    }

    #[test]
    fn memory_is_bounded_and_what_finds_no_place_is_written() {
        let (mut fold, now) = (Fold::default(), Instant::now());
        for number in 0..3 * MOST_LINES {
            let line = Line::of_words(&number.to_string(), &[]);
            assert_eq!(fold.admit(&line, now), Verdict::Write);
        }
        let long = Line::of_words(&"x".repeat(MOST_BYTES), &[]);
        assert_eq!((fold.admit(&long, now), fold.admit(&long, now)), (Verdict::Write, Verdict::Write));
        assert_eq!(fold.known.len(), MOST_LINES);
    }
}
