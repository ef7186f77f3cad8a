//! What a running daemon tells of itself to those who watch: by HTTP, by `acequia ping`, by `acequia status --watch`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;

use super::support::{CODES, Cluster, Config, Database, LIMIT, free_address, skip, wait_for};

fn practice() -> Database {
    let database = Cluster::shared().database();
    for schema in ["hq", "north"] {
        database.execute(&format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.code (id bigserial PRIMARY KEY, code text NOT NULL UNIQUE)"
        ));
    }
    database
}

/// With an address of its own.
fn listening(database: &Database) -> (Config<'_>, SocketAddr) {
    let config = Config::new(&[("hq", database, "hq"), ("north", database, "north")], CODES);
    let address = free_address();
    config.write("conf.d/told.toml", &format!("[daemon]\nlisten = \"{address}\"\nmax_lag = \"10s\"\n"));
    (config, address)
}

/// Status and body.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<(u16, String), String> {
    let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    let mut text = String::new();
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
        .and_then(|()| stream.read_to_string(&mut text))
        .map_err(|error| error.to_string())?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| text.clone())?;
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or("no status")?;
    Ok((status, body.to_owned()))
}

fn wait_status(address: SocketAddr, path: &str, wanted: u16) -> String {
    wait_for(&format!("{path} says {wanted}"), LIMIT, || match get(address, path)? {
        (status, body) if status == wanted => Ok(body),
        (status, body) => Err(format!("{status} {body}")),
    })
}

