//! Where the flow goes on: at its checkpoint, at a first slot, or at a new one that somebody has asked for.
//!
//! A slot that can't bring what comes after the checkpoint is refused, and replaced only on a wish (`acequia resync`). The
//! wish stays where it is: the writer's first transaction takes it and has everything compared. So the flow may die at
//! any place here. Either the checkpoint is the old one, which no slot serves, and the wish is still there; or it is the
//! new one, and the wish is still there.

use crate::apply::Checkpoint;
use crate::apply::checkpoint::{Lost, asked_for_resync};
use crate::catalog::{Server, Slot};
use crate::config::Database;
use crate::failpoint;
use crate::lsn::Lsn;
use crate::name::{Ident, literal};
use crate::postgres::{self, Session};
use crate::rules::Flow;
use crate::source::lineage::Lineage;
use crate::source::wire::ReplicationConnection;

use super::error::Error;
use super::gap::{self, Gap};
use super::plan::Memory;
use super::surrender::Surrender;

/// Both ends of a flow that is about to stream.
pub(super) struct Ends<'a> {
    pub(super) flow: &'a Flow,
    pub(super) source: &'a Database,
    pub(super) session: &'a Session,
    pub(super) server: &'a Server,
    /// It is remembered on this host that the slot was given up.
    pub(super) given_up: Option<Surrender>,
    /// The writer's session: it holds the flow's lock.
    pub(super) there: &'a tokio_postgres::Client,
}

