//! Meaning: configuration × catalogs → an immutable [`Plan`].
//!
//! Everything here is pure. The plan is so exact that the writer makes no choice: it holds, for each source table, what
//! is staged, and for each route (source table → customer's table) the text of every statement. This floor does not know
//! that sessions exist, so all of it is tested without a database.

mod broken;
mod change;
mod checksum;
mod circle;
mod columns;
mod compare;
mod compile;
mod copy;
mod crosswalk;
mod customer;
mod doubts;
mod family;
mod flow;
mod fragments;
mod held;
mod input;
mod insert;
mod links;
mod order;
mod parents;
mod parked;
mod policy;
mod probe;
mod problem;
mod reads;
mod route;
pub mod setup;
mod shape;
mod source;
mod sql;
mod stage;
mod staged;
mod values;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::{Apply, Initial, Mode, OnTruncate, Spot};
use crate::lsn::Lsn;
use crate::name::{CustomerName, DatasetName, Ident, SyncName, TableName};

pub use broken::BrokenRoute;
pub use checksum::Checksum;
pub use circle::Circle;
pub use compare::{Comparison, Verdict};
pub use compile::{compile, compile_without, parent_tables, tables_to_read};
pub use copy::{CURSOR, KEYS, Piece};
pub use crosswalk::crosswalk_name;
pub use flow::Flow;
pub use held::{CREATE_MOVED, FORGET_MOVED, HeldSql};
pub use order::parents_first;
pub use probe::{Discrepancy, Questions, Survey};
pub use problem::{Problem, Scope, Severity};
pub use reads::{Concern, Reads};
pub use sql::{Recipe, RouteSql};
pub use stage::{META_COLUMNS, MORE_COLUMN, StageSql, StagedColumn};

/// What a flow does, decided once. Swapped as a whole when the rules or a catalog change.
#[derive(Debug)]
pub struct Plan {
    /// The flow that this plan is for.
    pub flow: Flow,
    /// The staged tables, parents before children.
    pub sources: Vec<SourceTable>,
    /// Grouped by customer; inside a customer in the order of `sources`.
    pub routes: Vec<Route>,
    /// Positions in `routes`, one run for each customer, in the order of their names.
    pub customers: Vec<CustomerRoutes>,
    /// Routes of the rules that are not in `routes`, because something about them is wrong. Their tables are staged all the
    /// same, so that what comes for them can be kept.
    pub broken: Vec<BrokenRoute>,
    /// Where at the source it is told what was applied; none means nobody listens.
    pub channels: Vec<Ident>,
    by_name: BTreeMap<TableName, usize>,
    /// By OID at the source, partitions included.
    by_relation: BTreeMap<u32, usize>,
}

/// The routes that write into one customer.
#[derive(Debug)]
pub struct CustomerRoutes {
    /// The customer.
    pub customer: CustomerName,
    /// Its routes in [`Plan::routes`].
    pub routes: std::ops::Range<usize>,
    /// Routes that create rows in circles: one list of positions in [`Plan::routes`] for each circle.
    pub circles: Vec<Vec<usize>>,
    /// Some constraint of its tables can be deferred, so that it is checked only when it is asked for.
    pub has_deferrable: bool,
}

/// A table whose changes are staged: once, however many customers receive them.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts of the table and its rules")]
pub struct SourceTable {
    /// Whose table it is.
    pub customer: CustomerName,
    /// The data set.
    pub dataset: DatasetName,
    /// Its name at the source.
    pub name: TableName,
    /// What is staged: the columns that some route reads.
    pub columns: Vec<StagedColumn>,
    /// Its OID at the source.
    pub relation: u32,
    /// It is partitioned, so that its changes may come under the names of partitions.
    pub is_partitioned: bool,
    /// All columns that it had when the plan was made.
    pub known: BTreeSet<String>,
    /// How the stream brings each of `columns`.
    pub sent: Vec<SentColumn>,
    /// Positions in `columns` of the row's identity: what an old tuple brings.
    pub identity: Vec<usize>,
    /// Positions in `columns` of what the natural key is made from.
    pub key: Vec<usize>,
    /// Some route is create-only: what a row looked like when the customer got it is what the customer keeps, so the
    /// states of two transactions are not folded into one.
    pub first_state_counts: bool,
    /// Its rows refer to rows that are synchronized too: what a transaction does to them comes with the last wave of that
    /// transaction, when everything that it brings is there.
    pub has_parents: bool,
    /// Finds parked rows that wait for rows of this table, one statement for each set of columns that children refer to.
    /// `$1` from, `$2` this data set. Answers customers, and ids of `acequia.parked`.
    pub wake: Vec<String>,
    /// Stages a delete for every row that was given by a route with `on_truncate = "delete"`. Answers how many.
    pub truncation: Option<String>,
    /// The stage's statements.
    pub stage: StageSql,
    /// Parks its rows for a customer that is held; needs nothing of the customer's own.
    pub held: HeldSql,
    /// Positions in [`Plan::routes`].
    pub routes: Vec<usize>,
    /// Some route cascades: what a flow of ours wrote into this table goes on.
    pub cascades: bool,
    /// Nothing of its rows is told, not even their natural keys.
    pub protected: bool,
}

