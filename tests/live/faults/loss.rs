//! Links that die below TCP: packets are dropped, nothing is acknowledged, and nobody is told.

use std::cell::{Cell, RefCell};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::scene::{Scene, Stage};
use super::{LIMIT, wait_for};
use crate::support::{Cluster, Config, Daemon, Database, Loss, skip};

/// Shorter than anything that the daemon waits for.
const SHORT: Duration = Duration::from_secs(3);
/// Longer than a dead link is waited for: 25 s.
const LONG: Duration = Duration::from_secs(32);
/// A dead link is noticed by then, whatever the servers' own limits are.
const NOTICED: Duration = Duration::from_secs(40);
/// It is not taken for dead before.
const SILENCE: Duration = Duration::from_secs(20);
/// From the end of a loss until rows arrive: the last try may just have failed.
const SOON: Duration = Duration::from_secs(25);
/// The server's own limit as it is where nobody has set it: the daemon's for silence is twice that.
const USUAL: &str = "wal_sender_timeout=60s";

/// Runs the test where packets can be dropped.
fn where_packets_can_be_lost(what: &str, part: impl FnOnce()) {
    match Loss::hindrance() {
        Some(why) => skip(what, &why),
        None => part(),
    }
}

/// Both servers at TCP ports, before there is a daemon.
fn set_over_tcp(settings: &[&str], part: impl FnOnce(&Scene, &Config<'_>, [(&str, &Cluster); 2])) {
    let (source, target) = (Cluster::start_on_tcp(settings), Cluster::start_on_tcp(&[]));
    let scene = Scene::new(&source, &target);
    let config = scene.configure();
    config.lead_over_tcp(&scene.here, source.port());
    config.lead_over_tcp(&scene.there, target.port());
    part(&scene, &config, [("source", &source), ("target", &target)]);
}

/// The same with a daemon that streams.
fn over_tcp(part: impl FnOnce(&mut Stage<'_, '_>, [(&str, &Cluster); 2])) {
    set_over_tcp(&[USUAL], |scene, config, servers| scene.play(config, |stage| part(stage, servers)));
}

/// The flow's own sessions with a database.
fn sessions(database: &Database) -> Vec<String> {
    let sql = "SELECT application_name, pid FROM pg_stat_activity WHERE application_name LIKE ANY (ARRAY['acequia writer %', \
               'acequia capture %']) ORDER BY 1, 2";
    let rows = database.session().query(sql);
    rows.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" ")).collect()
}

fn descriptors(daemon: &Daemon<'_>) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("it is ours").count()
}

/// Nothing is left open of what was given up. Somebody may just be asking a server by a session of his own.
fn wait_at_rest(stage: &Stage<'_, '_>, at_rest: usize) {
    wait_for("no descriptor too many", LIMIT, || {
        let now = descriptors(stage.daemon);
        if now <= at_rest + 3 { Ok(()) } else { Err(format!("{now}, {at_rest} before")) }
    });
}

/// Packets of this server are lost for a while. Answers how long rows took from its end.
fn lose(stage: &mut Stage<'_, '_>, (what, server): (&str, &Cluster), lasting: Duration) -> Duration {
    let loss = RefCell::new(None);
    let harm = || _ = loss.replace(Some(Loss::at(server.port())));
    stage.befall(&format!("{what}: packets lost for {lasting:?}"), harm, lasting, || drop(loss.take()))
}

/// Until the daemon says that it has noticed, by these words. Answers how long that took, and how long rows took then.
fn lose_until_noticed(
    stage: &mut Stage<'_, '_>,
    (what, server): (&str, &Cluster),
    words: &str,
) -> [Duration; 2] {
    let (loss, began, noticed) = (RefCell::new(None), Instant::now(), Cell::new(Duration::ZERO));
    let harm = || _ = loss.replace(Some(Loss::at(server.port())));
    let heal = || {
        noticed.set(began.elapsed());
        drop(loss.take());
    };
    let took = stage.befall_until_said(&format!("{what}: packets lost"), harm, &[words], heal);
    println!("{what}: noticed after {:.1} s", noticed.get().as_secs_f64());
    [noticed.get(), took]
}

