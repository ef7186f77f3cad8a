//! Commands while a server hangs: it is waited for once, whatever they have to ask it, and what others know is told.

use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::{Cluster, Config, Database, Proxy};

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

/// What `status` asks first, and what never answers in time, in as many letters.
const QUESTION: &str = "to_regclass('acequia.parked')";
const SLEEP: &str = "pg_sleep(100)                ";

/// A server that goes on in the end, also where the test fails.
struct Hanging<'a>(&'a Cluster);

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.0.signal("CONT");
    }
}

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

    let _hanging = Hanging(&far);
    far.signal("STOP");
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
