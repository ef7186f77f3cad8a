//! Random source transactions: the SQL of each, and what it did to every row.
//!
//! What is left out, because the outcome depends on the moment by nature:
//!
//! * A row that some customer of the same source has parked is not touched again, and nothing new refers to it: it gets in
//!   when a timer rings or an operator asks. (Link-only rows may be: nothing is written for them at any moment.)
//! * A visit or an item is written as it can be at that moment. So it refers to a schedule that the daemon has seen, or to
//!   one of those that never change.
//! * Documents that are older than the daemon stay, keep their text and meet no row of a customer: what the stream leaves
//!   out is read from the source later, or not at all.
//! * A key on the way counts for nothing, but where a customer has no place for the last one, its row may stay under the
//!   one before, as the transaction had left it by then: so a row changes its key once in a transaction and does not go in
//!   it, one that was changed before takes a key that nobody ever had, and only rows that the daemon has
//!   seen (and that `where` shows) swap theirs.
//! * Two tags that differ in their spelling alone are one item. Which of them comes first is not told where one has been
//!   renamed to it in the same batch: so nothing takes the name of a tag that was renamed.
//! * Where a rule marks rows that are gone, no key comes back in a later transaction: in one batch with the delete, nothing
//!   was gone.
//! * A customer that is held gets the newest state and none on the way. Create-only would keep another one, and so would a
//!   customer with rows of its own or one that keeps what is deleted: only mirrors are held ([`World::Held`]). There,
//!   nothing depends on the moment, and all of the restrictions above fall away.

mod changes;

use std::collections::{BTreeMap, BTreeSet};

use super::rows::{Change, Id, Row, Table, Transaction};
use super::rules::World;

/// Names that customers already have when the daemon starts, each some of them.
pub(super) const OWN_KEYS: u64 = 12;
/// Rows that the source has before the daemon starts, for each table.
const ROWS_BEFORE: u64 = 6;

/// Numbers that are the same for the same seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let sides = u64::try_from(from.len()).ok().filter(|sides| *sides > 0)?;
        from.get(usize::try_from(self.roll(sides)).unwrap_or(0)).cloned()
    }
}

/// A source customer, as its own tables hold it.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) world: World,
    schema: &'static str,
    dice: Dice,
    rows: BTreeMap<Id, Row>,
    next_id: u64,
    next_key: u64,
    /// Keys that were used and given up.
    free: BTreeSet<(Table, Option<u64>, String)>,
    /// Every key that was ever used, where none comes back.
    spent: BTreeSet<(Table, String)>,
    /// Rows that some customer has parked.
    pub(super) frozen: BTreeSet<Id>,
    /// Rows that were there before the daemon was.
    before: BTreeSet<Id>,
    /// Rows that the daemon has seen, and has given.
    seen: BTreeSet<Id>,
    /// Tags that have another name than at first.
    renamed: BTreeSet<Id>,
    huge: Vec<u64>,
    /// The transaction at hand: every row that it touched, as it was before.
    touched: BTreeMap<Id, Option<Row>>,
    truncated: Vec<Table>,
    sql: Vec<String>,
}

impl Source {
    /// A source, with some rows where the world has any before the daemon; the transaction makes them.
    pub(super) fn new(world: World, seed: u64) -> (Self, Transaction) {
        let mut source = Self {
            world,
            schema: world.source(),
            dice: Dice(seed ^ (world as u64) << 32),
            rows: BTreeMap::new(),
            next_id: 0,
            next_key: 0,
            free: BTreeSet::new(),
            spent: BTreeSet::new(),
            frozen: BTreeSet::new(),
            before: BTreeSet::new(),
            seen: BTreeSet::new(),
            renamed: BTreeSet::new(),
            huge: Vec::new(),
            touched: BTreeMap::new(),
            truncated: Vec::new(),
            sql: vec!["SELECT 1".to_owned()],
        };
        let rows_before = if world == World::Plain { ROWS_BEFORE } else { 0 };
        for table in Table::ALL {
            for number in 0..rows_before {
                let parent = table.parent().and_then(|parent| source.any(parent));
                let parent = parent.filter(|id| table.takes_late_parents() || id.1.is_multiple_of(3));
                let key = if number.is_multiple_of(2) && !matches!(table, Table::Doc | Table::Line) {
                    own_key(table, number)
                } else {
                    source.fresh_key(table)
                };
                source.insert(table, key, parent.map(|id| id.1));
            }
        }
        source.before = source.rows.keys().copied().collect();
        let first = source.end(true);
        source.seen.clear();
        (source, first)
    }

    /// A row's natural key as it is now.
    pub(super) fn key(&self, id: Id) -> Option<&str> {
        self.rows.get(&id).map(|row| row.key.as_str())
    }

    /// All rows as they are now.
    pub(super) fn rows(&self) -> &BTreeMap<Id, Row> {
        &self.rows
    }

    /// The next transaction.
    pub(super) fn transaction(&mut self) -> Transaction {
        let moves = match self.dice.roll(10) {
            0..=4 => 1,
            5..=7 => 3,
            _ => 8,
        };
        let truncates = (self.dice.roll(40) == 0).then(|| self.dice.roll(moves));
        for number in 0..moves {
            if truncates == Some(number) {
                self.truncate();
            }
            self.one_move();
        }
        if self.dice.roll(50) == 0 {
            self.huge_move();
        }
        let commits = self.dice.roll(8) > 0;
        self.end(commits)
    }

