//! A row's values on their way from the wire to the stage, and the changes that carry them.
//!
//! Values stay in PostgreSQL's text form. A tuple owns a slice of the network buffer that it arrived in (no copy per
//! value); the decoder has checked the whole slice before a [`Tuple`] exists. No `Debug` here prints a value.

use std::fmt;

use bytes::Bytes;

use crate::lsn::Lsn;

/// One value of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// SQL NULL.
    Null,
    /// A TOASTed value that the UPDATE did not touch: it is *not* known here and can't be written by mistake.
    Unchanged,
    /// The value in the type's text form, UTF-8.
    Text(&'a [u8]),
}

impl fmt::Debug for Cell<'_> {
    /// Prints the length, never the value: it is PHI.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Null => f.write_str("Null"),
            Cell::Unchanged => f.write_str("Unchanged"),
            Cell::Text(value) => write!(f, "Text({} bytes)", value.len()),
        }
    }
}

/// The tags of the wire format (PostgreSQL manual, "Logical Replication Message Formats", TupleData).
const NULL: u8 = b'n';
const UNCHANGED: u8 = b'u';
const TEXT: u8 = b't';

/// The values of one row in the order of the relation's columns.
///
/// Holds TupleData without its leading count: per column a tag byte, and for text a 4-byte length and the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Tuple {
    data: Bytes,
    columns: u16,
}

impl fmt::Debug for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tuple({} columns, {} bytes)", self.columns, self.data.len())
    }
}

/// Bytes that are not TupleData.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TupleError {
    /// The message ended inside a value.
    #[error("the row's data ends early")]
    Short,
    /// A tag that protocol version 1 in text mode does not have.
    #[error("unknown tag {0:#04x} in the row's data")]
    Tag(u8),
    /// A length below zero.
    #[error("a value's length is negative")]
    Length,
}

impl Tuple {
    /// Takes `columns` values from the front of `data`, checks each, and returns the tuple with what follows it.
    pub fn parse(data: &Bytes, columns: u16) -> Result<(Self, Bytes), TupleError> {
        let mut at = 0;
        for _ in 0..columns {
            match *data.get(at).ok_or(TupleError::Short)? {
                NULL | UNCHANGED => at += 1,
                TEXT => {
                    let length = data.get(at + 1..at + 5).ok_or(TupleError::Short)?;
                    let length = i32::from_be_bytes([length[0], length[1], length[2], length[3]]);
                    let length = usize::try_from(length).map_err(|_| TupleError::Length)?;
                    at = at.checked_add(5 + length).ok_or(TupleError::Length)?;
                    if at > data.len() {
                        return Err(TupleError::Short);
                    }
                }
                tag => return Err(TupleError::Tag(tag)),
            }
        }
        let tuple = Self { data: data.slice(..at), columns };
        Ok((tuple, data.slice(at..)))
    }

    /// How many columns the row has.
    pub fn columns(&self) -> usize {
        usize::from(self.columns)
    }

    /// How many bytes of the network buffer the row keeps alive.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }

    /// Some value is [`Cell::Unchanged`].
    pub fn has_unchanged(&self) -> bool {
        self.cells().any(|cell| cell == Cell::Unchanged)
    }

    /// This row with every unchanged value taken from an older state of it, as far as that one has it.
    #[must_use]
    pub fn filled_from(&self, older: &Self) -> Self {
        self.mixed_with(older, |_, own| own == Cell::Unchanged)
    }

    /// This row with the other one's value in every place that is `taken`, given the place and the own value.
    #[must_use]
    pub fn mixed_with(&self, other: &Self, taken: impl Fn(usize, Cell<'_>) -> bool) -> Self {
        let mut data = Vec::with_capacity(self.data.len() + other.data.len());
        for (place, (cell, theirs)) in self.cells().zip(other.cells()).enumerate() {
            match if taken(place, cell) { theirs } else { cell } {
                Cell::Null => data.push(NULL),
                Cell::Unchanged => data.push(UNCHANGED),
                Cell::Text(value) => {
                    data.push(TEXT);
                    // A value came in with a length of 31 bits: it goes out with the same.
                    data.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
                    data.extend_from_slice(value);
                }
            }
        }
        Self { data: data.into(), columns: self.columns }
    }

    /// The values in column order.
    pub fn cells(&self) -> Cells<'_> {
        Cells { rest: &self.data }
    }
}

