//! Servers that are there and refuse: passwords, roles, `pg_hba.conf`, limits, read-only, sessions ended, transactions undone.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::scene::{Scene, Stage};
use super::{LIMIT, poll, wait_for};
use crate::support::{Cluster, Config, Database};

/// Long enough for several tries.
const WHILE: Duration = Duration::from_secs(1);
/// Sessions of the daemon that are ended one after the other.
const ENDED: usize = 12;

/// So often a deadlock is sought.
const QUARRELS: usize = 10;

/// The superuser is let in, Acequia proves who it is.
const HBA: &str = "local all acequia scram-sha-256\nlocal all all trust\n";

/// Ends every session of the daemon's.
const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'acequia'";

/// A server, and the database of the scene that is on it.
struct Side<'a> {
    what: &'a str,
    cluster: &'a Cluster,
    database: &'a Database,
}

impl Side<'_> {
    fn run(&self, sql: &str) {
        self.database.session().query(sql);
    }

    fn admit(&self, hba: &str) {
        let before = self.database.session().query("SELECT clock_timestamp()").remove(0).remove(0);
        let before = before.expect("a moment");
        std::fs::write(self.cluster.data().join("pg_hba.conf"), hba).expect("the server's file");
        self.run("SELECT pg_reload_conf()");
        // A reload comes when it comes: a role that nobody has admitted is asked for until it is so.
        wait_for("pg_hba.conf read anew", LIMIT, || {
            let seen = self
                .database
                .session()
                .query("SELECT string_agg(auth_method, ' ' ORDER BY line_number) FROM pg_hba_file_rules");
            let loaded = self.database.session().query(&format!("SELECT pg_conf_load_time() > '{before}'"));
            if loaded[0][0].as_deref() == Some("t") { Ok(()) } else { Err(format!("{seen:?}")) }
        });
    }
}

/// Each side's password stands in a file of its own.
fn write_secret(config: &Config<'_>, side: &Side<'_>, password: &str) {
    let (beside, secret) = (config.path().join("password.new"), config.path().join(side.what));
    std::fs::write(&beside, password).expect("written");
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    std::fs::rename(&beside, &secret).expect("in its place");
}

/// Both servers ask for a password, which stands in a file; each side's part is played.
fn on_both_sides(part: impl Fn(&mut Stage<'_, '_>, &Config<'_>, &Side<'_>)) {
    let settings = ["deadlock_timeout=450ms"];
    let (source, target) = (Cluster::start(&settings), Cluster::start(&settings));
    let scene = Scene::new(&source, &target);
    let config = scene.configure();
    let sides = [
        Side { what: "source", cluster: &source, database: &scene.here },
        Side { what: "target", cluster: &target, database: &scene.there },
    ];
    let mut text = std::fs::read_to_string(config.path().join("acequia.toml")).expect("the file");
    for side in &sides {
        write_secret(&config, side, "right-1");
        side.run("ALTER ROLE acequia PASSWORD 'right-1'");
        side.admit(HBA);
        let head = format!("[databases.{}]\n", side.database.name());
        text = text.replace(&head, &format!("{head}password = {{ file = \"{}\" }}\n", side.what));
    }
    config.write("acequia.toml", &text);
    scene.play(&config, |stage| sides.iter().for_each(|side| part(stage, &config, side)));
}

#[test]
fn a_password_that_is_rotated_is_read_anew_and_a_wrong_one_is_tried_slowly() {
    on_both_sides(|stage, config, side| {
        let what = side.what;
        stage.strike(&format!("{what}: password rotated, sessions go on"), || {
            side.run("ALTER ROLE acequia PASSWORD 'right-2'");
        });
        let (harm, heal) = (|| side.run(END), || write_secret(config, side, "right-2"));
        let words = ["the server refused the password"];
        stage.befall_until_said(
            &format!("{what}: the file has the old password (28P01)"),
            harm,
            &words,
            heal,
        );
        let expire = || side.run(&format!("ALTER ROLE acequia VALID UNTIL '2001-01-01'; {END}"));
        let prolong = || side.run("ALTER ROLE acequia VALID UNTIL 'infinity'");
        stage.befall(&format!("{what}: the password has expired (28P01)"), expire, WHILE, prolong);
        let log = stage.daemon.log();
        assert!(!log.contains("right-"), "{log}");
    });
}

