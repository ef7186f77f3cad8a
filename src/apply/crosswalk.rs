//! The crosswalk tables: made on first use, refused when they were made for other columns.

use crate::name::literal;
use crate::postgres;
use crate::rules::{Plan, Route};

use super::error::Error;
use super::statements::Statements;

/// Makes sure that every route of the plan has its crosswalk. Rows of the registry whose table is gone, and tables whose
/// row was deleted by an operator, are made anew, empty: rows are then linked again by their natural key.
pub(super) async fn ensure(statements: &mut Statements, plan: &Plan) -> Result<(), Error> {
    let known = statements
        .query(
            "reading the crosswalk's registry",
            "SELECT from_customer, to_customer, dataset, shape FROM acequia.crosswalk",
            &[],
        )
        .await?;
    let shape_of = |route: &Route| {
        known
            .iter()
            .find(|row| {
                row.get::<_, &str>(0) == route.from.as_str()
                    && row.get::<_, &str>(1) == route.to.as_str()
                    && row.get::<_, &str>(2) == route.dataset.as_str()
            })
            .map(|row| row.get::<_, String>(3))
    };
    for route in &plan.routes {
        let Some(crosswalk) = &route.crosswalk else { continue };
        match shape_of(route) {
            Some(shape) if shape == crosswalk.shape => {}
            Some(_) => {
                return Err(Error::Crosswalk {
                    table: crosswalk.table.clone(),
                    dataset: route.dataset.to_string(),
                    customer: route.to.to_string(),
                });
            }
            None => create(statements, route).await?,
        }
    }
    Ok(())
}

async fn create(statements: &mut Statements, route: &Route) -> Result<(), postgres::Error> {
    let Some(crosswalk) = &route.crosswalk else { return Ok(()) };
    let sql = format!(
        "BEGIN; DROP TABLE IF EXISTS acequia.{table}; CREATE TABLE acequia.{table} ({shape}); {indexes}; \
         INSERT INTO acequia.crosswalk (from_customer, to_customer, dataset, shape) VALUES ({}, {}, {}, {}); COMMIT",
        literal(route.from.as_str()),
        literal(route.to.as_str()),
        literal(route.dataset.as_str()),
        literal(&crosswalk.shape),
        table = crosswalk.table,
        shape = crosswalk.shape,
        indexes = crosswalk.indexes.join("; "),
    );
    statements.batch("creating a crosswalk", &sql).await
}
