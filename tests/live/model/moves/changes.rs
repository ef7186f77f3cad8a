//! The single moves: what people do to rows.

use super::super::rows::{Id, Row, Table, Transaction};
use super::super::rules::World;
use super::{OWN_KEYS, Source, body_sql, own_key, spelled};

/// Rows that a huge transaction inserts.
const HUGE_ROWS: u64 = 700;

impl Source {
    pub(super) fn insert_one(&mut self, table: Table) {
        let parent = self.any_parent(table);
        if table == Table::Line && parent.is_none() {
            return;
        }
        let parent = parent.map(|id| id.1).filter(|_| table == Table::Line || self.dice.roll(5) > 0);
        let own = own_key(table, self.dice.roll(OWN_KEYS));
        let key = match self.dice.roll(4) {
            0 => self.given_up(table, parent).unwrap_or(own),
            1 if table != Table::Line => own,
            2 if table == Table::Tag => self.respelled().unwrap_or(own),
            _ => self.fresh_key(table),
        };
        if self.may_take(table, parent, &key) {
            self.insert(table, key, parent);
        }
        if table == Table::Person && self.dice.roll(3) == 0 {
            self.circle();
        }
    }

    /// The key of another tag, written in another way.
    fn respelled(&mut self) -> Option<String> {
        // Which of the two comes first is for a customer that was held not to know.
        if self.world == World::Held {
            return None;
        }
        let other = self.any_free(Table::Tag)?;
        let key = self.rows[&other].key.trim_matches(' ').to_lowercase();
        let number = self.dice.roll(4);
        Some(spelled(&key, number))
    }

    /// Two new persons who refer to each other, or one to itself.
    fn circle(&mut self) {
        let (one, other) = (self.fresh_key(Table::Person), self.fresh_key(Table::Person));
        let one = self.insert(Table::Person, one, None);
        let last = if self.dice.roll(3) == 0 { one } else { self.insert(Table::Person, other, Some(one.1)) };
        self.refer(one, Some(last.1));
    }

    fn may_take(&self, table: Table, parent: Option<u64>, key: &str) -> bool {
        let is_spent = !self.reuses() && self.spent.contains(&(table, table.compared(key)));
        let name = table.compared(key);
        let is_renamed = self
            .renamed
            .iter()
            .any(|id| id.0 == table && self.rows.get(id).is_some_and(|row| table.compared(&row.key) == name));
        !is_spent && !is_renamed && !self.is_used(table, parent, key)
    }

    fn is_used(&self, table: Table, parent: Option<u64>, key: &str) -> bool {
        let line = |parent: Option<u64>| parent.filter(|_| table == Table::Line);
        let same =
            |(id, row): (&Id, &Row)| id.0 == table && line(row.parent) == line(parent) && row.key == key;
        self.rows.iter().any(same)
    }

    /// A key that some row had.
    fn given_up(&mut self, table: Table, parent: Option<u64>) -> Option<String> {
        let parent = parent.filter(|_| table == Table::Line);
        let free = self.free.iter().filter(|free| (free.0, free.1) == (table, parent));
        let free: Vec<String> =
            free.map(|free| free.2.clone()).filter(|key| self.may_take(table, parent, key)).collect();
        self.dice.pick(&free)
    }

    /// What was given up is free; what is taken is not, and in some worlds never again.
    fn take_key(&mut self, table: Table, parent: Option<u64>, key: &str) {
        let parent = parent.filter(|_| table == Table::Line);
        self.free.remove(&(table, parent, key.to_owned()));
        self.spent.insert((table, table.compared(key)));
    }

    fn leave_key(&mut self, table: Table, row: &Row) {
        let parent = row.parent.filter(|_| table == Table::Line);
        self.free.insert((table, parent, row.key.clone()));
    }

    pub(super) fn insert(&mut self, table: Table, key: String, parent: Option<u64>) -> Id {
        self.next_id += 1;
        let id = (table, self.next_id);
        let body = if table == Table::Doc { self.next_id } else { 0 };
        let row = Row { key, parent, value: self.value(), note: self.note_value(), body };
        self.take_key(table, parent, &row.key);
        let mut columns = vec![key_columns(table), "value", "note"];
        let mut values = vec![key_values(table, &row.key), row.value.to_string(), number(row.note)];
        if table != Table::Code {
            columns.push("id");
            values.push(id.1.to_string());
        }
        if let Some(reference) = table.reference() {
            columns.push(reference);
            values.push(number(parent));
        }
        if table == Table::Doc {
            columns.push("body");
            values.push(body_sql(body));
        }
        let (columns, values) = (columns.join(", "), values.join(", "));
        self.sql.push(format!("INSERT INTO {} ({columns}) VALUES ({values})", table.name()));
        self.note(id, Some(row));
        id
    }

    fn update(&mut self, id: Id, set: &str, new: Row) {
        let at = self.place(id);
        self.sql.push(format!("UPDATE {} SET {set} WHERE {at}", id.0.name()));
        self.note(id, Some(new));
    }

