//! COPY text, cut anywhere, to cells and rows.
//!
//! A line is a row, a tab ends a cell, `\N` is NULL, and in a text these and only these bytes are escaped: backspace, form
//! feed, newline, carriage return, tab, vertical tab and backslash. Source: PostgreSQL manual, `COPY`, "Text Format"; the
//! server never writes the octal and hexadecimal forms.
//!
//! A cell of up to [`WHOLE_MAX_BYTES`] is told whole, a longer one in parts, whatever way the pieces are cut: so a value of
//! 1 GB passes through in constant memory, and what a form makes of a cell can't depend on the network.

use memchr::memchr2_iter;

/// A longer cell is told in parts. The longest number has 147,455 characters and the longest time, range or address far
/// fewer: what comes in parts can only be a text of some kind.
pub const WHOLE_MAX_BYTES: usize = 256 << 10;

/// What is not COPY text. It tells the place, never what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A line has more or fewer cells than there are columns.
    #[error(
        "row {row} of the copy does not have {columns} columns: the table was changed while it was read, or bytes were lost; run it again"
    )]
    Columns {
        /// Counted from 1.
        row: u64,
        /// How many there should be.
        columns: usize,
    },
    /// It ends inside a line.
    #[error("the copy ends inside row {row}: bytes were lost; run it again")]
    CutOff {
        /// Counted from 1.
        row: u64,
    },
    /// A backslash before something that the server never puts behind one, or a value that its type does not have.
    #[error(
        "row {row} of the copy has in column {column} what the server never writes there: bytes were lost or changed; run it again"
    )]
    Cell {
        /// Counted from 1.
        row: u64,
        /// Counted from 1.
        column: usize,
    },
}

/// What becomes of the cells: one implementation for each form.
pub trait Visitor {
    /// A whole cell, as the server wrote it, escapes and all; `None` is NULL. `Err` if it can't be one of its type.
    fn cell(&mut self, column: usize, raw: Option<&[u8]>) -> Result<(), Unfit>;

    /// The next part of a long cell. It is neither cut inside an escape nor inside a character of UTF-8.
    fn part(&mut self, column: usize, raw: &[u8], place: Place) -> Result<(), Unfit>;

    /// The row's last cell was told.
    fn end_row(&mut self);
}

/// What a cell is that no server writes; the splitter says where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit;

/// Where in its cell a part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It begins the cell; more follow.
    First,
    /// In between.
    Middle,
    /// It ends the cell, and may be empty.
    Last,
}

/// Splits one copy.
#[derive(Debug)]
pub struct Cells {
    columns: usize,
    /// The column that the next byte belongs to.
    column: usize,
    /// Rows that are whole.
    rows: u64,
    /// What has come of a cell that is not at its end.
    begun: Vec<u8>,
    /// Parts of this cell were told.
    in_parts: bool,
    /// This row has a byte.
    in_row: bool,
}

impl Cells {
    /// Of rows with so many columns. With none, each row is an empty line.
    pub fn new(columns: usize) -> Self {
        Self { columns, column: 0, rows: 0, begun: Vec::new(), in_parts: false, in_row: false }
    }

    /// Takes the next piece of the copy, cut anywhere.
    pub fn push<V: Visitor>(&mut self, piece: &[u8], visitor: &mut V) -> Result<(), Malformed> {
        let mut from = 0;
        for end in memchr2_iter(b'\t', b'\n', piece) {
            let raw = &piece[from..end];
            if self.begun.is_empty() && !self.in_parts {
                self.tell(raw, visitor)?;
            } else {
                self.tell_begun(raw, visitor)?;
            }
            if piece[end] == b'\n' {
                self.end_row(visitor)?;
            } else {
                self.end_cell()?;
            }
            from = end + 1;
        }
        if from < piece.len() {
            self.begin(&piece[from..], visitor)?;
        }
        Ok(())
    }

    /// Checks that the copy ended where a row does, and says how many rows there were.
    pub fn finish(self) -> Result<u64, Malformed> {
        if self.in_row { Err(Malformed::CutOff { row: self.rows + 1 }) } else { Ok(self.rows) }
    }

    /// Tells a cell that stands whole in a piece.
    fn tell<V: Visitor>(&mut self, raw: &[u8], visitor: &mut V) -> Result<(), Malformed> {
        let told = if self.columns == 0 {
            if raw.is_empty() { Ok(()) } else { Err(Unfit) }
        } else if raw == br"\N" {
            visitor.cell(self.column, None)
        } else if raw.len() <= WHOLE_MAX_BYTES {
            visitor.cell(self.column, Some(raw))
        } else {
            let whole = uncut(&raw[..WHOLE_MAX_BYTES]);
            let first = visitor.part(self.column, &raw[..whole], Place::First);
            first.and_then(|()| visitor.part(self.column, &raw[whole..], Place::Last))
        };
        told.map_err(|Unfit| self.unfit())
    }

