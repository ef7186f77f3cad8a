//! A pulse: the sign that a loop works. It is beaten from inside the loop's own task, so it stops where the loop spins, blocks
//! its thread or waits for a lock of its own process. A loop that waits for a database that hangs is alive: to start anew
//! would not help it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

/// How often a pulse is beaten.
const BEAT: Duration = Duration::from_secs(1);
/// No loop has this pulse now.
const AT_REST: u64 = u64::MAX;

/// A pulse; clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct Pulse(Arc<Heart>);

#[derive(Debug)]
struct Heart {
    began: Instant,
    /// Milliseconds from `began` to the last beat.
    beaten: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self(Arc::new(Heart { began: Instant::now(), beaten: AtomicU64::new(AT_REST) }))
    }
}

impl Pulse {
    /// Does the work, and beats while it goes on.
    pub(crate) async fn beating<F: Future>(self, work: F) -> F::Output {
        // Also where the work is dropped half-way.
        let _rest = AtRest(&self);
        self.beat();
        let mut timer = tokio::time::interval(BEAT);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                _ = timer.tick() => self.beat(),
                done = &mut work => return done,
            }
        }
    }

    /// How long ago it was beaten; nothing while no loop has it.
    pub(crate) fn age(&self) -> Option<Duration> {
        let beaten = self.0.beaten.load(Ordering::Relaxed);
        (beaten != AT_REST).then(|| self.0.began.elapsed().saturating_sub(Duration::from_millis(beaten)))
    }

    fn beat(&self) {
        let now = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(AT_REST - 1);
        self.0.beaten.store(now, Ordering::Relaxed);
    }
}

struct AtRest<'a>(&'a Pulse);

impl Drop for AtRest<'_> {
    fn drop(&mut self) {
        self.0.0.beaten.store(AT_REST, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
    }

    #[test]
    fn work_that_waits_keeps_its_pulse_and_work_that_ended_has_none() {
        runtime().block_on(async {
            let pulse = Pulse::default();
            assert_eq!(pulse.age(), None, "nobody has it yet");
            let task = tokio::spawn(pulse.clone().beating(std::future::pending::<()>()));
            let until = Instant::now() + BEAT * 3;
            while Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(50)).await;
                assert!(pulse.age().is_none_or(|age| age < BEAT * 2), "{:?}", pulse.age());
            }
            assert!(pulse.age().is_some());
            task.abort();
            _ = task.await;
            assert_eq!(pulse.age(), None, "it has ended");
        });
    }

    #[test]
    fn work_that_blocks_its_thread_loses_its_pulse() {
        runtime().block_on(async {
            let pulse = Pulse::default();
            let (go_on, waits) = std::sync::mpsc::channel::<()>();
            let task = tokio::spawn(pulse.clone().beating(async move {
                tokio::task::yield_now().await;
                _ = waits.recv();
            }));
            let began = Instant::now();
            while pulse.age().is_none_or(|age| age < BEAT * 2) {
                assert!(began.elapsed() < BEAT * 20, "its age is {:?}", pulse.age());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            drop(go_on);
            task.await.expect("it ends");
        });
    }
}
