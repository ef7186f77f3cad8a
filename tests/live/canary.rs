//! The canary: whatever goes wrong, `/readyz` is never green while a row is late.
//!
//! A row is written every 200 ms. All the while it is asked whether `/readyz` is green, which rows have arrived, and whether
//! it is green still: a row that is older than `max_lag` and not there between two answers of green breaks the promise.

mod customer;
mod servers;
mod slot;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::support::{
    Cluster, Config, Daemon, Database, LIMIT, Link, Loss, Proxy, Session, free_address, skip, wait_for,
};

/// What the rules promise.
const MAX_LAG: Duration = Duration::from_secs(5);
/// Between two rows.
const PACE: Duration = Duration::from_millis(200);
/// Between two looks; a row may be so much later than `max_lag` before that is seen.
const LOOK: Duration = Duration::from_millis(100);
/// Whether a row was committed is not known where the source has not answered by then; nor is it green that does not say so.
const PATIENCE: Duration = Duration::from_millis(300);
/// A target that does not answer by then has not shown a row. What counts is when it was asked.
const LOOK_PATIENCE: Duration = Duration::from_secs(2);
/// Every fault lasts so long: past the tries, the looks and the pauses of the daemon, with rows that are late nearly all the
/// while.
const LASTING: Duration = Duration::from_secs(3 * MAX_LAG.as_secs());

/// Until then it may be red of what was done to let it happen: a daemon that stood still, say.
const INJECTED: Duration = Duration::from_secs(3);

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
/// The superuser is let in, Acequia proves who it is.
const HBA: &str = "local all acequia scram-sha-256\nlocal all all trust\n";
const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'acequia'";

/// What the canary knows of the rows that it has written.
#[derive(Default)]
struct Rows {
    /// Those that have not arrived, with the moment in which their commit was known.
    missing: BTreeMap<u64, Instant>,
    /// Those of which nobody has said yet whether they were committed.
    unsure: BTreeSet<u64>,
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
    patience: Duration,
    session: Option<Session>,
}

impl Patient<'_> {
    fn ask(&mut self, sql: &str) -> Option<Vec<Vec<Option<String>>>> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.database.session_within(self.patience)?,
        };
        let answer = session.query_within(sql, self.patience)?;
        self.session = Some(session);
        Some(answer)
    }
}

/// Keys as SQL has them.
fn listed<'a>(keys: impl Iterator<Item = &'a u64>) -> String {
    let keys: Vec<String> = keys.map(|key| format!("'{key}'")).collect();
    keys.join(", ")
}

