//! The crosswalk tables: made on first use, and made anew when they were made for other columns.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::config::Database;
use crate::name::literal;
use crate::postgres;
use crate::rules::{BrokenRoute, Plan, Route};

use super::error::Error;
use super::rebuild::{Owner, rebuild};
use super::statements::Statements;

/// What DBAs see of the session that reads the source where a crosswalk is made anew.
pub const APPLICATION: &str = "acequia crosswalk";
/// Tables made in one transaction. Each takes half a dozen of the server's locks until the commit.
const MADE_AT_ONCE: usize = 100;

/// Makes sure that every route of the plan has its crosswalk. Rows of the registry whose table is gone, and tables whose
/// row was deleted by an operator, are made anew, empty: rows are then linked again by their natural key.
pub(super) async fn ensure(statements: &mut Statements, source: &Database, plan: &Plan) -> Result<(), Error> {
    let rows = statements
        .query(
            "reading the crosswalk's registry",
            "SELECT from_customer, to_customer, dataset, shape FROM acequia.crosswalk",
            &[],
        )
        .await?;
    let known: HashMap<(&str, &str, &str), &str> =
        rows.iter().map(|row| ((row.get(0), row.get(1), row.get(2)), row.get(3))).collect();
    let mut missing = Vec::new();
    for owner in owners(plan) {
        match known.get(&(owner.from.as_str(), owner.to.as_str(), owner.dataset.as_str())) {
            Some(shape) if *shape == owner.crosswalk.shape => {}
            // A broken route's may be what it was until the route is whole again.
            Some(_) if owner.is_broken => {}
            Some(shape) => {
                let session = postgres::open(source, APPLICATION).await?;
                let Some(tables) = owner.tables else { continue };
                let (before, now) = rebuild(statements, &session, &owner, shape, tables).await?;
                tracing::warn!(
                    customer = %owner.to, dataset = %owner.dataset, links_before = before, links = now,
                    "the crosswalk was made anew, because the primary key, the natural key or the replica identity has changed; \
                     rows without a link are linked by their natural key when they come"
                );
            }
            None => missing.push(owner),
        }
    }
    for owners in missing.chunks(MADE_AT_ONCE) {
        create(statements, owners).await?;
    }
    Ok(())
}

/// The crosswalks of all routes, of broken ones too: children look into them.
fn owners(plan: &Plan) -> Vec<Owner<'_>> {
    let sound = plan.routes.iter().filter_map(|route| {
        let Route { from, to, dataset, .. } = route;
        let source = &plan.sources[route.source];
        Some(Owner {
            from,
            to,
            dataset,
            crosswalk: route.crosswalk.as_ref()?,
            key: source.key.iter().map(|&column| &source.columns[column].name).collect(),
            is_broken: false,
            tables: Some((&source.name, &route.target)),
        })
    });
    let broken = plan.broken.iter().filter_map(|route| {
        let BrokenRoute { from, to, dataset, .. } = route;
        let crosswalk = route.crosswalk.as_ref()?;
        Some(Owner { from, to, dataset, crosswalk, key: Vec::new(), is_broken: true, tables: None })
    });
    sound.chain(broken).collect()
}

/// Makes the crosswalks that are missing, of one customer, in the transaction at hand.
pub(super) async fn ensure_of(statements: &mut Statements, plan: &Plan, to: &str) -> Result<(), Error> {
    let sql = "SELECT from_customer, dataset FROM acequia.crosswalk WHERE to_customer = $1";
    let rows = statements.query("reading the crosswalk's registry", sql, &[&to]).await?;
    let known: Vec<(&str, &str)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let is_missing = |owner: &Owner<'_>| {
        owner.to.as_str() == to && !known.contains(&(owner.from.as_str(), owner.dataset.as_str()))
    };
    let missing: Vec<Owner<'_>> = owners(plan).into_iter().filter(is_missing).collect();
    statements.batch("creating crosswalks", &creation(&missing)).await?;
    Ok(())
}

async fn create(statements: &mut Statements, owners: &[Owner<'_>]) -> Result<(), postgres::Error> {
    statements.batch("creating crosswalks", &format!("BEGIN; {}COMMIT", creation(owners))).await
}

/// The statements that make crosswalks.
fn creation(owners: &[Owner<'_>]) -> String {
    let mut sql = String::new();
    for owner in owners {
        _ = write!(
            sql,
            "DROP TABLE IF EXISTS acequia.{table}; CREATE TABLE acequia.{table} ({shape}); {indexes}; \
             INSERT INTO acequia.crosswalk (from_customer, to_customer, dataset, shape) VALUES ({}, {}, {}, {}); ",
            literal(owner.from.as_str()),
            literal(owner.to.as_str()),
            literal(owner.dataset.as_str()),
            literal(&owner.crosswalk.shape),
            table = owner.crosswalk.table,
            shape = owner.crosswalk.shape,
            indexes = owner.crosswalk.indexes.join("; "),
        );
    }
    sql
}
