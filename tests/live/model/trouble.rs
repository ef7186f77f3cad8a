//! What befalls the customers of [`World::Held`] and their source for a while: paused, locked, a schema that drifts and
//! comes back. Each trouble loses nothing by itself, so that in the end everything must be as it would be without.
//!
//! What is left out because it does lose something: a table that leaves the publication or has another name while it is
//! changed, a column that a customer drops.

use super::super::support::{Database, Session};
use super::moves::{Dice, Source};
use super::rows::{Table, Transaction};
use super::rules::World;

/// One trouble at a time, and the statements that end it.
pub(super) struct Trouble<'a> {
    database: &'a Database,
    dice: Dice,
    end: Option<End>,
    /// What happened, for a run that fails.
    pub(super) log: Vec<String>,
}

/// How a trouble ends, after so many transactions.
struct End {
    after: u64,
    sql: String,
    locked: Option<Session>,
}

impl<'a> Trouble<'a> {
    pub(super) fn new(database: &'a Database, seed: u64) -> Self {
        database.execute(
            "CREATE FUNCTION public.swallow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$",
        );
        Self { database, dice: Dice(seed ^ 0x7E0B), end: None, log: Vec::new() }
    }

    /// Whether something begins or ends now: the daemon must not stand still then, in the middle of a transaction.
    pub(super) fn is_due(&mut self) -> bool {
        match &mut self.end {
            Some(end) => {
                end.after = end.after.saturating_sub(1);
                end.after == 0
            }
            None => self.dice.roll(10) == 0,
        }
    }

    /// Begins a trouble, or ends the one at hand. Answers what the source went through.
    pub(super) fn go_on(&mut self, source: &mut Source) -> Option<Transaction> {
        if self.end.is_some() {
            self.finish();
            return None;
        }
        let receivers = World::Held.receivers();
        let customer =
            self.dice.pick(&receivers.iter().map(|one| one.name).collect::<Vec<_>>()).unwrap_or("held");
        let table = self.dice.pick(&Table::ALL).unwrap_or(Table::Code);
        match self.dice.roll(10) {
            0 | 1 => self.pause(customer),
            2 => self.lock(customer, table),
            3..=6 => self.drift_of_customer(customer, table),
            7 | 8 => self.drift_of_source(table),
            _ => return Some(self.column_anew(source, table)),
        }
        None
    }

    /// Ends what there is.
    pub(super) fn finish(&mut self) {
        let Some(End { sql, locked, .. }) = self.end.take() else { return };
        self.run(&sql);
        if let Some(session) = locked {
            session.query("ROLLBACK");
        }
    }

    fn run(&mut self, sql: &str) {
        self.log.push(sql.to_owned());
        self.database.execute(sql);
    }

    fn begin(&mut self, sql: &str, back: String) {
        self.run(sql);
        self.end = Some(End { after: 2 + self.dice.roll(12), sql: back, locked: None });
    }

    fn pause(&mut self, customer: &str) {
        let wish = |what: &str| {
            format!(
                "INSERT INTO acequia.wish (flow, what, to_customer) SELECT flow, '{what}', '{customer}' FROM acequia.checkpoint"
            )
        };
        self.begin(&wish("pause"), wish("resume"));
    }

    fn lock(&mut self, customer: &str, table: Table) {
        let sql = format!("BEGIN; LOCK TABLE {customer}.{} IN ACCESS EXCLUSIVE MODE", table.name());
        self.log.push(sql.clone());
        let session = self.database.session();
        session.query(&sql);
        let after = 2 + self.dice.roll(6);
        self.end = Some(End { after, sql: "SELECT 'unlocked'".to_owned(), locked: Some(session) });
    }

