//! The canary: whatever goes wrong, `/readyz` is never green while a row is late.
//!
//! A row is written every 200 ms. All the while it is asked whether `/readyz` is green, which rows have arrived, and whether
//! it is green still: a row that is older than `max_lag` and not there between two answers of green breaks the promise.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::support::{Cluster, Config, Daemon, Database, LIMIT, Link, Proxy, Session, wait_for};

/// What the rules promise.
const MAX_LAG: Duration = Duration::from_secs(5);
/// Between two rows.
const PACE: Duration = Duration::from_millis(200);
/// Between two looks; a row may be so much later than `max_lag` before that is seen.
const LOOK: Duration = Duration::from_millis(100);
/// A server that does not answer the test by then has not shown a row.
const PATIENCE: Duration = Duration::from_millis(300);
/// Every fault lasts so long: rows are late by then, unless it costs nothing.
const LASTING: Duration = Duration::from_millis(6500);

const RULES: &str = r#"
[datasets.bird]
table = "bird"
key = ["key"]

[[sync]]
name = "far"
from = "hq"
to = ["branch"]
data = ["bird"]
mode = "override"
"#;

const TABLE: &str = "CREATE SCHEMA {s}; CREATE TABLE {s}.bird (key text PRIMARY KEY, value text)";
const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'acequia'";

/// What the canary knows of the rows that it has written.
#[derive(Default)]
struct Rows {
    /// Those that have not arrived, with the moment in which their commit was known.
    missing: BTreeMap<u64, Instant>,
    /// Arrived past `max_lag`.
    late: u64,
    /// Late, between two answers of green.
    broken: Vec<String>,
    is_green: bool,
    /// When that was last another word.
    since: Option<Instant>,
}

struct Canary<'a> {
    source: &'a Database,
    target: &'a Database,
    address: SocketAddr,
    rows: Mutex<Rows>,
    stop: AtomicBool,
}

fn lock(rows: &Mutex<Rows>) -> MutexGuard<'_, Rows> {
    rows.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the threads, also when the test fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A session, made anew where it does not answer in time.
struct Patient<'a> {
    database: &'a Database,
    session: Option<Session>,
}

impl Patient<'_> {
    fn ask(&mut self, sql: &str) -> Option<Vec<Vec<Option<String>>>> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.database.session_within(PATIENCE)?,
        };
        let answer = session.query_within(sql, PATIENCE)?;
        self.session = Some(session);
        Some(answer)
    }
}

