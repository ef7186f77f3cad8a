//! A throw-away machine with systemd as its first process (`tests/support/nspawn.sh`): where the service is tried as it is
//! installed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::config::ACEQUIA;
use super::daemon::LIMIT;
use super::wait::wait_for;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/nspawn.sh");

/// A container that was booted. It ends when this is dropped, or when this process ends.
pub(crate) struct Container {
    /// Its standard input is what keeps the container.
    owner: Child,
    /// The container's first process, as this machine numbers it.
    leader: String,
}

impl Container {
    /// Why none can be booted here; nothing where one can.
    pub(crate) fn hindrance() -> Option<String> {
        let output = Command::new(SCRIPT).arg("check").output().expect("the script can be started");
        (!output.status.success()).then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Boots one, with the binary under test in its place.
    pub(crate) fn boot() -> Self {
        Self::boot_with(ACEQUIA)
    }

    /// Boots one in which nothing of ours is installed.
    pub(crate) fn boot_bare() -> Self {
        Self::boot_with("-")
    }

    fn boot_with(binary: &str) -> Self {
        let mut command = Command::new(SCRIPT);
        command.arg(binary).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut owner = command.spawn().expect("the script can be started");
        let output = owner.stdout.take().expect("it is piped");
        let ready =
            BufReader::new(output).lines().map_while(Result::ok).find(|line| line.starts_with("ready "));
        let ready = ready.expect("the container is up; what hinders it is printed above");
        let leader = ready.trim_start_matches("ready ").to_owned();
        Self { owner, leader }
    }

    /// A command in the container.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.leader, "--mount", "--uts", "--ipc", "--net", "--pid", "--"])
            .args(words);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
        command
    }

    /// Runs a command in the container, to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("nsenter (util-linux) can be started")
    }

    /// The same, where it has to succeed; answers what it printed.
    #[track_caller]
    pub(crate) fn succeed(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {output:?}\n{}", self.journal());
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Writes a file there.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let mut writing = self.command(&["tee", path]);
        let mut writing = writing.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("started");
        writing.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("written");
        assert!(writing.wait().expect("it ends").success(), "{path} can't be written");
    }

    /// SQL, by the superuser.
    #[track_caller]
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.succeed(&[
            "psql",
            "-XqAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "postgres",
            "-d",
            "practice",
            "-c",
            sql,
        ])
    }

    /// What systemd knows of the service.
    #[track_caller]
    pub(crate) fn show(&self, property: &str) -> String {
        self.succeed(&["systemctl", "show", "--value", "--property", property, "acequia.service"])
    }

    /// Waits until a property of the service is as wanted.
    pub(crate) fn wait_shown(&self, property: &str, what: impl Fn(&str) -> bool) {
        wait_for(&format!("{property} of the service"), LIMIT, || {
            let now = self.show(property);
            if what(&now) { Ok(()) } else { Err(format!("{now}\n{}", self.journal())) }
        });
    }

    /// All that the journal has of the service.
    pub(crate) fn journal(&self) -> String {
        let output = self.run(&["journalctl", "--no-pager", "--unit", "acequia.service"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The service's files as they are in this repository.
    pub(crate) fn unit() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/acequia.service"))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // The script cleans up and ends when nobody holds its input any more.
        drop(self.owner.stdin.take());
        _ = self.owner.wait();
    }
}
