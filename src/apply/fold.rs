//! Folding: the changes of one source row inside a wave become its last state.
//!
//! A wave is a stretch of the stream whose changes may be applied as a set: releases, renames, upserts and deletes in one
//! fixed order. Where that order would give another result than the stream's own, a new wave begins:
//! a row that an earlier transaction wrote is deleted (the customer may keep what it got), a row moves to an identity that
//! another row has left, a table is truncated, a relation changes its shape.

use std::sync::Arc;

use foldhash::fast::RandomState;
use smallvec::SmallVec;
use std::collections::{HashMap, HashSet};

use crate::row::{Change, Tuple};

use super::projection::{Key, Projection};

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// New in this wave.
    Insert,
    /// There before.
    Update,
    /// Gone.
    Delete,
    /// Came and went inside one transaction: nothing to do.
    Nothing,
    /// Changed again by the same transaction in a later wave: nobody may see this state, but its identity moves.
    Passing,
    /// The same, and in the end the transaction deletes it.
    Vanishing,
}

/// One source row's changes in one wave.
#[derive(Debug)]
pub(super) struct FoldedRow {
    pub(super) op: Op,
    /// Carries the identity that the row had before the wave, where that has to be looked up.
    pub(super) old: Option<Tuple>,
    /// The last state.
    pub(super) new: Option<Tuple>,
    /// Every state on the way, for a fold that the server refuses.
    pub(super) history: History,
    /// The transaction that touched it first.
    transaction: u32,
}

/// The states of a row, in order.
pub(super) type History = SmallVec<[State; 1]>;

/// A row as one change left it.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// Place of the change in the batch.
    pub(super) sequence: u64,
    /// The transaction that the change belongs to.
    transaction: u32,
    /// Carries the identity before the change, where that was another one.
    pub(super) old: Option<Tuple>,
    pub(super) new: Tuple,
}

impl FoldedRow {
    /// One state on its own.
    pub(super) fn update(old: Option<Tuple>, new: Tuple) -> Self {
        Self { op: Op::Update, old, new: Some(new), history: History::new(), transaction: 0 }
    }

    /// Its last state beside the identity that it had before the transaction, where it has had others on the way.
    pub(super) fn way_back(&self) -> Option<Self> {
        let (first, last) = self.history.first().zip(self.history.last())?;
        let (origin, new) = first.old.as_ref().zip(self.new.as_ref())?;
        let is_long = self.op == Op::Update
            && first.transaction == last.transaction
            && self.old.as_ref() != Some(origin);
        is_long.then(|| Self::update(Some(origin.clone()), new.clone()))
    }

    /// Takes back what a transaction did to the row, which it then deletes: nobody was to see that. Not where it also
    /// moved the row: then its last state stands for it.
    fn take_back(&mut self, transaction: u32) {
        let keep = self.history.iter().take_while(|state| state.transaction != transaction).count();
        if keep > 0 && self.history[keep..].iter().all(|state| state.old.is_none()) {
            self.history.truncate(keep);
            self.new = self.history.last().map(|state| state.new.clone());
        }
    }
}

/// The changes of one table in one wave.
#[derive(Debug)]
pub(super) struct WaveTable {
    pub(super) source: usize,
    pub(super) projection: Arc<Projection>,
    pub(super) rows: Vec<FoldedRow>,
    /// The table was emptied before these changes.
    pub(super) truncated: bool,
    by_key: HashMap<Key, usize, RandomState>,
    left: HashSet<Key, RandomState>,
}

/// What earlier waves of the same transaction made of a row.
#[derive(Debug, Clone, Default)]
pub(super) struct Earlier {
    history: History,
    /// It came in this transaction.
    is_new: bool,
}

impl Earlier {
    /// They knew nothing of it.
    pub(super) fn is_none(&self) -> bool {
        self.history.is_empty() && !self.is_new
    }
}

/// When a change happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Number of the transaction in the batch.
    pub(super) transaction: u32,
    /// Number of the change in the batch.
    pub(super) sequence: u64,
}

