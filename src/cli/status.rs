//! `acequia status`: how far every flow and every customer is, from the databases and the daemon's own state file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::beside::Beside;
use super::console::{Exit, Output, say};
use super::copies::CopyReport;
use super::dumps::{SnapshotReport, snapshots};
use super::flows::{CustomerReport, FlowReport, from_daemon, from_databases, seconds_ago};
use super::holds::HoldReport;
use super::table::{bytes, table};
use crate::config::Config;
use crate::daemon::{self, LeftBehind};
use crate::lsn::Lsn;
use crate::ops::{Health, Level, Phase, Verified};
use crate::rules::Flow;

/// All that is told at one moment.
pub(super) struct Look {
    flows: Vec<FlowReport>,
    running: Running,
}

/// Customers' rows written in a second, by flow and customer.
pub(super) type Rates<'a> = BTreeMap<(&'a str, &'a str), f64>;

pub(super) async fn status(directory: &Path, config: &Config, output: Output) -> anyhow::Result<Exit> {
    let look = look(directory, config).await;
    match output {
        Output::Json => say!("{}", serde_json::to_string_pretty(&look.as_json())?),
        Output::Text => look.print(None),
    }
    match look.flows.into_iter().find_map(|report| report.unknown) {
        None => Ok(Exit::Done),
        Some(error) => Err(error.into()),
    }
}

/// Asks the databases and reads what the daemon says.
pub(super) async fn look(directory: &Path, config: &Config) -> Look {
    let beside = Beside::look(&config.daemon.runtime_directory);
    let flows = Flow::all(config).into_iter().map(|flow| from_daemon(flow, &beside, false));
    // Those that rest too: their customers have what they have.
    let resting = Flow::resting(config).into_iter().map(|flow| from_daemon(flow, &beside, true));
    let mut reports: Vec<FlowReport> = flows.chain(resting).collect();
    let none = BTreeSet::new();
    let ((), left) = tokio::join!(from_databases(config, &mut reports), daemon::left_behind(config, &none));
    reports.retain(FlowReport::is_something);
    let snapshots = snapshots(config, beside.daemon());
    let running = Running { beside, on_disk: Config::sha256_of_files(directory), left, snapshots };
    Look { flows: reports, running }
}

impl Look {
    /// For programs.
    pub(super) fn as_json(&self) -> Value {
        as_json(&self.flows, &self.running)
    }

    /// For people.
    pub(super) fn print(&self, rates: Option<&Rates<'_>>) {
        print_text(&self.flows, &self.running, rates);
    }

    /// What went through since another look, `seconds` ago.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(super) fn rates_since<'a>(&'a self, before: &Self, seconds: f64) -> Rates<'a> {
        let written = |look: &Self, flow: &str, name: &str| {
            let flow = look.flows.iter().find(|report| report.flow.name == flow);
            let mut customers = flow.into_iter().flat_map(|report| &report.customers);
            customers.find(|customer| customer.customer == name).map_or(0, CustomerReport::written)
        };
        let mut rates = Rates::new();
        for report in &self.flows {
            for customer in &report.customers {
                let (flow, name) = (report.flow.name.as_str(), customer.customer.as_str());
                // After a resync they may be counted from anew.
                let rows = (customer.written() - written(before, flow, name)).max(0);
                rates.insert((flow, name), rows as f64 / seconds.max(0.001));
            }
        }
        rates
    }
}

/// What is told beside the flows.
struct Running {
    /// The daemon, if one runs.
    beside: Beside,
    /// SHA-256 of the files.
    on_disk: String,
    /// Flows that the files no longer have.
    left: Vec<LeftBehind>,
    snapshots: Vec<SnapshotReport>,
}

impl Running {
    /// The files are not what runs.
    fn is_changed(&self) -> bool {
        self.beside.daemon().is_some_and(|daemon| daemon.config_sha256 != self.on_disk)
    }

