//! What a customer must hold: the rules of Acequia over maps in memory, one source transaction at a time.
//!
//! Slow, short and without SQL. It knows neither batches nor restarts, so the daemon's result may depend on neither.

use std::collections::{BTreeMap, BTreeSet};

/// The tables of the test, parents first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    /// A surrogate key; the name is the natural key.
    Schedule,
    /// Refers to a schedule; the natural key is the schedule (translated) with a code.
    Line,
    /// The primary key is the natural key: no crosswalk.
    Code,
    /// The replica identity is the natural key, the primary key a number.
    Payer,
    /// With a large text that updates leave out.
    Doc,
}

impl Table {
    pub(super) const ALL: [Self; 5] = [Self::Schedule, Self::Line, Self::Code, Self::Payer, Self::Doc];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Line => "line",
            Self::Code => "code",
            Self::Payer => "payer",
            Self::Doc => "doc",
        }
    }

    pub(super) fn has_crosswalk(self) -> bool {
        self != Self::Code
    }
}

/// A source row for as long as it lives, whatever its key is at the moment.
pub(super) type Id = (Table, u64);

/// A source row's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) key: String,
    /// A line's schedule.
    pub(super) parent: Option<u64>,
    pub(super) value: i64,
    /// Stands for the large text.
    pub(super) body: u64,
}

/// What one transaction did to one row, from its begin to its commit.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) id: Id,
    pub(super) old: Option<Row>,
    pub(super) new: Option<Row>,
}

/// A row of the customer's own table, by its own number.
type Slot = usize;

#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) key: String,
    pub(super) parent: Option<Slot>,
    pub(super) value: i64,
    pub(super) body: u64,
    /// The customer made it; says what its local column holds.
    pub(super) own: bool,
}

/// Why a row is not yet in the customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parked {
    MissingParent(Row),
    Taken(Row),
    Rejected(Row),
    Delete(Row),
}

/// One customer under one rule.
#[derive(Debug, Clone)]
pub(super) struct Customer {
    pub(super) name: &'static str,
    pub(super) overrides: bool,
    pub(super) deletes: bool,
    pub(super) rows: BTreeMap<(Table, Slot), Held>,
    /// The crosswalk.
    pub(super) links: BTreeMap<Id, Slot>,
    pub(super) parked: BTreeMap<Id, Parked>,
    next: Slot,
}

impl Customer {
    pub(super) fn new(name: &'static str, overrides: bool, deletes: bool) -> Self {
        let (rows, links, parked) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { name, overrides, deletes, rows, links, parked, next: 1 }
    }

    pub(super) fn hold(&mut self, table: Table, held: Held) -> Slot {
        self.next += 1;
        self.rows.insert((table, self.next), held);
        self.next
    }

    /// Applies one source transaction. Links of rows that are gone are released first, so that their keys can be
    /// claimed; then rows are written, parents first; then deleted, children first.
    pub(super) fn apply(&mut self, changes: &[Change]) {
        let mut released: BTreeMap<Id, Slot> = BTreeMap::new();
        for change in changes {
            // A later change of a parked row takes its place: the newest state counts.
            self.parked.remove(&change.id);
            if let (None, Some(old)) = (&change.new, &change.old) {
                let slot = if change.id.0.has_crosswalk() {
                    self.links.remove(&change.id)
                } else {
                    self.find(change.id.0, None, &old.key)
                };
                released.extend(slot.map(|slot| (change.id, slot)));
            }
        }
        for table in Table::ALL {
            self.write_all(table, changes, &mut released);
        }
        for table in Table::ALL.into_iter().rev() {
            for change in changes.iter().filter(|change| change.id.0 == table) {
                if let (Some(&slot), Some(old)) = (released.get(&change.id), &change.old) {
                    self.delete(change.id, slot, old);
                }
            }
        }
        // What waited for a schedule is tried again when that schedule comes by, whether or not it found a place.
        for change in changes.iter().filter(|change| change.id.0 == Table::Schedule && change.new.is_some()) {
            let waits = |(id, parked): (&Id, &Parked)| match parked {
                Parked::MissingParent(row) if row.parent == Some(change.id.1) => Some(upsert(*id, row)),
                Parked::MissingParent(_) | Parked::Taken(_) | Parked::Rejected(_) | Parked::Delete(_) => None,
            };
            let waiting: Vec<Change> = self.parked.iter().filter_map(waits).collect();
            if !waiting.is_empty() {
                self.apply(&waiting);
            }
        }
    }

