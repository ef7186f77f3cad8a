//! Two runs of a table compared while the newer one is read.

use std::cmp::Ordering;
use std::path::Path;

use ring::digest::{Context, SHA256};

use super::base::{Hash, KEY_MAX_BYTES, NewBase, OldBase};
use super::error::Error;
use super::key::{compare, extract};
use super::shape::Shape;

/// A longer row is written without being compared.
pub const ROW_MAX_BYTES: usize = 1 << 20;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// COPY text of rows that are new, or other than they were. A long row comes in pieces.
    Row(&'a [u8]),
    /// COPY text of the key of a row that is gone: its columns in the key's order.
    Deleted(&'a [u8]),
}

/// How much was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compared {
    /// Rows that there are.
    pub rows: u64,
    /// Rows that are new, or other than they were.
    pub changed: u64,
    /// Rows that are gone.
    pub deleted: u64,
}

/// A comparison of a table's rows with those of the published run. It takes COPY text, sorted by [`Shape::order_by`], cut
/// anywhere, and it blocks.
pub struct Comparison {
    shape: Shape,
    old: Option<OldBase>,
    new: NewBase,
    /// The beginning of a row whose end has not come.
    pending: Vec<u8>,
    long: Option<LongRow>,
    key: Vec<u8>,
    last_key: Option<Vec<u8>>,
    compared: Compared,
}

impl Comparison {
    /// Whether the published run left a base, in `old`, that this table can be compared with.
    pub fn is_possible(shape: &Shape, old: &Path) -> Result<bool, Error> {
        OldBase::is_there(old, shape)
    }

    /// Begins one. The base of this run goes to `new`; that of the published one is in `old`, where a comparison is possible.
    /// Without one, all rows are new.
    pub fn begin(shape: Shape, old: Option<&Path>, new: &Path) -> Result<Self, Error> {
        let old = old.map(|old| OldBase::open(old, &shape)).transpose()?;
        let new = NewBase::create(new, &shape)?;
        let (pending, key) = (Vec::new(), Vec::new());
        Ok(Self { shape, old, new, pending, long: None, key, last_key: None, compared: Compared::default() })
    }

