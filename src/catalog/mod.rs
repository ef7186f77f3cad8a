//! What the databases look like: tables, columns, keys, foreign keys, privileges.
//!
//! Read in four queries for all schemas of a database at once, so that 500 customers cost as many round trips as one.
//! The queries are files under `sql/catalog/` that can be pasted into psql. Nothing here decides anything: the plan
//! (`rules`) does, from these facts alone, without a session.

mod fingerprint;
mod labels;
mod publication;
mod read;
mod server;

use std::collections::{BTreeMap, BTreeSet};

use crate::lsn::Lsn;
use crate::name::{Ident, TableName};

pub use fingerprint::Fingerprint;
pub use labels::read_labels;
pub use publication::Publication;
pub use server::{HEARTBEAT_PREFIX, Server, Slot, Stranger};

/// The tables of some schemas of one database, as they were when it was read.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Every table found, by its full name; a table that is asked for and not there is absent.
    pub tables: BTreeMap<TableName, Table>,
    /// The schemas that are there.
    pub schemas: BTreeSet<Ident>,
    /// What has the name of a table and is none: a view, a foreign table.
    pub others: BTreeMap<TableName, &'static str>,
}

/// One table.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of the catalog")]
pub struct Table {
    /// Full name.
    pub name: TableName,
    /// `pg_class.oid`.
    pub oid: u32,
    /// Partitioned: published through its root, or by its partitions.
    pub partitioned: bool,
    /// OIDs of its partitions, at every depth.
    pub partitions: Vec<u32>,
    /// Its changes are in the WAL: it is neither unlogged nor temporary.
    pub logged: bool,
    /// What an old tuple brings.
    pub replica_identity: ReplicaIdentity,
    /// Row-level security applies to this role here: writes could be refused in silence.
    pub row_security: bool,
    /// Some constraint can be deferred.
    pub has_deferrable: bool,
    /// What this role may do.
    pub privileges: Privileges,
    /// In the table's order, dropped columns left out.
    pub columns: Vec<Column>,
    /// The unique indexes, valid ones only.
    pub unique: Vec<UniqueIndex>,
    /// The foreign keys of this table.
    pub foreign_keys: Vec<ForeignKey>,
    /// Its changes are not sent, though the flow needs them: what is wrong with the publication.
    pub unsent: Option<Unsent>,
    /// The name under which the rules know it, where it was renamed.
    pub known_as: Option<TableName>,
    /// The identity that the flow goes on following, though the table has another one by now.
    pub followed: Option<Vec<Ident>>,
}

/// Why the changes of a table are not sent as the flow needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// What is wrong, as the end of a sentence about the table.
    pub what: String,
    /// The statement that mends it, without a semicolon.
    pub sql: String,
}

/// `REPLICA IDENTITY` of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicaIdentity {
    /// The primary key, where there is one.
    Default,
    /// Nothing: updates and deletes of a published table fail at the application.
    Nothing,
    /// The whole old row.
    Full,
    /// The columns of a unique index.
    Index,
}

/// What the role of this session may do with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "five independent facts of the catalog")]
pub struct Privileges {
    /// `USAGE` on the schema.
    pub schema: bool,
    /// `SELECT` on the table.
    pub select: bool,
    /// `INSERT` on the table.
    pub insert: bool,
    /// `UPDATE` on the table.
    pub update: bool,
    /// `DELETE` on the table.
    pub delete: bool,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name.
    pub name: Ident,
    /// `attnum`: the same name dropped and added again has another one.
    pub number: i16,
    /// OID of the type as the stream announces it: a domain's own.
    pub sent_oid: u32,
    /// The same type as the manual writes it, without a modifier.
    pub sent_type: String,
    /// Changes before this position may bring the values of another column, one that had this name before.
    pub since: Lsn,
    /// The type, a domain resolved to what it stands on.
    pub base: BaseType,
    /// NULL is refused, by the column or by its domain.
    pub not_null: bool,
    /// `GENERATED ALWAYS AS (…) STORED`: not sent before PostgreSQL 18, and never written.
    pub generated: bool,
    /// Where the server takes a value from when none is given.
    pub default: ColumnDefault,
    /// Quoted name of the column's collation; `None` for the database's default or a type without one.
    pub collation: Option<String>,
}