impl Canary<'_> {
    fn write(&self) {
        let mut session = Patient { database: self.source, session: None };
        let mut key = 0_u64;
        while !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(PACE);
            key += 1;
            let sql = format!("INSERT INTO hq.bird VALUES ('{key}', 'bird')");
            // One whose commit is not known is not counted.
            if session.ask(&sql).is_some() {
                lock(&self.rows).missing.insert(key, Instant::now());
            }
        }
    }

    fn look(&self) {
        let mut session = Patient { database: self.target, session: None };
        while !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK);
            let began = Instant::now();
            let before = is_green(self.address);
            let keys: Vec<String> = lock(&self.rows).missing.keys().map(|key| format!("'{key}'")).collect();
            let arrived = if keys.is_empty() {
                Vec::new()
            } else {
                let sql = format!("SELECT key FROM branch.bird WHERE key IN ({})", keys.join(", "));
                session.ask(&sql).unwrap_or_default()
            };
            let after = is_green(self.address);
            self.note(&arrived, (before && after, after), began);
        }
    }

    fn note(&self, arrived: &[Vec<Option<String>>], (both, green): (bool, bool), began: Instant) {
        let mut rows = lock(&self.rows);
        for key in arrived.iter().filter_map(|row| row[0].as_ref()?.parse::<u64>().ok()) {
            if rows.missing.remove(&key).is_some_and(|written| written + MAX_LAG < began) {
                rows.late += 1;
            }
        }
        let overdue: Vec<(u64, Duration)> = rows
            .missing
            .iter()
            .filter(|(_, written)| **written + MAX_LAG + LOOK < began)
            .map(|(key, written)| (*key, began - *written))
            .collect();
        if both && let Some((key, age)) = overdue.first() {
            let said = format!(
                "{} row(s) are late, row {key} was written {age:?} ago, and it is green",
                overdue.len()
            );
            rows.broken.push(said);
        }
        if rows.is_green != green {
            rows.is_green = green;
            rows.since = Some(Instant::now());
        }
    }

    fn is_quiet(&self) -> bool {
        let rows = lock(&self.rows);
        rows.is_green && rows.missing.values().all(|written| written.elapsed() < MAX_LAG)
    }

    fn wait_green(&self, what: &str) {
        wait_for(what, LIMIT, || if self.is_quiet() { Ok(()) } else { Err(self.told()) });
    }

    /// What the page says.
    fn told(&self) -> String {
        get(self.address, "/readyz?verbose").unwrap_or_else(|| "nothing".to_owned())
    }

    /// Something is wrong for a while. Answers a line about it.
    fn suffer(&self, what: &str, inject: impl FnOnce(), heal: impl FnOnce()) -> String {
        self.wait_green("all is well");
        let (late, broken) = {
            let rows = lock(&self.rows);
            (rows.late, rows.broken.len())
        };
        let began = Instant::now();
        inject();
        let mut red = None;
        while began.elapsed() < LASTING {
            std::thread::sleep(LOOK);
            if red.is_none() && !lock(&self.rows).is_green {
                red = Some(began.elapsed());
            }
        }
        let said = self.told();
        let healed = Instant::now();
        heal();
        self.wait_green(&format!("{what} is over"));
        let rows = lock(&self.rows);
        let red = red.map_or_else(|| "never".to_owned(), |after| format!("{:.1} s", after.as_secs_f64()));
        let mut line = format!(
            "{what}: red after {red}, green {:.1} s after its end, {} rows late, {} broken",
            healed.elapsed().as_secs_f64(),
            rows.late - late,
            rows.broken.len() - broken
        );
        if rows.broken.len() > broken {
            _ = write!(line, "\n  {}\n{said}", rows.broken[broken..].join("\n  "));
        }
        println!("{line}");
        line
    }
}

