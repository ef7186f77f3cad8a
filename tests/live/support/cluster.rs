//! A throw-away PostgreSQL server: started by `tests/support/server.sh`, gone when this process is.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::database::{Database, Session, connect, connect_within, run};

/// A server of the tests. The script owns it, and ends with our end of its input: also when this process is killed.
pub(crate) struct Cluster {
    script: Child,
    pipes: Mutex<Pipes>,
    directory: PathBuf,
    socket: PathBuf,
    port: u16,
}

struct Pipes {
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Cluster {
    /// The server that all tests of this process share. Every test has a database of its own on it.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        // As many tests run at once as the machine has processors, each with a slot and half a dozen sessions.
        let room = ["max_replication_slots=200", "max_wal_senders=200", "max_connections=1000"];
        SHARED.get_or_init(|| Self::start(&room))
    }

    /// A server for one test alone: `settings` are `name=value`, as in `postgresql.conf`.
    pub(crate) fn start(settings: &[&str]) -> Self {
        Self::launch(settings, &[])
    }

    /// The same on a TCP port of this machine too, where it asks for no password.
    pub(crate) fn start_on_tcp(settings: &[&str]) -> Self {
        let settings = [&["listen_addresses=127.0.0.1"], settings].concat();
        Self::launch(&settings, &[("ACEQUIA_PG_AUTH_HOST", OsStr::new("trust"))])
    }

    /// The same with the server's binaries in this directory.
    pub(crate) fn of_binaries(binaries: &Path) -> Self {
        Self::launch(&[], &[("ACEQUIA_PG_BIN", binaries.as_os_str())])
    }

    fn launch(settings: &[&str], environment: &[(&str, &OsStr)]) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        // A socket's path is short, so this does not go to wherever TMPDIR points.
        let directory = PathBuf::from(format!("/tmp/acequia-live-{}-{number}", std::process::id()));
        let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/server.sh"));
        script.arg(&directory);
        for setting in settings {
            script.args(["-c", setting]);
        }
        let mut script = script
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash runs tests/support/server.sh");
        let input = script.stdin.take();
        let output = BufReader::new(script.stdout.take().expect("the output is a pipe"));
        let mut pipes = Pipes { input, output };
        let (socket, port) = pipes.ready();
        let cluster = Self { script, pipes: Mutex::new(pipes), directory, socket, port };
        let client = cluster.client("postgres");
        run(&client, "CREATE ROLE acequia LOGIN REPLICATION");
        cluster
    }

    /// A new, empty database.
    pub(crate) fn database(&self) -> Database {
        Database::create(self, "")
    }

    /// The same, with options of CREATE DATABASE.
    pub(crate) fn database_with(&self, options: &str) -> Database {
        Database::create(self, options)
    }

    /// The directory of its socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its port; part of the socket's name.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The server's files: only while it is stopped may somebody touch them.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read(self.directory.join("log")).expect("the server's log can be read");
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Stops the server as a crash would.
    pub(crate) fn stop(&self) {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(pipes.ask("stop"), "stopped");
    }

    /// Stops the server as a DBA does who does not wait for sessions to end.
    pub(crate) fn shut_down(&self) {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(pipes.ask("shutdown"), "stopped");
    }

    /// Sends a signal to the server's first process.
    pub(crate) fn signal_postmaster(&self, name: &str) {
        let line = format!("kill -{name} {}", self.postmaster());
        let output = Command::new("sh").args(["-c", &line]).output().expect("a shell");
        assert!(output.status.success(), "{line}: {output:?}");
    }

    fn postmaster(&self) -> String {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).expect("the server runs");
        file.lines().next().expect("its process").to_owned()
    }

    /// Sends a signal to every process of the server: `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let postmaster = self.postmaster();
        // The shell's own `kill`: there need be no other. The first one makes no children once it is stopped.
        let line = format!(
            "kill -{name} {postmaster}; for stat in /proc/[0-9]*/stat; do read -r text <$stat || continue; \
             set -- ${{text##*) }}; [ \"$2\" != {postmaster} ] || {{ pid=${{stat%/stat}}; kill -{name} ${{pid#/proc/}}; }}; done; true"
        );
        let output = Command::new("sh").args(["-c", &line]).output().expect("a shell");
        assert!(output.status.success(), "{line}: {output:?}");
    }

    /// Starts it again after [`Cluster::stop`].
    pub(crate) fn restart(&self) {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = pipes.ask("start");
        assert!(answer.starts_with("ready "), "the server did not start again: {answer}");
    }

    /// Makes it a physical standby of another one, from a cold copy; both run then. `settings` are lines of its file.
    pub(crate) fn follow(&self, primary: &Self, settings: &str) {
        primary.stop();
        self.stop();
        let (from, to) = (primary.data(), self.data());
        std::fs::remove_dir_all(&to).expect("the standby's own files");
        let copied = Command::new("cp").arg("-a").arg(&from).arg(&to).status().expect("cp");
        assert!(copied.success(), "cp: {copied}");
        let (here, there) = (primary.socket().display().to_string(), self.socket().display().to_string());
        let file = to.join("postgresql.conf");
        let own = std::fs::read_to_string(&file).expect("the settings").replace(&here, &there);
        let conninfo = format!(
            "primary_conninfo = 'host={here} port={} user=postgres dbname=postgres'\n",
            primary.port()
        );
        std::fs::write(&file, own + settings + &conninfo).expect("the settings can be written");
        let signal = to.join("standby.signal");
        let marked = Command::new("cp").arg("-p").arg(&file).arg(&signal).status().expect("cp");
        assert!(marked.success(), "cp: {marked}");
        primary.restart();
        self.restart();
    }

    /// A session of the superuser with a database that another server has made: this one is its standby.
    pub(crate) fn session(&self, dbname: &str) -> Session {
        Session::new(self.client(dbname))
    }

    /// Where it lets in.
    pub(crate) fn door(&self) -> Door {
        Door { socket: self.socket.clone(), port: self.port }
    }

    /// A session of the superuser.
    pub(super) fn client(&self, dbname: &str) -> tokio_postgres::Client {
        connect(&self.socket, self.port, dbname, "postgres")
    }
}

