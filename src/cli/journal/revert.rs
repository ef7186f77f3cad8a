//! `acequia journal revert`: rows become again what they were before we changed them.
//!
//! One transaction for each customer, marked as ours. What the server refuses is taken back in a savepoint and halved
//! down to the rows at fault; they are listed, the others are put back.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::types::ToSql;

use super::chains::{Chains, Variant};
use super::moment::Moment;
use super::report::{Outcome, TableReport, print, print_json};
use super::scope::{ENTRIES, Parameters, Scope};
use crate::apply::audit;
use crate::catalog::{Catalog, ColumnDefault, Table};
use crate::cli::console::{Exit, Output, say};
use crate::config::Config;
use crate::daemon::read_catalogs;
use crate::fault::Fault;
use crate::name::{CustomerName, DatasetName, Ident, TableName, array_text};
use crate::postgres::{Error, Refusal, Session};
use crate::rules::{crosswalk_name, parents_first};

#[derive(Debug, clap::Args)]
pub(crate) struct Revert {
    /// What this sync group wrote
    #[arg(long, value_name = "NAME")]
    sync: String,
    /// From then on: 30m, 2h, 3d ago, or a time such as "2026-11-22 13:00"
    #[arg(long, value_name = "TIME")]
    since: Moment,
    /// Before then
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Only this customer's rows
    #[arg(long, value_name = "NAME")]
    customer: Option<String>,
    /// Only this data set's
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// Do all of it, count, and take it back
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do it: without this, only what would happen is told
    #[arg(long)]
    yes: bool,
    /// List the primary keys of rows that are not put back: they are values of rows
    #[arg(long)]
    keys: bool,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

/// The application of the customer goes first: it must not wait longer for us than that, nor we for it.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '5s'; SET LOCAL client_min_messages = error; SET LOCAL work_mem = '32MB'; \
                     SELECT pg_logical_emit_message(true, 'acequia', 'journal revert')";

pub(super) async fn revert(config: &Config, wanted: &Revert) -> anyhow::Result<Exit> {
    let scope = Scope {
        sync: Some(wanted.sync.clone()),
        customer: wanted.customer.clone(),
        dataset: wanted.dataset.clone(),
        since: Some(wanted.since),
        until: wanted.until,
    };
    let (mut reports, mut failure) = (Vec::new(), None);
    for (target, parameters) in scope.open(config, "journal").await? {
        for (customer, datasets) in concerned(&target, &parameters).await? {
            let one = Customer { config, target: &target, parameters: &parameters, name: &customer };
            match one.revert(&datasets, wanted.yes).await {
                Ok(done) => reports.extend(done),
                Err(error) => {
                    // The next customer has tables of its own.
                    _ = target.batch_execute("ROLLBACK").await;
                    eprintln!("acequia: customer {customer}: nothing is put back there: {error:#}");
                    failure = Some(error);
                }
            }
        }
    }
    if reports.is_empty() && failure.is_none() {
        scope.expect_known(config)?;
    }
    match wanted.output {
        Output::Json => print_json(&reports, wanted.yes, wanted.keys)?,
        Output::Text => print(&reports, wanted.yes, wanted.keys),
    }
    if let Some(failure) = failure {
        // What failed is told already; the exit status says whether a server was missing.
        return Ok(crate::cli::console::exit_of(&failure));
    }
    let refused = reports.iter().any(TableReport::is_refused);
    if !wanted.yes && !wanted.dry_run && !reports.is_empty() {
        if wanted.output == Output::Text {
            say!("\nNothing has been changed. Say --yes to do it.");
        }
        return Ok(Exit::Failed);
    }
    Ok(if refused { Exit::Failed } else { Exit::Done })
}

/// The customers and data sets of which something is in the journal.
async fn concerned(target: &Session, scope: &Parameters) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let sql = format!("SELECT DISTINCT r.to_customer, r.dataset {ENTRIES} ORDER BY 1, 2");
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in query(target, "looking into the journal", &sql, &scope.list()).await? {
        found.entry(row.get(0)).or_default().push(row.get(1));
    }
    Ok(found)
}

/// One customer, in one transaction.
struct Customer<'a> {
    config: &'a Config,
    target: &'a Session,
    parameters: &'a Parameters,
    name: &'a str,
}

/// One table of it.
struct Reverted {
    dataset: String,
    table: Table,
    chains: Chains,
    last: i32,
}

