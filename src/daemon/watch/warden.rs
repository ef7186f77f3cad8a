//! Watches over the WAL that a flow's slot keeps: warns, and past `max_retained_wal` gives the slot up. It needs nothing of the
//! flow, which may be halted, retrying, hanging or resting, and nothing of the target.

use std::collections::VecDeque;

use serde_json::json;

use crate::apply::audit;
use crate::catalog::{Server, Slot};
use crate::failpoint;
use crate::notify::{self, Retained};
use crate::ops::SlotVital;
use crate::postgres::{self, Session};

use super::super::flow::surrender::{Memory, Surrender, drop_slot, refusal};
use super::super::progress;
use super::asking::{Watched, limited};
use super::guard::{self, Guard};

/// So many things wait at most to be told or written down; the log has all of them.
const WAITING_MAX: usize = 16;

/// One flow's.
pub(super) struct Warden {
    guard: Guard,
    memory: Memory,
    /// What was given up, or was about to be: its slot tells which.
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
        self.given_up.as_ref().filter(|surrender| surrender.done).map(Surrender::text)
    }

    /// Looks at the slot as it was just read.
    pub(super) async fn look(
        &mut self,
        watched: &Watched,
        session: &Session,
        (slot, vital): (Option<&Slot>, Option<&SlotVital>),
    ) {
        self.follow(&watched.memory).await;
        if let (Some(slot), Some(vital)) = (slot, vital) {
            // It stayed, or there is another since.
            if self.given_up.take().is_some() {
                self.memory.forget().await;
            }
            self.warn(watched, session, (slot, vital)).await;
            if guard::is_past(vital) {
                self.give_up(watched, session, (slot, vital)).await;
            }
        } else {
            // Dropping it was cut off, or the answer to that was.
            self.finish(watched).await;
        }
        self.catch_up(watched).await;
    }

    /// Remembers it where the files say by now, so that the flow finds it there too.
    async fn follow(&mut self, memory: &Memory) {
        if self.memory == *memory {
            return;
        }
        let before = std::mem::replace(&mut self.memory, memory.clone());
        if let Some(surrender) = &self.given_up {
            self.keep(surrender).await;
            before.forget().await;
        }
    }

    /// Says that much is kept, where that is news.
    async fn warn(&mut self, watched: &Watched, session: &Session, (slot, vital): (&Slot, &SlotVital)) {
        let (flow, database) = (&watched.flow.name, watched.flow.source.as_str());
        let said = self.guard.look((flow, database), vital);
        if said.is_empty() {
            return;
        }
        let oldest = if guard::is_in_step(slot) {
            limited(&watched.source, Server::oldest_transaction(session)).await
        } else {
            Ok(Ok(None))
        };
        let holder = guard::holder(oldest.ok().and_then(Result::ok).flatten());
        for text in said {
            let text = format!("{text}{holder}");
            tracing::warn!(%flow, slot = %vital.name, retained_wal_bytes = vital.retained_wal_bytes, "{text}");
            wait(&mut self.audits, text.clone());
            self.tell(watched, (vital.retained_wal_bytes, vital.max_retained_wal_bytes), false, &text);
        }
    }

    async fn give_up(&mut self, watched: &Watched, session: &Session, (slot, vital): (&Slot, &SlotVital)) {
        let flow = &watched.flow;
        let hindrance = refusal(&flow.name, &watched.source.database.dbname, slot);
        let done = match hindrance {
            Some(hindrance) => Err(hindrance),
            None => self.drop_slot(watched, session, (slot, vital)).await,
        };
        match done {
            Ok(()) => self.hindered = None,
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
    ) -> Result<(), String> {
        let no_answer = |_| "the server gave no answer".to_owned();
        let end = limited(&watched.source, Server::end(session)).await.map_err(no_answer)?;
        let end = end.map_err(|error| error.to_string())?;
        let mut surrender = Surrender {
            flow: watched.flow.name.clone(),
            slot: watched.flow.slot.clone(),
            database: watched.flow.source.to_string(),
            at: progress::unix_seconds(),
            kept: vital.retained_wal_bytes,
            limit: vital.max_retained_wal_bytes.unwrap_or_default(),
            end: end.unwrap_or_default().to_string(),
            done: false,
            recorded: false,
        };
        self.keep(&surrender).await;
        failpoint::hit("surrender-slot");
        let dropped = limited(&watched.source, drop_slot(session, &surrender, slot.active_pid)).await;
        match dropped {
            Ok(Ok(Some(at))) => {
                surrender.end = at;
                self.given_up = Some(surrender);
                self.finish(watched).await;
                Ok(())
            }
            // It has caught up, or it is another one by now.
            Ok(Ok(None)) => {
                self.memory.forget().await;
                Ok(())
            }
            Ok(Err(error)) if error.refusal().is_some() => {
                self.memory.forget().await;
                Err(error.to_string())
            }
            // It may be gone all the same: the next look tells.
            Ok(Err(error)) => {
                self.given_up = Some(surrender);
                Err(error.to_string())
            }
            Err(late) => {
                self.given_up = Some(surrender);
                Err(no_answer(late))
            }
        }
    }

    /// The slot is gone: says so, where that was not known.
    async fn finish(&mut self, watched: &Watched) {
        let Some(surrender) = self.given_up.as_mut().filter(|surrender| !surrender.done) else { return };
        surrender.done = true;
        let surrender = surrender.clone();
        self.keep(&surrender).await;
        let text = surrender.text();
        tracing::error!(flow = %surrender.flow, slot = %surrender.slot, "{text}");
        self.tell(watched, (surrender.kept, Some(surrender.limit)), true, &text);
    }

    async fn keep(&self, surrender: &Surrender) {
        if let Err(error) = self.memory.keep(surrender).await {
            tracing::warn!(flow = %surrender.flow, kind = %error.kind(), "that the slot is given up can't be written down");
        }
    }

    /// Writes down and tells what could not be before.
    async fn catch_up(&mut self, watched: &Watched) {
        let is_due = |surrender: &&mut Surrender| surrender.done && !surrender.recorded;
        if let Some(surrender) = self.given_up.as_mut().filter(is_due) {
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

    /// `sizes`: what the slot keeps and may keep, in bytes.
    fn tell(&mut self, watched: &Watched, sizes: (u64, Option<u64>), given_up: bool, text: &str) {
        if watched.wal_channels.is_empty() {
            return;
        }
        let flow = &watched.flow;
        let names = [flow.name.as_str(), flow.source.as_str(), flow.slot.as_str()];
        wait(&mut self.events, Retained::new(names, sizes, given_up, text).payload());
    }
}

fn wait(waiting: &mut VecDeque<String>, text: String) {
    if waiting.len() == WAITING_MAX {
        waiting.pop_front();
    }
    waiting.push_back(text);
}