/// A change that has to begin a new wave; it is given back.
#[derive(Debug)]
pub(super) struct NewWave(pub(super) Change);

impl WaveTable {
    pub(super) fn new(source: usize, projection: Arc<Projection>) -> Self {
        Self {
            source,
            projection,
            rows: Vec::new(),
            truncated: false,
            by_key: HashMap::default(),
            left: HashSet::default(),
        }
    }

    /// Folds one change of this table; truncates are the wave's business. `earlier` is what earlier waves of
    /// the same transaction made of the row.
    pub(super) fn push(&mut self, change: Change, at: Moment, earlier: Earlier) -> Result<(), NewWave> {
        match change {
            Change::Insert { new, .. } => {
                self.insert(new, at);
                Ok(())
            }
            Change::Update { relation, old, new } => self.update((relation, old, new), at, earlier),
            Change::Delete { relation, old } => self.delete((relation, old), at, &earlier),
            Change::Truncate { .. } => Err(NewWave(change)),
        }
    }

    /// Takes back what this wave made of the row that a later change of the same transaction is about: the customers
    /// get the later state only. `None` where this wave knows nothing of it.
    pub(super) fn retract(&mut self, change: &Change, transaction: u32) -> Option<Earlier> {
        let key = match change {
            Change::Update { old, new, .. } => self.projection.key(old.as_ref().unwrap_or(new)),
            Change::Delete { old, .. } => self.projection.key(old),
            Change::Insert { .. } | Change::Truncate { .. } => return None,
        };
        let Some(&place) = self.by_key.get(&key) else {
            return self.left.contains(&key).then(Earlier::default);
        };
        let row = &mut self.rows[place];
        // A state of an earlier transaction is for the customers to see.
        if row.transaction != transaction || row.new.is_none() {
            return Some(Earlier::default());
        }
        let is_new = row.op == Op::Insert;
        row.op = Op::Passing;
        Some(Earlier { history: std::mem::take(&mut row.history), is_new })
    }

    /// Gives away what a transaction did to rows that stayed what they are: a later wave of it takes them.
    pub(super) fn carry(&mut self, transaction: u32) -> Vec<FoldedRow> {
        let mut carried = Vec::new();
        for row in &mut self.rows {
            let keep = row.history.iter().take_while(|state| state.transaction != transaction).count();
            let states = &row.history[keep..];
            let stays = matches!(row.op, Op::Insert | Op::Update) && row.new.is_some();
            if !stays || states.is_empty() || states.iter().any(|state| state.old.is_some()) {
                continue;
            }
            let history: History = states.iter().cloned().collect();
            let (new, is_new) = (row.new.take(), row.op == Op::Insert && keep == 0);
            row.history.truncate(keep);
            // Nobody is to see this state; or an earlier transaction's, which was there to be seen, stands again.
            if let Some(earlier) = row.history.last() {
                row.new = Some(earlier.new.clone());
            } else {
                row.op = Op::Passing;
                row.new.clone_from(&new);
            }
            let op = if is_new { Op::Insert } else { Op::Update };
            carried.push(FoldedRow { op, old: None, new, history, transaction });
        }
        carried
    }

    /// Takes rows of an earlier wave of the same transaction.
    pub(super) fn take(&mut self, rows: Vec<FoldedRow>) {
        for row in rows {
            if let Some(new) = &row.new {
                self.by_key.insert(self.projection.key(new), self.rows.len());
                self.rows.push(row);
            }
        }
    }

    /// A transaction empties the table after it has written these rows: they never were.
    pub(super) fn forget(&mut self, transaction: u32) {
        for row in self.rows.iter_mut().filter(|row| row.new.is_some()) {
            if row.transaction == transaction {
                row.op = Op::Nothing;
                row.new = None;
                row.history.clear();
            } else {
                row.take_back(transaction);
            }
        }
    }