    fn one_move(&mut self) {
        let table = match self.dice.roll(14) {
            0 | 1 => Table::Schedule,
            2..=4 => Table::Line,
            5 | 6 => Table::Code,
            7 | 8 => Table::Payer,
            9 => Table::Doc,
            10 => Table::Tag,
            11 => Table::Visit,
            12 => Table::Item,
            _ => Table::Person,
        };
        match self.dice.roll(16) {
            0..=3 => self.insert_one(table),
            4..=6 => self.change(table),
            7 => self.touch(table),
            8 | 9 => self.rename(table),
            10 => self.swap(table),
            11 | 12 => self.delete_one(table),
            13 => self.replace(table),
            _ if table.parent().is_some() => self.move_child(table),
            _ if table == Table::Doc => self.rewrite(),
            _ => self.change(table),
        }
    }

    /// Whether a key may be used again by a later transaction.
    fn reuses(&self) -> bool {
        self.world != World::Filtered
    }

    fn end(&mut self, commits: bool) -> Transaction {
        let last = if commits { "COMMIT" } else { "ROLLBACK" };
        let statements = std::mem::take(&mut self.sql).join(";\n");
        let sql = format!("BEGIN;\nSET LOCAL search_path = {};\n{statements};\n{last};", self.schema);
        let truncated = std::mem::take(&mut self.truncated);
        let mut changes = Vec::new();
        for (id, old) in std::mem::take(&mut self.touched) {
            let new = self.rows.get(&id).cloned();
            if commits {
                if new.as_ref().is_some_and(|row| self.world != World::Filtered || row.is_shown()) {
                    self.seen.insert(id);
                }
                // What came and went inside the transaction never was; what a truncate took is not deleted.
                let was_truncated = truncated.contains(&id.0);
                let is_change = (old.is_some() && !was_truncated) || new.is_some();
                let old = old.filter(|_| !was_truncated);
                changes.extend(is_change.then_some(Change { id, old, new }));
            } else if let Some(old) = old {
                self.rows.insert(id, old);
            } else {
                self.rows.remove(&id);
            }
        }
        let truncated = if commits { truncated } else { Vec::new() };
        Transaction { sql, truncated, changes }
    }

    /// Writes the new state down; the first one before it in this transaction stays known.
    fn note(&mut self, id: Id, new: Option<Row>) {
        let old = match new {
            Some(row) => self.rows.insert(id, row),
            None => self.rows.remove(&id),
        };
        self.touched.entry(id).or_insert(old);
    }

    /// Any row but those of the huge transactions.
    fn any(&mut self, table: Table) -> Option<Id> {
        let small = |(id, row): &(&Id, &Row)| id.0 == table && !row.key.starts_with('h');
        let ids: Vec<Id> = self.rows.iter().filter(small).map(|(id, _)| *id).collect();
        self.dice.pick(&ids)
    }

    /// Any row that no customer has parked.
    fn any_free(&mut self, table: Table) -> Option<Id> {
        self.any(table).filter(|id| !self.frozen.contains(id) && !self.is_still(*id))
    }

    /// Something to refer to.
    fn any_parent(&mut self, table: Table) -> Option<Id> {
        let parent = self.any(table.parent()?).filter(|id| !self.frozen.contains(id))?;
        let is_known = self.seen.contains(&parent) || self.touched.contains_key(&parent);
        (table.takes_late_parents() || is_known || self.is_still(parent)).then_some(parent)
    }

    /// No customer ever gets it, so that there are parents that customers lack.
    fn is_still(&self, id: Id) -> bool {
        self.before.contains(&id) && id.0 == Table::Schedule && id.1.is_multiple_of(3)
    }

    fn fresh_key(&mut self, table: Table) -> String {
        self.next_key += 1;
        let key = format!("k{}", self.next_key);
        match table {
            Table::Payer => format!("{key}/gold"),
            Table::Tag => spelled(&key, self.next_key),
            Table::Schedule
            | Table::Person
            | Table::Line
            | Table::Code
            | Table::Doc
            | Table::Visit
            | Table::Item => key,
        }
    }

    fn value(&mut self) -> i64 {
        i64::try_from(self.dice.roll(1_000_000)).unwrap_or(0)
    }

    fn note_value(&mut self) -> Option<i64> {
        let note = i64::try_from(self.dice.roll(1_000)).unwrap_or(0);
        (self.dice.roll(5) > 0).then_some(note)
    }

    /// The transaction at hand has given it another key.
    fn has_moved(&self, id: Id) -> bool {
        let before = self.touched.get(&id).and_then(Option::as_ref);
        let place = |row: &Row| (row.key.clone(), row.parent.filter(|_| id.0 == Table::Line));
        before.is_some_and(|before| place(before) != place(&self.rows[&id]))
    }
}

/// A name that customers may have.
pub(super) fn own_key(table: Table, number: u64) -> String {
    match table {
        Table::Payer => format!("own{number}/own"),
        Table::Tag => spelled(&format!("own{number}"), number),
        Table::Schedule
        | Table::Person
        | Table::Line
        | Table::Code
        | Table::Doc
        | Table::Visit
        | Table::Item => format!("own{number}"),
    }
}

/// The same name in another spelling.
fn spelled(key: &str, number: u64) -> String {
    match number % 4 {
        0 => key.to_owned(),
        1 => key.to_uppercase(),
        2 => format!(" {key}"),
        _ => format!("{} ", key.to_uppercase()),
    }
}

/// More than four kilobytes, and the number can be read back from it.
pub(super) fn body_sql(number: u64) -> String {
    format!("repeat('b{number}-', 1200)")
}
