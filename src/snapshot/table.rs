//! What a customer's schema holds, as far as a snapshot needs to know it.

use crate::name::{Ident, TableName};

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Full name.
    pub name: TableName,
    /// `pg_class.oid`.
    pub oid: u32,
    /// Its comment: hints such as `dat=B_PAYOR; snapshot=no` are read from it.
    pub comment: Option<String>,
    /// This role may read it.
    pub may_select: bool,
    /// Its rows are those of its partitions.
    pub partitioned: bool,
    /// Rows, as the server's statistics have it.
    pub rows_estimate: u64,
    /// Bytes on the server's disk, without indexes, as its statistics have it.
    pub size_bytes: u64,
    /// In the table's order, dropped columns left out, generated ones included.
    pub columns: Vec<Column>,
    /// Indexes on plain columns of the whole table; the primary key first.
    pub indexes: Vec<Index>,
}

impl Table {
    /// The columns of the primary key, in its order; empty where there is none.
    pub fn primary_key(&self) -> &[Ident] {
        self.indexes.iter().find(|index| index.primary).map_or(&[], |index| &index.columns)
    }

    /// What stands behind `FROM`: this table's rows, and not those of tables that inherit from it, which are data sets
    /// themselves.
    pub fn rows(&self) -> String {
        if self.partitioned { self.name.quoted() } else { format!("ONLY {}", self.name.quoted()) }
    }

    /// One word of the comment's hints: `hint("dat")` of `dataset=Payor; dat=B_PAYOR` is `B_PAYOR`.
    pub fn hint(&self, key: &str) -> Option<&str> {
        hint(self.comment.as_deref()?, key)
    }
}

fn hint<'c>(comment: &'c str, key: &str) -> Option<&'c str> {
    let mut pairs = comment.split(';').filter_map(|word| word.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim() == key)?;
    Some(value.trim()).filter(|value| !value.is_empty())
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name.
    pub name: Ident,
    /// What kind of values it has; a domain counts as its base type.
    pub class: Class,
    /// The type as SQL, with its modifier, a domain resolved: `numeric(10,2)`, `character varying(20)`.
    pub type_text: String,
    /// NULL is refused.
    pub not_null: bool,
    /// Its comment.
    pub comment: Option<String>,
}

impl Column {
    /// One word of the comment's hints, as [`Table::hint`].
    pub fn hint(&self, key: &str) -> Option<&str> {
        hint(self.comment.as_deref()?, key)
    }
}

/// An index, a primary key or a unique constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Name.
    pub name: Ident,
    /// The primary key.
    pub primary: bool,
    /// No two rows have the same values.
    pub unique: bool,
    /// In the index's order.
    pub columns: Vec<Ident>,
}

/// What kind of values a column has: all that formats have to tell apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// `smallint`
    SmallInt,
    /// `integer`
    Integer,
    /// `bigint`
    BigInt,
    /// `numeric`, with precision and scale where the column has them. The scale may be negative (15+).
    Numeric(Option<(u16, i16)>),
    /// `real`
    Real,
    /// `double precision`
    Double,
    /// `money`, in text form with the currency sign of `lc_monetary = C`: `$1,000.00`.
    Money,
    /// `boolean`, `t` and `f`.
    Boolean,
    /// `text`, `name`, and every type in the server's string category that has no length.
    Text,
    /// `character varying`, with its length in characters where it has one.
    Varchar(Option<u32>),
    /// `character(n)`: the server pads it with blanks.
    Char(u32),
    /// An enum, with its labels in order.
    Enum(Vec<String>),
    /// `date`
    Date,
    /// `timestamp without time zone`
    Timestamp,
    /// `timestamp with time zone`
    TimestampTz,
    /// `time without time zone`
    Time,
    /// `time with time zone`
    TimeTz,
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// `json` or `jsonb`
    Json,
    /// `xml`
    Xml,
    /// `bytea`
    Bytea,
    /// An array of anything.
    Array,
    /// Any other type, carried in its text form: ranges, points, bits, addresses, composites.
    Other,
}
