//! The service under a real systemd, as it is installed: `systemd/acequia.service`, its user, its directories, a password
//! that systemd hands over. A container is booted for it (`support/nspawn.rs`); where that can't be, these tests say so.

use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::support::{CODES, Container, LIMIT, skip, wait_for};

/// A drop-in's place.
const DROP_IN: &str = "/run/systemd/system/acequia.service.d/test.conf";
/// `TimeoutStopSec=` of the unit.
const STOP_LIMIT: Duration = Duration::from_secs(90);

const PLACES: &str = r#"
[databases.practice]
host = "/run/postgresql"
dbname = "practice"
user = "acequia"
password = { credential = "practice_password" }

[customers.hq]
database = "practice"
schema = "hq"

[customers.north]
database = "practice"
schema = "north"
"#;

/// The machine of all these tests, and one of them at a time. Each finds the service running and leaves it so.
fn machine(test: &str) -> Option<MutexGuard<'static, Machine>> {
    static MACHINE: OnceLock<Result<Mutex<Machine>, String>> = OnceLock::new();
    let machine =
        MACHINE.get_or_init(|| Container::hindrance().map_or_else(|| Ok(Mutex::new(Machine::new())), Err));
    match machine {
        Ok(machine) => {
            let machine = machine.lock().unwrap_or_else(PoisonError::into_inner);
            machine.settle();
            Some(machine)
        }
        Err(hindrance) => {
            skip(test, hindrance);
            None
        }
    }
}

struct Machine(Container);

impl Machine {
    /// Installs the service as the README says.
    fn new() -> Self {
        let container = Container::boot();
        container.succeed(&["systemctl", "start", "postgresql"]);
        wait_for("the server", LIMIT, || {
            let ready = container.run(&["pg_isready", "-h", "/run/postgresql"]);
            if ready.status.success() { Ok(()) } else { Err(format!("{ready:?}")) }
        });
        container.succeed(&["createdb", "-U", "postgres", "-h", "/run/postgresql", "practice"]);
        container.sql(
            "CREATE ROLE acequia LOGIN REPLICATION PASSWORD 'zq7leak-password';
             CREATE SCHEMA hq; CREATE SCHEMA north;
             CREATE TABLE hq.code (code text PRIMARY KEY); CREATE TABLE north.code (code text PRIMARY KEY)",
        );
        container.write("/etc/acequia/acequia.toml", PLACES);
        container.write("/etc/acequia/conf.d/rules.toml", CODES);
        container.write("/etc/acequia/credentials/practice_password", "zq7leak-password\n");
        container.succeed(&["chmod", "0600", "/etc/acequia/credentials/practice_password"]);
        container.succeed(&[
            "sh",
            "-c",
            "acequia setup --print-sql >/srv/setup.sql && psql -Xq1 -v ON_ERROR_STOP=1 -U postgres -d practice -f /srv/setup.sql",
        ]);
        Self(container)
    }

    /// The service runs by its own unit and the first rules, whatever a test before has left behind.
    fn settle(&self) {
        self.0.write("/etc/acequia/acequia.toml", PLACES);
        self.0.write("/etc/acequia/conf.d/rules.toml", CODES);
        self.0.succeed(&["mkdir", "-p", "/run/systemd/system/acequia.service.d"]);
        self.drop_in("");
        // Where it never ran there is nothing to forget.
        _ = self.0.run(&["systemctl", "reset-failed", "acequia"]);
        self.0.succeed(&["systemctl", "start", "postgresql", "acequia"]);
        self.expect_arrival("when the test begins");
    }

    /// Changes the unit for a while; it is not the program's business.
    fn drop_in(&self, text: &str) {
        self.0.write(DROP_IN, text);
        self.0.succeed(&["systemctl", "daemon-reload"]);
    }

    /// A row that is written now arrives, and all rows before it did.
    #[track_caller]
    fn expect_arrival(&self, when: &str) {
        self.0.sql("INSERT INTO hq.code SELECT 'row ' || 1 + count(*) FROM hq.code");
        self.expect_equal(when);
    }

    #[track_caller]
    fn expect_equal(&self, when: &str) {
        let missing = "SELECT count(*) FROM (TABLE hq.code EXCEPT TABLE north.code) missing";
        wait_for(&format!("all rows, {when}"), LIMIT, || {
            let rows = self.0.sql(missing);
            if rows == "0" { Ok(()) } else { Err(format!("{rows} are missing\n{}", self.0.journal())) }
        });
    }

