//! Something goes wrong every 20 to 60 seconds, and is mended a while later.
//!
//! In the first third each kind happens once at least, in an order of chance: the daemon's memory shall have met all of them
//! before it is asked whether it grows.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use crate::support::{Cluster, Config, Daemon, Database, Link, Proxy, Session};

/// The superuser is let in, Acequia proves who it is.
const HBA: &str = "local all acequia scram-sha-256\nlocal all all trust\n";
const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'acequia'";

/// What it all happens to.
pub(crate) struct Place<'a> {
    pub(crate) config: &'a Config<'a>,
    /// The source's server, and the other one.
    pub(crate) clusters: [&'a Cluster; 2],
    pub(crate) links: &'a [Proxy; 2],
    pub(crate) near: &'a Database,
    pub(crate) far: &'a Database,
}

/// What may go wrong.
#[derive(Debug, Clone, Copy)]
enum Outage {
    Kill,
    Crash(usize),
    ShutDown(usize),
    Hang(usize),
    Stall(usize),
    Cut(usize),
    Dead(usize),
    Lock,
    Password,
}

/// All of them; killing comes first: the daemon that is started then is the one whose memory is looked at.
const ALL: [Outage; 15] = [
    Outage::Kill,
    Outage::Crash(0),
    Outage::Crash(1),
    Outage::ShutDown(0),
    Outage::ShutDown(1),
    Outage::Hang(0),
    Outage::Hang(1),
    Outage::Stall(0),
    Outage::Stall(1),
    Outage::Cut(0),
    Outage::Cut(1),
    Outage::Dead(0),
    Outage::Dead(1),
    Outage::Lock,
    Outage::Password,
];

/// The daemon, and what is wrong at the moment.
pub(crate) struct Outages<'a> {
    place: &'a Place<'a>,
    daemon: Option<Daemon<'a>>,
    random: u64,
    /// Kinds that have not happened yet; the last is the next.
    fresh: Vec<Outage>,
    next: Duration,
    now: Option<(Outage, Duration)>,
    lock: Option<Session>,
    passwords: u32,
    count: u32,
}

/// As the unit has it.
const ENVIRONMENT: [(&str, &str); 1] = [("MALLOC_ARENA_MAX", "1")];

impl Place<'_> {
    fn start(&self) -> Daemon<'_> {
        self.config.start_with(&ENVIRONMENT)
    }

    /// The other server asks for a password from now on.
    pub(crate) fn ask_for_a_password(&self) {
        self.write_secret("soak-0");
        self.far.execute("ALTER ROLE acequia PASSWORD 'soak-0'");
        fs::write(self.clusters[1].data().join("pg_hba.conf"), HBA).expect("the server's file");
        self.far.execute("SELECT pg_reload_conf()");
        let text = fs::read_to_string(self.config.path().join("acequia.toml")).expect("the file");
        let head = format!("[databases.{}]\n", self.far.name());
        self.config.write(
            "acequia.toml",
            &text.replace(&head, &format!("{head}password = {{ file = \"password\" }}\n")),
        );
    }

    fn write_secret(&self, password: &str) {
        let (beside, secret) = (self.config.path().join("password.new"), self.config.path().join("password"));
        fs::write(&beside, password).expect("written");
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).expect("it is ours");
        fs::rename(&beside, &secret).expect("in its place");
    }
}

impl<'a> Outages<'a> {
    pub(crate) fn start(place: &'a Place<'a>, seed: u64) -> Self {
        let mut daemon = place.start();
        daemon.wait_streaming();
        let mut outages = Self {
            place,
            daemon: Some(daemon),
            random: seed.max(1),
            fresh: Vec::new(),
            next: Duration::from_secs(20),
            now: None,
            lock: None,
            passwords: 0,
            count: 0,
        };
        outages.fresh = outages.shuffled();
        outages
    }

    pub(crate) fn daemon_pid(&self) -> Option<u32> {
        self.daemon.as_ref().map(Daemon::pid)
    }

    /// Breaks and mends what is due. The daemon is killed once: its memory has to show what it grows to.
    pub(crate) fn look(&mut self, elapsed: Duration, lasting: Duration) {
        if let Some((outage, until)) = self.now.filter(|(_, until)| *until <= elapsed) {
            self.mend(outage);
            self.now = None;
            self.next = if self.fresh.is_empty() {
                until + Duration::from_secs(20 + self.draw(30))
            } else {
                // Room for all of them in the first third.
                elapsed
                    + (lasting / 3).saturating_sub(elapsed)
                        / (2 * u32::try_from(self.fresh.len()).unwrap_or(1))
            };
        }
        // The end comes when all is mended.
        if self.now.is_none() && self.next <= elapsed && elapsed + Duration::from_secs(30) < lasting {
            let outage = match self.fresh.pop() {
                Some(outage) => outage,
                None => ALL[1 + self.spot(ALL.len() - 1)],
            };
            let seconds = 1 + self.draw(9);
            println!("{:6.0} s: {outage:?} for {seconds} s", elapsed.as_secs_f64());
            self.count += 1;
            self.harm(outage);
            self.now = Some((outage, elapsed + Duration::from_secs(seconds)));
        }
    }

    /// Mends what is wrong still. Answers the daemon.
    pub(crate) fn end(mut self) -> Daemon<'a> {
        if let Some((outage, _)) = self.now.take() {
            self.mend(outage);
        }
        println!("{} outages", self.count);
        self.daemon.take().unwrap_or_else(|| self.place.start())
    }

    fn harm(&mut self, outage: Outage) {
        match outage {
            Outage::Kill => self.daemon.take().into_iter().for_each(Daemon::kill),
            Outage::Crash(which) => self.place.clusters[which].stop(),
            Outage::ShutDown(which) => self.place.clusters[which].shut_down(),
            Outage::Hang(which) => self.place.clusters[which].signal("STOP"),
            Outage::Stall(which) => self.place.links[which].set(Link::Stalled),
            Outage::Cut(which) => self.place.links[which].set(Link::Down),
            Outage::Dead(which) => self.place.links[which].kill_silently(),
            Outage::Lock => {
                let session = self.place.near.session();
                session.query("BEGIN; LOCK TABLE one.item IN SHARE MODE");
                self.lock = Some(session);
            }
            Outage::Password => {
                self.passwords += 1;
                self.place
                    .far
                    .session()
                    .query(&format!("ALTER ROLE acequia PASSWORD 'soak-{}'; {END}", self.passwords));
            }
        }
    }

    fn mend(&mut self, outage: Outage) {
        match outage {
            Outage::Kill => self.daemon = Some(self.place.start()),
            Outage::Crash(which) | Outage::ShutDown(which) => self.place.clusters[which].restart(),
            Outage::Hang(which) => self.place.clusters[which].signal("CONT"),
            Outage::Stall(which) | Outage::Cut(which) => self.place.links[which].set(Link::Open),
            Outage::Dead(_) => {}
            Outage::Lock => self.lock = None,
            Outage::Password => self.place.write_secret(&format!("soak-{}", self.passwords)),
        }
    }

    /// All kinds, the first of [`ALL`] last.
    fn shuffled(&mut self) -> Vec<Outage> {
        let mut kinds = ALL.to_vec();
        for last in (2..kinds.len()).rev() {
            kinds.swap(last, 1 + self.spot(last));
        }
        kinds.reverse();
        kinds
    }

    /// A place in a list of that length.
    fn spot(&mut self, length: usize) -> usize {
        usize::try_from(self.draw(length as u64)).unwrap_or(0)
    }

    /// A number below `limit`.
    fn draw(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % limit
    }
}
