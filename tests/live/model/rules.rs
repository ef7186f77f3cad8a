//! The rules of the test: for each customer and table what holds, and the same as the text of the rule file.

use std::fmt::Write as _;

use super::rows::{FILTER, Table};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    CreateOnly,
    Override,
    LinkOnly,
}

/// What becomes of a customer's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    Ignore,
    Delete,
    /// Its local column is set.
    Mark,
}

/// What holds for one customer and one table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) mode: Mode,
    pub(super) on_delete: Gone,
    pub(super) on_truncate: Gone,
    /// Nothing where there is no `where`.
    pub(super) on_leave: Option<Gone>,
    /// With `map`, `set` and `default`.
    pub(super) derives: bool,
}

impl Rule {
    /// The customer's rows are remembered: everywhere but where the key alone can decide.
    pub(super) fn remembers(self, table: Table) -> bool {
        let stays = self.on_delete == Gone::Ignore && self.on_truncate == Gone::Ignore;
        let needs_none = match self.mode {
            Mode::LinkOnly => false,
            Mode::CreateOnly => stays && self.on_leave.is_none_or(|leave| leave == Gone::Ignore),
            Mode::Override => self.on_leave.is_none() && self.on_truncate == Gone::Ignore,
        };
        table != Table::Code || !needs_none
    }
}

/// A customer that receives.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) name: &'static str,
    pub(super) from: &'static str,
    pub(super) rule: Giving,
}

/// What a customer is given of a table, and how; nothing where it has no such rule.
type Giving = fn(Table) -> Option<Rule>;

/// A source with its customers. They are apart, so that what one of them has parked stands still in that source alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum World {
    /// Whole tables, every mode, with rows that are older than the daemon; and a customer that gives on.
    Plain,
    /// `where`, marks, derived columns, link-only. Here no key comes back: a mark that is set and the row's return may
    /// come in one batch, and then nothing was gone.
    Filtered,
    /// Customers that are held for a while: every state on the way may be left out, so all of them end as the source is.
    Held,
}

impl World {
    pub(super) const ALL: [Self; 3] = [Self::Plain, Self::Filtered, Self::Held];

    /// The source customer, and its schema.
    pub(super) fn source(self) -> &'static str {
        match self {
            Self::Plain => "source",
            Self::Filtered => "second",
            Self::Held => "third",
        }
    }

    pub(super) fn receivers(self) -> Vec<Receiver> {
        let all: [(&'static str, Giving); 9] = [
            ("creates", |table| Some(creates(table))),
            ("overrides", |_any| Some(OVERRIDE)),
            ("deletes", |table| Some(deletes(table))),
            ("filters", filters),
            ("marks", marks),
            ("maps", maps),
            ("links", links),
            ("held", |table| refers_safely(table).then_some(MIRROR)),
            ("sifted", |table| refers_safely(table).then_some(sifted(table))),
        ];
        let range = match self {
            Self::Plain => 0..3,
            Self::Filtered => 3..7,
            Self::Held => 7..9,
        };
        let from = self.source();
        all[range].iter().map(|&(name, rule)| Receiver { name, from, rule }).collect()
    }
}

const CREATE: Rule = Rule {
    mode: Mode::CreateOnly,
    on_delete: Gone::Ignore,
    on_truncate: Gone::Delete,
    on_leave: None,
    derives: false,
};
const OVERRIDE: Rule = Rule { mode: Mode::Override, on_truncate: Gone::Ignore, ..CREATE };
const MIRROR: Rule = Rule { on_delete: Gone::Delete, on_truncate: Gone::Delete, ..OVERRIDE };

fn creates(table: Table) -> Rule {
    // Without memory, as long as nothing is to be taken back.
    let on_truncate = if table == Table::Code { Gone::Ignore } else { Gone::Delete };
    Rule { on_truncate, ..CREATE }
}

fn deletes(table: Table) -> Rule {
    let on_truncate = if table == Table::Code { Gone::Ignore } else { Gone::Delete };
    Rule { on_truncate, ..MIRROR }
}

/// Parents are not deleted when they leave: whether a child stands in the way may hang on a moment.
fn filters(table: Table) -> Option<Rule> {
    let on_leave = match table {
        Table::Schedule | Table::Payer => Gone::Ignore,
        Table::Line | Table::Code | Table::Doc | Table::Tag => Gone::Delete,
        Table::Person | Table::Visit | Table::Item => return None,
    };
    Some(Rule { on_leave: Some(on_leave), ..MIRROR })
}

