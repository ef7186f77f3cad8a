//! The checkpoint: how far a flow has come, a row in the target that moves in the same transaction as the data.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::actor::actor;
use crate::lsn::Lsn;
use crate::postgres::Error;
use crate::source::lineage::Lineage;

/// A flow's row in `acequia.checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The source cluster.
    pub system_identifier: String,
    /// Its timeline; none where that was not written down.
    pub timeline: Option<u32>,
    /// Where that timeline began.
    pub timeline_from: Option<Lsn>,
    /// What is wrong with the position, where no slot shows it.
    pub lost: Option<Lost>,
    /// The slot is being created: nothing was read from it yet.
    pub creating: bool,
    /// The flow rests: when it runs again, it goes on from then.
    pub resting: bool,
    /// Everything that committed before this position is in the customers.
    pub lsn: Lsn,
}

/// Why a position is of no use any more although a slot may serve it: noticed once, and true until a resync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The source's WAL ended here, before the position: whatever it has written since is something else.
    SetBack(Lsn),
    /// The publication was dropped while changes were unread.
    Unpublished,
    /// What comes after this position could not be read. True only as long as the flow stands there: it is tried again.
    Illegible(Lsn),
    /// The slot kept more WAL than it may, and was dropped for that.
    GivenUp {
        /// When, seconds since 1970.
        at: i64,
        /// What it kept, in bytes.
        kept: u64,
        /// What it may keep, in bytes.
        limit: u64,
    },
}

