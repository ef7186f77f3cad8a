//! No row value and no password in any output, at any log level.
//!
//! Every value of the master is a marker (`tests/leaks/`). Rows arrive, are refused for every reason there is, wait, are
//! renamed and deleted, and in the end the flow halts. Then everything that the daemon and its commands printed or
//! wrote, what the kernel shows of the process, and the statements that the server logged are searched for markers.
//! `acequia parked show` alone is made to show a row.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::OnceLock;

use super::support::{Cluster, Config, Database, LIMIT, wait_for};

const BEFORE: &str = include_str!("../leaks/before.sql");
const RULES: &str = include_str!("../leaks/rules.toml");
const CHANGES: [&str; 2] = [include_str!("../leaks/change-1.sql"), include_str!("../leaks/change-2.sql")];
const LAST_CHANGE: &str = include_str!("../leaks/change-3.sql");

/// The markers of `tests/leaks/`, and the forms in which a value could hide: hexadecimal and Base64 at each offset.
const MARKERS: [&str; 7] =
    ["zq7leak", "731640295118", "1907-03", "7a71376c65616b", "enE3bGVh", "pxN2xlYW", "6cTdsZWFr"];
/// The role's password.
const PASSWORD: &str = "zq7leak-password";

/// The role has to give its password; the superuser of the tests has not.
const HBA: &str =
    "local all postgres trust\nlocal all all scram-sha-256\nlocal replication all scram-sha-256\n";

/// What was printed or written, by where it was found.
#[derive(Default)]
struct Outputs(BTreeMap<String, String>);

impl Outputs {
    fn add(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.0.insert(place.into(), text.into());
    }

    /// Fails with every line that has a marker, in places that `wanted` chooses.
    fn expect_no_leak(&self, wanted: impl Fn(&str) -> bool) {
        let mut leaks = String::new();
        let has_marker = |line: &&str| MARKERS.iter().any(|marker| line.contains(marker));
        for (place, text) in self.0.iter().filter(|(place, _)| wanted(place)) {
            for line in text.lines().filter(has_marker) {
                let cut: String = line.chars().take(300).collect();
                _ = writeln!(leaks, "{place}: {cut}");
            }
        }
        assert!(leaks.is_empty(), "row values or a password in what was printed or written:\n{leaks}");
    }
}

#[test]
fn no_row_value_in_what_the_daemon_and_its_commands_print_and_write() {
    outputs().expect_no_leak(|place| !place.starts_with(LIST) && place != SERVER_LOG);
}

#[test]
fn no_row_value_in_the_list_of_parked_rows() {
    outputs().expect_no_leak(|place| place.starts_with(LIST));
}

#[test]
fn no_row_value_in_the_statements_that_the_server_logs() {
    outputs().expect_no_leak(|place| place == SERVER_LOG);
}

const LIST: &str = "acequia parked list";
const SERVER_LOG: &str = "the server's log of the daemon's statements";

/// One run for all of these tests.
fn outputs() -> &'static Outputs {
    static OUTPUTS: OnceLock<Outputs> = OnceLock::new();
    OUTPUTS.get_or_init(provoke)
}

/// Makes the daemon meet everything that could make it speak of a row.
fn provoke() -> Outputs {
    let mut hba = tempfile::NamedTempFile::new().expect("a file");
    hba.write_all(HBA.as_bytes()).expect("it can be written");
    fs::set_permissions(hba.path(), fs::Permissions::from_mode(0o644)).expect("the server may read it");
    let cluster = Cluster::start(&[&format!("hba_file={}", hba.path().display())]);
    let database = cluster.database();
    database.execute(BEFORE);
    database.execute(&format!("ALTER ROLE acequia PASSWORD '{PASSWORD}'"));
    // What the daemon sends is logged by the server as far as it goes; what this test sends is not.
    for setting in
        ["log_statement = 'all'", "log_min_duration_statement = 0", "log_min_error_statement = 'debug5'"]
    {
        database.execute(&format!("ALTER ROLE acequia SET {setting}"));
    }
    let config = Config::new(&[("hq", &database, "hq"), ("north", &database, "north")], RULES);
    give_password(config.path());
    config.set_up();
    let mut outputs = Outputs::default();
    run_commands(&config, "before", &mut outputs);
    let mut daemon = config.start_with(&[("RUST_LOG", "trace"), ("RUST_BACKTRACE", "1")]);
    daemon.wait_streaming();
    for process_file in ["cmdline", "environ", "comm"] {
        let path = format!("/proc/{}/{process_file}", daemon.pid());
        let text = fs::read(&path).expect("the process is ours");
        outputs.add(path, String::from_utf8_lossy(&text));
    }
    for (number, change) in CHANGES.iter().enumerate() {
        database.execute(change);
        daemon.barrier();
        run_commands(&config, &format!("after change {}", number + 1), &mut outputs);
        expect_parked(&config, &database);
    }
    let further: [&[&str]; 6] = [
        &["plan", "--examples", "0"],
        &["backfill", "--yes", "--wait"],
        &["resync", "--yes", "--wait"],
        &["verify", "--columns"],
        &["verify", "--repair", "--yes"],
        &["journal", "list"],
    ];
    run(&config, &further, "on rows that are there", &mut outputs);
    daemon.barrier();
    database.execute(LAST_CHANGE);
    wait_for("a broken data set", LIMIT, || {
        let log = daemon.log();
        if log.contains("broken for one customer") { Ok(()) } else { Err(log) }
    });
    run_commands(&config, "when broken", &mut outputs);
    files_of_the_daemon(&config, &mut outputs);
    daemon.stop();
    outputs.add("the daemon's log", fs::read_to_string(config.path().join("daemon.log")).expect("a log"));
    outputs.add(SERVER_LOG, statements_in(&cluster.log()));
    outputs
}

