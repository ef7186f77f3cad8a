//! Whether a flow that is being prepared is still heard by its databases.
//!
//! Preparing has no time limit of its own: a new slot waits for the transactions of its time, and a catalog of a thousand
//! customers takes what it takes. But then a server works. Where all sessions of the flow wait for the flow, at both
//! servers and look after look, the answer that it waits for was lost on its way.

use std::time::Duration;

use crate::apply::{CROSSWALK, writer};
use crate::config::{Config, Database};
use crate::postgres;
use crate::rules::Flow;

use super::error::Error;
use super::lifeline;
use super::predecessor::Opened;
use super::{capture, drift};

/// Between two looks. Most flows are prepared before the first one.
const INTERVAL: Duration = Duration::from_secs(5);
/// After so many looks in which nothing has moved nobody is heard any more …
const LOOKS: u32 = 4;
/// … and after so many where a server sends an answer: a large one may take its time on a slow link.
const LOOKS_AT_ANSWER: u32 = 60;

/// Whether a session of these names works; whether one sends an answer; and what changes when any of them is asked something or
/// takes lines of a COPY. A stream that is left of an earlier connection is no work.
const SESSIONS: &str = "SELECT coalesce(bool_or(CASE WHEN a.state LIKE 'idle%' OR a.wait_event_type = 'Client' \
                        OR a.query LIKE 'START_REPLICATION%' THEN false ELSE true END), false), \
                        coalesce(bool_or(a.wait_event = 'ClientWrite' AND a.query NOT LIKE 'START_REPLICATION%'), false), \
                        string_agg(concat_ws(' ', a.pid, a.state_change, c.bytes_processed), ',' ORDER BY a.pid) \
                        FROM pg_stat_activity a LEFT JOIN pg_stat_progress_copy c USING (pid) \
                        WHERE a.application_name = ANY ($1) AND a.usename = current_user";

/// Returns when both databases wait for the flow while it waits for one of them. The writer's session is ended, where there
/// is one: it may hold the flow's lock.
pub(super) async fn while_preparing(config: &Config, flow: &Flow, opened: &Opened) -> Error {
    let (source, target) = (&config.databases[&flow.source], &config.databases[&flow.target]);
    let (mut last, mut looks) = (None, 0);
    loop {
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
        let Some((here, there)) = &now else {
            (last, looks) = (None, 0);
            continue;
        };
        looks = if now == last { looks + 1 } else { 1 };
        let enough = if here.answers || there.answers { LOOKS_AT_ANSWER } else { LOOKS };
        // Sessions of a name that is not known are none to judge by.
        if looks >= enough && (here.asked.is_some() || there.asked.is_some()) {
            break;
        }
        last = now;
    }
    if let Some(pid) = opened.writer.get() {
        lifeline::end(target, &flow.name, (*pid, &writer::application(&flow.name))).await;
    }
    Error::Unheard { from: source.name.to_string(), to: target.name.to_string() }
}

/// A database whose sessions of the flow do not work.
#[derive(PartialEq, Eq)]
struct Idle {
    /// One of them sends an answer, which is not taken.
    answers: bool,
    /// What they were last asked; `None` where there is no session.
    asked: Option<String>,
}

/// `None` where a session of the flow works.
async fn look(database: &Database, flow: &Flow) -> Result<Option<Idle>, postgres::Error> {
    const DOING: &str = "asking for the flow's sessions";
    let session = postgres::open(database, &lifeline::application(&flow.name)).await?;
    let names = [
        writer::application(&flow.name),
        drift::application(&flow.name),
        capture::application(&flow.name),
        CROSSWALK.to_owned(),
    ];
    let names: Vec<&str> = names.iter().map(|name| postgres::shown(name)).collect();
    let asked = async {
        let row = session.query_one(SESSIONS, &[&names]).await;
        row.map_err(|error| postgres::Error::from_driver(DOING, &error))
    };
    let row = postgres::in_time(DOING, asked).await?;
    let works: bool = row.get(0);
    Ok((!works).then(|| Idle { answers: row.get(1), asked: row.get(2) }))
}
