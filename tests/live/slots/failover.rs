//! Slots that a standby keeps a copy of, on servers that have them (17 and later, where their binaries are here).

use std::path::{Path, PathBuf};

use super::super::support::{Cluster, Config, Database, LIMIT, skip, wait_for};
use super::super::versions::versions;
use super::{RULES, make_tables, rows};

/// From this version on there are such slots.
const SINCE: u32 = 17;

fn newest() -> Option<PathBuf> {
    versions().into_iter().rfind(|(version, _)| *version >= SINCE).map(|(_, binaries)| binaries)
}

fn failover(database: &Database) -> String {
    database.value("SELECT failover FROM pg_replication_slots WHERE database = current_database()")
}

#[test]
fn a_slot_is_made_so_that_a_standby_keeps_a_copy_unless_the_file_says_otherwise() {
    let Some(binaries) = newest() else {
        skip("slots that are kept for a failover", &format!("no server of version {SINCE} or later is here"));
        return;
    };
    let cluster = Cluster::of_binaries(&binaries);
    let database = cluster.database();
    make_tables(&database, "hq", 1);
    make_tables(&database, "north", 1000);
    let config = Config::new(&[("hq", &database, "hq"), ("north", &database, "north")], RULES);
    config.set_up();
    let mut daemon = config.start();
    daemon.wait_streaming();
    assert_eq!(failover(&database), "t");
    daemon.stop();
    let text = std::fs::read_to_string(config.path().join("acequia.toml")).expect("the file");
    let head = format!("[databases.{}]\n", database.name());
    for wanted in ["false", "true"] {
        config.write("acequia.toml", &text.replace(&head, &format!("{head}failover = {wanted}\n")));
        let mut daemon = config.start();
        daemon.wait_streaming();
        assert_eq!(failover(&database), wanted[..1], "the slot that is there is altered");
        database.execute(&format!("INSERT INTO hq.code (code, name) VALUES ('{wanted}', 'while it is so')"));
        daemon.barrier();
        assert_eq!(rows(&database, "north"), rows(&database, "hq"));
        daemon.stop();
    }
}

/// The standby keeps copies of the slots.
const COPIES: &str =
    "hot_standby_feedback = on\nsync_replication_slots = on\nprimary_slot_name = 'standby'\n";

/// Has a link lead to a server's socket.
pub(super) fn lead(link: &Path, cluster: &Cluster) {
    let beside = link.with_extension("new");
    std::os::unix::fs::symlink(cluster.socket(), &beside).expect("a link");
    std::fs::rename(&beside, link).expect("it takes the other's place");
}

#[test]
fn after_a_failover_the_flow_goes_on_by_the_copy_of_its_slot_and_loses_nothing() {
    let Some(binaries) = newest() else {
        skip("a failover", &format!("no server of version {SINCE} or later is here"));
        return;
    };
    let (primary, standby) = (Cluster::of_binaries(&binaries), Cluster::of_binaries(&binaries));
    let (source, target) = (primary.database(), Cluster::shared().database());
    make_tables(&source, "hq", 1);
    make_tables(&target, "north", 1000);
    source.execute("SELECT pg_create_physical_replication_slot('standby')");
    let config = Config::new(&[("hq", &source, "hq"), ("north", &target, "north")], RULES);
    config.set_up();
    standby.follow(&primary, COPIES);
    let directory = tempfile::Builder::new().prefix("acequia-now-").tempdir().expect("a directory");
    let link = directory.path().join("now");
    lead(&link, &primary);
    let text = std::fs::read_to_string(config.path().join("acequia.toml")).expect("the file");
    config.write(
        "acequia.toml",
        &text.replace(&primary.socket().display().to_string(), &link.display().to_string()),
    );
    let daemon = config.start();
    wait_for("it streams", LIMIT, || {
        let log = daemon.log();
        if log.contains("streaming") { Ok(()) } else { Err(log) }
    });
    let session = source.session();
    // Nothing reaches the flow that the standby does not have.
    session.query("ALTER SYSTEM SET synchronized_standby_slots = 'standby'");
    session.query("SELECT pg_reload_conf()");
    session
        .query("INSERT INTO hq.code (code, name) SELECT 'c' || i, 'before' FROM generate_series(1, 100) i");
    let arrived = |count: &str| {
        wait_for("the rows arrived", LIMIT, || {
            let seen = target.value("SELECT count(*) FROM north.code");
            if seen == count {
                Ok(())
            } else {
                Err(format!("{seen}\n{}\n---- standby\n{}", daemon.log(), standby.log()))
            }
        });
    };
    arrived("100");
    let there = standby.session(source.name());
    wait_for("the standby has the slot", LIMIT, || {
        // What is alive is copied sooner.
        session.query("SELECT pg_log_standby_snapshot()");
        let seen = there.query("SELECT slot_name, synced, temporary FROM pg_replication_slots");
        let synced = seen.iter().any(|row| row[1].as_deref() == Some("t") && row[2].as_deref() == Some("f"));
        if synced { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    session.query("INSERT INTO hq.code (code, name) SELECT 'd' || i, 'last' FROM generate_series(1, 100) i");
    arrived("200");
    primary.stop();
    lead(&link, &standby);
    there.query("SELECT pg_promote()");
    there.query("INSERT INTO hq.code (code, name) SELECT 'e' || i, 'after' FROM generate_series(1, 100) i");
    arrived("300");
    assert!(!daemon.log().contains("flow halted"), "{}", daemon.log());
    assert_eq!(target.value("SELECT timeline FROM acequia.checkpoint"), "2");
    assert_eq!(target.value("SELECT count(*) FROM acequia.audit WHERE what = 'timeline followed'"), "1");
    daemon.stop();
}
