//! Whether a slot can bring what comes after the checkpoint: told from identities and positions, before anything is written.
//!
//! What the slot itself does not show is looked for in the server: another cluster, another history of the same cluster
//! (a standby that was promoted, a restore), WAL that ends too early. A slot that lies behind the checkpoint is no gap: it
//! brings too much, and what the target has is skipped.

use std::fmt;

use tokio_postgres::Client;

use crate::apply::Checkpoint;
use crate::apply::checkpoint::Lost;
use crate::catalog::{Server, Slot, Stranger};
use crate::config::Database;
use crate::lsn::Lsn;
use crate::postgres::{self, Session};
use crate::rules::Flow;
use crate::source::lineage::Lineage;
use crate::source::wire::ReplicationConnection;

/// What to do about a slot of another database.
const ELSEWHERE: &str = "A slot's name is of the whole server, and this may be the slot of another Acequia: then name the databases \
                         of one of the two otherwise (`[databases.NAME]`). Only where nobody needs it, drop it";

/// Why a flow can't go on from its checkpoint by its slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    flow: String,
    database: String,
    slot: String,
    checkpoint: Lsn,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// No checkpoint knows what the slot has seen.
    Unknown,
    /// It can't be ours: what it is.
    Stranger(Stranger),
    Gone,
    Ahead(Lsn),
    /// Given up: the server's word for why.
    Invalidated(String),
    NoPosition,
    /// The cluster of the checkpoint, and the one that is there.
    OtherCluster(String, String),
    /// Where the source's WAL ended.
    SetBack(Lsn),
    /// The checkpoint's timeline, the source's one, and where that left the former.
    OtherTimeline(u32, u32, Option<Lsn>),
    /// The number of both, and where each began.
    SameNumber(u32, Lsn, Lsn),
    Unpublished,
    /// When, seconds since 1970; what the slot kept, and what it may keep, in bytes.
    GivenUp(i64, u64, u64),
    /// A table, and where the transaction commits that can't be followed.
    Identity(String, Lsn),
    /// Why the stream could not be read on.
    Illegible(String),
}

impl Gap {
    /// The publication was gone for a while.
    pub(super) fn unpublished(flow: &Flow, checkpoint: Lsn) -> Self {
        Self::new(flow, checkpoint, What::Unpublished)
    }

    /// What is unread has no column of the identity that the table has now.
    pub(super) fn identity(flow: &Flow, checkpoint: Lsn, table: &str, at: Lsn) -> Self {
        Self::new(flow, checkpoint, What::Identity(table.to_owned(), at))
    }

    /// That the stream could not be read on from where the flow still stands, as the checkpoint remembers it.
    pub(super) fn remembered(flow: &Flow, checkpoint: &Checkpoint) -> Option<Self> {
        let is_there = checkpoint.lost == Some(Lost::Illegible(checkpoint.lsn));
        is_there.then(|| Self::illegible(flow, checkpoint.lsn, "as it was tried last".to_owned()))
    }

    /// It was met in the stream from another position.
    pub(super) fn is_past(&self, checkpoint: Lsn) -> bool {
        matches!(self.what, What::Illegible(_)) && self.checkpoint != checkpoint
    }

    /// The stream may be able to follow by now.
    pub(super) fn is_tried_again(&self) -> bool {
        matches!(self.what, What::Identity(..) | What::Illegible(_))
    }

    /// The stream can't be read on, and why: it will be so each time.
    pub(super) fn illegible(flow: &Flow, checkpoint: Lsn, why: String) -> Self {
        Self::new(flow, checkpoint, What::Illegible(why))
    }

    /// The slot can't be ours.
    pub(super) fn stranger(flow: &Flow, source: &Database, slot: &Slot) -> Option<Self> {
        let what = slot.stranger(&source.dbname)?;
        Some(Self::new(flow, Lsn::ZERO, What::Stranger(what)))
    }

    fn new(flow: &Flow, checkpoint: Lsn, what: What) -> Self {
        let (name, database, slot) = (flow.name.clone(), flow.source.to_string(), flow.slot.clone());
        Self { flow: name, database, slot, checkpoint, what }
    }

    /// A slot that is gone because it was given up, at this time with so much of so much.
    pub(super) fn given_up(self, at: i64, kept: u64, limit: u64) -> Self {
        if self.what == What::Gone { Self { what: What::GivenUp(at, kept, limit), ..self } } else { self }
    }

    /// A new slot would do; one that is somebody else's is in the way of that.
    pub fn can_be_healed(&self) -> bool {
        !matches!(self.what, What::Stranger(_))
    }

    /// The server's history is another one than the checkpoint's.
    pub(super) fn is_of_history(&self) -> bool {
        matches!(
            self.what,
            What::OtherCluster(..) | What::SetBack(_) | What::OtherTimeline(..) | What::SameNumber(..)
        )
    }

