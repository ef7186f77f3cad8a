//! What operators ask for, done in a transaction of the writer. The command that asks has written it down in `acequia.audit`.

use std::sync::Arc;

use super::backfill;
use super::engine::Engine;
use super::error::Error;
use super::statements::Param;

const TAKE: &str = "WITH gone AS (DELETE FROM acequia.wish WHERE flow = $1 RETURNING *) \
    SELECT what, who, sync, to_customer, dataset FROM gone ORDER BY id";

const PAUSE: &str = "INSERT INTO acequia.hold (flow, sync, to_customer, dataset, reason, who) VALUES ($1, $2, $3, $4, 'paused', $5) \
    ON CONFLICT (flow, coalesce(sync, ''), coalesce(to_customer, ''), coalesce(dataset, ''), reason) \
    DO UPDATE SET next_try_at = NULL, who = excluded.who";

/// The paused holds inside a scope.
const INSIDE: &str = "h.flow = $1 AND ($2::text IS NULL OR h.sync = $2) AND ($3::text IS NULL OR h.to_customer = $3) \
    AND ($4::text IS NULL OR h.dataset = $4)";
/// The holds that concern a scope.
const TOUCHING: &str = "h.flow = $1 AND ($2::text IS NULL OR h.sync IS NULL OR h.sync = $2) \
    AND ($3::text IS NULL OR h.to_customer IS NULL OR h.to_customer = $3) \
    AND ($4::text IS NULL OR h.dataset IS NULL OR h.dataset = $4)";

/// Does what was asked for. The wishes are gone with the transaction at hand.
pub(super) async fn take(engine: &mut Engine) -> Result<(), Error> {
    let plan = Arc::clone(&engine.plan);
    let flow = plan.flow.name.as_str();
    let wishes = engine.statements.query("taking wishes", TAKE, &[&flow]).await?;
    for wish in &wishes {
        let (what, who): (&str, &str) = (wish.get(0), wish.get(1));
        let scope: [Option<&str>; 3] = [wish.get(2), wish.get(3), wish.get(4)];
        let params: [Param<'_>; 4] = [&flow, &scope[0], &scope[1], &scope[2]];
        match what {
            "pause" => {
                let mut params = params.to_vec();
                params.push(&who);
                engine.statements.execute("pausing", PAUSE, &params).await?;
            }
            "resume" => resume(engine, &params).await?,
            "apply" => due(engine, "'scheduled'", &params).await?,
            "backfill" | "resync" => {
                backfill::ask(&mut engine.statements, &plan, &scope, (what == "resync", who)).await?;
                engine.read_jobs().await?;
            }
            "from_now" => {
                let sql = format!("DELETE FROM acequia.hold h WHERE reason = 'overflow' AND {TOUCHING}");
                engine.statements.execute("ending a hold", &sql, &params).await?;
            }
            _of_a_newer_version => {
                tracing::warn!(flow, what, "a wish that this version does not know is dropped");
            }
        }
        let [sync, customer, dataset] = scope.map(|name| name.unwrap_or("all"));
        tracing::info!(flow, sync, customer, dataset, who, "{what}, as asked for");
    }
    engine.read_holds().await?;
    Ok(())
}

/// What is paused inside the scope catches up, and what is locked or broken there is tried at once.
async fn resume(engine: &mut Engine, params: &[Param<'_>; 4]) -> Result<(), Error> {
    let plan = Arc::clone(&engine.plan);
    // Each customer catches up by itself, so each gets a hold of its own first.
    let split = format!(
        "WITH gone AS (DELETE FROM acequia.hold h WHERE reason = 'paused' AND to_customer IS NULL AND {INSIDE} RETURNING *) \
         INSERT INTO acequia.hold (flow, sync, to_customer, dataset, reason, since, next_try_at, who) \
         SELECT flow, sync, c, dataset, 'paused', since, now(), who FROM gone, unnest($5::text[]) c \
         ON CONFLICT (flow, coalesce(sync, ''), coalesce(to_customer, ''), coalesce(dataset, ''), reason) \
         DO UPDATE SET next_try_at = now()"
    );
    let customers: Vec<&str> = plan.customers.iter().map(|routes| routes.customer.as_str()).collect();
    let mut with_customers = params.to_vec();
    with_customers.push(&customers);
    engine.statements.execute("resuming", &split, &with_customers).await?;
    let rest = format!("UPDATE acequia.hold h SET next_try_at = now() WHERE reason = 'paused' AND {INSIDE}");
    engine.statements.execute("resuming", &rest, params).await?;
    due(engine, "'locked', 'broken'", params).await
}

async fn due(engine: &mut Engine, reasons: &str, params: &[Param<'_>; 4]) -> Result<(), Error> {
    let sql =
        format!("UPDATE acequia.hold h SET next_try_at = now() WHERE reason IN ({reasons}) AND {TOUCHING}");
    engine.statements.execute("putting holds on time", &sql, params).await?;
    Ok(())
}