/// A server that hangs, and goes on in the end, also where the test fails.
pub(crate) struct Hanging<'a>(&'a Cluster);

impl<'a> Hanging<'a> {
    /// It hangs from now on.
    pub(crate) fn of(cluster: &'a Cluster) -> Self {
        cluster.signal("STOP");
        Self(cluster)
    }
}

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.0.signal("CONT");
    }
}

/// Where a server lets in, for whoever outlives the borrowing of it.
#[derive(Clone)]
pub(crate) struct Door {
    socket: PathBuf,
    port: u16,
}

impl Door {
    /// The socket's file.
    pub(crate) fn file(&self) -> PathBuf {
        self.socket.join(format!(".s.PGSQL.{}", self.port))
    }

    /// A session of the superuser, if the server gives one in time.
    pub(crate) fn session_within(&self, dbname: &str, limit: Duration) -> Option<Session> {
        connect_within(&self.socket, self.port, dbname, limit).map(Session::new)
    }
}

impl Pipes {
    /// Waits for `ready SOCKET PORT`.
    fn ready(&mut self) -> (PathBuf, u16) {
        let line = self.line();
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["ready", socket, port] = words[..] else {
            panic!(
                "no PostgreSQL server: its message stands above. `make test` installs what is missing \
                 (Debian's package postgresql); ACEQUIA_PG_BIN names another directory of binaries"
            );
        };
        (PathBuf::from(socket), port.parse().expect("a port"))
    }

    fn ask(&mut self, word: &str) -> String {
        let input = self.input.as_mut().expect("the script is there");
        writeln!(input, "{word}").expect("the script listens");
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the script answers");
        line.trim_end().to_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Closing its input is the order to stop and to clean up.
        self.pipes.get_mut().unwrap_or_else(PoisonError::into_inner).input = None;
        _ = self.script.wait();
    }
}
