//! Rows that seem to differ: looked at again, at a known position, until it is certain what they are. And their repair.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, pin_mut};

use crate::apply::write_texts;
use crate::postgres::Error;
use crate::rules::{Comparison, Route};

use super::report::{Difference, RouteReport};
use super::row::{self, Found};
use super::side::{Sides, answered, query};
use super::source::{self, Staged};

/// So many rows are looked at together.
const TOGETHER: usize = 2_000;
/// A row that was another one each time is still moving.
const ROUNDS: usize = 8;
/// For so long nothing is repaired: then it is not waited for.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(100);

/// What was seen of a row in the round before.
struct Seen {
    version: Option<String>,
    found: Found,
}

/// Looks at these rows of a route until each is certain or has moved too often; counts them, and has them repaired where
/// that is wanted.
pub(super) async fn confirm(
    sides: &Sides<'_>,
    (route, comparison): (&Route, &Comparison),
    suspects: &[String],
    report: &mut RouteReport,
) -> Result<(), Error> {
    for some in suspects.chunks(TOGETHER) {
        let differing = settle(sides, (route, comparison), some, report, sides.wanted.keys).await?;
        if !sides.wanted.repairs || differing.is_empty() {
            continue;
        }
        hand_over(sides, route, &differing).await?;
        if !sides.wanted.is_followed {
            report.handed_over += number(differing.len());
            continue;
        }
        wait_repaired(sides, route).await?;
        // What is found now is not counted again: only whether it is well.
        let mut after = RouteReport::new(route);
        let left = settle(sides, (route, comparison), &differing, &mut after, 0).await?;
        let unwell = number(left.len()) + after.moving + after.not_yet;
        report.repaired += number(differing.len()).saturating_sub(unwell);
    }
    Ok(())
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Answers the identities of those that differ; natural keys of at most `keys` of them are kept.
async fn settle(
    sides: &Sides<'_>,
    (route, comparison): (&Route, &Comparison),
    suspects: &[String],
    report: &mut RouteReport,
    keys: usize,
) -> Result<Vec<String>, Error> {
    let table = sides.table(route);
    let mut differing = Vec::new();
    let mut open: Vec<String> = suspects.to_vec();
    let mut before: BTreeMap<String, Seen> = BTreeMap::new();
    for round in 0..ROUNDS {
        if open.is_empty() {
            return Ok(differing);
        }
        let staged = source::single_rows(sides, table, &open).await?;
        source::analyze(sides, table).await?;
        // The same version before and after the customer was looked at: that was its state all the time. An identity that
        // is gone has no version, and can have been there in between: it is looked at once more.
        let mut certain = |row: &Staged| {
            let is_same = |seen: &Seen| seen.version == row.version && (row.version.is_some() || round > 1);
            before.remove(&row.identity).filter(is_same).map(|seen| seen.found)
        };
        let mut still = BTreeMap::new();
        for (place, row) in staged.into_iter().enumerate() {
            match certain(&row) {
                Some(found) => {
                    conclude(row.identity, found, report, &mut differing, keys);
                }
                None => {
                    still.insert(place, row);
                }
            }
        }
        if still.is_empty() {
            return Ok(differing);
        }
        if sides.wanted.is_followed && !sides.catch_up().await? {
            report.moving += number(still.len());
            return Ok(differing);
        }
        let rows = still.last_key_value().map_or(0, |(place, _)| place + 1);
        for found in row::compare(sides, route, comparison, rows).await? {
            let Some(row) = still.remove(&found.place) else { continue };
            if found.verdict.is_difference() && sides.wanted.is_followed {
                let Staged { identity, version } = row;
                before.insert(identity, Seen { version, found });
            } else {
                conclude(row.identity, found, report, &mut differing, keys);
            }
        }
        // Of what is on neither side nothing is said; nor of what the source no longer has and the customer never had.
        open = before.keys().cloned().collect();
    }
    report.moving += number(open.len());
    Ok(differing)
}

fn conclude(
    identity: String,
    found: Found,
    report: &mut RouteReport,
    differing: &mut Vec<String>,
    keys: usize,
) {
    report.count(found.verdict);
    if !found.verdict.is_difference() {
        return;
    }
    differing.push(identity);
    for column in &found.columns {
        *report.columns.entry(column.clone()).or_default() += 1;
    }
    if report.differences.len() < keys {
        let key = found.key.unwrap_or_else(|| "unknown".to_owned());
        report.differences.push(Difference { what: found.verdict.as_str(), key, columns: found.columns });
    }
}

/// Puts rows where the daemon's writer looks for what it has to bring up to date. By COPY: identities are values of rows.
async fn hand_over(sides: &Sides<'_>, route: &Route, identities: &[String]) -> Result<(), Error> {
    const COPY: &str = "COPY acequia.repair (flow, from_customer, to_customer, dataset, key) FROM STDIN";
    const DOING: &str = "handing rows over for repair";
    let failed = |error| Error::from_driver(DOING, &error);
    let mut out = BytesMut::new();
    for identity in identities {
        let names =
            [sides.plan.flow.name.as_str(), route.from.as_str(), route.to.as_str(), route.dataset.as_str()];
        let line: Vec<Option<&str>> = names.into_iter().chain([identity.as_str()]).map(Some).collect();
        write_texts(&mut out, line.into_iter(), 0);
    }
    let handed = async {
        let sink = sides.target.copy_in::<_, Bytes>(COPY).await.map_err(failed)?;
        pin_mut!(sink);
        sink.send(out.freeze()).await.map_err(failed)?;
        sink.finish().await.map_err(failed)
    };
    answered(&[&sides.target], DOING, handed).await.map(drop)
}

/// Waits until the daemon has looked at all of them, or does not come on.
async fn wait_repaired(sides: &Sides<'_>, route: &Route) -> Result<(), Error> {
    const LEFT: &str = "SELECT count(*) FROM acequia.repair WHERE flow = $1 AND from_customer = $2 AND to_customer = $3 \
        AND dataset = $4";
    let (from, to, dataset) = (route.from.as_str(), route.to.as_str(), route.dataset.as_str());
    let (mut seen, mut moved) = (None, Instant::now());
    loop {
        let flow = &sides.plan.flow.name;
        let rows =
            query(&sides.target, "waiting for the repair", LEFT, &[flow, &from, &to, &dataset]).await?;
        let left: i64 = rows.first().map_or(0, |row| row.get(0));
        if left == 0 {
            return Ok(());
        }
        if seen != Some(left) {
            (seen, moved) = (Some(left), Instant::now());
        }
        if moved.elapsed() > PATIENCE {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}
