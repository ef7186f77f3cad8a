//! What the test is about: tables, source rows, and what a transaction does to them.

/// The tables of the test, parents first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    /// A surrogate key; the name is the natural key.
    Schedule,
    /// May refer to another person, or to itself, or in a circle.
    Person,
    /// Refers to a schedule; the natural key is the schedule (translated) with a code.
    Line,
    /// The primary key is the natural key: no crosswalk, where the rule needs no memory.
    Code,
    /// The replica identity is the natural key, the primary key a number.
    Payer,
    /// With a large text that updates leave out.
    Doc,
    /// The natural key is an expression: capitals and spaces around do not count.
    Tag,
    /// Refers to a schedule, and is written without it where the customer lacks it.
    Visit,
    /// Refers to a schedule, and is left out where the customer lacks it.
    Item,
}

impl Table {
    pub(super) const ALL: [Self; 9] = [
        Self::Schedule,
        Self::Person,
        Self::Line,
        Self::Code,
        Self::Payer,
        Self::Doc,
        Self::Tag,
        Self::Visit,
        Self::Item,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Person => "person",
            Self::Line => "line",
            Self::Code => "code",
            Self::Payer => "payer",
            Self::Doc => "doc",
            Self::Tag => "tag",
            Self::Visit => "visit",
            Self::Item => "item",
        }
    }

    /// The table that a row may refer to.
    pub(super) fn parent(self) -> Option<Self> {
        match self {
            Self::Line | Self::Visit | Self::Item => Some(Self::Schedule),
            Self::Person => Some(Self::Person),
            Self::Schedule | Self::Code | Self::Payer | Self::Doc | Self::Tag => None,
        }
    }

    /// The column that refers.
    pub(super) fn reference(self) -> Option<&'static str> {
        match self {
            Self::Line | Self::Visit | Self::Item => Some("schedule"),
            Self::Person => Some("boss"),
            Self::Schedule | Self::Code | Self::Payer | Self::Doc | Self::Tag => None,
        }
    }

    /// A row whose parent comes later waits for it.
    pub(super) fn takes_late_parents(self) -> bool {
        !matches!(self, Self::Visit | Self::Item)
    }

    /// A natural key as it is compared.
    pub(super) fn compared(self, key: &str) -> String {
        if self == Self::Tag { key.trim_matches(' ').to_uppercase() } else { key.to_owned() }
    }
}

/// A source row for as long as it lives, whatever its key is at the moment. Numbers are those of one source.
pub(super) type Id = (Table, u64);

/// A source row's values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) key: String,
    /// What it refers to.
    pub(super) parent: Option<u64>,
    pub(super) value: i64,
    pub(super) note: Option<i64>,
    /// Stands for the large text.
    pub(super) body: u64,
}

/// `where` of the customers that have one.
pub(super) const FILTER: &str = "value % 5 <> note % 5";

impl Row {
    /// Whether [`FILTER`] is true for it.
    pub(super) fn is_shown(&self) -> bool {
        self.note.is_some_and(|note| self.value % 5 != note % 5)
    }
}

/// What one transaction did to one row, from its begin to its commit.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) id: Id,
    pub(super) old: Option<Row>,
    pub(super) new: Option<Row>,
}

/// One transaction.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// Its statements, BEGIN and COMMIT (or ROLLBACK) included.
    pub(super) sql: String,
    /// Tables that it empties; for the rest of it, before anything else.
    pub(super) truncated: Vec<Table>,
    /// Nothing, where it was rolled back. Rows that a truncate took away are not among them.
    pub(super) changes: Vec<Change>,
}
