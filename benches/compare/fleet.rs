//! Many customers in one database: what the start costs, and what each further customer adds to a change.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::acequia::{Daemon, run};
use super::cluster::Cluster;
use super::session::Session;

/// Data sets of each customer.
pub(crate) const DATA_SETS: u32 = 30;
/// Changes whose latency is measured; the median counts.
const CHANGES: u32 = 9;
/// Rows of the larger transaction.
const ROWS: u32 = 1000;
/// The database of all customers.
const DATABASE: &str = "fleet";
/// No change takes so long, unless something is broken.
const LIMIT: Duration = Duration::from_mins(20);

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    pub(crate) customers: u32,
    pub(crate) catalogs_ms: f64,
    pub(crate) plan_ms: f64,
    pub(crate) first_start_ms: f64,
    pub(crate) second_start_ms: f64,
    pub(crate) check_ms: f64,
    pub(crate) one_row_ms: f64,
    pub(crate) row_in_each_ms: f64,
    pub(crate) thousand_rows_ms: f64,
    pub(crate) daemon_mib: f64,
    pub(crate) backend_mib: f64,
}

/// Measures with so many customers.
pub(crate) fn measure(cluster: &Cluster, customers: u32) -> Fleet {
    eprintln!("{customers} customers of {DATA_SETS} data sets");
    let session = cluster.create_database(DATABASE);
    let begun = Instant::now();
    session.execute(&tables("hq"));
    for number in 1..=customers {
        session.execute(&tables(&schema(number)));
    }
    eprintln!("  tables made in {:.1} s", begun.elapsed().as_secs_f64());
    let config = configure(cluster, customers);
    let setup = run(&config, &["setup", "--as", "postgres"]);
    assert!(setup.status.success(), "acequia setup: {}", String::from_utf8_lossy(&setup.stderr));

    let mut fleet = Fleet { customers, ..Fleet::default() };
    for start in [&mut fleet.first_start_ms, &mut fleet.second_start_ms] {
        let mut daemon = Daemon::start(&config);
        daemon.wait_streaming();
        *start = milliseconds(daemon.start_up().unwrap_or_default());
        eprintln!("  streaming after {start:.0} ms; memory {:.0} MiB", memory_mib(daemon.pid()));
        daemon.stop();
    }
    let begun = Instant::now();
    let check = run(&config, &["check"]);
    fleet.check_ms = milliseconds(begun.elapsed());
    assert!(check.status.success(), "acequia check: {}", String::from_utf8_lossy(&check.stdout));

    let mut daemon = Daemon::start(&config);
    daemon.wait_streaming();
    changes(&session, &mut daemon, &mut fleet);
    let log = daemon.log();
    (fleet.catalogs_ms, fleet.plan_ms) = (noted(&log, "catalogs_ms="), noted(&log, "plan_ms="));
    daemon.stop();
    std::fs::remove_dir_all(&config).expect("the configuration can be removed");
    drop(session);
    cluster.drop_database(DATABASE);
    fleet
}

