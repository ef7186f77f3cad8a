//! Whether a flow that is being prepared is still heard by its databases.
//!
//! Preparing has no time limit of its own: a new slot waits for the transactions of its time, and a catalog of a thousand
//! customers takes what it takes. But then a server works. Where all sessions of the flow wait for the flow, at both
//! servers and look after look, the answer that it waits for was lost on its way.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::timeout;

use crate::apply::writer;
use crate::config::{Config, Database};
use crate::postgres;
use crate::rules::Flow;

use super::error::Error;
use super::lifeline::{self, ANSWER_MAX};
use super::{capture, drift};

/// Between two looks. Most flows are prepared before the first one.
const INTERVAL: Duration = Duration::from_secs(5);
/// After so many looks in which nothing has moved nobody is heard any more.
const LOOKS: u32 = 4;

/// Whether a session of these names works, and what changes when any of them is asked something or takes lines of a COPY.
/// A stream that is left of an earlier connection is no work.
const SESSIONS: &str = "SELECT coalesce(bool_or(CASE WHEN a.state LIKE 'idle%' OR a.wait_event_type = 'Client' \
                        OR a.query LIKE 'START_REPLICATION%' THEN false ELSE true END), false), \
                        coalesce(string_agg(concat_ws(' ', a.pid, a.state_change, c.bytes_processed), ',' ORDER BY a.pid), '') \
                        FROM pg_stat_activity a LEFT JOIN pg_stat_progress_copy c USING (pid) \
                        WHERE a.application_name = ANY ($1) AND a.usename = current_user";

/// Returns when both databases wait for the flow while it waits for one of them. The writer's session is ended, where there
/// is one: it may hold the flow's lock.
pub(super) async fn while_preparing(config: &Config, flow: &Flow, writer: &OnceLock<i32>) -> Error {
    let (source, target) = (&config.databases[&flow.source], &config.databases[&flow.target]);
    let (mut last, mut looks) = (None, 0);
    while looks < LOOKS {
        tokio::time::sleep(INTERVAL).await;
        let now = match (look(source, flow).await, look(target, flow).await) {
            (Ok(Some(here)), Ok(Some(there))) => Some((here, there)),
            (Ok(_), Ok(_)) => None,
            // A server that can't be asked tells nothing of its sessions.
            (Err(error), _) | (_, Err(error)) => {
                tracing::debug!(flow = %flow.name, "not asked for the flow's sessions: {error}");
                None
            }
        };
        looks = if now.is_none() {
            0
        } else if now == last {
            looks + 1
        } else {
            1
        };
        last = now;
    }
    if let Some(pid) = writer.get() {
        lifeline::end(target, &flow.name, *pid).await;
    }
    Error::Unheard { from: source.name.to_string(), to: target.name.to_string() }
}

/// What the flow's sessions were last asked; `None` where one of them works.
async fn look(database: &Database, flow: &Flow) -> Result<Option<String>, postgres::Error> {
    const DOING: &str = "asking for the flow's sessions";
    let session = postgres::open(database, &lifeline::application(&flow.name)).await?;
    let names = vec![
        writer::application(&flow.name),
        drift::application(&flow.name),
        capture::application(&flow.name),
    ];
    let Ok(row) = timeout(ANSWER_MAX, session.query_one(SESSIONS, &[&names])).await else {
        session.abandon();
        return Err(postgres::Error::protocol(DOING, "no answer in time"));
    };
    let row = row.map_err(|error| postgres::Error::from_driver(DOING, &error))?;
    let works: bool = row.get(0);
    Ok((!works).then(|| row.get(1)))
}