    /// Tells a cell whose beginning came in earlier pieces.
    fn tell_begun<V: Visitor>(&mut self, end: &[u8], visitor: &mut V) -> Result<(), Malformed> {
        self.begun.extend_from_slice(end);
        let mut begun = std::mem::take(&mut self.begun);
        if std::mem::take(&mut self.in_parts) {
            visitor.part(self.column, &begun, Place::Last).map_err(|Unfit| self.unfit())?;
        } else {
            self.tell(&begun, visitor)?;
        }
        begun.clear();
        self.begun = begun;
        Ok(())
    }

    /// Keeps what has come of a cell, or tells it in parts once it is long.
    fn begin<V: Visitor>(&mut self, raw: &[u8], visitor: &mut V) -> Result<(), Malformed> {
        if self.column >= self.columns {
            return Err(self.miscounted());
        }
        self.in_row = true;
        self.begun.extend_from_slice(raw);
        if self.in_parts || self.begun.len() > WHOLE_MAX_BYTES {
            let whole = uncut(&self.begun);
            let place = if self.in_parts { Place::Middle } else { Place::First };
            self.in_parts = true;
            visitor.part(self.column, &self.begun[..whole], place).map_err(|Unfit| self.unfit())?;
            self.begun.drain(..whole);
        }
        Ok(())
    }

    fn end_cell(&mut self) -> Result<(), Malformed> {
        self.column += 1;
        self.in_row = true;
        if self.column < self.columns { Ok(()) } else { Err(self.miscounted()) }
    }

    fn end_row<V: Visitor>(&mut self, visitor: &mut V) -> Result<(), Malformed> {
        if self.column + 1 != self.columns.max(1) {
            return Err(self.miscounted());
        }
        visitor.end_row();
        self.rows += 1;
        self.column = 0;
        self.in_row = false;
        Ok(())
    }

    fn miscounted(&self) -> Malformed {
        Malformed::Columns { row: self.rows + 1, columns: self.columns }
    }

    fn unfit(&self) -> Malformed {
        if self.columns == 0 {
            return self.miscounted();
        }
        Malformed::Cell { row: self.rows + 1, column: self.column + 1 }
    }
}

/// How much of a cell's part can be told, so that neither an escape nor a character of UTF-8 is cut: at most three bytes
/// less than there are. Of what is no UTF-8, everything.
fn uncut(raw: &[u8]) -> usize {
    let backslashes = raw.iter().rev().take_while(|byte| **byte == b'\\').count();
    if backslashes % 2 == 1 {
        return raw.len() - 1;
    }
    let tail = raw.iter().rev().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    let Some(before) = raw.len().checked_sub(tail + 1) else { return raw.len() };
    let needed = match raw[before] {
        0xc0..=0xdf => 1,
        0xe0..=0xef => 2,
        0xf0..=0xf7 => 3,
        0x00..=0xbf | 0xf8..=0xff => 0,
    };
    if tail < needed { before } else { raw.len() }
}

/// A stretch of a cell: bytes that mean themselves, or one escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch<'r> {
    /// Bytes without a backslash; never empty.
    Plain(&'r [u8]),
    /// The one byte that an escape stands for.
    Escaped(u8),
}

/// The stretches of a cell, or of a part of one. `Err` at a backslash that begins no escape of the server's.
pub fn stretches(raw: &[u8]) -> impl Iterator<Item = Result<Stretch<'_>, Unfit>> {
    let mut rest = raw;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        match memchr::memchr(b'\\', rest) {
            Some(0) => {
                let meant = rest.get(1).copied().and_then(meant);
                rest = rest.get(2..).unwrap_or_default();
                Some(meant.map(Stretch::Escaped).ok_or(Unfit))
            }
            at => {
                let (plain, after) = rest.split_at(at.unwrap_or(rest.len()));
                rest = after;
                Some(Ok(Stretch::Plain(plain)))
            }
        }
    })
}

/// The byte that a letter behind a backslash means.
fn meant(letter: u8) -> Option<u8> {
    match letter {
        b'b' => Some(0x08),
        b'f' => Some(0x0c),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'v' => Some(0x0b),
        b'\\' => Some(b'\\'),
        0x00..=0xff => None,
    }
}

/// The letter that COPY writes behind a backslash for a byte; `None` for bytes that mean themselves.
pub fn letter(byte: u8) -> Option<u8> {
    match byte {
        0x08 => Some(b'b'),
        0x0c => Some(b'f'),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        b'\t' => Some(b't'),
        0x0b => Some(b'v'),
        b'\\' => Some(b'\\'),
        0x00..=0xff => None,
    }
}

