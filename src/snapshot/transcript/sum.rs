//! What the server can count and add up as well, when the rows are there: how many values of a column are not NULL, and
//! the sum of the CRC-32 of each, where both sides write a value with the same bytes.

use flate2::Crc;

use super::super::ddl::mysql::Kind;

/// The digits of a second's fraction that the server shows.
const FRACTION_DIGITS: usize = 6;

/// Of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// Values that are not NULL.
    pub present: u64,
    /// The sum of the checksums of these; none where the two sides write values in different ways.
    pub crc: Option<u64>,
}

impl Sum {
    pub(super) fn new(kind: &Kind) -> Self {
        let same = match kind {
            Kind::Integer(_)
            | Kind::Boolean
            | Kind::Date
            | Kind::Datetime
            | Kind::Time
            | Kind::Char(_)
            | Kind::Varchar(_)
            | Kind::Text
            | Kind::Ascii(_)
            | Kind::Enum(_)
            | Kind::Bytes => true,
            Kind::Decimal { fixed, .. } => *fixed,
            // MySQL keeps JSON in a form of its own, and numbers are shown in several ways.
            Kind::Double | Kind::Json => false,
        };
        Self { present: 0, crc: same.then_some(0) }
    }

    /// Whether checksums are wanted at all.
    pub(super) fn is_wanted(&self) -> bool {
        self.crc.is_some()
    }

    /// Counts a value.
    pub(super) fn add(&mut self, crc: u32) {
        self.present += 1;
        self.crc = self.crc.map(|sum| sum + u64::from(crc));
    }
}

/// The checksum of a whole value, as the server shows it.
pub(super) fn checksum(kind: &Kind, value: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(value);
    if let Kind::Datetime | Kind::Time = kind {
        let zeros = if let Some(point) = memchr::memchr(b'.', value) {
            FRACTION_DIGITS.saturating_sub(value.len() - point - 1)
        } else {
            crc.update(b".");
            FRACTION_DIGITS
        };
        crc.update(&b"000000"[..zeros]);
    }
    crc.sum()
}
