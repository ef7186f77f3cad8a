//! One replication message: bytes in, meaning out.
//!
//! Pure and without state: it does not remember relations and does not compare a row with one. Rows and the content of
//! logical messages stay in the network buffer (no copy). It never panics, whatever the bytes are.
//!
//! Source: PostgreSQL manual, "Logical Replication Message Formats", protocol version 1, text mode (no binary values,
//! no streamed or prepared transactions: the stream is started without them).

use std::fmt;

use bytes::Bytes;

use crate::lsn::Lsn;
use crate::row::{Change, Relation, RelationColumn, Tuple};

mod reader;

use reader::Reader;
pub use reader::{DecodeError, Place};

/// What the source said.
#[derive(Clone)]
pub enum Message {
    /// A committed transaction begins; everything up to its [`Message::Commit`] belongs to it.
    Begin {
        /// Where its commit record begins.
        final_lsn: Lsn,
        /// Commit time, microseconds since 2000-01-01 00:00 UTC.
        time_us: i64,
        /// Transaction id at the source.
        xid: u32,
    },
    /// The transaction is complete.
    Commit {
        /// Where the commit record begins: the `final_lsn` of its [`Message::Begin`].
        commit_lsn: Lsn,
        /// Where the commit record ends: what is confirmed once the transaction is durable in the target.
        end_lsn: Lsn,
        /// Commit time, microseconds since 2000-01-01 00:00 UTC.
        time_us: i64,
    },
    /// The transaction was itself replicated to the source from elsewhere. Follows [`Message::Begin`].
    Origin {
        /// Where it was committed at its origin.
        lsn: Lsn,
        /// The name of the replication origin.
        name: String,
    },
    /// What the rows of a table look like from now on. Comes before a table's first row and after a change of the table.
    Relation(Relation),
    /// The name of a type that is not built in. Comes before the relation that uses it.
    Type {
        /// OID at the source.
        oid: u32,
        /// Schema at the source.
        schema: String,
        /// Name at the source.
        name: String,
    },
    /// A row was inserted, updated or deleted, or tables were truncated.
    Change(Change),
    /// A logical decoding message (`pg_logical_emit_message`).
    Logical {
        /// Whether it belongs to the transaction around it; if not, it stands between transactions.
        transactional: bool,
        /// Its position.
        lsn: Lsn,
        /// Who it is for.
        prefix: String,
        /// Anything; not necessarily text.
        content: Bytes,
    },
}

impl fmt::Debug for Message {
    /// Prints names and sizes; neither a row's values nor a logical message's content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin { final_lsn, xid, .. } => write!(f, "Begin({final_lsn}, xid {xid})"),
            Self::Commit { commit_lsn, end_lsn, .. } => write!(f, "Commit({commit_lsn}, ends {end_lsn})"),
            Self::Origin { lsn, name } => write!(f, "Origin({name}, {lsn})"),
            Self::Relation(relation) => {
                write!(f, "Relation({}, {}.{})", relation.oid, relation.schema, relation.table)
            }
            Self::Type { oid, schema, name } => write!(f, "Type({oid}, {schema}.{name})"),
            Self::Change(change) => write!(f, "{change:?}"),
            Self::Logical { lsn, content, .. } => write!(f, "Logical({lsn}, {} bytes)", content.len()),
        }
    }
}

/// The tags that stand before a row.
const NEW: u8 = b'N';
const OLD_KEY: u8 = b'K';
const OLD_ROW: u8 = b'O';

/// The smallest possible column of a Relation message: flag, empty name, type, modifier.
const COLUMN_MIN_BYTES: usize = 1 + 1 + 4 + 4;

