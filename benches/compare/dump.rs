//! How fast a snapshot is: `.DAT` archives beside psql's `\copy` of the same tables to plain files, with one worker and with
//! two; and how much memory it takes, with a long table and with a value of 100 MB.
//!
//! What psql writes is neither compressed nor hashed nor read back, and its two tables need not show one moment.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::acequia::{ACEQUIA, peak_kib};
use super::choice::Scale;
use super::cluster::Cluster;
use super::session::Session;

/// The database, and the schema in it.
pub(crate) const SOURCE: &str = "dump";
/// Tables of the comparison, and rows in each.
pub(crate) const TABLES: [&str; 2] = ["charge", "credit"];
const ROWS: u32 = 1_000_000;
/// Rows of the long table.
const LONG_ROWS: u32 = 5_000_000;
/// Bytes of the large value.
const LARGE_BYTES: u32 = 100_000_000;

/// One way of dumping both tables.
#[derive(Debug, Clone)]
pub(crate) struct Dumped {
    pub(crate) title: String,
    pub(crate) rows: u32,
    /// Seconds of psql, and of Acequia.
    pub(crate) plain: f64,
    pub(crate) archived: f64,
}

/// A run's peak of memory.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) title: String,
    pub(crate) peak_mib: f64,
    pub(crate) seconds: f64,
}

/// Dumps both tables with psql and with Acequia: one at a time and both at once, in both profiles.
pub(crate) fn measure(cluster: &Cluster, scale: Scale) -> Vec<Dumped> {
    let rows = create_tables(cluster, scale);
    let mut dumped = Vec::new();
    for workers in [1, 2] {
        // Once for nothing: whoever comes first would read the tables into the server's memory for all others.
        let copied = (0..2).map(|_| copied(cluster, workers)).fold(f64::INFINITY, f64::min);
        for profile in ["lossless", "market"] {
            let (archived, _) = profiled(cluster, profile, workers);
            let title = format!("{profile}, {workers} at once");
            eprintln!("  {title}: psql {copied:.2} s, snapshot {archived:.2} s");
            dumped.push(Dumped { title, rows: rows * 2, plain: copied, archived });
        }
    }
    cluster.drop_database(SOURCE);
    dumped
}

/// Makes the tables of the comparison; says how many rows each has.
pub(crate) fn create_tables(cluster: &Cluster, scale: Scale) -> u32 {
    let rows = scale.of(ROWS);
    eprintln!("snapshot, {} tables of {rows} rows", TABLES.len());
    let session = cluster.create_database(SOURCE);
    session.execute(&format!("CREATE SCHEMA {SOURCE}"));
    for table in TABLES {
        session.execute(&create(table, rows));
    }
    grant(&session);
    session.execute("VACUUM ANALYZE");
    rows
}

/// Dumps a long table, and one with a large value.
pub(crate) fn memory(cluster: &Cluster, scale: Scale) -> Vec<Held> {
    let (rows, bytes) = (scale.of(LONG_ROWS), scale.of(LARGE_BYTES));
    let large = format!(
        "CREATE TABLE {SOURCE}.charge (id int PRIMARY KEY, note text); \
         INSERT INTO {SOURCE}.charge SELECT 1, repeat('0123456789', {bytes} / 10)"
    );
    let cases = [
        (format!("{rows} rows"), create("charge", rows)),
        (format!("a value of {} MB", bytes / 1_000_000), large),
    ];
    let mut held = Vec::new();
    for (title, sql) in cases {
        eprintln!("snapshot, {title}");
        let session = cluster.create_database(SOURCE);
        session.execute(&format!("CREATE SCHEMA {SOURCE}"));
        session.execute(&sql);
        grant(&session);
        for profile in ["lossless", "market"] {
            let (seconds, peak_mib) = profiled(cluster, profile, 2);
            eprintln!("  {profile}: {peak_mib:.1} MiB, {seconds:.2} s");
            held.push(Held { title: format!("{title}, {profile}"), peak_mib, seconds });
        }
        drop(session);
        cluster.drop_database(SOURCE);
    }
    held
}

fn create(table: &str, rows: u32) -> String {
    format!(
        "CREATE TABLE {SOURCE}.{table} (id bigint PRIMARY KEY, claim_id int NOT NULL, code varchar(12) NOT NULL, units int, \
           amount numeric(12,2), paid boolean, from_date date, entered timestamptz, status char(1), note text); \
         INSERT INTO {SOURCE}.{table} SELECT i, i / 3, 'CPT' || 10000 + i % 90000, i % 7, (i % 100000) / 100.0, i % 2 = 0, \
           date '2020-01-01' + i % 2000, timestamptz '2024-01-01' + i * interval '31 s', 'P', \
           CASE WHEN i % 5 = 0 THEN 'seen by the front desk, to be called back ' || i END \
         FROM generate_series(1, {rows}) i"
    )
}

