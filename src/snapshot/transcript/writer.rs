//! The visitor that writes cells in a style, and counts what it writes.

use std::collections::BTreeSet;

use flate2::Crc;

use super::super::convert::cells::{Place, Stretch, Unfit, Visitor, stretches};
use super::super::ddl::mysql::{Column, Kind};
use super::super::loss::{Loss, Losses};
use super::check::{Fit, fit};
use super::style::{Statement, Style};
use super::sum::{Sum, checksum};

/// Where cells go.
#[derive(Debug)]
pub(super) struct Writer {
    /// The bytes; the caller of a pass takes them after each piece.
    pub(super) out: Vec<u8>,
    /// Of each of the source's columns.
    pub(super) losses: Vec<Losses>,
    /// Of each of the table's columns.
    pub(super) sums: Vec<Sum>,
    /// Of the source's columns.
    pub(super) too_long: BTreeSet<usize>,
    /// Of the source's columns.
    kinds: Vec<Kind>,
    style: Style,
    statement: Statement,
    /// The customer, where its column leads.
    leading: Option<Vec<u8>>,
    leads: bool,
    row: Row,
    long: Long,
}

/// The row that is being written.
#[derive(Debug, Default)]
struct Row {
    begun: bool,
    /// Bytes of its cells, as they came.
    bytes: usize,
}

/// The cell that comes in parts.
#[derive(Debug, Default)]
struct Long {
    crc: Crc,
    /// A hexadecimal digit whose other half comes with the next part.
    half: Option<u8>,
    /// It is not written.
    lost: bool,
}

impl Writer {
    pub(super) fn new(columns: &[Column], leading: usize, style: Style) -> Self {
        let kinds: Vec<Kind> = columns[leading..].iter().map(|column| column.kind.clone()).collect();
        Self {
            out: Vec::new(),
            losses: vec![Losses::new(); kinds.len()],
            sums: columns.iter().map(|column| Sum::new(&column.kind)).collect(),
            too_long: BTreeSet::new(),
            kinds,
            style,
            statement: Statement::default(),
            leading: None,
            leads: leading > 0,
            row: Row::default(),
            long: Long::default(),
        }
    }

    /// The rows of this customer follow.
    pub(super) fn lead(&mut self, customer: &str) {
        self.leading = self.leads.then(|| customer.as_bytes().to_vec());
    }

    /// Ends the last statement.
    pub(super) fn close(&mut self) {
        self.statement.close(&mut self.out);
    }

    /// The place of a source's column in the table.
    fn place(&self, column: usize) -> usize {
        column + usize::from(self.leads)
    }

    fn begin_row(&mut self) {
        self.row = Row { begun: true, bytes: 0 };
        self.style.begin_row(&self.statement, &mut self.out);
        if let Some(customer) = &self.leading {
            // A customer's name has no character that is escaped.
            self.style.plain(customer, false, &mut self.out);
            self.sums[0].add(checksum(&Kind::Text, customer));
        }
    }

    fn begin_cell(&mut self, column: usize) {
        if !self.row.begun {
            self.begin_row();
        }
        if self.place(column) > 0 {
            self.style.separate(&mut self.out);
        }
    }

    fn lose(&mut self, column: usize, loss: Loss) {
        *self.losses[column].entry(loss).or_default() += 1;
        self.style.null(&mut self.out);
    }

    fn text(&mut self, column: usize, raw: &[u8]) -> Result<(), Unfit> {
        self.style.quote(&mut self.out);
        let place = self.place(column);
        let crc = if memchr::memchr(b'\\', raw).is_none() {
            self.style.stretch(raw, &mut self.out);
            if self.sums[place].is_wanted() { checksum(&Kind::Text, raw) } else { 0 }
        } else {
            let mut crc = Crc::new();
            self.stretches(raw, &mut crc)?;
            crc.sum()
        };
        self.style.quote(&mut self.out);
        self.sums[place].add(crc);
        Ok(())
    }

    fn stretches(&mut self, raw: &[u8], crc: &mut Crc) -> Result<(), Unfit> {
        for stretch in stretches(raw) {
            match stretch? {
                Stretch::Plain(plain) => {
                    crc.update(plain);
                    self.style.stretch(plain, &mut self.out);
                }
                Stretch::Escaped(byte) => {
                    crc.update(&[byte]);
                    Style::escaped(byte, &mut self.out);
                }
            }
        }
        Ok(())
    }

    /// Hexadecimal digits of a part. `half` is the one that the last part ended with.
    fn bytes(&mut self, digits: &[u8], half: Option<u8>, crc: &mut Crc) -> Result<Option<u8>, Unfit> {
        let mut high = half;
        for digit in digits {
            let Some(first) = high.take() else {
                high = Some(*digit);
                continue;
            };
            let byte = value(first)? << 4 | value(*digit)?;
            crc.update(&[byte]);
            self.style.byte(byte, [first, *digit], &mut self.out);
        }
        Ok(high)
    }

