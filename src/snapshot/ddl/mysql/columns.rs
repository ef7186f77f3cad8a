//! The type that a column becomes, and what the pass that converts its values has to know of it.

use std::collections::BTreeSet;

use crate::mysql::Flavour;
use crate::name::{backticked, mysql_literal};

use super::super::super::table::{self, Class, Table};
use super::names::unique_names;
use super::remark;
use super::source::SourceKey;

/// Bytes that all columns of a row may take together, less a reserve for what the servers add.
const ROW_BYTES: u32 = 65_000;
/// What a column that is kept outside of the row takes in it.
const LONG_BYTES: u32 = 12;
/// Bytes of a character.
const CHARACTER_BYTES: u32 = 4;
/// What InnoDB keeps of a row in its page of 16 KiB, less a reserve. MariaDB moves only texts that may have 256 bytes and more
/// out of it, and then leaves a pointer.
const PAGE_BYTES: u32 = 8_000;
const POINTER_BYTES: u32 = 41;
const MOVED_CHARACTERS: u32 = 64;
/// Characters of CHAR.
const CHAR_CHARACTERS: u32 = 255;
/// Characters of VARCHAR, if it were alone in its row.
const VARCHAR_CHARACTERS: u32 = 16_000;
/// Digits of DECIMAL, and those behind the point.
const DECIMAL_DIGITS: u16 = 65;
const DECIMAL_SCALE: u16 = 30;
/// Labels of an enum that becomes one.
const LABELS: usize = 1000;
/// Bytes of a key.
pub(super) const KEY_BYTES: u32 = 3072;

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, unquoted.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// NULL is refused. Only where no value can be lost.
    pub not_null: bool,
    /// Equality is that of bytes.
    pub binary: bool,
    /// Its comment.
    pub comment: Option<String>,
}

/// What values a column has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// SMALLINT, INT or BIGINT.
    Integer(&'static str),
    /// TINYINT(1), as 0 and 1.
    Boolean,
    /// DECIMAL with so many digits, so many of them behind the point.
    Decimal {
        /// All digits.
        digits: u16,
        /// Behind the point.
        scale: u16,
        /// Values have this scale already: the server shows them as they came.
        fixed: bool,
    },
    /// DOUBLE. (FLOAT would show six digits of nine.)
    Double,
    /// DATE
    Date,
    /// DATETIME(6), in UTC where the source has an offset.
    Datetime,
    /// TIME(6)
    Time,
    /// CHAR: trailing blanks mean nothing.
    Char(u32),
    /// VARCHAR. A longer value does not fit where the source has no such limit.
    Varchar(u32),
    /// LONGTEXT
    Text,
    /// ASCII of this length: a UUID.
    Ascii(u32),
    /// One of these.
    Enum(Vec<String>),
    /// JSON
    Json,
    /// LONGBLOB
    Bytes,
}

impl Kind {
    /// A value of the source's type may have no place in it.
    pub fn may_lose(&self) -> bool {
        match self {
            Self::Decimal { .. } | Self::Double | Self::Date | Self::Datetime => true,
            Self::Integer(_)
            | Self::Boolean
            | Self::Time
            | Self::Char(_)
            | Self::Varchar(_)
            | Self::Text
            | Self::Ascii(_)
            | Self::Enum(_)
            | Self::Json
            | Self::Bytes => false,
        }
    }

    /// Bytes of a value in a row, at most, and in a key.
    pub(super) fn bytes(&self) -> u32 {
        match self {
            Self::Integer(_) | Self::Double | Self::Datetime => 8,
            Self::Boolean => 1,
            Self::Decimal { .. } => 32,
            Self::Date => 3,
            Self::Time => 6,
            Self::Char(length) => length * CHARACTER_BYTES,
            Self::Varchar(length) => length * CHARACTER_BYTES + 2,
            Self::Ascii(length) => *length,
            Self::Enum(_) => 2,
            Self::Text | Self::Json | Self::Bytes => LONG_BYTES,
        }
    }

    fn sql(&self) -> String {
        match self {
            Self::Integer(name) => (*name).to_owned(),
            Self::Boolean => "TINYINT(1)".to_owned(),
            Self::Decimal { digits, scale, .. } => format!("DECIMAL({digits},{scale})"),
            Self::Double => "DOUBLE".to_owned(),
            Self::Date => "DATE".to_owned(),
            Self::Datetime => "DATETIME(6)".to_owned(),
            Self::Time => "TIME(6)".to_owned(),
            Self::Char(length) => format!("CHAR({length})"),
            Self::Varchar(length) => format!("VARCHAR({length})"),
            Self::Text => "LONGTEXT".to_owned(),
            Self::Ascii(length) => format!("CHAR({length}) CHARACTER SET ascii COLLATE ascii_bin"),
            Self::Enum(labels) => {
                let labels: Vec<String> = labels.iter().map(|label| mysql_literal(label)).collect();
                format!("ENUM({})", labels.join(","))
            }
            Self::Json => "JSON".to_owned(),
            Self::Bytes => "LONGBLOB".to_owned(),
        }
    }

