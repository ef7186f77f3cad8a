//! The words of a rule: what a table of the files says about it, and what holds once the most specific word has won.
//!
//! Every word may be left out of every table. A [`Said`] keeps its place, so that `config show --effective` and a problem
//! found against a database can point at the line that decides.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::spot::Spot;
use crate::expression::Expression;
use crate::name::{DatasetName, Ident};

/// A value and where the files say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub spot: Spot,
}

/// What one table of the files says about a rule; nothing where it leaves it to a more general one.
#[derive(Debug, Clone, Default)]
pub struct RuleWords {
    /// `enabled`
    pub enabled: Option<Said<bool>>,
    /// `mode`
    pub mode: Option<Said<Mode>>,
    /// `where`
    pub filter: Option<Said<Expression>>,
    /// `on_delete`
    pub on_delete: Option<Said<Gone>>,
    /// `on_leave`
    pub on_leave: Option<Said<Gone>>,
    /// `on_truncate`
    pub on_truncate: Option<Said<OnTruncate>>,
    /// `map`, by target column.
    pub map: BTreeMap<Ident, Said<Ident>>,
    /// `set`, by target column.
    pub set: BTreeMap<Ident, Said<Expression>>,
    /// `default`, by target column.
    pub default: BTreeMap<Ident, Said<Vec<Expression>>>,
    /// `priority`
    pub priority: Option<Said<i32>>,
    /// `cascade`
    pub cascade: Option<Said<bool>>,
    /// `apply`
    pub apply: Option<Said<Apply>>,
    /// `initial`
    pub initial: Option<Said<Initial>>,
}

/// `[sync.customer.NAME]`: what is different for one customer of a group.
#[derive(Debug, Clone, Default)]
pub struct CustomerWords {
    /// For all its data sets.
    pub words: RuleWords,
    /// `[sync.customer.NAME.dataset.NAME]`
    pub datasets: BTreeMap<DatasetName, RuleWords>,
}

/// What holds for one data set and one customer of a group, once the most specific word has won: customer and data set
/// over customer over data set over group over `[defaults]` over what is built in. `map`, `set` and `default` are merged
/// column by column.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Whether anything is done at all.
    pub enabled: bool,
    /// What happens to a row that the customer already has.
    pub mode: Mode,
    /// `where`: rows for which this is not true are not given.
    pub filter: Option<Expression>,
    /// What a delete at the source does.
    pub on_delete: Gone,
    /// What an update does that moved the row out of `where`.
    pub on_leave: Gone,
    /// What a TRUNCATE at the source does.
    pub on_truncate: OnTruncate,
    /// Target column = source column.
    pub map: BTreeMap<Ident, Ident>,
    /// Target column = SQL over the source row.
    pub set: BTreeMap<Ident, Expression>,
    /// The same, only where the source value is null: the first that is not null.
    pub default: BTreeMap<Ident, Vec<Expression>>,
    /// Of two groups that write one row, the higher one wins.
    pub priority: i32,
    /// Rows that were themselves synchronized go on from here.
    pub cascade: bool,
    /// When changes are written.
    pub apply: Apply,
    /// What is done about the rows that were there before.
    pub initial: Initial,
    /// Where each word was said, by its key in the files (for `map`, `set` and `default`: `set.COLUMN`). What is built in
    /// has no entry.
    pub spots: BTreeMap<String, Spot>,
}

/// What happens to a row that the customer already has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It is left alone. The default.
    CreateOnly,
    /// The rule's columns are changed where they differ.
    Override,
    /// Nothing is ever written to the customer's table: the pair is remembered where both sides have the row.
    LinkOnly,
}

impl Mode {
    /// The word in the rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateOnly => "create-only",
            Self::Override => "override",
            Self::LinkOnly => "link-only",
        }
    }
}

/// What becomes of the customer's row when the source row is gone: deleted (`on_delete`) or out of `where` (`on_leave`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// Nothing. The default.
    Ignore,
    /// It is deleted.
    Delete,
    /// These columns are set: SQL over the customer's own row, by target column.
    Set(BTreeMap<Ident, Expression>),
}

impl Gone {
    /// The word in the rule file.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Delete => "delete",
            Self::Set(_) => "set",
        }
    }
}

/// What a TRUNCATE in the source does in the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnTruncate {
    /// Nothing, and the log says so. The default.
    Ignore,
    /// The rows are deleted as if each had been deleted.
    Delete,
}

impl OnTruncate {
    /// The word in the rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Delete => "delete",
        }
    }
}

/// What is done, when a route begins, about the rows that the source had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Initial {
    /// Nothing: changes from now on. The default.
    None,
    /// They are copied first.
    Copy,
}

impl Initial {
    /// The word in the rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Copy => "copy",
        }
    }
}

/// When the changes of a rule are written.
#[derive(Debug, Clone, PartialEq)]
pub enum Apply {
    /// As they come. The default.
    Stream,
    /// `{ every = "15m" }`: gathered, and written this often.
    Every(Duration),
    /// `{ at = "02:00", time_zone = "…" }`: gathered, and written once a day at this wall time.
    At {
        /// Wall time.
        time: Time,
        /// Where the wall is.
        time_zone: TimeZone,
    },
}