#[test]
fn a_role_that_is_not_let_in_for_a_while_is_let_in_again() {
    on_both_sides(|stage, _config, side| {
        let what = side.what;
        for (why, harm, heal, words) in [
            ("NOLOGIN (28000)", "NOLOGIN", "LOGIN", "the server refused the role"),
            (
                "no connection left for the role (53300)",
                "CONNECTION LIMIT 0",
                "CONNECTION LIMIT -1",
                "too many connections",
            ),
        ] {
            let harm = || side.run(&format!("ALTER ROLE acequia {harm}; {END}"));
            let heal = || side.run(&format!("ALTER ROLE acequia {heal}"));
            stage.befall_until_said(&format!("{what}: {why}"), harm, &[words], heal);
        }
        let reject = || {
            side.admit(&format!("local all acequia reject\n{HBA}"));
            side.run(END);
        };
        stage.befall(&format!("{what}: pg_hba.conf (28000)"), reject, WHILE, || side.admit(HBA));
        // A server that shuts down and waits for somebody lets nobody in.
        let waiting = side.database.session();
        let shut = || {
            side.cluster.signal_postmaster("TERM");
            waiting.query(END);
        };
        let again = || {
            side.cluster.stop();
            side.cluster.restart();
        };
        let words = ["starting up or shutting down"];
        stage.befall_until_said(&format!("{what}: shutting down (57P03)"), shut, &words, again);
        drop(waiting);
    });
}

#[test]
fn each_session_of_the_daemon_may_be_ended_at_any_moment() {
    on_both_sides(|stage, _config, side| {
        for number in 0..ENDED {
            let one = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'acequia' ORDER BY md5(application_name || '{number}') LIMIT 1"
            );
            side.run(&one);
            std::thread::sleep(Duration::from_millis(150));
        }
        // Each of them may cost a try.
        stage.patience += ENDED;
        stage.strike(&format!("{}: {ENDED} sessions ended (57P01)", side.what), || {});
    });
}

/// Locks the writer's tables, one and then the other, until it has met a deadlock. It looks for one 450 ms after it began to
/// wait, and gives up after 500 ms: so the second table has to be asked for soon.
fn meet_a_deadlock(stage: &mut Stage<'_, '_>, side: &Side<'_>) {
    let orders = [("counter", "event"), ("event", "counter")];
    for (first, second) in orders.into_iter().cycle().take(QUARRELS) {
        let quarrel = || {
            let (other, watching) = (side.database.session(), side.database.session());
            other.query(&format!(
                "SET deadlock_timeout = '20s'; BEGIN; LOCK TABLE branch.{first} IN SHARE ROW EXCLUSIVE MODE"
            ));
            // One that does not come to wait is met by the next quarrel.
            _ = poll(Duration::from_secs(5), || {
                let waiting = watching.query(
                    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name LIKE 'acequia writer%' AND wait_event_type = 'Lock'",
                );
                if waiting.is_empty() { Err("nobody waits".to_owned()) } else { Ok(()) }
            });
            other.query(&format!("LOCK TABLE branch.{second} IN SHARE ROW EXCLUSIVE MODE; COMMIT"));
        };
        stage.strike(&format!("target: {first} locked, then {second}"), quarrel);
        if side.cluster.log().contains("deadlock detected") {
            return;
        }
    }
    panic!("nobody met a deadlock:\n{}", side.cluster.log());
}

#[test]
fn a_target_that_takes_no_writes_or_undoes_them_gets_them_in_the_end() {
    on_both_sides(|stage, _config, side| {
        if side.what == "source" {
            return;
        }
        let name = side.database.name();
        let read_only =
            || side.run(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on; {END}"));
        // The superuser's own session is read-only too.
        let writable = || {
            side.run(&format!("SET transaction_read_only = off; ALTER DATABASE {name} RESET default_transaction_read_only; {END}"));
        };
        stage.befall_until_said(
            "target: read-only (25006)",
            read_only,
            &["the server is read-only"],
            writable,
        );

        meet_a_deadlock(stage, side);
        side.run(&format!(
            "ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'; {END}"
        ));
        let between = || {
            let other = side.database.session();
            // It is the daemon's transactions that are undone, and the record of writes is of the daemon's.
            other.query(
                "SET default_transaction_isolation = 'read committed'; SET deadlock_timeout = '20s'; \
                 SET session_replication_role = replica",
            );
            for _ in 0..8 {
                other.query("BEGIN; UPDATE branch.counter SET id = id");
                std::thread::sleep(Duration::from_millis(100));
                other.query("COMMIT");
            }
        };
        stage.strike("target: changed by somebody else under repeatable read (40001)", between);
        side.run(&format!("ALTER DATABASE {name} RESET default_transaction_isolation; {END}"));
        stage.strike("target: writer cancelled (57014)", || {
            for _ in 0..20 {
                side.run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'acequia writer%'");
                std::thread::sleep(Duration::from_millis(20));
            }
        });
    });
}
