//! Random source transactions: the SQL of each, and what it did to every row.
//!
//! What is left out, because the outcome depends on the moment by nature: a row that some customer has parked is not
//! touched again (it gets in when a timer rings or an operator asks), and documents that are older than the daemon stay,
//! keep their text and meet no row of a customer (what the stream leaves out is read from the source later, or not at
//! all). A key on the way counts for nothing, but where a customer has no place for the last one, its row may stay under
//! the one before: so a row changes its key once in a transaction and does not go in it, and only rows that the daemon
//! has seen swap theirs.

use std::collections::{BTreeMap, BTreeSet};

use super::reference::{Change, Id, Row, Table};

/// Names that customers already have when the daemon starts, each some of them.
pub(super) const OWN_KEYS: u64 = 12;
/// Rows that the source has before the daemon starts, for each table.
const ROWS_BEFORE: u64 = 6;
/// Rows that a huge transaction inserts.
const HUGE_ROWS: u64 = 1_500;

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

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let sides = u64::try_from(from.len()).ok().filter(|sides| *sides > 0)?;
        from.get(usize::try_from(self.roll(sides)).unwrap_or(0)).cloned()
    }
}

/// The source customer, as its own tables hold it.
#[derive(Debug)]
pub(super) struct Source {
    dice: Dice,
    rows: BTreeMap<Id, Row>,
    next_id: u64,
    next_key: u64,
    /// Keys that were used and given up.
    free: BTreeSet<(Table, Option<u64>, String)>,
    /// Rows that some customer has parked.
    pub(super) frozen: BTreeSet<Id>,
    /// Rows that were there before the daemon was.
    before: BTreeSet<Id>,
    /// Rows that the daemon has seen.
    seen: BTreeSet<Id>,
    huge: Vec<u64>,
    /// The transaction at hand: every row that it touched, as it was before.
    touched: BTreeMap<Id, Option<Row>>,
    sql: Vec<String>,
}

/// One transaction.
pub(super) struct Transaction {
    /// Its statements, BEGIN and COMMIT (or ROLLBACK) included.
    pub(super) sql: String,
    /// Nothing, where it was rolled back.
    pub(super) changes: Vec<Change>,
}

