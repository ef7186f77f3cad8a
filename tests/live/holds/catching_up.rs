//! Killed while it catches up: nothing is lost, nothing comes twice.

use super::{Practice, churn, shuffle, transaction};

/// Where it is killed.
const PLACES: [&str; 3] = ["after-begin", "before-commit", "after-commit"];
/// Kills while a customer catches up.
const KILLS: u32 = 8;

#[test]
fn killed_while_catching_up_all_is_equal_at_the_end() {
    let practice = Practice::new(&["north", "south"]);
    let config = practice.configure();
    let mut daemon = config.start();
    daemon.wait_streaming();
    practice.fill(60);
    daemon.barrier();
    daemon.kill();
    for kill in 1..=KILLS {
        let mut daemon = config.start();
        daemon.wait_streaming();
        let locker = practice.database.session();
        locker.query("BEGIN; LOCK TABLE north.word IN SHARE MODE");
        let session = practice.database.session();
        session.query(&transaction(&churn(kill)));
        session.query(&transaction(&shuffle(kill)));
        daemon.barrier();
        practice.wait_held(&mut daemon, "north", "locked");
        daemon.kill();
        locker.query("ROLLBACK");
        session.query(&transaction(&churn(kill + 100)));
        // It dies in the catching up, or in what has come since: a start writes at least that often.
        let point = format!("{}:{}", PLACES[kill as usize % PLACES.len()], 1 + kill % 2);
        let mut daemon = config.start_with(&[("ACEQUIA_FAILPOINT", point.as_str())]);
        daemon.wait_exit();
    }
    let mut daemon = config.start();
    daemon.wait_streaming();
    practice.check_end(&mut daemon);
    daemon.stop();
}