impl Customer<'_> {
    async fn revert(&self, datasets: &[String], write: bool) -> anyhow::Result<Vec<TableReport>> {
        batch(self.target, "beginning a revert", BEGIN).await?;
        let mut tables = Vec::new();
        for (dataset, table) in self.tables(datasets).await? {
            let number = tables.len() + 1;
            tables.push(self.walk(number, dataset, table).await?);
        }
        self.apply(&tables).await?;
        let mut reports = Vec::new();
        for table in &tables {
            let outcomes = self.outcomes(table).await?;
            reports.push(TableReport {
                customer: self.name.to_owned(),
                dataset: table.dataset.clone(),
                outcomes,
            });
        }
        if write {
            self.audit(&reports).await?;
        }
        let end = if write { "COMMIT" } else { "ROLLBACK" };
        batch(self.target, "ending a revert", end).await?;
        Ok(reports)
    }

    /// The customer's tables, parents before children.
    async fn tables(&self, datasets: &[String]) -> anyhow::Result<Vec<(String, Table)>> {
        let customer = CustomerName::new(self.name).ok().and_then(|name| self.config.customers.get(&name));
        let Some(customer) = customer else {
            anyhow::bail!("the rule files have no customer `{}`, so its schema is not known", self.name);
        };
        let mut names = Vec::new();
        for dataset in datasets {
            let known = DatasetName::new(dataset).ok().and_then(|name| self.config.datasets.get(&name));
            let Some(known) = known else {
                anyhow::bail!(
                    "the rule files have no data set `{dataset}`, so its table is not known; choose others with --dataset, \
                     or write it into the files again"
                );
            };
            names.push((
                dataset.clone(),
                TableName { schema: customer.schema.clone(), table: known.table.clone() },
            ));
        }
        let tables: Vec<String> = names.iter().map(|(_, name)| name.table.as_str().to_owned()).collect();
        let schema = customer.schema.as_str().to_owned();
        let catalog: Catalog = read_catalogs(self.target, &[schema], &tables).await?;
        let parents: BTreeMap<TableName, BTreeSet<TableName>> = catalog
            .tables
            .iter()
            .map(|(name, table)| {
                (name.clone(), table.foreign_keys.iter().map(|key| key.parent.clone()).collect())
            })
            .collect();
        let nodes: Vec<TableName> = names.iter().map(|(_, name)| name.clone()).collect();
        let mut found = Vec::new();
        for name in parents_first(&nodes, &parents) {
            let Some(table) = catalog.tables.get(&name) else {
                anyhow::bail!("table {name} is not there, or this role may not see it");
            };
            anyhow::ensure!(!table.primary_key().is_empty(), "table {name} has no primary key any more");
            let own = names.iter().filter(|(_, own)| *own == name);
            found.extend(own.map(|(dataset, _)| (dataset.clone(), table.clone())));
        }
        Ok(found)
    }

    /// Finds out what each row is to become.
    async fn walk(&self, number: usize, dataset: String, table: Table) -> Result<Reverted, Error> {
        const DOING: &str = "reading the journal";
        let (variants, routes, places) = self.variants(&dataset, &table).await?;
        let columns = || table.columns.iter().filter(|column| !column.generated);
        let always =
            columns().filter(|column| matches!(column.default, ColumnDefault::Sequence { always: true, .. }));
        let mut chains = Chains {
            number,
            target: table.name.quoted(),
            whole: columns().map(|column| column.name.quoted()).collect(),
            always: always.map(|column| column.name.quoted()).collect(),
            key: table.primary_key().iter().map(Ident::quoted).collect(),
            variants,
            ops: Vec::new(),
            may_lock: table.privileges.update,
            links: self.links(&dataset).await?,
        };
        batch(self.target, DOING, &chains.prepare()).await?;
        let Parameters { sync, since, until, .. } = self.parameters;
        let params: [&(dyn ToSql + Sync); 7] = [sync, &self.name, &dataset, since, until, &routes, &places];
        query(self.target, DOING, &chains.take(), &params).await?;
        for row in query(self.target, DOING, &chains.deeds(), &[]).await? {
            let (op, place): (String, i32) = (row.get(0), row.get(1));
            let variant = usize::try_from(place - 1).ok().and_then(|place| chains.variants.get_mut(place));
            if let Some(variant) = variant.filter(|_| op.eq_ignore_ascii_case("u")) {
                variant.changes = true;
            }
            chains.ops.push(op);
        }
        batch(self.target, DOING, &chains.link()).await?;
        self.register(&dataset, &table, &chains).await?;
        let sql = format!("SELECT coalesce(max(chain), 0), coalesce(max(length), 0) FROM {}", chains.chain());
        let rows = query(self.target, DOING, &sql, &[]).await?;
        let (last, length) = rows.first().map_or((0, 0), |row| (row.get::<_, i32>(0), row.get::<_, i32>(1)));
        let steps = chains.walk(usize::try_from(length).unwrap_or(0));
        self.in_halves(&chains, &steps, last, "unread").await?;
        Ok(Reverted { dataset, table, chains, last })
    }

    /// The lists of columns that images have, and which route's images have which: routes, and for each its place, from 1.
    async fn variants(
        &self,
        dataset: &str,
        table: &Table,
    ) -> Result<(Vec<Variant>, Vec<i32>, Vec<i32>), Error> {
        let sql = "SELECT id, key_columns, image_columns FROM acequia.route WHERE sync = $1 AND to_customer = $2 AND dataset = $3";
        let params: [&(dyn ToSql + Sync); 3] = [&self.parameters.sync, &self.name, &dataset];
        let (mut variants, mut routes, mut places): (Vec<Variant>, _, _) =
            (Vec::new(), Vec::new(), Vec::new());
        for row in query(self.target, "reading who wrote", sql, &params).await? {
            let (key, columns): (Vec<String>, Vec<String>) = (row.get(1), row.get(2));
            let writable = |name: &String| {
                table.columns.iter().any(|column| column.name.as_str() == name && !column.generated)
            };
            let fits = table.primary_key().iter().map(Ident::as_str).eq(key.iter().map(String::as_str))
                && columns.iter().all(writable);
            let quoted =
                columns.iter().filter_map(|name| Ident::new(name).ok()).map(|name| name.quoted()).collect();
            let variant = Variant { columns: quoted, fits, changes: false };
            let place = variants.iter().position(|known| *known == variant).unwrap_or_else(|| {
                variants.push(variant);
                variants.len() - 1
            });
            routes.push(row.get(0));
            places.push(i32::try_from(place + 1).unwrap_or(i32::MAX));
        }
        Ok((variants, routes, places))
    }

    /// The crosswalks that link rows of this table: where a primary key is put back, they follow.
    async fn links(&self, dataset: &str) -> Result<Vec<String>, Error> {
        let sql = "SELECT from_customer FROM acequia.crosswalk WHERE to_customer = $1 AND dataset = $2";
        let rows = query(self.target, "looking for links", sql, &[&self.name, &dataset]).await?;
        let name = |row: &tokio_postgres::Row| {
            format!("acequia.{}", crosswalk_name([row.get(0), self.name, dataset]))
        };
        Ok(rows.iter().map(name).collect())
    }

    async fn register(&self, dataset: &str, table: &Table, chains: &Chains) -> Result<(), Error> {
        const DOING: &str = "registering a revert";
        let key = array_text(table.primary_key().iter().map(Ident::as_str));
        let names = |quoted: &[String]| {
            let all = table.columns.iter().filter(|column| quoted.contains(&column.name.quoted()));
            array_text(all.map(|column| column.name.as_str()))
        };
        let changed = names(&chains.changed());
        let writable: Vec<String> =
            chains.whole.iter().filter(|name| !chains.always.contains(name)).cloned().collect();
        for row in query(self.target, DOING, &chains.owners(), &[]).await? {
            let (flow, from): (&str, &str) = (row.get(0), row.get(1));
            for (kind, images) in
                [("changed", &changed), ("rewritten", &names(&writable)), ("whole", &names(&chains.whole))]
            {
                if images == "{}" {
                    continue;
                }
                let params: [&(dyn ToSql + Sync); 8] =
                    [&flow, &from, &self.parameters.sync, &self.name, &dataset, &key, images, &kind];
                query(self.target, DOING, &chains.register(), &params).await?;
            }
        }
        Ok(())
    }

    /// A number that was a row's is another row's by now: nothing is put back that would refer to it.
    async fn leave_strangers(&self, child: &Reverted, tables: &[Reverted]) -> Result<(), Error> {
        for link in &child.table.foreign_keys {
            let Some(parent) = tables.iter().find(|parent| parent.table.name == link.parent) else {
                continue;
            };
            let column = |name: &Ident| {
                let place = link.parent_columns.iter().position(|own| own == name)?;
                link.columns.get(place).map(Ident::quoted)
            };
            let columns: Option<Vec<String>> = parent.table.primary_key().iter().map(column).collect();
            if let Some(columns) = columns {
                let sql = child.chains.strangers(&parent.chains, &columns);
                batch(self.target, "looking at references", &sql).await?;
            }
        }
        Ok(())
    }

    /// Puts rows back, parents first, and takes away what an earlier revert had put back, children first: again while that
    /// makes room for others.
    async fn apply(&self, tables: &[Reverted]) -> Result<(), Error> {
        let mut left = usize::MAX;
        loop {
            for table in tables {
                self.in_halves(&table.chains, &table.chains.look(), table.last, "unread").await?;
            }
            for table in tables {
                self.leave_strangers(table, tables).await?;
            }
            for table in tables {
                self.in_halves(&table.chains, &table.chains.put_back(), table.last, "refused").await?;
            }
            for table in tables.iter().rev() {
                self.in_halves(&table.chains, &table.chains.take_away(), table.last, "refused").await?;
            }
            let mut refused = 0;
            for table in tables {
                let sql = format!("SELECT count(*) FROM {} WHERE {IN_THE_WAY}", table.chains.chain());
                let rows = query(self.target, "counting refusals", &sql, &[]).await?;
                refused += rows.first().map_or(0, |row| usize::try_from(row.get::<_, i64>(0)).unwrap_or(0));
            }
            if refused == 0 || refused >= left {
                return Ok(());
            }
            left = refused;
            for table in tables {
                let sql = format!("UPDATE {} SET outcome = NULL WHERE {IN_THE_WAY}", table.chains.chain());
                batch(self.target, "trying again", &sql).await?;
            }
        }
    }

    /// Runs statements over all chains; where the server refuses something, over halves.
    async fn in_halves(
        &self,
        chains: &Chains,
        steps: &[String],
        last: i32,
        outcome: &str,
    ) -> Result<(), Error> {
        const DOING: &str = "putting rows back";
        let mut ranges = if last > 0 { vec![(1, last)] } else { Vec::new() };
        while let Some((low, high)) = ranges.pop() {
            batch(self.target, DOING, "SAVEPOINT part").await?;
            let mut done = Ok(());
            for step in steps {
                done = if step.contains("$1") {
                    query(self.target, DOING, step, &[&low, &high]).await.map(|_| ())
                } else {
                    batch(self.target, DOING, step).await
                };
                if done.is_err() {
                    break;
                }
            }
            let Err(error) = done else {
                batch(self.target, DOING, "RELEASE SAVEPOINT part").await?;
                continue;
            };
            if error.fault() != Fault::Park {
                return Err(error);
            }
            batch(self.target, DOING, "ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part").await?;
            if low < high {
                let middle = low + (high - low) / 2;
                ranges.extend([(middle + 1, high), (low, middle)]);
                continue;
            }
            let sql = format!(
                "UPDATE {} SET outcome = $2, sqlstate = $3, object = $4 WHERE chain = $1 AND outcome IS NULL",
                chains.chain()
            );
            let sqlstate = error.sqlstate().map(|state| state.as_str().to_owned());
            let object = error.refusal().and_then(object);
            query(self.target, DOING, &sql, &[&low, &outcome, &sqlstate, &object]).await?;
        }
        Ok(())
    }

    async fn outcomes(&self, table: &Reverted) -> Result<Vec<Outcome>, Error> {
        let sql = format!(
            "SELECT coalesce(outcome, 'swallowed'), sqlstate, object, count(*), (array_agg(key ORDER BY chain))[1:1000] FROM {} \
             GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3",
            table.chains.chain()
        );
        let rows = query(self.target, "counting what was put back", &sql, &[]).await?;
        let outcome = |row: &tokio_postgres::Row| Outcome {
            what: row.get(0),
            sqlstate: row.get(1),
            object: row.get(2),
            rows: row.get(3),
            keys: row.get(4),
        };
        Ok(rows.iter().map(outcome).collect())
    }

    /// Who did it, and how much.
    async fn audit(&self, reports: &[TableReport]) -> Result<(), Error> {
        let Parameters { sync, customer, dataset, since, until } = self.parameters;
        let tables: Vec<_> = reports.iter().map(|report| report.as_json(false)).collect();
        let detail = serde_json::json!({ "sync": sync, "reverted": self.name, "customer": customer, "dataset": dataset,
                                         "since": since, "until": until, "tables": tables });
        audit::record(self.target, "journal reverted", &detail).await.map(|_| ())
    }
}

/// Another row stands in the way, or is missing still: that may be over when others are put back.
const IN_THE_WAY: &str = "(outcome IN ('taken', 'stranger') OR outcome = 'refused' AND sqlstate LIKE '23%')";

/// What a refusal is about.
fn object(refusal: &Refusal) -> Option<String> {
    let named =
        [("constraint", &refusal.constraint), ("column", &refusal.column), ("type", &refusal.datatype)];
    named.into_iter().find_map(|(kind, name)| name.as_ref().map(|name| format!("{kind} {name}")))
}

async fn query(
    session: &Session,
    doing: &str,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<tokio_postgres::Row>, Error> {
    session.query(sql, params).await.map_err(|error| Error::from_driver(doing, &error))
}

async fn batch(session: &Session, doing: &str, sql: &str) -> Result<(), Error> {
    session.batch_execute(sql).await.map_err(|error| Error::from_driver(doing, &error))
}
