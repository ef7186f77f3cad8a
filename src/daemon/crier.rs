//! Tells applications that health has turned: at the sources' databases, on the channels of `[[notify]]`. A task of its own, so
//! that a database that does not answer keeps nobody waiting; it hears of it when it does, and then of each check the last
//! word only: so many wait at most as there are checks.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::config::{Config, Database, NotifyEvent};
use crate::name::DatabaseName;
use crate::notify::{self, Turned};
use crate::ops::{DaemonState, Subject};
use crate::rules::Flow;

use super::alarm::Turn;

/// How long telling may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How often those that could not be told are tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// One event at one database.
struct Cry {
    /// They are told in the order of these.
    number: u64,
    database: Database,
    channels: Vec<String>,
    payload: String,
}

/// What waits: the last word about each check of each subject, for each database.
type Waiting = BTreeMap<(DatabaseName, String, &'static str), Cry>;

/// Where it is handed over.
pub(super) struct Crier {
    waiting: watch::Sender<Waiting>,
    told: u64,
    _task: AbortOnDropHandle<()>,
}

impl Crier {
    /// Begins to listen for what is to be told.
    pub(super) fn start() -> Self {
        let waiting = watch::Sender::new(Waiting::new());
        let task = AbortOnDropHandle::new(tokio::spawn(run(waiting.clone())));
        Self { waiting, told: 0, _task: task }
    }

    /// Has it told to whom it concerns.
    pub(super) fn tell(&mut self, config: &Config, state: &DaemonState, turn: &Turn) {
        let channels = config.channels(NotifyEvent::AlertHealth);
        if channels.is_empty() {
            return;
        }
        let channels: Vec<String> = channels.iter().map(|channel| channel.as_str().to_owned()).collect();
        let payload = Turned::new(&turn.subject.text(), turn.check, turn.red, &turn.text).payload();
        for name in concerned(config, state, &turn.subject) {
            let Some(database) = config.databases.get(&name).cloned() else { continue };
            self.told += 1;
            let (number, channels, payload) = (self.told, channels.clone(), payload.clone());
            let cry = Cry { number, database, channels, payload };
            self.waiting.send_modify(|waiting| {
                waiting.insert((name, turn.subject.text(), turn.check), cry);
            });
        }
    }
}

/// The sources of a flow, of all flows, or the databases of a snapshot's customers.
fn concerned(config: &Config, state: &DaemonState, subject: &Subject) -> Vec<DatabaseName> {
    let mut databases: Vec<DatabaseName> = match subject {
        Subject::Daemon => flows(config, state).map(|flow| flow.source).collect(),
        Subject::Flow(name) => {
            flows(config, state).filter(|flow| flow.name == *name).map(|flow| flow.source).collect()
        }
        Subject::Snapshot(name) => {
            let snapshot = config.snapshots.iter().find(|snapshot| snapshot.name.as_str() == name);
            let customers = snapshot.into_iter().flat_map(|snapshot| &snapshot.customers);
            customers.filter_map(|name| config.customers.get(name)).map(|one| one.database.clone()).collect()
        }
    };
    databases.sort();
    databases.dedup();
    databases
}

fn flows(config: &Config, state: &DaemonState) -> impl Iterator<Item = Flow> {
    let known: Vec<String> = state.flows.iter().map(|flow| flow.name.clone()).collect();
    let all = Flow::all(config).into_iter().chain(Flow::resting(config));
    all.filter(move |flow| known.contains(&flow.name))
}

async fn run(waiting: watch::Sender<Waiting>) {
    let mut more = waiting.subscribe();
    loop {
        let is_left = !waiting.borrow().is_empty();
        tokio::select! {
            changed = more.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(AGAIN), if is_left => {}
        }
        let mut cries: Vec<_> = Vec::new();
        waiting.send_if_modified(|waiting| {
            cries.extend(std::mem::take(waiting));
            false
        });
        cries.sort_by_key(|(_, cry)| cry.number);
        let mut deaf: Vec<DatabaseName> = Vec::new();
        for (place, cry) in cries {
            // In their order: who does not hear the first is not told the second.
            if deaf.contains(&cry.database.name) || !tell(&cry).await {
                deaf.push(cry.database.name.clone());
                waiting.send_if_modified(|waiting| {
                    // Meanwhile there may be a later word.
                    waiting.entry(place).or_insert(cry);
                    false
                });
            }
        }
    }
}

async fn tell(cry: &Cry) -> bool {
    let channels: Vec<&str> = cry.channels.iter().map(String::as_str).collect();
    let told = tokio::time::timeout(ANSWER_MAX, notify::tell(&cry.database, &channels, &cry.payload)).await;
    matches!(told, Ok(Ok(())))
}
