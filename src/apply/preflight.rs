//! Every statement of a plan, prepared by the target and thrown away: what the server would refuse is found before it runs.

use tokio_postgres::Client;

use crate::config::Spot;
use crate::postgres::Error;
use crate::rules::{Plan, Route, RouteSql};

/// A route whose statements the target refuses.
#[derive(Debug)]
pub struct Refused {
    /// Position in the plan's routes.
    pub route: usize,
    /// The SQL of the rules that is to blame, if it is.
    pub spot: Option<Spot>,
    /// The server's answer; it is about names and types only, since no row is at hand.
    pub error: Error,
}

/// Prepares all statements in a transaction that is rolled back: crosswalks that are missing are made for its length.
pub async fn preflight(client: &Client, plan: &Plan) -> Result<Vec<Refused>, Error> {
    let failed = |error| Error::from_driver("preparing the statements of the rules", &error);
    client.batch_execute("BEGIN").await.map_err(failed)?;
    let refused = prepare_all(client, plan).await;
    client.batch_execute("ROLLBACK").await.map_err(failed)?;
    refused
}

async fn prepare_all(client: &Client, plan: &Plan) -> Result<Vec<Refused>, Error> {
    let failed = |error| Error::from_driver("preparing the statements of the rules", &error);
    for source in &plan.sources {
        client.batch_execute(&source.stage.create).await.map_err(failed)?;
    }
    let broken = plan.broken.iter().filter_map(|route| route.crosswalk.as_ref());
    for crosswalk in plan.routes.iter().filter_map(|route| route.crosswalk.as_ref()).chain(broken) {
        let sql = format!("CREATE TABLE IF NOT EXISTS acequia.{} ({})", crosswalk.table, crosswalk.shape);
        client.batch_execute(&sql).await.map_err(failed)?;
    }
    let mut refused = Vec::new();
    for (number, route) in plan.routes.iter().enumerate() {
        client.batch_execute("SAVEPOINT route").await.map_err(failed)?;
        let before = refused.len();
        for expression in &route.expressions {
            let doing = format!("preparing SQL of the rules for {}", route.target);
            if let Err(error) = client.prepare(&expression.probe).await {
                let error = Error::from_driver(&doing, &error);
                refused.push(Refused { route: number, spot: Some(expression.spot), error });
                client.batch_execute("ROLLBACK TO SAVEPOINT route").await.map_err(failed)?;
            }
        }
        if refused.len() == before
            && let Err(error) = prepare(client, route).await
        {
            refused.push(Refused { route: number, spot: None, error });
        }
        client.batch_execute("ROLLBACK TO SAVEPOINT route").await.map_err(failed)?;
    }
    Ok(refused)
}

async fn prepare(client: &Client, route: &Route) -> Result<(), Error> {
    let doing = format!("preparing the statements for {}", route.target);
    let sql: &RouteSql = &route.sql;
    if let Some(create) = &sql.create_released {
        client.batch_execute(create).await.map_err(|error| Error::from_driver(&doing, &error))?;
    }
    for statement in sql.all() {
        client.prepare(statement).await.map_err(|error| Error::from_driver(&doing, &error))?;
    }
    Ok(())
}