impl Canary<'_> {
    fn write(&self) {
        let mut session = Patient { database: self.source, patience: PATIENCE, session: None };
        let mut key = 0_u64;
        while !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(PACE);
            key += 1;
            let sql = format!("INSERT INTO hq.bird VALUES ('{key}', 'bird')");
            if session.ask(&sql).is_some() {
                lock(&self.rows).missing.insert(key, Instant::now());
                self.make_sure(&mut session);
            } else {
                lock(&self.rows).unsure.insert(key);
            }
        }
    }

    /// Asks a source that answers again when the rows were committed of which it had not told.
    fn make_sure(&self, session: &mut Patient<'_>) {
        let keys = listed(lock(&self.rows).unsure.iter());
        if keys.is_empty() {
            return;
        }
        let sql = format!(
            "SELECT key, extract(epoch FROM clock_timestamp() - pg_xact_commit_timestamp(xmin))::float8 FROM hq.bird \
             WHERE key IN ({keys})"
        );
        let Some(found) = session.ask(&sql) else { return };
        let mut rows = lock(&self.rows);
        for row in found {
            let key = row[0].as_ref().and_then(|key| key.parse().ok());
            let age = row[1].as_ref().and_then(|age| Duration::try_from_secs_f64(age.parse().ok()?).ok());
            if let (Some(key), Some(age)) = (key, age)
                && rows.unsure.remove(&key)
            {
                rows.missing.insert(key, Instant::now().checked_sub(age).expect("it was in this test"));
            }
        }
    }

    fn look(&self) {
        let mut session = Patient { database: self.target, patience: LOOK_PATIENCE, session: None };
        while !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK);
            let began = Instant::now();
            let before = is_green(self.address);
            let keys = listed(lock(&self.rows).missing.keys());
            let arrived = if keys.is_empty() {
                Vec::new()
            } else {
                let sql = format!("SELECT key FROM branch.bird WHERE key IN ({keys})");
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

    /// Something is wrong for a while. Answers a line about it. Where `heal` mends nothing and nothing mends itself, it stays
    /// red.
    fn suffer(&self, what: &str, inject: impl FnOnce(), heal: impl FnOnce(), is_mended: bool) -> String {
        self.wait_green("all is well");
        let (late, broken) = {
            let rows = lock(&self.rows);
            (rows.late, rows.broken.len())
        };
        inject();
        let began = Instant::now();
        let (mut red, mut stays) = (None, false);
        while began.elapsed() < LASTING {
            std::thread::sleep(LOOK);
            if !lock(&self.rows).is_green {
                red = red.or(Some(began.elapsed()));
                stays |= began.elapsed() > INJECTED;
            }
        }
        let said = self.told();
        let red = red.filter(|_| stays);
        let red = red.unwrap_or_else(|| panic!("{what}: it was not red: nothing befell it\n{said}"));
        let healed = Instant::now();
        heal();
        if is_mended {
            self.wait_green(&format!("{what} is over"));
        }
        let rows = lock(&self.rows);
        let mut line = format!(
            "{what}: red after {:.1} s, over {:.1} s after its end, {} rows late, {} broken",
            red.as_secs_f64(),
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

/// Has the daemon tell how it is; answers where. Rows that are refused are parked, and late when they are older than
/// `max_parked_age`: a day, unless the file says otherwise as it does here. It is looked at once a second.
fn listen(config: &Config<'_>) -> SocketAddr {
    let free = free_address();
    let text = std::fs::read_to_string(config.path().join("acequia.toml")).expect("the file");
    let more = format!(
        "[daemon]\nlisten = \"{free}\"\nmax_lag = \"{}s\"\nmax_parked_age = \"{}s\"\n",
        MAX_LAG.as_secs(),
        MAX_LAG.as_secs() - 2
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
        self.told.push(self.canary.suffer(what, inject, heal, true));
    }

    /// The last thing that befalls it: it takes an operator.
    fn suffer_for_good(&mut self, what: &str, inject: impl FnOnce()) {
        self.told.push(self.canary.suffer(what, inject, || {}, false));
    }

    /// Everything that may befall a server and the link to it.
    fn suffer_at(&mut self, what: &str, side: usize) {
        let (cluster, link) = (self.clusters[side], self.links[side]);
        self.suffer(&format!("{what} crashed"), || cluster.stop(), || cluster.restart());
        self.suffer(&format!("{what} hangs"), || cluster.signal("STOP"), || cluster.signal("CONT"));
        for (how, fault) in [
            ("stalls", Link::Stalled),
            ("is closed", Link::Down),
            ("carries nearly nothing", Link::Slow(200)),
        ] {
            self.suffer(&format!("{what}: the link {how}"), || link.set(fault), || link.set(Link::Open));
        }
        self.suffer(&format!("{what}: the link is dead without a word"), || link.kill_silently(), || {});
        if let Some(why) = Loss::hindrance() {
            return skip("a link whose packets are lost", &why);
        }
        let loss = RefCell::new(None);
        let begin = || _ = loss.replace(Some(Loss::at(link.port())));
        self.suffer(&format!("{what}: packets are lost"), begin, || drop(loss.take()));
    }
}

/// Both servers ask for a password, which stands in a file.
fn ask_for_a_password(config: &Config<'_>, servers: [(&Cluster, &Database); 2]) {
    let secret = config.path().join("password");
    std::fs::write(&secret, "right").expect("written");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let mut text = std::fs::read_to_string(config.path().join("acequia.toml")).expect("the file");
    for (cluster, database) in servers {
        database.execute("ALTER ROLE acequia PASSWORD 'right'");
        std::fs::write(cluster.data().join("pg_hba.conf"), HBA).expect("the server's file");
        database.execute("SELECT pg_reload_conf()");
        let head = format!("[databases.{}]\n", database.name());
        text = text.replace(&head, &format!("{head}password = {{ file = \"password\" }}\n"));
    }
    config.write("acequia.toml", &text);
}

fn play(part: impl FnOnce(&mut Mine<'_, '_>, &Daemon<'_>, &Config<'_>)) {
    let (near, far) = (Cluster::start(&["track_commit_timestamp=on"]), Cluster::start(&[]));
    let (source, target) = (near.database(), far.database());
    for (database, schema) in [(&source, "hq"), (&target, "branch")] {
        database.execute(&TABLE.replace("{s}", schema));
    }
    let config = Config::new(&[("hq", &source, "hq"), ("branch", &target, "branch")], RULES);
    config.set_up();
    let links = [Proxy::before(&near), Proxy::before(&far)];
    config.lead_through(&source, &links[0]);
    config.lead_through(&target, &links[1]);
    ask_for_a_password(&config, [(&near, &source), (&far, &target)]);
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
        part(&mut mine, &daemon, &config);
        mine.told
    });
    let broken = told.iter().filter(|line| !line.ends_with(" 0 broken")).count();
    assert_eq!(broken, 0, "green while a row was late:\n{}", told.join("\n"));
    daemon.stop();
}
