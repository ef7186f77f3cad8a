//! Links that are dead without a word: a run gives up by itself, and the next one works.

use std::time::{Duration, Instant};

use acequia::fault::Fault;

use super::Run;
use super::outages::{ROWS, fill, publish_while};
use crate::support::{Cluster, Database, LIMIT, Link, Loss, Mysql, Proxy, skip, wait_for};

/// A link that is dead is given up within this.
const GIVEN_UP: Duration = Duration::from_secs(150);

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
    fn struck(&self, name: &str, says: &[&str], strike: impl FnOnce()) {
        let published = self.published();
        let began = Instant::now();
        let error = publish_while(&self.run(name), &self.proxy, strike).expect_err("the link is dead");
        assert!(began.elapsed() < GIVEN_UP, "{:?}: {error}", began.elapsed());
        let said = error.to_string();
        assert!(error.fault() == Fault::Retry && says.iter().any(|says| said.contains(says)), "{said}");
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
    scene.struck("two", &["while the server waits for this session too"], || scene.proxy.kill_silently());
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
    // The server ends the lock's silent holder at about the same time, and the proxy tells it.
    let says = ["nor to a new session", "does not hold its lock on the server any more"];
    scene.struck("two", &says, || scene.proxy.set(Link::Stalled));
    // The server was told nothing of it: its session still waits for rows.
    assert_ne!(scene.sessions(), "0");
    scene.proxy.kill_silently();
    scene.proxy.set(Link::Open);
    scene.run("three").publish().expect("published");
    assert_eq!(scene.published(), "three");
}

#[test]
fn packets_that_are_lost_on_the_way_to_mysql_are_not_waited_for() {
    if let Some(why) = Loss::hindrance() {
        skip("packets lost on the way to MariaDB", &why);
        return;
    }
    let scene = Scene::new();
    scene.run("one").publish().expect("published");
    // A load that takes longer than it takes to have its packets lost.
    scene.database.execute(&format!(
        "INSERT INTO north.a SELECT id + {ROWS} * i, n, note FROM north.a, generate_series(1, 4) i"
    ));
    let port = scene.server.server().port;
    let mut run = scene.run("two");
    run.server.port = port;
    let began = Instant::now();
    let mut lost = None;
    let ended = std::thread::scope(|scope| {
        let publishing = scope.spawn(|| run.publish().map(|_| ()));
        let loads = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'LOAD DATA%'";
        wait_for("rows on their way", LIMIT, || match scene.server.value(loads).as_str() {
            "1" => Ok(()),
            count => Err(count.to_owned()),
        });
        lost = Some(Loss::of_connections(port));
        publishing.join().expect("it does not panic")
    });
    let error = ended.expect_err("nothing arrives");
    assert!(began.elapsed() < GIVEN_UP, "{:?}: {error}", began.elapsed());
    assert!(
        error.fault() == Fault::Retry
            && error.to_string().contains("while the server waits for this session too"),
        "{error}"
    );
    assert_eq!(scene.published(), "one");
    // What is left of the run holds nothing that the next one needs, while its packets are still lost.
    run.named("three").publish().expect("published");
    assert_eq!(scene.published(), "three");
    drop(lost);
}
