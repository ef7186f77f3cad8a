//! What the server has, beside what was sent: rows, values that are not NULL, and sums of checksums, column by column.

use super::super::ddl::mysql::Layout;
use super::super::transcript::{Counts, Sum};
use super::error::Error;
use crate::mysql::Session;
use crate::name::backticked;

/// Columns of one question.
const COLUMNS: usize = 100;

/// Compares a table, quoted already. `name` is what people know it by.
pub(super) async fn compare(
    session: &mut Session,
    name: &str,
    table: &str,
    layout: &Layout,
    counts: &Counts,
) -> Result<(), Error> {
    let differs = |what: String| Error::Differs { table: name.to_owned(), what };
    let doing = format!("comparing table {name}");
    let columns: Vec<(&str, &Sum)> =
        layout.columns.iter().map(|column| column.name.as_str()).zip(&counts.sums).collect();
    let mut groups: Vec<&[(&str, &Sum)]> = columns.chunks(COLUMNS).collect();
    if groups.is_empty() {
        groups.push(&[]);
    }
    for group in groups {
        let rows = session.ask(&doing, &question(table, group)).await?;
        let answer = rows.into_iter().next().unwrap_or_default();
        // A sum of nothing is NULL.
        let numbers: Vec<u64> = answer
            .iter()
            .map(|value| value.as_deref().map_or(Some(0), |text| text.parse().ok()).unwrap_or(u64::MAX))
            .collect();
        let mut numbers = numbers.into_iter();
        if numbers.next() != Some(counts.rows) {
            return Err(differs("the number of rows".to_owned()));
        }
        for (column, sum) in group {
            let there = Sum {
                present: numbers.next().unwrap_or(u64::MAX),
                crc: sum.crc.and_then(|_| numbers.next()),
            };
            if there != **sum {
                return Err(differs(format!("column {column}")));
            }
        }
    }
    Ok(())
}

fn question(table: &str, columns: &[(&str, &Sum)]) -> String {
    let mut list = vec!["COUNT(*)".to_owned()];
    for (column, sum) in columns {
        let column = backticked(column);
        list.push(format!("COUNT({column})"));
        if sum.crc.is_some() {
            list.push(format!("SUM(CRC32({column}))"));
        }
    }
    format!("SELECT {} FROM {table}", list.join(", "))
}