impl Lost {
    fn to_text(self) -> String {
        match self {
            Self::SetBack(end) => format!("set back to {end}"),
            Self::Unpublished => "unpublished".to_owned(),
            Self::Illegible(at) => format!("illegible from {at}"),
            Self::GivenUp { at, kept, limit } => format!("given up at {at} with {kept} of {limit} bytes"),
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        if let Some(end) = text.strip_prefix("set back to ") {
            return end.parse().ok().map(Self::SetBack);
        }
        if let Some(at) = text.strip_prefix("illegible from ") {
            return at.parse().ok().map(Self::Illegible);
        }
        if let Some(given_up) = text.strip_prefix("given up at ") {
            let (at, sizes) = given_up.strip_suffix(" bytes")?.split_once(" with ")?;
            let (kept, limit) = sizes.split_once(" of ")?;
            return Some(Self::GivenUp {
                at: at.parse().ok()?,
                kept: kept.parse().ok()?,
                limit: limit.parse().ok()?,
            });
        }
        (text == "unpublished").then_some(Self::Unpublished)
    }
}

const READ: &str = "SELECT system_identifier, timeline, timeline_from::text, lost, state = 'creating' AS creating, \
                    state = 'resting' AS resting, lsn::text AS lsn FROM acequia.checkpoint WHERE flow = $1";

const ANNOUNCE: &str = "INSERT INTO acequia.checkpoint (flow, system_identifier, timeline, timeline_from, source_database, \
    slot, state, lsn) VALUES ($1, $2, $3, $4::text::pg_lsn, $5, $6, 'creating', '0/0') ON CONFLICT (flow) DO UPDATE SET \
    state = 'creating', system_identifier = excluded.system_identifier, timeline = excluded.timeline, \
    timeline_from = excluded.timeline_from, lost = NULL, slot = excluded.slot, lsn = '0/0', updated_at = now()";

/// What was parked before goes before what comes now, though another history may have written it at higher positions; and
/// every column of now was there before the new slot was.
const RENEW: &str = "WITH moved AS (UPDATE acequia.checkpoint SET state = 'live', system_identifier = $2, timeline = $3, \
    timeline_from = $4::text::pg_lsn, lsn = $5::text::pg_lsn, lost = NULL, updated_at = now() WHERE flow = $1), \
    columns AS (UPDATE acequia.source_column SET since = '0/0' WHERE flow = $1 AND since <> '0/0'), \
    waiting AS (UPDATE acequia.parked SET first_lsn = least(first_lsn, $5::text::pg_lsn), \
    last_lsn = least(last_lsn, $5::text::pg_lsn) WHERE flow = $1 AND last_lsn > $5::text::pg_lsn), \
    repairs AS (UPDATE acequia.repair SET seen = NULL, passed = NULL WHERE flow = $1) \
    INSERT INTO acequia.audit (who, what, detail) VALUES ($7, 'slot made anew', jsonb_build_object('flow', $1::text, \
    'position', $5::text, 'text', $6::text, 'by', $8::text::jsonb || jsonb_build_object('role', session_user)))";

const WAKE: &str = "WITH moved AS (UPDATE acequia.checkpoint SET state = 'live', lsn = $2::text::pg_lsn, updated_at = now() \
    WHERE flow = $1), \
    copied AS (UPDATE acequia.backfill SET state = 'comparing', resync = true, cursor = NULL, passed = NULL, horizon = NULL, \
    rows = 0 WHERE flow = $1 AND state IN ('comparing', 'copying', 'replaying')), \
    held AS (UPDATE acequia.hold SET next_try_at = NULL WHERE flow = $1 AND reason = 'backfill'), \
    old AS (DELETE FROM acequia.parked WHERE flow = $1 RETURNING flow, from_customer, to_customer, dataset, key) \
    INSERT INTO acequia.repair (flow, from_customer, to_customer, dataset, key) SELECT * FROM old";

const FOLLOW: &str = "WITH moved AS (UPDATE acequia.checkpoint SET timeline = $2, timeline_from = $3::text::pg_lsn, \
    updated_at = now() WHERE flow = $1) INSERT INTO acequia.audit (who, what, detail) VALUES ($5, 'timeline followed', \
    jsonb_build_object('flow', $1::text, 'timeline', $2::int4, 'text', $4::text, \
    'by', $6::text::jsonb || jsonb_build_object('role', session_user)))";

const FORGET: &str = "WITH tables AS (DELETE FROM acequia.source_table WHERE flow = $1), \
    columns AS (DELETE FROM acequia.source_column WHERE flow = $1) \
    UPDATE acequia.checkpoint SET publication = NULL, source_shape = NULL WHERE flow = $1";

/// Nothing where a slot was made since: its position lies beyond.
const GIVE_UP: &str = "WITH known AS (UPDATE acequia.checkpoint SET lost = $2 WHERE flow = $1 AND state <> 'creating' \
    AND lsn <= $3::text::pg_lsn RETURNING flow) INSERT INTO acequia.audit (who, what, detail) SELECT $5, 'slot given up', \
    jsonb_build_object('flow', flow, 'text', $4::text, 'by', $6::text::jsonb || jsonb_build_object('role', session_user)) \
    FROM known";

const ASKED: &str = "SELECT max(id) FROM acequia.wish WHERE flow = $1 AND what = 'resync' AND sync IS NULL \
    AND to_customer IS NULL AND dataset IS NULL";

impl Checkpoint {
    /// Reads it; `None` before the flow ran for the first time.
    pub async fn read(client: &Client, flow: &str) -> Result<Option<Self>, Error> {
        let row = client
            .query_opt(READ, &[&flow])
            .await
            .map_err(|error| Error::from_driver("reading the checkpoint", &error))?;
        row.as_ref().map(Self::from_row).transpose()
    }

    fn from_row(row: &Row) -> Result<Self, Error> {
        let none = || Error::protocol("reading the checkpoint", "a position that is none");
        let began: Option<&str> = row.get("timeline_from");
        let lost: Option<&str> = row.get("lost");
        Ok(Self {
            system_identifier: row.get("system_identifier"),
            timeline: row.get::<_, Option<i32>>("timeline").and_then(|timeline| timeline.try_into().ok()),
            timeline_from: began.map(str::parse).transpose().map_err(|_| none())?,
            lost: lost.map(|text| Lost::from_text(text).ok_or_else(none)).transpose()?,
            creating: row.get("creating"),
            resting: row.get("resting"),
            lsn: row.get::<_, &str>("lsn").parse().map_err(|_| none())?,
        })
    }

