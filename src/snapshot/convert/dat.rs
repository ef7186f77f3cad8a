//! One data set's way into a `.DAT` file.

use std::mem::swap;

use memchr::memchr_iter;

use crate::config::Profile;

use super::super::loss::Losses;
use super::super::table::Column;
use super::cells::{Cells, Malformed, escape};
use super::fold::Folds;
use super::form::Form;
use super::guard::{Guarded, is_text};
use super::market::Market;

/// What went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Rows of all sources.
    pub rows: u64,
    /// Of each of the data set's columns, the customer's column not among them.
    pub losses: Vec<Losses>,
}

/// Turns the copies of one data set's sources into the lines of its file. For each source: [`Pass::begin`], any number of
/// [`Pass::push`], and [`Pass::end`].
#[derive(Debug)]
pub struct Pass {
    combined: bool,
    columns: usize,
    rows: u64,
    writing: Writing,
}

/// The ways of writing.
#[derive(Debug)]
enum Writing {
    /// As it came: only ends of lines are looked for.
    Verbatim(Verbatim),
    Guarded(Cells, Guarded),
    Market(Cells, Market),
}

#[derive(Debug)]
struct Verbatim {
    /// What each line begins with.
    leading: Vec<u8>,
    /// Ends of lines that went through.
    lines: u64,
    at_start: bool,
}

impl Pass {
    /// For a data set with these columns: all that any source has.
    pub fn new(columns: &[Column], form: &Form) -> Self {
        let cells = Cells::new(columns.len());
        let classes = columns.iter().map(|column| &column.class);
        let writing = match (form.profile, form.guard_formulas) {
            (Profile::Lossless, false) => {
                Writing::Verbatim(Verbatim { leading: Vec::new(), lines: 0, at_start: true })
            }
            (Profile::Lossless, true) => {
                Writing::Guarded(cells, Guarded::new(classes.map(is_text).collect()))
            }
            (Profile::Market, guard) => {
                Writing::Market(cells, Market::new(classes, guard, Folds::new(form.zone.clone())))
            }
        };
        Self { combined: form.combined, columns: columns.len(), rows: 0, writing }
    }

    /// The rows of this customer follow.
    pub fn begin(&mut self, customer: &str) {
        let mut leading = Vec::new();
        if self.combined {
            escape(customer.as_bytes(), &mut leading);
            if self.columns > 0 {
                leading.push(b'\t');
            }
        }
        match &mut self.writing {
            Writing::Verbatim(verbatim) => verbatim.leading = leading,
            Writing::Guarded(_, guarded) => guarded.tally.leading = leading,
            Writing::Market(_, market) => market.tally.leading = leading,
        }
    }

    /// The next bytes of the copy, cut anywhere. What they become is put behind what stands in `out`.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        match &mut self.writing {
            Writing::Verbatim(verbatim) => {
                verbatim.push(piece, out);
                Ok(())
            }
            Writing::Guarded(cells, guarded) => {
                swap(out, &mut guarded.tally.out);
                let pushed = cells.push(piece, guarded);
                swap(out, &mut guarded.tally.out);
                pushed
            }
            Writing::Market(cells, market) => {
                swap(out, &mut market.tally.out);
                let pushed = cells.push(piece, market);
                swap(out, &mut market.tally.out);
                pushed
            }
        }
    }

    /// This source's copy is complete. Says how many rows it had.
    pub fn end(&mut self) -> Result<u64, Malformed> {
        let rows = match &mut self.writing {
            Writing::Verbatim(verbatim) => verbatim.end()?,
            Writing::Guarded(cells, _) | Writing::Market(cells, _) => {
                std::mem::replace(cells, Cells::new(self.columns)).finish()?
            }
        };
        self.rows += rows;
        Ok(rows)
    }

    /// What went through, all in all.
    pub fn finish(self) -> Counts {
        let losses = match self.writing {
            Writing::Verbatim(_) => vec![Losses::new(); self.columns],
            Writing::Guarded(_, guarded) => guarded.tally.losses,
            Writing::Market(_, market) => market.tally.losses,
        };
        Counts { rows: self.rows, losses }
    }
}

impl Verbatim {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let Some(last) = piece.last() else { return };
        if self.leading.is_empty() {
            self.lines += memchr_iter(b'\n', piece).count() as u64;
            out.extend_from_slice(piece);
        } else {
            let mut from = 0;
            for end in memchr_iter(b'\n', piece) {
                self.begin_line(out);
                out.extend_from_slice(&piece[from..=end]);
                self.at_start = true;
                self.lines += 1;
                from = end + 1;
            }
            if from < piece.len() {
                self.begin_line(out);
                out.extend_from_slice(&piece[from..]);
            }
        }
        self.at_start = *last == b'\n';
    }

    fn begin_line(&mut self, out: &mut Vec<u8>) {
        if self.at_start {
            out.extend_from_slice(&self.leading);
            self.at_start = false;
        }
    }

    fn end(&mut self) -> Result<u64, Malformed> {
        let rows = std::mem::take(&mut self.lines);
        if self.at_start { Ok(rows) } else { Err(Malformed::CutOff { row: rows + 1 }) }
    }
}

#[cfg(test)]
mod tests;
