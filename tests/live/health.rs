//! Green means that a row written now would arrive: what turns it red, and that it turns green again.

use std::time::{Duration, Instant};

use acequia::ops::{Check, DaemonState, Health, Level, Vital, read};

use super::support::{CODES, Cluster, Config, Daemon, Database, LIMIT, wait_for};

fn rules() -> String {
    format!(
        "{CODES}
[daemon]
max_lag = \"6s\"
"
    )
}

/// The source in one database, the customer in another.
fn scene<'a>(source: &'a Database, target: &'a Database) -> Config<'a> {
    for (database, schema) in [(source, "hq"), (target, "north")] {
        database.execute(&format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.code (id bigserial PRIMARY KEY, code text NOT NULL UNIQUE)"
        ));
    }
    let config = Config::new(&[("hq", source, "hq"), ("north", target, "north")], &rules());
    config.set_up();
    config
}

fn state(config: &Config<'_>) -> Result<DaemonState, String> {
    let state = read(&config.runtime_directory()).map_err(|error| error.to_string())?;
    state.ok_or_else(|| "no state yet".to_owned())
}

fn vital(config: &Config<'_>) -> Result<Vital, String> {
    state(config)?.flows.remove(0).vital.ok_or_else(|| "nobody has looked".to_owned())
}

/// Waits until health is green.
fn wait_green(config: &Config<'_>) {
    wait_for("green", LIMIT, || {
        let state = state(config)?;
        let health = Health::judge(&state, 0.0);
        if health.level() == Level::Ok { Ok(()) } else { Err(format!("{:?}", health.problems())) }
    });
}

/// Waits until this check is red; answers what it says.
fn wait_red(config: &Config<'_>, check: &str) -> String {
    wait_red_of(config, check, "")
}

/// The same until it names this one.
fn wait_red_of(config: &Config<'_>, check: &str, name: &str) -> String {
    wait_for(&format!("{check} is red: {name}"), LIMIT, || {
        let health = Health::judge(&state(config)?, 0.0);
        let is_red = |one: &&Check| one.name == check && one.level == Level::Fail && one.text.contains(name);
        let red = health.checks.iter().find(is_red);
        red.map(|one| one.text.clone()).ok_or_else(|| format!("{:?}", health.problems()))
    })
}

