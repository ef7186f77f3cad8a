//! The trail of what operators and the daemon do: one row in `acequia.audit` for each act. Names, counts and words only: no
//! value and no key of a row ever stands there.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio_postgres::Client;

use super::actor::actor;
use crate::config::Database;
use crate::logging::ACT;
use crate::postgres::{self, Error};

/// A database that does not answer keeps nobody waiting for longer than this.
const NOTE_LIMIT: Duration = Duration::from_secs(10);

/// `$1` who, `$2` what, `$3` detail, `$4` by whom. The role that the session logged in with is the server's to say.
const WRITE: &str = "INSERT INTO acequia.audit (who, what, detail) VALUES ($1, $2, $3::text::jsonb || \
    jsonb_build_object('by', $4::text::jsonb || jsonb_build_object('role', session_user)))";

/// Writes an act down, in the transaction at hand where there is one. `detail` is a JSON object. Answers whether there is an
/// audit at all: a database without a control schema has none.
pub async fn record(client: &Client, what: &str, detail: &Value) -> Result<bool, Error> {
    let actor = actor();
    record_by(client, (&actor.name, &actor.as_json()), what, detail).await
}

/// The same where somebody else has asked for it.
async fn record_by(client: &Client, by: (&str, &Value), what: &str, detail: &Value) -> Result<bool, Error> {
    let written = write(client, by, what, detail).await?;
    if written {
        tell(by, what, detail);
    }
    Ok(written)
}

/// The log says the same.
fn tell((who, by): (&str, &Value), what: &str, detail: &Value) {
    tracing::info!(target: ACT, what, who, %detail, %by, "done: {what}");
}

async fn write(
    client: &Client,
    (who, by): (&str, &Value),
    what: &str,
    detail: &Value,
) -> Result<bool, Error> {
    let failed = |error| Error::from_driver("writing to the audit", &error);
    let there = client.query_one("SELECT to_regclass('acequia.audit') IS NOT NULL", &[]).await;
    if !there.map_err(failed)?.get::<_, bool>(0) {
        return Ok(false);
    }
    let (detail, by) = (detail.to_string(), by.to_string());
    client.execute(WRITE, &[&who, &what, &detail, &by]).await.map_err(failed)?;
    Ok(true)
}

/// Writes an act down in databases with which no session is open. Answers where that could not be done: the act itself is
/// done, so whoever did it is only told.
pub async fn note(databases: Vec<&Database>, application: &str, what: &str, detail: &Value) -> Vec<String> {
    let actor = actor();
    note_by(databases, application, (&actor.name, &actor.as_json()), what, detail).await
}

/// The same where somebody else has asked for it.
pub async fn note_by(
    databases: Vec<&Database>,
    application: &str,
    by: (&str, &Value),
    what: &str,
    detail: &Value,
) -> Vec<String> {
    tell(by, what, detail);
    let written = databases.into_iter().map(async |database| {
        let written = async {
            let session = postgres::open(database, application).await?;
            write(&session, by, what, detail).await
        };
        let written = postgres::within(NOTE_LIMIT, "writing to the audit", written).await;
        let failed = |error| {
            format!("`{what}` is not written down in acequia.audit of database {}: {error}", database.name)
        };
        written.err().map(failed)
    });
    join_all(written).await.into_iter().flatten().collect()
}
