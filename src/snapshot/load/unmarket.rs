//! A `.DAT` file, back to what `COPY … FROM STDIN` takes: without its header, and of the market profile with escapes again.
//!
//! The market's files say less than a database can: nothing is NULL again, except where a column has no NULL. There it can
//! only have been an empty text.

use memchr::{memchr, memchr3};

/// What a column's empty cell was, and what stands in front of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// As it is; nothing is NULL.
    Value,
    /// A text that can't be NULL.
    Text,
    /// Digits of bytes.
    Bytes {
        /// Nothing can only be no bytes.
        not_null: bool,
    },
}

impl Back {
    /// What COPY has for an empty cell.
    fn empty(self) -> &'static [u8] {
        match self {
            Self::Value | Self::Bytes { not_null: false } => br"\N",
            Self::Text => b"",
            Self::Bytes { not_null: true } => br"\\x",
        }
    }

    /// What COPY has in front of another.
    fn prefix(self) -> &'static [u8] {
        match self {
            Self::Value | Self::Text => b"",
            Self::Bytes { .. } => br"\\x",
        }
    }
}

/// The file is not what its manifest says: it has a line with more or fewer cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} does not have {columns} columns")]
pub struct Miscounted {
    /// Counted from 1, the header too.
    pub line: u64,
    /// As the manifest has them.
    pub columns: usize,
}

/// Goes over one file, piece by piece, cut anywhere.
#[derive(Debug)]
pub struct Unpacking {
    /// Of the market profile: the columns.
    market: Option<Vec<Back>>,
    line: u64,
    column: usize,
    in_cell: bool,
}

impl Unpacking {
    /// A file of the lossless profile: behind the header it is COPY text.
    pub fn lossless() -> Self {
        Self { market: None, line: 1, column: 0, in_cell: false }
    }

    /// A file of the market profile with these columns.
    pub fn market(columns: Vec<Back>) -> Self {
        Self { market: Some(columns), line: 1, column: 0, in_cell: false }
    }

    /// The next bytes of the file; what COPY takes is put behind what stands in `out`.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Miscounted> {
        let mut rest = piece;
        if self.line == 1 {
            let Some(end) = memchr(b'\n', rest) else { return Ok(()) };
            self.line = 2;
            rest = &rest[end + 1..];
        }
        let Some(columns) = self.market.take() else {
            out.extend_from_slice(rest);
            return Ok(());
        };
        let pushed = self.push_market(rest, &columns, out);
        self.market = Some(columns);
        pushed
    }

    fn push_market(
        &mut self,
        mut rest: &[u8],
        columns: &[Back],
        out: &mut Vec<u8>,
    ) -> Result<(), Miscounted> {
        let miscounted = Miscounted { line: self.line, columns: columns.len() };
        while let Some(&first) = rest.first() {
            let is_end = matches!(first, b'\t' | b'\n');
            match columns.get(self.column) {
                Some(column) if !self.in_cell => {
                    out.extend_from_slice(if is_end { column.empty() } else { column.prefix() });
                    self.in_cell = true;
                }
                Some(_) => {}
                None if columns.is_empty() && first == b'\n' => {}
                None => return Err(Miscounted { line: self.line, ..miscounted }),
            }
            let at = memchr3(b'\t', b'\n', b'\\', rest).unwrap_or(rest.len());
            out.extend_from_slice(&rest[..at]);
            match rest.get(at) {
                None => return Ok(()),
                Some(b'\\') => out.extend_from_slice(br"\\"),
                Some(b'\t') => {
                    out.push(b'\t');
                    self.column += 1;
                    self.in_cell = false;
                }
                Some(_) => {
                    if self.column + 1 != columns.len().max(1) {
                        return Err(Miscounted { line: self.line, ..miscounted });
                    }
                    out.push(b'\n');
                    (self.column, self.in_cell) = (0, false);
                    self.line += 1;
                }
            }
            rest = &rest[at + 1..];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unpacked(mut unpacking: Unpacking, file: &[u8], size: usize) -> Result<Vec<u8>, Miscounted> {
        let mut out = Vec::new();
        for piece in file.chunks(size) {
            unpacking.push(piece, &mut out)?;
        }
        Ok(out)
    }

    #[test]
    fn a_lossless_file_is_copy_text_behind_its_header() {
        let file = b"ID\tNAME\n1\t\\N\n2\ta\\tb\n";
        for size in 1..file.len() {
            assert_eq!(unpacked(Unpacking::lossless(), file, size), Ok(file[8..].to_vec()));
        }
        assert_eq!(unpacked(Unpacking::lossless(), b"ID\n", 1), Ok(vec![]));
    }

    #[test]
    fn nothing_is_null_again_where_there_can_be_null() {
        let columns = || Unpacking::market(vec![Back::Value, Back::Text, Back::Bytes { not_null: false }]);
        let file = b"A\tB\tC\n\t\t\n1\ta\\b\t00ff\n";
        for size in 1..file.len() {
            let copy = unpacked(columns(), file, size).expect("three columns");
            assert_eq!(String::from_utf8_lossy(&copy), "\\N\t\t\\N\n1\ta\\\\b\t\\\\x00ff\n");
        }
        let one = Unpacking::market(vec![Back::Bytes { not_null: true }]);
        assert_eq!(unpacked(one, b"A\n\n", 9), Ok(br"\\x".iter().chain(b"\n").copied().collect()));
        assert_eq!(unpacked(Unpacking::market(vec![]), b"\n\n\n", 1), Ok(b"\n\n".to_vec()));
    }

    #[test]
    fn a_line_with_other_columns_is_told_by_its_number() {
        for file in [&b"A\tB\n1\t2\n3\n"[..], b"A\tB\n1\t2\n3\t4\t5\n"] {
            let market = Unpacking::market(vec![Back::Value; 2]);
            assert_eq!(unpacked(market, file, 2), Err(Miscounted { line: 3, columns: 2 }));
        }
    }

    proptest! {
        #[test]
        fn any_way_of_cutting_gives_the_same(file in prop::collection::vec(
            prop_oneof![Just(b'\t'), Just(b'\n'), Just(b'\\'), Just(b'a')], 0..60), size in 1_usize..9) {
            let columns = || Unpacking::market(vec![Back::Value, Back::Text]);
            prop_assert_eq!(unpacked(columns(), &file, size), unpacked(columns(), &file, 100));
        }
    }
}