#[test]
fn an_idle_source_has_no_lag_and_what_is_stuck_grows_old() {
    let (source, target) = (Cluster::shared().database(), Cluster::shared().database());
    let config = scene(&source, &target);
    let daemon = config.start();
    wait_green(&config);
    // Nothing happens at the source but heartbeats: the checkpoint follows them, and soon.
    wait_for("the checkpoint moves on an idle source", LIMIT, || {
        let seen = vital(&config)?;
        let took = seen.heartbeat_took_seconds.unwrap_or(f64::INFINITY);
        let is_soon = took < 1.5 && seen.heartbeat_age_seconds < 3.0;
        if seen.slot.is_some() && is_soon { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    // Somebody sits on the checkpoint in the target.
    let sitter = target.session();
    sitter.query("BEGIN");
    sitter.query("SELECT 1 FROM acequia.checkpoint FOR UPDATE");
    let said = wait_red(&config, "heartbeat");
    assert!(said.contains("red past 3.0 s"), "{said}");
    sitter.query("ROLLBACK");
    wait_green(&config);
    daemon.stop();
}

/// Checkpoints are counted for so long, with a heartbeat each second.
const COUNTED: Duration = Duration::from_secs(10);
/// What the server counts of the time before: it does so a second or two later.
const COUNTED_LATE: u64 = 8;

#[test]
fn our_own_checkpoints_make_no_news_of_their_own() {
    // Of its own: what others write moves the checkpoint too.
    let server = Cluster::start(&[]);
    let database = server.database();
    let config = scene_in_one(&database);
    let daemon = config.start();
    wait_green(&config);
    let moved = || {
        database
            .value("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relid = 'acequia.checkpoint'::regclass")
    };
    let count = || moved().parse::<u64>().expect("a number");
    let beats = || {
        let last = database.query("SELECT lsn FROM acequia.checkpoint");
        format!("{last:?}")
    };
    // Some heartbeats later there were about as many checkpoints.
    let (before, began) = (count(), Instant::now());
    let mut places = vec![beats()];
    wait_for("five heartbeats", LIMIT, || {
        let now = beats();
        if places.last() != Some(&now) {
            places.push(now);
        }
        let is_over = places.len() > 5 && began.elapsed() >= COUNTED;
        if is_over { Ok(()) } else { Err(format!("{places:?}")) }
    });
    let (written, took) = (count() - before, began.elapsed());
    let most = 2 * took.as_secs() + COUNTED_LATE;
    assert!(written <= most, "{written} checkpoints in {took:?}, {most} at the most");
    daemon.stop();
}

fn scene_in_one(database: &Database) -> Config<'_> {
    for schema in ["hq", "north"] {
        database.execute(&format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.code (id bigserial PRIMARY KEY, code text NOT NULL UNIQUE)"
        ));
    }
    let config = Config::new(&[("hq", database, "hq"), ("north", database, "north")], &rules());
    config.set_up();
    config
}

#[test]
fn a_server_that_hangs_is_noticed_and_forgotten_when_it_goes_on() {
    for at_source in [true, false] {
        let (own, shared) = (Cluster::start(&[]), Cluster::shared());
        let (one, other) = (own.database(), shared.database());
        let (source, target) = if at_source { (&one, &other) } else { (&other, &one) };
        let config = scene(source, target);
        let daemon = config.start();
        wait_green(&config);
        let before = open_files(&daemon);
        own.signal("STOP");
        wait_red_of(&config, "watched", one.name());
        wait_red(&config, "heartbeat");
        own.signal("CONT");
        wait_green(&config);
        source.execute("INSERT INTO hq.code (code) VALUES ('after')");
        wait_for("the row arrives", LIMIT, || {
            match target.value("SELECT count(*) FROM north.code").as_str() {
                "1" => Ok(()),
                seen => Err(seen.to_owned()),
            }
        });
        wait_for("no connection is left over", LIMIT, || {
            let now = open_files(&daemon);
            if now <= before + 3 { Ok(()) } else { Err(format!("{now} open files, {before} before")) }
        });
        daemon.stop();
    }
}

fn open_files(daemon: &Daemon<'_>) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).map_or(0, Iterator::count)
}

#[test]
fn a_customer_that_is_held_and_a_row_that_is_refused_are_seen_by_the_onlooker() {
    let (source, target) = (Cluster::shared().database(), Cluster::shared().database());
    let config = scene(&source, &target);
    target.execute("ALTER TABLE north.code ADD CHECK (code <> 'bad')");
    let daemon = config.start();
    wait_green(&config);
    source.execute("INSERT INTO hq.code (code) VALUES ('good'), ('bad')");
    wait_for("it is counted", LIMIT, || {
        let seen = vital(&config)?;
        let north = seen.customers.get("north").ok_or_else(|| format!("{seen:?}"))?;
        let numbers = (
            north.written.get("created"),
            north.parked.get("rejected"),
            north.oldest_parked_seconds.is_some(),
        );
        if numbers == (Some(&1), Some(&1), true) { Ok(()) } else { Err(format!("{north:?}")) }
    });
    config.succeed(&["pause", "--customer", "north"]);
    let said = wait_red(&config, "held");
    assert!(said.contains("north is paused"), "{said}");
    config.succeed(&["resume", "--customer", "north"]);
    wait_for("nobody is held any more", LIMIT, || {
        let seen = vital(&config)?;
        if seen.holds.is_empty() { Ok(()) } else { Err(format!("{:?}", seen.holds)) }
    });
    daemon.stop();
}

#[test]
fn a_copy_that_waits_for_a_yes_is_red_because_what_is_written_now_waits_for_it() {
    let (source, target) = (Cluster::shared().database(), Cluster::shared().database());
    let config = scene(&source, &target);
    let copied = rules()
        .replace("data = [\"code\"]\n", "data = [\"code\"]\nmode = \"override\"\ninitial = \"copy\"\n");
    config.write("conf.d/rules.toml", &copied);
    config.set_up();
    target.execute("INSERT INTO north.code (code) VALUES ('a')");
    source.execute("INSERT INTO hq.code (code) VALUES ('a')");
    let daemon = config.start();
    let said = wait_red(&config, "held");
    assert!(said.contains("north codes code is to be copied when somebody says yes"), "{said}");
    config.succeed(&["backfill", "--yes"]);
    wait_green(&config);
    daemon.stop();
}

#[test]
fn the_worst_hold_is_seen_however_many_are_meant_to_be() {
    let (source, target) = (Cluster::shared().database(), Cluster::shared().database());
    let config = scene(&source, &target);
    let daemon = config.start();
    wait_green(&config);
    target.execute(
        "INSERT INTO acequia.hold (flow, sync, to_customer, dataset, reason)
         SELECT flow, 'codes', 'a' || n, 'code', 'scheduled' FROM acequia.checkpoint, generate_series(1, 1001) n",
    );
    config.succeed(&["pause", "--customer", "north"]);
    let said = wait_red(&config, "held");
    assert!(said.contains("1 held; north is paused"), "{said}");
    daemon.stop();
}
