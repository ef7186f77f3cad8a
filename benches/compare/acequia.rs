//! Acequia as a consumer: the binary with a configuration of its own, one target database, a schema for each customer.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use super::cluster::{Cluster, Servers};
use super::consumer::{Consumer, Place};
use super::source::{SOURCE, Source};

/// The binary, built as it is released.
pub(crate) const ACEQUIA: &str = env!("CARGO_BIN_EXE_acequia");
/// The target database.
const TARGET: &str = "dst";
/// How long the daemon may take to stream, or to stop.
const LIMIT: Duration = Duration::from_mins(20);

/// The daemon and its customers.
pub(crate) struct Acequia<'a> {
    cluster: &'a Cluster,
    config: PathBuf,
    place: Place,
    daemon: Option<Daemon>,
    has_started: bool,
}

/// The running process.
pub(crate) struct Daemon {
    child: Child,
    begun: Instant,
    lines: Receiver<(Instant, String)>,
    log: Vec<(Instant, String)>,
}

impl<'a> Acequia<'a> {
    pub(crate) fn create(servers: &Servers<'a>, source: &Source<'_>, targets: u32) -> Self {
        let cluster = servers.target;
        let schemas: Vec<String> = (1..=targets).map(|number| format!("c{number:02}")).collect();
        let config = cluster.directory().join("acequia");
        std::fs::create_dir_all(&config).expect("a directory for the configuration");
        let text = configuration(source.cluster(), cluster, &schemas, &config);
        std::fs::write(config.join("acequia.toml"), text).expect("the configuration can be written");
        let place = Place::create(cluster, TARGET, schemas, source.table, 1);
        let output = run(&config, &["setup", "--as", "postgres"]);
        assert!(output.status.success(), "acequia setup: {}", String::from_utf8_lossy(&output.stderr));
        Self { cluster, config, place, daemon: None, has_started: false }
    }
}

impl Acequia<'_> {
    /// Runs a command beside the daemon.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        run(&self.config, arguments)
    }
}

impl Consumer for Acequia<'_> {
    fn start(&mut self) {
        let mut daemon = Daemon::start(&self.config);
        if !self.has_started {
            daemon.wait_streaming();
            self.has_started = true;
        }
        self.daemon = Some(daemon);
    }

    fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.stop();
        }
    }

    fn places(&self) -> &[Place] {
        std::slice::from_ref(&self.place)
    }

    fn check(&mut self) -> Result<(), String> {
        self.daemon.as_mut().map_or(Ok(()), Daemon::check)
    }

    fn start_up(&mut self) -> Option<Duration> {
        self.daemon.as_mut().and_then(Daemon::start_up)
    }

    fn peak_kib(&self) -> Option<u32> {
        self.daemon.as_ref().and_then(|daemon| peak_kib(daemon.child.id()))
    }

    fn finish(mut self: Box<Self>) {
        self.stop();
        std::fs::remove_dir_all(&self.config).expect("the configuration can be removed");
        self.cluster.drop_database(TARGET);
    }
}

impl Daemon {
    pub(crate) fn start(config: &Path) -> Self {
        let begun = Instant::now();
        // When this process is killed, the daemon goes too.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", ACEQUIA, "--config"]).arg(config).arg("run");
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("RUST_LOG", "info,acequia::daemon::flow::plan=debug");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("setpriv (util-linux) can be started");
        let stderr = child.stderr.take().expect("the log is a pipe");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send((Instant::now(), line)).is_err() {
                    return;
                }
            }
        });
        Self { child, begun, lines, log: Vec::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The log up to now.
    pub(crate) fn log(&mut self) -> String {
        self.log.extend(self.lines.try_iter());
        self.log.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn start_up(&mut self) -> Option<Duration> {
        self.log.extend(self.lines.try_iter());
        let streaming = self.log.iter().find(|(_, line)| line.contains(" streaming "));
        streaming.map(|(at, _)| at.duration_since(self.begun))
    }

    pub(crate) fn wait_streaming(&mut self) {
        while self.start_up().is_none() {
            assert!(self.begun.elapsed() < LIMIT, "the daemon does not stream:\n{}", self.log());
            self.check().unwrap_or_else(|why| panic!("{why}"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn check(&mut self) -> Result<(), String> {
        match self.child.try_wait().expect("the daemon is our child") {
            None => Ok(()),
            Some(status) => Err(format!("the daemon ended ({status}):\n{}", self.log())),
        }
    }

    /// Sends TERM and expects an orderly end.
    pub(crate) fn stop(mut self) {
        let line = format!("kill -TERM {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &line]).status().expect("a shell");
        assert!(sent.success(), "{line}: {sent}");
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the daemon is our child") {
                break status;
            }
            assert!(Instant::now() < deadline, "the daemon does not stop:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(status.success(), "after TERM the daemon ended with {status}:\n{}", self.log());
    }
}

pub(crate) fn run(config: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(ACEQUIA);
    command.arg("--config").arg(config).args(arguments).env_clear().stdin(Stdio::null());
    command.output().expect("the binary can be started")
}

/// The whole configuration: updates are applied, and a journal is written, as is the default.
fn configuration(source: &Cluster, target: &Cluster, schemas: &[String], directory: &Path) -> String {
    let mut text = format!("[daemon]\nruntime_directory = \"{}\"\n", directory.join("run").display());
    for (dbname, cluster) in [(SOURCE, source), (TARGET, target)] {
        let (socket, port) = (cluster.socket().display(), cluster.port());
        _ = write!(
            text,
            "\n[databases.{dbname}]\nhost = \"{socket}\"\nport = {port}\ndbname = \"{dbname}\"\nuser = \"acequia\"\n"
        );
    }
    _ = write!(text, "\n[customers.hq]\ndatabase = \"{SOURCE}\"\nschema = \"{SOURCE}\"\n");
    for schema in schemas {
        _ = write!(text, "\n[customers.{schema}]\ndatabase = \"{TARGET}\"\nschema = \"{schema}\"\n");
    }
    _ = write!(
        text,
        "\n[datasets.item]\ntable = \"item\"\nkey = [\"code\"]\n\n[[sync]]\nname = \"bench\"\nfrom = \"hq\"\nto = {schemas:?}\n\
         data = [\"item\"]\nmode = \"override\"\n"
    );
    text
}

/// The kernel's high-water mark of a process's memory.
pub(crate) fn peak_kib(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
