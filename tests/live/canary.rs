//! The canary: whatever goes wrong, `/readyz` is never green while a row is late.
//!
//! A row is written every 200 ms. All the while it is asked whether `/readyz` is green, which rows have arrived, and whether
//! it is green still: a row that is older than `max_lag` and not there between two answers of green breaks the promise.

mod customer;
mod failover;
mod lookout;
mod servers;
mod slot;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use self::lookout::{Canary, Course};
use super::support::{Cluster, Config, Daemon, Database, Proxy, Session, free_address};

/// What the rules promise.
const MAX_LAG: Duration = Duration::from_secs(5);

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
const HBA: &str = "local all acequia scram-sha-256\nlocal all all trust\nlocal replication postgres trust\n";
const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'acequia'";

/// Ends the threads, also when the test fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A transaction that somebody leaves open.
struct Left<'a> {
    database: &'a Database,
    session: Mutex<Option<Session>>,
}

impl<'a> Left<'a> {
    fn none(database: &'a Database) -> Self {
        Self { database, session: Mutex::new(None) }
    }

    fn begin(&self, sql: &str) {
        let session = self.database.session();
        session.query(&format!("BEGIN; {sql}"));
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    fn end(&self) {
        drop(self.session.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
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
        self.told.push(self.canary.suffer(what, inject, heal, Course::Mended));
    }

    /// While it lasts, nobody answers.
    fn suffer_mutely(&mut self, what: &str, inject: impl FnOnce(), heal: impl FnOnce()) {
        self.told.push(self.canary.suffer(what, inject, heal, Course::Mute));
    }

    /// The last thing that befalls it: it takes an operator.
    fn suffer_for_good(&mut self, what: &str, inject: impl FnOnce()) {
        self.told.push(self.canary.suffer(what, inject, || {}, Course::Lasting));
    }

    /// Something is done again and again; rows may come in time all the same, where it is said so.
    fn suffer_again_and_again(
        &mut self,
        what: &str,
        course: Course,
        pause: Duration,
        harm: impl Fn() + Sync,
    ) {
        let stop = AtomicBool::new(false);
        let again = || {
            while !stop.load(Ordering::Relaxed) {
                harm();
                std::thread::sleep(pause);
            }
        };
        let told = std::thread::scope(|scope| {
            let _end = StopAtEnd(&stop);
            let begin = || _ = scope.spawn(again);
            self.canary.suffer(what, begin, || stop.store(true, Ordering::Relaxed), course)
        });
        self.told.push(told);
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

/// Two servers, the source's first.
fn servers(settings: &[&str]) -> [Cluster; 2] {
    [Cluster::start(&[&["track_commit_timestamp=on"], settings].concat()), Cluster::start(settings)]
}

fn play(part: impl FnOnce(&mut Mine<'_, '_>, &Daemon<'_>, &Config<'_>)) {
    play_on(&servers(&[]), |_, _, _| (), part);
}

/// The same on servers that are there, and prepared before the daemon starts.
fn play_on(
    [near, far]: &[Cluster; 2],
    prepare: impl FnOnce(&Config<'_>, &[Proxy; 2], [&Database; 2]),
    part: impl FnOnce(&mut Mine<'_, '_>, &Daemon<'_>, &Config<'_>),
) {
    let (source, target) = (near.database(), far.database());
    for (database, schema) in [(&source, "hq"), (&target, "branch")] {
        database.execute(&TABLE.replace("{s}", schema));
    }
    let config = Config::new(&[("hq", &source, "hq"), ("branch", &target, "branch")], RULES);
    config.set_up();
    let links = [Proxy::before(near), Proxy::before(far)];
    config.lead_through(&source, &links[0]);
    config.lead_through(&target, &links[1]);
    ask_for_a_password(&config, [(near, &source), (far, &target)]);
    let address = listen(&config);
    prepare(&config, &links, [&source, &target]);
    let mut daemon = config.start();
    daemon.wait_streaming();
    let canary = Canary::new(&source, &target, address);
    let told = canary.watch(|| {
        let links = [&links[0], &links[1]];
        let mut mine = Mine { canary: &canary, clusters: [near, far], links, told: Vec::new() };
        part(&mut mine, &daemon, &config);
        mine.told
    });
    let broken = told.iter().filter(|line| !line.ends_with(" 0 broken")).count();
    assert_eq!(broken, 0, "green while a row was late:\n{}", told.join("\n"));
    daemon.stop();
}
