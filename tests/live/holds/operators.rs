//! What operators do: pause, resume, wait for a time; and what they are told.

use super::{Practice, churn, shuffle, transaction};
use crate::support::{Config, Daemon};

/// Runs a command that must fail; answers what it says.
fn refuse(config: &Config<'_>, arguments: &[&str]) -> String {
    let output = config.run(arguments);
    assert!(!output.status.success(), "acequia {arguments:?} succeeds");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_pause_outlives_a_kill_and_a_resume_brings_everything_in_order() {
    let practice = Practice::new(&["north", "south"]);
    let config = practice.configure();
    let mut daemon = config.start();
    daemon.wait_streaming();
    practice.fill(40);
    daemon.barrier();
    assert!(config.succeed(&["pause", "--customer", "north"]).contains("paused"));
    let session = practice.database.session();
    session.query(&transaction(&churn(1)));
    daemon.barrier();
    practice.wait_held(&mut daemon, "north", "paused");
    daemon.kill();
    session.query(&transaction(&shuffle(1)));
    let mut daemon = config.start();
    daemon.wait_streaming();
    session.query(&transaction(&churn(2)));
    daemon.barrier();
    practice.wait_equal(&mut daemon, "south");
    assert_ne!(practice.difference("north"), Vec::<String>::new(), "north is paused");
    let status = config.succeed(&["status"]);
    assert!(status.contains("held        customer north"), "{status}");
    let json = config.succeed(&["status", "--output", "json"]);
    assert!(json.contains("\"reason\": \"paused\""), "{json}");
    assert!(config.succeed(&["resume", "--customer", "north"]).contains("resumed"));
    practice.wait_equal(&mut daemon, "north");
    practice.check_end(&mut daemon);
    let told =
        "SELECT string_agg(what, ' ' ORDER BY id) FROM acequia.audit WHERE what IN ('pause', 'resume')";
    assert_eq!(practice.database.value(told), "pause resume");
    daemon.stop();
}

#[test]
fn a_paused_flow_is_resumed_as_a_whole_only() {
    let practice = Practice::new(&["north", "south"]);
    let config = practice.configure();
    let mut daemon = config.start();
    daemon.wait_streaming();
    practice.fill(10);
    daemon.barrier();
    config.succeed(&["pause"]);
    practice.database.session().query(&transaction(&churn(1)));
    daemon.barrier();
    for customer in ["north", "south"] {
        practice.wait_held(&mut daemon, customer, "paused");
    }
    assert!(refuse(&config, &["resume", "--customer", "north"]).contains("more than this is paused"));
    config.succeed(&["resume"]);
    practice.check_end(&mut daemon);
    config.succeed(&["pause", "--dataset", "word"]);
    practice.execute("UPDATE source.word SET value = value + 1; UPDATE source.item SET value = value + 1");
    daemon.barrier();
    for customer in ["north", "south"] {
        let found = practice.difference(customer);
        assert!(found.iter().all(|text| text.contains(" word")) && !found.is_empty(), "{found:?}");
    }
    config.succeed(&["resume", "--dataset", "word"]);
    practice.check_end(&mut daemon);
    daemon.stop();
}

#[test]
fn a_wish_without_a_daemon_is_done_at_the_start_and_a_wrong_name_is_an_error() {
    let practice = Practice::new(&["north", "south"]);
    let config = practice.configure();
    let mut daemon = config.start();
    daemon.wait_streaming();
    daemon.stop();
    assert!(refuse(&config, &["pause", "--customer", "nort"]).contains("did you mean `north`?"));
    assert!(refuse(&config, &["pause", "--sync", "al"]).contains("did you mean `all`?"));
    assert!(refuse(&config, &["resume", "--dataset", "words"]).contains("did you mean `word`?"));
    assert!(refuse(&config, &["pause", "--customer", "source"]).contains("no rule gives anything"));
    assert!(config.succeed(&["pause", "--sync", "all"]).contains("as soon as it starts"));
    let mut daemon = config.start();
    daemon.wait_streaming();
    practice.fill(5);
    daemon.barrier();
    practice.wait_held(&mut daemon, "north", "paused");
    config.succeed(&["resume", "--sync", "all"]);
    practice.check_end(&mut daemon);
    daemon.stop();
}

#[test]
fn past_its_limit_a_customer_needs_a_resync_and_says_so() {
    let practice = Practice::new(&["north", "south"]);
    let config = practice.configure();
    let text = std::fs::read_to_string(config.path().join("acequia.toml")).expect("the settings");
    config.write("acequia.toml", &text.replacen("[daemon]", "[daemon]\nparked_limit = 100", 1));
    let mut daemon = config.start();
    daemon.wait_streaming();
    practice.fill(10);
    daemon.barrier();
    config.succeed(&["pause", "--customer", "north"]);
    practice.execute("INSERT INTO source.word SELECT 'x' || i, i FROM generate_series(1, 90) i");
    daemon.barrier();
    assert_eq!(practice.database.value("SELECT count(*) FROM acequia.parked"), "90");
    let first = practice.database.value("SELECT min(first_at) FROM acequia.parked");
    practice.execute("INSERT INTO source.word SELECT 'y' || i, i FROM generate_series(1, 90) i");
    daemon.barrier();
    practice.wait_equal(&mut daemon, "south");
    assert_eq!(
        practice.database.value("SELECT count(*) FROM acequia.parked"),
        "0",
        "nothing is kept any more"
    );
    let since = practice.database.value("SELECT since FROM acequia.hold WHERE reason = 'overflow'");
    assert_eq!(since, first, "it lacks what was dropped since the oldest of that came");
    let told = |text: &str| assert!(text.contains("needs a resync"), "{text}");
    told(&config.succeed(&["status"]));
    told(&daemon.log());
    // Somebody brings it up to date by hand.
    practice.execute("INSERT INTO north.word SELECT * FROM source.word ON CONFLICT DO NOTHING");
    config.succeed(&["resume", "--customer", "north", "--from-now"]);
    config.succeed(&["resume", "--customer", "north"]);
    practice.wait_free(&mut daemon);
    practice.execute("UPDATE source.word SET value = value + 1");
    daemon.barrier();
    assert_eq!(practice.difference("north"), Vec::<String>::new());
    daemon.stop();
}

#[test]
fn a_customer_that_missed_too_much_is_brought_up_to_date_by_a_resync() {
    let practice = Practice::new(&["north", "south"]);
    let config = practice.configure();
    let text = std::fs::read_to_string(config.path().join("acequia.toml")).expect("the settings");
    config.write("acequia.toml", &text.replacen("[daemon]", "[daemon]\nparked_limit = 100", 1));
    let mut daemon = config.start();
    daemon.wait_streaming();
    practice.fill(10);
    daemon.barrier();
    config.succeed(&["pause", "--customer", "north"]);
    practice.execute("INSERT INTO source.word SELECT 'x' || i, i FROM generate_series(1, 200) i");
    daemon.barrier();
    assert!(config.succeed(&["status"]).contains("`acequia resync --customer north`"));
    // Nobody keeps these for it.
    practice.execute("DELETE FROM source.item WHERE value % 7 = 3; UPDATE source.word SET value = value + 1");
    config.succeed(&["resume", "--customer", "north"]);
    daemon.barrier();
    assert_ne!(practice.difference("north"), Vec::<String>::new());
    assert!(refuse(&config, &["resync", "--customer", "north"]).contains("Say `--yes` to do it"));
    let said = config.succeed(&["resync", "--customer", "north", "--yes", "--wait"]);
    assert!(said.contains("keeps its slot") && said.contains("everything is in"), "{said}");
    practice.check_end(&mut daemon);
    daemon.stop();
}

/// Waits until a customer lacks something although everything has come.
fn wait_behind(practice: &Practice, daemon: &mut Daemon<'_>, customer: &str, reason: &str) {
    daemon.barrier();
    practice.wait_held(daemon, customer, reason);
    assert_ne!(practice.difference(customer), Vec::<String>::new(), "it is not its time");
}

#[test]
fn a_scheduled_customer_is_written_when_its_time_has_come() {
    let practice = Practice::new(&["north", "south"]);
    let config = practice.configure_with("[sync.customer.north]\napply = { every = \"1h\" }\n");
    let mut daemon = config.start();
    daemon.wait_streaming();
    practice.fill(20);
    practice.wait_equal(&mut daemon, "south");
    wait_behind(&practice, &mut daemon, "north", "scheduled");
    config.succeed(&["apply"]);
    practice.wait_equal(&mut daemon, "north");
    practice.database.session().query(&transaction(&churn(1)));
    wait_behind(&practice, &mut daemon, "north", "scheduled");
    daemon.kill();
    // Its time has come while nobody was there: it is made good for at the start.
    practice.execute("UPDATE acequia.hold SET next_try_at = now() - interval '1 day'");
    let mut daemon = config.start();
    practice.wait_equal(&mut daemon, "north");
    daemon.wait_alive("held again until the next time", || {
        let next = "SELECT count(*) FROM acequia.hold WHERE next_try_at BETWEEN now() + interval '50 minutes' AND now() + interval '1 hour'";
        let count = practice.database.value(next);
        if count == "3" { Ok(()) } else { Err(count) }
    });
    // The rule changes its mind: everything is written, and goes on as it comes.
    practice.database.session().query(&transaction(&shuffle(1)));
    wait_behind(&practice, &mut daemon, "north", "scheduled");
    daemon.stop();
    let rules = std::fs::read_to_string(config.path().join("conf.d/rules.toml")).expect("the rules");
    config.write("conf.d/rules.toml", &rules.replace("apply = { every = \"1h\" }", "apply = \"stream\""));
    let mut daemon = config.start();
    daemon.wait_streaming();
    practice.check_end(&mut daemon);
    daemon.stop();
}
