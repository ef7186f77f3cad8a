//! What is left at the servers of a flow's last connections. Where packets were lost, a server does not hear of their end: it keeps the
//! slot and the flow's lock for sessions that nobody serves any more, until its own limits are reached.

use std::sync::OnceLock;

use crate::apply::{self, writer};
use crate::config::{Config, Database};
use crate::postgres;
use crate::rules::Flow;

use super::capture;
use super::error::Error;
use super::lifeline;

/// The processes of an attempt's connections, as soon as they are known.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// The writer's, at the target.
    pub(super) writer: OnceLock<i32>,
    /// The stream's, at the source.
    pub(super) reader: OnceLock<i32>,
}

/// The processes of the last attempts' connections.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Predecessor {
    writer: Option<i32>,
    reader: Option<i32>,
}

impl Predecessor {
    /// After an attempt that has come to stream.
    pub(super) fn of(opened: &Opened) -> Self {
        Self { writer: opened.writer.get().copied(), reader: opened.reader.get().copied() }
    }

    /// After an attempt that has failed: ends the process that was in its way, if it is known here: nobody else can have left it.
    /// Answers whether one was ended.
    pub(super) async fn make_way(
        &mut self,
        config: &Config,
        flow: &Flow,
        (error, opened): (&Error, &Opened),
    ) -> bool {
        let is_ended = self.release(config, flow, error).await;
        // Where somebody else had what the attempt needs, it has come to nothing, and who is known stays known.
        if !matches!(error, Error::Apply(apply::Error::Served { .. })) {
            self.writer = opened.writer.get().copied().or(self.writer);
        }
        if !matches!(error, Error::SlotInUse { .. }) {
            self.reader = opened.reader.get().copied().or(self.reader);
        }
        is_ended
    }

    async fn release(&mut self, config: &Config, flow: &Flow, error: &Error) -> bool {
        let (source, target) = (&config.databases[&flow.source], &config.databases[&flow.target]);
        if let Error::Apply(apply::Error::Served { pid, application, .. }) = error {
            let is_ours = application == postgres::shown(&writer::application(&flow.name));
            return is_ours && end(&mut self.writer, target, flow, *pid).await;
        }
        if let Error::SlotInUse { pid, holder, .. } = error {
            let is_ours = holder == postgres::shown(&capture::application(&flow.name));
            return is_ours && end(&mut self.reader, source, flow, *pid).await;
        }
        false
    }
}

/// Once: it may be long in going.
async fn end(known: &mut Option<i32>, database: &Database, flow: &Flow, pid: i32) -> bool {
    if *known != Some(pid) || !lifeline::end(database, &flow.name, pid).await {
        return false;
    }
    *known = None;
    tracing::info!(flow = %flow.name, database = %database.name, "a session of the last connection was still there, and is ended");
    true
}
