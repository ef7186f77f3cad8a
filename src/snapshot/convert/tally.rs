//! What every form writes into: the bytes, the leading column, and the losses by column.

use super::super::loss::{Loss, Losses};

/// Where a form's cells go.
#[derive(Debug)]
pub(super) struct Tally {
    /// The bytes; the caller of a pass takes them after each piece.
    pub(super) out: Vec<u8>,
    /// What each line begins with, the tab included.
    pub(super) leading: Vec<u8>,
    /// Of each column.
    pub(super) losses: Vec<Losses>,
    at_start: bool,
}

impl Tally {
    pub(super) fn new(columns: usize) -> Self {
        let losses = vec![Losses::new(); columns];
        Self { out: Vec::new(), leading: Vec::new(), losses, at_start: true }
    }

    /// What stands before a cell.
    pub(super) fn begin_cell(&mut self, column: usize) {
        if column > 0 {
            self.out.push(b'\t');
        } else {
            self.begin_row();
        }
    }

    fn begin_row(&mut self) {
        self.out.extend_from_slice(&self.leading);
        self.at_start = false;
    }

    /// A row without columns has not begun before it ends.
    pub(super) fn end_row(&mut self) {
        if self.at_start {
            self.begin_row();
        }
        self.out.push(b'\n');
        self.at_start = true;
    }

    pub(super) fn count(&mut self, column: usize, loss: Loss) {
        *self.losses[column].entry(loss).or_default() += 1;
    }
}