    /// How SQL finds the row.
    fn place(&self, id: Id) -> String {
        if id.0 == Table::Code { format!("key = '{}'", self.rows[&id].key) } else { format!("id = {}", id.1) }
    }

    pub(super) fn change(&mut self, table: Table) {
        let Some(id) = self.any_free(table) else { return };
        let row = Row { value: self.value(), note: self.note_value(), ..self.rows[&id].clone() };
        self.update(id, &format!("value = {}, note = {}", row.value, number(row.note)), row);
    }

    pub(super) fn touch(&mut self, table: Table) {
        let Some(id) = self.any_free(table) else { return };
        let row = self.rows[&id].clone();
        self.update(id, "value = value", row);
    }

    pub(super) fn rename(&mut self, table: Table) {
        let Some(id) = self.any_free(table).filter(|id| !self.has_moved(*id)) else { return };
        let parent = self.rows[&id].parent;
        let may_be_refused = !self.before.contains(&id) && !self.touched.contains_key(&id);
        let again = self.given_up(table, parent).filter(|_| self.dice.roll(4) == 0 && may_be_refused);
        let key = again.unwrap_or_else(|| self.fresh_key(table));
        self.rename_to(id, key);
    }

    fn rename_to(&mut self, id: Id, key: String) {
        let before = self.rows[&id].clone();
        self.leave_key(id.0, &before);
        self.take_key(id.0, before.parent, &key);
        let row = Row { key, ..before };
        if id.0 == Table::Tag {
            self.renamed.insert(id);
        }
        let (columns, values) = (key_columns(id.0), key_values(id.0, &row.key));
        let set = if columns.contains(',') {
            format!("({columns}) = ({values})")
        } else {
            format!("{columns} = {values}")
        };
        self.update(id, &set, row);
    }

    /// Two rows exchange their keys through a third one, as people do it.
    pub(super) fn swap(&mut self, table: Table) {
        let (Some(one), Some(other)) = (self.any_free(table), self.any_free(table)) else { return };
        let (first, second) = (self.rows[&one].clone(), self.rows[&other].clone());
        let same_place = table != Table::Line || first.parent == second.parent;
        if one == other || !same_place || !self.may_swap(one) || !self.may_swap(other) {
            return;
        }
        let between = self.fresh_key(table);
        self.rename_to(one, between.clone());
        self.rename_to(other, first.key.clone());
        self.rename_to(one, second.key.clone());
        let parent = first.parent.filter(|_| table == Table::Line);
        for key in [between, first.key, second.key] {
            self.free.remove(&(table, parent, key));
        }
    }

    fn may_swap(&self, id: Id) -> bool {
        let is_shown = self.world != World::Filtered || self.rows[&id].is_shown();
        // An item without its schedule is left out, and stays where it is in the customer.
        let follows = id.0 != Table::Item
            || self.rows[&id].parent.is_none_or(|parent| self.seen.contains(&(Table::Schedule, parent)));
        // Tags of one name in two spellings would change places with each other's rows.
        self.seen.contains(&id) && is_shown && follows && id.0 != Table::Tag && !self.has_moved(id)
    }

    pub(super) fn delete_one(&mut self, table: Table) {
        let Some(id) = self.any_free(table).filter(|id| self.may_go(*id)) else { return };
        let children = self.children(id);
        if children.iter().any(|child| self.frozen.contains(child) || !self.may_go(*child)) {
            return;
        }
        for child in children {
            if child.0 == Table::Line { self.delete(child) } else { self.refer(child, None) }
        }
        self.delete(id);
    }

    fn may_go(&self, id: Id) -> bool {
        let is_old_text = id.0 == Table::Doc && self.before.contains(&id);
        !is_old_text && !self.has_moved(id)
    }

    /// What refers to it.
    fn children(&self, parent: Id) -> Vec<Id> {
        let refers =
            |(id, row): &(&Id, &Row)| id.0.parent() == Some(parent.0) && row.parent == Some(parent.1);
        self.rows.iter().filter(refers).map(|(id, _)| *id).filter(|id| *id != parent).collect()
    }

    fn refer(&mut self, id: Id, parent: Option<u64>) {
        let Some(reference) = id.0.reference() else { return };
        let row = Row { parent, ..self.rows[&id].clone() };
        self.update(id, &format!("{reference} = {}", number(parent)), row);
    }

    fn delete(&mut self, id: Id) {
        self.sql.push(format!("DELETE FROM {} WHERE {}", id.0.name(), self.place(id)));
        let row = self.rows[&id].clone();
        self.leave_key(id.0, &row);
        self.note(id, None);
    }

    /// A row goes and comes back under the same key, with another number.
    pub(super) fn replace(&mut self, table: Table) {
        let Some(id) = self.any_free(table).filter(|id| self.may_go(*id)) else { return };
        if !self.children(id).is_empty() {
            return;
        }
        let row = self.rows[&id].clone();
        self.delete(id);
        let parent = row.parent.filter(|parent| *parent != id.1);
        self.insert(table, row.key, parent);
    }

