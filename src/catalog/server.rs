//! A server, as far as Acequia asks about it, and one of its replication slots.

use std::fmt;

use tokio_postgres::Client;

use crate::lsn::Lsn;
use crate::postgres::Error;

const SERVER: &str = include_str!("../../sql/catalog/server.sql");
const SLOT: &str = include_str!("../../sql/catalog/slot.sql");
const OLDEST: &str = include_str!("../../sql/catalog/oldest_transaction.sql");
/// Prefix of the logical message that is a heartbeat.
pub const HEARTBEAT_PREFIX: &str = "acequia.heartbeat";
/// From this version on a standby can keep a copy of a logical slot.
const FAILOVER_SINCE: i32 = 170_000;

/// Facts about a server and this session's role.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each asked for by one check")]
pub struct Server {
    /// `server_version_num`: 150018 is 15.18.
    pub version: i32,
    /// `logical` is needed at a source.
    pub wal_level: String,
    /// `max_replication_slots`.
    pub max_replication_slots: i32,
    /// `max_wal_senders`.
    pub max_wal_senders: i32,
    /// Replication slots that there are.
    pub slots_taken: i32,
    /// WAL senders that are at work.
    pub senders_taken: i32,
    /// `wal_sender_timeout` in milliseconds; 0 is off.
    pub wal_sender_timeout_ms: i32,
    /// `max_slot_wal_keep_size` in bytes; none where the server keeps WAL for a slot without bound.
    pub slot_keep_bytes: Option<u64>,
    /// `max_locks_per_transaction`.
    pub locks_each: i64,
    /// How many transactions share the room for their locks.
    pub transactions_max: i64,
    /// `server_encoding`.
    pub encoding: String,
    /// A standby.
    pub in_recovery: bool,
    /// The role has REPLICATION (managed services allow replication without it: only a try tells).
    pub may_replicate: bool,
    /// The cluster's number.
    pub system_identifier: String,
    /// The timeline that it writes; none on a standby.
    pub timeline: Option<u32>,
    /// The end of its WAL; none on a standby.
    pub wal_end: Option<Lsn>,
    /// The database's number in its cluster.
    pub database_oid: u32,
    /// The role's name.
    pub role: String,
    /// CREATE on the database.
    pub may_create_schema: bool,
    /// The schema `acequia` is there.
    pub has_control_schema: bool,
    /// … and this role may create tables in it.
    pub may_write_control_schema: bool,
}

/// What a slot is that has the name of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stranger {
    /// It has no plugin.
    Physical,
    /// It has this one.
    Plugin(String),
    /// It decodes this one, as we would. A slot's name is of the whole server, so it may well be another Acequia's.
    Database(String),
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Physical => f.write_str("a physical slot"),
            Self::Plugin(plugin) => write!(f, "a slot of another plugin, {plugin}"),
            Self::Database(database) => write!(f, "a slot of another database, {database}"),
        }
    }
}

/// A replication slot as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// `logical` or `physical`.
    pub kind: String,
    /// The output plugin.
    pub plugin: Option<String>,
    /// The database that it decodes.
    pub database: Option<String>,
    /// Who reads it now.
    pub active_pid: Option<i32>,
    /// The reader's application name.
    pub holder: Option<String>,
    /// The reader's address; `None` for a socket.
    pub holder_address: Option<String>,
    /// Why the server has given it up, in the server's own word (`wal_removed`, `rows_removed`, …).
    pub invalidated: Option<String>,
    /// A standby may keep a copy of it; none before 17.
    pub failover: Option<bool>,
    /// What the reader confirmed last.
    pub confirmed: Option<Lsn>,
    /// From here on WAL is kept.
    pub restart: Option<Lsn>,
    /// `reserved`, `extended`, `unreserved` or `lost`: whether the server still keeps the WAL that it needs.
    pub wal_status: Option<String>,
    /// What may still be written before the server gives it up; none where `max_slot_wal_keep_size` sets no bound.
    pub safe_bytes: Option<i64>,
    /// WAL kept for this slot, in bytes.
    pub retained_bytes: Option<i64>,
    /// WAL written since the confirmed position, in bytes.
    pub behind_bytes: Option<i64>,
}

