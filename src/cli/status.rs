//! `acequia status`: how far every flow and every customer is, from the databases and the daemon's own state file.

use serde_json::{Value, json};

use super::console::{Exit, Output, session};
use super::table::{bytes, table};
use crate::catalog::Slot;
use crate::config::Config;
use crate::lsn::Lsn;
use crate::ops::{self, DaemonState, FlowState};
use crate::postgres::{self, Session};
use crate::rules::Flow;

/// A state file older than this was written by a daemon that hangs or is gone.
const STATE_MAX_AGE_SECONDS: i64 = 5;

/// One flow as it is told.
struct FlowReport {
    flow: Flow,
    state: String,
    reason: Option<String>,
    lag_bytes: Option<i64>,
    lag_seconds: Option<f64>,
    retained_bytes: Option<i64>,
    applied: Option<String>,
    commit_time: Option<String>,
    customers: Vec<CustomerReport>,
}

struct CustomerReport {
    customer: String,
    created: i64,
    updated: i64,
    deleted: i64,
    skipped: i64,
    parked: i64,
    oldest_parked_seconds: Option<f64>,
    last_at: Option<String>,
}

pub(super) async fn status(config: &Config, output: Output) -> anyhow::Result<Exit> {
    let daemon = ops::read(&config.daemon.runtime_directory).ok().flatten();
    let mut reports = Vec::new();
    for flow in Flow::all(config) {
        reports.push(report(config, flow, daemon.as_ref()).await?);
    }
    match output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&as_json(&reports, daemon.as_ref()))?),
        Output::Text => print_text(&reports, daemon.as_ref()),
    }
    Ok(Exit::Done)
}

fn is_fresh(daemon: &DaemonState) -> bool {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    i64::try_from(now).unwrap_or(i64::MAX) - daemon.written_at <= STATE_MAX_AGE_SECONDS
}

async fn report(config: &Config, flow: Flow, daemon: Option<&DaemonState>) -> anyhow::Result<FlowReport> {
    let own: Option<&FlowState> =
        daemon.and_then(|daemon| daemon.flows.iter().find(|state| state.name == flow.name));
    let state = match (daemon, own) {
        (Some(daemon), Some(own)) if is_fresh(daemon) => own.state.as_str().to_owned(),
        _ => "stopped".to_owned(),
    };
    let source = session(&config.databases[&flow.source], "status").await?;
    let slot = Slot::read(&source, &flow.slot).await?;
    let target = session(&config.databases[&flow.target], "status").await?;
    let checkpoint = checkpoint(&target, &flow.name).await?;
    let lag_bytes = match &checkpoint {
        Some((applied, _)) => behind(&source, *applied).await?,
        None => None,
    };
    let running = state != "stopped";
    Ok(FlowReport {
        reason: own.filter(|_| running).and_then(|own| own.reason.clone()),
        lag_seconds: own.filter(|_| running).map(|own| own.lag_seconds),
        state,
        lag_bytes,
        retained_bytes: slot.and_then(|slot| slot.retained_bytes),
        applied: checkpoint.as_ref().map(|(lsn, _)| lsn.to_string()),
        commit_time: checkpoint.and_then(|(_, time)| time),
        customers: customers(&target, &flow).await?,
        flow,
    })
}

/// WAL that the source has written since a position.
async fn behind(source: &Session, applied: Lsn) -> anyhow::Result<Option<i64>> {
    let sql = "SELECT greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), $1::text::pg_lsn), 0)::int8";
    let row = source
        .query_one(sql, &[&applied.to_string()])
        .await
        .map_err(|error| postgres::Error::from_driver("measuring the lag", &error))?;
    Ok(row.get(0))
}

async fn checkpoint(target: &Session, flow: &str) -> anyhow::Result<Option<(Lsn, Option<String>)>> {
    if !has_control(target).await? {
        return Ok(None);
    }
    let row = target
        .query_opt(
            "SELECT lsn::text, to_char(commit_time, 'YYYY-MM-DD HH24:MI:SSOF') FROM acequia.checkpoint \
             WHERE flow = $1 AND state = 'live'",
            &[&flow],
        )
        .await
        .map_err(|error| postgres::Error::from_driver("reading the checkpoint", &error))?;
    Ok(row.and_then(|row| Some((row.get::<_, &str>(0).parse().ok()?, row.get(1)))))
}