    fn drift_of_customer(&mut self, customer: &str, table: Table) {
        let name = format!("{customer}.{}", table.name());
        let alter = |change: &str| format!("ALTER TABLE {name} {change}");
        let (there, back) = match self.dice.roll(12) {
            0 => (alter("RENAME value TO was_value"), alter("RENAME was_value TO value")),
            1 => (alter("ALTER value TYPE numeric"), alter("ALTER value TYPE int8")),
            2 => (alter("ALTER value TYPE text"), alter("ALTER value TYPE int8 USING value::int8")),
            3 => (alter("ALTER value TYPE int4"), alter("ALTER value TYPE int8")),
            4 => (
                format!("REVOKE INSERT, UPDATE, DELETE ON {name} FROM acequia"),
                format!("GRANT INSERT, UPDATE, DELETE ON {name} TO acequia"),
            ),
            5 => (
                format!("REVOKE USAGE ON SCHEMA {customer} FROM acequia"),
                format!("GRANT USAGE ON SCHEMA {customer} TO acequia"),
            ),
            6 => (alter("RENAME TO gone"), format!("ALTER TABLE {customer}.gone RENAME TO {}", table.name())),
            7 => (
                format!("ALTER SCHEMA {customer} RENAME TO gone"),
                format!("ALTER SCHEMA gone RENAME TO {customer}"),
            ),
            8 => (
                format!(
                    "{}; {}",
                    alter("ADD demanded text NOT NULL DEFAULT ''"),
                    alter("ALTER demanded DROP DEFAULT")
                ),
                alter("DROP demanded"),
            ),
            9 => {
                (alter("ADD CONSTRAINT even CHECK (value % 2 = 0) NOT VALID"), alter("DROP CONSTRAINT even"))
            }
            10 => (
                format!(
                    "CREATE TRIGGER swallow BEFORE INSERT OR UPDATE ON {name} FOR EACH ROW EXECUTE FUNCTION public.swallow()"
                ),
                format!("DROP TRIGGER swallow ON {name}"),
            ),
            _ => (alter("ENABLE ROW LEVEL SECURITY"), alter("DISABLE ROW LEVEL SECURITY")),
        };
        self.begin(&there, back);
    }

    fn drift_of_source(&mut self, table: Table) {
        let name = format!("third.{}", table.name());
        let alter = |change: &str| format!("ALTER TABLE {name} {change}");
        let usual = if table == Table::Payer { "USING INDEX payer_key" } else { "DEFAULT" };
        let usual = alter(&format!("REPLICA IDENTITY {usual}"));
        let (there, back) = match self.dice.roll(7) {
            0 => (alter("ADD extra int8 DEFAULT 5"), alter("DROP extra")),
            1 => (alter("ALTER value TYPE int4"), alter("ALTER value TYPE int8")),
            2 if table != Table::Payer => (alter("ALTER key TYPE varchar(60)"), alter("ALTER key TYPE text")),
            3 => (alter("REPLICA IDENTITY FULL"), usual),
            4 => {
                // Its values come back before anything else changes: the stream has them without the column's name.
                let column = if self.dice.roll(2) == 0 { "value" } else { "note" };
                let touch = format!("UPDATE {name} SET was = was");
                self.run(&alter(&format!("RENAME {column} TO was")));
                self.run(&touch);
                self.run(&alter(&format!("RENAME was TO {column}")));
                return;
            }
            5 => (
                format!("REVOKE SELECT ON {name} FROM acequia"),
                format!("GRANT SELECT ON {name} TO acequia"),
            ),
            _ => (alter(&Self::other_identity(table)), usual),
        };
        self.begin(&there, back);
    }

    /// Another replica identity than the usual one.
    fn other_identity(table: Table) -> String {
        let index = match table {
            Table::Payer | Table::Line | Table::Code => return "REPLICA IDENTITY FULL".to_owned(),
            Table::Schedule | Table::Person | Table::Doc | Table::Tag | Table::Visit | Table::Item => {
                table.name()
            }
        };
        format!("REPLICA IDENTITY USING INDEX {index}_key_key")
    }

    /// A column is dropped and comes back under its name, empty at first, and then with one value in every row.
    fn column_anew(&mut self, source: &mut Source, table: Table) -> Transaction {
        let name = format!("third.{}", table.name());
        self.run(&format!("ALTER TABLE {name} DROP note"));
        self.run(&format!("ALTER TABLE {name} ADD note int8"));
        let transaction = source.note_all(table, 7);
        self.log.push(transaction.sql.clone());
        transaction
    }
}
