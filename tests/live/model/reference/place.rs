//! How the reference finds a place for each row that a transaction wrote.

use std::collections::{BTreeMap, BTreeSet};

use super::super::rows::{Change, Id, Row, Table};
use super::super::rules::{Gone, Mode, Rule};
use super::{Customer, Held, Link, Parked, Slot};

/// What a row refers to, in the customer.
enum Parent {
    /// Nothing, or this row of the customer.
    Known(Option<Slot>),
    /// The customer has no row for it, and the row has to wait.
    Waits,
    /// The customer has no row for it, and the row is left out.
    Skipped,
}

/// A changed row that the rule gives.
#[derive(Clone, Copy)]
struct Given<'a> {
    change: &'a Change,
    row: &'a Row,
}

impl Given<'_> {
    fn id(&self) -> Id {
        self.change.id
    }
}

/// The rows of one table on their way.
struct Way<'a> {
    rule: Rule,
    table: Table,
    /// Rows that the customer has and that follow the source.
    moves: BTreeMap<Slot, Given<'a>>,
    /// Rows that have no place yet.
    loose: Vec<Given<'a>>,
    /// Rows of the customer that go with this transaction.
    leaving: BTreeSet<Slot>,
}

impl Customer {
    pub(super) fn write_all(&mut self, table: Table, changes: &[Change], released: &mut BTreeMap<Id, Link>) {
        let Some(rule) = self.rule(table) else { return };
        let own = changes.iter().filter(|change| change.id.0 == table);
        let living = own.filter_map(|change| Some(Given { change, row: change.new.as_ref()? }));
        let given: Vec<Given<'_>> =
            living.filter(|given| rule.on_leave.is_none() || given.row.is_shown()).collect();
        if rule.mode == Mode::LinkOnly {
            self.link_all(&given);
            return;
        }
        let leaving = self.leaving(table, rule, changes, released);
        let mut way = Way { rule, table, moves: BTreeMap::new(), loose: Vec::new(), leaving };
        for given in given {
            match self.own_row(rule, given.change) {
                // Create-only leaves a row that it knows alone, whatever happens at the source.
                Some(_) if rule.mode == Mode::CreateOnly => {}
                Some(slot) => _ = way.moves.insert(slot, given),
                None => way.loose.push(given),
            }
        }
        let mut claimed = BTreeSet::new();
        while self.go_on(&mut way, &mut claimed) {}
        self.close_circle(&mut way);
        while self.go_on(&mut way, &mut claimed) {}
        released.retain(|id, link| id.0 != table || !claimed.contains(&link.slot));
        self.park_rest(way);
    }

    /// The customer's rows that this transaction takes away: nobody has to mind their keys.
    fn leaving(
        &self,
        table: Table,
        rule: Rule,
        changes: &[Change],
        released: &BTreeMap<Id, Link>,
    ) -> BTreeSet<Slot> {
        let ours = |link: &&Link| rule.mode == Mode::Override || link.created;
        let gone = released.iter().filter(|(id, _)| id.0 == table && rule.on_delete == Gone::Delete);
        let gone = gone.map(|(_, link)| link).filter(ours);
        let hidden = changes.iter().filter(|change| {
            let is_hidden = change.new.as_ref().is_some_and(|row| !row.is_shown());
            change.id.0 == table && rule.on_leave == Some(Gone::Delete) && is_hidden
        });
        let hidden = hidden.filter_map(|change| self.links.get(&change.id)).filter(ours);
        gone.chain(hidden).map(|link| link.slot).collect()
    }

    /// One step: rows that follow the source move all at once, and each only where nobody stands who stays; then others
    /// find their place or are created. Answers whether anything happened.
    fn go_on(&mut self, way: &mut Way<'_>, claimed: &mut BTreeSet<Slot>) -> bool {
        let resolved = |given: &Given<'_>| matches!(self.parent(given), Parent::Known(_));
        let mut ready: BTreeMap<Slot, Given<'_>> = way
            .moves
            .iter()
            .filter(|(_, given)| resolved(given))
            .map(|(slot, given)| (*slot, *given))
            .collect();
        while let Some(slot) = self.blocked(way, &ready) {
            ready.remove(&slot);
            if !way.rule.remembers(way.table) {
                // Without a crosswalk only the key decides: what stands there is overwritten, and the old row stays.
                way.loose.extend(way.moves.remove(&slot));
            }
        }
        let mut happened = !ready.is_empty();
        for (slot, given) in ready {
            way.moves.remove(&slot);
            self.write(way.rule, given, slot);
        }
        let mut left = Vec::new();
        for given in std::mem::take(&mut way.loose) {
            match self.place(way, given) {
                Some(slot) => {
                    claimed.insert(slot);
                    happened = true;
                    // Found by its key; its values wait for what it refers to.
                    if way.rule.mode == Mode::Override && !matches!(self.parent(&given), Parent::Known(_)) {
                        way.moves.insert(slot, given);
                    }
                }
                None => left.push(given),
            }
        }
        way.loose = left;
        happened
    }