/// `GET`: the body. `None` where nobody answers in time.
fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn is_green(address: SocketAddr) -> bool {
    get(address, "/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// Has the daemon tell how it is; answers where.
fn listen(config: &Config<'_>) -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let text = std::fs::read_to_string(config.path().join("acequia.toml")).expect("the file");
    let more = format!(
        "[daemon]\nlisten = \"{free}\"\nmax_lag = \"{}s\"\nmax_parked_age = \"{0}s\"\n",
        MAX_LAG.as_secs()
    );
    config.write("acequia.toml", &text.replacen("[daemon]\n", &more, 1));
    free
}

/// What a part of the test is about: both databases, their servers and their links; the source's first.
struct Mine<'a, 'b> {
    canary: &'a Canary<'b>,
    clusters: [&'a Cluster; 2],
    links: [&'a Proxy; 2],
    told: Vec<String>,
}

impl Mine<'_, '_> {
    fn suffer(&mut self, what: &str, inject: impl FnOnce(), heal: impl FnOnce()) {
        self.told.push(self.canary.suffer(what, inject, heal));
    }

    /// Everything that may befall a server and the link to it.
    fn suffer_at(&mut self, what: &str, side: usize) {
        let (cluster, link) = (self.clusters[side], self.links[side]);
        let database = [self.canary.source, self.canary.target][side];
        let run = |sql: &str| _ = database.session().query(sql);
        self.suffer(&format!("{what} crashed"), || cluster.stop(), || cluster.restart());
        self.suffer(&format!("{what} hangs"), || cluster.signal("STOP"), || cluster.signal("CONT"));
        let shut_out = || run(&format!("ALTER ROLE acequia NOLOGIN; {END}"));
        self.suffer(&format!("{what} lets nobody in"), shut_out, || run("ALTER ROLE acequia LOGIN"));
        for (how, fault) in [
            ("stalls", Link::Stalled),
            ("is closed", Link::Down),
            ("carries nearly nothing", Link::Slow(200)),
        ] {
            self.suffer(&format!("{what}: the link {how}"), || link.set(fault), || link.set(Link::Open));
        }
        self.suffer(&format!("{what}: the link is dead without a word"), || link.kill_silently(), || {});
    }
}

fn play(part: impl FnOnce(&mut Mine<'_, '_>, &Daemon<'_>)) {
    let (near, far) = (Cluster::start(&[]), Cluster::start(&[]));
    let (source, target) = (near.database(), far.database());
    for (database, schema) in [(&source, "hq"), (&target, "branch")] {
        database.execute(&TABLE.replace("{s}", schema));
    }
    let config = Config::new(&[("hq", &source, "hq"), ("branch", &target, "branch")], RULES);
    config.set_up();
    let links = [Proxy::before(&near), Proxy::before(&far)];
    config.lead_through(&source, &links[0]);
    config.lead_through(&target, &links[1]);
    let address = listen(&config);
    let mut daemon = config.start();
    daemon.wait_streaming();
    let canary = Canary {
        source: &source,
        target: &target,
        address,
        rows: Mutex::new(Rows::default()),
        stop: AtomicBool::new(false),
    };
    let told = std::thread::scope(|scope| {
        scope.spawn(|| canary.write());
        scope.spawn(|| canary.look());
        let _end = StopAtEnd(&canary.stop);
        let links = [&links[0], &links[1]];
        let mut mine = Mine { canary: &canary, clusters: [&near, &far], links, told: Vec::new() };
        part(&mut mine, &daemon);
        mine.told
    });
    let broken = told.iter().filter(|line| !line.ends_with(" 0 broken")).count();
    assert_eq!(broken, 0, "green while a row was late:\n{}", told.join("\n"));
    daemon.stop();
}

#[test]
fn it_is_never_green_while_a_row_is_late_whatever_befalls_the_source() {
    play(|mine, _daemon| mine.suffer_at("source", 0));
}

#[test]
fn it_is_never_green_while_a_row_is_late_whatever_befalls_the_target() {
    play(|mine, _daemon| mine.suffer_at("target", 1));
}

#[test]
fn it_is_never_green_while_a_row_is_late_whatever_befalls_the_rows_and_the_daemon() {
    play(|mine, daemon| {
        let (here, there) = (mine.canary.source, mine.canary.target);
        let run = |sql: &str| _ = there.session().query(sql);
        let name = there.name();
        mine.suffer("the daemon hangs", || daemon.signal("STOP"), || daemon.signal("CONT"));
        let lock = Mutex::new(None);
        let begin = || {
            let session = there.session();
            session.query("BEGIN; LOCK TABLE branch.bird IN SHARE MODE");
            *lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
        };
        let end = || drop(lock.lock().unwrap_or_else(PoisonError::into_inner).take());
        mine.suffer("the customer's table is locked", begin, end);
        let (set, reset) = ("SET default_transaction_read_only = on", "RESET default_transaction_read_only");
        mine.suffer(
            "the target is read-only",
            || run(&format!("ALTER DATABASE {name} {set}; {END}")),
            || run(&format!("SET transaction_read_only = off; ALTER DATABASE {name} {reset}; {END}")),
        );
        mine.suffer(
            "a grant is missing",
            || run("REVOKE INSERT ON branch.bird FROM acequia"),
            || run("GRANT INSERT ON branch.bird TO acequia"),
        );
        mine.suffer(
            "rows are refused",
            || run("ALTER TABLE branch.bird ADD CONSTRAINT never CHECK (value <> 'bird') NOT VALID"),
            || run("ALTER TABLE branch.bird DROP CONSTRAINT never"),
        );
        let much = || {
            let many = "SELECT 'x' || i, repeat('much ', 20) FROM generate_series(1, 400000) i";
            here.session().query(&format!("INSERT INTO hq.bird {many}"));
        };
        mine.suffer("a large transaction is before the rows", much, || {});
    });
}
