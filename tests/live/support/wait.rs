//! Waiting for a condition, with a limit, and saying what was seen when it is not met.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(10);

/// Asks until `condition` answers `Ok`; after `limit`, the last `Err`.
pub(crate) fn poll<T>(
    limit: Duration,
    mut condition: impl FnMut() -> Result<T, String>,
) -> Result<T, String> {
    let deadline = Instant::now() + limit;
    loop {
        match condition() {
            Ok(met) => return Ok(met),
            Err(seen) if Instant::now() > deadline => return Err(seen),
            Err(_) => std::thread::sleep(INTERVAL),
        }
    }
}

/// Asks until `condition` answers `Ok`. `Err` is what was seen; the last one is shown when the limit is reached.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, condition: impl FnMut() -> Result<T, String>) -> T {
    poll(limit, condition).unwrap_or_else(|seen| panic!("{what}: not within {limit:?}; last seen: {seen}"))
}