fn grant(session: &Session) {
    session.execute(&format!(
        "GRANT USAGE ON SCHEMA {SOURCE} TO acequia; GRANT SELECT ON ALL TABLES IN SCHEMA {SOURCE} TO acequia"
    ));
}

/// Seconds of `\copy` to plain files, so many at once.
fn copied(cluster: &Cluster, at_once: usize) -> f64 {
    let directory = place(cluster);
    let begun = Instant::now();
    for together in TABLES.chunks(at_once) {
        let running: Vec<Child> = together
            .iter()
            .map(|table| psql(cluster, &format!("{SOURCE}.{table}"), &directory.join(table)))
            .collect();
        for mut psql in running {
            let status = psql.wait().expect("psql is our child");
            assert!(status.success(), "psql: {status}");
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    std::fs::remove_dir_all(directory).expect("the files can be removed");
    seconds
}

/// `\copy` of a table or a query to a file.
fn psql(cluster: &Cluster, what: &str, file: &Path) -> Child {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", SOURCE, "-h"]);
    psql.arg(cluster.socket()).args(["-p", &cluster.port().to_string(), "-c"]);
    psql.arg(format!("\\copy {what} TO '{}'", file.display()));
    psql.spawn().expect("psql can be started")
}

/// Files that MySQL loads as they are: a directory with one for each table.
pub(crate) fn ready_files(cluster: &Cluster) -> PathBuf {
    let directory = cluster.directory().join("ready");
    std::fs::create_dir_all(&directory).expect("a directory for the files");
    for table in TABLES {
        let query = format!(
            "(SELECT id, claim_id, code, units, amount, paid::int, from_date, entered AT TIME ZONE 'UTC', status, note \
             FROM {SOURCE}.{table})"
        );
        let status = psql(cluster, &query, &directory.join(table)).wait().expect("psql is our child");
        assert!(status.success(), "psql: {status}");
    }
    directory
}

/// Seconds and peak in MiB of a snapshot to archives.
fn profiled(cluster: &Cluster, profile: &str, workers: usize) -> (f64, f64) {
    let snapshot = format!("customers = \"*\"\nprofile = \"{profile}\"\nworkers = {workers}\n");
    archived(cluster, &place(cluster), &snapshot, "")
}

/// Seconds and peak in MiB of a snapshot.
pub(crate) fn archived(cluster: &Cluster, directory: &Path, snapshot: &str, more: &str) -> (f64, f64) {
    std::fs::write(directory.join("acequia.toml"), configuration(cluster, directory, snapshot, more))
        .expect("the configuration can be written");
    let begun = Instant::now();
    let (status, peak) = run(directory, &["snapshot", "run", "bench"]);
    let seconds = begun.elapsed().as_secs_f64();
    assert!(status, "acequia snapshot run failed");
    std::fs::remove_dir_all(directory).expect("the archives can be removed");
    (seconds, peak)
}

/// Runs a command to its end; whether it succeeded, and its peak of memory in MiB.
fn run(directory: &Path, arguments: &[&str]) -> (bool, f64) {
    let mut command = Command::new(ACEQUIA);
    command.arg("--config").arg(directory).args(arguments).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.spawn().expect("the binary can be started");
    let mut peak = 0;
    loop {
        peak = peak_kib(child.id()).unwrap_or(0).max(peak);
        if let Some(status) = child.try_wait().expect("it is our child") {
            return (status.success(), f64::from(peak) / 1024.0);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn place(cluster: &Cluster) -> PathBuf {
    let directory = cluster.directory().join("dump");
    std::fs::create_dir_all(&directory).expect("a directory for the files");
    directory
}

fn configuration(cluster: &Cluster, directory: &Path, snapshot: &str, more: &str) -> String {
    let (socket, port, out) = (cluster.socket().display(), cluster.port(), directory.display());
    let mut text = format!("[daemon]\nruntime_directory = \"{out}/run\"\n");
    _ = write!(
        text,
        "\n[databases.{SOURCE}]\nhost = \"{socket}\"\nport = {port}\ndbname = \"{SOURCE}\"\nuser = \"acequia\"\n\
         \n[customers.hq]\ndatabase = \"{SOURCE}\"\nschema = \"{SOURCE}\"\n\
         {more}\n[[snapshot]]\nname = \"bench\"\ndirectory = \"{out}/snapshots\"\n{snapshot}"
    );
    text
}
