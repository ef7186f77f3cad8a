//! A batch: whole source transactions on their way into one target transaction, or a piece of a huge one.

use std::sync::Arc;

use std::collections::HashMap;

use crate::lsn::Lsn;
use crate::name::{CustomerName, DatasetName};
use crate::row::{Change, CommitPoint, Relation};
use crate::rules::Plan;

use super::error::Error;
use super::fold::{Earlier, Moment, NewWave, Op, WaveTable};
use super::notice::Notices;
use super::passing;
use super::projection::Projection;

/// A batch is closed when it has taken this many changes …
pub const BATCH_ROWS: usize = 16_000;
/// … or this many bytes.
pub const BATCH_BYTES: usize = 8 << 20;
/// A batch that ends with a transaction is closed when it has taken this part of them. Else, in a backlog, each would end inside a
/// transaction, and the target's would go on until the backlog is gone.
const CLOSED_FROM: usize = 2;
/// So many waves of one transaction take the children along; with more of them that would cost too much.
const WAVES_CARRIED: usize = 50;
/// What a change costs in memory beside its values. Three batches live at a time: one fills, one waits, one is written.
const CHANGE_BYTES: usize = 300;

/// Gathers changes until the writer is free.
#[derive(Debug)]
pub struct Batch {
    plan: Arc<Plan>,
    pub(super) waves: Vec<Wave>,
    /// What is to be told of it, where somebody listens.
    pub(super) notices: Notices,
    projections: HashMap<u32, Option<(usize, Arc<Projection>)>>,
    /// The last whole transaction in it.
    pub commit: Option<CommitPoint>,
    /// Where the first one ends.
    pub(super) first: Option<Lsn>,
    /// Ends inside a transaction.
    pub open: bool,
    /// Begins inside a transaction, for which the target's is open.
    continues: bool,
    /// Nothing was in flight, and the source has come this far.
    pub idle: Option<Lsn>,
    /// Source transactions that end in it.
    pub transactions: u64,
    /// Changes in it.
    pub changes: usize,
    /// Commit time of the first transaction in it, microseconds since 2000-01-01.
    pub oldest_us: Option<i64>,
    bytes: usize,
    /// Partitions that the plan does not know, with their tables' places in it.
    partitions: HashMap<u32, usize>,
    /// Where the transaction at hand commits.
    at: Lsn,
    /// Transactions up to there may bring tables by another identity than the plan's, by the table's place in the plan.
    borne: HashMap<usize, Lsn>,
    transaction: u32,
    /// The transaction at hand was written by a flow of ours.
    own: bool,
    /// The wave in which the transaction at hand began.
    first_wave: usize,
}

/// A stretch of changes that can be applied as a set.
#[derive(Debug, Default)]
pub(super) struct Wave {
    /// Written by a flow of ours: for the routes that cascade, and for no other.
    pub(super) own: bool,
    /// One entry for each table touched.
    pub(super) tables: Vec<WaveTable>,
}

impl Wave {
    /// Some table was emptied before these changes.
    pub(super) fn truncates(&self) -> bool {
        self.tables.iter().any(|table| table.truncated)
    }
}

