//! The running daemon: started for a test, watched, stopped or killed.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::config::Config;
use super::database::Database;
use super::wait::{poll, wait_for};

/// How long anything may take that a test waits for. Only a test that fails waits so long.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// How long a server may take that perhaps is not there.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// `acequia run`. Killed when it is dropped; its log is shown when the test fails.
pub(crate) struct Daemon<'a> {
    config: &'a Config<'a>,
    child: Child,
    log: PathBuf,
    /// Where this start begins in the log.
    began: usize,
}

impl<'a> Daemon<'a> {
    pub(super) fn start(config: &'a Config<'a>, environment: &[(&str, &str)]) -> Self {
        let log = config.path().join("daemon.log");
        let began = std::fs::metadata(&log).map_or(0, |file| usize::try_from(file.len()).unwrap_or(0));
        let file = OpenOptions::new().create(true).append(true).open(&log).expect("a log file");
        let own = config.command(&["run"]);
        // A test that is killed must not leave a daemon behind: it goes with the thread that started it.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(own.get_program()).args(own.get_args());
        command.env_clear().envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.envs(environment.iter().copied()).current_dir(config.path()).stdin(Stdio::null());
        command.stdout(file.try_clone().expect("a second handle")).stderr(file);
        let child = command.spawn().expect("setpriv (util-linux) can be started");
        Self { config, child, log, began }
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has printed, by this start and by earlier ones.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).expect("the log can be read")).into_owned()
    }

    /// No session of a daemon has a role that may do everything: every test is one of the printed privileges too. A server
    /// that is down has no sessions.
    fn assert_no_superuser(&self) {
        let sql = "SELECT a.application_name FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid \
                   WHERE (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole) AND a.datname = current_database() \
                   AND a.application_name LIKE 'acequia %'";
        for database in self.config.databases() {
            let session = database.session_within(ANSWER_LIMIT);
            let seen =
                session.and_then(|session| session.query_within(sql, ANSWER_LIMIT)).unwrap_or_default();
            assert!(seen.is_empty(), "the daemon works as superuser: {seen:?}");
        }
    }

    /// Waits until changes made from now on will arrive.
    pub(crate) fn wait_streaming(&mut self) {
        let streaming = "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'";
        let databases = self.config.databases();
        for database in self.targets() {
            self.wait_alive("streaming", || {
                let seen = database.query("SELECT flow, state FROM acequia.checkpoint");
                // The other end can be on another server.
                let senders: Vec<Option<String>> = databases
                    .iter()
                    .flat_map(|source| source.query(streaming))
                    .map(|mut row| row.remove(0))
                    .collect();
                let streams = |row: &Vec<Option<String>>| {
                    let sender = row[0].as_ref().map(|flow| format!("acequia capture {flow}"));
                    row[1].as_deref() == Some("live") && senders.contains(&sender)
                };
                if !seen.is_empty() && seen.iter().all(streams) { Ok(()) } else { Err(format!("{seen:?}")) }
            });
        }
        self.assert_no_superuser();
    }

    /// The databases that are written: those with a control schema.
    fn targets(&self) -> Vec<&'a Database> {
        let is_target = |database: &&Database| {
            database.value("SELECT to_regclass('acequia.checkpoint') IS NOT NULL") == "t"
        };
        self.config.databases().iter().copied().filter(is_target).collect()
    }

    /// Waits until everything that has been committed up to now has arrived in every customer.
    pub(crate) fn barrier(&mut self) {
        let targets = self.targets();
        for source in self.config.databases() {
            let lsn = source.value("SELECT pg_logical_emit_message(true, 'barrier', '')");
            for target in &targets {
                let sql = format!(
                    "SELECT flow, lsn, lsn >= '{lsn}' FROM acequia.checkpoint WHERE source_database = '{}'",
                    source.name()
                );
                self.wait_alive(&format!("a checkpoint past {lsn}"), || {
                    let seen = target.query(&sql);
                    let past = seen.iter().all(|row| row[2].as_deref() == Some("t"));
                    if past { Ok(()) } else { Err(format!("{seen:?}")) }
                });
            }
        }
    }

    /// What it has printed since this start.
    pub(crate) fn log_of_this_start(&self) -> String {
        let log = std::fs::read(&self.log).expect("the log can be read");
        String::from_utf8_lossy(log.get(self.began..).unwrap_or_default()).into_owned()
    }

    /// Waits for something that only a working daemon can bring about: fails at once where it has ended, or halted a flow.
    pub(crate) fn wait_alive(&mut self, what: &str, condition: impl Fn() -> Result<(), String>) {
        self.wait_alive_within(LIMIT, what, condition);
    }

    /// The same with a limit of its own.
    pub(crate) fn wait_alive_within(
        &mut self,
        limit: Duration,
        what: &str,
        condition: impl Fn() -> Result<(), String>,
    ) {
        wait_for(what, limit, || {
            let ended = self.child.try_wait().expect("the daemon is our child");
            // Dropping the daemon shows its log.
            assert!(ended.is_none(), "waiting for {what}: the daemon ended ({ended:?})");
            assert!(
                !self.log_of_this_start().contains("flow halted"),
                "waiting for {what}: the flow is halted"
            );
            condition()
        });
    }

    /// Sends TERM and expects an orderly end.
    pub(crate) fn stop(mut self) {
        self.assert_no_superuser();
        self.signal("TERM");
        let status = self.wait_exit();
        assert!(status.success(), "after TERM the daemon ended with {status}\n{}", self.log());
    }

    /// Sends a signal: `TERM`, `STOP`, …
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill`: there need be no other.
        let line = format!("kill -{name} {}", self.pid());
        let status = Command::new("sh").args(["-c", &line]).status().expect("a shell");
        assert!(status.success(), "{line}: {status}");
    }

    /// Kills it with -9, in the middle of whatever it does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the daemon can be killed");
        self.wait_exit();
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait_exit(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let ended = poll(LIMIT, || {
            child.try_wait().expect("the daemon is our child").ok_or_else(|| "it is running".to_owned())
        });
        ended.unwrap_or_else(|seen| panic!("the daemon did not end within {LIMIT:?}: {seen}\n{}", self.log()))
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- what the daemon printed ----\n{}", self.log());
        }
    }
}