/// Where a column's value comes from when an INSERT gives none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnDefault {
    /// NULL.
    None,
    /// The column's own sequence (identity or serial), quoted, and whether this role may draw from it.
    Sequence {
        /// Quoted full name.
        name: String,
        /// `USAGE` on it.
        may_use: bool,
        /// `GENERATED ALWAYS AS IDENTITY`: an explicit value needs OVERRIDING SYSTEM VALUE.
        always: bool,
    },
    /// An expression; `None` when it stands in the domain.
    Expression(Option<String>),
}

/// A type under all domains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseType {
    /// OID.
    pub oid: u32,
    /// Schema of the type.
    pub schema: Ident,
    /// `pg_type.typname`.
    pub name: Ident,
    /// As the manual writes it, with its modifier: `numeric(12,2)`.
    pub text: String,
    /// The column or a domain limits it (length, precision).
    pub has_modifier: bool,
}

/// A unique index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueIndex {
    /// Name of the index.
    pub name: Ident,
    /// It is the primary key.
    pub primary: bool,
    /// It is the replica identity (`USING INDEX`).
    pub identity: bool,
    /// It has a WHERE.
    pub partial: bool,
    /// Its columns; `None` where one of them is an expression.
    pub columns: Option<Vec<Ident>>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// Name of the constraint.
    pub name: Ident,
    /// The referring columns.
    pub columns: Vec<Ident>,
    /// The table referred to.
    pub parent: TableName,
    /// The columns there, in the same order.
    pub parent_columns: Vec<Ident>,
    /// The parent draws these values from a sequence or a default: they are numbers of one customer.
    pub parent_is_surrogate: bool,
}

impl Table {
    /// The column of that name.
    pub fn column(&self, name: &Ident) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == *name)
    }

    /// The columns of the primary key; empty where there is none.
    pub fn primary_key(&self) -> &[Ident] {
        self.unique
            .iter()
            .find(|index| index.primary)
            .and_then(|index| index.columns.as_deref())
            .unwrap_or(&[])
    }

    /// The columns of the primary key, as far as the stream brings them.
    pub fn sent_primary_key(&self) -> impl Iterator<Item = &Ident> {
        let is_sent = |name: &&Ident| self.column(name).is_some_and(|column| !column.generated);
        self.primary_key().iter().filter(is_sent)
    }

    /// The columns by which a row's old tuple can be recognized: those that the flow follows, else the table's own.
    pub fn identity(&self) -> Option<&[Ident]> {
        self.followed.as_deref().or_else(|| self.own_identity())
    }

    /// The columns by which a row's old tuple can be recognized, whatever the replica identity brings:
    /// of the index it names, else the primary key. `None`: updates and deletes can't be followed.
    pub fn own_identity(&self) -> Option<&[Ident]> {
        let index = match self.replica_identity {
            ReplicaIdentity::Nothing => return None,
            ReplicaIdentity::Default => self.unique.iter().find(|index| index.primary),
            ReplicaIdentity::Index => self.unique.iter().find(|index| index.identity),
            ReplicaIdentity::Full => {
                let whole = |index: &&UniqueIndex| !index.partial && index.columns.is_some();
                self.unique.iter().find(|index| index.primary).or_else(|| self.unique.iter().find(whole))
            }
        };
        index.and_then(|index| index.columns.as_deref())
    }

    /// Whether some unique index guarantees that these columns, in any order, name one row at most.
    pub fn is_unique(&self, columns: &[Ident]) -> bool {
        self.unique.iter().any(|index| {
            let covered = |own: &[Ident]| own.iter().all(|name| columns.contains(name));
            !index.partial && index.columns.as_deref().is_some_and(covered)
        })
    }
}

impl BaseType {
    /// The type's quoted full name without its modifier.
    pub fn quoted(&self) -> String {
        format!("{}.{}", self.schema.quoted(), self.name.quoted())
    }

    /// The server's own type, the same in every schema and database.
    pub fn is_builtin(&self) -> bool {
        self.schema.as_str() == "pg_catalog"
    }

    /// `text`, `varchar`, `char(n)` or `name`: values that are compared and assigned as text.
    pub fn is_string(&self) -> bool {
        self.is_builtin() && matches!(self.name.as_str(), "text" | "varchar" | "bpchar" | "name")
    }
}
