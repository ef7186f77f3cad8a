//! Whether a flow that is halted has ever begun: both databases remember it, whatever has become of this process meanwhile.
//!
//! A flow that never began and can't begin is refused, and a process that has no other ends. One that has begun worked with what
//! it has, so what is in its way has come later and may go again: a grant that was revoked, a schema that is being restored. A
//! process that was restarted meanwhile has to stay, or it would be gone when the way is free.

use std::time::Duration;

use tokio_postgres::Client;

use crate::apply::{self, Checkpoint};
use crate::catalog::Slot;
use crate::config::{Config, Database};
use crate::postgres;
use crate::rules::Flow;

use super::error::Error;
use super::surrender::Memory;

/// So long it may take to ask. Meanwhile the flow says that it is halted.
const LIMIT: Duration = Duration::from_secs(10);

const DOING: &str = "asking whether the flow has begun";

/// Whether the flow can't begin, for a reason that only other rules or other databases take away. Where a database can't be
/// asked, nobody knows, and it is not refused.
pub(super) async fn is_refused(error: &Error, (config, flow): (&Config, &Flow), has_streamed: bool) -> bool {
    // The one is healed by a command while the process runs, the other by the other process's end.
    if has_streamed || matches!(error, Error::Gap(_) | Error::Apply(apply::Error::Served { .. })) {
        return false;
    }
    // Its slot was given up while the target was away, perhaps.
    if Memory::of(config, &flow.slot).read().await.is_some() {
        return false;
    }
    let (source, target) = (&config.databases[&flow.source], &config.databases[&flow.target]);
    let begun = tokio::join!(
        postgres::within(LIMIT, DOING, is_known_there(target, flow)),
        postgres::within(LIMIT, DOING, is_known_here(source, flow)),
    );
    match begun {
        (Ok(there), Ok(here)) => !there && !here,
        (Err(error), _) | (_, Err(error)) => {
            tracing::debug!(flow = %flow.name, "whether the flow has begun is not known: {error}");
            false
        }
    }
}

/// Whether the flow has a checkpoint. One that is about to make its first slot has not begun.
pub(super) async fn has_begun(there: &Client, flow: &Flow) -> Result<bool, postgres::Error> {
    let checkpoint = Checkpoint::look(there, &flow.name).await?;
    Ok(checkpoint.is_some_and(|checkpoint| !checkpoint.creating))
}

async fn is_known_there(target: &Database, flow: &Flow) -> Result<bool, postgres::Error> {
    let session = postgres::open(target, &application(flow)).await?;
    has_begun(&session, flow).await
}

/// By the flow's slot. The target may have been made anew, and be empty still.
async fn is_known_here(source: &Database, flow: &Flow) -> Result<bool, postgres::Error> {
    let session = postgres::open(source, &application(flow)).await?;
    Ok(Slot::read(&session, &flow.slot).await?.is_some())
}

/// What DBAs see of the sessions.
fn application(flow: &Flow) -> String {
    format!("acequia past {}", flow.name)
}
