//! How fast a backfill is: a million rows into a customer's empty table, beside COPY … TO piped into COPY … FROM of a table with
//! the same indexes.

use std::process::Command;
use std::time::{Duration, Instant};

use super::acequia::Acequia;
use super::choice::Scale;
use super::cluster::{Cluster, Servers};
use super::consumer::Consumer as _;
use super::session::Session;
use super::source::{SOURCE, Source};
use super::table::{Shape, Table};
use super::workload::Workload;

/// What was measured, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copied {
    pub(crate) rows: u32,
    pub(crate) piped: f64,
    pub(crate) backfilled: f64,
}

/// Measures with one customer; fails where one of the two does not have every row.
pub(crate) fn measure(servers: &Servers<'_>, shape: Shape, scale: Scale) -> Copied {
    let workload = Workload::OneTransaction;
    let rows = workload.size(scale).changes();
    eprintln!("backfill, {rows} rows, {}", shape.word());
    let table = Table { shape, has_remark: false };
    let source = Source::create(servers.source, table);
    source.write(workload, scale);
    source.session.execute("VACUUM ANALYZE");
    let mut acequia = Acequia::create(servers, &source, 1);
    let (dbname, schema) = (acequia.places()[0].dbname.clone(), acequia.places()[0].schemas[0].clone());
    let target = Session::open(servers.target, &dbname);
    target.execute(&table.create("piped", 1));
    let piped = seconds(|| pipe(servers, &dbname));
    acequia.start();
    let backfilled = seconds(|| {
        let output = acequia.run(&["backfill", "--yes", "--wait"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    });
    for own in ["piped", schema.as_str()] {
        let found = target.value(&format!("SELECT count(*) FROM {own}.item"));
        assert_eq!(found, rows.to_string(), "rows in {own}");
    }
    eprintln!("  piped in {piped:.2} s, backfilled in {backfilled:.2} s");
    acequia.stop();
    drop(target);
    Box::new(acequia).finish();
    source.finish();
    Copied { rows, piped, backfilled }
}

fn pipe(servers: &Servers<'_>, dbname: &str) {
    let psql = |cluster: &Cluster, dbname: &str, sql: &str| {
        let (socket, port) = (cluster.socket().display(), cluster.port());
        format!("psql -X -q -v ON_ERROR_STOP=1 -h '{socket}' -p {port} -U postgres -d {dbname} -c '{sql}'")
    };
    let out = psql(servers.source, SOURCE, &format!("COPY {SOURCE}.item TO STDOUT"));
    let into = psql(servers.target, dbname, "COPY piped.item FROM STDIN");
    let status = Command::new("sh").args(["-c", &format!("{out} | {into}")]).status().expect("a shell");
    assert!(status.success(), "{out} | {into}: {status}");
}

fn seconds(done: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    done();
    Duration::as_secs_f64(&begun.elapsed())
}