/// Writes a text as COPY does: for headers and leading columns, and what never came from a server.
pub fn escape(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match letter(*byte) {
            Some(letter) => out.extend_from_slice(&[b'\\', letter]),
            None => out.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Puts the copy together again, and notes how cells came.
    #[derive(Default)]
    struct Joined {
        text: Vec<u8>,
        column: usize,
        long: Vec<(usize, usize)>,
        nulls: usize,
    }

    impl Joined {
        fn before(&mut self, column: usize) {
            if column != self.column {
                self.text.push(b'\t');
                self.column = column;
            }
        }
    }

    impl Visitor for Joined {
        fn cell(&mut self, column: usize, raw: Option<&[u8]>) -> Result<(), Unfit> {
            self.before(column);
            assert!(raw.is_none_or(|raw| raw.len() <= WHOLE_MAX_BYTES));
            self.nulls += usize::from(raw.is_none());
            self.text.extend_from_slice(raw.unwrap_or(br"\N"));
            Ok(())
        }

        fn part(&mut self, column: usize, raw: &[u8], place: Place) -> Result<(), Unfit> {
            self.before(column);
            for stretch in stretches(raw) {
                stretch?;
            }
            assert!(std::str::from_utf8(raw).is_ok(), "a character was cut");
            match place {
                Place::First => self.long.push((column, raw.len())),
                Place::Middle | Place::Last => {
                    self.long.last_mut().expect("a long cell begins with its first part").1 += raw.len();
                }
            }
            self.text.extend_from_slice(raw);
            Ok(())
        }

        fn end_row(&mut self) {
            self.text.push(b'\n');
            self.column = 0;
        }
    }

    fn joined(columns: usize, copy: &[u8], sizes: &[usize]) -> Result<(Joined, u64), Malformed> {
        let (mut cells, mut joined) = (Cells::new(columns), Joined::default());
        let (mut rest, mut sizes) = (copy, sizes.iter().copied().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(sizes.next().unwrap_or(rest.len()).min(rest.len()));
            cells.push(piece, &mut joined)?;
            rest = after;
        }
        cells.finish().map(|rows| (joined, rows))
    }

    #[test]
    fn rows_are_cells_between_tabs_and_null_is_told_from_its_letters() {
        let copy = b"1\t\\N\t\n2\t\\\\N\ta\\tb\n";
        for size in 1..copy.len() {
            let (joined, rows) = joined(3, copy, &[size]).expect("well-formed");
            assert_eq!((joined.text.as_slice(), rows, joined.nulls), (copy.as_slice(), 2, 1));
        }
    }

    #[test]
    fn rows_without_columns_are_empty_lines() {
        assert_eq!(joined(0, b"\n\n\n", &[1]).expect("well-formed").1, 3);
        assert!(joined(0, b"\nx\n", &[1]).is_err());
        assert_eq!(joined(1, b"\n\n", &[1]).expect("one column may be empty").1, 2);
    }

    #[test]
    fn too_many_cells_too_few_and_a_cut_end_are_told_with_their_row() {
        let columns = |row| Some(Malformed::Columns { row, columns: 2 });
        assert_eq!(joined(2, b"a\tb\na\n", &[3]).err(), columns(2));
        assert_eq!(joined(2, b"a\tb\tc\n", &[3]).err(), columns(1));
        assert_eq!(joined(2, b"a\tb\na\t", &[3]).err(), Some(Malformed::CutOff { row: 2 }));
        assert_eq!(joined(2, b"a\tb", &[3]).err(), Some(Malformed::CutOff { row: 1 }));
    }

    #[test]
    fn a_long_cell_comes_in_parts_that_cut_neither_escapes_nor_characters() {
        let value = r"\\🐟é\n".repeat(WHOLE_MAX_BYTES / 4);
        let copy = format!("1\t{value}\tx\n2\tshort\ty\n");
        for sizes in [&[copy.len()][..], &[65_537], &[WHOLE_MAX_BYTES + 1, 1, 1, 1, 1, 1], &[999_983]] {
            let (joined, rows) = joined(3, copy.as_bytes(), sizes).expect("well-formed");
            assert!(joined.text == copy.as_bytes() && rows == 2, "cut by {sizes:?}");
            assert_eq!(joined.long, [(1, value.len())]);
        }
    }

    #[test]
    fn only_the_escapes_of_the_server_are_escapes() {
        let text: Vec<u8> = (1..=255).collect();
        let mut raw = Vec::new();
        escape(&text, &mut raw);
        let mut again = Vec::new();
        for stretch in stretches(&raw) {
            match stretch.expect("ours") {
                Stretch::Plain(plain) => again.extend_from_slice(plain),
                Stretch::Escaped(byte) => again.push(byte),
            }
        }
        assert_eq!(again, text);
        for foreign in [&br"\x41"[..], br"\101", br"\.", b"a\\", br"\N"] {
            assert!(stretches(foreign).any(|stretch| stretch.is_err()));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_rows_or_an_error(copy in prop::collection::vec(
            prop_oneof![Just(b'\t'), Just(b'\n'), Just(b'\\'), any::<u8>()], 0..200),
            sizes in prop::collection::vec(1_usize..9, 1..9), columns in 0_usize..4) {
            let cut = joined(columns, &copy, &sizes);
            let whole = joined(columns, &copy, &[]);
            prop_assert_eq!(cut.is_ok(), whole.is_ok());
            if let (Ok((cut, rows)), Ok((whole, _))) = (cut, whole) {
                prop_assert_eq!(&cut.text, &copy);
                prop_assert_eq!(whole.text, copy);
                prop_assert_eq!(cut.nulls, whole.nulls);
                prop_assert_eq!(rows, memchr::memchr_iter(b'\n', &cut.text).count() as u64);
            }
        }
    }
}