    fn insert(&mut self, new: Tuple, at: Moment) {
        let key = self.projection.key(&new);
        let row = FoldedRow {
            op: Op::Insert,
            old: None,
            history: smallvec::smallvec![State {
                sequence: at.sequence,
                transaction: at.transaction,
                old: None,
                new: new.clone()
            }],
            new: Some(new),
            transaction: at.transaction,
        };
        self.by_key.insert(key, self.rows.len());
        self.rows.push(row);
    }

    fn update(
        &mut self,
        (relation, old, new): (u32, Option<Tuple>, Tuple),
        at: Moment,
        Earlier { mut history, is_new }: Earlier,
    ) -> Result<(), NewWave> {
        let transaction = at.transaction;
        let key = self.projection.key(&new);
        let before = old.as_ref().map(|old| self.projection.key(old)).filter(|before| *before != key);
        if before.is_some() && self.left.contains(&key) {
            return Err(NewWave(Change::Update { relation, old, new }));
        }
        let known = self.by_key.get(before.as_ref().unwrap_or(&key)).copied();
        let known = known.filter(|&place| self.rows[place].new.is_some());
        // An earlier transaction's state was there to be seen.
        let earlier = known.map(|place| &self.rows[place]).filter(|row| row.transaction != transaction);
        let earlier = earlier.and_then(|row| row.new.as_ref());
        if earlier.is_some_and(|earlier| self.projection.is_a_step(earlier, &new)) {
            return Err(NewWave(Change::Update { relation, old, new }));
        }
        // With a full replica identity the old row brings the values that the new one leaves out.
        let full = self.projection.relation.replica_identity == b'f';
        let mut new = match &old {
            Some(old) if full && new.has_unchanged() => new.filled_from(old),
            Some(_) | None => new,
        };
        let moved_from = before.is_some().then_some(old).flatten();
        let place = match known {
            None => {
                if let Some(earlier) = history.last().filter(|_| new.has_unchanged()) {
                    new = new.filled_from(&earlier.new);
                }
                history.push(State {
                    sequence: at.sequence,
                    transaction,
                    old: moved_from.clone(),
                    new: new.clone(),
                });
                let (op, old) = if is_new { (Op::Insert, None) } else { (Op::Update, moved_from) };
                let row = FoldedRow { op, old, new: Some(new), history, transaction };
                self.rows.push(row);
                self.rows.len() - 1
            }
            Some(place) => {
                let row = &mut self.rows[place];
                if let Some(earlier) = row.new.as_ref().filter(|_| new.has_unchanged()) {
                    new = new.filled_from(earlier);
                }
                if row.op == Op::Update && row.old.is_none() {
                    row.old.clone_from(&moved_from);
                }
                row.history.push(State {
                    sequence: at.sequence,
                    transaction,
                    old: moved_from,
                    new: new.clone(),
                });
                row.new = Some(new);
                place
            }
        };
        if let Some(before) = before {
            self.by_key.remove(&before);
            self.left.insert(before);
        }
        self.by_key.insert(key, place);
        Ok(())
    }

    fn delete(
        &mut self,
        (relation, old): (u32, Tuple),
        at: Moment,
        earlier: &Earlier,
    ) -> Result<(), NewWave> {
        let transaction = at.transaction;
        let key = self.projection.key(&old);
        let living = self.by_key.get(&key).copied().filter(|&place| self.rows[place].new.is_some());
        match living {
            None if earlier.is_new => {}
            None => self.rows.push(FoldedRow {
                op: Op::Delete,
                old: Some(old),
                new: None,
                history: History::new(),
                transaction,
            }),
            // An earlier transaction's state was there to be seen: the customer gets it first.
            Some(place) if self.rows[place].transaction != transaction => {
                self.rows[place].take_back(transaction);
                return Err(NewWave(Change::Delete { relation, old }));
            }
            Some(place) => {
                let row = &mut self.rows[place];
                row.new = None;
                row.history.clear();
                if row.op == Op::Insert {
                    row.op = Op::Nothing;
                } else {
                    row.op = Op::Delete;
                    row.old.get_or_insert(old);
                }
            }
        }
        self.by_key.remove(&key);
        self.left.insert(key);
        Ok(())
    }
}