    /// It was met in the stream: neither slot nor checkpoint shows it.
    pub(super) fn is_of_stream(&self) -> bool {
        matches!(self.what, What::Unpublished | What::Identity(..) | What::Illegible(_))
    }

    /// What is to be written down, because nothing will show it later.
    pub(super) fn lost(&self) -> Option<Lost> {
        match self.what {
            What::SetBack(end) => Some(Lost::SetBack(end)),
            What::Unpublished => Some(Lost::Unpublished),
            What::Illegible(_) => Some(Lost::Illegible(self.checkpoint)),
            What::GivenUp(at, kept, limit) => Some(Lost::GivenUp { at, kept, limit }),
            What::Unknown
            | What::Stranger(_)
            | What::Gone
            | What::Ahead(_)
            | What::Invalidated(_)
            | What::NoPosition
            | What::OtherCluster(..)
            | What::OtherTimeline(..)
            | What::SameNumber(..)
            | What::Identity(..) => None,
        }
    }

    /// The first sentence: what is wrong, with both positions.
    pub fn finding(&self) -> String {
        let Self { flow, database, slot, checkpoint, what } = self;
        let stands = format!("the checkpoint of flow {flow} stands at {checkpoint}");
        match what {
            What::Unknown => format!(
                "slot {slot} exists in database {database}, but the target has no checkpoint for flow {flow}: what the slot \
                 has seen so far is unknown"
            ),
            What::Stranger(what) => format!("slot {slot} of database {database} is {what}"),
            What::Gone => format!("slot {slot} is gone from database {database}; {stands}"),
            What::Ahead(at) => {
                format!(
                    "slot {slot} of database {database} lies ahead, at {at}, because it was made anew or moved, or the target \
                     was set back; {stands}"
                )
            }
            What::Invalidated(word) => {
                format!("slot {slot} of database {database} was given up by the server ({word}); {stands}")
            }
            What::NoPosition => format!("slot {slot} of database {database} has no position; {stands}"),
            What::OtherCluster(known, found) => format!(
                "database {database} belongs to cluster {found}, and the checkpoint of flow {flow}, at {checkpoint}, to \
                 cluster {known}"
            ),
            What::SetBack(end) => {
                format!("the server of database {database} was set back, its WAL ended at {end}; {stands}")
            }
            What::OtherTimeline(known, found, Some(at)) => format!(
                "database {database} is on timeline {found}, which left timeline {known} at {at}; {stands}, beyond that, on \
                 timeline {known}"
            ),
            What::OtherTimeline(known, found, None) => format!(
                "database {database} is on timeline {found}, which does not come from timeline {known}; {stands} on that one"
            ),
            What::SameNumber(timeline, known, found) => format!(
                "database {database} is on a timeline {timeline} that began at {found}; {stands} on another timeline of that \
                 number, which began at {known}"
            ),
            What::Unpublished => format!(
                "the publication of slot {slot} in database {database} was dropped, and what was written until it was made \
                 again can't be read any more; {stands}"
            ),
            What::GivenUp(at, kept, limit) => format!(
                "slot {slot} of database {database} was given up on purpose {}; {stands}",
                given_up_words(*at, *kept, *limit)
            ),
            What::Identity(table, at) => format!(
                "a column of {table}'s replica identity was renamed, or dropped and made anew, while changes were unread \
                 that know it by its old name, at {at}"
            ),
            What::Illegible(why) => {
                format!("what slot {slot} of database {database} brings can't be read on ({why}); {stands}")
            }
        }
    }

