//! Places where the tests have the process die, panic or stand still. Compiled to nothing without the feature `failpoints`.
//!
//! `ACEQUIA_FAILPOINT=before-commit:3` aborts at the third time that the named place is passed: no destructor runs, no
//! buffer is flushed, as with SIGKILL. The names are listed here so that a test can kill at every one of them.
//! `before-commit:3:panic` panics there instead, with [`PAYLOAD`], and `before-commit:3:block` never lets the thread go on.

/// What a panic of the tests says: it stands for the value of a row.
pub const PAYLOAD: &str = "zq7leak: the value of a row";

/// Every place, in the order in which a row passes them.
pub const PLACES: [&str; 13] = [
    "before-slot",
    "after-slot",
    "resync-old-slot",
    "resync-no-slot",
    "resync-new-slot",
    "resync-live-slot",
    "after-begin",
    "after-stage",
    "after-waves",
    "before-commit",
    "after-commit",
    "before-feedback",
    "after-notify",
];

/// The places that a piece of a copy passes.
pub const COPY_PLACES: [&str; 2] = ["copied-to-stage", "before-copy-commit"];

/// Places that a flow passes which comes to rest, in their order: moved along, or dropped.
pub const RESTING: [&str; 3] = ["resting-moved", "resting-left", "resting-dropped"];

/// The place that is passed before a slot is given up.
pub const SURRENDER: [&str; 1] = ["surrender-slot"];

/// The places that a snapshot's run passes, in their order.
pub const SNAPSHOT: [&str; 10] = [
    "snapshot-part",
    "snapshot-before-assemble",
    "snapshot-assembled",
    "snapshot-before-manifest",
    "snapshot-staged",
    "snapshot-before-rename",
    "snapshot-before-swap",
    "snapshot-after-swap",
    "snapshot-before-prune",
    "snapshot-after-prune",
];

/// The place that an incremental one passes, between them.
pub const INCREMENT: [&str; 1] = ["snapshot-before-base"];

/// The places that it passes where something is pruned.
pub const PRUNING: [&str; 1] = ["snapshot-in-prune"];

/// The places that the daemon passes with a snapshot that is scheduled, around those of the run.
pub const SCHEDULED: [&str; 3] = ["snapshot-begun", "snapshot-made", "snapshot-put-there"];
/// Places of a snapshot to MySQL, in their order.
pub const MYSQL: [&str; 5] =
    ["mysql-before-load", "mysql-after-load", "mysql-staged", "mysql-before-rename", "mysql-after-rename"];

/// Passes a place.
#[cfg(feature = "failpoints")]
pub fn hit(place: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: OnceLock<Option<(String, u64, String)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("ACEQUIA_FAILPOINT").ok()?;
        let (place, rest) = text.split_once(':')?;
        let (count, kind) = rest.split_once(':').unwrap_or((rest, "die"));
        Some((place.to_owned(), count.parse().ok()?, kind.to_owned()))
    });
    let listed = PLACES
        .iter()
        .chain(&COPY_PLACES)
        .chain(&RESTING)
        .chain(&SURRENDER)
        .chain(&SNAPSHOT)
        .chain(&INCREMENT)
        .chain(&PRUNING)
        .chain(&SCHEDULED)
        .chain(&MYSQL);
    debug_assert!(listed.clone().any(|one| *one == place), "a place that is listed");
    if let Some((name, count, kind)) = wanted
        && name == place
        && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *count
    {
        match kind.as_str() {
            "panic" => panic!("{PAYLOAD}"),
            "block" => loop {
                std::thread::park();
            },
            _ => std::process::abort(),
        }
    }
}

/// Passes a place.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn hit(_place: &'static str) {}
