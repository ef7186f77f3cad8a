//! One source table for all of its routes: by checksums where they can be made, else row by row in one walk over the table.

use std::collections::BTreeMap;

use crate::postgres::Error;
use crate::rules::{Comparison, Route, RouteSql, SourceTable};

use super::confirm::confirm;
use super::report::{FlowReport, RouteReport};
use super::side::{Sides, batch, query};
use super::sift::{self, Known, Sifted};
use super::{row, source};

const WALKING: &str = "remembering which rows were seen";

/// A route that is compared row by row.
struct Walked<'a> {
    place: usize,
    route: &'a Route,
    comparison: Comparison,
    report: RouteReport,
    /// Why nothing more is compared for it.
    trouble: Option<Error>,
}

/// Compares these routes of a source table.
pub(super) async fn table(
    sides: &mut Sides<'_>,
    (index, routes): (usize, &[usize]),
    skipped: &BTreeMap<usize, String>,
    report: &mut FlowReport,
    tell: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), Error> {
    let table = &sides.plan.sources[index];
    let mut known = Known::default();
    let mut walked: Vec<Walked<'_>> = Vec::new();
    let mut done: Vec<(usize, RouteReport)> = Vec::new();
    for &place in routes {
        let route = sides.route(place);
        let mut own = RouteReport::new(route);
        if let Some(reason) = skipped.get(&place) {
            own.skipped = Some(reason.clone());
            done.push((place, own));
            continue;
        }
        tell(&format!("{} → {}: {}", route.from, route.to, route.dataset));
        source::prepare(sides, table).await?;
        let sql = route.recipe.write();
        let comparison = sql.comparison();
        match by_checksums(sides, route, (&sql, &comparison), (&mut own, &mut known)).await {
            Ok(true) => done.push((place, own)),
            Ok(false) => walked.push(Walked { place, route, comparison, report: own, trouble: None }),
            Err(error) => done.push((place, not_compared(sides, route, error)?)),
        }
    }
    walk(sides, table, &mut walked, tell).await?;
    for walked in walked {
        let own = match walked.trouble {
            Some(error) => not_compared(sides, walked.route, error)?,
            None => walked.report,
        };
        done.push((walked.place, own));
    }
    done.sort_by_key(|(place, _)| *place);
    for (_, mut own) in done {
        own.close();
        report.routes.push(own);
    }
    Ok(())
}

/// What a server refuses about one customer is no reason to leave the others out; without a server there is nobody to ask.
fn not_compared(sides: &Sides<'_>, route: &Route, error: Error) -> Result<RouteReport, Error> {
    let is_gone = sides.source.is_closed() || sides.target.is_closed();
    if is_gone || error.sqlstate().is_none_or(|state| state.class() == "57") {
        return Err(error);
    }
    let mut report = RouteReport::new(route);
    report.skipped = Some(format!("could not be compared: {error}"));
    Ok(report)
}

/// Answers whether that was possible.
async fn by_checksums(
    sides: &Sides<'_>,
    route: &Route,
    (sql, comparison): (&RouteSql, &Comparison),
    (report, known): (&mut RouteReport, &mut Known),
) -> Result<bool, Error> {
    let table = sides.table(route);
    let Some(checksum) = sql.checksum(&table.name) else { return Ok(false) };
    match sift::sift(sides, &checksum, (&table.name.quoted(), known)).await? {
        Sifted::Everything => Ok(false),
        Sifted::Buckets { equal, mask, suspect } => {
            report.count_equal(equal);
            for buckets in sift::groups(&suspect) {
                let (suspects, equal) = sift::suspects(sides, &checksum, mask, &buckets).await?;
                report.count_equal(equal);
                confirm(sides, (route, comparison), &suspects, report).await?;
            }
            Ok(true)
        }
    }
}

/// Compares every row of the source, and then looks for what is left of rows that are gone.
async fn walk(
    sides: &Sides<'_>,
    table: &SourceTable,
    walked: &mut [Walked<'_>],
    tell: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), Error> {
    let Some(first) = walked.first() else { return Ok(()) };
    let (add_seen, seen) = (first.comparison.add_seen.clone(), first.comparison.seen);
    batch(&sides.target, WALKING, &first.comparison.create_seen).await?;
    let mut after = None;
    let mut rows = 0;
    loop {
        let (staged, last) = source::next_chunk(sides, table, after.as_ref()).await?;
        source::analyze(sides, table).await?;
        batch(&sides.target, WALKING, &add_seen).await?;
        rows += staged.len();
        tell(&format!("{} of {}: {rows} rows", table.dataset, table.customer));
        // All customers first: what is looked at again takes the place of these rows.
        let mut suspects: Vec<Vec<String>> = Vec::new();
        for one in walked.iter_mut() {
            suspects.push(chunk(sides, one, &staged).await);
        }
        for (one, suspects) in walked.iter_mut().zip(suspects) {
            again(sides, one, &suspects).await;
        }
        after = last;
        if after.is_none() {
            break;
        }
    }
    batch(&sides.target, WALKING, &format!("ANALYZE {seen}")).await?;
    for one in walked.iter_mut() {
        unseen(sides, one).await;
    }
    batch(&sides.target, WALKING, &format!("DROP TABLE {seen}")).await
}

/// Compares a chunk; answers the identities of rows that seem to differ.
async fn chunk(sides: &Sides<'_>, one: &mut Walked<'_>, staged: &[source::Staged]) -> Vec<String> {
    if one.trouble.is_some() {
        return Vec::new();
    }
    let found = match row::compare(sides, one.route, &one.comparison, staged.len()).await {
        Ok(found) => found,
        Err(error) => {
            one.trouble = Some(error);
            return Vec::new();
        }
    };
    let mut suspects = Vec::new();
    for found in found {
        if found.verdict.is_difference() {
            suspects.extend(staged.get(found.place).map(|row| row.identity.clone()));
        } else {
            one.report.count(found.verdict);
        }
    }
    suspects
}

/// Looks at rows of one customer again.
async fn again(sides: &Sides<'_>, one: &mut Walked<'_>, suspects: &[String]) {
    if one.trouble.is_none() {
        let looked = confirm(sides, (one.route, &one.comparison), suspects, &mut one.report).await;
        one.trouble = looked.err();
    }
}

/// Looks at links whose source row was not there.
async fn unseen(sides: &Sides<'_>, one: &mut Walked<'_>) {
    let Some(sql) = one.comparison.unseen.clone() else { return };
    while one.trouble.is_none() {
        match query(&sides.target, "looking for what is left over", &sql, &[]).await {
            Ok(rows) if rows.is_empty() => return,
            Ok(rows) => {
                let suspects: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
                again(sides, one, &suspects).await;
            }
            Err(error) => one.trouble = Some(error),
        }
    }
}
