//! Tells applications that health has turned: at the sources' databases, on the channels of `[[notify]]`. A task of its own, so
//! that a database that does not answer keeps nobody waiting; it hears of it when it does.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::config::{Config, Database, NotifyEvent};
use crate::name::DatabaseName;
use crate::notify::{self, Turned};
use crate::ops::{DaemonState, Subject};
use crate::rules::Flow;

use super::alarm::Turn;

/// So many wait for databases that do not answer; the oldest are dropped, and the log has all of them.
const WAITING_MAX: usize = 64;
/// How long telling may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How often those that could not be told are tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// One event at one database.
struct Cry {
    database: Database,
    channels: Vec<String>,
    payload: String,
}

/// Where it is handed over.
pub(super) struct Crier {
    cries: mpsc::Sender<Cry>,
    _task: AbortOnDropHandle<()>,
}

impl Crier {
    /// Begins to listen for what is to be told.
    pub(super) fn start() -> Self {
        let (cries, heard) = mpsc::channel(WAITING_MAX);
        Self { cries, _task: AbortOnDropHandle::new(tokio::spawn(run(heard))) }
    }

    /// Has it told to whom it concerns.
    pub(super) fn tell(&self, config: &Config, state: &DaemonState, turn: &Turn) {
        let channels = config.channels(NotifyEvent::AlertHealth);
        if channels.is_empty() {
            return;
        }
        let channels: Vec<String> = channels.iter().map(|channel| channel.as_str().to_owned()).collect();
        let payload = Turned::new(&turn.subject.text(), turn.check, turn.red, &turn.text).payload();
        for database in concerned(config, state, &turn.subject) {
            let Some(database) = config.databases.get(&database).cloned() else { continue };
            let cry = Cry { database, channels: channels.clone(), payload: payload.clone() };
            if self.cries.try_send(cry).is_err() {
                tracing::debug!("too many wait to hear of health: one is left out");
            }
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

async fn run(mut heard: mpsc::Receiver<Cry>) {
    let mut waiting: VecDeque<Cry> = VecDeque::new();
    loop {
        tokio::select! {
            cry = heard.recv() => match cry {
                Some(cry) => waiting.push_back(cry),
                None => return,
            },
            () = tokio::time::sleep(AGAIN), if !waiting.is_empty() => {}
        }
        let mut deaf: Vec<DatabaseName> = Vec::new();
        for cry in std::mem::take(&mut waiting) {
            // In their order: who does not hear the first is not told the second.
            if deaf.contains(&cry.database.name) || !tell(&cry).await {
                deaf.push(cry.database.name.clone());
                waiting.push_back(cry);
            }
        }
        while waiting.len() > WAITING_MAX {
            waiting.pop_front();
        }
    }
}

async fn tell(cry: &Cry) -> bool {
    let channels: Vec<&str> = cry.channels.iter().map(String::as_str).collect();
    let told = tokio::time::timeout(ANSWER_MAX, notify::tell(&cry.database, &channels, &cry.payload)).await;
    matches!(told, Ok(Ok(())))
}