fn marks(table: Table) -> Option<Rule> {
    let mode = match table {
        Table::Payer | Table::Tag => Mode::CreateOnly,
        Table::Schedule | Table::Line | Table::Code => Mode::Override,
        Table::Person | Table::Doc | Table::Visit | Table::Item => return None,
    };
    Some(Rule { mode, on_delete: Gone::Mark, on_leave: Some(Gone::Mark), ..OVERRIDE })
}

fn maps(table: Table) -> Option<Rule> {
    let rule = match table {
        Table::Schedule | Table::Line | Table::Visit => OVERRIDE,
        Table::Code => MIRROR,
        Table::Payer | Table::Tag => CREATE,
        Table::Person | Table::Doc | Table::Item => return None,
    };
    Some(Rule { derives: true, ..rule })
}

fn links(table: Table) -> Option<Rule> {
    match table {
        Table::Schedule | Table::Line | Table::Code | Table::Payer | Table::Tag => {
            Some(Rule { mode: Mode::LinkOnly, ..OVERRIDE })
        }
        Table::Person | Table::Doc | Table::Visit | Table::Item => None,
    }
}

/// A visit that comes while schedules are held alone, because their table is broken, is written without one, and an item
/// is left out: so customers that are held have none.
fn refers_safely(table: Table) -> bool {
    !matches!(table, Table::Visit | Table::Item)
}

/// No parent is filtered: a child that comes while its parent is out has to wait, and one that came before has not.
fn sifted(table: Table) -> Rule {
    let on_leave = match table {
        Table::Schedule | Table::Person | Table::Visit | Table::Item => None,
        Table::Line | Table::Code | Table::Payer | Table::Doc | Table::Tag => Some(Gone::Delete),
    };
    Rule { on_leave, ..MIRROR }
}

/// The data sets, the same for everybody.
pub(super) const DATASETS: &str = r#"
[datasets.schedule]
key = ["key"]
[datasets.person]
key = ["key"]
[datasets.line]
key = ["schedule", "key"]
[datasets.code]
key = ["key"]
[datasets.payer]
key = ["payer", "plan"]
[datasets.doc]
key = ["key"]
[datasets.tag]
key = ["upper(trim(key))"]
[datasets.visit]
key = ["key"]
references = { schedule = { missing = "null" } }
[datasets.item]
key = ["key"]
references = { schedule = { missing = "skip" } }
[datasets.rank]
key = ["key"]
"#;

/// A customer's group. The words that differ by table stand under each data set.
pub(super) fn group(receiver: &Receiver) -> String {
    let Receiver { name, from, rule } = receiver;
    let tables: Vec<(Table, Rule)> =
        Table::ALL.into_iter().filter_map(|table| Some((table, rule(table)?))).collect();
    let names: Vec<String> = tables.iter().map(|(table, _)| format!("\"{}\"", table.name())).collect();
    let mut text = format!(
        "\n[[sync]]\nname = \"{name}\"\nfrom = \"{from}\"\nto = [\"{name}\"]\ndata = [{}]\n",
        names.join(", ")
    );
    for (table, rule) in tables {
        let mode = match rule.mode {
            Mode::CreateOnly => "create-only",
            Mode::Override => "override",
            Mode::LinkOnly => "link-only",
        };
        let (delete, truncate) = (departure(rule.on_delete, "gone"), departure(rule.on_truncate, ""));
        _ = write!(
            text,
            "[sync.dataset.{}]\nmode = \"{mode}\"\non_delete = {delete}\non_truncate = {truncate}\n",
            table.name()
        );
        if let Some(leave) = rule.on_leave {
            _ = write!(text, "where = \"{FILTER}\"\non_leave = {}\n", departure(leave, "left"));
        }
        if rule.derives {
            text += &derived(table);
        }
    }
    text
}

fn departure(gone: Gone, mark: &str) -> String {
    match gone {
        Gone::Ignore => "\"ignore\"".to_owned(),
        Gone::Delete => "\"delete\"".to_owned(),
        Gone::Mark => format!("{{ set = {{ local = \"'{mark}'\" }} }}"),
    }
}

/// A column of another name, one that is computed, one that is taken from the customer's own parent, and a chain of
/// defaults.
fn derived(table: Table) -> String {
    let named = if table == Table::Payer { "plan" } else { "key" };
    let origin = if table == Table::Line { ", origin = \"schedule.local\"" } else { "" };
    format!(
        "map = {{ alias = \"{named}\" }}\nset = {{ twice = \"value * 2\"{origin} }}\n\
         default = {{ note = [\"nullif(value % 3, 0)\", \"-7\"] }}\n"
    )
}
