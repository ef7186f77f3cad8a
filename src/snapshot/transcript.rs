//! COPY text to what MySQL and MariaDB read: the lines of `LOAD DATA`, or INSERT statements. Pure: pieces go in, cut
//! anywhere, and bytes come out; values that the server has no place for become NULL, and are counted.
//!
//! ```text
//! check     what a value must be to fit its column
//! sum       what the server can count and add up too, when the rows are there
//! style     how a value is written: escapes, quotes, separators
//! writer    the visitor of the cells
//! ```

mod check;
mod style;
mod sum;
mod writer;

use std::collections::BTreeSet;
use std::mem::swap;

use sha2::{Digest as _, Sha256};

use super::convert::cells::Cells;
use super::convert::{Malformed, Rows};
use super::ddl::mysql::Layout;
use super::loss::Losses;
use super::table::{Class, Table};
use crate::name::backticked;

use writer::Writer;

pub use style::Style;
pub use sum::Sum;

/// The statements that a connection to the source begins with.
pub const SETTINGS: &str = "SET TimeZone = 'UTC'; SET IntervalStyle = 'iso_8601'";

/// What went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Rows of all sources.
    pub rows: u64,
    /// Rows of each source, in their order.
    pub rows_by_source: Vec<u64>,
    /// Of each of the shape's columns.
    pub losses: Vec<Losses>,
    /// Of each column of the table, the customer's among them.
    pub sums: Vec<Sum>,
    /// Columns of the shape that have a value longer than their type: they were not told, and have to be wider.
    pub too_long: BTreeSet<usize>,
    /// Bytes that came out.
    pub bytes: u64,
    /// SHA-256 of them in hexadecimal.
    pub sha256: String,
}

/// Turns the copies of one data set's sources into lines or statements. For each source: [`Pass::begin`], any number of
/// [`Pass::push`], and [`Pass::end`].
#[derive(Debug)]
pub struct Pass {
    columns: usize,
    cells: Cells,
    writer: Writer,
    rows: Vec<u64>,
    bytes: u64,
    digest: Sha256,
}

impl Pass {
    /// For a table of this layout. `style` says what comes out.
    pub fn new(layout: &Layout, style: Style) -> Self {
        let columns = layout.columns.len() - layout.leading;
        let writer = Writer::new(&layout.columns, layout.leading, style);
        let (cells, digest) = (Cells::new(columns), Sha256::new());
        Self { columns, cells, writer, rows: Vec::new(), bytes: 0, digest }
    }

    /// The rows of this customer follow.
    pub fn begin(&mut self, customer: &str) {
        self.writer.lead(customer);
    }

    /// The next bytes of the copy, cut anywhere. What they become is put behind what stands in `out`.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        let before = out.len();
        swap(out, &mut self.writer.out);
        let pushed = self.cells.push(piece, &mut self.writer);
        swap(out, &mut self.writer.out);
        self.count(&out[before..]);
        pushed
    }

    /// This source's copy is complete. Says how many rows it had.
    pub fn end(&mut self) -> Result<u64, Malformed> {
        let rows = std::mem::replace(&mut self.cells, Cells::new(self.columns)).finish()?;
        self.rows.push(rows);
        Ok(rows)
    }

    /// What went through, all in all; what closes the last statement is put behind what stands in `out`.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Counts {
        let before = out.len();
        swap(out, &mut self.writer.out);
        self.writer.close();
        swap(out, &mut self.writer.out);
        self.count(&out[before..]);
        let digest = self.digest.finalize();
        Counts {
            rows: self.rows.iter().sum(),
            rows_by_source: self.rows,
            losses: self.writer.losses,
            sums: self.writer.sums,
            too_long: self.writer.too_long,
            bytes: self.bytes,
            sha256: format!("{digest:x}"),
        }
    }

    fn count(&mut self, written: &[u8]) {
        self.bytes += written.len() as u64;
        self.digest.update(written);
    }
}

/// The `COPY` of a source's table, for a data set of this shape: what PostgreSQL can write as the other server reads it, it
/// writes so. `wide` columns come as PostgreSQL shows them; one that this source does not have is NULL.
pub fn select(source: &Table, shape: &Table, wide: &BTreeSet<usize>, rows: Rows<'_>) -> String {
    let list = shape.columns.iter().enumerate().map(|(place, column)| {
        let name = column.name.quoted();
        if !source.columns.iter().any(|own| own.name == column.name) {
            return format!("NULL::text AS {name}");
        }
        if wide.contains(&place) {
            return name;
        }
        match column.class {
            Class::Boolean => format!("{name}::int AS {name}"),
            Class::Money => format!("{name}::numeric AS {name}"),
            Class::TimestampTz => format!("{name} AT TIME ZONE 'UTC' AS {name}"),
            Class::Array => format!("to_jsonb({name}) AS {name}"),
            Class::SmallInt
            | Class::Integer
            | Class::BigInt
            | Class::Numeric(_)
            | Class::Real
            | Class::Double
            | Class::Text
            | Class::Varchar(_)
            | Class::Char(_)
            | Class::Enum(_)
            | Class::Date
            | Class::Timestamp
            | Class::Time
            | Class::TimeTz
            | Class::Interval
            | Class::Uuid
            | Class::Json
            | Class::Xml
            | Class::Bytea
            | Class::Other => name,
        }
    });
    let list = list.collect::<Vec<_>>().join(", ");
    format!("COPY (SELECT {list} FROM {}{}) TO STDOUT", source.rows(), rows.tail(source))
}

/// The beginning of an INSERT into a table, quoted already.
pub fn insert_head(table: &str, layout: &Layout) -> String {
    let names: Vec<String> = layout.columns.iter().map(|column| backticked(&column.name)).collect();
    format!("INSERT INTO {table} ({}) VALUES", names.join(", "))
}

#[cfg(test)]
mod tests;
