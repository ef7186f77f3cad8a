//! The daemon's memory and descriptors over time.

use std::fs;
use std::time::Duration;

use crate::support::poll;

/// Half of the last third's looks may see so much more than half of the middle one's: a heap is never quite at rest. By then
/// all kinds of outages have happened, so that it has the room that the longest of them takes.
const MORE_KB: u64 = 6 * 1024;
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
        if last > middle + MORE_KB {
            wrong.push(format!("memory has grown from {middle} kB to {last} kB"));
        }
        let rest = poll(REST_LIMIT, || match read(pid) {
            Some((_, open)) if open <= first + MORE_DESCRIPTORS => Ok(open),
            Some((_, open)) => Err(format!("{open} descriptors at rest, of {first} at first")),
            None => Err("the daemon is not there".to_owned()),
        });
        match rest {
            Ok(open) => println!("at rest: {open} descriptors"),
            Err(seen) => wrong.push(seen),
        }
        wrong
    }

    /// The median of each third.
    fn thirds(&self, what: &str, of: fn(&Sample) -> u64) -> [Option<u64>; 3] {
        [0, 1, 2].map(|third| {
            let mut seen: Vec<u64> = self.all.iter().filter(|sample| sample.third == third).map(of).collect();
            seen.sort_unstable();
            let (least, most, median) = (*seen.first()?, *seen.last()?, seen[seen.len() / 2]);
            println!(
                "third {}: {least} / {median} / {most} {what} (min, median, max of {})",
                third + 1,
                seen.len()
            );
            Some(median)
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
