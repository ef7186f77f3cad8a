//! What tools of this market import: no escapes, nothing for NULL, dates in the American order, wall times of the practice.
//!
//! It can't say everything that a database can. What gets lost on the way is counted for each column.

use super::super::loss::Loss;
use super::super::table::Class;
use super::cells::{Place, Stretch, Unfit, Visitor, stretches};
use super::clock::{self, Date};
use super::fold::Folds;
use super::guard::{is_raw_formula, is_text};
use super::tally::Tally;

/// How the values of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Texts of any kind, flattened.
    Text,
    /// What the server writes: integers, identifiers, intervals.
    Plain,
    /// The same, without what is no number.
    Number,
    Money,
    Boolean,
    Date,
    Timestamp,
    TimestampTz,
    Time,
    TimeTz,
    Bytea,
}

fn kind(class: &Class) -> Kind {
    match class {
        Class::SmallInt | Class::Integer | Class::BigInt | Class::Uuid | Class::Interval => Kind::Plain,
        Class::Numeric(_) | Class::Real | Class::Double => Kind::Number,
        Class::Money => Kind::Money,
        Class::Boolean => Kind::Boolean,
        Class::Date => Kind::Date,
        Class::Timestamp => Kind::Timestamp,
        Class::TimestampTz => Kind::TimestampTz,
        Class::Time => Kind::Time,
        Class::TimeTz => Kind::TimeTz,
        Class::Bytea => Kind::Bytea,
        Class::Text
        | Class::Varchar(_)
        | Class::Char(_)
        | Class::Enum(_)
        | Class::Json
        | Class::Xml
        | Class::Array
        | Class::Other => Kind::Text,
    }
}

/// Bytes that a text can't be copied with as they are: a backslash begins an escape, and a control character is one byte
/// below the blank, DEL, or 0xc2 and another.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        special[byte] = true;
        byte += 1;
    }
    special[b'\\' as usize] = true;
    special[0x7f] = true;
    special[0xc2] = true;
    special
};

/// Writes the market's form.
#[derive(Debug)]
pub(super) struct Market {
    kinds: Vec<Kind>,
    guard: bool,
    folds: Folds,
    pub(super) tally: Tally,
    /// The long cell that is being told has had a control character.
    flattened: bool,
}

impl Market {
    pub(super) fn new<'c>(classes: impl Iterator<Item = &'c Class>, guard: bool, folds: Folds) -> Self {
        let kinds: Vec<Kind> = classes
            .map(|class| {
                debug_assert_eq!(kind(class) == Kind::Text, is_text(class));
                kind(class)
            })
            .collect();
        let tally = Tally::new(kinds.len());
        Self { kinds, guard, folds, tally, flattened: false }
    }

    fn value(&mut self, column: usize, raw: &[u8]) -> Result<(), Unfit> {
        match self.kinds[column] {
            Kind::Text => {
                if raw.is_empty() {
                    self.tally.count(column, Loss::EmptyText);
                    return Ok(());
                }
                self.guard(column, raw);
                self.text(column, raw)
            }
            Kind::Number if matches!(raw, b"NaN" | b"Infinity" | b"-Infinity") => {
                self.tally.count(column, Loss::NotANumber);
                Ok(())
            }
            Kind::Plain | Kind::Number => self.text(column, raw),
            Kind::Money => {
                self.tally.out.extend(raw.iter().filter(|byte| !matches!(byte, b'$' | b',')));
                if raw.iter().all(|byte| matches!(byte, b'$' | b',' | b'.' | b'-' | b'0'..=b'9')) {
                    Ok(())
                } else {
                    Err(Unfit)
                }
            }
            Kind::Boolean => {
                self.tally.out.push(match raw {
                    b"t" => b'1',
                    b"f" => b'0',
                    _ => return Err(Unfit),
                });
                Ok(())
            }
            Kind::Date => self.date(column, raw, b"").map(|_| ()),
            Kind::Timestamp | Kind::TimestampTz => self.timestamp(column, raw),
            Kind::Time | Kind::TimeTz => self.time(column, raw),
            Kind::Bytea => self.hexadecimal(column, raw),
        }
    }

    fn guard(&mut self, column: usize, raw: &[u8]) {
        if self.guard && is_raw_formula(raw) {
            self.tally.out.push(b'\'');
            self.tally.count(column, Loss::Guarded);
        }
    }

    fn text(&mut self, column: usize, raw: &[u8]) -> Result<(), Unfit> {
        if raw.iter().any(|byte| SPECIAL[usize::from(*byte)]) {
            if flatten(raw, &mut self.tally.out)? {
                self.tally.count(column, Loss::ControlCharacter);
            }
        } else {
            self.tally.out.extend_from_slice(raw);
        }
        Ok(())
    }

    /// Writes a date and what the clock shows then; nothing where the format has no such date.
    fn date(&mut self, column: usize, raw: &[u8], wall: &[u8]) -> Result<bool, Unfit> {
        match clock::date(raw)? {
            Date::Day { year, month, day } => {
                self.tally.out.extend_from_slice(&[month[0], month[1], b'/', day[0], day[1], b'/']);
                self.tally.out.extend_from_slice(&year);
                if !wall.is_empty() {
                    self.tally.out.push(b' ');
                    self.tally.out.extend_from_slice(wall);
                }
                Ok(true)
            }
            Date::Infinite => {
                self.tally.count(column, Loss::Infinity);
                Ok(false)
            }
            Date::FarAway => {
                self.tally.count(column, Loss::YearOutOfRange);
                Ok(false)
            }
        }
    }

    fn timestamp(&mut self, column: usize, raw: &[u8]) -> Result<(), Unfit> {
        let Some(at) = memchr::memchr(b' ', raw) else {
            return match clock::date(raw)? {
                Date::Infinite => self.date(column, raw, b"").map(|_| ()),
                Date::Day { .. } | Date::FarAway => Err(Unfit),
            };
        };
        let (date, rest) = (&raw[..at], &raw[at + 1..]);
        if rest.ends_with(b" BC") {
            self.tally.count(column, Loss::YearOutOfRange);
            return Ok(());
        }
        let time = clock::time(rest)?;
        if !self.date(column, date, time.wall)? {
            return Ok(());
        }
        if time.has_fraction {
            self.tally.count(column, Loss::SecondFraction);
        }
        if self.kinds[column] == Kind::TimestampTz {
            let (year, digits) = clock::digits(date, time.wall);
            if self.folds.has(year, digits) {
                self.tally.count(column, Loss::Offset);
            }
        }
        Ok(())
    }

    fn time(&mut self, column: usize, raw: &[u8]) -> Result<(), Unfit> {
        let time = clock::time(raw)?;
        self.tally.out.extend_from_slice(time.wall);
        if time.has_fraction {
            self.tally.count(column, Loss::SecondFraction);
        }
        if self.kinds[column] == Kind::TimeTz {
            self.tally.count(column, Loss::Offset);
        }
        Ok(())
    }

    /// Bytes as digits, without what begins them in SQL.
    fn hexadecimal(&mut self, column: usize, raw: &[u8]) -> Result<(), Unfit> {
        let digits = raw.strip_prefix(br"\\x").ok_or(Unfit)?;
        if digits.is_empty() {
            self.tally.count(column, Loss::EmptyText);
        }
        self.digits(digits)
    }

    fn digits(&mut self, digits: &[u8]) -> Result<(), Unfit> {
        self.tally.out.extend_from_slice(digits);
        if digits.iter().all(u8::is_ascii_hexdigit) { Ok(()) } else { Err(Unfit) }
    }
}

