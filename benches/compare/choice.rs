//! What to measure: the arguments, and two environment variables for use through `make bench`.

use clap::{Parser, ValueEnum};

use super::consumer::Side;
use super::table::Shape;
use super::workload::Workload;

/// A part of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Drain rate of many one-row transactions
    A,
    /// Drain rate of one transaction of a million inserts
    B,
    /// Drain rate of a thousand transactions of a thousand updates
    C,
    /// Drain rate of updates beside an unchanged 4 KB value
    D,
    /// From the commit at the source to visibility in the customer, 50 changes a second
    Latency,
    /// Acequia's memory while one transaction of a million rows goes to three customers
    Memory,
    /// What `acequia verify` costs for a million rows, beside counting them
    Verify,
    /// Rate of a backfill of a million rows, beside COPY … TO piped into COPY … FROM
    Backfill,
    /// Rate and memory of a snapshot to .DAT archives, beside psql's \\copy of the same tables
    Snapshot,
    /// What a customer costs where there are many, with 30 data sets each: only where it is named
    Customers,
}

/// Compares Acequia with PostgreSQL's own subscriptions, on servers that it starts and removes.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --")]
pub(crate) struct Choice {
    /// What to measure; all of it when nothing is named
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// How many customers receive the changes
    #[arg(long, value_delimiter = ',', default_value = "1,10", value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(crate) targets: Vec<u32>,
    /// How many customers of 30 data sets share a database, for `customers`
    #[arg(long, value_delimiter = ',', default_value = "20,100,500", value_parser = clap::value_parser!(u32).range(1..=999))]
    pub(crate) fleet: Vec<u32>,
    /// The tables' shape
    #[arg(long, value_enum, value_delimiter = ',', default_value = "surrogate,natural")]
    pub(crate) shape: Vec<Shape>,
    /// Who consumes
    #[arg(long, value_enum, value_delimiter = ',', default_value = "acequia,native")]
    side: Vec<Side>,
    /// Runs of each measurement; their median is printed
    #[arg(long, env = "ACEQUIA_BENCH_RUNS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: u32,
    /// Makes every backlog smaller, for a quick look: 0.1 is a tenth
    #[arg(long, env = "ACEQUIA_BENCH_SCALE", default_value = "1", value_parser = parse_scale)]
    pub(crate) scale: Scale,
    /// The customers have a server of their own. Else the source's server also carries what both sides write, and
    /// every reader of its WAL, of which a native subscription has one each, passes over that
    #[arg(long)]
    pub(crate) apart: bool,
    /// Cargo says this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Choice {
    /// The backlogs to drain.
    pub(crate) fn workloads(&self) -> Vec<Workload> {
        let all = [
            (Part::A, Workload::OneRow),
            (Part::B, Workload::OneTransaction),
            (Part::C, Workload::Updates),
            (Part::D, Workload::Toast),
        ];
        all.into_iter().filter(|(part, _)| self.wants(*part)).map(|(_, workload)| workload).collect()
    }

    pub(crate) fn wants_latency(&self) -> bool {
        self.wants(Part::Latency)
    }

    pub(crate) fn wants_memory(&self) -> bool {
        self.wants(Part::Memory)
    }

    pub(crate) fn wants_comparison(&self) -> bool {
        self.wants(Part::Verify)
    }

    pub(crate) fn wants_backfill(&self) -> bool {
        self.wants(Part::Backfill)
    }

    pub(crate) fn wants_snapshots(&self) -> bool {
        self.wants(Part::Snapshot)
    }

    /// Never by itself: to make the tables of 500 customers takes minutes.
    pub(crate) fn wants_customers(&self) -> bool {
        self.parts.contains(&Part::Customers)
    }

    pub(crate) fn has(&self, side: Side) -> bool {
        self.side.contains(&side)
    }

    fn wants(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}

/// A size in relation to the full one, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale(u32);

impl Scale {
    pub(crate) const FULL: Self = Self(1000);

    /// So much of `full`, and never nothing.
    pub(crate) fn of(self, full: u32) -> u32 {
        let scaled = u64::from(full) * u64::from(self.0) / 1000;
        u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
    }
}

fn parse_scale(text: &str) -> Result<Scale, String> {
    let wrong = || "a number from 0.001 to 10".to_owned();
    let scale: f64 = text.parse().map_err(|_| wrong())?;
    if !(0.001..=10.0).contains(&scale) {
        return Err(wrong());
    }
    format!("{:.0}", scale * 1000.0).parse().map(Scale).map_err(|_| wrong())
}
