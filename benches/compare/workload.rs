//! The backlogs: how much of what is written while the consumer is stopped.

use super::choice::Scale;
use super::table::{Table, code};

/// A kind of backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    /// Many transactions of one insert.
    OneRow,
    /// One transaction of many inserts.
    OneTransaction,
    /// Transactions of a thousand updates of rows that every customer has.
    Updates,
    /// The same beside a large value that stays what it is.
    Toast,
}

/// A backlog's measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) transactions: u32,
    pub(crate) rows_each: u32,
    /// Rows that are there before, on all sides. One pass over them is longer than any batch, so that no side saves
    /// work by taking several updates of one row for one.
    pub(crate) seed: u32,
}

impl Size {
    /// Changed rows at the source.
    pub(crate) fn changes(self) -> u32 {
        self.transactions * self.rows_each
    }
}

impl Workload {
    pub(crate) fn letter(self) -> char {
        match self {
            Self::OneRow => 'a',
            Self::OneTransaction => 'b',
            Self::Updates => 'c',
            Self::Toast => 'd',
        }
    }

    pub(crate) fn size(self, scale: Scale) -> Size {
        let size = match self {
            Self::OneRow => Size { transactions: scale.of(100_000), rows_each: 1, seed: 0 },
            Self::OneTransaction => Size { transactions: 1, rows_each: scale.of(1_000_000), seed: 0 },
            Self::Updates => Size { transactions: scale.of(1000), rows_each: 1000, seed: 100_000 },
            Self::Toast => Size { transactions: scale.of(200), rows_each: 500, seed: 50_000 },
        };
        Size { seed: size.seed.min(size.changes()), ..size }
    }

    pub(crate) fn title(self, scale: Scale) -> String {
        let Size { transactions, rows_each, .. } = self.size(scale);
        let letter = self.letter();
        match self {
            Self::OneRow => format!("({letter}) {transactions} transactions of 1 insert"),
            Self::OneTransaction => format!("({letter}) 1 transaction of {rows_each} inserts"),
            Self::Updates => format!("({letter}) {transactions} transactions of {rows_each} updates"),
            Self::Toast => format!("({letter}) {transactions} of {rows_each} updates beside 4 KB"),
        }
    }

    pub(crate) fn has_remark(self) -> bool {
        self == Self::Toast
    }

    /// Inserts that come before the backlog, if any.
    pub(crate) fn seed_sql(self, table: Table, schema: &str, scale: Scale) -> Option<String> {
        let rows = self.size(scale).seed;
        (rows > 0).then(|| format!("{} FROM generate_series(1, {rows}) i", table.insert(schema, &code("i"))))
    }

    /// The backlog as one statement, which commits by itself as often as it has to.
    pub(crate) fn sql(self, table: Table, schema: &str, scale: Scale) -> String {
        let Size { transactions, rows_each, seed } = self.size(scale);
        match self {
            Self::OneRow => {
                let insert = table.insert(schema, &code("i"));
                format!("DO $$BEGIN FOR i IN 1..{transactions} LOOP {insert}; COMMIT; END LOOP; END$$")
            }
            Self::OneTransaction => {
                format!("{} FROM generate_series(1, {rows_each}) i", table.insert(schema, &code("i")))
            }
            Self::Updates | Self::Toast => {
                let (first, last) = (code("before + 1"), code(&format!("before + {rows_each}")));
                format!(
                    "DO $$DECLARE before integer; BEGIN FOR i IN 0..{transactions} - 1 LOOP before := i * {rows_each} % {seed}; \
                     UPDATE {schema}.item SET price = price + 1, revision = revision + 1 \
                     WHERE code BETWEEN {first} AND {last}; COMMIT; END LOOP; END$$"
                )
            }
        }
    }

    /// Answers how many changes the backlog has made, told by the rows themselves.
    pub(crate) fn count_sql(self, schema: &str) -> String {
        let count = match self {
            Self::OneRow | Self::OneTransaction => "count(*)",
            Self::Updates | Self::Toast => "sum(revision)",
        };
        format!("SELECT {count} FROM {schema}.item WHERE code LIKE 'C%'")
    }
}