    fn whole_bytes(&mut self, column: usize, raw: &[u8]) -> Result<(), Unfit> {
        let mut crc = Crc::new();
        self.style.begin_bytes(&mut self.out);
        let rest = self.bytes(digits(raw)?, None, &mut crc)?;
        self.style.quote(&mut self.out);
        let place = self.place(column);
        self.sums[place].add(crc.sum());
        if rest.is_none() { Ok(()) } else { Err(Unfit) }
    }

    fn begin_long(&mut self, column: usize) -> Result<(), Unfit> {
        self.begin_cell(column);
        self.long = Long::default();
        match self.kinds[column] {
            Kind::Text | Kind::Json => self.style.quote(&mut self.out),
            Kind::Bytes => self.style.begin_bytes(&mut self.out),
            Kind::Varchar(_) => {
                self.too_long.insert(column);
                self.long.lost = true;
                self.style.null(&mut self.out);
            }
            Kind::Integer(_)
            | Kind::Boolean
            | Kind::Decimal { .. }
            | Kind::Double
            | Kind::Date
            | Kind::Datetime
            | Kind::Time
            | Kind::Char(_)
            | Kind::Ascii(_)
            | Kind::Enum(_) => return Err(Unfit),
        }
        Ok(())
    }

    fn end_long(&mut self, column: usize) -> Result<(), Unfit> {
        if self.long.half.is_some() {
            return Err(Unfit);
        }
        self.style.quote(&mut self.out);
        let place = self.place(column);
        self.sums[place].add(self.long.crc.sum());
        Ok(())
    }

    fn go_on(&mut self, column: usize, raw: &[u8], is_first: bool) -> Result<(), Unfit> {
        let mut crc = std::mem::take(&mut self.long.crc);
        if self.kinds[column] == Kind::Bytes {
            let digits = if is_first { digits(raw)? } else { raw };
            let half = self.long.half.take();
            self.long.half = self.bytes(digits, half, &mut crc)?;
        } else {
            self.stretches(raw, &mut crc)?;
        }
        self.long.crc = crc;
        Ok(())
    }

    /// A number that needs no quotes. (A DOUBLE would lose the sign of its zero without them.)
    fn is_number(&self, column: usize) -> bool {
        matches!(self.kinds[column], Kind::Integer(_) | Kind::Boolean | Kind::Decimal { .. })
    }
}

impl Visitor for Writer {
    fn cell(&mut self, column: usize, raw: Option<&[u8]>) -> Result<(), Unfit> {
        self.begin_cell(column);
        self.row.bytes += raw.map_or(0, <[u8]>::len) + 4;
        let Some(raw) = raw else {
            self.style.null(&mut self.out);
            return Ok(());
        };
        match fit(&self.kinds[column], raw)? {
            Fit::Whole(value) => {
                let is_number = self.is_number(column);
                self.style.plain(value, is_number, &mut self.out);
                let place = self.place(column);
                let wanted = self.sums[place].is_wanted();
                let crc = if wanted { checksum(&self.kinds[column], value) } else { 0 };
                self.sums[place].add(crc);
                Ok(())
            }
            // The server shows CHAR without the blanks at its end.
            Fit::Text if matches!(self.kinds[column], Kind::Char(_)) => {
                self.text(column, without_blanks(raw))
            }
            Fit::Text => self.text(column, raw),
            Fit::Bytes => self.whole_bytes(column, raw),
            Fit::Lost(loss) => {
                self.lose(column, loss);
                Ok(())
            }
            Fit::TooLong => {
                self.too_long.insert(column);
                self.style.null(&mut self.out);
                Ok(())
            }
        }
    }

    fn part(&mut self, column: usize, raw: &[u8], place: Place) -> Result<(), Unfit> {
        if place == Place::First {
            self.begin_long(column)?;
        }
        self.row.bytes += raw.len();
        if self.long.lost {
            return Ok(());
        }
        self.go_on(column, raw, place == Place::First)?;
        if place == Place::Last { self.end_long(column) } else { Ok(()) }
    }

    fn end_row(&mut self) {
        if !self.row.begun {
            // A row without columns.
            self.begin_row();
            if self.sums.is_empty() {
                self.style.null(&mut self.out);
            }
        }
        self.style.end_row(&mut self.statement, self.row.bytes.max(1), &mut self.out);
        self.row.begun = false;
    }
}

fn without_blanks(raw: &[u8]) -> &[u8] {
    let blanks = raw.iter().rev().take_while(|byte| **byte == b' ').count();
    &raw[..raw.len() - blanks]
}

/// The digits behind `\x`, whose backslash is escaped.
fn digits(raw: &[u8]) -> Result<&[u8], Unfit> {
    raw.strip_prefix(br"\\x").ok_or(Unfit)
}

fn value(digit: u8) -> Result<u8, Unfit> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        0x00..=0xff => Err(Unfit),
    }
}
