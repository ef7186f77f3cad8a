//! Staged rows, compared by the writer's own SQL. A row that makes a statement fail is found by halving.

use std::ops::RangeInclusive;

use crate::fault::Fault;
use crate::postgres::Error;
use crate::rules::{Comparison, Route, Verdict};

use super::side::{Sides, query};

const COMPARING: &str = "comparing rows";

/// What was found out about a staged row.
pub(super) struct Found {
    /// Its place on the stage, from 0.
    pub(super) place: usize,
    /// Its natural key; `None` where that can't be said.
    pub(super) key: Option<String>,
    pub(super) verdict: Verdict,
    pub(super) columns: Vec<String>,
}

/// Compares all rows on the stage with one customer.
pub(super) async fn compare(
    sides: &Sides<'_>,
    route: &Route,
    comparison: &Comparison,
    rows: usize,
) -> Result<Vec<Found>, Error> {
    let rows = i32::try_from(rows).unwrap_or(i32::MAX);
    let mut found = Vec::new();
    let mut open: Vec<RangeInclusive<i32>> = if rows > 0 { vec![1..=rows] } else { Vec::new() };
    while let Some(range) = open.pop() {
        let (first, last) = (*range.start(), *range.end());
        match statement(sides, route, &comparison.rows, (first, last)).await {
            Ok(some) => found.extend(some),
            Err(error) if error.fault() != Fault::Park => return Err(error),
            Err(_) if first == last => found.push(alone(sides, route, first).await?),
            Err(_) => {
                let middle = first + (last - first) / 2;
                open.extend([first..=middle, middle + 1..=last]);
            }
        }
    }
    if let Some(departed) = &comparison.departed {
        found.extend(statement(sides, route, departed, (1, rows)).await?);
    }
    Ok(found)
}

async fn statement(
    sides: &Sides<'_>,
    route: &Route,
    sql: &str,
    (first, last): (i32, i32),
) -> Result<Vec<Found>, Error> {
    let (from, to, dataset) = (route.from.as_str(), route.to.as_str(), route.dataset.as_str());
    let rows = query(&sides.target, COMPARING, sql, &[&first, &last, &from, &to, &dataset]).await?;
    let found = |row: &tokio_postgres::Row| {
        let word: &str = row.get(2);
        Some(Found {
            place: place(row.get(0)),
            key: row.get(1),
            verdict: Verdict::ALL.into_iter().find(|verdict| verdict.as_str() == word)?,
            columns: row.get(3),
        })
    };
    Ok(rows.iter().filter_map(found).collect())
}

fn place(number: i32) -> usize {
    usize::try_from(number - 1).unwrap_or(0)
}

/// A row whose value the customer's table can't even be compared with: the writer parks it, so it is one of these or missing.
async fn alone(sides: &Sides<'_>, route: &Route, number: i32) -> Result<Found, Error> {
    let table = sides.table(route);
    let texts: Vec<String> = table
        .identity
        .iter()
        .map(|&column| format!("s.{}::text", table.columns[column].name.quoted()))
        .collect();
    let sql = format!(
        "SELECT EXISTS (SELECT FROM {} s JOIN acequia.parked p ON p.key = json_build_array({})::text \
         WHERE s.\"acequia:n\" = $1 AND p.from_customer = $2 AND p.to_customer = $3 AND p.dataset = $4)",
        table.stage.rows,
        texts.join(", ")
    );
    let (from, to, dataset) = (route.from.as_str(), route.to.as_str(), route.dataset.as_str());
    let rows = query(&sides.target, COMPARING, &sql, &[&number, &from, &to, &dataset]).await?;
    let is_parked = rows.first().is_some_and(|row| row.get(0));
    let verdict = if is_parked { Verdict::NotYet } else { Verdict::Missing };
    Ok(Found { place: place(number), key: None, verdict, columns: Vec::new() })
}
