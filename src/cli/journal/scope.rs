//! Whose entries of the journal, or of the history, are meant.

use std::cmp::Reverse;
use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::moment::Moment;
use crate::cli::console::session;
use crate::cli::flows::has_control;
use crate::cli::parked::known;
use crate::config::{Config, Database};
use crate::name::{CustomerName, DatasetName, SyncName};
use crate::postgres::{Error, Session};

/// What is left out means all.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Scope {
    /// Only what this sync group wrote
    #[arg(long, value_name = "NAME")]
    pub(super) sync: Option<String>,
    /// Only this customer's rows
    #[arg(long, value_name = "NAME")]
    pub(super) customer: Option<String>,
    /// Only this data set's
    #[arg(long, value_name = "NAME")]
    pub(super) dataset: Option<String>,
    /// From then on: 30m, 2h, 3d ago, or a time such as "2026-11-22 13:00"
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<Moment>,
    /// Before then
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<Moment>,
}

/// The entries of a scope, `j`, and their routes, `r`; `$1` to `$5` are [`Parameters`].
pub(super) const ENTRIES: &str = "FROM acequia.journal j JOIN acequia.route r ON r.id = j.route \
    WHERE ($1::text IS NULL OR r.sync = $1) AND ($2::text IS NULL OR r.to_customer = $2) AND ($3::text IS NULL OR r.dataset = $3) \
    AND ($4::text IS NULL OR j.at >= $4::text::timestamptz) AND ($5::text IS NULL OR j.at < $5::text::timestamptz)";

/// A scope as one database understands it.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    pub(super) sync: Option<String>,
    pub(super) customer: Option<String>,
    pub(super) dataset: Option<String>,
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
}

impl Parameters {
    /// As parameters of a statement.
    pub(crate) fn list(&self) -> [&(dyn ToSql + Sync); 5] {
        [&self.sync, &self.customer, &self.dataset, &self.since, &self.until]
    }
}

impl Scope {
    /// Sessions of a command with the databases that may have something to say, each with the scope's parameters there.
    pub(crate) async fn open(
        &self,
        config: &Config,
        command: &str,
    ) -> Result<Vec<(Session, Parameters)>, Error> {
        let mut opened = Vec::new();
        for database in self.databases(config) {
            let target = session(database, command).await?;
            if !has_control(&target).await? {
                continue;
            }
            let (mut since, mut until) = (None, None);
            for (moment, text) in [(self.since, &mut since), (self.until, &mut until)] {
                if let Some(moment) = moment {
                    *text = Some(moment.text(&target).await?);
                }
            }
            let (sync, customer, dataset) = (self.sync.clone(), self.customer.clone(), self.dataset.clone());
            opened.push((target, Parameters { sync, customer, dataset, since, until }));
        }
        Ok(opened)
    }

    /// The customer's own, else all where customers live: what a rule wrote that is gone is there too.
    fn databases<'a>(&self, config: &'a Config) -> Vec<&'a Database> {
        let is_meant =
            |customer: &CustomerName| self.customer.as_deref().is_none_or(|name| name == customer.as_str());
        let living = config.customers.values().filter(|customer| is_meant(&customer.name));
        let mut names: Vec<_> = living.map(|customer| &customer.database).collect();
        if names.is_empty() {
            names = config.databases.keys().collect();
        }
        names.sort();
        names.dedup();
        names.into_iter().filter_map(|name| config.databases.get(name)).collect()
    }

    /// The latest rows of all these databases by the moment in the column `by`, at most `limit`. `$1` to `$5` of the question are
    /// the scope, `$6` the limit, and `more` comes behind.
    pub(crate) async fn latest(
        &self,
        config: &Config,
        command: &str,
        (sql, more): (&str, &[&(dyn ToSql + Sync)]),
        (by, limit): (&str, i64),
    ) -> anyhow::Result<Vec<Row>> {
        let mut rows: Vec<Row> = Vec::new();
        for (target, scope) in self.open(config, command).await? {
            let mut params = scope.list().to_vec();
            params.push(&limit);
            params.extend(more);
            let found = target.query(sql, &params).await;
            rows.extend(found.map_err(|error| Error::from_driver(format!("reading the {command}"), &error))?);
        }
        if rows.is_empty() {
            self.expect_known(config)?;
        }
        rows.sort_by_key(|row| Reverse(row.get::<_, SystemTime>(by)));
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(rows)
    }

    /// Where nothing was found: a name that is mistyped must not look like one of which nothing is there.
    pub(crate) fn expect_known(&self, config: &Config) -> anyhow::Result<()> {
        known("customer", self.customer.as_deref(), config.customers.keys().map(CustomerName::as_str))?;
        known(
            "sync group",
            self.sync.as_deref(),
            config.syncs.iter().map(|sync| SyncName::as_str(&sync.name)),
        )?;
        known("data set", self.dataset.as_deref(), config.datasets.keys().map(DatasetName::as_str))
    }
}