    /// Rows by the hundred, each in a transaction of its own, until it is dropped.
    fn load(&self) -> Load {
        let endless = "while :; do for i in $(seq 50); do \
                       echo \"INSERT INTO hq.code VALUES (gen_random_uuid()::text);\"; done; sleep 0.05; done \
                       | exec psql -Xq -U postgres -d practice";
        let mut command: Command = self.0.command(&["sh", "-c", endless]);
        // A group of its own, so that all of it can be ended.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Load(command.stdout(Stdio::null()).spawn().expect("nsenter can be started"))
    }

    fn rows(&self) -> u64 {
        self.0.sql("SELECT count(*) FROM hq.code").parse().expect("a number")
    }

    /// Waits until the load has gone on by so many rows.
    fn pass(&self, rows: u64) {
        let until = self.rows() + rows;
        wait_for("the load going on", LIMIT, || {
            let now = self.rows();
            if now >= until { Ok(()) } else { Err(format!("{now} of {until} rows")) }
        });
    }
}

struct Load(Child);

impl Drop for Load {
    fn drop(&mut self) {
        _ = Command::new("sh").args(["-c", &format!("kill -KILL -{}", self.0.id())]).status();
        _ = self.0.wait();
    }
}

#[test]
fn the_start_is_over_when_flows_have_come_to_something_and_the_status_line_says_what() {
    let Some(machine) = machine("READY and STATUS") else { return };
    let container = &machine.0;
    assert_eq!((container.show("Type"), container.show("ActiveState")), ("notify".into(), "active".into()));
    container.succeed(&["systemctl", "restart", "acequia"]);
    let line = container.show("StatusText");
    assert!(line.starts_with("1 flow "), "as soon as the start is over: {line}");
    // The first try may have found that the process before is not gone yet.
    container.wait_shown("StatusText", |line| line.starts_with("1 flow streaming"));
    // A server that is down fails no start.
    container.succeed(&["systemctl", "stop", "acequia", "postgresql"]);
    container.succeed(&["systemctl", "start", "acequia"]);
    assert_eq!(container.show("ActiveState"), "active");
    container.wait_shown("StatusText", |line| line.starts_with("1 flow retrying"));
    container.succeed(&["systemctl", "start", "postgresql"]);
    container.wait_shown("StatusText", |line| line.starts_with("1 flow streaming"));
    machine.expect_arrival("after the server came back");
}

#[test]
fn a_loop_that_stands_still_is_noticed_and_the_service_is_started_anew() {
    let Some(machine) = machine("the watchdog") else { return };
    let container = &machine.0;
    let restarts = container.show("NRestarts");
    container.write("/run/acequia-test.env", "ACEQUIA_FAILPOINT=before-commit:1:block\n");
    machine.drop_in("[Service]\nWatchdogSec=16s\nRestartSec=100ms\nEnvironmentFile=-/run/acequia-test.env\n");
    // It may stand still before it is ready: then the start has failed, and systemd starts it all the same.
    _ = container.run(&["systemctl", "restart", "acequia"]);
    // The next start is a sound one.
    container.succeed(&["rm", "/run/acequia-test.env"]);
    machine.expect_arrival("after a loop stood still");
    assert_ne!(container.show("NRestarts"), restarts);
    let journal = container.journal();
    assert!(journal.contains("Failed with result 'watchdog'"), "{journal}");
    // Nobody is killed who works. A machine that is busy with other things may hold up a loop for a while.
    let restarts = container.show("NRestarts");
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(18) {
        machine.expect_arrival("with a watchdog");
    }
    assert_eq!(container.show("NRestarts"), restarts, "{}", container.journal());
}

