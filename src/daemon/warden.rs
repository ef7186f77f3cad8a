//! Watches over the WAL that a flow's slot keeps: warns, and past `max_retained_wal` gives the slot up. It needs nothing of the
//! flow, which may be halted, retrying, hanging or resting, and nothing of the target.

use std::collections::VecDeque;

use serde_json::json;

use crate::apply::audit;
use crate::catalog::{Server, Slot};
use crate::notify::{self, Retained};
use crate::ops::SlotVital;
use crate::postgres::{self, Session};

use super::asking::{Watched, limited};
use super::guard::{self, Guard};
use super::progress;
use super::surrender::{Memory, Surrender, drop_slot, refusal};

/// So many things wait at most to be told or written down; the log has all of them.
const WAITING_MAX: usize = 16;

/// One flow's.
pub(super) struct Warden {
    guard: Guard,
    memory: Memory,
    given_up: Option<Surrender>,
    /// Why it could not be given up, said once.
    hindered: Option<String>,
    /// What the target's audit does not have yet.
    audits: VecDeque<String>,
    /// What applications have not heard yet.
    events: VecDeque<String>,
}

impl Warden {
    /// Remembers what was given up before.
    pub(super) async fn new(memory: Memory) -> Self {
        let given_up = memory.read().await;
        Self {
            guard: Guard::default(),
            memory,
            given_up,
            hindered: None,
            audits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// What was given up and not replaced since, for people.
    pub(super) fn given_up(&self) -> Option<String> {
        self.given_up.as_ref().map(Surrender::text)
    }

    /// Looks at the slot as it was just read.
    pub(super) async fn look(
        &mut self,
        watched: &Watched,
        session: &Session,
        (slot, vital): (Option<&Slot>, Option<&SlotVital>),
    ) {
        if let (Some(slot), Some(vital)) = (slot, vital) {
            if self.given_up.as_ref().is_some_and(|surrender| surrender.is_before(slot)) {
                self.memory.forget().await;
                self.given_up = None;
            }
            let (flow, database) = (&watched.flow.name, watched.flow.source.as_str());
            for text in self.guard.look((flow, database), vital) {
                tracing::warn!(%flow, slot = %vital.name, retained_wal_bytes = vital.retained_wal_bytes, "{text}");
                wait(&mut self.audits, text.clone());
                self.tell(watched, vital, false, &text);
            }
            if guard::is_past(vital) {
                self.give_up(watched, session, (slot, vital)).await;
            }
        }
        self.catch_up(watched).await;
    }

    async fn give_up(&mut self, watched: &Watched, session: &Session, (slot, vital): (&Slot, &SlotVital)) {
        let flow = &watched.flow;
        let hindrance = refusal(&flow.name, &watched.source.database.dbname, slot);
        let done = match hindrance {
            Some(hindrance) => Err(hindrance),
            None => self.drop_slot(watched, session, (slot, vital)).await,
        };
        match done {
            Ok(surrender) => {
                let text = surrender.text();
                tracing::error!(flow = %flow.name, slot = %flow.slot, "{text}");
                self.tell(watched, vital, true, &text);
                self.hindered = None;
            }
            Err(hindrance) => {
                if self.hindered.as_ref() != Some(&hindrance) {
                    tracing::error!(
                        flow = %flow.name, slot = %flow.slot, retained_wal_bytes = vital.retained_wal_bytes,
                        "the slot keeps more than max_retained_wal, and could not be given up: {hindrance}"
                    );
                }
                self.hindered = Some(hindrance);
            }
        }
    }

    async fn drop_slot(
        &mut self,
        watched: &Watched,
        session: &Session,
        (slot, vital): (&Slot, &SlotVital),
    ) -> Result<Surrender, String> {
        let end = Server::end(session).await.map_err(|error| error.to_string())?;
        let mut surrender = Surrender {
            flow: watched.flow.name.clone(),
            slot: watched.flow.slot.clone(),
            database: watched.flow.source.to_string(),
            at: progress::unix_seconds(),
            kept: vital.retained_wal_bytes,
            limit: vital.max_retained_wal_bytes.unwrap_or_default(),
            end: end.unwrap_or_default().to_string(),
            recorded: false,
        };
        if let Err(error) = self.memory.keep(&surrender).await {
            tracing::warn!(flow = %surrender.flow, kind = %error.kind(), "that the slot is given up can't be written down");
        }
        let recorded = limited(&watched.target, surrender.record(&watched.target.database)).await;
        surrender.recorded = matches!(recorded, Ok(Ok(())));
        let dropped = limited(&watched.source, drop_slot(session, &watched.flow.slot, slot)).await;
        match dropped {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("the server gave no answer".to_owned()),
        }
        self.given_up = Some(surrender.clone());
        Ok(surrender)
    }

    /// Writes down and tells what could not be before.
    async fn catch_up(&mut self, watched: &Watched) {
        if let Some(surrender) = self.given_up.as_mut().filter(|surrender| !surrender.recorded) {
            let recorded = limited(&watched.target, surrender.record(&watched.target.database)).await;
            surrender.recorded = matches!(recorded, Ok(Ok(())));
            if surrender.recorded
                && let Err(error) = self.memory.keep(surrender).await
            {
                tracing::debug!(kind = %error.kind(), "that the checkpoint says it can't be written down");
            }
        }
        if let Some(text) = self.audits.front() {
            let flow = &watched.flow.name;
            let written = limited(&watched.target, async {
                let there = postgres::open(&watched.target.database, "acequia onlooker").await?;
                audit::record(&there, "retained WAL", &json!({ "flow": flow, "text": text })).await
            });
            if matches!(written.await, Ok(Ok(true))) {
                self.audits.pop_front();
            }
        }
        if let Some(payload) = self.events.front() {
            let channels: Vec<&str> = watched.wal_channels.iter().map(String::as_str).collect();
            let told =
                limited(&watched.source, notify::tell(&watched.source.database, &channels, payload)).await;
            if channels.is_empty() || matches!(told, Ok(Ok(()))) {
                self.events.pop_front();
            }
        }
    }

    fn tell(&mut self, watched: &Watched, vital: &SlotVital, given_up: bool, text: &str) {
        if watched.wal_channels.is_empty() {
            return;
        }
        let sizes = (vital.retained_wal_bytes, vital.max_retained_wal_bytes);
        let names = [watched.flow.name.as_str(), watched.flow.source.as_str(), &vital.name];
        wait(&mut self.events, Retained::new(names, sizes, given_up, text).payload());
    }
}

fn wait(waiting: &mut VecDeque<String>, text: String) {
    if waiting.len() == WAITING_MAX {
        waiting.pop_front();
    }
    waiting.push_back(text);
}
