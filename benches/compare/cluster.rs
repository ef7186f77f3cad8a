//! Throw-away PostgreSQL servers: started by `tests/support/server.sh`, gone when this process is, however it ends.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use super::session::Session;

/// As a production server has them where it matters here. Without fsync, for both sides alike: what a shared disk does
/// at the moment is not what is compared.
const SETTINGS: &[&str] = &[
    "fsync=off",
    "shared_buffers=1GB",
    "max_wal_size=16GB",
    "checkpoint_timeout=1h",
    "wal_level=logical",
    "wal_sender_timeout=60s",
    "max_wal_senders=60",
    "max_replication_slots=60",
    "max_logical_replication_workers=54",
    "max_worker_processes=64",
    "max_connections=200",
    // Room for one transaction that touches 30 tables of 500 customers.
    "max_locks_per_transaction=1024",
    // How long the launcher waits between two starts of workers. The default, 5 s, would be counted as slowness of
    // ten subscriptions that are enabled one after the other.
    "wal_retrieve_retry_interval=10ms",
];

/// Bytes of a server's log that are shown when something went wrong.
const LOG_TAIL_BYTES: usize = 4000;

/// How long a slot may have a reader after the reader has ended.
const RELEASE_LIMIT: Duration = Duration::from_secs(30);

/// Where the changes come from, and where they go. Can be the same server.
pub(crate) struct Servers<'a> {
    pub(crate) source: &'a Cluster,
    pub(crate) target: &'a Cluster,
}

/// A server of this run. The script owns it, and ends with our end of its input: also when this process is killed.
pub(crate) struct Cluster {
    script: Child,
    input: Option<ChildStdin>,
    directory: PathBuf,
    socket: PathBuf,
    port: u16,
}

impl Cluster {
    pub(crate) fn start(name: &str) -> Self {
        eprintln!("starting the {name} server");
        // A socket's path is short, so this does not go to wherever TMPDIR points.
        let directory = PathBuf::from(format!("/tmp/acequia-bench-{}-{name}", std::process::id()));
        let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/server.sh"));
        script.arg(&directory);
        for setting in SETTINGS {
            script.args(["-c", setting]);
        }
        let mut script = script
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash runs tests/support/server.sh");
        let input = script.stdin.take();
        let mut line = String::new();
        let output = script.stdout.take().expect("the output is a pipe");
        BufReader::new(output).read_line(&mut line).expect("the script answers");
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["ready", socket, port] = words[..] else {
            panic!(
                "no PostgreSQL server: its message stands above. tests/support/install.sh installs what is missing"
            );
        };
        let (socket, port) = (PathBuf::from(socket), port.parse().expect("a port"));
        let cluster = Self { script, input, directory, socket, port };
        Session::open(&cluster, "postgres").execute("CREATE ROLE acequia LOGIN REPLICATION");
        cluster
    }

    /// Everything of this run that is a file lies below; removed with the server.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The directory of its socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its port; part of the socket's name.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A new, empty database.
    pub(crate) fn create_database(&self, name: &str) -> Session {
        Session::open(self, "postgres").execute(&format!("CREATE DATABASE {name}"));
        Session::open(self, name)
    }

    /// Drops a database with its slots and whoever is connected.
    pub(crate) fn drop_database(&self, name: &str) {
        let session = Session::open(self, "postgres");
        // The server's end of a connection goes a moment after ours.
        let active =
            format!("SELECT EXISTS (SELECT FROM pg_replication_slots WHERE database = '{name}' AND active)");
        let deadline = Instant::now() + RELEASE_LIMIT;
        while session.is_true(&active) {
            assert!(Instant::now() < deadline, "somebody reads a slot of database {name}");
            std::thread::sleep(Duration::from_millis(20));
        }
        session.execute(&format!(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '{name}'"
        ));
        session.execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
    }

    /// The end of what the server has logged.
    pub(crate) fn log_tail(&self) -> String {
        let log = std::fs::read(self.directory.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_TAIL_BYTES)..]).into_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Closing its input is the order to stop and to clean up.
        self.input = None;
        _ = self.script.wait();
    }
}

/// Ctrl-C reaches this process by itself. A signal to cargo alone, or to make, does not: this process then has another
/// parent, and ends too. Servers, daemon and files go with it.
pub(crate) fn end_with_parent() {
    let parent = parent_id();
    std::thread::spawn(move || {
        while parent_id() == parent {
            std::thread::sleep(Duration::from_millis(500));
        }
        std::process::exit(143);
    });
}
