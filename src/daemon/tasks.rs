//! The tasks of the process: one for each flow that runs, one for each that rests. They are started, given orders and
//! stopped here; what they do is theirs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::lsn::Lsn;
use crate::ops::{FlowState, Phase};
use crate::rules::Flow;

use super::flow::{self, Order, Orders, When, rest};
use super::progress::{self, Progress};
use super::pulse::Pulse;

/// How long flows may take to stop: longer than one needs to commit what it is writing, or to give that up. Well below
/// `TimeoutStopSec=` of the unit.
const STOP_LIMIT: Duration = Duration::from_secs(40);

/// All flows of the process.
#[derive(Default)]
pub(super) struct Tasks {
    running: BTreeMap<String, Running>,
    resting: BTreeMap<String, Resting>,
    /// Those that rest when they have ended.
    to_rest: BTreeMap<String, (Flow, Arc<Config>)>,
    stop: CancellationToken,
}

/// A flow that runs, or is about to end.
struct Running {
    flow: Flow,
    orders: watch::Sender<Vec<Order>>,
    positions: watch::Receiver<BTreeMap<u64, Lsn>>,
    progress: watch::Receiver<Progress>,
    /// The number of the last order.
    number: u64,
    /// The last order says to end.
    ends: bool,
    /// An order before the last one said so.
    ended: bool,
    task: JoinHandle<()>,
}

struct Resting {
    progress: watch::Receiver<Progress>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Tasks {
    /// Has a flow run by a configuration: a new one from now on, one that runs as the order says.
    pub(super) fn run(&mut self, flow: &Flow, config: &Arc<Config>, when: When) {
        self.reap();
        if let Some(running) = self.running.get_mut(&flow.name) {
            running.order(Some(config), when);
            return;
        }
        self.start(flow, config, false);
    }

    /// `passes`: what happened before is not for it.
    fn start(&mut self, flow: &Flow, config: &Arc<Config>, passes: bool) {
        let rested = self.resting.remove(&flow.name);
        if let Some(resting) = &rested {
            // What it is doing is whole in itself; the flow waits for its slot and its lock. It may not have come to anything yet.
            resting.stop.cancel();
        }
        let passes = passes || rested.is_some();
        let first = Order { number: 0, config: Some(Arc::clone(config)), when: When::AtOnce };
        let (orders, seen) = watch::channel(vec![first]);
        let Some(seen) = Orders::new(seen) else { return };
        let positions = seen.positions();
        let (state, progress) = watch::channel(progress::first_state(&flow.name));
        let (own, config, stop) = (flow.clone(), Arc::clone(config), self.stop.clone());
        let pulse = progress.borrow().writing.clone();
        let task = tokio::spawn(pulse.beating(async move {
            if passes {
                tokio::select! {
                    () = stop.cancelled() => {}
                    rested = rest::pass(&config, &own) => if let Err(error) = rested {
                        tracing::warn!(flow = %own.name, "what happened while the flow was disabled may be written: {error}");
                    }
                }
            }
            Box::pin(flow::run(seen, own, state, stop)).await;
        }));
        let running = Running {
            flow: flow.clone(),
            orders,
            positions,
            progress,
            number: 0,
            ends: false,
            ended: false,
            task,
        };
        self.running.insert(flow.name.clone(), running);
    }

    /// Has a flow end, if it runs.
    pub(super) fn end(&mut self, flow: &Flow, when: When) {
        if let Some(running) = self.running.get_mut(&flow.name) {
            running.order(None, when);
        }
    }

    /// Has these flows rest, and no others; one that has not ended yet begins to rest when it has.
    pub(super) fn rest(&mut self, flows: &[Flow], config: &Arc<Config>) {
        for (name, resting) in std::mem::take(&mut self.resting) {
            if !resting.task.is_finished() {
                resting.stop.cancel();
            }
            tracing::debug!(flow = %name, "rests by the new rules, or no more");
        }
        self.to_rest.clear();
        for flow in flows {
            // Its slot must not move before it has written what it still has to.
            if self.running.get(&flow.name).is_some_and(|running| !running.task.is_finished()) {
                self.to_rest.insert(flow.name.clone(), (flow.clone(), Arc::clone(config)));
            } else {
                self.begin_rest(flow, config);
            }
        }
    }

    fn begin_rest(&mut self, flow: &Flow, config: &Arc<Config>) {
        let (state, progress) = watch::channel(progress::first_state(&flow.name));
        let stop = self.stop.child_token();
        let pulse = progress.borrow().writing.clone();
        let rests = rest::run(Arc::clone(config), flow.clone(), state, stop.clone());
        let task = tokio::spawn(pulse.beating(rests));
        self.resting.insert(flow.name.clone(), Resting { progress, stop, task });
    }

    /// What every flow that runs is doing.
    pub(super) fn phases(&self) -> BTreeMap<String, Phase> {
        let running = self.running.iter().filter(|(_, running)| !running.task.is_finished());
        running.map(|(name, running)| (name.clone(), running.progress.borrow().phase)).collect()
    }

    /// The pulses of all flows, by what each of them is.
    pub(super) fn pulses(&self) -> Vec<(String, Pulse)> {
        let running = self.running.iter().map(|(name, running)| (name, &running.progress));
        let resting = self.resting.iter().map(|(name, resting)| (name, &resting.progress));
        let of = |(name, progress): (&String, &watch::Receiver<Progress>)| {
            let progress = progress.borrow();
            let writing = (format!("the task of flow {name}"), progress.writing.clone());
            let reading = (format!("the task that reads for flow {name}"), progress.reading.clone());
            [writing, reading]
        };
        running.chain(resting).flat_map(of).collect()
    }

    /// Every flow, as it is told to others.
    pub(super) fn states(&mut self) -> Vec<FlowState> {
        self.reap();
        let running = self.running.values().map(Running::state);
        let rests = self.resting.iter().filter(|(name, _)| !self.running.contains_key(*name));
        let resting = rests.map(|(_, resting)| resting.progress.borrow().state());
        let mut states: Vec<FlowState> = running.chain(resting).collect();
        states.sort_by(|one, other| one.name.cmp(&other.name));
        states
    }

    /// Ready when every flow is halted and none has ever begun.
    pub(super) async fn all_refused(&self) {
        let watched: Vec<watch::Receiver<Progress>> =
            self.running.values().map(|running| running.progress.clone()).collect();
        if watched.is_empty() {
            return std::future::pending().await;
        }
        let refused = |progress: &Progress| progress.phase == Phase::Halted && progress.is_refused;
        loop {
            for seen in &watched {
                if seen.clone().wait_for(refused).await.is_err() {
                    return std::future::pending().await;
                }
            }
            // One that was halted may have found its way while others were waited for.
            if watched.iter().all(|seen| refused(&seen.borrow())) {
                return;
            }
        }
    }

    /// Stops all of them, in order.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        let running = self.running.into_values().map(|running| running.task);
        let resting = self.resting.into_values().map(|resting| resting.task);
        let all = async {
            for task in running.chain(resting) {
                // One that broke down has ended too.
                let _ = task.await;
            }
        };
        if tokio::time::timeout(STOP_LIMIT, all).await.is_err() {
            tracing::warn!(
                "a flow did not stop in time; what it was writing will be written again at the next start"
            );
        }
    }