impl Server {
    /// Asks the server.
    pub async fn read(client: &Client) -> Result<Self, Error> {
        let row = client
            .query_one(SERVER, &[])
            .await
            .map_err(|error| Error::from_driver("reading the server's settings", &error))?;
        Ok(Self {
            version: row.get("version"),
            wal_level: row.get("wal_level"),
            max_replication_slots: row.get("max_replication_slots"),
            max_wal_senders: row.get("max_wal_senders"),
            slots_taken: row.get("slots_taken"),
            senders_taken: row.get("senders_taken"),
            system_identifier: row.get("system_identifier"),
            timeline: row.get::<_, Option<i32>>("timeline").and_then(|timeline| timeline.try_into().ok()),
            wal_end: row.get::<_, Option<&str>>("wal_end").and_then(|end| end.parse().ok()),
            database_oid: row.get("database_oid"),
            wal_sender_timeout_ms: row.get("wal_sender_timeout_ms"),
            // Megabytes; -1 is no bound.
            slot_keep_bytes: u64::try_from(row.get::<_, i64>("slot_keep_megabytes"))
                .ok()
                .map(|megabytes| megabytes.saturating_mul(1 << 20)),
            locks_each: row.get("locks_each"),
            transactions_max: row.get("transactions_max"),
            encoding: row.get("encoding"),
            in_recovery: row.get("in_recovery"),
            may_replicate: row.get("may_replicate"),
            role: row.get("role"),
            may_create_schema: row.get("may_create_schema"),
            has_control_schema: row.get("has_control_schema"),
            may_write_control_schema: row.get("may_write_control_schema"),
        })
    }
}

impl Server {
    /// Where the server writes its log now: whatever commits later lies beyond.
    pub async fn position(client: &Client) -> Result<Lsn, Error> {
        let row = client
            .query_one("SELECT pg_current_wal_insert_lsn()::text", &[])
            .await
            .map_err(|error| Error::from_driver("asking for the server's position", &error))?;
        let position = row.get::<_, &str>(0).parse();
        position.map_err(|_| Error::protocol("asking for the server's position", "a position that is none"))
    }
}

impl Server {
    /// It knows slots that a standby may keep a copy of.
    pub fn has_failover_slots(&self) -> bool {
        self.version >= FAILOVER_SINCE
    }

    /// Whose transaction is the oldest of those that have written something: process and application name.
    pub async fn oldest_transaction(client: &Client) -> Result<Option<(i32, String)>, Error> {
        let row = client
            .query_opt(OLDEST, &[])
            .await
            .map_err(|error| Error::from_driver("looking for the oldest transaction", &error))?;
        Ok(row.map(|row| (row.get("pid"), row.get("application"))))
    }

    /// How far its log is on disk: a slot can be moved there.
    pub async fn flushed(client: &Client) -> Result<Lsn, Error> {
        const DOING: &str = "asking for the server's flushed position";
        let row = client.query_one("SELECT pg_current_wal_flush_lsn()::text", &[]).await;
        let row = row.map_err(|error| Error::from_driver(DOING, &error))?;
        row.get::<_, &str>(0).parse().map_err(|_| Error::protocol(DOING, "a position that is none"))
    }

    /// Where the server writes its log now; none on a standby.
    pub async fn end(client: &Client) -> Result<Option<Lsn>, Error> {
        const DOING: &str = "asking for the end of the server's log";
        let sql = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn()::text END";
        let row = client.query_one(sql, &[]).await.map_err(|error| Error::from_driver(DOING, &error))?;
        let end = row.get::<_, Option<&str>>(0).map(str::parse).transpose();
        end.map_err(|_| Error::protocol(DOING, "a position that is none"))
    }

