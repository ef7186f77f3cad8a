//! Both sides of a flow for commands that compare rows: sessions, catalogs, the plan, and rows of the source on the stage
//! of a session at the target. What is made there is undone when the command is done.

use futures_util::{SinkExt as _, StreamExt as _, pin_mut};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::console::session;
use crate::catalog::{Catalog, Table};
use crate::config::{Config, Dataset, KeyPart};
use crate::daemon::read_catalogs;
use crate::fault::Fault;
use crate::name::{CustomerName, Ident, TableName};
use crate::postgres::{Error, Session};
use crate::rules::{self, Flow, Plan, SourceTable};

/// A parameter of a statement.
pub(super) type Param<'a> = &'a (dyn ToSql + Sync);

/// Sessions with both databases of a flow.
pub(super) struct Sides {
    pub(super) flow: Flow,
    pub(super) plan: Plan,
    pub(super) source: Session,
    pub(super) target: Session,
    /// What the source looks like.
    pub(super) catalog: Catalog,
}

/// A row of the source, found by its natural key.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Where it lies; it may move once the transaction is over.
    condition: String,
    /// Its identity, a JSON array; `None` where the table has none.
    pub(super) identity: Option<String>,
}

impl Sides {
    /// Opens both sessions and compiles the plan as the daemon would.
    pub(super) async fn open(config: &Config, flow: Flow, command: &str) -> Result<Self, Error> {
        let source = session(&config.databases[&flow.source], command).await?;
        let target = session(&config.databases[&flow.target], command).await?;
        let (sources, targets, tables) = rules::tables_to_read(config, &flow);
        let catalog = read_catalogs(&source, &sources, &tables).await?;
        let there = read_catalogs(&target, &targets, &tables).await?;
        let (plan, _problems) = rules::compile(config, &flow, &catalog, &there);
        Ok(Self { flow, plan, source, target, catalog })
    }