#[test]
fn packets_that_are_lost_for_a_moment_cost_no_session() {
    where_packets_can_be_lost("a short loss of packets", || {
        over_tcp(|stage, servers| {
            for server in servers {
                let databases = [&stage.scene.here, &stage.scene.there];
                let before = databases.map(sessions);
                let took = lose(stage, server, SHORT);
                assert_eq!(databases.map(sessions), before, "the sessions are others");
                assert!(before.iter().all(|sessions| !sessions.is_empty()), "{before:?}");
                assert!(took < SOON, "{took:?}");
            }
            let log = stage.daemon.log_of_this_start();
            // The flow beside is on a server where others can be in its way.
            let flow = format!("flow={}:{}", stage.scene.here.name(), stage.scene.there.name());
            let is_told = |line: &str| line.contains("flow interrupted") && line.contains(&flow);
            assert!(!log.lines().any(is_told), "{log}");
        });
    });
}

/// What TCP gives up, be it reading or confirming.
const BROKE: &str = "the replication stream of database `live0`: the connection broke (timed out)";

#[test]
fn links_whose_packets_are_lost_are_given_up_and_found_again() {
    where_packets_can_be_lost("a long loss of packets", || {
        over_tcp(|stage, [source, target]| {
            let at_rest = descriptors(stage.daemon);
            let broke = BROKE.replace("live0", stage.scene.here.name());
            let [noticed, took] = lose_until_noticed(stage, source, &broke);
            assert!(noticed < NOTICED && took < SOON, "noticed after {noticed:?}, rows after {took:?}");
            wait_at_rest(stage, at_rest);
            let took = lose(stage, target, LONG);
            assert!(took < SOON, "{took:?}");
            wait_at_rest(stage, at_rest);
        });
    });
}

#[test]
fn both_links_whose_packets_are_lost_at_once_are_found_again() {
    where_packets_can_be_lost("a loss of all packets", || {
        over_tcp(|stage, servers| {
            let at_rest = descriptors(stage.daemon);
            let loss = RefCell::new(None);
            let harm = || _ = loss.replace(Some(servers.map(|(_, server)| Loss::at(server.port()))));
            let took = stage.befall("all packets lost", harm, LONG, || drop(loss.take()));
            assert!(took < SOON, "{took:?}");
            wait_at_rest(stage, at_rest);
        });
    });
}

/// Rows that are there before the flow is …
const OLD_ROWS: u32 = 20_000;
/// … and that take the customer some seconds, however quick the machine is.
const SLOW_COPY: &str = "CREATE FUNCTION branch.take_long() RETURNS trigger LANGUAGE plpgsql AS \
                         $$BEGIN PERFORM pg_sleep(0.001); RETURN NEW; END$$; \
                         CREATE TRIGGER take_long BEFORE INSERT ON branch.event FOR EACH ROW \
                         WHEN (NEW.key LIKE 'old%' AND NEW.value % 4 = 0) EXECUTE FUNCTION branch.take_long()";

#[test]
fn a_first_copy_whose_source_is_cut_off_goes_on_where_it_was() {
    where_packets_can_be_lost("a copy whose source is cut off", || {
        set_over_tcp(&[USUAL], |scene, config, [source, _]| {
            let rules = std::fs::read_to_string(config.path().join("conf.d/rules.toml")).expect("the rules");
            let copied = "mode = \"override\"\ninitial = \"copy\"";
            config.write("conf.d/rules.toml", &rules.replace("mode = \"override\"", copied));
            scene.here.execute(&format!(
                "INSERT INTO hq.event (key, value) SELECT 'old' || i || repeat('x', 500), i FROM generate_series(1, {OLD_ROWS}) i"
            ));
            scene.there.execute(SLOW_COPY);
            scene.play(config, |stage| {
                wait_for("rows being copied", LIMIT, || {
                    let copied = "SELECT 1 FROM acequia.backfill WHERE state = 'copying' AND rows > 0";
                    let is_copying = !stage.scene.there.query(copied).is_empty();
                    if is_copying { Ok(()) } else { Err("none is".to_owned()) }
                });
                let [noticed, _] = lose_until_noticed(stage, source, "flow interrupted");
                assert!((SILENCE..NOTICED).contains(&noticed), "{noticed:?}");
            });
        });
    });
}