    /// A line, a visit, an item or a person gets another one to refer to.
    pub(super) fn move_child(&mut self, table: Table) {
        let (Some(child), Some(parent)) = (self.any_free(table), self.any_parent(table)) else { return };
        if table != Table::Line {
            let none = self.dice.roll(4) == 0;
            self.refer(child, Some(parent.1).filter(|_| !none));
            return;
        }
        let before = self.rows[&child].clone();
        if self.has_moved(child) || self.is_used(table, Some(parent.1), &before.key) {
            return;
        }
        let again = (table, Some(parent.1), before.key.clone());
        if !self.reuses() && self.free.contains(&again) {
            return;
        }
        self.leave_key(table, &before);
        self.take_key(table, Some(parent.1), &before.key);
        self.refer(child, Some(parent.1));
    }

    /// Another large text. Rows from before the daemon keep theirs: when the stream leaves it out it is read from the
    /// source, where it may be newer.
    pub(super) fn rewrite(&mut self) {
        let Some(id) = self.any_free(Table::Doc).filter(|id| !self.before.contains(id)) else { return };
        self.next_id += 1;
        let row = Row { body: self.next_id, ..self.rows[&id].clone() };
        self.update(id, &format!("body = {}", body_sql(row.body)), row);
    }

    /// Every row of a table gets the same note.
    pub(in super::super) fn note_all(&mut self, table: Table, note: i64) -> Transaction {
        self.sql.push(format!("UPDATE {} SET note = {note}", table.name()));
        let ids: Vec<Id> = self.rows.keys().filter(|id| id.0 == table).copied().collect();
        for id in ids {
            let row = Row { note: Some(note), ..self.rows[&id].clone() };
            self.note(id, Some(row));
        }
        self.end(true)
    }

    /// Empties tables. What the transaction has written there before never was.
    pub(super) fn truncate(&mut self) {
        let (tables, sql) = match self.dice.roll(5) {
            0 => (vec![Table::Schedule, Table::Line, Table::Visit, Table::Item], "schedule CASCADE"),
            1 => (vec![Table::Line], "line"),
            2 => (vec![Table::Code, Table::Tag], "code, tag"),
            3 => (vec![Table::Person], "person"),
            _ => (vec![Table::Payer], "payer"),
        };
        let has_gone = |id: &Id| tables.contains(&id.0) && !self.rows.contains_key(id);
        if self.touched.iter().any(|(id, old)| old.is_some() && has_gone(id)) {
            return;
        }
        self.sql.push(format!("TRUNCATE {sql}"));
        let ids: Vec<Id> = self.rows.keys().filter(|id| tables.contains(&id.0)).copied().collect();
        for id in ids {
            let row = self.rows[&id].clone();
            self.leave_key(id.0, &row);
            self.note(id, None);
        }
        self.truncated = tables;
    }

    /// Many rows come, change or go at once.
    pub(super) fn huge_move(&mut self) {
        let huge =
            |id: &Id, mark: u64, row: &Row| id.0 == Table::Code && row.key.starts_with(&format!("h{mark}-"));
        let Some(mark) = self.dice.pick(&self.huge.clone()).filter(|_| self.dice.roll(3) > 0) else {
            self.next_key += 1;
            let (mark, value, note) = (self.next_key, self.value(), self.note_value());
            let written = number(note);
            self.sql.push(format!(
                "INSERT INTO code (key, value, note) SELECT 'h{mark}-' || n, {value}, {written} FROM generate_series(1, {HUGE_ROWS}) n"
            ));
            for n in 1..=HUGE_ROWS {
                self.next_id += 1;
                let row = Row { key: format!("h{mark}-{n}"), parent: None, value, note, body: 0 };
                self.note((Table::Code, self.next_id), Some(row));
            }
            self.huge.push(mark);
            return;
        };
        let ids: Vec<Id> =
            self.rows.iter().filter(|(id, row)| huge(id, mark, row)).map(|(id, _)| *id).collect();
        if self.dice.roll(2) == 0 {
            self.sql.push(format!("DELETE FROM code WHERE key LIKE 'h{mark}-%'"));
            for id in ids {
                self.note(id, None);
            }
            return;
        }
        self.sql.push(format!("UPDATE code SET value = value + 1 WHERE key LIKE 'h{mark}-%'"));
        for id in ids {
            let row = self.rows[&id].clone();
            self.note(id, Some(Row { value: row.value + 1, ..row }));
        }
    }
}

/// The columns of the natural key, without what it refers to.
fn key_columns(table: Table) -> &'static str {
    if table == Table::Payer { "payer, plan" } else { "key" }
}

fn key_values(table: Table, key: &str) -> String {
    match key.split_once('/') {
        Some((payer, plan)) if table == Table::Payer => format!("'{payer}', '{plan}'"),
        _ => format!("'{key}'"),
    }
}

fn number<T: ToString>(number: Option<T>) -> String {
    number.map_or_else(|| "NULL".to_owned(), |number| number.to_string())
}
