//! What the catalogs of both databases said when the flow was prepared last, remembered with its checkpoint.

use tokio_postgres::Client;

use crate::catalog::Fingerprint;
use crate::postgres::Error;

/// Writes both down. Where the target's tables have changed since the last time, rows that they refused become due: the
/// constraint may be gone, the enum may have the label, the column may be wider.
const REMEMBER: &str = "WITH old AS (SELECT flow, target_shape FROM acequia.checkpoint WHERE flow = $1 FOR UPDATE), \
    new AS (UPDATE acequia.checkpoint c SET source_shape = $2, target_shape = $3, shape_at = now() \
            FROM old WHERE c.flow = old.flow RETURNING old.target_shape <> $3 AS changed), \
    due AS (UPDATE acequia.parked p SET next_try_at = now() FROM new \
            WHERE (new.changed OR $4::bool) AND p.flow = $1 AND p.reason = 'rejected' RETURNING 1) \
    SELECT count(*) FROM due";

/// Remembers what the catalogs say. Answers how many refused rows are tried again because of it. `drifted`: something has
/// changed in between, even if it is by now what it was.
pub async fn remember(
    client: &Client,
    flow: &str,
    source: &Fingerprint,
    target: &Fingerprint,
    drifted: bool,
) -> Result<i64, Error> {
    let row = client
        .query_one(REMEMBER, &[&flow, &source.tables, &target.tables, &drifted])
        .await
        .map_err(|error| Error::from_driver("remembering what the catalogs say", &error))?;
    Ok(row.get(0))
}

/// Remembers which version of the publication was the last one seen.
pub async fn keep_publication(client: &Client, flow: &str, version: Option<&str>) -> Result<(), Error> {
    client
        .execute("UPDATE acequia.checkpoint SET publication = $2 WHERE flow = $1", &[&flow, &version])
        .await
        .map_err(|error| Error::from_driver("remembering the publication", &error))?;
    Ok(())
}