    fn write_all(&mut self, table: Table, changes: &[Change], released: &mut BTreeMap<Id, Slot>) {
        let mut moves: BTreeMap<Slot, (&Change, &Row)> = BTreeMap::new();
        let mut loose: Vec<(&Change, &Row)> = Vec::new();
        for change in changes.iter().filter(|change| change.id.0 == table) {
            let Some(row) = &change.new else { continue };
            match self.own_row(change) {
                // Create-only leaves a row that it knows alone, whatever happens at the source.
                Some(_) if !self.overrides => {}
                Some(_) if self.parent(row).is_err() => {
                    self.park(change.id, Parked::MissingParent(row.clone()));
                }
                Some(slot) => _ = moves.insert(slot, (change, row)),
                None => loose.push((change, row)),
            }
        }
        // Rows that follow the source move all at once, and each only where nobody stands who stays.
        let leaving: BTreeSet<Slot> =
            if self.deletes { released.values().copied().collect() } else { BTreeSet::new() };
        let blocked = |customer: &Self, moves: &BTreeMap<Slot, (&Change, &Row)>| {
            let stands = |&slot: &Slot, row: &Row| {
                let key = (customer.parent(row).ok().flatten(), &row.key);
                customer.rows.iter().any(|(&(of, other), held)| {
                    let free = other == slot || moves.contains_key(&other) || leaving.contains(&other);
                    of == table && !free && (held.parent, &held.key) == key
                })
            };
            moves.iter().find(|(slot, (_, row))| stands(slot, row)).map(|(slot, _)| *slot)
        };
        while let Some((change, row)) = blocked(self, &moves).and_then(|slot| moves.remove(&slot)) {
            // Without a crosswalk only the key decides: what stands there is overwritten, and the old row stays.
            if table.has_crosswalk() {
                self.park(change.id, Parked::Rejected(row.clone()));
            } else {
                loose.push((change, row));
            }
        }
        for (slot, (change, row)) in moves {
            self.write(change, slot, row);
        }
        for (change, row) in loose {
            if let Some(slot) = self.place(change, row) {
                released.retain(|id, gone| (id.0, *gone) != (table, slot));
            }
        }
    }

    /// The row that the customer is known to have for it. Without a crosswalk that is the row of its old key, and
    /// only where the source gave it another one.
    fn own_row(&self, change: &Change) -> Option<Slot> {
        if change.id.0.has_crosswalk() {
            return self.links.get(&change.id).copied();
        }
        let (old, new) = (change.old.as_ref()?, change.new.as_ref()?);
        let moved = self.overrides && old.key != new.key;
        moved.then(|| self.find(change.id.0, None, &old.key)).flatten()
    }

    /// Finds the row by its natural key, or creates it. Answers the row that it took.
    fn place(&mut self, change: &Change, row: &Row) -> Option<Slot> {
        let id = change.id;
        let Ok(parent) = self.parent(row) else {
            self.park(id, Parked::MissingParent(row.clone()));
            return None;
        };
        let slot = match self.find(id.0, parent, &row.key) {
            None => {
                let held =
                    Held { key: row.key.clone(), parent, value: row.value, body: row.body, own: false };
                self.hold(id.0, held)
            }
            Some(slot) if self.links.iter().any(|(other, &linked)| (other.0, linked) == (id.0, slot)) => {
                self.park(id, Parked::Taken(row.clone()));
                return None;
            }
            Some(slot) => slot,
        };
        if id.0.has_crosswalk() {
            self.links.insert(id, slot);
        }
        if self.overrides {
            self.write(change, slot, row);
        }
        Some(slot)
    }

    fn write(&mut self, change: &Change, slot: Slot, row: &Row) {
        let parent = self.parent(row).ok().flatten();
        // A large text that the source did not touch is not touched here either.
        let is_untouched = change.old.as_ref().is_some_and(|old| old.body == row.body);
        if let Some(held) = self.rows.get_mut(&(change.id.0, slot)) {
            let body = if is_untouched { held.body } else { row.body };
            *held = Held { key: row.key.clone(), parent, value: row.value, body, own: held.own };
        }
    }

    fn delete(&mut self, id: Id, slot: Slot, old: &Row) {
        if !self.deletes {
            return;
        }
        if id.0 == Table::Schedule && self.rows.values().any(|held| held.parent == Some(slot)) {
            self.links.insert(id, slot);
            self.park(id, Parked::Delete(old.clone()));
            return;
        }
        self.rows.remove(&(id.0, slot));
    }

    /// The customer's own schedule behind a line's; an error where the customer has none for it.
    fn parent(&self, row: &Row) -> Result<Option<Slot>, ()> {
        match row.parent {
            None => Ok(None),
            Some(parent) => self.links.get(&(Table::Schedule, parent)).map(|slot| Some(*slot)).ok_or(()),
        }
    }

    fn find(&self, table: Table, parent: Option<Slot>, key: &str) -> Option<Slot> {
        let found = |(_, held): &(&(Table, Slot), &Held)| held.parent == parent && held.key == key;
        self.rows.range((table, 0)..=(table, Slot::MAX)).find(found).map(|(&(_, slot), _)| slot)
    }

    fn park(&mut self, id: Id, parked: Parked) {
        self.parked.insert(id, parked);
    }

    /// Tries everything that is parked again, until nothing moves any more.
    pub(super) fn settle(&mut self) {
        loop {
            let before = self.parked.clone();
            let again = before.iter().map(|(id, parked)| match parked {
                Parked::MissingParent(row) | Parked::Taken(row) | Parked::Rejected(row) => upsert(*id, row),
                Parked::Delete(row) => Change { id: *id, old: Some(row.clone()), new: None },
            });
            let again: Vec<Change> = again.collect();
            self.apply(&again);
            if self.parked == before {
                return;
            }
        }
    }
}

fn upsert(id: Id, row: &Row) -> Change {
    Change { id, old: None, new: Some(row.clone()) }
}