    fn is_text(&self) -> bool {
        matches!(self, Self::Char(_) | Self::Varchar(_) | Self::Text | Self::Enum(_))
    }
}

impl Column {
    /// As it stands in `CREATE TABLE`.
    pub(super) fn definition(&self, flavour: Option<Flavour>) -> String {
        // JSON of MySQL's keeps numbers as DOUBLE, and rounds them; MariaDB's is a text that is checked.
        let exact = flavour == Some(Flavour::Mariadb) || self.kind != Kind::Json;
        let kind = if exact { self.kind.sql() } else { Kind::Text.sql() };
        let mut sql = format!("{} {kind}", backticked(&self.name));
        if self.binary && self.kind.is_text() {
            sql += match flavour {
                Some(Flavour::Mysql) => " COLLATE utf8mb4_0900_bin",
                Some(Flavour::Mariadb) => " COLLATE utf8mb4_nopad_bin",
                // Each server reads its own of these comments. (MariaDB leaves out those of MySQL 5.7 and later.)
                None => " /*!80017 COLLATE utf8mb4_0900_bin */ /*M!100203 COLLATE utf8mb4_nopad_bin */",
            };
        }
        sql += if self.not_null { " NOT NULL" } else { " NULL" };
        if let Some(comment) = &self.comment {
            sql += " COMMENT ";
            sql += &remark::of_column(comment);
        }
        sql
    }
}

/// The columns of a shape, the customer's in front where there is one, and what is not as it was.
pub(super) fn of_source(
    shape: &Table,
    customer: Option<&str>,
    wide: &BTreeSet<usize>,
    keys: &[SourceKey],
) -> (Vec<Column>, Vec<String>) {
    let leading = usize::from(customer.is_some());
    let names = customer.into_iter().chain(shape.columns.iter().map(|column| column.name.as_str()));
    let mut names = unique_names(names).into_iter();
    let mut columns = Vec::new();
    if customer.is_some() {
        columns.extend(names.next().map(|name| Column {
            name,
            kind: Kind::Varchar(63),
            not_null: true,
            binary: true,
            comment: None,
        }));
    }
    for (place, (source, name)) in shape.columns.iter().zip(names).enumerate() {
        let in_key = keys.iter().any(|key| key.unique && key.columns.contains(&(place + leading)));
        let is_wide = wide.contains(&place);
        let kind = if is_wide { Kind::Text } else { kind(source, in_key) };
        // An INSERT refuses the NULL of a lost value where LOAD DATA only warns; a primary key has none anyway.
        let in_primary = keys.iter().any(|key| key.primary && key.columns.contains(&(place + leading)));
        let may_lose = kind.may_lose() || (in_key && matches!(kind, Kind::Varchar(_)));
        let not_null = source.not_null && (in_primary || !may_lose) && !is_wide;
        columns.push(Column { name, kind, not_null, binary: in_key, comment: source.comment.clone() });
    }
    fit_keys(&mut columns, shape, leading, keys);
    let notes = fit_row(&mut columns, shape, leading, keys);
    (columns, notes)
}

/// The kind of a column; `in_key`: in a key whose values must differ.
fn kind(column: &table::Column, in_key: bool) -> Kind {
    let text = || if in_key { Kind::Varchar(KEY_BYTES / CHARACTER_BYTES) } else { Kind::Text };
    match &column.class {
        Class::SmallInt => Kind::Integer("SMALLINT"),
        Class::Integer => Kind::Integer("INT"),
        Class::BigInt => Kind::Integer("BIGINT"),
        Class::Numeric(digits) => numeric(*digits),
        Class::Real | Class::Double => Kind::Double,
        Class::Money => Kind::Decimal { digits: 19, scale: 2, fixed: true },
        Class::Boolean => Kind::Boolean,
        Class::Char(length) if *length <= CHAR_CHARACTERS => Kind::Char(*length),
        Class::Varchar(Some(length)) | Class::Char(length) if *length <= VARCHAR_CHARACTERS => {
            Kind::Varchar(*length)
        }
        Class::Text | Class::Varchar(_) | Class::Char(_) | Class::Xml | Class::Other => text(),
        Class::Enum(labels) => labelled(labels).unwrap_or_else(text),
        Class::Date => Kind::Date,
        Class::Timestamp | Class::TimestampTz => Kind::Datetime,
        Class::Time => Kind::Time,
        // With its offset, which TIME has no place for: `24:00:00.000001-15:59:59`.
        Class::TimeTz => Kind::Varchar(32),
        Class::Interval => Kind::Varchar(128),
        Class::Uuid => Kind::Ascii(36),
        Class::Json => Kind::Json,
        // As JSON, whose numbers MySQL's own type would round.
        Class::Array => Kind::Text,
        Class::Bytea => Kind::Bytes,
    }
}

