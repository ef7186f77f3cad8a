//! The tasks that make snapshots: one for each enabled `[[snapshot]]`. They are started, given their rules and stopped here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Database, Format, Server, Snapshot};
use crate::ops::{SnapshotPhase, SnapshotState};
use crate::snapshot::archive::tally::Tally;
use crate::snapshot::progress::Progress;

use super::super::pulse::Pulse;
use super::dump::{Dump, Order};

/// How long they may take to notice that they shall stop. A run that is not whole then is made again after the next start.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Words that say when a snapshot is made and how long it is kept, and nothing of what is in it.
const OUTSIDE: [&str; 7] =
    ["enabled", "schedule", "publish_at", "directory", "keep", "workers", "retain_closed"];

/// All snapshots of the process.
#[derive(Default)]
pub(in crate::daemon) struct Snapshots {
    tasks: BTreeMap<String, Task>,
    stop: CancellationToken,
}

struct Task {
    orders: watch::Sender<Arc<Order>>,
    state: watch::Receiver<SnapshotState>,
    progress: watch::Receiver<Option<Progress>>,
    stop: CancellationToken,
    pulse: Pulse,
    ended: JoinHandle<()>,
}

impl Snapshots {
    /// Goes by a configuration: new snapshots begin, others end, and those that stay hear of it. A run at work goes on unless
    /// what is in it is no longer what the rules say.
    pub(in crate::daemon) fn follow(&mut self, config: &Arc<Config>) {
        let wanted = |name: &str| {
            config.snapshots.iter().find(|snapshot| snapshot.enabled && snapshot.name.as_str() == name)
        };
        self.tasks.retain(|name, task| {
            let stays = wanted(name).is_some() && !task.ended.is_finished();
            if !stays {
                task.stop.cancel();
            }
            stays
        });
        for snapshot in config.snapshots.iter().filter(|snapshot| snapshot.enabled) {
            let order = Arc::new(Order {
                config: Arc::clone(config),
                snapshot: snapshot.clone(),
                rules: rules(config, snapshot),
            });
            match self.tasks.get(snapshot.name.as_str()) {
                Some(task) => drop(task.orders.send_replace(order)),
                None => self.start(order),
            }
        }
    }

    fn start(&mut self, order: Arc<Order>) {
        let name = order.snapshot.name.to_string();
        let (orders, seen) = watch::channel(order);
        let (state, states) = watch::channel(first_state(&name));
        let (told, progress) = watch::channel(None);
        let stop = self.stop.child_token();
        let pulse = Pulse::default();
        // Of the task that looks at the clock; a run is driven by a thread of its own, which may wait for the disk.
        let ended = tokio::spawn(pulse.clone().beating(Dump::new(seen, state, told, stop.clone()).run()));
        self.tasks.insert(name, Task { orders, state: states, progress, stop, pulse, ended });
    }

    /// Whether there is any.
    pub(in crate::daemon) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Every snapshot, as it is told to others.
    pub(in crate::daemon) fn states(&self) -> Vec<SnapshotState> {
        let state = |task: &Task| {
            let progress = task.progress.borrow().clone();
            SnapshotState { progress, ..task.state.borrow().clone() }
        };
        self.tasks.values().map(state).collect()
    }

    /// The pulses of all snapshots, by what each of them is.
    pub(in crate::daemon) fn pulses(&self) -> Vec<(String, Pulse)> {
        let of =
            |(name, task): (&String, &Task)| (format!("the task of snapshot {name}"), task.pulse.clone());
        self.tasks.iter().map(of).collect()
    }

    /// Stops all of them.
    pub(in crate::daemon) async fn stop(self) {
        self.stop.cancel();
        let all = async {
            for task in self.tasks.into_values() {
                // One that broke down has ended too.
                let _ = task.ended.await;
            }
        };
        if tokio::time::timeout(STOP_LIMIT, all).await.is_err() {
            tracing::warn!(
                "a snapshot did not stop in time; what it was writing is cleared away by its next run"
            );
        }
    }
}

fn first_state(name: &str) -> SnapshotState {
    SnapshotState {
        name: name.to_owned(),
        state: SnapshotPhase::Idle,
        next_at: None,
        late: false,
        progress: None,
        published: None,
        failure: None,
    }
}

/// A hash of all that decides what is in a snapshot, as far as the files say it.
fn rules(config: &Config, snapshot: &Snapshot) -> String {
    let mut hash = Tally::default();
    let mut add = |word: &str, value: &str| {
        // Lengths in front: no two lists of words are one text.
        for part in [word, value] {
            hash.add(&part.len().to_be_bytes());
            hash.add(part.as_bytes());
        }
    };
    for (word, value) in snapshot.spoken().into_iter().filter(|(word, _)| !OUTSIDE.contains(word)) {
        add(word, &value);
    }
    for customer in snapshot.customers.iter().filter_map(|name| config.customers.get(name)) {
        add(customer.database.as_str(), customer.schema.as_str());
        let database = config.databases.get(&customer.database).map(Database::outline);
        for (word, value) in database.into_iter().flatten() {
            add(&word, &value);
        }
    }
    if let Format::Mysql { server, .. } = &snapshot.format {
        let server = config.servers.get(server).map(Server::outline);
        for (word, value) in server.into_iter().flatten() {
            add(&word, &value);
        }
    }
    hash.sha256()
}
