//! What a customer must hold: the rules of Acequia over maps in memory, one source transaction at a time.
//!
//! Slow, short and without SQL. It knows neither batches nor restarts, so the daemon's result may depend on neither.

mod place;

use std::collections::{BTreeMap, BTreeSet};

use super::rows::{Change, Id, Row, Table, Transaction};
use super::rules::{Gone, Mode, Receiver, Rule};

/// A row of the customer's own table, by its own number.
pub(super) type Slot = usize;

#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    pub(super) key: String,
    pub(super) parent: Option<Slot>,
    pub(super) value: i64,
    pub(super) note: Option<i64>,
    pub(super) body: u64,
    /// The customer's own column: who made the row, and the marks of rules.
    pub(super) local: &'static str,
    /// The columns that a rule derives, as one text.
    pub(super) derived: String,
    /// Acequia has written it, so that it goes on where a rule says `cascade`.
    pub(super) touched: bool,
}

impl Held {
    /// What a row that Acequia creates has in the customer's own columns.
    fn given() -> Self {
        Self { local: "given", derived: NOT_DERIVED.to_owned(), touched: true, ..Self::default() }
    }
}

/// The derived columns, where nothing filled them.
pub(super) const NOT_DERIVED: &str = "//-";
/// How deep what waits for each other is followed.
const ROUNDS: usize = 16;

/// One line of the crosswalk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) slot: Slot,
    pub(super) created: bool,
}

/// Why a row is not yet in the customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parked {
    MissingParent(Row),
    Taken(Row),
    Ambiguous(Row),
    Rejected(Row),
    /// Link-only: the customer has no such row yet.
    Unmatched(Row),
    /// Link-only: the two rows of a link have different keys.
    Mismatch(Row),
    /// A delete that something of the customer stands against.
    Delete,
}

impl Parked {
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::MissingParent(_) => "missing_parent",
            Self::Taken(_) => "taken",
            Self::Ambiguous(_) => "ambiguous",
            Self::Rejected(_) => "rejected",
            Self::Unmatched(_) => "unmatched",
            Self::Mismatch(_) => "mismatch",
            Self::Delete => "rejected delete",
        }
    }

    fn row(&self) -> Option<&Row> {
        match self {
            Self::MissingParent(row)
            | Self::Taken(row)
            | Self::Ambiguous(row)
            | Self::Rejected(row)
            | Self::Unmatched(row)
            | Self::Mismatch(row) => Some(row),
            Self::Delete => None,
        }
    }

    /// Whether its way in may hang on the moment at which it is tried again.
    fn freezes(&self) -> bool {
        !matches!(self, Self::Unmatched(_) | Self::Mismatch(_))
    }
}

/// One customer under its rules.
#[derive(Debug)]
pub(super) struct Customer {
    pub(super) receiver: Receiver,
    pub(super) rows: BTreeMap<(Table, Slot), Held>,
    pub(super) links: BTreeMap<Id, Link>,
    pub(super) parked: BTreeMap<Id, Parked>,
    next: Slot,
}

impl Customer {
    pub(super) fn new(receiver: Receiver) -> Self {
        let (rows, links, parked) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { receiver, rows, links, parked, next: 1 }
    }