    /// … and the daemon has refused them.
    fn is_refused(&self) -> bool {
        self.beside.daemon().is_some_and(|daemon| daemon.refused_sha256.as_ref() == Some(&self.on_disk))
    }

    fn as_json(&self) -> Value {
        let daemon = match &self.beside {
            Beside::Daemon(daemon) => daemon,
            Beside::Nobody => return Value::Null,
            Beside::Unknown(why) => return json!({ "unknown": why }),
        };
        json!({ "pid": daemon.pid, "version": daemon.version, "config_sha256": daemon.config_sha256,
                "config_directory": daemon.config_directory, "loaded_at": daemon.loaded_at,
                "files_changed": self.is_changed(), "files_refused": self.is_refused(),
                "reloads": daemon.reloads_ended, "health": Health::judge(daemon, seconds_ago(daemon)) })
    }

    fn print(&self) {
        let daemon = match &self.beside {
            Beside::Daemon(daemon) => daemon,
            Beside::Nobody => {
                say!("no daemon runs on this host with this runtime directory");
                return;
            }
            Beside::Unknown(why) => {
                say!("{why}");
                return;
            }
        };
        let at = jiff::Timestamp::from_second(daemon.loaded_at)
            .map_or_else(|_| String::new(), |at| at.to_string());
        say!("acequia {} runs as process {}, by the rules that it read at {at}", daemon.version, daemon.pid);
        if self.is_changed() {
            say!(
                "  the rule files have changed since: `acequia reload --dry-run` says what, `acequia reload` takes it over"
            );
        }
        if self.is_refused() {
            say!("  they were refused: `acequia check` says why");
        }
        let health = Health::judge(daemon, seconds_ago(daemon));
        let problems = health.problems();
        if problems.is_empty() {
            say!("health: green");
        } else {
            say!("health: {}", if health.level() == Level::Fail { "RED" } else { "green, with warnings" });
        }
        // The word behind the flow's name is the one to look up in the runbook.
        for check in problems {
            say!("  {}", check.line());
        }
    }
}

/// What the daemon says of one flow.
pub(super) fn state_of_flow(config: &Config, name: &str) -> String {
    Beside::look(&config.daemon.runtime_directory).state_of(name).to_owned()
}

fn as_json(reports: &[FlowReport], running: &Running) -> Value {
    let flows = reports.iter().map(|report| {
        let customers = report.customers.iter().map(|customer| {
            let (stale, why) = customer.stale(report.stale_seconds);
            json!({ "customer": customer.customer, "created": customer.created, "updated": customer.updated,
                    "deleted": customer.deleted, "skipped": customer.skipped, "parked": customer.parked,
                    "oldest_parked_seconds": customer.oldest_parked_seconds,
                    "stale_seconds": stale, "stale_reason": why, "last_at": customer.last_at })
        });
        json!({ "name": report.flow.name, "source": report.flow.source.as_str(), "target": report.flow.target.as_str(),
                "slot": report.flow.slot, "state": report.state, "reason": report.reason, "new_rules_from": report.new_rules_from, "lag_bytes": report.lag_bytes,
                "lag_seconds": report.lag_seconds, "stale_seconds": report.stale_seconds, "retained_wal_bytes": report.retained_bytes,
                "applied_lsn": report.applied.as_ref().map(Lsn::to_string), "commit_time": report.commit_time,
                "unknown": report.unknown.as_ref().map(ToString::to_string),
                "verified": report.verified, "customers": customers.collect::<Vec<_>>(),
                "holds": report.holds.iter().map(HoldReport::as_json).collect::<Vec<_>>(),
                "copies": report.copies.iter().map(CopyReport::as_json).collect::<Vec<_>>() })
    });
    let left = running.left.iter().map(|left| {
        json!({ "flow": left.flow, "slot": left.slot, "source": left.source, "target": left.target.as_str(),
                "retained_wal_bytes": left.retained_bytes })
    });
    json!({ "daemon": running.as_json(), "flows": flows.collect::<Vec<_>>(), "left_behind": left.collect::<Vec<_>>(),
            "snapshots": running.snapshots.iter().map(SnapshotReport::as_json).collect::<Vec<_>>() })
}

