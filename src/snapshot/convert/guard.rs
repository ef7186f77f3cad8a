//! Cells that a spreadsheet would run as formulas: untouched by default, and behind an apostrophe where that is asked for.

use super::super::loss::Loss;
use super::super::table::Class;
use super::cells::{Place, Unfit, Visitor};
use super::tally::Tally;

/// Whether a spreadsheet takes a cell that begins so for a formula, or for blanks before one. Plain text, without escapes.
pub fn is_formula(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'))
}

/// The same of a text as COPY writes it.
pub(super) fn is_raw_formula(raw: &[u8]) -> bool {
    is_formula(raw) || raw.starts_with(br"\t") || raw.starts_with(br"\r")
}

/// Whether a column holds texts of some kind, and so formulas: a number begins with `-` and runs nothing.
pub fn is_text(class: &Class) -> bool {
    match class {
        Class::Text
        | Class::Varchar(_)
        | Class::Char(_)
        | Class::Enum(_)
        | Class::Json
        | Class::Xml
        | Class::Array
        | Class::Other => true,
        Class::SmallInt
        | Class::Integer
        | Class::BigInt
        | Class::Numeric(_)
        | Class::Real
        | Class::Double
        | Class::Money
        | Class::Boolean
        | Class::Date
        | Class::Timestamp
        | Class::TimestampTz
        | Class::Time
        | Class::TimeTz
        | Class::Interval
        | Class::Uuid
        | Class::Bytea => false,
    }
}

/// Writes COPY text as it came, guarded.
#[derive(Debug)]
pub(super) struct Guarded {
    /// Which columns are texts.
    texts: Vec<bool>,
    pub(super) tally: Tally,
}

impl Guarded {
    pub(super) fn new(texts: Vec<bool>) -> Self {
        let tally = Tally::new(texts.len());
        Self { texts, tally }
    }

    fn guard(&mut self, column: usize, raw: &[u8]) {
        if self.texts[column] && is_raw_formula(raw) {
            self.tally.out.push(b'\'');
            self.tally.count(column, Loss::Guarded);
        }
    }
}

impl Visitor for Guarded {
    fn cell(&mut self, column: usize, raw: Option<&[u8]>) -> Result<(), Unfit> {
        self.tally.begin_cell(column);
        if let Some(raw) = raw {
            self.guard(column, raw);
        }
        self.tally.out.extend_from_slice(raw.unwrap_or(br"\N"));
        Ok(())
    }

    fn part(&mut self, column: usize, raw: &[u8], place: Place) -> Result<(), Unfit> {
        if place == Place::First {
            self.tally.begin_cell(column);
            self.guard(column, raw);
        }
        self.tally.out.extend_from_slice(raw);
        Ok(())
    }

    fn end_row(&mut self) {
        self.tally.end_row();
    }
}