    pub(super) fn name(&self) -> &'static str {
        self.receiver.name
    }

    pub(super) fn rule(&self, table: Table) -> Option<Rule> {
        (self.receiver.rule)(table)
    }

    pub(super) fn remembers(&self, table: Table) -> bool {
        self.rule(table).is_some_and(|rule| rule.remembers(table))
    }

    /// Rows that are not to be touched at the source any more.
    pub(super) fn frozen(&self) -> impl Iterator<Item = Id> {
        self.parked.iter().filter(|(_, parked)| parked.freezes()).map(|(id, _)| *id)
    }

    pub(super) fn hold(&mut self, table: Table, held: Held) -> Slot {
        self.next += 1;
        self.rows.insert((table, self.next), held);
        self.next
    }

    /// Applies one source transaction.
    pub(super) fn apply(&mut self, transaction: &Transaction) {
        self.truncate(&transaction.truncated);
        self.follow(&transaction.changes, ROUNDS);
    }

    /// All links of the tables end. Rows go where the rule says so, as if each had been deleted.
    fn truncate(&mut self, tables: &[Table]) {
        self.parked.retain(|id, parked| !tables.contains(&id.0) || *parked == Parked::Delete);
        let mut released = BTreeMap::new();
        self.links.retain(|id, link| {
            let stays = !tables.contains(&id.0);
            if !stays {
                released.insert(*id, *link);
            }
            stays
        });
        for table in Table::ALL.into_iter().rev() {
            let Some(rule) = self.rule(table).filter(|rule| rule.mode != Mode::LinkOnly) else { continue };
            self.depart_all(table, rule.on_truncate, &released);
        }
    }

    /// Links of rows that are gone are released first, so that their keys can be claimed; then rows are written, parents
    /// first; then those that left the rule's `where` and those that are gone, children first.
    fn follow(&mut self, changes: &[Change], rounds: usize) {
        let mut released: BTreeMap<Id, Link> = BTreeMap::new();
        for change in changes {
            // A later change of a parked row takes its place: the newest state counts.
            self.parked.remove(&change.id);
            if let (None, Some(old)) = (&change.new, &change.old) {
                let link = if self.remembers(change.id.0) {
                    self.links.remove(&change.id)
                } else {
                    self.find(change.id.0, None, &old.key).first().map(|&slot| Link { slot, created: false })
                };
                released.extend(link.map(|link| (change.id, link)));
            }
        }
        for table in Table::ALL {
            self.write_all(table, changes, &mut released);
        }
        for table in Table::ALL.into_iter().rev() {
            let Some(rule) = self.rule(table) else { continue };
            self.leave_all(table, rule, changes);
            if rule.mode != Mode::LinkOnly {
                self.depart_all(table, rule.on_delete, &released);
            }
        }
        if rounds > 0 {
            self.wake(changes, rounds - 1);
        }
    }

    /// What waited for a row is tried again when that row comes by, whether or not it found a place.
    fn wake(&mut self, changes: &[Change], rounds: usize) {
        for change in changes.iter().filter(|change| change.new.is_some()) {
            let waits = |(id, parked): (&Id, &Parked)| match parked {
                Parked::MissingParent(row)
                    if id.0.parent() == Some(change.id.0) && row.parent == Some(change.id.1) =>
                {
                    Some(upsert(*id, row))
                }
                Parked::MissingParent(_)
                | Parked::Taken(_)
                | Parked::Ambiguous(_)
                | Parked::Rejected(_)
                | Parked::Unmatched(_)
                | Parked::Mismatch(_)
                | Parked::Delete => None,
            };
            let waiting: Vec<Change> = self.parked.iter().filter_map(waits).collect();
            if !waiting.is_empty() {
                self.follow(&waiting, rounds);
            }
        }
    }

    /// Rows outside `where` that the customer was given.
    fn leave_all(&mut self, table: Table, rule: Rule, changes: &[Change]) {
        let Some(leave) = rule.on_leave else { return };
        let hidden =
            |change: &&Change| change.id.0 == table && change.new.as_ref().is_some_and(|row| !row.is_shown());
        for change in changes.iter().filter(hidden) {
            let Some(link) = self.links.get(&change.id).copied() else { continue };
            let is_ours = rule.mode == Mode::Override || link.created;
            if !is_ours {
                continue;
            }
            match leave {
                Gone::Ignore => {}
                Gone::Mark => self.mark(table, link.slot, "left"),
                Gone::Delete => {
                    self.rows.remove(&(table, link.slot));
                    self.links.remove(&change.id);
                }
            }
        }
    }

    /// Rows of released links, as far as they are the rule's to take.
    fn depart_all(&mut self, table: Table, gone: Gone, released: &BTreeMap<Id, Link>) {
        let Some(rule) = self.rule(table) else { return };
        let own: Vec<(Id, Link)> = released
            .iter()
            .filter(|(id, link)| id.0 == table && (rule.mode == Mode::Override || link.created))
            .map(|(id, link)| (*id, *link))
            .collect();
        let going: BTreeSet<Slot> = own.iter().map(|(_, link)| link.slot).collect();
        for (id, link) in own {
            match gone {
                Gone::Ignore => {}
                Gone::Mark => self.mark(table, link.slot, "gone"),
                Gone::Delete if self.is_needed(link.slot, &going) => {
                    self.links.insert(id, link);
                    self.parked.insert(id, Parked::Delete);
                }
                Gone::Delete => _ = self.rows.remove(&(table, link.slot)),
            }
        }
    }

    /// Something that stays points at the row.
    fn is_needed(&self, slot: Slot, going: &BTreeSet<Slot>) -> bool {
        self.rows.iter().any(|(key, held)| held.parent == Some(slot) && !going.contains(&key.1))
    }

    fn mark(&mut self, table: Table, slot: Slot, mark: &'static str) {
        if let Some(held) = self.rows.get_mut(&(table, slot)) {
            held.local = mark;
        }
    }

    /// Tries everything that is parked again, until nothing moves any more.
    pub(super) fn settle(&mut self) {
        loop {
            let before = self.parked.clone();
            let again = before.iter().map(|(id, parked)| match parked.row() {
                Some(row) => upsert(*id, row),
                None => Change { id: *id, old: Some(Row::default()), new: None },
            });
            let again: Vec<Change> = again.collect();
            self.follow(&again, ROUNDS);
            if self.parked == before {
                return;
            }
        }
    }
}

fn upsert(id: Id, row: &Row) -> Change {
    Change { id, old: None, new: Some(row.clone()) }
}
