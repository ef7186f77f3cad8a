//! A daemon that is killed and started again while its flow is halted: it must be there when the way is free.

use super::{Config, Database, LIMIT, configure, make_tables, wait_for};
use crate::support::{Cluster, Daemon};

/// How `acequia ping` says that something is red.
const CRITICAL: i32 = 2;

/// What halts a flow that has begun.
struct Halt {
    harm: &'static str,
    /// What the daemon says of it.
    said: &'static str,
    heal: &'static str,
}

/// What is done to the databases, and not to their server.
const HALTS: [Halt; 3] = [
    Halt {
        harm: "REVOKE USAGE ON SCHEMA acequia FROM acequia",
        said: "a privilege is missing",
        heal: "GRANT USAGE ON SCHEMA acequia TO acequia",
    },
    Halt {
        harm: "ALTER SCHEMA acequia RENAME TO acequia_away",
        said: "the control schema \"acequia\"",
        heal: "ALTER SCHEMA acequia_away RENAME TO acequia",
    },
    // As in a database that was made anew and is being restored: nothing there knows the flow.
    Halt {
        harm: "ALTER SCHEMA acequia RENAME TO acequia_away; ALTER SCHEMA follows RENAME TO follows_away",
        said: "schema follows does not exist",
        heal: "ALTER SCHEMA follows_away RENAME TO follows; ALTER SCHEMA acequia_away RENAME TO acequia",
    },
];

/// The role belongs to all tests of a server: this needs one of its own.
const NO_REPLICATION: Halt = Halt {
    harm: "ALTER ROLE acequia NOREPLICATION",
    said: "a privilege is missing",
    heal: "ALTER ROLE acequia REPLICATION",
};

fn add_event(database: &Database, key: &str) {
    database.execute(&format!("INSERT INTO source.event (key, value) VALUES ('{key}', 1)"));
}

fn wait_arrived(database: &Database, events: &str) {
    wait_for("the rows arrived", LIMIT, || {
        let seen = database.value("SELECT string_agg(key, ' ' ORDER BY id) FROM follows.event");
        if seen == events { Ok(()) } else { Err(seen) }
    });
}

/// Until the daemon says it of its flow, by itself and when it is asked.
fn wait_halted(config: &Config<'_>, daemon: &Daemon<'_>, said: &str) {
    wait_for("the flow halted", LIMIT, || {
        let status = config.run(&["status", "--output", "json"]);
        let text = String::from_utf8_lossy(&status.stdout).into_owned();
        let log = daemon.log_of_this_start();
        let halted = log.contains("flow halted") && log.contains(said);
        if halted && text.contains("\"halted\"") && text.contains(&said.replace('"', "\\\"")) {
            Ok(())
        } else {
            Err(format!("{text}\n{log}"))
        }
    });
    wait_for("health red", LIMIT, || {
        let ping = config.run(&["ping"]);
        if ping.status.code() == Some(CRITICAL) { Ok(()) } else { Err(format!("{ping:?}")) }
    });
}

fn outlives_a_restart(cluster: &Cluster, halt: &Halt) {
    let database = cluster.database();
    make_tables(&database);
    let config = configure(&database);
    let mut daemon = config.start();
    daemon.wait_streaming();
    add_event(&database, "before");
    wait_arrived(&database, "before");
    daemon.kill();
    database.execute(halt.harm);
    add_event(&database, "meanwhile");
    let daemon = config.start();
    wait_halted(&config, &daemon, halt.said);
    database.execute(halt.heal);
    add_event(&database, "after");
    wait_arrived(&database, "before meanwhile after");
    daemon.stop();
}

#[test]
fn a_daemon_that_is_started_while_its_flow_is_halted_stays_and_goes_on_when_the_cause_is_gone() {
    std::thread::scope(|scope| {
        for halt in &HALTS {
            scope.spawn(move || outlives_a_restart(Cluster::shared(), halt));
        }
        scope.spawn(|| outlives_a_restart(&Cluster::start(&[]), &NO_REPLICATION));
    });
}