    /// The same where there may be no control schema yet.
    pub async fn look(client: &Client, flow: &str) -> Result<Option<Self>, Error> {
        let known = client.query_one("SELECT to_regclass('acequia.checkpoint') IS NOT NULL", &[]).await;
        let known = known.map_err(|error| Error::from_driver("looking for the control schema", &error))?;
        if known.get(0) { Self::read(client, flow).await } else { Ok(None) }
    }

    /// All flows that have one: (flow, source database, slot). None where there is no control schema.
    pub async fn all(client: &Client) -> Result<Vec<(String, String, String)>, Error> {
        let failed = |error| Error::from_driver("reading the checkpoints", &error);
        let known = client.query_one("SELECT to_regclass('acequia.checkpoint') IS NOT NULL", &[]).await;
        if !known.map_err(failed)?.get::<_, bool>(0) {
            return Ok(Vec::new());
        }
        let sql = "SELECT flow, source_database, slot FROM acequia.checkpoint ORDER BY flow";
        let rows = client.query(sql, &[]).await.map_err(failed)?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
    }

    /// The flow rests, and this is how far its source has come. `false` where somebody writes it.
    pub async fn rest(client: &Client, flow: &str, at: Lsn) -> Result<bool, Error> {
        let sql = "UPDATE acequia.checkpoint SET state = 'resting', lsn = greatest(lsn, $2::text::pg_lsn), updated_at = now() \
                   WHERE flow = $1 AND state <> 'creating'";
        alone(client, flow, "moving the checkpoint of a flow that rests", sql, &[&flow, &at.to_string()])
            .await
    }

    /// The flow's slot is about to be dropped: whoever starts it from here on makes it anew. `false` where somebody writes it.
    pub async fn leave(client: &Client, flow: &str) -> Result<bool, Error> {
        let sql = "UPDATE acequia.checkpoint SET state = 'creating', lsn = '0/0', updated_at = now() WHERE flow = $1";
        alone(client, flow, "leaving the slot of a flow that rests", sql, &[&flow]).await
    }

    /// The flow's slot is dropped.
    pub async fn forget(client: &Client, flow: &str) -> Result<(), Error> {
        let sql = "DELETE FROM acequia.checkpoint WHERE flow = $1 AND state = 'creating'";
        let gone = client.execute(sql, &[&flow]).await;
        gone.map_err(|error| Error::from_driver("forgetting the checkpoint of a flow that rests", &error))?;
        Ok(())
    }

    /// Says that the slot is about to be created, so that a death in between is recognized.
    pub async fn announce(
        client: &Client,
        flow: &str,
        lineage: &Lineage,
        (database, slot): (&str, &str),
    ) -> Result<(), Error> {
        let (timeline, began) = timeline(lineage);
        client
            .execute(ANNOUNCE, &[&flow, &lineage.system, &timeline, &began, &database, &slot])
            .await
            .map_err(|error| Error::from_driver("announcing the replication slot", &error))?;
        Ok(())
    }

