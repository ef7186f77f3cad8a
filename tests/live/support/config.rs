//! A configuration directory for a test, and the real binary over it.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Once;

use tempfile::TempDir;

use super::daemon::Daemon;
use super::database::Database;
use super::proxy::Proxy;

/// The binary under test.
pub(crate) const ACEQUIA: &str = env!("CARGO_BIN_EXE_acequia");

/// Their directories are called so, and by the process that made them.
const PREFIX: &str = "acequia-config-";

/// Whether it has been looked for what tests left behind that were killed.
static SWEPT: Once = Once::new();

/// Removes the directories of processes that are gone.
fn sweep() {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'));
        if process
            .is_some_and(|(pid, _)| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists())
        {
            _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Codes go from hq to north. Words of the rule may follow, and other tables after them.
pub(crate) const CODES: &str = r#"
[datasets.code]
key = ["code"]

[[sync]]
name = "codes"
from = "hq"
to = ["north"]
data = ["code"]
"#;

/// A customer of a test: name, database, schema.
pub(crate) type Customer<'a> = (&'a str, &'a Database, &'a str);

/// Rule files in a directory of their own. `[databases]`, `[customers]` and `[daemon]` are written here; the test gives the rest.
pub(crate) struct Config<'a> {
    directory: TempDir,
    databases: Vec<&'a Database>,
}

impl<'a> Config<'a> {
    /// Writes the files for these customers; `rules` holds data sets and sync groups.
    pub(crate) fn new(customers: &[Customer<'a>], rules: &str) -> Self {
        let mut databases: Vec<&Database> = Vec::new();
        for (_, database, _) in customers {
            if databases.iter().all(|known| known.name() != database.name()) {
                databases.push(*database);
            }
        }
        Self::over(&databases, customers, rules)
    }

    /// The same where `rules` names (further) customers of these databases itself.
    pub(crate) fn over(databases: &[&'a Database], customers: &[Customer<'_>], rules: &str) -> Self {
        SWEPT.call_once(sweep);
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let directory = tempfile::Builder::new().prefix(&prefix).tempdir().expect("a directory");
        let config = Self { directory, databases: databases.to_vec() };
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(config.path(), private).expect("a private directory");
        std::fs::create_dir(config.path().join("conf.d")).expect("conf.d");
        config.write("acequia.toml", &config.places(customers));
        config.write("conf.d/rules.toml", rules);
        config
    }

    fn places(&self, customers: &[Customer<'_>]) -> String {
        let mut text = format!("[daemon]\nruntime_directory = \"{}\"\n", self.runtime_directory().display());
        for database in &self.databases {
            let (name, socket, port) = (database.name(), database.socket().display(), database.port());
            _ = write!(
                text,
                "\n[databases.{name}]\nhost = \"{socket}\"\nport = {port}\ndbname = \"{name}\"\n"
            );
        }
        for (customer, database, schema) in customers {
            // A literal string of TOML, which has no escapes, but for schemas with an apostrophe.
            let quote = if schema.contains('\'') { "'''" } else { "'" };
            let name = database.name();
            _ = write!(
                text,
                "\n[customers.{customer}]\ndatabase = \"{name}\"\nschema = {quote}{schema}{quote}\n"
            );
        }
        text
    }

    /// Writes or replaces one file, at once: a daemon may be reading it.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let (new, file) = (self.path().join("new"), self.path().join(name));
        std::fs::write(&new, text).expect("a file can be written");
        std::fs::rename(&new, &file).expect("a rule file can be replaced");
    }

    /// Has the daemon reach a database through a proxy.
    pub(crate) fn lead_through(&self, database: &Database, proxy: &Proxy) {
        self.lead_over_tcp(database, proxy.port());
    }

    /// Has it reach a database at a port of this machine.
    pub(crate) fn lead_over_tcp(&self, database: &Database, port: u16) {
        let text = std::fs::read_to_string(self.path().join("acequia.toml")).expect("the file");
        let (socket, own, name) = (database.socket().display(), database.port(), database.name());
        let direct = format!("host = \"{socket}\"\nport = {own}\ndbname = \"{name}\"\n");
        assert!(text.contains(&direct), "{text}");
        let open = "sslmode = \"disable\"\ninsecure = true";
        let led = format!("host = \"127.0.0.1\"\nport = {port}\n{open}\ndbname = \"{name}\"\n");
        self.write("acequia.toml", &text.replace(&direct, &led));
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where the daemon keeps its own files.
    pub(crate) fn runtime_directory(&self) -> PathBuf {
        self.path().join("run")
    }

    /// The databases of its customers.
    pub(crate) fn databases(&self) -> &[&'a Database] {
        &self.databases
    }

    /// The binary on this directory, with nothing of the test's own environment but the place of its directories.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(ACEQUIA);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.path()).current_dir(self.path());
        command.arg("--config").arg(self.path()).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a command of the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary can be started")
    }

    /// Runs a command of the binary that must succeed; answers what it printed.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "acequia {arguments:?}: {}\n{out}{err}", output.status);
        out.into_owned()
    }

    /// Starts a command of the binary whose output is kept for later. It goes with the thread that started it.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let own = self.command(arguments);
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(own.get_program()).args(own.get_args());
        command.env_clear().envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(self.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("setpriv (util-linux) can be started")
    }

    /// What a DBA does once: `acequia setup --print-sql`, applied by the superuser. The daemon has no more rights than these.
    pub(crate) fn set_up(&self) {
        let sql = self.succeed(&["setup", "--print-sql"]);
        let parts = sql_by_database(&sql, &self.databases);
        for (database, sql) in parts {
            database.execute(&sql);
        }
    }

    /// Starts the daemon.
    pub(crate) fn start(&self) -> Daemon<'_> {
        self.start_with(&[])
    }

    /// Starts the daemon with additions to its environment.
    pub(crate) fn start_with(&self, environment: &[(&str, &str)]) -> Daemon<'_> {
        Daemon::start(self, environment)
    }
}

/// The printed SQL, split at the heads that say which database each part is for.
fn sql_by_database<'a>(sql: &str, databases: &[&'a Database]) -> Vec<(&'a Database, String)> {
    let heads = databases.iter().filter_map(|database| {
        let head = format!("-- Acequia, database \"{}\":", database.name());
        Some((sql.find(&head)?, *database))
    });
    let mut heads: Vec<(usize, &Database)> = heads.collect();
    heads.sort_by_key(|(start, _)| *start);
    let ends = heads.iter().skip(1).map(|(start, _)| *start).chain([sql.len()]);
    heads.iter().zip(ends).map(|((start, database), end)| (*database, sql[*start..end].to_owned())).collect()
}