    /// A row whose new key belongs to a row that stays where it is.
    fn blocked(&self, way: &Way<'_>, ready: &BTreeMap<Slot, Given<'_>>) -> Option<Slot> {
        let stands = |&(&slot, given): &(&Slot, &Given<'_>)| {
            let parent = self.key_parent(given);
            self.rows.range((way.table, 0)..=(way.table, Slot::MAX)).any(|(&(_, other), held)| {
                let free = other == slot || ready.contains_key(&other) || way.leaving.contains(&other);
                let same_parent = way.table != Table::Line || held.parent == parent;
                !free && same_parent && held.key == given.row.key
            })
        };
        ready.iter().find(stands).map(|(slot, _)| *slot)
    }

    /// The row that the customer is known to have for it. Without a crosswalk that is the row of its old key, and
    /// only where the source gave it another one.
    fn own_row(&mut self, rule: Rule, change: &Change) -> Option<Slot> {
        let table = change.id.0;
        if rule.remembers(table) {
            let slot = self.links.get(&change.id)?.slot;
            if self.rows.contains_key(&(table, slot)) {
                return Some(slot);
            }
            // The customer has deleted it.
            self.links.remove(&change.id);
            return None;
        }
        let (old, new) = (change.old.as_ref()?, change.new.as_ref()?);
        let moved = rule.mode == Mode::Override && old.key != new.key;
        if moved { self.find(table, None, &old.key).first().copied() } else { None }
    }

    /// Finds the row by its natural key, or creates it. Answers the row that it took.
    fn place(&mut self, way: &Way<'_>, given: Given<'_>) -> Option<Slot> {
        let (id, row) = (given.id(), given.row);
        let (table, parent) = (id.0, self.parent(&given));
        if table == Table::Line && !matches!(parent, Parent::Known(_)) {
            return None;
        }
        let found = self.find(table, self.key_parent(&given), &row.key);
        let (slot, created) = match (&found[..], parent) {
            (&[slot], _) if self.is_linked(table, slot) => return None,
            (&[slot], _) => (slot, false),
            ([], Parent::Known(parent)) => {
                let held = Held { key: row.key.clone(), parent, body: row.body, ..Held::given() };
                (self.hold(table, held), true)
            }
            _ => return None,
        };
        if way.rule.remembers(table) {
            self.links.insert(id, Link { slot, created });
        }
        if created || way.rule.mode == Mode::Override {
            self.write(way.rule, given, slot);
        }
        Some(slot)
    }

    fn is_linked(&self, table: Table, slot: Slot) -> bool {
        self.links.range((table, 0)..=(table, u64::MAX)).any(|(_, link)| link.slot == slot)
    }

    /// Persons who refer to each other, or to themselves: none can come first, so they come together.
    fn close_circle(&mut self, way: &mut Way<'_>) {
        if way.table != Table::Person {
            return;
        }
        let is_new = |given: &&Given<'_>| self.find(way.table, None, &given.row.key).is_empty();
        let mut circle: Vec<Given<'_>> = way.loose.iter().filter(is_new).copied().collect();
        loop {
            let inside: BTreeSet<u64> = circle.iter().map(|given| given.id().1).collect();
            let before = circle.len();
            circle.retain(|given| {
                let boss = given.row.parent;
                boss.is_none_or(|boss| inside.contains(&boss) || self.links.contains_key(&(way.table, boss)))
            });
            if circle.len() == before {
                break;
            }
        }
        for given in &circle {
            self.next += 1;
            self.links.insert(given.id(), Link { slot: self.next, created: true });
        }
        for given in circle {
            let slot = self.links[&given.id()].slot;
            self.rows.insert((way.table, slot), Held::given());
            self.write(way.rule, given, slot);
            way.loose.retain(|other| other.id() != given.id());
        }
    }

