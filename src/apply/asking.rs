//! Which answer of a server is waited for, seen from outside: who looks can tell a dead connection from one that takes long.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// Of one session at a time.
#[derive(Debug, Clone, Default)]
pub struct Asking(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Odd while something is asked.
    count: AtomicU64,
    /// The session's process at the server; 0 where it is not known.
    pid: AtomicI32,
}

impl Asking {
    /// The number of the question whose answer has not come, and the session's process; `None` where nothing is asked.
    pub fn at_hand(&self) -> Option<(u64, i32)> {
        let (count, pid) = (self.0.count.load(Ordering::Relaxed), self.0.pid.load(Ordering::Relaxed));
        (count % 2 == 1 && pid != 0).then_some((count, pid))
    }

    /// A session that has just been opened.
    pub(super) fn is_of(&self, pid: i32) {
        self.0.pid.store(pid, Ordering::Relaxed);
    }

    /// Something is asked, until the answer is dropped.
    pub(super) fn begin(&self) -> Question {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        Question(Arc::clone(&self.0))
    }
}

/// A question.
pub(super) struct Question(Arc<State>);

impl Drop for Question {
    fn drop(&mut self) {
        self.0.count.fetch_add(1, Ordering::Relaxed);
    }
}