/// The values are there to be found: rows are parked for many reasons, and the one command that is made to show a row
/// shows it.
fn expect_parked(config: &Config<'_>, database: &Database) {
    let reasons = database.value("SELECT count(DISTINCT (reason, sqlstate)) FROM acequia.parked");
    assert!(
        reasons.parse::<u32>().expect("a number") >= 6,
        "rows are parked for many reasons, not {reasons}"
    );
    let id = database.value("SELECT min(id) FROM acequia.parked");
    assert!(config.succeed(&["parked", "show", &id]).contains(MARKERS[0]), "`parked show` shows the row");
}

/// A password file as libpq knows it, in the directory that is the binary's home.
fn give_password(home: &Path) {
    let path = home.join(".pgpass");
    fs::write(&path, format!("*:*:*:acequia:{PASSWORD}\n")).expect("a file in the test's directory");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
}

/// Every command that is not made to show one row.
fn run_commands(config: &Config<'_>, when: &str, outputs: &mut Outputs) {
    let commands: [&[&str]; 8] = [
        &["check"],
        &["check", "--output", "json"],
        &["status"],
        &["status", "--output", "json"],
        &["parked", "list"],
        &["parked", "list", "--output", "json"],
        &["config", "show"],
        &["setup", "--print-sql"],
    ];
    run(config, &commands, when, outputs);
}

fn run(config: &Config<'_>, commands: &[&[&str]], when: &str, outputs: &mut Outputs) {
    for command in commands {
        let output =
            config.command(command).env("RUST_LOG", "trace").output().expect("the binary can be started");
        let text = [output.stdout, output.stderr].concat();
        outputs.add(format!("acequia {} ({when})", command.join(" ")), String::from_utf8_lossy(&text));
    }
}

/// Whatever the daemon has written into its directory.
fn files_of_the_daemon(config: &Config<'_>, outputs: &mut Outputs) {
    let files = fs::read_dir(config.runtime_directory()).expect("the daemon has made it");
    for file in files.map(|file| file.expect("an entry").path()).filter(|path| path.is_file()) {
        let text = fs::read(&file).expect("a file that can be read");
        outputs.add(file.display().to_string(), String::from_utf8_lossy(&text));
    }
}

/// What the server has logged of the daemon's sessions: their statements and the values bound to them. Its own words
/// about a row that it refuses (`ERROR`, `DETAIL: Key …`, `CONTEXT`) are the server's to give, and a DBA's to turn off.
/// Sessions that ask the source for single rows do so by their keys: the source's own log may know its own keys. (Those of
/// `acequia verify` with the target are looked at by a test of its own.)
fn statements_in(log: &str) -> String {
    let mut found = String::new();
    let mut wanted = false;
    for line in log.lines() {
        // A statement of several lines goes on with a tab.
        if !line.starts_with('\t') {
            let asks_source = line.contains(" acequia fetch ") || line.contains(" acequia verify ");
            let ours = line.contains(" acequia@") && !asks_source;
            wanted = ours
                && [" LOG:  ", " STATEMENT:  ", " DETAIL:  parameters:"]
                    .iter()
                    .any(|kind| line.contains(kind));
        }
        if wanted {
            found += line;
            found.push('\n');
        }
    }
    assert!(found.contains("COPY "), "the server logs what the daemon sends");
    found
}
