//! Prometheus' own tool, where it is installed (Debian's package `prometheus`); where it is not, that is printed.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::skip::skip;

/// Runs it over a text; fails with what it says. `None`: it is not there.
pub(crate) fn promtool(arguments: &[&str], input: &str) -> Option<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(root);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        skip(&format!("promtool {}", arguments.join(" ")), "it is not installed (Debian: prometheus)");
        return None;
    };
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    // What it would rather have otherwise it says on the way, and some of that with status 0.
    let is_clean = output.status.success() && !arguments.contains(&"metrics") || said.trim().is_empty();
    assert!(is_clean, "promtool {}: {}\n{said}", arguments.join(" "), output.status);
    Some(())
}