pub(super) async fn has_control(target: &Session) -> anyhow::Result<bool> {
    let row = target
        .query_one("SELECT to_regclass('acequia.parked') IS NOT NULL", &[])
        .await
        .map_err(|error| postgres::Error::from_driver("looking for the control schema", &error))?;
    Ok(row.get(0))
}

async fn customers(target: &Session, flow: &Flow) -> anyhow::Result<Vec<CustomerReport>> {
    if !has_control(target).await? {
        return Ok(Vec::new());
    }
    let rows = target
        .query(include_str!("../../sql/control/status.sql"), &[&flow.name])
        .await
        .map_err(|error| postgres::Error::from_driver("reading what was written", &error))?;
    let customer = |row: &tokio_postgres::Row| CustomerReport {
        customer: row.get(0),
        created: row.get(1),
        updated: row.get(2),
        deleted: row.get(3),
        skipped: row.get(4),
        parked: row.get(5),
        oldest_parked_seconds: row.get(6),
        last_at: row.get(7),
    };
    Ok(rows.iter().map(customer).collect())
}

fn as_json(reports: &[FlowReport], daemon: Option<&DaemonState>) -> Value {
    let flows = reports.iter().map(|report| {
        let customers = report.customers.iter().map(|customer| {
            json!({ "customer": customer.customer, "created": customer.created, "updated": customer.updated,
                    "deleted": customer.deleted, "skipped": customer.skipped, "parked": customer.parked,
                    "oldest_parked_seconds": customer.oldest_parked_seconds, "last_at": customer.last_at })
        });
        json!({ "name": report.flow.name, "source": report.flow.source.as_str(), "target": report.flow.target.as_str(),
                "slot": report.flow.slot, "state": report.state, "reason": report.reason, "lag_bytes": report.lag_bytes,
                "lag_seconds": report.lag_seconds, "retained_wal_bytes": report.retained_bytes,
                "applied_lsn": report.applied, "commit_time": report.commit_time,
                "customers": customers.collect::<Vec<_>>() })
    });
    let daemon = daemon.filter(|daemon| is_fresh(daemon));
    json!({ "daemon": daemon.map(|daemon| json!({ "pid": daemon.pid, "version": daemon.version,
            "config_sha256": daemon.config_sha256 })), "flows": flows.collect::<Vec<_>>() })
}

fn print_text(reports: &[FlowReport], daemon: Option<&DaemonState>) {
    match daemon.filter(|daemon| is_fresh(daemon)) {
        Some(daemon) => println!("acequia {} runs as process {}", daemon.version, daemon.pid),
        None => println!("no daemon runs on this host with this runtime directory"),
    }
    for report in reports {
        println!("\nflow {}: {}", report.flow.name, report.state);
        if let Some(reason) = &report.reason {
            println!("  {reason}");
        }
        let seconds = report.lag_seconds.map_or_else(String::new, |seconds| format!(", {seconds:.1} s"));
        if let Some(lag) = report.lag_bytes {
            println!("  behind      {}{seconds}", bytes(lag));
        }
        if let Some(retained) = report.retained_bytes {
            println!("  WAL kept    {} by slot {}", bytes(retained), report.flow.slot);
        }
        if let Some(applied) = &report.applied {
            let time =
                report.commit_time.as_deref().map_or_else(String::new, |time| format!(", committed {time}"));
            println!("  applied     {applied}{time}");
        }
        if report.customers.is_empty() {
            continue;
        }
        let rows = report.customers.iter().map(|customer| {
            let oldest =
                customer.oldest_parked_seconds.map_or_else(|| "-".to_owned(), |age| format!("{age:.0} s"));
            vec![
                customer.customer.clone(),
                customer.created.to_string(),
                customer.updated.to_string(),
                customer.deleted.to_string(),
                customer.skipped.to_string(),
                customer.parked.to_string(),
                oldest,
                customer.last_at.clone().unwrap_or_else(|| "-".to_owned()),
            ]
        });
        let headings =
            ["customer", "created", "updated", "deleted", "skipped", "parked", "oldest", "last written"];
        println!("\n{}", table(&headings, rows.collect(), &[1, 2, 3, 4, 5, 6]));
    }
}