    /// Forgets flows that have ended as they were told to, and starts those anew that were told meanwhile to run again.
    fn reap(&mut self) {
        let ended = |running: &Running| running.task.is_finished() && (running.ends || running.ended);
        let ended: Vec<String> =
            self.running.iter().filter(|(_, running)| ended(running)).map(|(name, _)| name.clone()).collect();
        for running in ended.iter().filter_map(|name| self.running.remove(name)).collect::<Vec<_>>() {
            let last = running.orders.borrow().last().and_then(|order| order.config.clone());
            if let Some(config) = last {
                self.to_rest.remove(&running.flow.name);
                self.start(&running.flow, &config, true);
            } else if let Some((flow, config)) = self.to_rest.remove(&running.flow.name) {
                self.begin_rest(&flow, &config);
            }
        }
    }
}

impl Running {
    fn order(&mut self, config: Option<&Arc<Config>>, when: When) {
        self.number += 1;
        self.ended |= self.ends;
        self.ends = config.is_none();
        let followed = self.progress.borrow().order;
        let order = Order { number: self.number, config: config.map(Arc::clone), when };
        self.orders.send_modify(|orders| {
            orders.retain(|known| known.number >= followed);
            orders.push(order);
        });
    }

    fn state(&self) -> FlowState {
        let progress = self.progress.borrow();
        let next = |order: &&Order| order.number > progress.order && order.when != When::Quietly;
        let orders = self.orders.borrow();
        let next = orders.iter().find(next);
        let position = |order: &Order| self.positions.borrow().get(&order.number).map(Lsn::to_string);
        let new_rules_from = next.map(|order| position(order).unwrap_or_else(|| "now".to_owned()));
        FlowState { new_rules_from, ..progress.state() }
    }
}
