//! A source that is set back, restored or failed over: its slot may look as good as ever, and what the target has may
//! never have been in it. Each test takes a cold copy of a server's files and puts it back later.

use std::path::Path;
use std::process::Command;

use super::super::support::{Cluster, Config, Daemon, Database, LIMIT, Session, wait_for};
use super::{FOREIGN, ROWS, halted};

/// A server of the test's own, with a source and a customer in step. Its sessions end with each restart.
struct Site<'a> {
    cluster: &'a Cluster,
    database: &'a Database,
    target: &'a Database,
    config: Config<'a>,
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(status.success(), "cp: {status}");
}

/// A file of the server's, owned as its other files are.
pub(super) fn touch(data: &Path, name: &str) {
    let file = data.join(name);
    std::fs::write(&file, "").expect("a file beside the server's own");
    let reference = data.join("PG_VERSION");
    let status = Command::new("chown").arg("--reference").arg(reference).arg(&file).status().expect("chown");
    assert!(status.success(), "chown: {status}");
}

impl<'a> Site<'a> {
    /// The source on a server of its own, the customer elsewhere: it keeps what the source forgets.
    fn new(cluster: &'a Cluster, database: &'a Database, target: &'a Database) -> Self {
        super::make_tables(database, "hq", 1);
        super::make_tables(target, "north", 1000);
        let config = Config::new(&[("hq", database, "hq"), ("north", target, "north")], super::RULES);
        config.set_up();
        let site = Self { cluster, database, target, config };
        let mut daemon = site.config.start();
        daemon.wait_streaming();
        database.execute(
            "INSERT INTO hq.code (code, name) SELECT 'c' || i, 'first' FROM generate_series(1, 5) i",
        );
        site.wait_equal();
        daemon.stop();
        site
    }

    fn session(&self) -> Session {
        self.database.session()
    }

    fn write(&self, sql: &str) {
        self.session().query(sql);
    }

    fn aside(&self) -> std::path::PathBuf {
        self.cluster.data().with_file_name("aside")
    }

    /// Puts the server's files aside, as they are now.
    fn put_aside(&self) {
        self.cluster.stop();
        copy(&self.cluster.data(), &self.aside());
        self.cluster.restart();
    }

    /// Goes back to the files that were put aside.
    fn set_back(&self) {
        self.cluster.stop();
        std::fs::remove_dir_all(self.cluster.data()).expect("the server's files");
        copy(&self.aside(), &self.cluster.data());
    }

    /// Starts the server as a standby and promotes it: it goes over to the next timeline.
    fn promote(&self) {
        touch(&self.cluster.data(), "standby.signal");
        self.cluster.restart();
        self.session().query("SELECT pg_promote()");
    }

    /// The daemon writes a row that the copy put aside does not have.
    fn run_ahead(&self) {
        let daemon = self.config.start();
        self.write(
            "SELECT pg_logical_emit_message(false, 'more', repeat('x', 20000));
             INSERT INTO hq.code (code, name) VALUES ('lost', 'written after the copy')",
        );
        self.wait_equal();
        daemon.stop();
    }

    fn wait_equal(&self) {
        wait_for("all of it arrived", LIMIT, || {
            let here = self.session().query(&ROWS.replace("{schema}", "hq"));
            let there = self.target.query(&ROWS.replace("{schema}", "north"));
            if here == there { Ok(()) } else { Err(format!("{there:?}\ninstead of {here:?}")) }
        });
    }

    fn checkpoint(&self) -> String {
        super::checkpoint(self.target)
    }

    fn flow(&self) -> String {
        format!("{}:{}", self.database.name(), self.target.name())
    }

    /// A daemon that must refuse to go on, with a finding that begins and ends so.
    fn refused(&self, begin: &str, end: &str) -> Daemon<'_> {
        let before = (super::rows(self.target, "north"), self.checkpoint());
        let daemon = self.config.start();
        let said = halted(&daemon);
        let remedy = FOREIGN.replace("{flow}", &self.flow());
        let finding = said.strip_suffix(&format!(". {remedy}"));
        let fits = finding.is_some_and(|finding| finding.starts_with(begin) && finding.ends_with(end));
        assert!(fits, "{said}\nis not\n{begin} … {end}. {remedy}");
        assert_eq!((super::rows(self.target, "north"), self.checkpoint()), before, "nothing is touched");
        daemon
    }

    fn way_back(&self, daemon: &Daemon<'_>) {
        let done = super::resync_flow(&self.config, &self.flow(), self.target);
        assert!(done.contains("gets a new slot"), "{done}");
        let timeline = self
            .session()
            .query("SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int")[0][0]
            .clone();
        assert_eq!(Some(self.target.value("SELECT timeline FROM acequia.checkpoint")), timeline);
        self.write("INSERT INTO hq.code (code, name) VALUES ('later', 'streamed')");
        self.wait_equal();
        assert!(!daemon.log_of_this_start().contains("panicked"));
    }
}

