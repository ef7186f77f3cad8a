//! The daemon's memory and descriptors over time.

use std::fs;
use std::time::Duration;

/// The last third may be larger than the middle one by so much: caches fill at their own pace.
const MORE_PERCENT: u64 = 130;
const MORE_KB: u64 = 10 * 1024;
const MORE_DESCRIPTORS: u64 = 8;
/// Samples of a whole run.
const SAMPLES: u32 = 90;

/// What is measured: its name, where it is in a sample, and by how much it may be more in the end.
type Kind = (&'static str, fn(&Sample) -> u64, u64);

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

    /// Prints each third; what has grown is answered.
    pub(crate) fn report(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let kinds: [Kind; 2] = [
            ("kB of memory", |sample| sample.kilobytes, MORE_KB),
            ("descriptors", |sample| sample.descriptors, MORE_DESCRIPTORS),
        ];
        for (what, of, more) in kinds {
            let mut medians = Vec::new();
            for third in 0..3 {
                let mut seen: Vec<u64> =
                    self.all.iter().filter(|sample| sample.third == third).map(of).collect();
                seen.sort_unstable();
                let (Some(least), Some(most)) = (seen.first(), seen.last()) else {
                    wrong.push(format!("no sample in third {}", third + 1));
                    continue;
                };
                let median = seen[seen.len() / 2];
                println!(
                    "third {}: {least} / {median} / {most} {what} (min, median, max of {})",
                    third + 1,
                    seen.len()
                );
                medians.push(median);
            }
            if let [_, middle, last] = medians[..]
                && last > middle * MORE_PERCENT / 100 + more
            {
                wrong.push(format!("{what} have grown from {middle} to {last}"));
            }
        }
        wrong
    }
}

/// Memory in kB and open descriptors.
fn read(pid: u32) -> Option<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes = line.split_whitespace().next()?.parse().ok()?;
    Some((kilobytes, fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64))
}