impl Source {
    /// A source with some rows; the transaction makes them.
    pub(super) fn new(seed: u64) -> (Self, Transaction) {
        let mut source = Self {
            dice: Dice(seed),
            rows: BTreeMap::new(),
            next_id: 0,
            next_key: 0,
            free: BTreeSet::new(),
            frozen: BTreeSet::new(),
            before: BTreeSet::new(),
            seen: BTreeSet::new(),
            huge: Vec::new(),
            touched: BTreeMap::new(),
            sql: Vec::new(),
        };
        for table in Table::ALL {
            for number in 0..ROWS_BEFORE {
                let parent = if table == Table::Line { source.any(Table::Schedule) } else { None };
                let key = if number.is_multiple_of(2) && table != Table::Doc {
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

    /// The next transaction.
    pub(super) fn transaction(&mut self) -> Transaction {
        let moves = match self.dice.roll(10) {
            0..=4 => 1,
            5..=7 => 3,
            _ => 8,
        };
        for _ in 0..moves {
            self.one_move();
        }
        if self.dice.roll(25) == 0 {
            self.huge_move();
        }
        let commits = self.dice.roll(8) > 0;
        self.end(commits)
    }

    fn one_move(&mut self) {
        let table = match self.dice.roll(10) {
            0 | 1 => Table::Schedule,
            2..=4 => Table::Line,
            5 | 6 => Table::Code,
            7 | 8 => Table::Payer,
            _ => Table::Doc,
        };
        match self.dice.roll(16) {
            0..=3 => self.insert_one(table),
            4..=6 => self.change(table),
            7 => self.touch(table),
            8 | 9 => self.rename(table),
            10 => self.swap(table),
            11 | 12 => self.delete_one(table),
            13 => self.replace(table),
            _ if table == Table::Line => self.move_line(),
            _ if table == Table::Doc => self.rewrite(),
            _ => self.change(table),
        }
    }

    fn insert_one(&mut self, table: Table) {
        let parent = if table == Table::Line { self.any(Table::Schedule) } else { None };
        if table == Table::Line && parent.is_none() {
            return;
        }
        let parent = parent.map(|id| id.1);
        let own = own_key(table, self.dice.roll(OWN_KEYS));
        let key = match self.dice.roll(4) {
            0 => self.given_up(table, parent).unwrap_or(own),
            1 if table != Table::Line => own,
            _ => self.fresh_key(table),
        };
        if !self.is_used(table, parent, &key) {
            self.insert(table, key, parent);
        }
    }

    fn is_used(&self, table: Table, parent: Option<u64>, key: &str) -> bool {
        self.rows.iter().any(|(id, row)| (id.0, row.parent, row.key.as_str()) == (table, parent, key))
    }

    /// A key that some row had.
    fn given_up(&mut self, table: Table, parent: Option<u64>) -> Option<String> {
        let free =
            self.free.iter().filter(|free| (free.0, free.1) == (table, parent)).map(|free| free.2.clone());
        let free: Vec<String> = free.filter(|key| !self.is_used(table, parent, key)).collect();
        self.dice.pick(&free)
    }

    fn insert(&mut self, table: Table, key: String, parent: Option<u64>) {
        self.next_id += 1;
        let id = (table, self.next_id);
        let row = Row { key, parent, value: self.value(), body: self.next_id };
        self.free.remove(&(table, parent, row.key.clone()));
        let (name, number, value) = (table.name(), id.1, row.value);
        let keys = keys_sql(table, &row);
        let body = if table == Table::Doc { format!(", {}", body_sql(row.body)) } else { String::new() };
        self.sql.push(match table {
            Table::Code => format!("INSERT INTO source.code (key, value) VALUES ({keys}, {value})"),
            Table::Schedule | Table::Line | Table::Payer | Table::Doc => {
                format!("INSERT INTO source.{name} VALUES ({number}, {keys}, {value}{body})")
            }
        });
        self.note(id, Some(row));
    }

    /// Writes the new state down; the first one before it in this transaction stays known.
    fn note(&mut self, id: Id, new: Option<Row>) {
        let old = match new {
            Some(row) => self.rows.insert(id, row),
            None => self.rows.remove(&id),
        };
        self.touched.entry(id).or_insert(old);
    }

    fn update(&mut self, id: Id, set: &str, new: Row) {
        let at = self.place(id);
        self.sql.push(format!("UPDATE source.{} SET {set} WHERE {at}", id.0.name()));
        self.note(id, Some(new));
    }

    /// How SQL finds the row.
    fn place(&self, id: Id) -> String {
        match id.0 {
            Table::Code => format!("key = '{}'", self.rows[&id].key),
            Table::Schedule | Table::Line | Table::Payer | Table::Doc => format!("id = {}", id.1),
        }
    }

    fn change(&mut self, table: Table) {
        let Some(id) = self.any_free(table) else { return };
        let row = Row { value: self.value(), ..self.rows[&id].clone() };
        self.update(id, &format!("value = {}", row.value), row);
    }

    fn touch(&mut self, table: Table) {
        let Some(id) = self.any_free(table) else { return };
        let row = self.rows[&id].clone();
        self.update(id, "value = value", row);
    }

    fn rename(&mut self, table: Table) {
        let Some(id) = self.any_free(table).filter(|id| !self.has_moved(*id)) else { return };
        let parent = self.rows[&id].parent;
        let again =
            self.given_up(table, parent).filter(|_| self.dice.roll(4) == 0 && !self.before.contains(&id));
        let key = again.unwrap_or_else(|| self.fresh_key(table));
        self.rename_to(id, key);
    }

    fn rename_to(&mut self, id: Id, key: String) {
        let before = self.rows[&id].clone();
        self.free.remove(&(id.0, before.parent, key.clone()));
        self.free.insert((id.0, before.parent, before.key.clone()));
        let row = Row { key, ..before };
        let keys = keys_sql(id.0, &row);
        let columns = match id.0 {
            Table::Payer => "payer, plan",
            Table::Line => "schedule, key",
            Table::Schedule | Table::Code | Table::Doc => "key",
        };
        let set = if columns.contains(',') {
            format!("({columns}) = ({keys})")
        } else {
            format!("{columns} = {keys}")
        };
        self.update(id, &set, row);
    }

    /// Two rows exchange their keys through a third one, as people do it.
    fn swap(&mut self, table: Table) {
        let (Some(one), Some(other)) = (self.any_free(table), self.any_free(table)) else { return };
        let (first, second) = (self.rows[&one].clone(), self.rows[&other].clone());
        let may_swap = |id| self.seen.contains(&id) && !self.has_moved(id);
        if one == other || first.parent != second.parent || !may_swap(one) || !may_swap(other) {
            return;
        }
        let between = self.fresh_key(table);
        self.rename_to(one, between.clone());
        self.rename_to(other, first.key.clone());
        self.rename_to(one, second.key.clone());
        for key in [between, first.key, second.key] {
            self.free.remove(&(table, first.parent, key));
        }
    }

    fn delete_one(&mut self, table: Table) {
        let Some(id) = self.any_free(table).filter(|id| self.may_go(*id)) else { return };
        if table == Table::Schedule {
            let lines: Vec<Id> = self.lines_of(id);
            if lines.iter().any(|line| self.frozen.contains(line) || !self.may_go(*line)) {
                return;
            }
            for line in lines {
                self.delete(line);
            }
        }
        self.delete(id);
    }

    fn may_go(&self, id: Id) -> bool {
        let is_old_text = id.0 == Table::Doc && self.before.contains(&id);
        !is_old_text && !self.has_moved(id)
    }

    /// The transaction at hand has given it another key.
    fn has_moved(&self, id: Id) -> bool {
        let before = self.touched.get(&id).and_then(Option::as_ref);
        before.is_some_and(|before| {
            (&before.key, before.parent) != (&self.rows[&id].key, self.rows[&id].parent)
        })
    }

    fn lines_of(&self, schedule: Id) -> Vec<Id> {
        self.rows.iter().filter(|(_, row)| row.parent == Some(schedule.1)).map(|(id, _)| *id).collect()
    }

    fn delete(&mut self, id: Id) {
        self.sql.push(format!("DELETE FROM source.{} WHERE {}", id.0.name(), self.place(id)));
        let row = self.rows[&id].clone();
        self.free.insert((id.0, row.parent, row.key));
        self.note(id, None);
    }

    /// A row goes and comes back under the same key, with another number.
    fn replace(&mut self, table: Table) {
        let Some(id) = self.any_free(table).filter(|id| self.may_go(*id)) else { return };
        if table == Table::Schedule && !self.lines_of(id).is_empty() {
            return;
        }
        let row = self.rows[&id].clone();
        self.delete(id);
        self.insert(table, row.key, row.parent);
    }

    fn move_line(&mut self) {
        let (Some(line), Some(schedule)) = (self.any_free(Table::Line), self.any(Table::Schedule)) else {
            return;
        };
        let before = self.rows[&line].clone();
        if self.has_moved(line) || self.is_used(Table::Line, Some(schedule.1), &before.key) {
            return;
        }
        self.free.insert((Table::Line, before.parent, before.key.clone()));
        self.free.remove(&(Table::Line, Some(schedule.1), before.key.clone()));
        let row = Row { parent: Some(schedule.1), ..before };
        self.update(line, &format!("schedule = {}", schedule.1), row);
    }

    /// Another large text. Rows from before the daemon keep theirs: when the stream leaves it out it is read from the
    /// source, where it may be newer.
    fn rewrite(&mut self) {
        let Some(id) = self.any_free(Table::Doc).filter(|id| !self.before.contains(id)) else { return };
        self.next_id += 1;
        let row = Row { body: self.next_id, ..self.rows[&id].clone() };
        self.update(id, &format!("body = {}", body_sql(row.body)), row);
    }

    /// More than a thousand rows come, change or go at once.
    fn huge_move(&mut self) {
        let huge =
            |id: &Id, mark: u64, row: &Row| id.0 == Table::Code && row.key.starts_with(&format!("h{mark}-"));
        let Some(mark) = self.dice.pick(&self.huge.clone()).filter(|_| self.dice.roll(3) > 0) else {
            self.next_key += 1;
            let (mark, value) = (self.next_key, self.value());
            self.sql.push(format!(
                "INSERT INTO source.code (key, value) SELECT 'h{mark}-' || n, {value} FROM generate_series(1, {HUGE_ROWS}) n"
            ));
            for n in 1..=HUGE_ROWS {
                self.next_id += 1;
                let row = Row { key: format!("h{mark}-{n}"), parent: None, value, body: 0 };
                self.note((Table::Code, self.next_id), Some(row));
            }
            self.huge.push(mark);
            return;
        };
        let ids: Vec<Id> =
            self.rows.iter().filter(|(id, row)| huge(id, mark, row)).map(|(id, _)| *id).collect();
        if self.dice.roll(2) == 0 {
            self.sql.push(format!("DELETE FROM source.code WHERE key LIKE 'h{mark}-%'"));
            for id in ids {
                self.note(id, None);
            }
            return;
        }
        self.sql.push(format!("UPDATE source.code SET value = value + 1 WHERE key LIKE 'h{mark}-%'"));
        for id in ids {
            let row = self.rows[&id].clone();
            self.note(id, Some(Row { value: row.value + 1, ..row }));
        }
    }

    fn end(&mut self, commits: bool) -> Transaction {
        let last = if commits { "COMMIT" } else { "ROLLBACK" };
        let sql = format!("BEGIN;\n{};\n{last};", std::mem::take(&mut self.sql).join(";\n"));
        let mut changes = Vec::new();
        for (id, old) in std::mem::take(&mut self.touched) {
            let new = self.rows.get(&id).cloned();
            if commits {
                self.seen.insert(id);
                // What came and went inside the transaction never was.
                changes.extend((old.is_some() || new.is_some()).then_some(Change { id, old, new }));
            } else if let Some(old) = old {
                self.rows.insert(id, old);
            } else {
                self.rows.remove(&id);
            }
        }
        Transaction { sql, changes }
    }

    /// Any row but those of the huge transactions.
    fn any(&mut self, table: Table) -> Option<Id> {
        let small = |(id, row): &(&Id, &Row)| id.0 == table && !row.key.starts_with('h');
        let ids: Vec<Id> = self.rows.iter().filter(small).map(|(id, _)| *id).collect();
        self.dice.pick(&ids)
    }

    /// Any row that no customer has parked.
    fn any_free(&mut self, table: Table) -> Option<Id> {
        self.any(table).filter(|id| !self.frozen.contains(id))
    }

    fn fresh_key(&mut self, table: Table) -> String {
        self.next_key += 1;
        let key = format!("k{}", self.next_key);
        if table == Table::Payer { format!("{key}/gold") } else { key }
    }

    fn value(&mut self) -> i64 {
        i64::try_from(self.dice.roll(1_000_000)).unwrap_or(0)
    }
}

/// A name that customers may have.
pub(super) fn own_key(table: Table, number: u64) -> String {
    if table == Table::Payer { format!("own{number}/own") } else { format!("own{number}") }
}

/// The values of the natural key.
fn keys_sql(table: Table, row: &Row) -> String {
    match (table, row.key.split_once('/'), row.parent) {
        (Table::Payer, Some((payer, plan)), _) => format!("'{payer}', '{plan}'"),
        (Table::Line, _, Some(parent)) => format!("{parent}, '{}'", row.key),
        _ => format!("'{}'", row.key),
    }
}

/// More than four kilobytes, and the number can be read back from it.
pub(super) fn body_sql(number: u64) -> String {
    format!("repeat('b{number}-', 1200)")
}