/// Iterator over a [`Tuple`]'s values.
pub struct Cells<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cell<'a>;

    fn next(&mut self) -> Option<Cell<'a>> {
        let (&tag, rest) = self.rest.split_first()?;
        if tag != TEXT {
            self.rest = rest;
            return Some(if tag == NULL { Cell::Null } else { Cell::Unchanged });
        }
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (value, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        self.rest = rest;
        Some(Cell::Text(value))
    }
}

/// What a relation's tuples mean, as the source last announced it (Relation message).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The table's OID at the source.
    pub oid: u32,
    /// Schema at the source (the source customer's schema).
    pub schema: String,
    /// Table at the source.
    pub table: String,
    /// `d`efault, `n`othing, `f`ull or `i`ndex (`pg_class.relreplident`).
    pub replica_identity: u8,
    /// The columns, in the order of the tuples.
    pub columns: Vec<RelationColumn>,
}

/// One column of a [`Relation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationColumn {
    /// Name at the source.
    pub name: String,
    /// Part of the replica identity: the columns that an old tuple brings (with `full`, all of them).
    pub in_identity: bool,
    /// Type OID at the source.
    pub type_oid: u32,
    /// Type modifier, -1 for none.
    pub type_modifier: i32,
}

/// One change of one source row, or of a whole table.
#[derive(Debug, Clone)]
pub enum Change {
    /// A new row; `new` has every column.
    Insert {
        /// OID of the relation.
        relation: u32,
        /// The row.
        new: Tuple,
    },
    /// A changed row. `old` is there when the identity changed or the replica identity is full.
    Update {
        /// OID of the relation.
        relation: u32,
        /// The row before: identity columns (others read as NULL), or the whole row where the identity is full.
        old: Option<Tuple>,
        /// The row after; TOASTed values that were not touched are [`Cell::Unchanged`].
        new: Tuple,
    },
    /// A deleted row.
    Delete {
        /// OID of the relation.
        relation: u32,
        /// As in [`Change::Update`].
        old: Tuple,
    },
    /// Tables that were emptied in one statement.
    Truncate {
        /// OIDs of the relations.
        relations: Vec<u32>,
    },
}

/// Where and when a source transaction was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitPoint {
    /// End of the commit record: once this is durable in the target, the source may forget the transaction.
    pub end: Lsn,
    /// Commit time at the source, microseconds since 2000-01-01 00:00 UTC (PostgreSQL's epoch).
    pub time_us: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_never_shows_its_value() {
        assert_eq!(format!("{:?}", Cell::Text(b"999-80-5820")), "Text(11 bytes)");
    }

    #[test]
    fn an_unchanged_value_is_filled_from_the_older_state() {
        let parse =
            |bytes: &'static [u8], n| Tuple::parse(&Bytes::from_static(bytes), n).expect("a whole tuple").0;
        let older = parse(b"t\0\0\0\x01at\0\0\0\x01bu", 3);
        let newer = parse(b"t\0\0\0\x01cuu", 3);
        let cells: Vec<_> =
            newer.filled_from(&older).cells().map(|c| matches!(c, Cell::Text(b"c" | b"b"))).collect();
        assert_eq!(cells, [true, true, false]);
        assert!(newer.filled_from(&older).has_unchanged());
    }

    #[test]
    fn a_tuple_reads_back_and_a_cut_one_is_refused_at_every_byte() {
        let bytes = Bytes::from_static(b"t\0\0\0\x02abnut\0\0\0\0rest");
        let (tuple, rest) = Tuple::parse(&bytes, 4).expect("a whole tuple");
        let cells: Vec<_> = tuple.cells().collect();
        assert_eq!(cells, [Cell::Text(b"ab"), Cell::Null, Cell::Unchanged, Cell::Text(b"")]);
        assert_eq!(&rest[..], b"rest");
        for end in 0..bytes.len() - 4 {
            assert_eq!(Tuple::parse(&bytes.slice(..end), 4).err(), Some(TupleError::Short), "{end}");
        }
    }
}