#[test]
fn a_server_that_was_set_back_is_refused_also_after_it_has_written_on() {
    let (cluster, other) = (Cluster::start(&[]), Cluster::shared());
    let (database, target) = (cluster.database(), other.database());
    let site = Site::new(&cluster, &database, &target);
    site.put_aside();
    site.run_ahead();
    site.set_back();
    cluster.restart();
    let begin = format!("the server of database {} was set back, its WAL ended at ", database.name());
    let end = format!("; the checkpoint of flow {} stands at {}", site.flow(), site.checkpoint());
    site.refused(&begin, &end).stop();
    let said = target.value("SELECT lost FROM acequia.checkpoint");
    // By now the position means something again, and something else.
    site.write("SELECT pg_logical_emit_message(false, 'more', repeat('x', 100000)); SELECT pg_switch_wal()");
    let ahead = format!("SELECT pg_current_wal_lsn() > '{}'", site.checkpoint());
    assert_eq!(site.session().query(&ahead)[0][0].as_deref(), Some("t"));
    let daemon = site.refused(&begin, &end);
    assert_eq!(target.value("SELECT lost FROM acequia.checkpoint"), said, "where it ended then");
    site.way_back(&daemon);
    daemon.stop();
}

#[test]
fn a_restore_to_an_earlier_moment_is_refused_by_its_timeline() {
    let (cluster, other) = (Cluster::start(&[]), Cluster::shared());
    let (database, target) = (cluster.database(), other.database());
    let site = Site::new(&cluster, &database, &target);
    site.put_aside();
    site.run_ahead();
    site.set_back();
    site.promote();
    // The end of WAL and the slot are beyond suspicion.
    site.write("SELECT pg_logical_emit_message(false, 'more', repeat('x', 100000)); SELECT pg_switch_wal()");
    let begin = format!("database {} is on timeline 2, which left timeline 1 at ", database.name());
    let end = format!(
        "; the checkpoint of flow {} stands at {}, beyond that, on timeline 1",
        site.flow(),
        site.checkpoint()
    );
    let daemon = site.refused(&begin, &end);
    let check = site.config.run(&["check"]);
    let text = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(text.contains(&begin) && text.contains(&end), "{text}");
    site.way_back(&daemon);
    daemon.stop();
}

#[test]
fn a_promotion_without_loss_is_followed_and_another_one_of_the_same_number_is_not() {
    let (cluster, other) = (Cluster::start(&[]), Cluster::shared());
    let (database, target) = (cluster.database(), other.database());
    let site = Site::new(&cluster, &database, &target);
    site.put_aside();
    let daemon = site.config.start();
    site.wait_equal();
    cluster.stop();
    site.promote();
    site.write("INSERT INTO hq.code (code, name) VALUES ('promoted', 'on the second timeline')");
    site.wait_equal();
    wait_for("it is written down", LIMIT, || {
        let seen = target.query("SELECT timeline, timeline_from IS NOT NULL FROM acequia.checkpoint");
        if seen[0][0].as_deref() == Some("2") && seen[0][1].as_deref() == Some("t") {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    });
    assert!(daemon.log().contains("the source went over from timeline 1 to 2 at "), "{}", daemon.log());
    assert_eq!(target.value("SELECT count(*) FROM acequia.audit WHERE what = 'timeline followed'"), "1");
    daemon.stop();
    let timeline = target.value("SELECT timeline_from FROM acequia.checkpoint");
    // The server from before the promotion comes back.
    site.set_back();
    cluster.restart();
    let begin = format!(
        "database {} is on timeline 1, which does not come from timeline 2; the checkpoint of flow",
        database.name()
    );
    site.refused(&begin, " on that one").stop();
    // And is promoted in its turn.
    site.write("SELECT pg_logical_emit_message(false, 'more', repeat('x', 100000)); SELECT pg_switch_wal()");
    cluster.stop();
    site.promote();
    let begin = format!("database {} is on a timeline 2 that began at ", database.name());
    let daemon =
        site.refused(&begin, &format!(" on another timeline of that number, which began at {timeline}"));
    site.way_back(&daemon);
    daemon.stop();
}