fn print_text(reports: &[FlowReport], running: &Running, rates: Option<&Rates<'_>>) {
    running.print();
    for left in &running.left {
        say!("\n{}\n  {}", left.message(), left.remedy());
    }
    for report in reports {
        print_flow(report, rates);
    }
    running.snapshots.iter().for_each(SnapshotReport::print);
}

fn print_flow(report: &FlowReport, rates: Option<&Rates<'_>>) {
    say!("\nflow {}: {}", report.flow.name, report.state);
    if let Some(reason) = &report.reason {
        say!("  {reason}");
    }
    if report.state == Phase::Halted.as_str() {
        say!("  Mend it; the daemon looks again every 15 seconds.");
    }
    if let Some(from) = &report.new_rules_from {
        say!("  new rules   hold from {from} on; what committed before is written by the old ones first");
    }
    let seconds = report.lag_seconds.map_or_else(String::new, |seconds| format!(", {seconds:.1} s"));
    if let Some(lag) = report.lag_bytes {
        say!("  behind      {}{seconds}", bytes(lag));
    }
    if let Some(rates) = rates {
        let own = rates.iter().filter(|((flow, _), _)| *flow == report.flow.name);
        say!("  written     {:.1} rows/s", own.map(|(_, rate)| rate).sum::<f64>());
        // Who looks once is told of it at the end.
        if let Some(error) = &report.unknown {
            say!("  unknown     {error}");
        }
    }
    if let Some(retained) = report.retained_bytes {
        say!("  WAL kept    {} by slot {}", bytes(retained), report.flow.slot);
    }
    if let Some(applied) = &report.applied {
        let time =
            report.commit_time.as_deref().map_or_else(String::new, |time| format!(", committed {time}"));
        say!("  applied     {applied}{time}");
    }
    report.copies.iter().for_each(CopyReport::print);
    if let Some(Verified { at, differences }) = &report.verified {
        let time = jiff::Timestamp::from_second(*at).map_or_else(|_| String::new(), |time| time.to_string());
        say!("  verified    {time}, {differences} difference(s)");
    }
    report.holds.iter().for_each(HoldReport::print);
    if !report.customers.is_empty() {
        print_customers(report, rates);
    }
}

fn print_customers(report: &FlowReport, rates: Option<&Rates<'_>>) {
    let rows = report.customers.iter().map(|customer| {
        let oldest =
            customer.oldest_parked_seconds.map_or_else(|| "-".to_owned(), |age| format!("{age:.0} s"));
        let rate =
            rates.and_then(|rates| rates.get(&(report.flow.name.as_str(), customer.customer.as_str())));
        let mut row = vec![
            customer.customer.clone(),
            customer.created.to_string(),
            customer.updated.to_string(),
            customer.deleted.to_string(),
            customer.skipped.to_string(),
            customer.parked.to_string(),
            oldest,
            match customer.stale(report.stale_seconds) {
                _ if !customer.is_given => "-".to_owned(),
                (None, _) => "?".to_owned(),
                (Some(age), Some(why)) if age >= 0.5 => format!("{age:.0} s, {why}"),
                (Some(age), _) => format!("{age:.0} s"),
            },
        ];
        row.extend(rate.map(|rate| format!("{rate:.1}")));
        row.push(customer.last_at.clone().unwrap_or_else(|| "-".to_owned()));
        row
    });
    let mut headings =
        vec!["customer", "created", "updated", "deleted", "skipped", "parked", "oldest", "stale"];
    headings.extend(rates.map(|_| "rows/s"));
    headings.push("last written");
    say!("\n{}", table(&headings, rows.collect(), &[1, 2, 3, 4, 5, 6, 7, 8][..headings.len() - 2]));
}
