//! What the system says of this process: `/proc/self`, which is there under systemd's `ProcSubset=pid` too.

use rustix::process::{Resource, getrlimit};

/// What the process uses. What can't be read is not known.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// Memory in RAM, in bytes.
    pub(super) resident_bytes: Option<u64>,
    /// Processor time, user and system.
    pub(super) cpu_seconds: Option<f64>,
    pub(super) threads: Option<u64>,
    pub(super) open_fds: Option<usize>,
    pub(super) max_fds: Option<u64>,
}

impl Figures {
    pub(super) fn read() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
        let open_fds = std::fs::read_dir("/proc/self/fd").map(Iterator::count).ok();
        let max_fds = getrlimit(Resource::Nofile).current;
        let known = Self::of(&stat, page, rustix::param::clock_ticks_per_second());
        Self { open_fds, max_fds, ..known }
    }

    /// Of the text of `/proc/PID/stat` (proc(5)).
    #[expect(clippy::cast_precision_loss, reason = "seconds for people")]
    fn of(stat: &str, page_bytes: u64, ticks_per_second: u64) -> Self {
        // The second field is the program's name, in brackets and with whatever is in it; the third follows it.
        let Some((_, rest)) = stat.rsplit_once(") ") else { return Self::default() };
        let fields: Vec<&str> = rest.split(' ').collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let ticks = field(14).zip(field(15)).map(|(user, system)| user + system);
        Self {
            resident_bytes: field(24).map(|pages| pages * page_bytes),
            cpu_seconds: ticks.map(|ticks| ticks as f64 / ticks_per_second.max(1) as f64),
            threads: field(20),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_brackets_in_its_name_is_read() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 5 0 99 1000 12 18446744073709551615 1";
        let figures = Figures::of(stat, 4096, 100);
        assert_eq!(figures.resident_bytes, Some(12 * 4096));
        assert_eq!(figures.cpu_seconds, Some(3.0));
        assert_eq!(figures.threads, Some(5));
        assert_eq!(Figures::of("", 4096, 100), Figures::default());
    }

    #[test]
    fn this_process_has_memory_threads_and_descriptors() {
        let figures = Figures::read();
        assert!(figures.resident_bytes.is_some_and(|bytes| bytes > 1 << 20), "{figures:?}");
        assert!(figures.threads.is_some() && figures.cpu_seconds.is_some(), "{figures:?}");
        assert!(figures.open_fds.is_some_and(|count| count > 2), "{figures:?}");
    }
}
