//! The table that is printed at the end: ratios first of all, the figures that they come from beside them.

use std::fmt;

use super::choice::{Choice, Scale};
use super::comparison::Compared;
use super::copy::Copied;
use super::drain::{Case, Drained};
use super::dump::{Dumped, Held};
use super::fleet::{DATA_SETS, Fleet};
use super::latency::Latency;
use super::table::Shape;

/// What the daemon's memory has to stay below while a huge transaction passes.
const MEMORY_LIMIT_MIB: f64 = 100.0 * 1000.0 * 1000.0 / 1024.0 / 1024.0;
/// Width of every column but the first.
const WIDTH: usize = 10;

/// Everything that was measured, as lines of cells.
pub(crate) struct Report {
    head: Vec<String>,
    drains: Vec<Vec<String>>,
    latencies: Vec<Vec<String>>,
    memory: Vec<Vec<String>>,
    comparisons: Vec<Vec<String>>,
    copies: Vec<Vec<String>>,
    dumps: Vec<Vec<String>>,
    loads: Vec<Vec<String>>,
    dump_memory: Vec<Vec<String>>,
    fleets: Vec<Vec<String>>,
}

impl Report {
    pub(crate) fn new(server_version: &str, choice: &Choice) -> Self {
        let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let servers = if choice.apart {
            "Source and customers have a server each."
        } else {
            "Source and customers are databases of one server."
        };
        let mut head = vec![
            format!(
                "Acequia {} beside native subscriptions of PostgreSQL {server_version}, {processors} processors.",
                env!("CARGO_PKG_VERSION")
            ),
            format!("{servers} It runs without fsync, for both sides alike: the disk is not compared."),
            format!(
                "Median of {} run(s) each. After every run, all customers equalled the source.",
                choice.runs
            ),
        ];
        if choice.scale != Scale::FULL {
            head.push("The backlogs have not their full size: a quick look, no measurement.".to_owned());
        }
        Self {
            head,
            drains: Vec::new(),
            latencies: Vec::new(),
            memory: Vec::new(),
            comparisons: Vec::new(),
            copies: Vec::new(),
            dumps: Vec::new(),
            loads: Vec::new(),
            dump_memory: Vec::new(),
            fleets: Vec::new(),
        }
    }

    pub(crate) fn drain(&mut self, case: &Case, acequia: Option<Drained>, native: Option<Drained>) {
        let rate = |drained: &Drained| case.rate(drained);
        let ratio = acequia.as_ref().zip(native.as_ref()).map(|(ours, theirs)| rate(ours) / rate(theirs));
        self.drains.push(vec![
            case.title(),
            case.shape.word().to_owned(),
            case.targets.to_string(),
            cell(acequia.as_ref().map(|drained| rate(drained) / 1000.0), 1, ""),
            cell(native.as_ref().map(|drained| rate(drained) / 1000.0), 1, ""),
            cell(ratio, 2, "x"),
            cell(acequia.and_then(|drained| drained.start_up_seconds), 2, " s"),
            cell(acequia.and_then(|drained| drained.peak_mib), 1, " MiB"),
        ]);
    }

    pub(crate) fn latency(
        &mut self,
        shape: Shape,
        targets: u32,
        acequia: Option<Latency>,
        native: Option<Latency>,
    ) {
        let ratio = acequia.zip(native).map(|(ours, theirs)| ours.p99_ms / theirs.p99_ms);
        self.latencies.push(vec![
            "50 changes a second".to_owned(),
            shape.word().to_owned(),
            targets.to_string(),
            cell(acequia.map(|latency| latency.p50_ms), 1, " ms"),
            cell(native.map(|latency| latency.p50_ms), 1, " ms"),
            cell(acequia.map(|latency| latency.p99_ms), 1, " ms"),
            cell(native.map(|latency| latency.p99_ms), 1, " ms"),
            cell(ratio, 2, "x"),
        ]);
    }

    pub(crate) fn memory(&mut self, case: &Case, drained: &Drained) {
        let held = drained.peak_mib.map(|peak| if peak < MEMORY_LIMIT_MIB { "below" } else { "ABOVE" });
        self.memory.push(vec![
            case.title(),
            case.shape.word().to_owned(),
            case.targets.to_string(),
            cell(drained.peak_mib, 1, " MiB"),
            held.unwrap_or("unknown").to_owned(),
        ]);
    }

    pub(crate) fn comparison(&mut self, shape: Shape, compared: &Compared) {
        let seconds = |seconds: f64| cell(Some(seconds), 2, " s");
        let ratio = |seconds: f64| cell(Some(seconds / compared.counted), 1, "x");
        self.comparisons.push(vec![
            format!("{} rows, {}", compared.rows, shape.word()),
            seconds(compared.counted),
            seconds(compared.equal),
            ratio(compared.equal),
            seconds(compared.one_differs),
            ratio(compared.one_differs),
        ]);
    }

    pub(crate) fn copy(&mut self, shape: Shape, copied: &Copied) {
        let seconds = |seconds: f64| cell(Some(seconds), 2, " s");
        let rate = |seconds: f64| cell(Some(f64::from(copied.rows) / seconds / 1000.0), 1, "");
        self.copies.push(vec![
            format!("{} rows, {}", copied.rows, shape.word()),
            seconds(copied.piped),
            rate(copied.piped),
            seconds(copied.backfilled),
            rate(copied.backfilled),
            cell(Some(copied.piped / copied.backfilled), 2, "x"),
        ]);
    }

    pub(crate) fn dump(&mut self, dumped: &Dumped) {
        self.dumps.push(line(dumped));
    }

    pub(crate) fn load(&mut self, loaded: &Dumped) {
        self.loads.push(line(loaded));
    }