    /// What it means, and what to do.
    pub fn remedy(&self) -> String {
        let Self { flow, slot, what, .. } = self;
        let resync = format!("`acequia resync --flow {flow}`");
        match what {
            What::Unknown => {
                format!(
                    "If no other program reads it: {resync} drops it, makes a new one and brings the customers up to date"
                )
            }
            What::Stranger(Stranger::Database(_)) => ELSEWHERE.to_owned(),
            What::Stranger(Stranger::Physical | Stranger::Plugin(_)) => format!(
                "It is not Acequia's, and the flow needs its name. End what uses it and drop it: SELECT \
                 pg_drop_replication_slot('{slot}')"
            ),
            What::Gone
            | What::Ahead(_)
            | What::Invalidated(_)
            | What::NoPosition
            | What::Unpublished
            | What::Illegible(_)
            | What::GivenUp(..) => {
                format!(
                    "Changes are missing, so the flow does not go on by itself: {resync} makes a new slot and brings the \
                 customers up to date"
                )
            }
            What::OtherCluster(..) | What::SetBack(_) | What::OtherTimeline(..) | What::SameNumber(..) => {
                format!(
                    "The customers may have what was never in this source, and lack what is, so the flow does not go on by \
                     itself: {resync} makes a new slot and brings them up to date"
                )
            }
            What::Identity(..) => format!(
                "Give it that name back, and the flow goes on by itself; rename it again when `acequia status` shows no lag. \
                 Or {resync}: it makes a new slot and brings the customers up to date"
            ),
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {}", self.finding(), self.remedy())
    }
}

impl std::error::Error for Gap {}

/// When and why a slot was given up.
pub(super) fn given_up_words(at: i64, kept: u64, limit: u64) -> String {
    let at = jiff::Timestamp::from_second(at).unwrap_or_default();
    format!("at {at}: it kept {kept} bytes of WAL, and max_retained_wal is {limit}")
}

/// The gap between a checkpoint and a slot, as both and the server stand.
pub(super) fn between(
    flow: &Flow,
    source: &Database,
    lineage: &Lineage,
    checkpoint: Option<&Checkpoint>,
    slot: Option<&Slot>,
) -> Option<Gap> {
    let stranger = slot.and_then(|slot| slot.stranger(&source.dbname)).map(What::Stranger);
    let (at, what) = match (checkpoint, slot) {
        (None, None) | (Some(Checkpoint { creating: true, .. }), _) => (Lsn::ZERO, stranger),
        (None, Some(_)) => (Lsn::ZERO, stranger.or(Some(What::Unknown))),
        (Some(checkpoint), slot) => {
            let of_slot = || match slot {
                None => Some(What::Gone),
                Some(slot) => fault_of_slot(slot, checkpoint.lsn),
            };
            (checkpoint.lsn, fault_of_history(lineage, checkpoint).or(stranger).or_else(of_slot))
        }
    };
    Some(Gap::new(flow, at, what?))
}

fn fault_of_slot(slot: &Slot, checkpoint: Lsn) -> Option<What> {
    if let Some(word) = &slot.invalidated {
        return Some(What::Invalidated(word.clone()));
    }
    match slot.confirmed {
        None => Some(What::NoPosition),
        Some(confirmed) if confirmed > checkpoint => Some(What::Ahead(confirmed)),
        Some(_) => None,
    }
}

/// Whether the checkpoint's position lies in what this server has written.
fn fault_of_history(lineage: &Lineage, checkpoint: &Checkpoint) -> Option<What> {
    if checkpoint.system_identifier != lineage.system {
        let (known, found) = (checkpoint.system_identifier.clone(), lineage.system.clone());
        return Some(What::OtherCluster(known, found));
    }
    match checkpoint.lost {
        Some(Lost::SetBack(end)) => return Some(What::SetBack(end)),
        Some(Lost::Unpublished) => return Some(What::Unpublished),
        Some(Lost::GivenUp { at, kept, limit }) => return Some(What::GivenUp(at, kept, limit)),
        Some(Lost::Illegible(_)) | None => {}
    }
    if let Some(known) = checkpoint.timeline {
        if let (Some(then), Some(now)) = (checkpoint.timeline_from, lineage.began(known))
            && then != now
        {
            return Some(What::SameNumber(known, then, now));
        }
        if known != lineage.timeline {
            let left = lineage.left(known);
            let is_inside = left.is_some_and(|at| checkpoint.lsn <= at);
            return (!is_inside).then_some(What::OtherTimeline(known, lineage.timeline, left));
        }
    }
    (lineage.end < checkpoint.lsn).then_some(What::SetBack(lineage.end))
}

/// The same as [`find_gap`], and what was met in the stream and is tried again: what a resync of the whole flow ends.
pub async fn find_any_gap(
    flow: &Flow,
    source: &Database,
    here: &Session,
    there: &Client,
) -> Result<Option<Gap>, postgres::Error> {
    let found = find_gap(flow, source, here, there).await?;
    if found.is_some() {
        return Ok(found);
    }
    let checkpoint = Checkpoint::read(there, &flow.name).await?;
    Ok(checkpoint.and_then(|checkpoint| Gap::remembered(flow, &checkpoint)))
}

/// Looks for a gap as a command does, with sessions at both ends. A standby is none to ask.
pub async fn find_gap(
    flow: &Flow,
    source: &Database,
    here: &Session,
    there: &Client,
) -> Result<Option<Gap>, postgres::Error> {
    // In this order: a daemon at work moves the end of WAL before the checkpoint, and that before the slot.
    let slot = Slot::read(here, &flow.slot).await?;
    let checkpoint = Checkpoint::read(there, &flow.name).await?;
    let server = Server::read(here).await?;
    let (Some(timeline), Some(end)) = (server.timeline, server.wal_end) else { return Ok(None) };
    let mut lineage = Lineage { system: server.system_identifier, timeline, end, history: Vec::new() };
    let of_this_cluster =
        checkpoint.as_ref().filter(|checkpoint| checkpoint.system_identifier == lineage.system);
    // Only then is there a history to ask for.
    if timeline > 1 && of_this_cluster.is_some_and(|checkpoint| checkpoint.timeline.is_some()) {
        let mut connection = ReplicationConnection::connect(source, "acequia check").await?;
        lineage = connection.lineage().await?;
    }
    Ok(between(flow, source, &lineage, checkpoint.as_ref(), slot.as_ref()))
}
