//! Drain rate: a backlog is made first, then consumed.

use std::time::Instant;

use super::choice::Scale;
use super::cluster::Servers;
use super::consumer::{Side, verify, wait_for_row};
use super::session::Session;
use super::source::Source;
use super::table::{Shape, Table};
use super::workload::Workload;

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) workload: Workload,
    pub(crate) shape: Shape,
    pub(crate) targets: u32,
    pub(crate) scale: Scale,
}

/// What one side did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drained {
    /// From the start of the consumer to the last row in the last customer.
    pub(crate) seconds: f64,
    /// The part of it before the stream began, where that can be seen.
    pub(crate) start_up_seconds: Option<f64>,
    /// The largest memory of the consumer, where it is a process of its own.
    pub(crate) peak_mib: Option<f64>,
}

impl Case {
    /// Rows written into customers in a second.
    pub(crate) fn rate(&self, drained: &Drained) -> f64 {
        f64::from(self.workload.size(self.scale).changes()) * f64::from(self.targets) / drained.seconds
    }

    pub(crate) fn title(&self) -> String {
        self.workload.title(self.scale)
    }
}

/// The median of several runs.
pub(crate) fn median(servers: &Servers<'_>, case: &Case, side: Side, runs: u32) -> Option<Drained> {
    let mut drained: Vec<_> = (0..runs).map(|_| run(servers, case, side)).collect();
    drained.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    drained.get(drained.len() / 2).copied()
}

fn run(servers: &Servers<'_>, case: &Case, side: Side) -> Drained {
    let Case { workload, shape, targets, scale } = *case;
    eprintln!("{}, {}, {targets} customers, {}", case.title(), shape.word(), side.word());
    let source = Source::create(servers.source, Table { shape, has_remark: workload.has_remark() });
    let mut consumer = side.create(servers, &source, targets);
    consumer.start();
    // What is there before comes the same way, so that rows are linked as they are after a while of use.
    source.seed(workload, scale);
    source.insert("first");
    wait_for_row(&mut *consumer, servers.target, "first");
    consumer.stop();
    if workload.size(scale).seed > 0 {
        let places = consumer.places().iter().map(|place| &place.session);
        places.chain([&source.session]).for_each(|session| session.execute("VACUUM ANALYZE"));
    }
    source.write(workload, scale);
    source.insert("last");
    checkpoint(servers);

    let begun = Instant::now();
    consumer.start();
    wait_for_row(&mut *consumer, servers.target, "last");
    let seconds = begun.elapsed().as_secs_f64();

    let drained = Drained {
        seconds,
        start_up_seconds: consumer.start_up().map(|start_up| start_up.as_secs_f64()),
        peak_mib: consumer.peak_kib().map(|kib| f64::from(kib) / 1024.0),
    };
    eprintln!(
        "  consumed in {seconds:.2} s: {:.1} thousand customer rows per second",
        case.rate(&drained) / 1000.0
    );
    verify(&*consumer, &source);
    consumer.finish();
    source.finish();
    drained
}

/// Both sides start from the same state of the servers' buffers.
fn checkpoint(servers: &Servers<'_>) {
    for cluster in [servers.source, servers.target] {
        Session::open(cluster, "postgres").execute("CHECKPOINT");
    }
}