fn numeric(digits: Option<(u16, i16)>) -> Kind {
    let Some((precision, scale)) = digits else {
        return Kind::Decimal { digits: DECIMAL_DIGITS, scale: DECIMAL_SCALE, fixed: false };
    };
    // A negative scale rounds to tens or hundreds: so many digits more. A scale above the precision: 0.00123.
    let (digits, places) = match u16::try_from(scale) {
        Ok(places) => (precision.max(places), places),
        Err(_) => (precision + scale.unsigned_abs(), 0),
    };
    if digits <= DECIMAL_DIGITS && places <= DECIMAL_SCALE {
        Kind::Decimal { digits, scale: places, fixed: true }
    } else {
        Kind::Varchar(u32::from(digits) + 3)
    }
}

/// An enum where the labels are plain; else the server would drop blanks, or take two labels for one.
fn labelled(labels: &[String]) -> Option<Kind> {
    let plain = |label: &String| {
        !label.is_empty()
            && label.is_ascii()
            && !label.contains(|c: char| c.is_control())
            && label.trim() == label
    };
    let mut folded: Vec<String> = labels.iter().map(|label| label.to_lowercase()).collect();
    folded.sort_unstable();
    folded.dedup();
    let is_plain = !labels.is_empty() && labels.len() <= LABELS && labels.iter().all(plain);
    (is_plain && folded.len() == labels.len()).then(|| Kind::Enum(labels.to_vec()))
}

/// Texts without a length get the room that their key leaves them.
fn fit_keys(columns: &mut [Column], shape: &Table, leading: usize, keys: &[SourceKey]) {
    let has_length = |place: usize| {
        place < leading
            || matches!(
                shape.columns[place - leading].class,
                Class::Varchar(Some(_))
                    | Class::Char(_)
                    | Class::TimeTz
                    | Class::Interval
                    | Class::Numeric(_)
            )
    };
    for key in keys.iter().filter(|key| key.unique) {
        let is_open = |place: &usize| matches!(columns[*place].kind, Kind::Varchar(_)) && !has_length(*place);
        let open: Vec<usize> = key.columns.iter().copied().filter(is_open).collect();
        let others = key.columns.iter().filter(|place| !open.contains(place));
        let taken: u32 = others.map(|place| columns[*place].kind.bytes()).sum();
        let count = u32::try_from(open.len()).unwrap_or(u32::MAX).max(1);
        let room = KEY_BYTES.saturating_sub(taken + 2 * count) / CHARACTER_BYTES / count;
        for place in open {
            if let Kind::Varchar(length) = &mut columns[place].kind {
                *length = (*length).min(room.max(1));
            }
        }
    }
}

/// The longest texts outside of keys become LONGTEXT until a row fits.
fn fit_row(columns: &mut [Column], shape: &Table, leading: usize, keys: &[SourceKey]) -> Vec<String> {
    let mut notes = Vec::new();
    let in_key = |place: usize| keys.iter().any(|key| key.unique && key.columns.contains(&place));
    while columns.iter().map(|column| column.kind.bytes()).sum::<u32>() > ROW_BYTES {
        let longest = columns.iter().enumerate().filter(|(place, column)| {
            *place >= leading && !in_key(*place) && matches!(column.kind, Kind::Varchar(_) | Kind::Char(_))
        });
        let Some((place, _)) = longest.max_by_key(|(_, column)| column.kind.bytes()) else { break };
        notes.push(widen(columns, shape, leading, place));
    }
    let in_pages = |columns: &[Column]| {
        columns.iter().enumerate().map(|(place, column)| in_page(&column.kind, in_key(place))).sum::<u32>()
    };
    while in_pages(columns) > PAGE_BYTES {
        let longest = columns.iter().enumerate().filter(|(place, column)| {
            let stays =
                matches!(column.kind, Kind::Varchar(11..MOVED_CHARACTERS) | Kind::Char(11..MOVED_CHARACTERS));
            *place >= leading && !in_key(*place) && stays
        });
        let Some((place, _)) = longest.max_by_key(|(_, column)| in_page(&column.kind, false)) else { break };
        notes.push(widen(columns, shape, leading, place));
    }
    notes
}

/// What of a value stays in the row's page, at most.
fn in_page(kind: &Kind, in_key: bool) -> u32 {
    match kind {
        Kind::Varchar(length) | Kind::Char(length) if *length < MOVED_CHARACTERS || in_key => {
            length * CHARACTER_BYTES + 2
        }
        Kind::Varchar(_) | Kind::Char(_) | Kind::Text | Kind::Json | Kind::Bytes => POINTER_BYTES,
        Kind::Integer(_)
        | Kind::Boolean
        | Kind::Decimal { .. }
        | Kind::Double
        | Kind::Date
        | Kind::Datetime
        | Kind::Time
        | Kind::Ascii(_)
        | Kind::Enum(_) => kind.bytes(),
    }
}

/// Makes a column a text of any length; says so.
fn widen(columns: &mut [Column], shape: &Table, leading: usize, place: usize) -> String {
    columns[place].kind = Kind::Text;
    let column = &shape.columns[place - leading].name;
    format!("column {}.{column} is LONGTEXT without its length: the row would be too long", shape.name)
}