/// The daemon has to carry each kind of change, and is watched while it does.
fn changes(session: &Session, daemon: &mut Daemon, fleet: &mut Fleet) {
    let last = schema(fleet.customers);
    let row_in_each =
        |code: &str| (1..=DATA_SETS).map(|table| insert("hq", table, code, 1)).collect::<String>();
    let (first, sql) =
        (format!("SELECT count(*) > 0 FROM {last}.t30 WHERE code LIKE 'first%'"), row_in_each("first"));
    let begun = arrival(session, daemon, &sql, &first);
    eprintln!("  the first row in each data set: {begun:.0} ms; {}", memory(session, daemon));
    let second = first.replace("first%", "second%");
    fleet.row_in_each_ms = arrival(session, daemon, &row_in_each("second"), &second);

    let mut taken: Vec<f64> = (1..=CHANGES)
        .map(|revision| {
            let sql = format!("UPDATE hq.t02 SET revision = {revision} WHERE code = 'first1'");
            let seen = format!("SELECT revision = {revision} FROM {last}.t02 WHERE code = 'first1'");
            arrival(session, daemon, &sql, &seen)
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    fleet.one_row_ms = taken.get(taken.len() / 2).copied().unwrap_or_default();
    eprintln!("  one changed row: {:.0} ms", fleet.one_row_ms);

    let seen = format!("SELECT count(*) = {ROWS} FROM {last}.t02 WHERE code LIKE 'many%'");
    fleet.thousand_rows_ms = arrival(session, daemon, &insert("hq", 2, "many", ROWS), &seen);
    eprintln!("  {ROWS} rows: {:.0} ms; {}", fleet.thousand_rows_ms, memory(session, daemon));
    verify(session, fleet.customers);
    fleet.daemon_mib = memory_mib(daemon.pid());
    fleet.backend_mib = writer(session).map_or(0.0, memory_mib);
}

/// Every customer has what the source has, but for numbers of its own.
fn verify(session: &Session, customers: u32) {
    let found = |schema: &str| {
        let row = "concat_ws(' ', code, description, category, price, effective, active, units, revision)";
        session.value(&format!("SELECT count(*) || ' ' || sum(hashtextextended({row}, 0)) FROM {schema}.t02"))
    };
    let expected = found("hq");
    for number in 1..=customers {
        assert_eq!(found(&schema(number)), expected, "customer {number}, against the source");
    }
}

/// Milliseconds from the commit of a change to the moment that it is seen.
fn arrival(session: &Session, daemon: &mut Daemon, change: &str, seen: &str) -> f64 {
    session.execute(&format!("BEGIN; {change}; COMMIT"));
    let begun = Instant::now();
    while !session.is_true(seen) {
        if let Err(why) = daemon.check() {
            panic!("{why}");
        }
        assert!(begun.elapsed() < LIMIT, "a change does not arrive:\n{}", daemon.log());
        std::thread::sleep(Duration::from_micros(500));
    }
    milliseconds(begun.elapsed())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn memory(session: &Session, daemon: &Daemon) -> String {
    let backend = writer(session).map_or(0.0, memory_mib);
    format!("memory {:.0} MiB, the writer's backend {backend:.0} MiB", memory_mib(daemon.pid()))
}

/// The process that serves the writer.
fn writer(session: &Session) -> Option<u32> {
    let sql = "SELECT max(pid) FROM pg_stat_activity WHERE application_name LIKE 'acequia writer %'";
    session.value(sql).parse().ok()
}

/// Memory of a process that it shares with nobody.
fn memory_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or_default();
    let kib: u32 = line.trim().trim_end_matches(" kB").parse().unwrap_or_default();
    f64::from(kib) / 1024.0
}

/// A number that the log names.
fn noted(log: &str, name: &str) -> f64 {
    let found = log.split(name).nth(1).and_then(|rest| rest.split_whitespace().next());
    found.and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn schema(number: u32) -> String {
    format!("c{number:03}")
}

/// Thirty tables; each but the first refers to the one of half its number by a number of the customer's own.
fn tables(schema: &str) -> String {
    let mut sql = format!("BEGIN; CREATE SCHEMA {schema};");
    for table in 1..=DATA_SETS {
        let parent =
            if table == 1 { String::new() } else { format!(" REFERENCES {schema}.t{:02}", table / 2) };
        _ = write!(
            sql,
            "CREATE TABLE {schema}.t{table:02} (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, code text NOT NULL UNIQUE, \
             parent bigint{parent}, description text NOT NULL, category text, price numeric(10,2), effective date, \
             active boolean NOT NULL, units integer, revision integer NOT NULL);"
        );
    }
    sql + "COMMIT"
}

/// New rows of one table, with a parent where the table has one and it has rows.
fn insert(schema: &str, table: u32, code: &str, rows: u32) -> String {
    let parent = if table == 1 {
        "NULL".to_owned()
    } else {
        format!("(SELECT max(id) FROM {schema}.t{:02})", table / 2)
    };
    format!(
        "INSERT INTO {schema}.t{table:02} (code, parent, description, category, price, effective, active, units, revision) \
         SELECT '{code}' || i, {parent}, 'Office visit, established patient, ' || md5(i::text), 'category ' || i % 40, \
         i / 100.0, date '2020-01-01' + i, true, i % 12, 0 FROM generate_series(1, {rows}) i; "
    )
}

/// Writes the configuration; answers its directory.
fn configure(cluster: &Cluster, customers: u32) -> PathBuf {
    let directory = cluster.directory().join("fleet");
    std::fs::create_dir_all(&directory).expect("a directory for the configuration");
    std::fs::write(directory.join("acequia.toml"), configuration(cluster, customers, &directory))
        .expect("the configuration can be written");
    directory
}

fn configuration(cluster: &Cluster, customers: u32, directory: &Path) -> String {
    let mut text = format!(
        "[daemon]\nruntime_directory = \"{}\"\n\n[databases.{DATABASE}]\nhost = \"{}\"\nport = {}\ndbname = \"{DATABASE}\"\n\
         user = \"acequia\"\n\n[customers.hq]\ndatabase = \"{DATABASE}\"\nschema = \"hq\"\n",
        directory.join("run").display(),
        cluster.socket().display(),
        cluster.port()
    );
    let schemas: Vec<String> = (1..=customers).map(schema).collect();
    for schema in &schemas {
        _ = write!(text, "\n[customers.{schema}]\ndatabase = \"{DATABASE}\"\nschema = \"{schema}\"\n");
    }
    let datasets: Vec<String> = (1..=DATA_SETS).map(|table| format!("t{table:02}")).collect();
    for dataset in &datasets {
        _ = write!(text, "\n[datasets.{dataset}]\ntable = \"{dataset}\"\nkey = [\"code\"]\n");
    }
    _ = write!(
        text,
        "\n[[sync]]\nname = \"all\"\nfrom = \"hq\"\nto = {schemas:?}\ndata = {datasets:?}\nmode = \"override\"\n"
    );
    text
}
