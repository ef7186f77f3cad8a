//! Commands while a server hangs: it is waited for once, whatever they have to ask it, and what others know is told.

use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::{Cluster, Config, Database, Hanging, Proxy, wait_for};

/// Two flows lead to one database of the server that hangs, a third to another one.
const RULES: &str = r#"
[datasets.code]
key = ["code"]

[[sync]]
name = "codes"
from = "hq"
to = ["north", "south", "slow", "well"]
data = ["code"]

[[sync]]
name = "more"
from = "branch"
to = ["east"]
data = ["code"]
"#;

/// An answer is waited for 20 seconds. Who waits for each flow, or for each database in turn, is not done by then.
const ONCE: Duration = Duration::from_secs(38);

/// A server that answers nobody is knocked at for some two minutes.
const GIVEN_UP: Duration = Duration::from_mins(4);

/// What commands ask first, and what never answers in time, in as many letters.
const QUESTION: &str = "to_regclass('acequia.parked')";
const SLEEP: &str = "pg_sleep(900)                ";

fn practice(server: &Cluster, schemas: &[&str]) -> Database {
    let database = server.database();
    for schema in schemas {
        database
            .execute(&format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.code (code text PRIMARY KEY)"));
    }
    database
}

fn begin(config: &Config<'_>, arguments: &[&str]) -> Child {
    let mut command = config.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary can be started")
}

fn end(child: Child) -> Output {
    child.wait_with_output().expect("the command ends")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn a_server_that_hangs_is_waited_for_once() {
    let near = Cluster::shared();
    let far = Cluster::start(&[]);
    let (hq, branch) = (practice(near, &["hq"]), practice(near, &["branch"]));
    let (slow, well) = (practice(near, &["slow"]), practice(near, &["well"]));
    let (first, second) = (practice(&far, &["north", "east"]), practice(&far, &["south"]));
    let customers = [
        ("hq", &hq, "hq"),
        ("branch", &branch, "branch"),
        ("north", &first, "north"),
        ("east", &first, "east"),
        ("south", &second, "south"),
        ("slow", &slow, "slow"),
        ("well", &well, "well"),
    ];
    let config = Config::new(&customers, RULES);
    config.set_up();
    let proxy = Proxy::before(near);
    config.lead_through(&slow, &proxy);
    let mut daemon = config.start();
    daemon.wait_streaming();

    let _hanging = Hanging::of(&far);
    proxy.alter(QUESTION, SLEEP);
    config.write("conf.d/rules.toml", &RULES.replace("data =", "where = \"code <> ''\"\ndata ="));
    let began = Instant::now();
    let [status, check, reload] =
        [&["status", "--output", "json"][..], &["check"], &["reload"]].map(|words| begin(&config, words));
    let (status, check) = (end(status), end(check));
    let took = began.elapsed();
    assert!(took < ONCE, "{took:?}\n{}{}", text(&status), text(&check));
    assert!(!proxy.is_to_alter(), "the question was asked");

    assert_eq!(status.status.code(), Some(69), "{}", text(&status));
    let told: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    let flows = told["flows"].as_array().expect("the flows");
    assert_eq!(flows.len(), 5, "{told:#}");
    for flow in flows {
        let is_known = flow["target"] == well.name();
        assert_eq!(flow["unknown"].is_null(), is_known, "{flow:#}");
        assert_eq!(flow["lag_bytes"].is_number(), is_known, "{flow:#}");
        if flow["target"] == slow.name() {
            let why = format!("asking database `{}`: no answer within 20 s", slow.name());
            assert!(flow["unknown"].as_str().is_some_and(|text| text.starts_with(&why)), "{flow:#}");
        }
    }
    assert_eq!(check.status.code(), Some(69), "{}", text(&check));
    for database in [&first, &second] {
        let found = format!("opening a session with database `{}`: no answer", database.name());
        assert_eq!(text(&check).matches(&found).count(), 1, "{}", text(&check));
    }
    // It waits 70 seconds for the daemon's answer, which has to come before.
    let reload = end(reload);
    assert_eq!(reload.status.code(), Some(69), "{}", text(&reload));
    daemon.kill();
}

/// Waits until so many commands wait for a lock.
fn wait_for_locked(database: &Database, count: &str) {
    let read = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    wait_for("commands to wait for a lock", Duration::from_secs(30), || match database.value(read) {
        waiting if waiting == count => Ok(()),
        waiting => Err(format!("{waiting} of {count}")),
    });
}

#[test]
fn a_question_ends_when_its_server_answers_nobody_any_more_and_not_before() {
    let near = Cluster::shared();
    let far = Cluster::start(&[]);
    let (hq, slow) = (practice(near, &["hq"]), practice(near, &["slow"]));
    let north = practice(&far, &["north"]);
    let rules = RULES.split("\n[[sync]]\nname = \"more\"").next().expect("the first group");
    let config = Config::new(
        &[("hq", &hq, "hq"), ("north", &north, "north"), ("slow", &slow, "slow")],
        &rules.replace(r#"["north", "south", "slow", "well"]"#, r#"["north", "slow"]"#),
    );
    config.set_up();
    let proxy = Proxy::before(near);
    config.lead_through(&slow, &proxy);
    let mut daemon = config.start();
    daemon.wait_streaming();
    daemon.stop();

    let locker = north.session();
    locker.query("BEGIN; LOCK TABLE acequia.applied, north.code IN ACCESS EXCLUSIVE MODE");
    proxy.alter(QUESTION, SLEEP);
    let mut answered = begin(&config, &["history", "--customer", "slow"]);
    wait_for("the question that takes long", GIVEN_UP, || {
        if proxy.is_to_alter() { Err("not asked".to_owned()) } else { Ok(()) }
    });
    let verify = begin(&config, &["verify", "--customer", "north"]);
    wait_for_locked(&north, "1");
    let history = begin(&config, &["history", "--customer", "north"]);
    wait_for_locked(&north, "2");
    let _hanging = Hanging::of(&far);

    let mut unanswered = [verify, history];
    wait_for("the commands to end", GIVEN_UP, || {
        let ended = unanswered.each_mut().map(|child| child.try_wait().expect("a child"));
        if ended.iter().all(Option::is_some) { Ok(()) } else { Err(format!("{ended:?}")) }
    });
    for output in unanswered.map(end) {
        assert_eq!(output.status.code(), Some(69), "{}", text(&output));
        let why = "given up because the server answers nobody";
        assert!(text(&output).contains(why), "{}", text(&output));
    }
    assert_eq!(answered.try_wait().expect("a child"), None, "that server answers");
    slow.execute(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'acequia history'",
    );
    let output = end(answered);
    assert_eq!(output.status.code(), Some(69), "{}", text(&output));
}