/// Reads the fields of one kind of message.
type Read = fn(&mut Reader<'_>) -> Result<Message, DecodeError>;

/// Reads one message (the payload of one `XLogData`). An error leaves nothing behind; the flow must stop.
pub fn decode(message: &Bytes) -> Result<Message, DecodeError> {
    let kind = *message.first().ok_or(DecodeError::Empty)?;
    let (name, read): (_, Read) = match kind {
        b'I' => ("Insert", insert),
        b'U' => ("Update", update),
        b'D' => ("Delete", delete),
        b'B' => ("Begin", begin),
        b'C' => ("Commit", commit),
        b'R' => ("Relation", relation),
        b'Y' => ("Type", custom_type),
        b'T' => ("Truncate", truncate),
        b'O' => ("Origin", origin),
        b'M' => ("Logical", logical),
        _ => return Err(DecodeError::Kind(kind)),
    };
    let mut reader = Reader::new(message, name);
    let meaning = read(&mut reader)?;
    reader.finish()?;
    Ok(meaning)
}

fn begin(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    Ok(Message::Begin {
        final_lsn: reader.lsn("final LSN")?,
        time_us: reader.time_us("commit time")?,
        xid: reader.number("transaction id")?,
    })
}

fn commit(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    reader.tag("flags", &[0])?;
    Ok(Message::Commit {
        commit_lsn: reader.lsn("commit LSN")?,
        end_lsn: reader.lsn("end LSN")?,
        time_us: reader.time_us("commit time")?,
    })
}

fn origin(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    Ok(Message::Origin { lsn: reader.lsn("origin LSN")?, name: reader.name("origin name")? })
}

fn custom_type(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    Ok(Message::Type {
        oid: reader.number("OID")?,
        schema: reader.schema("schema")?,
        name: reader.name("type name")?,
    })
}

fn relation(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let oid = reader.number("OID")?;
    let schema = reader.schema("schema")?;
    let table = reader.name("table name")?;
    let replica_identity = reader.tag("replica identity", b"dnfi")?;
    let count = reader.short_count("column count", COLUMN_MIN_BYTES)?;
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        columns.push(RelationColumn {
            in_identity: reader.tag("column flags", &[0, 1])? == 1,
            name: reader.name("column name")?,
            type_oid: reader.number("column type")?,
            type_modifier: reader.signed("column type modifier")?,
        });
    }
    Ok(Message::Relation(Relation { oid, schema, table, replica_identity, columns }))
}

fn insert(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let relation = reader.number("relation OID")?;
    reader.tag("row tag", &[NEW])?;
    Ok(Message::Change(Change::Insert { relation, new: reader.tuple("new row")? }))
}

fn update(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let relation = reader.number("relation OID")?;
    let mut old = None;
    if reader.tag("row tag", &[NEW, OLD_KEY, OLD_ROW])? != NEW {
        old = Some(old_row(reader)?);
        reader.tag("row tag", &[NEW])?;
    }
    Ok(Message::Change(Change::Update { relation, old, new: reader.tuple("new row")? }))
}

fn delete(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let relation = reader.number("relation OID")?;
    reader.tag("row tag", &[OLD_KEY, OLD_ROW])?;
    Ok(Message::Change(Change::Delete { relation, old: old_row(reader)? }))
}

/// Key or whole row: which of them it is, the relation's replica identity says as well.
fn old_row(reader: &mut Reader<'_>) -> Result<Tuple, DecodeError> {
    reader.tuple("old row")
}

/// CASCADE (1) and RESTART IDENTITY (2) are read and dropped: the tables that CASCADE reached are in the list, and no
/// customer's sequence follows the source's.
fn truncate(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let count = reader.count("relation count", 4)?;
    reader.tag("options", &[0, 1, 2, 3])?;
    let relations = (0..count).map(|_| reader.number("relation OID")).collect::<Result<_, _>>()?;
    Ok(Message::Change(Change::Truncate { relations }))
}

fn logical(reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    Ok(Message::Logical {
        transactional: reader.tag("flags", &[0, 1])? == 1,
        lsn: reader.lsn("LSN")?,
        prefix: reader.name("prefix")?,
        content: reader.content("content")?,
    })
}

#[cfg(test)]
mod tests;
