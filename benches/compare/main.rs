//! The comparison with PostgreSQL's own subscriptions: `cargo bench`, or `make bench`.
//!
//! Both sides get the same changes from the same throw-away servers, one after the other. What counts is their ratio:
//! rates depend on the machine, and on what else it does. Nothing here passes or fails by its speed, but a run ends with
//! an error when a customer does not have exactly what the source has.
//!
//! Drain rate: the slots exist and the consumer is stopped while a backlog is written; then it is started, and the
//! time runs until the backlog's last row can be seen in the last customer. Start-up is part of it, on both sides.
//! Latency: from the return of the writer's commit to the moment a reader sees the row in the last customer.

mod acequia;
mod choice;
mod cluster;
mod comparison;
mod consumer;
mod copy;
mod drain;
mod dump;
mod fleet;
mod latency;
mod native;
mod report;
mod reporting;
mod session;
mod source;
mod table;
mod workload;

use clap::Parser as _;

use choice::Choice;
use cluster::{Cluster, Servers};
use consumer::Side;
use drain::Case;
use report::Report;
use session::Session;
use workload::Workload;

/// A row of the memory test's table: one huge transaction to so many customers.
const MEMORY_CUSTOMERS: u32 = 3;

fn main() {
    let choice = Choice::parse();
    cluster::end_with_parent();
    let source = Cluster::start("source");
    let apart = choice.apart.then(|| Cluster::start("target"));
    let servers = Servers { source: &source, target: apart.as_ref().unwrap_or(&source) };
    let mut report = Report::new(&server_version(&source), &choice);
    drains(&servers, &choice, &mut report);
    latencies(&servers, &choice, &mut report);
    memory(&servers, &choice, &mut report);
    comparisons(&servers, &choice, &mut report);
    copies(&servers, &choice, &mut report);
    snapshots(&source, &choice, &mut report);
    customers(&source, &choice, &mut report);
    print!("{report}");
}

fn server_version(cluster: &Cluster) -> String {
    Session::open(cluster, "postgres").value("SELECT current_setting('server_version')")
}

fn drains(servers: &Servers<'_>, choice: &Choice, report: &mut Report) {
    for workload in choice.workloads() {
        for &shape in &choice.shape {
            for &targets in &choice.targets {
                let case = Case { workload, shape, targets, scale: choice.scale };
                let [acequia, native] = Side::BOTH.map(|side| {
                    choice.has(side).then(|| drain::median(servers, &case, side, choice.runs)).flatten()
                });
                report.drain(&case, acequia, native);
            }
        }
    }
}

fn latencies(servers: &Servers<'_>, choice: &Choice, report: &mut Report) {
    let Some(&shape) = choice.shape.first().filter(|_| choice.wants_latency()) else { return };
    for &targets in &choice.targets {
        let [acequia, native] = Side::BOTH.map(|side| {
            choice.has(side).then(|| latency::median(servers, side, shape, targets, choice)).flatten()
        });
        report.latency(shape, targets, acequia, native);
    }
}

fn memory(servers: &Servers<'_>, choice: &Choice, report: &mut Report) {
    if !choice.wants_memory() || !choice.has(Side::Acequia) {
        return;
    }
    for &shape in &choice.shape {
        let workload = Workload::OneTransaction;
        let case = Case { workload, shape, targets: MEMORY_CUSTOMERS, scale: choice.scale };
        if let Some(drained) = drain::median(servers, &case, Side::Acequia, choice.runs) {
            report.memory(&case, &drained);
        }
    }
}

fn comparisons(servers: &Servers<'_>, choice: &Choice, report: &mut Report) {
    if !choice.wants_comparison() || !choice.has(Side::Acequia) {
        return;
    }
    for &shape in &choice.shape {
        report.comparison(shape, &comparison::measure(servers, shape, choice.scale));
    }
}

fn copies(servers: &Servers<'_>, choice: &Choice, report: &mut Report) {
    if !choice.wants_backfill() || !choice.has(Side::Acequia) {
        return;
    }
    for &shape in &choice.shape {
        report.copy(shape, &copy::measure(servers, shape, choice.scale));
    }
}

fn snapshots(source: &Cluster, choice: &Choice, report: &mut Report) {
    if !choice.wants_snapshots() || !choice.has(Side::Acequia) {
        return;
    }
    for dumped in dump::measure(source, choice.scale) {
        report.dump(&dumped);
    }
    for loaded in reporting::measure(source, choice.scale) {
        report.load(&loaded);
    }
    for held in dump::memory(source, choice.scale) {
        report.dump_memory(&held);
    }
}

fn customers(source: &Cluster, choice: &Choice, report: &mut Report) {
    if choice.wants_customers() {
        for &customers in &choice.fleet {
            report.customers(&fleet::measure(source, customers));
        }
    }
}