    /// The flow goes on from this position, and has missed what came before: what was being copied is compared and copied anew,
    /// and what was parked is looked at again.
    pub async fn wake(client: &Client, flow: &str, at: Lsn) -> Result<(), Error> {
        client
            .execute(WAKE, &[&flow, &at.to_string()])
            .await
            .map_err(|error| Error::from_driver("going on from now", &error))?;
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

    /// Another slot serves the flow from here on; what lies between is brought by a resync. `why` goes into the audit.
    pub async fn renew(
        client: &Client,
        flow: &str,
        lineage: &Lineage,
        at: Lsn,
        why: &str,
    ) -> Result<(), Error> {
        let (timeline, began) = timeline(lineage);
        let (who, by) = (actor(), actor().as_json().to_string());
        client
            .execute(
                RENEW,
                &[&flow, &lineage.system, &timeline, &began, &at.to_string(), &why, &who.name, &by],
            )
            .await
            .map_err(|error| Error::from_driver("recording the new slot's position", &error))?;
        Ok(())
    }

    /// Forgets what is remembered of the source's tables: numbers of another history name other things.
    pub async fn forget_source(client: &Client, flow: &str) -> Result<(), Error> {
        client
            .execute(FORGET, &[&flow])
            .await
            .map_err(|error| Error::from_driver("forgetting the source's tables", &error))?;
        Ok(())
    }

    /// The source went over to another timeline, and everything up to the checkpoint is in that one too.
    pub async fn follow(client: &Client, flow: &str, lineage: &Lineage, text: &str) -> Result<(), Error> {
        let (timeline, began) = timeline(lineage);
        let (who, by) = (actor(), actor().as_json().to_string());
        client
            .execute(FOLLOW, &[&flow, &timeline, &began, &text, &who.name, &by])
            .await
            .map_err(|error| Error::from_driver("recording the source's timeline", &error))?;
        Ok(())
    }

    /// The flow's slot is given up, where its source's log ended at `end`. `text` goes into the audit.
    pub async fn give_up(
        client: &Client,
        flow: &str,
        lost: Lost,
        end: &str,
        text: &str,
    ) -> Result<(), Error> {
        let (who, by) = (actor(), actor().as_json().to_string());
        client
            .execute(GIVE_UP, &[&flow, &lost.to_text(), &end, &text, &who.name, &by])
            .await
            .map_err(|error| Error::from_driver("recording that a slot is given up", &error))?;
        Ok(())
    }

    /// Writes down what no slot will show later.
    pub async fn lose(client: &Client, flow: &str, lost: Lost) -> Result<(), Error> {
        client
            .execute("UPDATE acequia.checkpoint SET lost = $2 WHERE flow = $1", &[&flow, &lost.to_text()])
            .await
            .map_err(|error| Error::from_driver("recording that the position is of no use", &error))?;
        Ok(())
    }
}

/// The last wish for a resync of the whole flow, which stays: the writer's first transaction takes it.
pub async fn asked_for_resync(client: &Client, flow: &str) -> Result<Option<i64>, Error> {
    let row = client.query_one(ASKED, &[&flow]).await;
    Ok(row.map_err(|error| Error::from_driver("looking for wishes", &error))?.get(0))
}

/// The timeline as the control schema has it: its number, and where it began.
fn timeline(lineage: &Lineage) -> (Option<i32>, Option<String>) {
    let began = lineage.began(lineage.timeline).map(|at| at.to_string());
    (i32::try_from(lineage.timeline).ok(), began)
}

/// Runs a statement where nobody else writes the flow, which a lock of the writer's session says.
async fn alone(
    client: &Client,
    flow: &str,
    doing: &str,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<bool, Error> {
    let failed = |error| Error::from_driver(doing, &error);
    let lock = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
    let key = lock_key(flow);
    if !client.query_one(lock, &[&key]).await.map_err(failed)?.get::<_, bool>(0) {
        return Ok(false);
    }
    let done = client.execute(sql, params).await;
    let unlock = client.query_one("SELECT pg_advisory_unlock(hashtextextended($1, 0))", &[&key]).await;
    done.map_err(failed)?;
    unlock.map_err(failed)?;
    Ok(true)
}

/// What the flow's lock is made from.
pub(super) fn lock_key(flow: &str) -> String {
    format!("acequia flow {flow}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_reads_back_as_it_is_written() {
        let given_up = Lost::GivenUp { at: -1, kept: 7, limit: 5 };
        let illegible = Lost::Illegible(Lsn(0x16_B374_D848));
        for lost in [Lost::SetBack(Lsn(0x16_B374_D848)), Lost::Unpublished, illegible, given_up] {
            assert_eq!(Lost::from_text(&lost.to_text()), Some(lost));
        }
        for other in ["something else", "given up at 1", "given up at 1 with 2 of x bytes"] {
            assert_eq!(Lost::from_text(other), None);
        }
    }
}
