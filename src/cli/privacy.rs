//! No core dump, ever: the memory of this process holds rows and passwords.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Switches core dumps off, and reading by other processes of the same user with it. The limit alone would not do: a kernel
/// that hands dumps to a program (`systemd-coredump`) passes by it.
pub(super) fn forbid_core_dumps() {
    // A kernel without these has no dumps of that kind either.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