impl Ends<'_> {
    /// Finds the position. `met` is what the last attempt has met in the stream.
    pub(super) async fn position(
        &self,
        connection: &mut ReplicationConnection,
        met: Option<&Gap>,
        memory: &Memory,
    ) -> Result<Lsn, Error> {
        let lineage = connection.lineage().await?;
        let flow = &self.flow.name;
        let checkpoint = Checkpoint::read(self.there, flow).await?;
        let slot = Slot::read(self.session, &self.flow.slot).await?;
        let found = gap::between(self.flow, self.source, &lineage, checkpoint.as_ref(), slot.as_ref());
        let found = match &self.given_up {
            Some(Surrender { at, kept, limit, .. }) => found.map(|gap| gap.given_up(*at, *kept, *limit)),
            None => found,
        };
        let stands = checkpoint.as_ref().map_or(Lsn::ZERO, |checkpoint| checkpoint.lsn);
        let remembered = checkpoint.as_ref().and_then(|checkpoint| Gap::remembered(self.flow, checkpoint));
        let met = met.filter(|gap| !gap.is_past(stands)).or(remembered.as_ref());
        if let Some(gap) = found.as_ref().or(met) {
            let asked = gap.can_be_healed() && asked_for_resync(self.there, flow).await?.is_some();
            if asked && checkpoint.is_none() {
                return self.first_time(connection, &lineage, slot.as_ref()).await;
            }
            if asked {
                self.renew(connection, &lineage, slot.as_ref(), (gap, memory)).await?;
                return Err(Error::Renewed { slot: self.flow.slot.clone() });
            }
            if let Some(lost) = gap.lost().filter(|lost| !knows(checkpoint.as_ref(), *lost)) {
                Checkpoint::lose(self.there, flow, lost).await?;
            }
            if found.is_some() || !gap.is_tried_again() {
                return Err(gap.clone().into());
            }
        }
        match checkpoint {
            None => self.first_time(connection, &lineage, None).await,
            Some(Checkpoint { creating: true, .. }) => {
                self.first_time(connection, &lineage, slot.as_ref()).await
            }
            Some(checkpoint) => {
                self.follow(&lineage, &checkpoint).await?;
                self.set_failover(connection, slot.as_ref()).await;
                if checkpoint.resting { self.wake().await } else { Ok(checkpoint.lsn) }
            }
        }
    }

    /// The flow's groups are enabled again: it goes on from now.
    async fn wake(&self) -> Result<Lsn, Error> {
        let now = Server::mark(self.session).await?;
        Checkpoint::wake(self.there, &self.flow.name, now).await?;
        tracing::info!(flow = %self.flow.name, position = %now, "its groups are enabled again; changes from here on are synchronized");
        Ok(now)
    }

    /// Writes the source's timeline down where it is another one.
    async fn follow(&self, lineage: &Lineage, checkpoint: &Checkpoint) -> Result<(), Error> {
        if checkpoint.timeline == Some(lineage.timeline) {
            return Ok(());
        }
        let (now, before) = (lineage.timeline, checkpoint.timeline.unwrap_or_default());
        let at = lineage.left(before).unwrap_or_default();
        let text = format!(
            "the source went over from timeline {before} to {now} at {at}; the checkpoint stands at {}, so nothing is missing",
            checkpoint.lsn
        );
        tracing::warn!(flow = %self.flow.name, "{text}");
        Ok(Checkpoint::follow(self.there, &self.flow.name, lineage, &text).await?)
    }

    /// A slot of an earlier version, or of another configuration. One that can't be altered serves all the same.
    async fn set_failover(&self, connection: &mut ReplicationConnection, slot: Option<&Slot>) {
        let wanted = self.source.failover;
        if slot.and_then(|slot| slot.failover).is_none_or(|is| is == wanted) {
            return;
        }
        let Ok(name) = ident(&self.flow.slot) else { return };
        match connection.set_failover(&name, wanted).await {
            Ok(()) => {
                tracing::info!(flow = %self.flow.name, slot = %name, failover = wanted, "slot altered");
            }
            Err(error) => tracing::warn!(flow = %self.flow.name, "the slot stays as it is: {error}"),
        }
    }

    async fn first_time(
        &self,
        connection: &mut ReplicationConnection,
        lineage: &Lineage,
        slot: Option<&Slot>,
    ) -> Result<Lsn, Error> {
        let Self { flow, source, there, .. } = self;
        self.may_drop(slot)?;
        Checkpoint::announce(there, &flow.name, lineage, (source.name.as_str(), &flow.slot)).await?;
        // A death between the slot and its first position: nothing was read from it yet.
        self.drop_slot(slot).await?;
        failpoint::hit("before-slot");
        let at = self.create_slot(connection).await?;
        failpoint::hit("after-slot");
        Checkpoint::begin(there, &flow.name, at).await?;
        tracing::info!(flow = %flow.name, slot = %flow.slot, position = %at, "slot created; changes from here on are synchronized");
        Ok(at)
    }

    /// Replaces the slot, and sets the checkpoint anew.
    async fn renew(
        &self,
        connection: &mut ReplicationConnection,
        lineage: &Lineage,
        slot: Option<&Slot>,
        (gap, memory): (&Gap, &Memory),
    ) -> Result<(), Error> {
        let Self { flow, there, .. } = self;
        failpoint::hit("resync-old-slot");
        self.drop_slot(slot).await?;
        failpoint::hit("resync-no-slot");
        let at = self.create_slot(connection).await?;
        failpoint::hit("resync-new-slot");
        if gap.is_of_history() {
            Checkpoint::forget_source(there, &flow.name).await?;
        } else {
            // The tables as they are now are those of the new position: nothing of them is news.
            memory.keep_quietly(flow, there).await?;
        }
        let why = gap.finding();
        Checkpoint::renew(there, &flow.name, lineage, at, &why).await?;
        failpoint::hit("resync-live-slot");
        tracing::warn!(flow = %flow.name, slot = %flow.slot, position = %at, "slot made anew, as asked for: {why}");
        Ok(())
    }

    /// A slot that is somebody else's, or that somebody reads, stays.
    fn may_drop(&self, slot: Option<&Slot>) -> Result<(), Error> {
        let Self { flow, source, .. } = self;
        let Some(slot) = slot else { return Ok(()) };
        // With a gap in the history, it was not looked at before.
        if let Some(gap) = Gap::stranger(flow, source, slot) {
            return Err(gap.into());
        }
        let Some(pid) = slot.active_pid else { return Ok(()) };
        let holder = slot.holder.clone().unwrap_or_default();
        let (slot, database) = (flow.slot.clone(), source.name.to_string());
        Err(Error::SlotInUse { slot, database, pid, holder })
    }

    /// Drops the slot, where there is one and it may be dropped.
    async fn drop_slot(&self, slot: Option<&Slot>) -> Result<(), Error> {
        self.may_drop(slot)?;
        if slot.is_none() {
            return Ok(());
        }
        let sql = format!("SELECT pg_drop_replication_slot({})", literal(&self.flow.slot));
        let dropped = self.session.batch_execute(&sql).await;
        dropped.map_err(|error| postgres::Error::from_driver("dropping a slot of no use", &error))?;
        Ok(())
    }

    async fn create_slot(&self, connection: &mut ReplicationConnection) -> Result<Lsn, Error> {
        const WAITED: [&str; 2] = ["55P03", "57014"];
        let Self { flow, source, server, .. } = self;
        let failover = server.has_failover_slots().then_some(source.failover);
        let error = match connection.create_slot(&ident(&flow.slot)?, failover).await {
            Ok(at) => return Ok(at),
            Err(error) => error,
        };
        if error.sqlstate().is_none_or(|state| !WAITED.contains(&state.as_str())) {
            return Err(error.into());
        }
        let oldest = Server::oldest_transaction(self.session).await?;
        let (slot, database) = (flow.slot.clone(), source.name.to_string());
        let whose = oldest.map_or_else(
            || "a prepared one (pg_prepared_xacts), or it has just ended".to_owned(),
            |(pid, application)| format!("that of process {pid} (application \"{application}\")"),
        );
        Err(Error::SlotWaits { slot, database, whose })
    }
}

pub(super) fn ident(name: &str) -> Result<Ident, postgres::Error> {
    Ident::new(name)
        .map_err(|_| postgres::Error::protocol("naming a slot or a publication", "not an identifier"))
}

/// It is written down already.
fn knows(checkpoint: Option<&Checkpoint>, lost: Lost) -> bool {
    checkpoint.is_some_and(|checkpoint| checkpoint.lost == Some(lost))
}
