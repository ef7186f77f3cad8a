//! A position in the write-ahead log.
//!
//! Source: PostgreSQL manual, "pg_lsn Type". Written `16/B374D848`: two hexadecimal halves of 64 bits.

use std::fmt;
use std::str::FromStr;

/// A byte position in the write-ahead log of one PostgreSQL cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);

impl Lsn {
    /// "Nowhere yet": below every real position.
    pub const ZERO: Self = Self(0);

    /// Bytes from `earlier` to here; 0 where `earlier` is not earlier.
    pub fn bytes_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// Text that is not a WAL position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a WAL position (like 16/B374D848)")]
pub struct LsnError(String);

impl FromStr for Lsn {
    type Err = LsnError;

    fn from_str(text: &str) -> Result<Self, LsnError> {
        let refuse = || LsnError(text.chars().take(40).collect());
        let (high, low) = text.split_once('/').ok_or_else(refuse)?;
        let half = |part: &str| u32::from_str_radix(part, 16).map_err(|_| refuse());
        Ok(Self((u64::from(half(high)?) << 32) | u64::from(half(low)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_as_it_is_written() {
        for lsn in [Lsn::ZERO, Lsn(0x16_B374_D848), Lsn(u64::MAX)] {
            assert_eq!(lsn.to_string().parse(), Ok(lsn));
        }
        assert_eq!(Lsn(0x16_B374_D848).to_string(), "16/B374D848");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "16", "16/", "/1", "1/2/3", "G/1", "100000000/0"] {
            assert!(text.parse::<Lsn>().is_err(), "{text}");
        }
    }
}