    /// Takes a piece of COPY text.
    pub fn push<E: From<Error>>(
        &mut self,
        piece: &[u8],
        found: &mut impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = piece;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end + 1);
            rest = after;
            if self.pending.is_empty() && self.long.is_none() && line.len() <= ROW_MAX_BYTES {
                self.row(line, found)?;
            } else {
                self.gather(line, found)?;
                self.end_gathered(found)?;
            }
        }
        if rest.is_empty() { Ok(()) } else { self.gather(rest, found) }
    }

    /// Ends it: what is left of the old base is gone. The new base is on the disk then.
    pub fn finish<E: From<Error>>(
        mut self,
        found: &mut impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<Compared, E> {
        if !self.pending.is_empty() || self.long.is_some() {
            return Err(self.malformed().into());
        }
        while let Some(mut old) = self.old.take_if(|old| old.peek().is_some()) {
            self.delete(&mut old, found)?;
            self.old = Some(old);
        }
        self.new.finish()?;
        Ok(self.compared)
    }

    /// Takes a part of a row that does not come in one piece.
    fn gather<E: From<Error>>(
        &mut self,
        part: &[u8],
        found: &mut impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.long.is_none() && self.pending.len() + part.len() > ROW_MAX_BYTES {
            let mut long = LongRow::new(&self.shape.key);
            long.push(&self.pending);
            found(Found::Row(&self.pending))?;
            self.pending.clear();
            self.long = Some(long);
        }
        match &mut self.long {
            None => {
                self.pending.extend_from_slice(part);
                Ok(())
            }
            Some(long) => {
                long.push(part);
                found(Found::Row(part))
            }
        }
    }

    fn end_gathered<E: From<Error>>(
        &mut self,
        found: &mut impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(long) = self.long.take() else {
            let line = std::mem::take(&mut self.pending);
            let done = self.row(&line, found);
            self.pending = line;
            self.pending.clear();
            return done;
        };
        let Some(hash) = long.end(&mut self.key) else { return Err(self.malformed().into()) };
        // It is written already, whether or not it has changed.
        if !self.step(&hash, found)? {
            self.compared.changed += 1;
        }
        Ok(())
    }

    fn row<E: From<Error>>(
        &mut self,
        line: &[u8],
        found: &mut impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if !extract(line.strip_suffix(b"\n").unwrap_or(line), &self.shape.key, &mut self.key) {
            return Err(self.malformed().into());
        }
        let mut hash = Context::new(&SHA256);
        hash.update(line);
        if self.step(&short(hash), found)? { found(Found::Row(line)) } else { Ok(()) }
    }

    /// Goes on to the row of `self.key`: answers whether it is new or changed, and tells the old ones before it that are gone.
    fn step<E: From<Error>>(
        &mut self,
        hash: &Hash,
        found: &mut impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        self.expect_order()?;
        self.new.add(&self.key, hash)?;
        self.compared.rows += 1;
        while let Some(mut old) = self.old.take() {
            let Some((key, old_hash)) = old.peek() else {
                self.old = Some(old);
                break;
            };
            match compare(key, &self.key, &self.shape.order) {
                Ordering::Less => self.delete(&mut old, found)?,
                Ordering::Equal => {
                    let changed = old_hash != hash;
                    old.advance()?;
                    self.old = Some(old);
                    self.compared.changed += u64::from(changed);
                    return Ok(changed);
                }
                Ordering::Greater => {
                    self.old = Some(old);
                    break;
                }
            }
            self.old = Some(old);
        }
        self.compared.changed += 1;
        Ok(true)
    }

    /// The old row that stands next is gone.
    fn delete<E: From<Error>>(
        &mut self,
        old: &mut OldBase,
        found: &mut impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some((key, _)) = old.peek() {
            let mut line = key.to_vec();
            line.push(b'\n');
            found(Found::Deleted(&line))?;
            self.compared.deleted += 1;
        }
        Ok(old.advance()?)
    }

    /// Every key is higher than the one before it: else the comparison would be wrong in silence.
    fn expect_order(&mut self) -> Result<(), Error> {
        let (customer, table) = (&self.shape.customer, &self.shape.table);
        if self.key.len() > KEY_MAX_BYTES {
            let (customer, table) = (customer.clone(), table.clone());
            return Err(Error::LongKey { customer, table, max: KEY_MAX_BYTES });
        }
        match &mut self.last_key {
            Some(last) if compare(last, &self.key, &self.shape.order).is_ge() => {
                Err(Error::Order { customer: customer.clone(), table: table.clone() })
            }
            Some(last) => {
                last.clone_from(&self.key);
                Ok(())
            }
            None => {
                self.last_key = Some(self.key.clone());
                Ok(())
            }
        }
    }

    fn malformed(&self) -> Error {
        Error::Malformed { customer: self.shape.customer.clone(), table: self.shape.table.clone() }
    }
}

/// The first 16 bytes.
fn short(hash: Context) -> Hash {
    let mut short = Hash::default();
    short.copy_from_slice(&hash.finish().as_ref()[..16]);
    short
}

/// A row that passes in pieces: its hash, and the cells of its key.
struct LongRow {
    hash: Context,
    cell: usize,
    /// The places of the key's columns, in its order, with their cells so far.
    cells: Vec<(usize, Vec<u8>)>,
}

impl LongRow {
    fn new(places: &[usize]) -> Self {
        let cells = places.iter().map(|place| (*place, Vec::new())).collect();
        Self { hash: Context::new(&SHA256), cell: 0, cells }
    }

    fn push(&mut self, part: &[u8]) {
        self.hash.update(part);
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        for (number, bytes) in part.split(|byte| *byte == b'\t').enumerate() {
            self.cell += usize::from(number > 0);
            let cell = self.cells.iter_mut().find(|(place, _)| *place == self.cell);
            // One byte too many is enough to refuse it.
            if let Some((_, cell)) = cell.filter(|(_, cell)| cell.len() <= KEY_MAX_BYTES) {
                cell.extend_from_slice(bytes);
            }
        }
    }

    /// The hash; the key goes to `key`. None where it has not all of its cells.
    fn end(self, key: &mut Vec<u8>) -> Option<Hash> {
        key.clear();
        for (number, (place, cell)) in self.cells.iter().enumerate() {
            if *place > self.cell {
                return None;
            }
            if number > 0 {
                key.push(b'\t');
            }
            key.extend_from_slice(cell);
        }
        Some(short(self.hash))
    }
}