    /// From here on both sides show one moment each. The target's transaction is for temporary things, and is rolled back.
    pub(super) async fn begin(&self) -> Result<(), Error> {
        batch(&self.source, "reading the source", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        batch(&self.target, "reading the target", "BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
        for route in &self.plan.routes {
            // A route that never ran has no links; its questions can be asked all the same.
            let Some(crosswalk) = &route.crosswalk else { continue };
            let exists = format!("SELECT to_regclass('acequia.{}') IS NOT NULL", crosswalk.table);
            if !query(&self.target, "looking for links", &exists, &[]).await?.iter().any(|row| row.get(0)) {
                let sql = format!("CREATE TABLE acequia.{} ({})", crosswalk.table, crosswalk.shape);
                batch(&self.target, "standing in for links", &sql).await?;
            }
        }
        Ok(())
    }

    /// Ends what `begin` began.
    pub(super) async fn end(&self) -> Result<(), Error> {
        batch(&self.source, "reading the source", "ROLLBACK").await?;
        batch(&self.target, "reading the target", "ROLLBACK").await
    }

    /// The staged table of a customer's data set.
    pub(super) fn table(&self, from: &CustomerName, dataset: &Dataset) -> Option<&SourceTable> {
        let is_it = |source: &&SourceTable| source.customer == *from && source.dataset == dataset.name;
        self.plan.sources.iter().find(is_it)
    }

    /// Puts rows of the source on the stage: one that was found, or all of them. Their values pass through unread.
    pub(super) async fn stage(&self, table: &SourceTable, row: Option<&Found>) -> Result<(), Error> {
        const DOING: &str = "staging rows of the source";
        batch(&self.target, DOING, &table.stage.create).await?;
        let condition = row.map_or("true", |row| row.condition.as_str());
        let copy = format!(
            "COPY (SELECT row_number() OVER (), 'I', 0, {} FROM {} s WHERE {condition}) TO STDOUT",
            table.staged_values(),
            table.name.quoted(),
        );
        let failed = |error| Error::from_driver(DOING, &error);
        let rows = self.source.copy_out(copy.as_str()).await.map_err(failed)?;
        let sink = self.target.copy_in(table.stage.copy.as_str()).await.map_err(failed)?;
        pin_mut!(rows, sink);
        while let Some(piece) = rows.next().await {
            sink.send(piece.map_err(failed)?).await.map_err(failed)?;
        }
        sink.finish().await.map_err(failed)?;
        Ok(())
    }

    /// Stages a row of which only the natural key is known. Answers whether the key says its columns.
    pub(super) async fn stage_key(
        &self,
        table: &SourceTable,
        dataset: &Dataset,
        key: &[String],
    ) -> Result<bool, Error> {
        const DOING: &str = "staging a natural key";
        let names: Vec<&Ident> = dataset.key_columns().collect();
        let staged = |name: &&Ident| table.columns.iter().find(|column| column.name == **name);
        let columns: Vec<_> = names.iter().filter_map(staged).collect();
        if columns.len() < dataset.key.len() {
            return Ok(false);
        }
        batch(&self.target, DOING, &table.stage.create).await?;
        let names: Vec<String> = columns.iter().map(|column| column.name.quoted()).collect();
        let values = columns.iter().enumerate();
        let values: Vec<String> =
            values.map(|(i, column)| format!("${}::text::{}", i + 1, column.type_text)).collect();
        let sql = format!(
            "INSERT INTO {} (\"acequia:n\", \"acequia:op\", \"acequia:u\", {}) VALUES (1, 'I', 0, {})",
            table.stage.table,
            names.join(", "),
            values.join(", ")
        );
        query(&self.target, DOING, &sql, &params(key)).await?;
        Ok(true)
    }

    /// Tells the planner how much is on a stage.
    pub(super) async fn analyze(&self, table: &SourceTable) -> Result<(), Error> {
        batch(&self.target, "looking over a stage", &format!("ANALYZE {}", table.stage.table)).await
    }

    /// Takes everything off a stage.
    pub(super) async fn clear(&self, table: &SourceTable) -> Result<(), Error> {
        batch(&self.target, "emptying a stage", &table.stage.delete).await
    }

    /// Asks the target something that the row itself can make fail: then the inner error says how.
    pub(super) async fn ask(&self, doing: &str, sql: &str) -> Result<Result<Vec<Row>, Error>, Error> {
        batch(&self.target, doing, "SAVEPOINT question").await?;
        let answer = query(&self.target, doing, sql, &[]).await;
        let end =
            if answer.is_ok() { "RELEASE SAVEPOINT question" } else { "ROLLBACK TO SAVEPOINT question" };
        match answer {
            Err(error) if error.fault() != Fault::Park => Err(error),
            answer @ (Ok(_) | Err(_)) => {
                batch(&self.target, doing, end).await?;
                Ok(answer)
            }
        }
    }
}

/// Finds rows of the source by natural key: at most two, since a second one says that the key is not one.
pub(super) async fn find(
    source: &Session,
    table: &Table,
    dataset: &Dataset,
    key: &[String],
) -> Result<Vec<Found>, Error> {
    let identity = table.identity().map_or_else(
        || "NULL".to_owned(),
        |columns| {
            let texts: Vec<String> =
                columns.iter().map(|name| format!("s.{}::text", name.quoted())).collect();
            format!("json_build_array({})::text", texts.join(", "))
        },
    );
    let sql = format!(
        "SELECT format('s.tableoid = %s AND s.ctid = %L', s.tableoid::int8, s.ctid), {identity} FROM {} s \
         WHERE {} LIMIT 2",
        table.name.quoted(),
        key_condition(table, dataset)
    );
    let rows = query(source, "looking for the row at the source", &sql, &params(key)).await?;
    Ok(rows.iter().map(|row| Found { condition: row.get(0), identity: row.get(1) }).collect())
}

/// Each part of the natural key equals its parameter. A column is compared in its own type, so that its index serves.
fn key_condition(table: &Table, dataset: &Dataset) -> String {
    let part = |(i, part): (usize, &KeyPart)| match part {
        KeyPart::Column(name) => {
            let own = format!("s.{}", name.quoted());
            match table.column(name) {
                Some(column) => format!("{own} = ${}::text::{}", i + 1, column.base.quoted()),
                None => format!("{own}::text = ${}::text", i + 1),
            }
        }
        KeyPart::Expression(sql) => {
            let sql = sql.render(&mut |column| format!("s.{}", column.name.quoted()));
            format!("({sql})::text = ${}::text", i + 1)
        }
    };
    dataset.key.iter().enumerate().map(part).collect::<Vec<_>>().join(" AND ")
}

/// The catalog's table of a customer's data set.
pub(super) fn table_name(config: &Config, customer: &CustomerName, dataset: &Dataset) -> Option<TableName> {
    let schema = config.customers.get(customer)?.schema.clone();
    Some(TableName { schema, table: dataset.table.clone() })
}

pub(super) async fn query(
    session: &Session,
    doing: &str,
    sql: &str,
    params: &[Param<'_>],
) -> Result<Vec<Row>, Error> {
    session.query(sql, params).await.map_err(|error| Error::from_driver(doing, &error))
}

async fn batch(session: &Session, doing: &str, sql: &str) -> Result<(), Error> {
    session.batch_execute(sql).await.map_err(|error| Error::from_driver(doing, &error))
}

fn params(key: &[String]) -> Vec<Param<'_>> {
    key.iter().map(|value| value as Param<'_>).collect()
}
