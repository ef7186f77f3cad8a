//! Flows and customers as `acequia status` tells them: what the daemon says of them, and what their databases know.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use tokio_postgres::Row;

use super::beside::{Beside, now_seconds};
use super::console::session;
use super::copies::{CopyReport, copies};
use super::holds::{HoldReport, holds};
use crate::catalog::Slot;
use crate::config::{Config, Database};
use crate::lsn::Lsn;
use crate::name::{CustomerName, DatabaseName};
use crate::ops::{DaemonState, FlowState, Phase, Verified};
use crate::postgres::{self, Session};
use crate::rules::Flow;

const STATUS: &str = include_str!("../../sql/control/status.sql");
const LACKING: &str = include_str!("../../sql/control/lacking.sql");

/// Why a customer is stale that lacks nothing which has come to the target.
const LAG: &str = "lag";

/// One flow as it is told.
pub(super) struct FlowReport {
    pub(super) flow: Flow,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    /// Where rules begin that were reloaded.
    pub(super) new_rules_from: Option<String>,
    pub(super) rests: bool,
    pub(super) lag_bytes: Option<i64>,
    pub(super) lag_seconds: Option<f64>,
    /// Nothing where nobody knows.
    pub(super) stale_seconds: Option<f64>,
    pub(super) retained_bytes: Option<i64>,
    pub(super) applied: Option<Lsn>,
    /// What a streaming daemon with nothing in flight has received.
    idle_at: Lsn,
    pub(super) commit_time: Option<String>,
    pub(super) customers: Vec<CustomerReport>,
    pub(super) holds: Vec<HoldReport>,
    pub(super) copies: Vec<CopyReport>,
    pub(super) verified: Option<Verified>,
    /// A database that could not be asked, and why: what only it knows is missing here.
    pub(super) unknown: Option<postgres::Error>,
}

pub(super) struct CustomerReport {
    pub(super) customer: String,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) deleted: i64,
    pub(super) skipped: i64,
    pub(super) parked: i64,
    pub(super) oldest_parked_seconds: Option<f64>,
    pub(super) last_at: Option<String>,
    /// Age and reason of the oldest that it lacks though its flow has come further.
    pub(super) missing: Option<(f64, String)>,
    /// The rules give it something.
    pub(super) is_given: bool,
}

impl CustomerReport {
    pub(super) fn written(&self) -> i64 {
        self.created + self.updated + self.deleted
    }

    /// One that nothing has been written for so far.
    fn new(customer: String) -> Self {
        Self {
            customer,
            created: 0,
            updated: 0,
            deleted: 0,
            skipped: 0,
            parked: 0,
            oldest_parked_seconds: None,
            last_at: None,
            missing: None,
            is_given: true,
        }
    }

    /// Seconds since the oldest commit of the source that it lacks, nothing where nobody knows or the rules give it nothing; and
    /// why, if it lacks something.
    pub(super) fn stale(&self, flow: Option<f64>) -> (Option<f64>, Option<&str>) {
        if !self.is_given {
            return (None, None);
        }
        match &self.missing {
            Some((age, reason)) if flow.is_none_or(|flow| flow <= *age) => (Some(*age), Some(reason)),
            _ => (flow, flow.filter(|flow| *flow > 0.0).map(|_| LAG)),
        }
    }
}

impl FlowReport {
    /// A flow that rests and has never begun is nothing to tell of.
    pub(super) fn is_something(&self) -> bool {
        !self.rests || self.applied.is_some()
    }
}

/// How old what the daemon said is, in seconds.
#[expect(clippy::cast_precision_loss, reason = "an age in seconds")]
pub(super) fn seconds_ago(daemon: &DaemonState) -> f64 {
    (now_seconds() - daemon.written_at).max(0) as f64
}

/// What the daemon itself says. A state file of a daemon that is gone counts for nothing.
pub(super) fn from_daemon(flow: Flow, beside: &Beside, rests: bool) -> FlowReport {
    let state = beside.state_of(&flow.name).to_owned();
    let own: Option<&FlowState> =
        beside.daemon().and_then(|daemon| daemon.flows.iter().find(|state| state.name == flow.name));
    FlowReport {
        flow,
        state,
        reason: own.and_then(|own| own.reason.clone()),
        new_rules_from: own.and_then(|own| own.new_rules_from.clone()),
        rests,
        lag_bytes: None,
        lag_seconds: own.map(|own| own.lag_seconds),
        stale_seconds: own
            .zip(beside.daemon())
            .and_then(|(own, daemon)| own.stale_seconds(seconds_ago(daemon))),
        retained_bytes: None,
        applied: None,
        idle_at: own
            .filter(|own| own.state == Phase::Streaming && own.lag_seconds <= 0.0)
            .and_then(|own| own.received_lsn.parse().ok())
            .unwrap_or(Lsn::ZERO),
        commit_time: None,
        customers: Vec::new(),
        holds: Vec::new(),
        copies: Vec::new(),
        verified: own.and_then(|own| own.verified.clone()),
        unknown: None,
    }
}

/// Which database of a flow is asked.
#[derive(Clone, Copy)]
enum Side {
    Target,
    Source,
}

