//! The checkpoint: how far a flow has come, a row in the target that moves in the same transaction as the data.

use tokio_postgres::Client;

use crate::lsn::Lsn;
use crate::postgres::Error;

/// A flow's row in `acequia.checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The source cluster.
    pub system_identifier: String,
    /// The slot.
    pub slot: String,
    /// The slot is being created: nothing was read from it yet.
    pub creating: bool,
    /// Everything that committed before this position is in the customers.
    pub lsn: Lsn,
}

const READ: &str = "SELECT system_identifier, slot, state = 'creating' AS creating, lsn::text AS lsn \
                    FROM acequia.checkpoint WHERE flow = $1";

impl Checkpoint {
    /// Reads it; `None` before the flow ran for the first time.
    pub async fn read(client: &Client, flow: &str) -> Result<Option<Self>, Error> {
        let row = client
            .query_opt(READ, &[&flow])
            .await
            .map_err(|error| Error::from_driver("reading the checkpoint", &error))?;
        let Some(row) = row else { return Ok(None) };
        let lsn = row.get::<_, &str>("lsn").parse();
        Ok(Some(Self {
            system_identifier: row.get("system_identifier"),
            slot: row.get("slot"),
            creating: row.get("creating"),
            lsn: lsn.map_err(|_| Error::protocol("reading the checkpoint", "a position that is none"))?,
        }))
    }

    /// Says that the slot is about to be created, so that a death in between is recognized.
    pub async fn announce(
        client: &Client,
        flow: &str,
        system: &str,
        database: &str,
        slot: &str,
    ) -> Result<(), Error> {
        client
            .execute(
                "INSERT INTO acequia.checkpoint (flow, system_identifier, source_database, slot, state, lsn) \
                 VALUES ($1, $2, $3, $4, 'creating', '0/0') ON CONFLICT (flow) DO UPDATE SET state = 'creating', \
                 system_identifier = excluded.system_identifier, slot = excluded.slot, lsn = '0/0', updated_at = now()",
                &[&flow, &system, &database, &slot],
            )
            .await
            .map_err(|error| Error::from_driver("announcing the replication slot", &error))?;
        Ok(())
    }

    /// The slot exists from this position on.
    pub async fn begin(client: &Client, flow: &str, at: Lsn) -> Result<(), Error> {
        client
            .execute(
                "UPDATE acequia.checkpoint SET state = 'live', lsn = $2::text::pg_lsn, updated_at = now() WHERE flow = $1",
                &[&flow, &at.to_string()],
            )
            .await
            .map_err(|error| Error::from_driver("recording the first position", &error))?;
        Ok(())
    }
}