    /// Writes a heartbeat: a message that every flow of this database hands on to its target. Transactional, because before 17
    /// the other kind is not flushed. Nothing is written on a standby.
    pub async fn beat(client: &Client, content: &str) -> Result<Option<Lsn>, Error> {
        const DOING: &str = "writing a heartbeat";
        let sql =
            "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_logical_emit_message(true, $1, $2)::text END";
        let row = client.query_one(sql, &[&HEARTBEAT_PREFIX, &content]).await;
        let row = row.map_err(|error| Error::from_driver(DOING, &error))?;
        let at = row.get::<_, Option<&str>>(0).map(str::parse).transpose();
        at.map_err(|_| Error::protocol(DOING, "a position that is none"))
    }

    /// Marks a place in the log by a message of our own. What has committed by now lies before it, and what commits later
    /// lies behind it.
    pub async fn mark(client: &Client) -> Result<Lsn, Error> {
        const DOING: &str = "marking a place in the log";
        let sql = "SELECT pg_logical_emit_message(true, 'acequia', 'rules')::text";
        let row = client.query_one(sql, &[]).await.map_err(|error| Error::from_driver(DOING, &error))?;
        row.get::<_, &str>(0).parse().map_err(|_| Error::protocol(DOING, "a position that is none"))
    }
}

impl Slot {
    /// What it is, where it can't be one of ours for this database.
    pub fn stranger(&self, dbname: &str) -> Option<Stranger> {
        match (self.plugin.as_deref(), self.database.as_deref()) {
            (None, _) => Some(Stranger::Physical),
            (Some(plugin), _) if plugin != "pgoutput" => Some(Stranger::Plugin(plugin.to_owned())),
            (Some(_), Some(other)) if other != dbname => Some(Stranger::Database(other.to_owned())),
            (Some(_), _) => None,
        }
    }

    /// Moves one that nobody reads.
    pub async fn advance(client: &Client, name: &str, to: Lsn) -> Result<(), Error> {
        let sql = "SELECT pg_replication_slot_advance($1::text::name, $2::text::pg_lsn) \
                   FROM pg_replication_slots WHERE slot_name = $1::text AND confirmed_flush_lsn < $2::text::pg_lsn";
        let moved = client.execute(sql, &[&name, &to.to_string()]).await;
        moved.map_err(|error| Error::from_driver(format!("moving slot {name}"), &error))?;
        Ok(())
    }

    /// Drops one that nobody reads.
    pub async fn drop(client: &Client, name: &str) -> Result<(), Error> {
        let dropped = client.execute("SELECT pg_drop_replication_slot($1::text::name)", &[&name]).await;
        dropped.map_err(|error| Error::from_driver(format!("dropping slot {name}"), &error))?;
        Ok(())
    }

    /// Reads it; `None` where there is none of that name.
    pub async fn read(client: &Client, name: &str) -> Result<Option<Self>, Error> {
        let row = client
            .query_opt(SLOT, &[&name])
            .await
            .map_err(|error| Error::from_driver("reading the replication slot", &error))?;
        let Some(row) = row else { return Ok(None) };
        let position = |column: &str| row.get::<_, Option<&str>>(column).and_then(|text| text.parse().ok());
        Ok(Some(Self {
            kind: row.get("kind"),
            plugin: row.get("plugin"),
            database: row.get("database"),
            active_pid: row.get("active_pid"),
            holder: row.get("holder"),
            holder_address: row.get("holder_address"),
            invalidated: row.get("invalidated"),
            failover: row.get("failover"),
            confirmed: position("confirmed"),
            restart: position("restart"),
            wal_status: row.get("wal_status"),
            safe_bytes: row.get("safe_bytes"),
            retained_bytes: row.get("retained_bytes"),
            behind_bytes: row.get("behind_bytes"),
        }))
    }
}
