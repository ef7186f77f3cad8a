//! A test that can't be run on this machine says so, and never in silence.

use std::io::Write as _;

/// Prints that a test is skipped, past the harness, which would keep the line of a test that passes to itself. With
/// `ACEQUIA_NO_SKIPS` set it fails instead.
#[track_caller]
pub(crate) fn skip(what: &str, why: &str) {
    assert!(std::env::var_os("ACEQUIA_NO_SKIPS").is_none(), "{what} must not be skipped here: {why}");
    std::io::stderr()
        .write_all(format!("skipped: {what}: {why}\n").as_bytes())
        .expect("the standard error can be written");
}