/// A customer whose table takes its time for one row.
const SLOW: &str = "CREATE FUNCTION branch.wait() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN \
                    IF NEW.key = 'slow' THEN PERFORM pg_sleep(5); END IF; RETURN NEW; END$$; \
                    CREATE TRIGGER wait BEFORE INSERT ON branch.event FOR EACH ROW EXECUTE FUNCTION branch.wait()";

/// 25 s until the server has noticed, and the delay before the try after that; past 90 s the flow would be halted.
const TAKEN_OVER: Duration = Duration::from_secs(90);

#[test]
fn a_daemon_whose_machine_is_gone_is_succeeded_by_another() {
    where_packets_can_be_lost("a machine that is gone", || {
        set_over_tcp(&[], |scene, config, servers| {
            scene.there.execute(SLOW);
            let mut daemon = config.start();
            daemon.wait_streaming();
            scene.here.execute("INSERT INTO hq.event (key, value) VALUES ('slow', 1)");
            wait_for("the writer's statement at work", LIMIT, || {
                let works = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'acequia writer%' AND wait_event = 'PgSleep'";
                if scene.there.query(works).is_empty() { Err("it is not".to_owned()) } else { Ok(()) }
            });
            // What the server answers is never acknowledged: it does not probe a connection that waits for that.
            let _gone = servers.map(|(_, server)| Loss::of_connections(server.port()));
            daemon.kill();
            let began = Instant::now();
            let mut daemon = config.start();
            daemon.wait_alive_within(TAKEN_OVER, "another daemon has taken over", || {
                let arrived = scene.there.value("SELECT count(*) FROM branch.event WHERE key = 'slow'");
                if arrived == "1" { Ok(()) } else { Err(arrived) }
            });
            println!("taken over after {:.1} s", began.elapsed().as_secs_f64());
            let log = daemon.log_of_this_start();
            assert!(log.contains("is served by another Acequia"), "{log}");
            daemon.stop();
        });
    });
}

/// What a COPY of a table takes longer for than the test takes to notice it.
const TABLE_ROWS: u32 = 150_000;
/// A reading that is cut off ends by then.
const READING_LIMIT: Duration = Duration::from_secs(40);

#[test]
fn a_snapshot_whose_source_is_cut_off_while_a_table_is_read_ends_and_the_next_run_works() {
    where_packets_can_be_lost("a snapshot whose source is cut off", || {
        let server = Cluster::start_on_tcp(&[]);
        let database = server.database();
        database.execute(&format!(
            "CREATE SCHEMA hq; CREATE TABLE hq.item (id int PRIMARY KEY, note text); \
             INSERT INTO hq.item SELECT i, string_agg(md5((i * j)::text), '') FROM generate_series(1, {TABLE_ROWS}) i, generate_series(1, 32) j GROUP BY i"
        ));
        let rules = "[[snapshot]]\nname = \"nightly\"\ncustomers = \"*\"\ndirectory = \"out\"\n";
        let config = Config::new(&[("hq", &database, "hq")], rules);
        config.set_up();
        config.lead_over_tcp(&database, server.port());
        let run =
            config.command(&["snapshot", "run", "nightly"]).stderr(Stdio::piped()).spawn().expect("started");
        wait_for("a table being read", LIMIT, || {
            let reads =
                "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY%' AND wait_event = 'ClientWrite'";
            if database.query(reads).is_empty() { Err("none is".to_owned()) } else { Ok(()) }
        });
        let loss = Loss::at(server.port());
        let began = Instant::now();
        let ended = run.wait_with_output().expect("it ends");
        let took = began.elapsed();
        println!("ended after {:.1} s: {}", took.as_secs_f64(), String::from_utf8_lossy(&ended.stderr));
        assert!(!ended.status.success() && took < READING_LIMIT, "{took:?}: {ended:?}");
        drop(loss);
        config.succeed(&["snapshot", "run", "nightly"]);
    });
}
