//! The real binary, killed at every place it passes, and what it prints: no value, no password.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use acequia::failpoint;

use super::{tables, values};
use crate::support::{Cluster, Config, Database, LIMIT, Mysql, wait_for};

const PASSWORD: &str = "zq7leak-password";

/// Two snapshots of customer `north`: tables of the server's database `{mysql}_north`, and archives.
fn configure<'a>(database: &'a Database, server: &Mysql, mysql: &str, more: &str) -> Config<'a> {
    let rules = format!(
        "[[snapshot]]\nname = \"{mysql}\"\ncustomers = \"*\"\nformat = \"mysql\"\nserver = \"reporting\"\n\
         database = \"{mysql}_{{customer}}\"\ndirectory = \"out\"\ninclude = [\"everything.raw\"]\n{more}\n\
         [[snapshot]]\nname = \"files\"\ncustomers = \"*\"\ndirectory = \"out\"\ninclude = [\"everything.raw\"]\n\
         [servers.reporting]\nhost = \"{}\"\nuser = \"acequia\"\npassword = {{ file = \"password\" }}\n",
        server.server().host
    );
    let config = Config::new(&[("north", database, "north")], &rules);
    config.write("password", PASSWORD);
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(config.path().join("password"), private).expect("it is ours");
    config.write(
        "conf.d/rules.toml",
        &rules.replace("\"password\"", &format!("\"{}/password\"", config.path().display())),
    );
    config.set_up();
    config
}

#[test]
fn killed_anywhere_the_tables_are_yesterdays_or_todays_and_the_next_run_works() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    database.execute(
        "CREATE SCHEMA north; CREATE TABLE north.a (id int PRIMARY KEY, n int); CREATE TABLE north.b (id int PRIMARY KEY, n int); \
         INSERT INTO north.a VALUES (1, 0); INSERT INTO north.b VALUES (1, 0)",
    );
    let config = configure(&database, server, "snap_killed", "workers = 1");
    config.succeed(&["snapshot", "run", "snap_killed"]);
    let mut n = 0;
    for place in failpoint::MYSQL {
        for count in 1..3 {
            n += 1;
            database.execute(&format!("UPDATE north.a SET n = {n}; UPDATE north.b SET n = {n}"));
            let run = config
                .command(&["snapshot", "run", "snap_killed"])
                .env("ACEQUIA_FAILPOINT", format!("{place}:{count}"))
                .output();
            let died = !run.expect("the binary starts").status.success();
            assert!(died || count == 2, "it was killed at {place}");
            let seen = server.query(
                "SELECT a.n, b.n FROM snap_killed_north.a a, snap_killed_north.b b, snap_killed_north.acequia_manifest m \
                 WHERE m.table_name = ''",
            );
            let seen: Vec<&str> = seen[0].iter().flatten().map(String::as_str).collect();
            let today = n.to_string();
            assert_eq!(seen[0], seen[1], "a mix after {place}:{count}");
            let is_today = seen[0] == today;
            assert_eq!(is_today, !died || place == "mysql-after-rename", "after {place}:{count}");
            config.succeed(&["snapshot", "run", "snap_killed"]);
            assert_eq!(server.value("SELECT n FROM snap_killed_north.b"), today, "after {place}:{count}");
            assert_eq!(tables(server, "snap_killed_north"), ["a", "acequia_manifest", "b"]);
        }
    }
}