    fn write(&mut self, rule: Rule, given: Given<'_>, slot: Slot) {
        let Given { change, row } = given;
        let Parent::Known(parent) = self.parent(&given) else { return };
        let origin = match (change.id.0, parent) {
            (Table::Line, Some(parent)) => self.rows.get(&(Table::Schedule, parent)).map(|held| held.local),
            _ => None,
        };
        let Some(held) = self.rows.get_mut(&(change.id.0, slot)) else { return };
        held.key.clone_from(&row.key);
        held.parent = parent;
        held.value = row.value;
        held.note = row.note;
        held.touched = true;
        // A large text that the source did not touch is not touched here either.
        if change.old.as_ref().is_none_or(|old| old.body != row.body) {
            held.body = row.body;
        }
        if rule.derives {
            let alias = row.key.split_once('/').map_or(row.key.as_str(), |(_, plan)| plan);
            held.derived = format!("{alias}/{}/{}", row.value * 2, origin.unwrap_or("-"));
            held.note = row.note.or(Some(row.value % 3).filter(|rest| *rest != 0)).or(Some(-7));
        }
    }

    /// What stays without a place waits, each for its own reason.
    fn park_rest(&mut self, way: Way<'_>) {
        for (_, given) in way.moves {
            match self.parent(&given) {
                Parent::Known(_) => self.park(given, Parked::Rejected),
                Parent::Waits => self.park(given, Parked::MissingParent),
                Parent::Skipped => {}
            }
        }
        for given in way.loose {
            let found = self.find(way.table, self.key_parent(&given), &given.row.key);
            match (self.parent(&given), found.len()) {
                (Parent::Skipped, _) => {}
                (Parent::Waits, _) => self.park(given, Parked::MissingParent),
                (Parent::Known(_), 0 | 1) => self.park(given, Parked::Taken),
                (Parent::Known(_), _) => self.park(given, Parked::Ambiguous),
            }
        }
    }

    fn park(&mut self, given: Given<'_>, parked: impl Fn(Row) -> Parked) {
        self.parked.insert(given.id(), parked(given.row.clone()));
    }

    /// Link-only: nothing is written.
    fn link_all(&mut self, given: &[Given<'_>]) {
        for given in given {
            let (table, row) = (given.id().0, given.row);
            let linked =
                self.links.get(&given.id()).filter(|link| self.rows.contains_key(&(table, link.slot)));
            if let Some(link) = linked.copied() {
                let same = self.find(table, self.key_parent(given), &row.key).contains(&link.slot);
                if !same || (table == Table::Line && !matches!(self.parent(given), Parent::Known(_))) {
                    self.park(*given, Parked::Mismatch);
                }
                continue;
            }
            self.links.remove(&given.id());
            if !matches!(self.parent(given), Parent::Known(_)) {
                self.park(*given, Parked::MissingParent);
                continue;
            }
            match self.find(table, self.key_parent(given), &row.key)[..] {
                [] => self.park(*given, Parked::Unmatched),
                [slot] if self.is_linked(table, slot) => self.park(*given, Parked::Taken),
                [slot] => _ = self.links.insert(given.id(), Link { slot, created: false }),
                _ => self.park(*given, Parked::Ambiguous),
            }
        }
    }

    fn parent(&self, given: &Given<'_>) -> Parent {
        let table = given.id().0;
        let (Some(parents), Some(parent)) = (table.parent(), given.row.parent) else {
            return Parent::Known(None);
        };
        match (self.links.get(&(parents, parent)), table) {
            (Some(link), _) => Parent::Known(Some(link.slot)),
            (None, Table::Visit) => Parent::Known(None),
            (None, Table::Item) => Parent::Skipped,
            (None, _) => Parent::Waits,
        }
    }

    /// The parent as a part of the natural key.
    fn key_parent(&self, given: &Given<'_>) -> Option<Slot> {
        match self.parent(given) {
            Parent::Known(parent) => parent.filter(|_| given.id().0 == Table::Line),
            Parent::Waits | Parent::Skipped => None,
        }
    }

    /// The customer's rows with this natural key.
    pub(in super::super) fn find(&self, table: Table, parent: Option<Slot>, key: &str) -> Vec<Slot> {
        let key = table.compared(key);
        let same =
            |held: &Held| (table != Table::Line || held.parent == parent) && table.compared(&held.key) == key;
        let rows = self.rows.range((table, 0)..=(table, Slot::MAX));
        rows.filter(|(_, held)| same(held)).map(|(&(_, slot), _)| slot).collect()
    }
}
