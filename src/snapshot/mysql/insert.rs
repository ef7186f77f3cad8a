//! Rows by INSERT, where the server has LOAD DATA LOCAL switched off. The same lines are read as it would read them.
//!
//! Between two statements the session does nothing, so another run could not tell that it is at work: before each it is
//! asked whether this run holds its lock still.

use super::super::ddl::mysql::Layout;
use super::error::Error;
use super::keeper::Hold;
use crate::mysql::{self, Answer, Food, Kind, Session};

/// Rows of one statement, and bytes of it at most; one row may be longer alone.
const STATEMENT_ROWS: usize = 500;
const STATEMENT_BYTES: usize = 512 << 10;
/// Values that can be bound to one statement.
const BOUND_VALUES: usize = 65_000;

/// Inserts all lines into a table, quoted already.
pub(super) async fn insert(
    (session, hold): (&mut Session, &Hold),
    doing: &str,
    table: &str,
    layout: &Layout,
    mut food: Food,
) -> Result<Answer, Error> {
    let columns = layout.columns.len().max(1);
    let most = STATEMENT_ROWS.min(BOUND_VALUES / columns).max(1);
    let statement = |rows: usize| {
        let row = format!("({})", vec!["?"; columns].join(","));
        format!("INSERT INTO {table} ({}) VALUES {}", layout.column_list(), vec![row; rows].join(","))
    };
    let full = statement(most);
    let mut batch = Batch::default();
    let mut line = Vec::new();
    let mut rows = 0;
    while let Some(piece) = food.next().await.map_err(|_| mysql::Error::new(doing, Kind::Starved))? {
        let mut rest = &piece[..];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            if batch.rows > 0 && batch.bytes + line.len() > STATEMENT_BYTES {
                rows += batch.send((session, hold), doing, &statement(batch.rows)).await?;
            }
            batch.add(&line);
            line.clear();
            if batch.rows == most {
                rows += batch.send((session, hold), doing, &full).await?;
            }
        }
        line.extend_from_slice(rest);
    }
    if batch.rows > 0 {
        rows += batch.send((session, hold), doing, &statement(batch.rows)).await?;
    }
    Ok(Answer { rows, warnings: 0 })
}

/// Rows that wait for their statement.
#[derive(Default)]
struct Batch {
    values: Vec<Option<Vec<u8>>>,
    rows: usize,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, line: &[u8]) {
        self.values.extend(line.split(|byte| *byte == b'\t').map(unescaped));
        self.rows += 1;
        self.bytes += line.len();
    }

    async fn send(
        &mut self,
        (session, hold): (&mut Session, &Hold),
        doing: &str,
        sql: &str,
    ) -> Result<u64, Error> {
        hold.check(session).await?;
        let batch = std::mem::take(self);
        session.insert(doing, sql, batch.values).await?;
        Ok(batch.rows as u64)
    }
}

/// A value as LOAD DATA would read it.
fn unescaped(raw: &[u8]) -> Option<Vec<u8>> {
    if raw == br"\N" {
        return None;
    }
    let mut value = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        let meant = match (byte, bytes.as_slice().first()) {
            (b'\\', Some(letter)) => {
                bytes.next();
                match letter {
                    b'0' => 0,
                    b'b' => 0x08,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    other => *other,
                }
            }
            (byte, _) => *byte,
        };
        value.push(meant);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_load_data_reads_it() {
        let mut batch = Batch::default();
        batch.add(b"1\t\\N\ta\\tb\\\\N\\0\t");
        let values: Vec<Option<&[u8]>> = batch.values.iter().map(Option::as_deref).collect();
        assert_eq!(values, [Some(&b"1"[..]), None, Some(b"a\tb\\N\0"), Some(b"")]);
    }
}
