//! A panic is a fault of this program. What it has to say may be the value of a row, so only its place is told; and the
//! process ends in order, to be started anew.

use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// The events of this file: no line of theirs waits for a lock.
pub(super) const TARGET: &str = "acequia::panic";

/// Whether anything in this process has panicked.
static PANICKED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// Whether there is a log.
static IS_LOGGED: AtomicBool = AtomicBool::new(false);

/// From now on there is a log that a panic is written to.
pub(super) fn speak_in_the_log() {
    IS_LOGGED.store(true, Ordering::Relaxed);
}

/// From now on a panic prints its thread and its place, and nothing else.
pub fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        tell(panic);
        PANICKED.send_replace(true);
    }));
}

/// Ready when something in this process has panicked.
pub async fn panicked() {
    let mut seen = PANICKED.subscribe();
    // Its sender is never dropped.
    _ = seen.wait_for(|panicked| *panicked).await;
}

/// Whether something in this process has panicked.
pub fn has_panicked() -> bool {
    *PANICKED.borrow()
}

fn tell(panic: &PanicHookInfo<'_>) {
    const WHAT: &str = "a fault of Acequia, please report it with this line";
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    let place = panic.location().map(|at| format!("{}:{}:{}", source(at.file()), at.line(), at.column()));
    let place = place.unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    if IS_LOGGED.load(Ordering::Relaxed) {
        tracing::error!(target: TARGET, thread, place, version, "{WHAT}");
    } else {
        // A command: there is no log, and nobody to tell where this fails.
        _ = writeln!(std::io::stderr(), "acequia: {WHAT} (version {version}, {place}, thread {thread})");
    }
}

/// A path of the source code without the directories of who built it.
fn source(path: &str) -> &str {
    // …/registry/src/<index>/<package>/src/lib.rs
    let Some((_, path)) = path.split_once("/registry/src/") else { return path };
    path.split_once('/').map_or(path, |(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::source;

    #[test]
    fn the_place_names_no_directory_of_who_built_it() {
        assert_eq!(source("src/apply/writer.rs"), "src/apply/writer.rs");
        assert_eq!(
            source("/home/x/.cargo/registry/src/index-0f/tokio-1.54.0/src/lib.rs"),
            "tokio-1.54.0/src/lib.rs"
        );
    }
}
