//! A target whose standby takes its place: what the flow has written may be missing there, and its checkpoint tells.

use tempfile::TempDir;

use super::super::support::{Cluster, Config, Daemon, Database, LIMIT, Session, wait_for};
use super::failover::lead;
use super::{MISSING, RULES, halted, make_tables};

/// Two servers of which one follows the other; the flow finds the one that leads by a link.
struct Pair {
    primary: Cluster,
    standby: Cluster,
    source: Database,
    target: Database,
    link: TempDir,
}

const CODES: &str = "SELECT string_agg(code, ' ' ORDER BY code) FROM {schema}.code";

impl Pair {
    fn new() -> Self {
        let (primary, standby) = (Cluster::start(&[]), Cluster::start(&[]));
        standby.follow(&primary, "");
        let (source, target) = (Cluster::shared().database(), primary.database());
        make_tables(&source, "hq", 1);
        make_tables(&target, "north", 1000);
        let link = tempfile::Builder::new().prefix("acequia-now-").tempdir().expect("a directory");
        Self { primary, standby, source, target, link }
    }

    /// The rules.
    fn begin(&self) -> Config<'_> {
        let config = Config::new(&[("hq", &self.source, "hq"), ("north", &self.target, "north")], RULES);
        config.set_up();
        self.lead(&self.primary);
        let text = std::fs::read_to_string(config.path().join("acequia.toml")).expect("the file");
        let (there, link) = (self.primary.socket().display().to_string(), self.link.path().join("now"));
        config.write("acequia.toml", &text.replace(&there, &link.display().to_string()));
        config
    }

    fn lead(&self, cluster: &Cluster) {
        lead(&self.link.path().join("now"), cluster);
    }

    fn write(&self, code: &str) {
        self.source.execute(&format!("INSERT INTO hq.code (code, name) VALUES ('{code}', 'row')"));
    }

    /// The standby is the target from now on.
    fn promote(&self) -> Session {
        self.lead(&self.standby);
        let there = self.standby.session(self.target.name());
        there.query("SELECT pg_promote()");
        there
    }

    /// The standby has all that the target has.
    fn wait_standby(&self) {
        let at = self.target.value("SELECT pg_current_wal_lsn()");
        let (standby, sql) =
            (self.standby.session("postgres"), format!("SELECT pg_last_wal_replay_lsn() >= '{at}'"));
        wait_for("the standby has it", LIMIT, || {
            let seen = value(&standby, &sql);
            if seen == "t" { Ok(()) } else { Err(seen) }
        });
    }

    fn flow(&self) -> String {
        format!("{}:{}", self.source.name(), self.target.name())
    }

    fn confirmed(&self) -> String {
        let slot = "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE database = current_database()";
        self.source.value(slot)
    }
}

fn value(session: &Session, sql: &str) -> String {
    session.query(sql).remove(0).remove(0).unwrap_or_default()
}

fn wait_codes(session: &Session, wanted: &str, daemon: &Daemon<'_>) {
    wait_for("the rows", LIMIT, || {
        let seen = value(session, &CODES.replace("{schema}", "north"));
        if seen == wanted { Ok(()) } else { Err(format!("{seen}\n{}", daemon.log_of_this_start())) }
    });
}

#[test]
fn a_promoted_standby_that_has_all_that_was_written_is_gone_on_with() {
    let pair = Pair::new();
    let config = pair.begin();
    let mut daemon = config.start();
    daemon.wait_streaming();
    pair.write("a");
    daemon.barrier();
    pair.wait_standby();
    // In order: what is written up to the end goes to the standby, as long as it follows.
    pair.primary.shut_down();
    let there = pair.promote();
    pair.write("b");
    wait_codes(&there, "a b", &daemon);
    assert!(!daemon.log().contains("flow halted"), "{}", daemon.log());
    daemon.stop();
}

#[test]
fn a_promoted_standby_that_lacks_the_newest_is_refused_with_both_positions_and_a_resync_brings_it() {
    let pair = Pair::new();
    let config = pair.begin();
    let mut daemon = config.start();
    daemon.wait_streaming();
    pair.write("a");
    daemon.barrier();
    pair.wait_standby();
    pair.standby.stop();
    // Of these it never hears, and the source was told that they are written.
    pair.write("lost");
    daemon.barrier();
    let last = pair.target.value("SELECT lsn FROM acequia.checkpoint");
    wait_for("the source was told", LIMIT, || {
        let sql = format!("SELECT '{}'::pg_lsn >= '{last}'", pair.confirmed());
        if pair.source.value(&sql) == "t" { Ok(()) } else { Err(pair.confirmed()) }
    });
    pair.primary.stop();
    pair.standby.restart();
    let there = pair.promote();
    pair.write("after");
    let said = halted(&daemon);
    let stands = value(&there, "SELECT lsn FROM acequia.checkpoint");
    let (flow, confirmed) = (pair.flow(), pair.confirmed());
    for words in [
        &format!("lies ahead, at {confirmed}, because it was made anew or moved, or the target was set back"),
        &format!("the checkpoint of flow {flow} stands at {stands}"),
        &MISSING.replace("{flow}", &flow),
    ] {
        assert!(said.contains(words.as_str()), "{words}: {said}");
    }
    assert_eq!(value(&there, &CODES.replace("{schema}", "north")), "a", "nothing was written");
    config.succeed(&["resync", "--flow", &flow, "--yes"]);
    wait_codes(&there, "a after lost", &daemon);
    pair.write("later");
    wait_codes(&there, "a after later lost", &daemon);
    daemon.stop();
}

#[test]
fn a_target_that_hangs_is_left_as_soon_as_the_files_name_the_standby_that_took_its_place() {
    let pair = Pair::new();
    let config = pair.begin();
    let mut daemon = config.start();
    daemon.wait_streaming();
    pair.write("a");
    daemon.barrier();
    pair.wait_standby();
    pair.primary.signal("STOP");
    // It is asked for this, and does not answer.
    pair.write("b");
    let there = pair.standby.session(pair.target.name());
    there.query("SELECT pg_promote()");
    let text = std::fs::read_to_string(config.path().join("acequia.toml")).expect("the file");
    let (link, standby) =
        (pair.link.path().join("now").display().to_string(), pair.standby.socket().display().to_string());
    config.write("acequia.toml", &text.replace(&link, &standby));
    config.succeed(&["reload"]);
    wait_codes(&there, "a b", &daemon);
    daemon.stop();
    pair.primary.signal("CONT");
}
