//! Whether databases that could not be reached are there again: somebody knocks while the flow waits for its next try.
//!
//! The delays between tries grow to half a minute, for a try asks much of a server that has its troubles already. One that is not
//! there has none, and to knock costs it a connection that is closed at once: so rows wait for seconds after a long outage.

use std::time::Duration;

use crate::apply;
use crate::config::Config;
use crate::postgres::{Kind, socket};
use crate::rules::Flow;

use super::error::Error;

/// Between two knocks.
const INTERVAL: Duration = Duration::from_secs(3);

/// Returns when both ends of the flow take connections; never, where the flow has failed for something else.
pub(super) async fn answered(error: &Error, config: &Config, flow: &Flow) {
    if !is_unreachable(error) {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(INTERVAL).await;
        let (source, target) = (&config.databases[&flow.source], &config.databases[&flow.target]);
        if socket::is_reachable(source).await && socket::is_reachable(target).await {
            tracing::debug!(flow = %flow.name, "both databases take connections again");
            return;
        }
    }
}

/// Nobody listens. A server that lets nobody in yet listens already: whether it does is only known by a try.
fn is_unreachable(error: &Error) -> bool {
    let (Error::Postgres(error) | Error::Apply(apply::Error::Postgres(error))) = error else { return false };
    matches!(error.kind(), Kind::Connect(..))
}
