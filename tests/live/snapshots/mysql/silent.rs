//! Links that are dead without a word: a run gives up by itself, and the next one works.

use std::time::{Duration, Instant};

use acequia::fault::Fault;

use super::Run;
use super::outages::{ROWS, fill, publish_while};
use crate::support::{Cluster, Database, LIMIT, Link, Mysql, Proxy, wait_for};

/// A link that is dead is given up within this.
const GIVEN_UP: Duration = Duration::from_secs(100);

struct Scene {
    server: Mysql,
    database: Database,
    proxy: Proxy,
}

impl Scene {
    fn new() -> Self {
        let server = Mysql::start(&["--local-infile=ON"]);
        let database = Cluster::shared().database();
        fill(&database);
        let proxy = Proxy::to(server.socket().to_owned());
        Self { server, database, proxy }
    }

    fn run(&self, name: &str) -> Run<'_> {
        Run::new(&self.server, &self.database, "snap_silent_{customer}", &["north"])
            .named(name)
            .through(&self.proxy)
    }

    fn published(&self) -> String {
        self.server.value("SELECT run FROM snap_silent_north.acequia_manifest WHERE table_name = ''")
    }

    /// A run that is struck while rows go to the server: it gives up by itself, and what is published stays.
    fn struck(&self, name: &str, says: &str, strike: impl FnOnce()) {
        let published = self.published();
        let began = Instant::now();
        let error = publish_while(&self.run(name), &self.proxy, strike).expect_err("the link is dead");
        assert!(began.elapsed() < GIVEN_UP, "{:?}: {error}", began.elapsed());
        assert!(error.fault() == Fault::Retry && error.to_string().contains(says), "{error}");
        assert_eq!(self.published(), published);
    }

    /// Sessions of the account at the server.
    fn sessions(&self) -> String {
        self.server.value("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'acequia'")
    }
}

#[test]
fn a_load_whose_link_is_dead_without_a_word_is_given_up_and_the_next_run_works() {
    let scene = Scene::new();
    scene.run("one").publish().expect("published");
    scene.struck("two", "while the server waits for this session too", || scene.proxy.kill_silently());
    // What is left of the run at the server holds nothing that the next one needs.
    scene.run("three").publish().expect("published");
    assert_eq!(scene.published(), "three");
    wait_for("no session is left", LIMIT, || match scene.sessions().as_str() {
        "0" => Ok(()),
        count => Err(count.to_owned()),
    });
    assert_eq!(scene.server.value("SELECT COUNT(*) FROM snap_silent_north.a"), ROWS.to_string());
}

#[test]
fn a_load_is_given_up_when_nothing_reaches_the_server_any_more_and_the_next_run_clears_what_is_left() {
    let scene = Scene::new();
    scene.run("one").publish().expect("published");
    scene.struck("two", "nor to a new session", || scene.proxy.set(Link::Stalled));
    // The server was told nothing of it: its session still waits for rows.
    assert_ne!(scene.sessions(), "0");
    scene.proxy.kill_silently();
    scene.proxy.set(Link::Open);
    scene.run("three").publish().expect("published");
    assert_eq!(scene.published(), "three");
}