impl Visitor for Market {
    fn cell(&mut self, column: usize, raw: Option<&[u8]>) -> Result<(), Unfit> {
        self.tally.begin_cell(column);
        raw.map_or(Ok(()), |raw| self.value(column, raw))
    }

    fn part(&mut self, column: usize, raw: &[u8], place: Place) -> Result<(), Unfit> {
        let kind = self.kinds[column];
        if place == Place::First {
            self.tally.begin_cell(column);
            self.flattened = false;
        }
        match (kind, place) {
            (Kind::Text, Place::First) => self.guard(column, raw),
            (Kind::Text, Place::Middle | Place::Last) => {}
            (Kind::Bytea, Place::First) => return self.hexadecimal(column, raw),
            (Kind::Bytea, Place::Middle | Place::Last) => return self.digits(raw),
            (
                Kind::Plain
                | Kind::Number
                | Kind::Money
                | Kind::Boolean
                | Kind::Date
                | Kind::Timestamp
                | Kind::TimestampTz
                | Kind::Time
                | Kind::TimeTz,
                _,
            ) => return Err(Unfit),
        }
        self.flattened |= flatten(raw, &mut self.tally.out)?;
        if place == Place::Last && self.flattened {
            self.tally.count(column, Loss::ControlCharacter);
        }
        Ok(())
    }

    fn end_row(&mut self) {
        self.tally.end_row();
    }
}

/// Writes a text without its escapes, with a blank for each control character. Says whether there was one.
fn flatten(raw: &[u8], out: &mut Vec<u8>) -> Result<bool, Unfit> {
    let mut flattened = false;
    for stretch in stretches(raw) {
        match stretch? {
            Stretch::Plain(plain) => flattened |= blank(plain, out),
            Stretch::Escaped(b'\\') => out.push(b'\\'),
            Stretch::Escaped(_) => {
                out.push(b' ');
                flattened = true;
            }
        }
    }
    Ok(flattened)
}

/// Writes bytes with a blank for each control character; those of two bytes (U+0080 to U+009F) end lines for some readers.
fn blank(plain: &[u8], out: &mut Vec<u8>) -> bool {
    let mut rest = plain;
    let mut found = false;
    while let Some(at) = rest.iter().position(|byte| SPECIAL[usize::from(*byte)]) {
        out.extend_from_slice(&rest[..at]);
        let length = match (rest[at], rest.get(at + 1)) {
            (0xc2, Some(0x80..=0x9f)) => 2,
            (0xc2, _) => 0,
            (_, _) => 1,
        };
        if length == 0 {
            out.push(rest[at]);
        } else {
            out.push(b' ');
            found = true;
        }
        rest = &rest[at + length.max(1)..];
    }
    out.extend_from_slice(rest);
    found
}