#[test]
fn a_daemon_tells_by_http_how_it_is_and_of_no_row() {
    let database = practice();
    let (config, address) = listening(&database);
    config.set_up();
    let mut daemon = config.start();
    daemon.wait_streaming();
    database.execute("INSERT INTO hq.code (code) VALUES ('zq7leak')");
    daemon.barrier();
    wait_status(address, "/livez", 200);
    let verbose = wait_for("the flow's state is green", LIMIT, || {
        let (_, text) = get(address, "/readyz?verbose")?;
        if text.contains(" state ok: streaming") { Ok(text) } else { Err(text) }
    });
    let metrics = wait_for("a change is counted", LIMIT, || {
        let (_, text) = get(address, "/metrics")?;
        let counted =
            text.lines().any(|line| line.starts_with("acequia_changes_total{") && line.ends_with(" 1"));
        if counted { Ok(text) } else { Err(text) }
    });
    for secret in ["zq7leak", "password"] {
        assert!(!verbose.contains(secret) && !metrics.contains(secret), "{verbose}{metrics}");
    }
    check_metrics(&metrics);
    daemon.stop();
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

/// Prometheus' own tool finds nothing wrong.
fn check_metrics(text: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = promtool.spawn() else {
        skip("promtool check metrics", "promtool is not installed (Debian: prometheus)");
        return;
    };
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
}

#[test]
fn a_process_that_is_stopped_in_its_tracks_or_hindered_at_its_address_goes_on() {
    let database = practice();
    let (config, address) = listening(&database);
    config.set_up();
    let taken = TcpListener::bind(address).expect("it is free");
    let mut daemon = config.start();
    daemon.wait_streaming();
    wait_for("it says who has its address", LIMIT, || {
        let log = daemon.log();
        if log.contains("can't be told by HTTP") { Ok(()) } else { Err(log) }
    });
    drop(taken);
    wait_status(address, "/livez", 200);
    // Another address by a reload.
    let other = free_address();
    config.write("conf.d/told.toml", &format!("[daemon]\nlisten = \"{other}\"\n"));
    config.succeed(&["reload"]);
    wait_status(other, "/livez", 200);
    wait_for("nobody listens at the old one", LIMIT, || {
        TcpStream::connect(address).map_or(Ok(()), |_| Err("somebody does".to_owned()))
    });
    daemon.stop();
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_plug_in_says_how_the_daemon_is_without_a_database() {
    let database = practice();
    let (config, _) = listening(&database);
    config.set_up();
    let ping = |arguments: &[&str]| {
        let output = config.run(&[&["ping"], arguments].concat());
        (output.status.code(), text_of(&output))
    };
    let (status, text) = ping(&[]);
    assert!(status == Some(2) && text.starts_with("ACEQUIA CRITICAL - no daemon runs here"), "{text}");
    let mut daemon = config.start();
    daemon.wait_streaming();
    let text = wait_for("the flow's state is green", LIMIT, || match ping(&[]) {
        (Some(0 | 2), text) if text.contains("[+]flow ") && text.contains(" state ok: streaming") => Ok(text),
        (status, text) => Err(format!("{status:?} {text}")),
    });
    let first = text.lines().next().expect("a line");
    let name = database.name();
    assert!(first.contains(&format!(" | 'lag {name}:{name}'=")), "{first}");
    let (status, text) = ping(&["--flow", "no:body"]);
    assert!(status == Some(3) && text.contains(&format!("it has: {name}:{name}")), "{text}");
    // An error in the files is no fault of the daemon that runs by those from before.
    config.write("conf.d/rules.toml", "[[sync]]\nname = 7");
    let (status, text) = ping(&["--output", "json"]);
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert!(matches!(status, Some(0 | 2)) && json["checks"].as_array().is_some(), "{text}");
    // A daemon that hangs.
    daemon.signal("STOP");
    wait_for("the state file is old", LIMIT, || match ping(&[]) {
        (Some(2), text) if text.contains("[-]daemon alive fail: ") => Ok(()),
        (status, text) => Err(format!("{status:?} {text}")),
    });
    daemon.signal("CONT");
    daemon.kill();
}

#[test]
fn status_is_shown_again_and_again_until_somebody_ends_it() {
    let database = practice();
    let (config, _) = listening(&database);
    config.set_up();
    let mut daemon = config.start();
    daemon.wait_streaming();
    let seen = tempfile::NamedTempFile::new().expect("a file");
    let mut command = config.command(&["status", "--watch", "1"]);
    let mut watching = command.stdout(seen.reopen().expect("it opens")).spawn().expect("it starts");
    let text = || std::fs::read_to_string(seen.path()).expect("readable");
    let looks = |count: usize| {
        wait_for("the next look", LIMIT, || {
            if text().matches("==== ").count() >= count { Ok(()) } else { Err(text()) }
        });
    };
    looks(1);
    database.execute("INSERT INTO hq.code (code) SELECT g::text FROM generate_series(1, 50) g");
    daemon.barrier();
    wait_for("a rate", LIMIT, || {
        let moved = text().lines().any(|line| line.contains("rows/s") && !line.contains(" 0.0 rows/s"));
        if moved { Ok(()) } else { Err(text()) }
    });
    assert!(!text().contains('\u{1b}'), "no terminal, no signs for one");
    let line = format!("kill -INT {}", watching.id());
    assert!(Command::new("sh").args(["-c", &line]).status().expect("a shell").success());
    assert!(watching.wait().expect("it ends").success());
    daemon.stop();
}

/// Headquarters and two customers, each in a schema.
fn with_two_customers(database: &Database) -> (Config<'_>, SocketAddr) {
    database.execute(
        "CREATE SCHEMA south; CREATE TABLE south.code (id bigserial PRIMARY KEY, code text NOT NULL UNIQUE)",
    );
    let rules = CODES.replace("[\"north\"]", "[\"north\", \"south\"]");
    let customers = ["hq", "north", "south"].map(|name| (name, database, name));
    let (config, address) = (Config::new(&customers, &rules), free_address());
    config.write("conf.d/told.toml", &format!("[daemon]\nlisten = \"{address}\"\nmax_lag = \"10s\"\n"));
    (config, address)
}

/// How stale a customer is: by status, with the reason, and by the metric.
type Stale = (Option<f64>, String, Option<f64>);

/// North and south.
fn stale(config: &Config<'_>, address: SocketAddr) -> Result<[Stale; 2], String> {
    let status: Value = serde_json::from_str(&config.succeed(&["status", "--output", "json"])).expect("JSON");
    let metrics = get(address, "/metrics").map_or_else(|_| String::new(), |(_, text)| text);
    let of = |name: &str| {
        let customers = status["flows"][0]["customers"].as_array()?;
        let customer = customers.iter().find(|customer| customer["customer"] == name)?;
        let why = customer["stale_reason"].as_str().unwrap_or_default().to_owned();
        let metric = metrics.lines().find_map(|line| {
            let (labels, value) = line.strip_prefix("acequia_customer_stale_seconds{")?.split_once("} ")?;
            labels.ends_with(&format!("customer=\"{name}\"")).then(|| value.parse().expect("a number"))
        });
        Some((customer["stale_seconds"].as_f64(), why, metric))
    };
    of("north").zip(of("south")).map(|(north, south)| [north, south]).ok_or_else(|| status.to_string())
}

/// Waits until north is as stale as this, for this reason, while south has all.
fn wait_stale(config: &Config<'_>, address: SocketAddr, least: f64, reason: &str) -> f64 {
    wait_for(&format!("north is stale ({reason}) and south is not"), LIMIT, || {
        let seen = stale(config, address)?;
        let [(north, why, metric), south] = &seen;
        let is_so = |age: &Option<f64>| age.is_some_and(|age| age >= least);
        let is_well = (south.0, south.2) == (Some(0.0), Some(0.0));
        if is_so(north) && is_so(metric) && why == reason && is_well {
            Ok(north.unwrap_or_default())
        } else {
            Err(format!("{seen:?}"))
        }
    })
}

fn wait_nobody_stale(config: &Config<'_>, address: SocketAddr) {
    wait_for("nobody is stale", LIMIT, || {
        let seen = stale(config, address)?;
        let well = (Some(0.0), String::new(), Some(0.0));
        if seen == [well.clone(), well] { Ok(()) } else { Err(format!("{seen:?}")) }
    });
}

#[test]
fn who_is_locked_or_paused_is_stale_as_long_as_it_lacks_a_row_and_the_others_are_not() {
    let database = practice();
    let (config, address) = with_two_customers(&database);
    config.set_up();
    let mut daemon = config.start();
    daemon.wait_streaming();
    wait_nobody_stale(&config, address);
    let locker = database.session();
    locker.query("BEGIN");
    locker.query("LOCK TABLE north.code IN ACCESS EXCLUSIVE MODE");
    database.execute("INSERT INTO hq.code (code) VALUES ('a')");
    let before = wait_stale(&config, address, 2.0, "locked");
    wait_stale(&config, address, before + 2.0, "locked");
    let said = config.succeed(&["status"]);
    assert!(said.contains("STALE") && said.contains(" s, locked"), "{said}");
    locker.query("ROLLBACK");
    wait_nobody_stale(&config, address);
    // Somebody who is paused and lacks nothing is not stale, and who paused it does not make it less so.
    config.succeed(&["pause", "--customer", "north"]);
    daemon.barrier();
    wait_nobody_stale(&config, address);
    let began = Instant::now();
    database.execute("INSERT INTO hq.code (code) VALUES ('b')");
    let paused = wait_stale(&config, address, 1.0, "paused");
    assert!(paused <= began.elapsed().as_secs_f64(), "it counts from the row on: {paused}");
    let metrics = get(address, "/metrics").expect("it answers").1;
    check_metrics(&metrics);
    daemon.stop();
    // Nobody knows what the source has written since, but the row is as old as it is.
    let [(north, why, _), (south, _, _)] = stale(&config, address).expect("it is told");
    assert!(
        north.is_some_and(|age| age >= paused) && why == "paused" && south.is_none(),
        "{north:?} {why} {south:?}"
    );
    let mut daemon = config.start();
    daemon.wait_streaming();
    config.succeed(&["resume", "--customer", "north"]);
    wait_nobody_stale(&config, address);
    daemon.stop();
}

#[test]
fn who_is_copied_is_stale_until_that_is_done_and_of_whom_the_rules_give_nothing_nobody_says_so() {
    let database = practice();
    database.execute("INSERT INTO hq.code (code) VALUES ('before')");
    let (config, address) = with_two_customers(&database);
    config.set_up();
    let mut daemon = config.start();
    daemon.wait_streaming();
    wait_nobody_stale(&config, address);
    let locker = database.session();
    locker.query("BEGIN");
    locker.query("LOCK TABLE north.code IN ACCESS EXCLUSIVE MODE");
    config.succeed(&["backfill", "--customer", "north"]);
    // Nothing is parked that could tell.
    let before = wait_stale(&config, address, 1.0, "backfill");
    wait_stale(&config, address, before + 1.0, "backfill");
    locker.query("ROLLBACK");
    wait_nobody_stale(&config, address);
    assert_eq!(database.value("SELECT count(*) FROM north.code"), "1");
    let rules = std::fs::read_to_string(config.path().join("conf.d/rules.toml")).expect("the rules");
    config.write("conf.d/rules.toml", &rules.replace("[\"north\", \"south\"]", "[\"south\"]"));
    config.succeed(&["reload"]);
    wait_for("north is not told any more", LIMIT, || {
        let seen = stale(&config, address)?;
        let wanted = [(None, String::new(), None), (Some(0.0), String::new(), Some(0.0))];
        if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    let said = config.succeed(&["status"]);
    let north = said.lines().find(|line| line.trim_start().starts_with("north")).expect("what it has");
    assert!(north.contains(" - "), "{said}");
    daemon.stop();
}
