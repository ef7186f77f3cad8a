//! The primary key of a row of COPY text: its cells with a tab between them, escaped as they came. Which of two comes first is
//! what the server said when it sorted them.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// How the cells of one column of a key are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    /// Whole numbers, by value.
    Number,
    /// By value, which is the order of their text.
    Uuid,
    /// As bytes.
    Bytes,
    /// As bytes, without the blanks that `character(n)` is filled up with: the server strips them before it sorts.
    Padded,
}

/// Which key comes first.
pub(super) fn compare(one: &[u8], other: &[u8], order: &[Order]) -> Ordering {
    let (one, other) = (one.split(|byte| *byte == b'\t'), other.split(|byte| *byte == b'\t'));
    let mut cells = one.zip(other).zip(order).map(|((one, other), order)| match order {
        Order::Number => number(one).cmp(&number(other)),
        Order::Uuid => one.cmp(other),
        Order::Bytes => by_bytes(one, other),
        Order::Padded => by_bytes(strip(one), strip(other)),
    });
    cells.find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

/// The server's own text of a `bigint` at most.
fn number(cell: &[u8]) -> Option<i64> {
    std::str::from_utf8(cell).ok()?.parse().ok()
}

fn strip(cell: &[u8]) -> &[u8] {
    let blanks = cell.iter().rev().take_while(|byte| **byte == b' ').count();
    &cell[..cell.len() - blanks]
}

fn by_bytes(one: &[u8], other: &[u8]) -> Ordering {
    if memchr::memchr(b'\\', one).is_none() && memchr::memchr(b'\\', other).is_none() {
        return one.cmp(other);
    }
    Unescaped(one).cmp(Unescaped(other))
}

/// The bytes of a value behind the escapes of COPY.
struct Unescaped<'a>(&'a [u8]);

impl Iterator for Unescaped<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = match self.0 {
            [b'\\', escape, rest @ ..] => (meaning(*escape), rest),
            [byte, rest @ ..] => (*byte, rest),
            [] => return None,
        };
        self.0 = rest;
        Some(byte)
    }
}

fn meaning(escape: u8) -> u8 {
    match escape {
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        itself => itself,
    }
}

/// Takes the cells of a key out of a row without its end. False where it has not so many.
pub(super) fn extract(row: &[u8], places: &[usize], key: &mut Vec<u8>) -> bool {
    key.clear();
    for (number, place) in places.iter().enumerate() {
        let Some(cell) = row.split(|byte| *byte == b'\t').nth(*place) else { return false };
        if number > 0 {
            key.push(b'\t');
        }
        key.extend_from_slice(cell);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_by_value_and_texts_by_their_bytes() {
        assert_eq!(compare(b"9", b"10", &[Order::Number]), Ordering::Less);
        assert_eq!(compare(b"-9", b"-10", &[Order::Number]), Ordering::Greater);
        assert_eq!(compare(b"9", b"10", &[Order::Bytes]), Ordering::Greater);
        assert_eq!(compare("é".as_bytes(), b"z", &[Order::Bytes]), Ordering::Greater);
        assert_eq!(compare(b"1\tb", b"1\ta", &[Order::Number, Order::Bytes]), Ordering::Greater);
        assert_eq!(compare(b"1\ta", b"1\ta", &[Order::Number, Order::Bytes]), Ordering::Equal);
    }

    #[test]
    fn escapes_sort_as_what_they_mean() {
        // A tab sorts before a blank, its escape behind.
        assert_eq!(compare(b"a\\tb", b"a b", &[Order::Bytes]), Ordering::Less);
        assert_eq!(compare(b"a\\\\", b"a]", &[Order::Bytes]), Ordering::Less);
        assert_eq!(compare(b"ab  ", b"ab\\t ", &[Order::Padded]), Ordering::Less);
    }

    #[test]
    fn a_key_is_taken_in_its_own_order() {
        let mut key = Vec::new();
        assert!(extract(b"a\tb\tc", &[2, 0], &mut key));
        assert_eq!(key, b"c\ta");
        assert!(!extract(b"a\tb\tc", &[3], &mut key));
    }
}