/// A staged column as the catalog of the source has it. A relation of the stream may say otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentColumn {
    /// Type OID as a relation announces it.
    pub type_oid: u32,
    /// The type as it is written at the source.
    pub type_text: String,
    /// What earlier changes bring may be of another column of this name.
    pub since: Lsn,
}

/// One source table → one customer's table.
#[derive(Debug)]
pub struct Route {
    /// The sync group.
    pub sync: SyncName,
    /// Source customer.
    pub from: CustomerName,
    /// Target customer.
    pub to: CustomerName,
    /// The data set.
    pub dataset: DatasetName,
    /// Position in [`Plan::sources`].
    pub source: usize,
    /// The customer's table.
    pub target: TableName,
    /// When it is written.
    pub apply: Apply,
    /// What may be written.
    pub mode: Mode,
    /// What a TRUNCATE at the source means here.
    pub on_truncate: OnTruncate,
    /// How the customer's row is remembered; `None` where the primary key *is* the natural key.
    pub crosswalk: Option<Crosswalk>,
    /// Names of the customer's primary key, for the journal.
    pub key_columns: Vec<Ident>,
    /// The customer's columns that the journal keeps, in order, each with the staged columns that it is made from: where
    /// the stream left one of these out, the column is neither written nor kept.
    pub image_columns: Arc<Vec<(Ident, Vec<usize>)>>,
    /// Those that it keeps of a row that is deleted.
    pub whole_columns: Arc<Vec<Ident>>,
    /// Rows that a flow of ours wrote at the source go on.
    pub cascade: bool,
    /// What is done about the rows that were there before.
    pub initial: Initial,
    /// A row can refer to another row of the same table.
    pub refers_to_itself: bool,
    /// SQL of the rules in it, each alone, so that what the server refuses can be pointed at.
    pub expressions: Vec<RuleExpression>,
    /// Every statement, to be written when it is needed.
    pub recipe: Arc<Recipe>,
}

/// One piece of SQL of the rules.
#[derive(Debug, Clone)]
pub struct RuleExpression {
    /// Where the files say it.
    pub spot: Spot,
    /// A statement that evaluates it over no rows.
    pub probe: String,
    /// Tables whose only row it reads, since this row does not refer to one: they must not have two.
    pub alone: Vec<TableName>,
}

/// The table that links source rows with the customer's rows for one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crosswalk {
    /// Name inside the schema `acequia`.
    pub table: String,
    /// Its columns and keys, as in CREATE TABLE: what it must look like.
    pub shape: String,
    /// Further indexes, as complete statements.
    pub indexes: Vec<String>,
}

impl Route {
    /// Holds once what it has in common with the route of another customer.
    fn share(&mut self, other: &Self) {
        if self.image_columns == other.image_columns {
            self.image_columns = Arc::clone(&other.image_columns);
        }
        if self.whole_columns == other.whole_columns {
            self.whole_columns = Arc::clone(&other.whole_columns);
        }
        if let Some(recipe) = Arc::get_mut(&mut self.recipe) {
            recipe.share(&other.recipe);
        }
    }
}

impl Plan {
    /// Something that a flow of ours writes goes on from where it was written.
    pub fn cascades(&self) -> bool {
        self.sources.iter().any(|source| source.cascades)
    }

    /// The source table of that name, as the source's Relation message gives it; else the one that has this OID, because it
    /// had another name when the message was made, or because it is a partition.
    pub fn source_index(&self, relation: u32, schema: &str, table: &str) -> Option<usize> {
        self.source_named(schema, table).or_else(|| self.source_of(relation))
    }

    /// The source table of this OID; for a partition the one that it belongs to.
    pub fn source_of(&self, relation: u32) -> Option<usize> {
        self.by_relation.get(&relation).copied()
    }

    /// Every partition of a source table.
    pub fn partitions(&self) -> impl Iterator<Item = (u32, &SourceTable)> {
        let all = self.by_relation.iter().map(|(oid, source)| (*oid, &self.sources[*source]));
        all.filter(|(oid, source)| source.is_partitioned && *oid != source.relation)
    }

    fn source_named(&self, schema: &str, table: &str) -> Option<usize> {
        let name = TableName { schema: Ident::new(schema).ok()?, table: Ident::new(table).ok()? };
        self.by_name.get(&name).copied()
    }
}