/// What the databases know, the targets first: a source that is down must not hide what the customers have.
pub(super) async fn from_databases(config: &Config, reports: &mut [FlowReport]) {
    for side in [Side::Target, Side::Source] {
        let mut flows: BTreeMap<DatabaseName, Vec<&mut FlowReport>> = BTreeMap::new();
        for report in reports.iter_mut().filter(|report| report.unknown.is_none()) {
            let name = match side {
                Side::Target => &report.flow.target,
                Side::Source => &report.flow.source,
            };
            flows.entry(name.clone()).or_default().push(report);
        }
        let asked = flows.into_iter().map(|(name, flows)| ask(config, &config.databases[&name], side, flows));
        join_all(asked).await;
    }
}

/// Asks a database for all its flows over one session. Where it does not answer once it is asked no more: each question would
/// be waited for as long again.
async fn ask(config: &Config, database: &Database, side: Side, flows: Vec<&mut FlowReport>) {
    let here = match session(database, "status").await {
        Ok(here) => here,
        Err(error) => {
            for report in flows {
                report.unknown = Some(error.clone());
            }
            return;
        }
    };
    let doing = format!("asking database `{}`", database.name);
    let mut silent: Option<postgres::Error> = None;
    for report in flows {
        if silent.is_none() {
            let asked = async {
                match side {
                    Side::Target => from_target(config, &here, report).await,
                    Side::Source => from_source(&here, report).await,
                }
            };
            let failed = postgres::in_time(&doing, asked).await.err();
            silent = failed.clone().filter(|error| error.kind().is_unreachable());
            report.unknown = failed;
        } else {
            report.unknown.clone_from(&silent);
        }
    }
}

async fn from_target(
    config: &Config,
    target: &Session,
    report: &mut FlowReport,
) -> Result<(), postgres::Error> {
    let flow = &report.flow;
    if !has_control(target).await? {
        return Ok(());
    }
    let checkpoint = checkpoint(target, &flow.name).await?;
    report.customers = customers(target, flow, &flow.customers(config)).await?;
    if let Some((applied, commit_time)) = checkpoint {
        report.holds = holds(target, &flow.name).await?;
        report.copies = copies(target, &flow.name, [None; 3]).await?;
        (report.applied, report.commit_time) = (Some(applied), commit_time);
    }
    Ok(())
}

async fn from_source(source: &Session, report: &mut FlowReport) -> Result<(), postgres::Error> {
    let slot = Slot::read(source, &report.flow.slot).await?;
    report.retained_bytes = slot.and_then(|slot| slot.retained_bytes);
    if let Some(applied) = report.applied {
        // With nothing in flight all that was received is applied, also what needed no write.
        report.lag_bytes = behind(source, applied.max(report.idle_at)).await?;
    }
    Ok(())
}

/// WAL that the source has written since a position.
async fn behind(source: &Session, applied: Lsn) -> Result<Option<i64>, postgres::Error> {
    let sql = "SELECT greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), $1::text::pg_lsn), 0)::int8";
    let row = source
        .query_one(sql, &[&applied.to_string()])
        .await
        .map_err(|error| postgres::Error::from_driver("measuring the lag", &error))?;
    Ok(row.get(0))
}

async fn checkpoint(target: &Session, flow: &str) -> Result<Option<(Lsn, Option<String>)>, postgres::Error> {
    let row = target
        .query_opt(
            "SELECT lsn::text, to_char(commit_time, 'YYYY-MM-DD HH24:MI:SSOF') FROM acequia.checkpoint \
             WHERE flow = $1 AND state <> 'creating'",
            &[&flow],
        )
        .await
        .map_err(|error| postgres::Error::from_driver("reading the checkpoint", &error))?;
    Ok(row.and_then(|row| Some((row.get::<_, &str>(0).parse().ok()?, row.get(1)))))
}

pub(super) async fn has_control(target: &Session) -> Result<bool, postgres::Error> {
    let row = target
        .query_one("SELECT to_regclass('acequia.parked') IS NOT NULL", &[])
        .await
        .map_err(|error| postgres::Error::from_driver("looking for the control schema", &error))?;
    Ok(row.get(0))
}

async fn customers(
    target: &Session,
    flow: &Flow,
    given: &BTreeSet<CustomerName>,
) -> Result<Vec<CustomerReport>, postgres::Error> {
    let failed = |error| postgres::Error::from_driver("reading what was written", &error);
    let rows = target.query(STATUS, &[&flow.name]).await.map_err(failed)?;
    let customer = |row: &Row| CustomerReport {
        customer: row.get(0),
        created: row.get(1),
        updated: row.get(2),
        deleted: row.get(3),
        skipped: row.get(4),
        parked: row.get(5),
        oldest_parked_seconds: row.get(6),
        last_at: row.get(7),
        missing: row.get::<_, Option<f64>>(8).zip(row.get(9)),
        is_given: true,
    };
    let reports = rows.iter().map(customer).map(|report| (report.customer.clone(), report));
    let mut reports: BTreeMap<String, CustomerReport> = reports.collect();
    for row in target.query(LACKING, &[&flow.name]).await.map_err(failed)? {
        let name: String = row.get("to_customer");
        let report = reports.entry(name.clone()).or_insert_with(|| CustomerReport::new(name));
        let (age, reason): (f64, String) = (row.get("oldest"), row.get("reason"));
        if report.missing.as_ref().is_none_or(|(known, _)| *known < age) {
            report.missing = Some((age.max(0.0), reason));
        }
    }
    for report in reports.values_mut() {
        report.is_given = given.iter().any(|name| name.as_str() == report.customer);
    }
    Ok(reports.into_values().collect())
}
