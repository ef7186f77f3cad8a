//! Checksums of both sides: first of buckets, then of the rows in those buckets that differ. What differs is a suspect.

use std::collections::{BTreeMap, HashMap};

use futures_util::{TryStreamExt as _, pin_mut};

use crate::postgres::{Error, Session};
use crate::rules::Checksum;

use super::side::{Param, Sides, answered, query};

/// Buckets hold about so many rows.
const BUCKET_ROWS: i64 = 400;
const BUCKETS_MIN: i64 = 64;
/// Memory for sums of both sides, a few megabytes.
const BUCKETS_MAX: i64 = 1 << 16;
/// Rows of one side whose checksums are in memory at once.
const LISTED_ROWS: u64 = 100_000;
/// Where more rows than this lie in buckets that differ, each of them is looked at instead.
const SUSPECTS_MAX: u64 = 500_000;

/// Of one bucket: rows, and the sum of their checksums as text.
type Sums = BTreeMap<i64, (i64, String)>;

/// The source's sums by statement: customers with one rule share them.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<String, (i64, Sums)>);

/// What the checksums say of a route.
pub(super) enum Sifted {
    /// So many rows of the source are in buckets without a difference, and these buckets have one.
    Buckets { equal: u64, mask: i64, suspect: Vec<(i64, u64)> },
    /// Too much differs for this to be of use.
    Everything,
}

/// Compares the buckets of both sides.
pub(super) async fn sift(
    sides: &Sides<'_>,
    checksum: &Checksum,
    (table, known): (&str, &mut Known),
) -> Result<Sifted, Error> {
    let there = if let Some((mask, _)) = known.0.get(&checksum.source) {
        sums(&sides.target, &checksum.target, *mask).await?
    } else {
        let mask = mask(sides, table).await?;
        // Both servers at once.
        let here = sums(&sides.source, &checksum.source, mask);
        let (here, there) = tokio::try_join!(here, sums(&sides.target, &checksum.target, mask))?;
        known.0.insert(checksum.source.clone(), (mask, here));
        there
    };
    let Some((mask, here)) = known.0.get(&checksum.source) else { return Ok(Sifted::Everything) };
    let rows =
        |sums: &Sums, bucket: i64| sums.get(&bucket).map_or(0, |(rows, _)| u64::try_from(*rows).unwrap_or(0));
    let mut equal = 0;
    let mut suspect = Vec::new();
    for bucket in 0..=*mask {
        let (own, theirs) = (rows(here, bucket), rows(&there, bucket));
        if here.get(&bucket) == there.get(&bucket) {
            equal += own;
        } else if checksum.are_linked || own > 0 {
            suspect.push((bucket, own.max(theirs)));
        }
    }
    let suspects: u64 = suspect.iter().map(|(_, rows)| rows).sum();
    if suspects > SUSPECTS_MAX {
        return Ok(Sifted::Everything);
    }
    Ok(Sifted::Buckets { equal, mask: *mask, suspect })
}

/// The number of buckets less one, by what the source's statistics say of its rows.
async fn mask(sides: &Sides<'_>, table: &str) -> Result<i64, Error> {
    let sql = "SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::int8 FROM pg_catalog.pg_class c \
               WHERE c.oid = $1::text::regclass OR c.oid IN (SELECT relid FROM pg_partition_tree($1::text::regclass))";
    let rows = query(&sides.source, "estimating rows", sql, &[&table]).await?;
    let estimate: i64 = rows.first().map_or(0, |row| row.get(0));
    let buckets = (estimate / BUCKET_ROWS).clamp(BUCKETS_MIN, BUCKETS_MAX);
    Ok(i64::try_from(u64::try_from(buckets).unwrap_or(1).next_power_of_two()).unwrap_or(BUCKETS_MAX) - 1)
}

async fn sums(session: &Session, sql: &str, mask: i64) -> Result<Sums, Error> {
    let rows = query(session, "summing up", sql, &[&mask]).await?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect())
}

/// Buckets whose rows fit into memory together.
pub(super) fn groups(suspect: &[(i64, u64)]) -> Vec<Vec<i64>> {
    let (mut groups, mut group, mut rows) = (Vec::new(), Vec::new(), 0);
    for (bucket, own) in suspect {
        if rows + own > LISTED_ROWS && !group.is_empty() {
            groups.push(std::mem::take(&mut group));
            rows = 0;
        }
        rows += own;
        group.push(*bucket);
    }
    if !group.is_empty() {
        groups.push(group);
    }
    groups
}

/// The identities of rows in these buckets that are not equal on both sides, and the number of those that are.
pub(super) async fn suspects(
    sides: &Sides<'_>,
    checksum: &Checksum,
    mask: i64,
    buckets: &[i64],
) -> Result<(Vec<String>, u64), Error> {
    let (buckets, mut equal): (Param<'_>, u64) = (&buckets, 0);
    let params = [&mask, buckets];
    let here = listed(&sides.source, &checksum.source_rows, &params);
    let (mut here, there) = tokio::try_join!(here, listed(&sides.target, &checksum.target_rows, &params))?;
    let mut suspects = Vec::new();
    for (identity, theirs) in there {
        match here.remove(&identity) {
            Some(own) if own == theirs => equal += 1,
            Some(_) => suspects.push(identity),
            None if checksum.are_linked => suspects.push(identity),
            None => {}
        }
    }
    suspects.extend(here.into_keys());
    suspects.sort();
    Ok((suspects, equal))
}

async fn listed(session: &Session, sql: &str, params: &[Param<'_>]) -> Result<HashMap<String, i64>, Error> {
    const DOING: &str = "listing checksums of rows";
    let failed = |error| Error::from_driver(DOING, &error);
    let asked = async {
        let rows = session.query_raw(sql, params.iter().copied()).await.map_err(failed)?;
        pin_mut!(rows);
        let mut listed = HashMap::new();
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            // What is not UTF-8 can't be given to anybody, and is not compared.
            if let Ok(identity) = row.try_get::<_, String>(0) {
                listed.insert(identity, row.get(1));
            }
        }
        Ok(listed)
    };
    answered(&[session], DOING, asked).await
}
