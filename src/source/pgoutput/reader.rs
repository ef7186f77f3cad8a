//! Reading the fields of one replication message, and everything that can be wrong with one.
//!
//! The reader never goes outside the message and never reserves memory for a count that the message is too short to
//! hold. Its errors name the message, the field and the offset: that is enough to find a fault, and none of it is a value.

use std::fmt;

use bytes::Bytes;

use crate::fault::Fault;
use crate::lsn::Lsn;
use crate::row::{Tuple, TupleError};

/// Where in a message something was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The kind of message, in the words of the PostgreSQL manual.
    pub message: &'static str,
    /// The field that was being read.
    pub field: &'static str,
    /// Where the field begins, in bytes from the message's first.
    pub offset: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} message, {}, byte {}", self.message, self.field, self.offset)
    }
}

/// What a person can do about a message that can't be read: there is no setting that brings this about.
const REMEDY: &str = "the source speaks another pgoutput protocol than version 1 in text mode, or something on the way \
                      changes the stream: check that the connection goes straight to PostgreSQL, and report this";

/// A message that is not pgoutput protocol 1. None of these shows a byte of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No byte at all.
    #[error("a replication message is empty; {REMEDY}")]
    Empty,
    /// A first byte that protocol version 1 does not have.
    #[error("a replication message is of the unknown kind {0:#04x}; {REMEDY}")]
    Kind(u8),
    /// The message ended inside a field.
    #[error("a replication message ends early ({0}); {REMEDY}")]
    Short(Place),
    /// Bytes were left after the last field.
    #[error("a replication message is too long ({0}); {REMEDY}")]
    Trailing(Place),
    /// A name that is not UTF-8.
    #[error("a name in a replication message is not UTF-8 ({0}); {REMEDY}")]
    Text(Place),
    /// A count or length that is negative, or larger than the message can hold.
    #[error("a count in a replication message is impossible ({0}); {REMEDY}")]
    Count(Place),
    /// A tag or flag without a meaning here; a value in binary form is one.
    #[error("a replication message has an unknown tag or flag ({0}); {REMEDY}")]
    Tag(Place),
}

impl DecodeError {
    /// The flow stops: the same bytes would come again, and to skip them would lose a change.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Empty
            | Self::Kind(_)
            | Self::Short(_)
            | Self::Trailing(_)
            | Self::Text(_)
            | Self::Count(_)
            | Self::Tag(_) => Fault::Halt,
        }
    }
}

/// A cursor over one message. Integers are big-endian, names end with a zero byte.
pub(super) struct Reader<'a> {
    bytes: &'a Bytes,
    message: &'static str,
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts behind the kind byte.
    pub(super) fn new(bytes: &'a Bytes, message: &'static str) -> Self {
        Self { bytes, message, offset: 1 }
    }

    /// The place of the field that begins here.
    fn place(&self, field: &'static str) -> Place {
        Place { message: self.message, field, offset: self.offset }
    }

    /// What has not been read yet.
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let array = *self.rest().first_chunk().ok_or(DecodeError::Short(self.place(field)))?;
        self.offset += N;
        Ok(array)
    }

    /// One byte that must be among those of `known`.
    pub(super) fn tag(&mut self, field: &'static str, known: &[u8]) -> Result<u8, DecodeError> {
        let place = self.place(field);
        let [tag] = self.array(field)?;
        if known.contains(&tag) { Ok(tag) } else { Err(DecodeError::Tag(place)) }
    }

    /// An OID or a transaction id.
    pub(super) fn number(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// A type modifier.
    pub(super) fn signed(&mut self, field: &'static str) -> Result<i32, DecodeError> {
        self.array(field).map(i32::from_be_bytes)
    }

    /// A time in microseconds since 2000-01-01 00:00 UTC.
    pub(super) fn time_us(&mut self, field: &'static str) -> Result<i64, DecodeError> {
        self.array(field).map(i64::from_be_bytes)
    }

    /// A position in the source's write-ahead log.
    pub(super) fn lsn(&mut self, field: &'static str) -> Result<Lsn, DecodeError> {
        self.array(field).map(|array| Lsn(u64::from_be_bytes(array)))
    }

    /// A name with its terminating zero.
    pub(super) fn name(&mut self, field: &'static str) -> Result<String, DecodeError> {
        let rest = self.rest();
        let end = rest.iter().position(|&byte| byte == 0).ok_or(DecodeError::Short(self.place(field)))?;
        let name = str::from_utf8(&rest[..end]).map_err(|_| DecodeError::Text(self.place(field)))?;
        self.offset += end + 1;
        Ok(name.to_owned())
    }

    /// The schema of a relation or type; the server sends an empty one for `pg_catalog`.
    pub(super) fn schema(&mut self, field: &'static str) -> Result<String, DecodeError> {
        let name = self.name(field)?;
        Ok(if name.is_empty() { "pg_catalog".to_owned() } else { name })
    }

    /// A 2-byte count of columns, each of at least `least` bytes: no more than the rest of the message can hold.
    pub(super) fn short_count(&mut self, field: &'static str, least: usize) -> Result<usize, DecodeError> {
        let place = self.place(field);
        let count = i16::from_be_bytes(self.array(field)?);
        self.possible(usize::try_from(count).ok(), least, place)
    }

    /// A 4-byte count of things, each of at least `least` bytes: no more than the rest of the message can hold.
    pub(super) fn count(&mut self, field: &'static str, least: usize) -> Result<usize, DecodeError> {
        let place = self.place(field);
        let count = self.signed(field)?;
        self.possible(usize::try_from(count).ok(), least, place)
    }

    fn possible(&self, count: Option<usize>, least: usize, place: Place) -> Result<usize, DecodeError> {
        match count {
            Some(count) if count <= self.rest().len() / least => Ok(count),
            Some(_) | None => Err(DecodeError::Count(place)),
        }
    }

    /// A 4-byte length and so many bytes, which stay where they are.
    pub(super) fn content(&mut self, field: &'static str) -> Result<Bytes, DecodeError> {
        let length = self.count(field, 1)?;
        let content = self.bytes.slice(self.offset..self.offset + length);
        self.offset += length;
        Ok(content)
    }

    /// `TupleData`: a 2-byte count of columns and the values, which stay where they are.
    pub(super) fn tuple(&mut self, field: &'static str) -> Result<Tuple, DecodeError> {
        let place = self.place(field);
        let columns = u16::from_be_bytes(self.array(field)?);
        // A refused tag might be a value's byte if the row is out of step: it is not passed on.
        let (tuple, rest) =
            Tuple::parse(&self.bytes.slice(self.offset..), columns).map_err(|error| match error {
                TupleError::Short => DecodeError::Short(place),
                TupleError::Tag(_) => DecodeError::Tag(place),
                TupleError::Length => DecodeError::Count(place),
            })?;
        self.offset = self.bytes.len() - rest.len();
        Ok(tuple)
    }

    /// Nothing may follow.
    pub(super) fn finish(&self) -> Result<(), DecodeError> {
        if self.rest().is_empty() {
            return Ok(());
        }
        Err(DecodeError::Trailing(self.place("behind the last field")))
    }
}
