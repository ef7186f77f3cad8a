//! Latency: changes at a steady, low rate, each with a stop-watch of its own.

use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use super::choice::{Choice, Scale};
use super::cluster::Servers;
use super::consumer::{Place, Side, verify, wait_for_row};
use super::source::Source;
use super::table::{Shape, Table};

/// Changes in a second.
const RATE: u32 = 50;
/// For so many seconds …
const SECONDS: u32 = 20;
/// … and a quick look for no fewer than these: there is no 99th of 100 among a handful.
const SECONDS_MIN: u32 = 4;
/// Between two looks. What is measured is too long by half of it, on both sides.
const LOOK_INTERVAL: Duration = Duration::from_micros(500);
/// A change that takes longer is not late but lost.
const LIMIT: Duration = Duration::from_mins(1);

/// What half of the changes, and 99 of 100, stay below.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// The run with the median p99 of several.
pub(crate) fn median(
    servers: &Servers<'_>,
    side: Side,
    shape: Shape,
    targets: u32,
    choice: &Choice,
) -> Option<Latency> {
    let mut all: Vec<_> =
        (0..choice.runs).map(|_| run(servers, side, shape, targets, choice.scale)).collect();
    all.sort_by(|a, b| a.p99_ms.total_cmp(&b.p99_ms));
    all.get(all.len() / 2).copied()
}

fn run(servers: &Servers<'_>, side: Side, shape: Shape, targets: u32, scale: Scale) -> Latency {
    eprintln!("latency, {}, {targets} customers, {}", shape.word(), side.word());
    let source = Source::create(servers.source, Table { shape, has_remark: false });
    let mut consumer = side.create(servers, &source, targets);
    consumer.start();
    source.insert("first");
    wait_for_row(&mut *consumer, servers.target, "first");

    let (sender, committed) = mpsc::channel();
    let places = consumer.places();
    let mut taken = std::thread::scope(|scope| {
        let watch = scope.spawn(move || watch(places, &committed));
        let begun = Instant::now();
        for number in 0..scale.of(RATE * SECONDS).max(RATE * SECONDS_MIN) {
            std::thread::sleep((Duration::from_secs(1) / RATE * number).saturating_sub(begun.elapsed()));
            let code = format!("C{number:09}");
            source.insert(&code);
            if sender.send((code, Instant::now())).is_err() {
                break;
            }
        }
        drop(sender);
        watch.join().expect("the watch sees every change arrive")
    });

    verify(&*consumer, &source);
    consumer.finish();
    source.finish();
    taken.sort_unstable();
    let latency = Latency { p50_ms: percentile_ms(&taken, 50), p99_ms: percentile_ms(&taken, 99) };
    eprintln!("  p50 {:.1} ms, p99 {:.1} ms", latency.p50_ms, latency.p99_ms);
    latency
}

/// Sees the changes arrive in the last customer, in the order of their commits.
fn watch(places: &[Place], committed: &Receiver<(String, Instant)>) -> Vec<Duration> {
    let mut taken = Vec::new();
    for (code, at) in committed {
        for place in places {
            while !place.has_arrived(&code) {
                assert!(at.elapsed() < LIMIT, "row {code:?} does not arrive in database {}", place.dbname);
                std::thread::sleep(LOOK_INTERVAL);
            }
        }
        taken.push(at.elapsed());
    }
    taken
}

/// `taken` is sorted.
fn percentile_ms(taken: &[Duration], percent: usize) -> f64 {
    let place = (taken.len() * percent / 100).min(taken.len().saturating_sub(1));
    taken.get(place).map_or(0.0, |taken| taken.as_secs_f64() * 1000.0)
}