/// A run that comes to wait in a statement of the server, and is told to stop then; what it says at its end.
fn stopped(
    config: &Config<'_>,
    server: &Mysql,
    (statement, signals): (&str, u32),
    strike: impl FnOnce(),
) -> String {
    let mut run = config.spawn(&["snapshot", "run", "snap_stopped"]);
    let waits = format!(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'acequia' \
         AND state LIKE 'Waiting for%' AND info LIKE '{statement}'"
    );
    wait_for("the run to wait", LIMIT, || match (server.value(&waits).as_str(), run.try_wait()) {
        ("1", Ok(None)) => Ok(()),
        seen => Err(format!("{seen:?}")),
    });
    strike();
    let kill = format!("kill -TERM {}", run.id());
    let mut sent = 0;
    wait_for("the run to end", LIMIT, || {
        if let Some(status) = run.try_wait().expect("it is our child") {
            return Ok(status);
        }
        // Two that come together are one.
        if sent < signals {
            sent += 1;
            _ = Command::new("sh").args(["-c", &kill]).status();
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        Err("it is running".to_owned())
    });
    let output = run.wait_with_output().expect("it has ended");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_run_that_is_told_to_stop_ends_also_where_a_server_does_not_answer() {
    // Of its own: it is stopped, and all of it is locked.
    let (server, database) = (&Mysql::start(&["--local-infile=ON"]), Cluster::shared().database());
    database.execute(
        "CREATE SCHEMA north; CREATE TABLE north.a (id int PRIMARY KEY); INSERT INTO north.a VALUES (1)",
    );
    let config = configure(&database, server, "snap_stopped", "");
    config.succeed(&["snapshot", "run", "snap_stopped"]);
    // What it has loaded can't be cleared away.
    let held = server.hold("FLUSH TABLES WITH READ LOCK");
    let said = stopped(&config, server, ("%snap_stopped_north%", 1), || server.signal("STOP"));
    server.signal("CONT");
    assert!(said.contains("stopped in the middle of something"), "{said}");
    drop(held);
    // Publishing gets a while, and none after another signal.
    let held = server.hold("LOCK TABLES snap_stopped_north.a READ");
    let said = stopped(&config, server, ("RENAME TABLE%snap_stopped_north%", 2), || ());
    assert!(said.contains("stopped in the middle of something"), "{said}");
    drop(held);
    // Before anything is loaded it ends at once.
    let held = server.hold("LOCK TABLES snap_stopped_north.acequia_manifest WRITE");
    let said = stopped(&config, server, ("SELECT%snap_stopped_north%", 1), || ());
    assert!(said.contains("stopped before it was whole"), "{said}");
    drop(held);
    config.succeed(&["snapshot", "run", "snap_stopped"]);
}

#[test]
fn an_archive_is_put_into_a_server_and_holds_the_same() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    database.execute(values::TYPES);
    let config = configure(&database, server, "snap_loaded", "");
    config.succeed(&["snapshot", "run", "snap_loaded"]);
    config.succeed(&["snapshot", "run", "files"]);
    let load = ["snapshot", "load", "files", "--server", "reporting", "--into", "snap_restored"];
    for _ in 0..2 {
        let told = config.succeed(&load);
        assert!(told.contains("loaded 7 data set(s)") && !told.contains(" 0 value(s)"), "{told}");
    }
    let columns = "small, big, exact, tens, wide, free, b, c, v, t, e, dom, born, ts, tz, tod, todz, i, u, HEX(raw), jb";
    let of = |place: &str| server.query(&format!("SELECT {columns} FROM {place}.everything ORDER BY id"));
    assert_eq!(of("snap_restored"), of("snap_loaded_north"));
    let of = |place: &str| server.query(&format!("SELECT d, ts, tz, n, p, f FROM {place}.lossy ORDER BY id"));
    assert_eq!(of("snap_restored"), of("snap_loaded_north"));
    // What a snapshot publishes by itself is not a load's to replace.
    let refused =
        config.run(&["snapshot", "load", "files", "--server", "reporting", "--into", "snap_loaded_north"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("holds the tables of snapshot `snap_loaded`"),
        "{said}"
    );
}

#[test]
fn no_value_and_no_password_in_what_is_printed_or_written() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    database.execute(
        "CREATE SCHEMA north; CREATE TABLE north.t (id int PRIMARY KEY, name text UNIQUE, born date, j json); \
         INSERT INTO north.t VALUES (1, 'zq7leak one', '1907-03-01', '{\"a\": \"zq7leak\"}'), (2, 'zq7leak two', 'infinity', '[]')",
    );
    let mut printed = String::new();
    for (more, works) in [("", true), ("on_loss = \"text\"", true), ("on_loss = \"fail\"", false)] {
        let config = configure(&database, server, "snap_leak", more);
        for arguments in [&["snapshot", "run", "snap_leak"][..], &["snapshot", "list"], &["check"]] {
            let command =
                config.command(arguments).env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1").output();
            let output = command.expect("the binary starts");
            assert!(
                output.status.success() == works || arguments.len() < 3,
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            printed += &String::from_utf8_lossy(&[output.stdout, output.stderr].concat());
        }
        let manifest = config.path().join("out/snap_leak/current/manifest.json");
        printed += &fs::read_to_string(manifest).unwrap_or_default();
    }
    for marker in ["zq7leak", "1907-03"] {
        let leaks: Vec<&str> = printed.lines().filter(|line| line.contains(marker)).take(5).collect();
        assert!(leaks.is_empty(), "{leaks:#?}");
    }
    assert!(printed.contains("born"), "the column that lost a value is named");
}
