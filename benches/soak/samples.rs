//! The daemon's memory and descriptors over time.

use std::fs;
use std::time::Duration;

use crate::support::poll;

/// The least of the last third may be so much more than half of the middle one's looks saw: a heap is never quite at rest, and
/// keeps the room that its first long outage took.
const MORE_KB: u64 = 4 * 1024;
/// At rest again there may be so many more than half of the first third's looks saw.
const MORE_DESCRIPTORS: u64 = 2;
/// How long what an outage left behind may take to be closed.
const REST_LIMIT: Duration = Duration::from_mins(2);
/// Samples of a whole run.
const SAMPLES: u32 = 90;

/// One look at the process.
#[derive(Debug, Clone, Copy)]
struct Sample {
    third: usize,
    kilobytes: u64,
    descriptors: u64,
}

/// What the looks of a third of the time have seen of one figure.
#[derive(Debug, Clone, Copy)]
struct Third {
    least: u64,
    median: u64,
}

#[derive(Default)]
pub(crate) struct Samples {
    all: Vec<Sample>,
    next: Duration,
}

impl Samples {
    pub(crate) fn look(&mut self, pid: Option<u32>, elapsed: Duration, lasting: Duration) {
        if elapsed < self.next {
            return;
        }
        self.next = elapsed + lasting / SAMPLES;
        let Some((kilobytes, descriptors)) = pid.and_then(read) else { return };
        let third = if elapsed < lasting / 3 { 0 } else { 1 + usize::from(elapsed >= 2 * lasting / 3) };
        if self.all.len().is_multiple_of(3) {
            println!("{:6.0} s: {kilobytes} kB, {descriptors} descriptors", elapsed.as_secs_f64());
        }
        self.all.push(Sample { third, kilobytes, descriptors });
    }

    /// Prints each third; what has grown is answered. By now all that was broken has to be at rest again.
    pub(crate) fn report(&self, pid: u32) -> Vec<String> {
        let kilobytes = self.thirds("kB of memory", |sample| sample.kilobytes);
        let descriptors = self.thirds("descriptors", |sample| sample.descriptors);
        let ([_, Some(middle), Some(last)], [Some(first), ..]) = (kilobytes, descriptors) else {
            return vec!["there are thirds without a look at the daemon".to_owned()];
        };
        let mut wrong = Vec::new();
        if last.least > middle.median + MORE_KB {
            wrong.push(format!("memory has grown from {} kB to {} kB", middle.median, last.least));
        }
        let rest = poll(REST_LIMIT, || match read(pid) {
            Some((_, open)) if open <= first.median + MORE_DESCRIPTORS => Ok(open),
            Some((_, open)) => Err(format!("{open} descriptors at rest, of {} at first", first.median)),
            None => Err("the daemon is not there".to_owned()),
        });
        match rest {
            Ok(open) => println!("at rest: {open} descriptors"),
            Err(seen) => wrong.push(seen),
        }
        wrong
    }

    fn thirds(&self, what: &str, of: fn(&Sample) -> u64) -> [Option<Third>; 3] {
        [0, 1, 2].map(|third| {
            let mut seen: Vec<u64> = self.all.iter().filter(|sample| sample.third == third).map(of).collect();
            seen.sort_unstable();
            let (least, most, median) = (*seen.first()?, *seen.last()?, seen[seen.len() / 2]);
            println!(
                "third {}: {least} / {median} / {most} {what} (min, median, max of {})",
                third + 1,
                seen.len()
            );
            Some(Third { least, median })
        })
    }
}

/// Memory in kB and open descriptors.
fn read(pid: u32) -> Option<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes = line.split_whitespace().next()?.parse().ok()?;
    Some((kilobytes, fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64))
}
