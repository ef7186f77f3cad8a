//! Whether the source's server shuts down while the flow is behind. Such a server waits until the flow has confirmed everything,
//! however long that takes, and asks only when it has sent everything: a flow that has no room, or much to read, does not hear it.
//!
//! A second session tells: the server ends it, and refuses a new one. It is opened only where the flow was behind for a while.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::config::Database;
use crate::postgres::{self, Kind};

use super::error::Error;

/// What a server says that is shutting down. One that is starting up after a crash says the same: its stream is dead, and to leave
/// it is right as well.
const CANNOT_CONNECT_NOW: &str = "57P03";

/// What DBAs see of the session.
fn application(flow: &str) -> String {
    format!("acequia waiting {flow}")
}

/// Returns when the server shuts down and the flow was not level with it for as long as our patience; never, where the reading
/// has ended. `level` is when it was so last.
pub(super) async fn noticed(
    source: &Database,
    flow: &str,
    mut level: watch::Receiver<Instant>,
    patience: Duration,
) -> Error {
    loop {
        let last = *level.borrow_and_update();
        tokio::select! {
            () = goes(source, flow, last, patience) => {
                return Error::GoingDown { database: source.name.to_string() };
            }
            seen = level.changed() => if seen.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

/// Returns when nobody is let in any more, and our patience has ended.
async fn goes(source: &Database, flow: &str, behind_since: Instant, patience: Duration) {
    let (mut was_in, mut was_away) = (false, false);
    tokio::time::sleep_until(behind_since + patience).await;
    loop {
        match postgres::open(source, &application(flow)).await {
            Ok(session) => {
                (was_in, was_away) = (true, false);
                session.closed().await;
            }
            Err(error) if is_closed(&error) => return,
            Err(error) => {
                // Another address of its name, or a proxy before it, says it in these words. Once may be chance, and the
                // stream is worth more than that.
                let is_away = was_in && is_away(&error);
                if is_away && was_away {
                    return;
                }
                was_away = is_away;
                tracing::debug!(%flow, "whether the source shuts down is not known: {error}");
            }
        }
        tokio::time::sleep(patience).await;
    }
}

/// Nobody is there to answer.
fn is_away(error: &postgres::Error) -> bool {
    matches!(error.kind(), Kind::Connect(..) | Kind::Closed | Kind::Io(_))
}

fn is_closed(error: &postgres::Error) -> bool {
    error.sqlstate().is_some_and(|state| state.as_str() == CANNOT_CONNECT_NOW)
}
