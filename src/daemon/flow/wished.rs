//! A flow that is halted listens for one wish: to be resynchronized. It is heard within a second or two, and costs a
//! session and a small question each second; nothing else is done meanwhile.

use std::time::Duration;

use crate::apply::checkpoint::asked_for_resync;
use crate::config::Database;
use crate::postgres;

/// How often somebody looks for a wish.
const INTERVAL: Duration = Duration::from_secs(1);

/// Returns when there is a wish for a resync of the whole flow that is younger than `seen`; `seen` is that one then.
/// Where the target can't be asked, it never returns: the flow looks again by itself.
pub(super) async fn wished(target: &Database, flow: &str, seen: &mut i64) {
    if let Ok(wish) = younger(target, flow, *seen).await {
        *seen = wish;
        return;
    }
    std::future::pending::<()>().await;
}

async fn younger(target: &Database, flow: &str, seen: i64) -> Result<i64, postgres::Error> {
    let session = postgres::open(target, &format!("acequia wishes {flow}")).await?;
    loop {
        if let Some(wish) = asked_for_resync(&session, flow).await?.filter(|wish| *wish > seen) {
            return Ok(wish);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
