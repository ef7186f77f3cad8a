//! A flow that rests: all its groups are disabled. Its slot must not keep WAL that nobody will ask for, so it is moved along
//! or dropped, as `resting_slot` says. A flow that is enabled again goes on from then: what happened meanwhile is not
//! replayed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::apply::Checkpoint;
use crate::catalog::{Server, Slot};
use crate::config::{Config, RestingSlot};
use crate::ops::Phase;
use crate::postgres;
use crate::rules::Flow;

use super::super::progress::Progress;
use super::error::Error;
use super::gap::find_gap;

/// How often a resting slot is looked at.
const INTERVAL: Duration = Duration::from_secs(10);
/// How often it is asked whether the flow's writer has ended.
const SOON: Duration = Duration::from_millis(500);
/// How long a look may take: a link that is dead without a word must not be the last one.
const LOOK_LIMIT: Duration = Duration::from_mins(1);
/// A slot that is less than this behind is left where it is: to move it writes WAL too.
const BEHIND_BYTES: i64 = 64 << 10;

/// Said while the flow still runs by its old rules.
const NOT_YET: &str = "what committed before is being written";

/// What DBAs see of the sessions.
fn application(flow: &Flow) -> String {
    format!("acequia rest {}", flow.name)
}

/// Keeps the flow's slot from holding back WAL until it is told to stop.
pub(in crate::daemon) async fn run(
    config: Arc<Config>,
    flow: Flow,
    progress: watch::Sender<Progress>,
    stop: CancellationToken,
) {
    let mut told: Option<String> = None;
    loop {
        let rested = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            rested = limited(rest(&config, &flow)) => rested,
        };
        let now = match rested {
            Ok(said) => said.map(|said| (said, false)),
            Err(error) => Some((format!("its slot is not looked after: {error}"), true)),
        };
        let text = now.as_ref().map(|(text, _)| text.clone());
        match now {
            Some((text, true)) if told.as_ref() != Some(&text) => {
                tracing::warn!(flow = %flow.name, "the flow rests, and {text}");
            }
            Some((text, false)) if told.as_ref() != Some(&text) => {
                tracing::info!(flow = %flow.name, "the flow rests: {text}");
            }
            Some(_) | None => {}
        }
        told.clone_from(&text);
        let interval = if text.as_deref() == Some(NOT_YET) { SOON } else { INTERVAL };
        progress.send_modify(|progress| progress.enter(Phase::Resting, text));
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }
    }
}

/// A flow that was disabled and is enabled again, though it may not have come to its end or to rest before: it goes on from now all
/// the same.
pub(in crate::daemon) async fn pass(config: &Config, flow: &Flow) -> Result<(), Error> {
    let target = &config.databases[&flow.target];
    limited(async {
        let there = postgres::open(target, &application(flow)).await?;
        if let Some(Checkpoint { lsn, creating: false, .. }) = Checkpoint::look(&there, &flow.name).await? {
            // Its last writer may still be about to go.
            while !Checkpoint::rest(&there, &flow.name, lsn).await? {
                tokio::time::sleep(SOON).await;
            }
        }
        Ok(())
    })
    .await
}

async fn limited<T>(look: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    postgres::within(LOOK_LIMIT, "looking after a flow that rests", look).await
}

/// Looks after the slot once. Answers what there is to say.
async fn rest(config: &Config, flow: &Flow) -> Result<Option<String>, Error> {
    let (source, target) = (&config.databases[&flow.source], &config.databases[&flow.target]);
    let there = postgres::open(target, &application(flow)).await?;
    let Some(checkpoint) = Checkpoint::look(&there, &flow.name).await? else { return Ok(None) };
    // To move a slot along is to read its WAL.
    let here = postgres::open_watched(source, &application(flow)).await?;
    let slot = Slot::read(&here, &flow.slot).await?;
    let needs_slot = source.resting_slot == RestingSlot::Advance && slot.is_some();
    if let Some(gap) =
        find_gap(flow, source, &here, &there).await?.filter(|gap| needs_slot || gap.is_of_history())
    {
        return Err(gap.into());
    }
    match (source.resting_slot, slot) {
        (RestingSlot::Advance, None) => Ok(Some("it has no slot".to_owned())),
        (RestingSlot::Advance, Some(slot)) => {
            let is_first = !checkpoint.resting;
            if is_first || slot.behind_bytes.is_none_or(|bytes| bytes >= BEHIND_BYTES) {
                let now = Server::flushed(&here).await?;
                // The checkpoint first: it may be ahead of the slot, and never the other way round.
                if !Checkpoint::rest(&there, &flow.name, now).await? {
                    return Ok(Some(NOT_YET.to_owned()));
                }
                crate::failpoint::hit("resting-moved");
                Slot::advance(&here, &flow.slot, now).await?;
            }
            Ok(Some(format!("slot {} is moved along and keeps no WAL", flow.slot)))
        }
        (RestingSlot::Drop, slot) => {
            // If this is cut off, the next start makes the slot anew.
            if !Checkpoint::leave(&there, &flow.name).await? {
                return Ok(Some(NOT_YET.to_owned()));
            }
            crate::failpoint::hit("resting-left");
            if slot.is_some() {
                Slot::drop(&here, &flow.slot).await?;
            }
            crate::failpoint::hit("resting-dropped");
            Checkpoint::forget(&there, &flow.name).await?;
            Ok(Some(format!("slot {} is dropped", flow.slot)))
        }
    }
}