#[test]
fn a_reload_is_taken_over_or_refused_and_systemctl_says_which() {
    let Some(machine) = machine("reload") else { return };
    let container = &machine.0;
    let main = container.show("MainPID");
    container.write("/etc/acequia/conf.d/rules.toml", &format!("{CODES}priority = 7\n"));
    container.succeed(&["systemctl", "reload", "acequia"]);
    machine.expect_arrival("after a good reload");
    container.write("/etc/acequia/conf.d/rules.toml", &CODES.replace("\"north\"", "\"nobody\""));
    let refused = container.run(&["systemctl", "reload", "acequia"]);
    assert!(!refused.status.success(), "a bad file is refused\n{}", container.journal());
    machine.expect_arrival("after a bad reload, by the old rules");
    assert_eq!((container.show("ActiveState"), container.show("MainPID")), ("active".into(), main));
    // A hangup is a reload too, and systemd hears of it.
    container.write("/etc/acequia/conf.d/rules.toml", CODES);
    container.succeed(&["systemctl", "kill", "--signal=HUP", "--kill-who=main", "acequia"]);
    wait_for("the third reload", LIMIT, || {
        let journal = container.journal();
        let main = format!("[{}]", container.show("MainPID"));
        let taken = journal.lines().filter(|line| line.contains(&main) && line.contains("reloaded")).count();
        if taken >= 2 { Ok(()) } else { Err(journal) }
    });
    container.wait_shown("ActiveState", |state| state == "active");
}

#[test]
fn a_wrong_configuration_is_not_started_again_and_a_killed_process_is() {
    let Some(machine) = machine("exit 78, and kill -9") else { return };
    let container = &machine.0;
    let restarts = container.show("NRestarts");
    container.succeed(&["systemctl", "kill", "--signal=KILL", "--kill-who=main", "acequia"]);
    machine.expect_arrival("after kill -9");
    assert_ne!(container.show("NRestarts"), restarts);
    container.write("/etc/acequia/conf.d/rules.toml", "[[sync]]\nname = 1\n");
    let started = container.run(&["systemctl", "restart", "acequia"]);
    assert!(!started.status.success(), "a start with a wrong configuration fails");
    assert_eq!(container.show("ExecMainStatus"), "78");
    // Not `activating`, which is what waits for `RestartSec=`.
    assert_eq!(container.show("ActiveState"), "failed");
}

#[test]
fn a_stop_under_load_is_orderly_and_an_upgrade_loses_nothing() {
    let Some(machine) = machine("stop under load, and upgrade") else { return };
    let container = &machine.0;
    let load = machine.load();
    for round in 0..3 {
        machine.pass(200);
        let began = Instant::now();
        container.succeed(&["systemctl", "stop", "acequia"]);
        assert!(began.elapsed() < STOP_LIMIT, "stopping took {:?}", began.elapsed());
        assert_eq!(
            (container.show("Result"), container.show("ExecMainStatus")),
            ("success".into(), "0".into())
        );
        machine.pass(100);
        container.succeed(&["systemctl", "start", "acequia"]);
        // As a package does it: another file takes the name, and the service is started anew.
        machine.pass(100 + round);
        container.succeed(&[
            "sh",
            "-c",
            "cp /usr/bin/acequia /usr/bin/acequia.new && mv /usr/bin/acequia.new /usr/bin/acequia",
        ]);
        container.succeed(&["systemctl", "restart", "acequia"]);
    }
    drop(load);
    machine.expect_arrival("after stops and upgrades under load");
    let more = "SELECT count(*) FROM (TABLE north.code EXCEPT TABLE hq.code) more";
    assert_eq!(container.sql(more), "0");
}

#[test]
fn the_journal_has_fields_and_the_service_runs_as_its_user_which_postgresql_knows() {
    let Some(machine) = machine("journal fields, and peer authentication") else { return };
    let container = &machine.0;
    container.succeed(&["systemctl", "restart", "acequia"]);
    let fields = container.succeed(&[
        "journalctl",
        "-u",
        "acequia",
        "-o",
        "verbose",
        "ACEQUIA_FLOW=practice:practice",
    ]);
    for field in [
        "MESSAGE=streaming flow=practice:practice",
        "PRIORITY=6",
        "SYSLOG_IDENTIFIER=acequia",
        "CODE_FILE=src/",
    ] {
        assert!(fields.contains(field), "{field}:\n{fields}");
    }
    assert!(!container.journal().contains("zq7leak"), "no password");
    let owner = container.succeed(&[
        "stat",
        "-c",
        "%U %a",
        "/var/lib/acequia",
        "/run/acequia",
        "/etc/acequia/credentials",
    ]);
    assert_eq!(owner, "acequia 700\nacequia 700\nroot 700");
    let by = "SELECT count(*), count(*) FILTER (WHERE detail -> 'by' ->> 'host' <> '' AND detail -> 'by' ->> 'user' = 'acequia') \
              FROM acequia.audit WHERE what IN ('started', 'stopped')";
    let told = container.sql(by);
    let (all, whole) = told.split_once('|').expect("two numbers");
    assert!(all == whole && all != "0", "the service knows its user and its host: {told}");
    // By its name, and without a password.
    let hba = "local all postgres trust\\nlocal all acequia peer\\n";
    container.succeed(&["sh", "-c", &format!("printf '{hba}' >/srv/pg/pg_hba.conf")]);
    container.sql("SELECT pg_reload_conf()");
    container.succeed(&["systemctl", "restart", "acequia"]);
    machine.expect_arrival("by peer authentication");
    container.succeed(&["sh", "-c", "sed -i s/peer/scram-sha-256/ /srv/pg/pg_hba.conf"]);
    container.sql("SELECT pg_reload_conf()");
}

