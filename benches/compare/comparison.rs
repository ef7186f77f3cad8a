//! What `acequia verify` costs: a million rows compared, beside `SELECT count(*)` of the same table on both sides.

use std::time::{Duration, Instant};

use super::acequia::Acequia;
use super::choice::Scale;
use super::cluster::Servers;
use super::consumer::{Consumer as _, wait_for_row};
use super::session::Session;
use super::source::Source;
use super::table::{Shape, Table};
use super::workload::Workload;

/// What was measured, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compared {
    pub(crate) rows: u32,
    /// `SELECT count(*)` at the source and at the customer, one after the other.
    pub(crate) counted: f64,
    /// All rows equal.
    pub(crate) equal: f64,
    /// One value differs.
    pub(crate) one_differs: f64,
}

/// Measures with one customer; fails where what differs is not found, or something else is.
pub(crate) fn measure(servers: &Servers<'_>, shape: Shape, scale: Scale) -> Compared {
    let workload = Workload::OneTransaction;
    let rows = workload.size(scale).changes() + 1;
    eprintln!("verify, {rows} rows, {}", shape.word());
    let source = Source::create(servers.source, Table { shape, has_remark: false });
    let mut acequia = Acequia::create(servers, &source, 1);
    acequia.start();
    source.write(workload, scale);
    source.insert("last");
    wait_for_row(&mut acequia, servers.target, "last");
    let target = Session::open(servers.target, &acequia.places()[0].dbname);
    let customer = format!("{}.item", acequia.places()[0].schemas[0]);
    for session in [&source.session, &target] {
        session.execute("VACUUM ANALYZE");
    }
    let count = || {
        source.session.value("SELECT count(*) FROM src.item");
        target.value(&format!("SELECT count(*) FROM {customer}"));
    };
    // The first of each brings the tables into memory.
    count();
    let counted = seconds(count);
    expect(&acequia, 0);
    let equal = seconds(|| expect(&acequia, 0));
    target.execute(&format!("UPDATE {customer} SET units = units + 1 WHERE code = 'last'"));
    let one_differs = seconds(|| expect(&acequia, 2));
    eprintln!(
        "  counted in {counted:.2} s, compared in {equal:.2} s, with one difference in {one_differs:.2} s"
    );
    acequia.stop();
    drop(target);
    Box::new(acequia).finish();
    source.finish();
    Compared { rows, counted, equal, one_differs }
}

fn expect(acequia: &Acequia<'_>, status: i32) {
    let output = acequia.run(&["verify"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(status), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

fn seconds(done: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    done();
    Duration::as_secs_f64(&begun.elapsed())
}