    pub(crate) fn dump_memory(&mut self, held: &Held) {
        let below = if held.peak_mib < MEMORY_LIMIT_MIB { "below" } else { "ABOVE" };
        self.dump_memory.push(vec![
            held.title.clone(),
            cell(Some(held.peak_mib), 1, " MiB"),
            below.to_owned(),
            cell(Some(held.seconds), 2, " s"),
        ]);
    }

    pub(crate) fn customers(&mut self, fleet: &Fleet) {
        let each = |ms: f64| cell(Some(ms / f64::from(fleet.customers)), 2, " ms");
        let ms = |ms: f64| cell(Some(ms), 0, " ms");
        self.fleets.push(vec![
            format!("{} customers", fleet.customers),
            ms(fleet.catalogs_ms),
            ms(fleet.plan_ms),
            ms(fleet.first_start_ms),
            ms(fleet.second_start_ms),
            ms(fleet.check_ms),
            ms(fleet.one_row_ms),
            each(fleet.one_row_ms),
            ms(fleet.row_in_each_ms),
            ms(fleet.thousand_rows_ms),
            each(fleet.thousand_rows_ms),
            cell(Some(fleet.daemon_mib), 0, " MiB"),
            cell(Some(fleet.backend_mib), 0, " MiB"),
        ]);
    }
}

/// A way of dumping, beside the plain one.
fn line(dumped: &Dumped) -> Vec<String> {
    let seconds = |seconds: f64| cell(Some(seconds), 2, " s");
    let rate = |seconds: f64| cell(Some(f64::from(dumped.rows) / seconds / 1000.0), 1, "");
    vec![
        dumped.title.clone(),
        seconds(dumped.plain),
        rate(dumped.plain),
        seconds(dumped.archived),
        rate(dumped.archived),
        cell(Some(dumped.plain / dumped.archived), 2, "x"),
    ]
}

/// A number, or a dash for what was not measured.
fn cell(number: Option<f64>, digits: usize, unit: &str) -> String {
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}{unit}"))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for line in &self.head {
            writeln!(f, "{line}")?;
        }
        let drain = "Drain rate: thousand customer rows per second, from the consumer's start to the last row in the \
                     last customer.\nA ratio above 1: Acequia is faster.";
        let names = ["shape", "customers", "acequia", "native", "ratio", "start-up", "memory"];
        section(f, drain, &names, &self.drains)?;
        let latency = "Latency: from the commit's return at the source to visibility in the last customer.\nA ratio below 1: \
                       Acequia is faster.";
        let names = ["shape", "customers", "acq. p50", "nat. p50", "acq. p99", "nat. p99", "p99 ratio"];
        section(f, latency, &names, &self.latencies)?;
        let memory = "Memory: Acequia's peak while one huge transaction passes.";
        section(f, memory, &["shape", "customers", "peak", "100 MB"], &self.memory)?;
        let comparison = "Verify: one customer compared with the source, all of it equal and with one changed value. The ratio is to\n\
                          SELECT count(*) of the table on both sides, one after the other.";
        let names = ["count(*)", "equal", "ratio", "one value", "ratio"];
        section(f, comparison, &names, &self.comparisons)?;
        let copy = "Backfill: one customer's empty table filled from the source, in thousand rows per second, beside COPY … TO\n\
                    piped into COPY … FROM with the same indexes. A ratio above 1: Acequia is faster.";
        let names = ["piped", "rate", "backfill", "rate", "ratio"];
        section(f, copy, &names, &self.copies)?;
        let dump = "Snapshot: two tables, in thousand rows per second, beside psql's \\copy of them to plain files. A ratio above 1:\n\
                    Acequia is faster, though it compresses, hashes and reads back what it wrote.";
        section(f, dump, &["psql", "rate", "snapshot", "rate", "ratio"], &self.dumps)?;
        let load = "Snapshot to MariaDB: two tables, in thousand rows per second, beside LOAD DATA of ready files into the same tables.\n\
                    A ratio above 1: Acequia is faster, though it reads PostgreSQL and compares what arrived.";
        section(f, load, &["LOAD DATA", "rate", "snapshot", "rate", "ratio"], &self.loads)?;
        let memory = "Snapshot: Acequia's peak of memory.";
        section(f, memory, &["peak", "100 MB", "time"], &self.dump_memory)?;
        let fleet = format!(
            "Many customers, {DATA_SETS} data sets each, in one database. \"1 row\": one changed row to all of them, from the \
             commit to visibility.\n\"30 rows\": one in each data set. \"1000 rows\": new ones in one transaction. \"each\": that time \
             for each customer."
        );
        let names = [
            "catalogs",
            "plan",
            "1st start",
            "2nd start",
            "check",
            "1 row",
            "each",
            "30 rows",
            "1000 rows",
            "each",
            "daemon",
            "backend",
        ];
        section(f, &fleet, &names, &self.fleets)
    }
}

/// A heading, the columns' names, the lines; nothing where there are none.
fn section(f: &mut fmt::Formatter<'_>, heading: &str, names: &[&str], lines: &[Vec<String>]) -> fmt::Result {
    let Some(width) = lines.iter().filter_map(|line| line.first()).map(String::len).max() else {
        return Ok(());
    };
    write!(f, "\n{heading}\n{:width$}", "")?;
    names.iter().try_for_each(|name| write!(f, "  {name:>WIDTH$}"))?;
    writeln!(f)?;
    for line in lines {
        let mut cells = line.iter();
        write!(f, "{:width$}", cells.next().map_or("", String::as_str))?;
        cells.try_for_each(|cell| write!(f, "  {cell:>WIDTH$}"))?;
        writeln!(f)?;
    }
    Ok(())
}