impl Batch {
    /// An empty batch for a plan.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            waves: Vec::new(),
            notices: Notices::default(),
            projections: HashMap::new(),
            commit: None,
            first: None,
            open: false,
            continues: false,
            idle: None,
            transactions: 0,
            changes: 0,
            oldest_us: None,
            bytes: 0,
            at: Lsn::ZERO,
            borne: HashMap::new(),
            partitions: HashMap::new(),
            transaction: 0,
            own: false,
            first_wave: 0,
        }
    }

    /// The next one: empty, in the same transaction where this one is open, with the relations known so far.
    #[must_use]
    pub fn follow(&mut self) -> Self {
        if self.open {
            self.settle_passing();
        }
        let next = Self {
            open: self.open,
            continues: self.open,
            own: self.own,
            notices: self.notices.follow(),
            projections: self.projections.clone(),
            at: self.at,
            borne: self.borne.clone(),
            partitions: self.partitions.clone(),
            ..Self::new(Arc::clone(&self.plan))
        };
        std::mem::replace(self, next)
    }

    /// Whether a relation has a column that its table did not have when the plan was made: the plan is older than it, or the
    /// column is gone by now.
    pub fn is_news(&self, relation: &Relation) -> bool {
        let source = self.plan.source_index(relation.oid, &relation.schema, &relation.table);
        let known = source.map(|source| &self.plan.sources[source].known);
        known.is_some_and(|known| relation.columns.iter().any(|column| !known.contains(&column.name)))
    }

    /// Up to this position the table may come by another identity than the plan's: it has gone over in that transaction.
    pub fn bear(&mut self, from: &CustomerName, dataset: &DatasetName, until: Lsn) {
        if let Some(source) = self.source(from, dataset) {
            self.borne.insert(source, until);
        }
    }

    /// This relation is, or was, a partition of that table.
    pub fn know_partition(&mut self, relation: u32, from: &CustomerName, dataset: &DatasetName) {
        if let Some(source) = self.source(from, dataset) {
            self.partitions.insert(relation, source);
        }
    }

    fn source(&self, from: &CustomerName, dataset: &DatasetName) -> Option<usize> {
        let is_its =
            |source: &crate::rules::SourceTable| source.customer == *from && source.dataset == *dataset;
        self.plan.sources.iter().position(is_its)
    }

    fn project(&self, relation: &Arc<Relation>, source: usize) -> Result<Arc<Projection>, Error> {
        let borne = self.borne.get(&source).is_some_and(|until| self.at <= *until);
        let table = &self.plan.sources[source];
        Ok(Arc::new(Projection::new(Arc::clone(relation), table, self.at, borne)?))
    }

    /// Takes no more: it has reached its size, or ends with a transaction so that the target's can end too.
    pub fn is_full(&self) -> bool {
        let has = |part: usize| self.changes >= BATCH_ROWS / part || self.bytes >= BATCH_BYTES / part;
        let ends = !self.open && self.commit.is_some();
        has(1) || ends && (self.continues || has(CLOSED_FROM))
    }

    /// Has something to write, and may be written: it ends with a transaction, or is full.
    pub fn is_ready(&self) -> bool {
        if self.open {
            self.is_full()
        } else {
            self.commit.is_some() || self.changes > 0 || self.idle.is_some()
        }
    }

    /// Nothing in it at all.
    pub fn is_empty(&self) -> bool {
        self.changes == 0 && self.commit.is_none() && self.idle.is_none() && !self.open
    }

    /// A relation was announced, in the transaction that commits at `at`. Changes of it that come now have this shape.
    /// Answers whether some rule wants it.
    pub fn relation(&mut self, relation: &Arc<Relation>, at: Lsn) -> Result<bool, Error> {
        self.at = at;
        let source = self.plan.source_index(relation.oid, &relation.schema, &relation.table);
        let source = source.or_else(|| self.partitions.get(&relation.oid).copied());
        let projection = match source {
            None => None,
            Some(source) => {
                let known = self.projections.get(&relation.oid).and_then(Option::as_ref);
                if known.is_some_and(|(_, known)| known.relation == *relation && known.until.is_none()) {
                    return Ok(true);
                }
                Some((source, self.project(relation, source)?))
            }
        };
        let wanted = projection.is_some();
        self.projections.insert(relation.oid, projection);
        Ok(wanted)
    }

    /// Takes a change of the transaction that commits at `at`. One that is `own`, written by a flow of ours, goes on only
    /// where its table cascades: of any other nothing remains, so that our own checkpoints do not keep us writing checkpoints.
    pub fn push(&mut self, change: Change, own: bool, at: Lsn) -> Result<(), Error> {
        if own && !self.cascades(&change)? {
            return Ok(());
        }
        self.own = own;
        self.open = true;
        self.at = at;
        self.changes += 1;
        self.bytes += CHANGE_BYTES;
        let relation = match &change {
            Change::Insert { relation, new } => {
                self.bytes += new.bytes();
                *relation
            }
            Change::Update { relation, new, old } => {
                self.bytes += new.bytes() + old.as_ref().map_or(0, crate::row::Tuple::bytes);
                *relation
            }
            Change::Delete { relation, old } => {
                self.bytes += old.bytes();
                *relation
            }
            Change::Truncate { relations } => {
                return self.truncate(relations);
            }
        };
        let Some((source, projection)) = self.wanted(relation)? else { return Ok(()) };
        let Some(change) = seen_by(&projection, change) else { return Ok(()) };
        self.note(source, &projection, &change);
        let at = Moment { transaction: self.transaction, sequence: self.changes as u64 };
        let earlier = self.earlier(source, &change);
        if let Err(NewWave(change)) = self.table(source, &projection).push(change, at, earlier.clone()) {
            self.begin_wave();
            // The wave that has just been closed may know the row too.
            let earlier = if earlier.is_none() { self.earlier(source, &change) } else { earlier };
            let refused = self.table(source, &projection).push(change, at, earlier);
            debug_assert!(refused.is_ok(), "an empty wave takes every change");
        }
        Ok(())
    }

    /// Counts a change for those who are told of it.
    fn note(&mut self, source: usize, projection: &Projection, change: &Change) {
        if !self.plan.channels.is_empty() {
            let table = (source, &self.plan.sources[source]);
            self.notices.count(table, projection, change, self.own);
        }
    }

    /// What earlier waves of the same transaction made of a row is not for the customers to see: it is taken back.
    fn earlier(&mut self, source: usize, change: &Change) -> Earlier {
        let last = self.waves.len().saturating_sub(1);
        let waves = self.waves.get_mut(self.first_wave..last).unwrap_or_default();
        let tables = waves.iter_mut().rev().flat_map(|wave| &mut wave.tables);
        let mut known = tables.filter(|table| table.source == source);
        known.find_map(|table| table.retract(change, self.transaction)).unwrap_or_default()
    }

    /// Lets the transaction's rows that are on their way know what becomes of them.
    fn settle_passing(&mut self) {
        let waves = self.waves.get_mut(self.first_wave..).unwrap_or_default();
        let mut rows = waves.iter().flat_map(|wave| &wave.tables).flat_map(|table| &table.rows);
        if waves.len() > 1 && rows.any(|row| row.op == Op::Passing) {
            passing::settle(waves.iter_mut().rev().flat_map(|wave| &mut wave.tables));
        }
    }

    /// The transaction is whole.
    pub fn commit(&mut self, point: CommitPoint) {
        self.settle_passing();
        self.open = false;
        self.commit = Some(point);
        self.idle = None;
        self.transactions += 1;
        self.notices.commit(point);
        self.transaction += 1;
        self.first_wave = self.waves.len().saturating_sub(1);
        self.first.get_or_insert(point.end);
        self.oldest_us.get_or_insert(point.time_us);
    }

    /// A heartbeat has come this far: it is written at once where nothing else is, and with it where there is something.
    pub fn beat(&mut self, end: Lsn) {
        match &mut self.commit {
            Some(point) => point.end = end,
            None => self.idle = Some(end),
        }
    }

    /// Tables that go together are emptied by one wave: children before their parents.
    fn truncate(&mut self, relations: &[u32]) -> Result<(), Error> {
        let mut emptied = Vec::new();
        for &relation in relations {
            let Some((source, projection)) = self.wanted(relation)? else { continue };
            let table = &self.plan.sources[source];
            if table.is_partitioned && relation != table.relation {
                tracing::warn!(
                    table = %table.name,
                    partition = %projection.relation.table,
                    "a partition of the source table was truncated; the customers keep its rows"
                );
                continue;
            }
            self.note(source, &projection, &Change::Truncate { relations: vec![relation] });
            emptied.push((source, projection));
        }
        if emptied.is_empty() {
            return Ok(());
        }
        // What this transaction did to the tables before was for nobody to see.
        let transaction = self.transaction;
        let waves = self.waves.get_mut(self.first_wave..).unwrap_or_default();
        let tables = waves.iter_mut().flat_map(|wave| &mut wave.tables);
        tables
            .filter(|table| emptied.iter().any(|(source, _)| table.source == *source))
            .for_each(|table| table.forget(transaction));
        let begun =
            self.waves.last().is_some_and(|wave| wave.tables.iter().any(|table| !table.rows.is_empty()));
        if begun {
            self.begin_wave();
        }
        for (source, projection) in &emptied {
            self.table(*source, projection).truncated = true;
        }
        Ok(())
    }

    /// The plan's table behind a relation. `None` for one that no rule wants, that the publication has beyond ours.
    fn wanted(&mut self, relation: u32) -> Result<Option<(usize, Arc<Projection>)>, Error> {
        let known = self.projections.get(&relation).ok_or(Error::Unannounced { relation })?;
        let Some((source, mut projection)) = known.clone() else { return Ok(None) };
        if projection.until.is_some_and(|until| until <= self.at) {
            projection = self.project(&projection.relation, source)?;
            self.projections.insert(relation, Some((source, Arc::clone(&projection))));
        }
        Ok(Some((source, projection)))
    }

    /// Begins a wave. A parent's state may have gone, or may yet go, from an earlier wave of the transaction at hand to this
    /// one: so that its children find it, what the transaction did to them comes along.
    fn begin_wave(&mut self) {
        self.waves.push(self.new_wave());
        let last = self.waves.len() - 1;
        if last - self.first_wave.min(last) > WAVES_CARRIED {
            return;
        }
        let mut carried = Vec::new();
        for table in self.waves[self.first_wave.min(last)..last].iter_mut().flat_map(|wave| &mut wave.tables)
        {
            if self.plan.sources[table.source].has_parents {
                let rows = table.carry(self.transaction);
                carried.push((table.source, Arc::clone(&table.projection), rows));
            }
        }
        for (source, projection, rows) in carried.into_iter().filter(|(_, _, rows)| !rows.is_empty()) {
            self.table(source, &projection).take(rows);
        }
    }

    fn new_wave(&self) -> Wave {
        Wave { own: self.own, tables: Vec::new() }
    }

    /// Some route carries on what a flow of ours did to this table.
    fn cascades(&mut self, change: &Change) -> Result<bool, Error> {
        let relation = match change {
            Change::Insert { relation, .. }
            | Change::Update { relation, .. }
            | Change::Delete { relation, .. } => *relation,
            // Nothing of ours truncates.
            Change::Truncate { .. } => return Ok(false),
        };
        let wanted = self.wanted(relation)?;
        Ok(wanted.is_some_and(|(source, _)| self.plan.sources[source].cascades))
    }

    /// The table's place in the current wave. A relation that changed its shape begins a new wave, and so does a change
    /// that a flow of ours wrote after one that it did not.
    fn table(&mut self, source: usize, projection: &Arc<Projection>) -> &mut WaveTable {
        let same = |table: &WaveTable| table.source == source;
        let reshaped = |table: &WaveTable| same(table) && !Arc::ptr_eq(&table.projection, projection);
        let own = self.own;
        if self.waves.last().is_none_or(|wave| wave.own != own || wave.tables.iter().any(reshaped)) {
            self.waves.push(self.new_wave());
        }
        let last = self.waves.len() - 1;
        let tables = &mut self.waves[last].tables;
        let place = tables.iter().position(same).unwrap_or_else(|| {
            tables.push(WaveTable::new(source, Arc::clone(projection)));
            tables.len() - 1
        });
        &mut tables[place]
    }
}

/// The change as far as the relation's old rows can be used. What is deleted by another identity than the plan's can't be
/// found: that is said, because the customers keep it.
fn seen_by(projection: &Projection, change: Change) -> Option<Change> {
    if !projection.is_blind {
        return Some(change);
    }
    match change {
        Change::Update { relation, new, old: _ } => Some(Change::Update { relation, new, old: None }),
        Change::Delete { .. } => {
            tracing::warn!(
                table = %projection.relation.table,
                "a row was deleted in the transaction that changed the replica identity: it stays at the customers"
            );
            None
        }
        change @ (Change::Insert { .. } | Change::Truncate { .. }) => Some(change),
    }
}
