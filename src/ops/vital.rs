//! What an onlooker saw of a flow: it asks both databases itself, over sessions of its own, so that a flow that is stuck,
//! broken or silent can't hide it.
//!
//! Every age is in seconds as of the moment at which the state was written ([`super::DaemonState::written_at`]); who reads
//! later adds what has gone by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is known of one flow without its help.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Vital {
    /// The source, as a place to ask.
    pub source: Side,
    /// The target, as a place to ask.
    pub target: Side,
    /// Age of the oldest heartbeat that was sent through the source's WAL and is not committed in the target, or of the first
    /// one that could not be sent; 0 when all have come. A row written at the source so long ago may not have arrived.
    pub heartbeat_age_seconds: f64,
    /// From the sending of the last heartbeat that came to its commit in the target; nothing before the first one.
    pub heartbeat_took_seconds: Option<f64>,
    /// Since the last heartbeat that came was sent: what was committed before that has come too. Nothing before the first one.
    #[serde(default)]
    pub heartbeat_came_seconds: Option<f64>,
    /// Why no heartbeat can be written; nothing where the last one was.
    #[serde(default)]
    pub heartbeat_problem: Option<String>,
    /// The flow's slot; nothing where it has none, or nobody could ask.
    pub slot: Option<SlotVital>,
    /// What there is to say where the flow's slot was given up on purpose and not replaced since.
    #[serde(default)]
    pub given_up: Option<String>,
    /// WAL that the source has written since the checkpoint, in bytes.
    pub behind_bytes: Option<u64>,
    /// Seconds since the checkpoint in the target moved last.
    pub commit_age_seconds: Option<f64>,
    /// Seconds since `customers` was counted; nothing before it was. Counting is done the more seldom the longer it takes.
    #[serde(default)]
    pub counted_seconds_ago: Option<f64>,
    /// The customers of the flow, by name.
    pub customers: BTreeMap<String, CustomerVital>,
    /// Who or what is held, in the order of `acequia status`.
    pub holds: Vec<HoldVital>,
}

/// One of the two databases.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Side {
    /// Its name in the rule files.
    pub database: String,
    /// Seconds since it answered last; nothing where it never has.
    pub answered_seconds_ago: Option<f64>,
    /// Why it does not answer now.
    pub problem: Option<String>,
}

/// Where nothing bounds what a slot keeps, so much is worth a word: 10 GB, as PostgreSQL counts.
pub const UNBOUNDED_WAL_BYTES: u64 = 10 << 30;

/// A replication slot, as the server shows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SlotVital {
    /// Its name.
    pub name: String,
    /// WAL that it keeps from being removed, in bytes.
    pub retained_wal_bytes: u64,
    /// `max_retained_wal`: past it the slot is given up on purpose.
    pub max_retained_wal_bytes: Option<u64>,
    /// `reserved`, `extended`, `unreserved` or `lost`, in the server's words.
    pub wal_status: Option<String>,
    /// What may still be written before the server itself gives the slot up (`max_slot_wal_keep_size`), in bytes.
    pub safe_wal_bytes: Option<i64>,
    /// Somebody reads from it.
    pub active: bool,
}

impl SlotVital {
    /// More than [`UNBOUNDED_WAL_BYTES`] without any bound: nothing ends this before the source's disk is full.
    pub fn is_much_without_a_bound(&self) -> bool {
        self.has_no_bound() && self.retained_wal_bytes > UNBOUNDED_WAL_BYTES
    }

    /// Neither `max_retained_wal` nor the server's `max_slot_wal_keep_size`.
    pub fn has_no_bound(&self) -> bool {
        self.max_retained_wal_bytes.is_none() && self.safe_wal_bytes.is_none()
    }
}

/// One customer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CustomerVital {
    /// Rows written since the flow began: created, updated, deleted, and left alone.
    pub written: BTreeMap<String, u64>,
    /// Parked rows by reason, in the words of `acequia parked list`.
    pub parked: BTreeMap<String, u64>,
    /// Age of the oldest one that is parked because of what it is (rejected, ambiguous, missing a parent …), not because its
    /// customer is held, copied or written at certain times.
    pub oldest_parked_seconds: Option<f64>,
    /// Age of the oldest one that waits because its customer is held or copied.
    pub oldest_held_seconds: Option<f64>,
    /// For how long it has lacked rows that wait nowhere: they were dropped, or are yet to be copied.
    #[serde(default)]
    pub oldest_lacking_seconds: Option<f64>,
}

/// One hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HoldVital {
    /// `paused`, `locked`, `broken`, `overflow`, `scheduled`, `backfill` or, of a copy that waits for a yes, `unconfirmed`.
    pub reason: String,
    /// The customer; nothing where all are held.
    pub customer: Option<String>,
    /// The sync group; nothing where all are held.
    pub sync: Option<String>,
    /// The data set; nothing where all are held.
    pub dataset: Option<String>,
    /// For how long.
    pub age_seconds: f64,
}
