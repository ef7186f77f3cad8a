//! One customer that two sources give the same data set to: item by item, the higher one wins.
//!
//! Keys do not change here: a row that the higher source renames to a key that the lower has just brought finds its place
//! taken or not, as the two come in one batch or in two. For the same reason everything has arrived before the higher one
//! lets an item go: what the lower said last before that is written, or was not.

use std::collections::{BTreeMap, BTreeSet};

use super::super::support::Database;
use super::life::Life;
use super::moves::Dice;

/// The names of all items; the customer has the first ones before.
const KEYS: u64 = 10;
const OWN_KEYS: u64 = 3;

pub(super) const RULES: &str = r#"
[[sync]]
name = "higher"
from = "source"
to = ["ranked"]
data = ["rank"]
mode = "override"
on_delete = "delete"
priority = 10

[[sync]]
name = "lower"
from = "second"
to = ["ranked"]
data = ["rank"]
mode = "override"
on_delete = "delete"
priority = 5
"#;

/// The items of both sources, and what the customer has of them.
#[derive(Debug, Default)]
pub(super) struct Ranked {
    /// The higher and the lower source.
    sources: [BTreeSet<u64>; 2],
    customer: BTreeMap<u64, u64>,
}

impl Ranked {
    pub(super) fn new(database: &Database) -> Self {
        let mut ranked = Self::default();
        for key in 0..OWN_KEYS {
            database.execute(&format!("INSERT INTO ranked.rank (key, value) VALUES ('s{key}', 7)"));
            ranked.customer.insert(key, 7);
        }
        ranked
    }

    /// One source does something to one item. Answers the statement.
    pub(super) fn go_on(&mut self, database: &Database, dice: &mut Dice, life: &mut Life<'_>) -> String {
        let (key, lower, value) = (dice.roll(KEYS), dice.roll(2) == 1, dice.roll(1_000));
        let schema = if lower { "second" } else { "source" };
        let (own, other) = (usize::from(lower), usize::from(!lower));
        let wins = !lower || !self.sources[other].contains(&key);
        let sql = if self.sources[own].contains(&key) && dice.roll(3) == 0 {
            if !lower {
                life.arrive();
            }
            self.sources[own].remove(&key);
            if !self.sources[other].contains(&key) {
                self.customer.remove(&key);
            }
            format!("DELETE FROM {schema}.rank WHERE key = 's{key}'")
        } else {
            self.sources[own].insert(key);
            if wins {
                self.customer.insert(key, value);
            }
            format!(
                "INSERT INTO {schema}.rank (key, value) VALUES ('s{key}', {value}) \
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            )
        };
        database.execute(&sql);
        sql
    }

    /// What the customer must hold.
    pub(super) fn expect(&self) -> impl Iterator<Item = String> {
        self.customer.iter().map(|(key, value)| format!("ranked row rank s{key} {value}"))
    }

    /// What it holds.
    pub(super) const DUMP: &str = "SELECT concat_ws(' ', 'ranked row rank', key, value) FROM ranked.rank \
        UNION ALL SELECT concat_ws(' ', 'ranked parked', key, reason) FROM acequia.parked WHERE to_customer = 'ranked'";
}
