//! A log that nobody reads holds up no row: standard error is a pipe that was full before the daemon began.

use std::process::{Child, Command, Stdio};

use super::support::{CODES, Cluster, Config, LIMIT, wait_for};

/// Fills the pipe, then becomes the daemon.
const FILL: &str = "head -c 65536 /dev/zero >&2; exec \"$@\"";

fn start(config: &Config<'_>) -> Child {
    let own = config.command(&["run"]);
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "sh", "-c", FILL, "sh"]).arg(own.get_program()).args(own.get_args());
    command.env_clear().envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // More lines than wait for a reader.
    command.env("RUST_LOG", "trace").current_dir(config.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().expect("setpriv (util-linux) can be started")
}

#[test]
fn a_log_that_nobody_reads_holds_up_no_row() {
    let database = Cluster::shared().database();
    for schema in ["hq", "north"] {
        database.execute(&format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.code (id bigserial PRIMARY KEY, code text NOT NULL UNIQUE)"
        ));
    }
    let config = Config::new(&[("hq", &database, "hq"), ("north", &database, "north")], CODES);
    config.set_up();
    let mut daemon = start(&config);
    for round in 0..50 {
        database.execute(&format!("INSERT INTO hq.code (code) VALUES ('{round}')"));
        wait_for("the row", LIMIT, || {
            // What was written before the slot was there does not come.
            let there = database.value("SELECT count(*) FROM north.code");
            database.execute("INSERT INTO hq.code (code) VALUES (gen_random_uuid()::text)");
            if there == "0" { Err("no row".to_owned()) } else { Ok(()) }
        });
        let last = format!("SELECT count(*) FROM north.code WHERE code = 'last {round}'");
        database.execute(&format!("INSERT INTO hq.code (code) VALUES ('last {round}')"));
        wait_for("the last row", LIMIT, || {
            if database.value(&last) == "1" { Ok(()) } else { Err("none".to_owned()) }
        });
    }
    let told = Command::new("kill").arg(daemon.id().to_string()).status().expect("kill can be started");
    assert!(told.success());
    let mut ended = None;
    wait_for("the end", LIMIT, || {
        ended = daemon.try_wait().expect("a process");
        ended.map(|_| ()).ok_or_else(|| "it still runs".to_owned())
    });
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
}