#[test]
fn commands_by_hand_have_the_password_that_the_service_has() {
    const BY_HAND: [&str; 6] = ["runuser", "-u", "acequia", "--", "acequia", "check"];
    let Some(machine) = machine("passwords by hand") else { return };
    let container = &machine.0;
    container.succeed(&BY_HAND);
    // What somebody has done by a command is in the journal too, with who he is and where.
    container.succeed(&["runuser", "-u", "acequia", "--", "acequia", "pause"]);
    container.succeed(&["acequia", "resume"]);
    for (what, who) in [("pause", "acequia"), ("resume", "root")] {
        let wanted = format!("ACEQUIA_WHAT={what}");
        wait_for("the act in the journal", LIMIT, || {
            let told = container.run(&["journalctl", "-t", "acequia", "-o", "verbose", &wanted]);
            let told = String::from_utf8_lossy(&told.stdout).into_owned();
            let is_there = told.contains(&format!("ACEQUIA_WHO={who}")) && told.contains("host");
            if is_there { Ok(()) } else { Err(format!("{told}\n{}", container.journal())) }
        });
    }
    // Who may read the rules and not the daemon's state is not told that none runs.
    container.succeed(&["useradd", "--groups", "acequia", "deputy"]);
    let told = container.run(&["runuser", "-u", "deputy", "--", "acequia", "status"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("can't be read (permission denied)") && !told.contains("stopped"), "{told}");
    container.succeed(&["systemctl", "stop", "acequia"]);
    let refused = container.run(&BY_HAND);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("as root at any time"), "{said}");
    container.succeed(&["acequia", "check"]);
    // As doc/security.md says.
    let install = "printf 'zq7leak-password\\n' | install -o acequia -g acequia -m 600 /dev/stdin /etc/acequia/password";
    container.succeed(&["sh", "-c", install]);
    let places = PLACES.replace("credential = \"practice_password\"", "file = \"/etc/acequia/password\"");
    container.write("/etc/acequia/acequia.toml", &places);
    container.succeed(&BY_HAND);
    container.succeed(&["systemctl", "start", "acequia"]);
    machine.expect_arrival("by a password in a file");
}

#[test]
fn the_service_writes_elsewhere_only_where_a_drop_in_lets_it() {
    let Some(machine) = machine("ReadWritePaths") else { return };
    let container = &machine.0;
    container.succeed(&["install", "-d", "-o", "acequia", "-g", "acequia", "-m", "700", "/srv/snapshots"]);
    machine.drop_in("[Service]\nExecStartPost=-/usr/bin/touch /srv/snapshots/before\n");
    container.succeed(&["systemctl", "restart", "acequia"]);
    // As doc/snapshots.md says.
    let allowed =
        "[Service]\nReadWritePaths=/srv/snapshots\nExecStartPost=/usr/bin/touch /srv/snapshots/after\n";
    machine.drop_in(allowed);
    container.succeed(&["systemctl", "restart", "acequia"]);
    assert_eq!(container.succeed(&["ls", "/srv/snapshots"]), "after");
}

#[test]
fn the_service_is_exposed_by_no_more_than_one_point_two() {
    let unit = Container::unit();
    let asked = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=12"])
        .arg(unit)
        .output();
    let Ok(answer) = asked else {
        skip("systemd-analyze security", "it is not installed (Debian: systemd)");
        return;
    };
    let text = String::from_utf8_lossy(&answer.stdout);
    let line = text.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_default();
    assert!(answer.status.success(), "{line}\n{text}");
}
