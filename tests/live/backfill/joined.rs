//! A customer that joins while the stream runs: what the plan says is what then happens, and the others do not notice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::super::support::{LIMIT, wait_for};
use super::{configure, differences, fill, make, rules, wait_live};

#[test]
fn a_customer_that_joins_gets_what_the_plan_counted_and_the_others_do_not_notice() {
    let database = make(&["north", "south"]);
    fill(&database, 4_000);
    let config = configure(&database, &["north", "south"], "initial = \"copy\"");
    config.write("conf.d/rules.toml", &rules(&["north"], "initial = \"copy\""));
    let mut daemon = config.start();
    wait_live(&mut daemon, &database, &["north"]);
    // What the application of the new customer has made by itself.
    database.execute(
        "INSERT INTO south.item (code, value, note) VALUES ('i1', 1, 'its own'), ('mine', 1, 'mine')",
    );
    config.write("conf.d/rules.toml", &rules(&["north", "south"], "initial = \"copy\""));
    let output = config.run(&["plan", "--customer", "south", "--output", "json"]);
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a plan");
    let planned = |dataset: &str, word: &str| {
        let routes = plan["routes"].as_array().expect("routes");
        let route = routes.iter().find(|route| route["dataset"] == dataset).expect("the data set");
        route[word].as_u64().expect("a count").to_string()
    };
    let ends = AtomicBool::new(false);
    let slowest = std::thread::scope(|scope| {
        let _end = Ends(&ends);
        let lag = scope.spawn(|| {
            let mut slowest = Duration::ZERO;
            let mut number = 0;
            while !ends.load(Ordering::Relaxed) {
                number += 1;
                database.execute(&format!("INSERT INTO hq.word VALUES ('pulse {number}', 0)"));
                let began = Instant::now();
                let there = format!("SELECT count(*) FROM north.word WHERE word = 'pulse {number}'");
                wait_for("a pulse in north", LIMIT, || {
                    let count = database.value(&there);
                    if count == "1" { Ok(()) } else { Err(count) }
                });
                slowest = slowest.max(began.elapsed());
            }
            slowest
        });
        config.succeed(&["reload"]);
        let copied = "SELECT count(*) FROM acequia.backfill WHERE to_customer = 'south' AND state = 'live'";
        daemon.wait_alive("south being copied", || {
            let count = database.value(copied);
            if count == "3" { Ok(()) } else { Err(count) }
        });
        ends.store(true, Ordering::Relaxed);
        lag.join().expect("the pulse")
    });
    println!("while south was copied, north was at most {slowest:?} behind");
    daemon.barrier();
    for dataset in ["item", "part"] {
        let created = database.value(&format!(
            "SELECT sum(created) FROM acequia.route r JOIN acequia.route_count c ON c.route = r.id \
             WHERE to_customer = 'south' AND dataset = '{dataset}'"
        ));
        assert_eq!(created, planned(dataset, "create"), "{dataset}: {plan}");
    }
    assert_eq!(planned("item", "leave"), "1", "what it has of its own: {plan}");
    assert_eq!(database.value("SELECT note FROM south.item WHERE code = 'i1'"), "its own");
    assert_eq!(differences(&database, "north"), Vec::<String>::new());
    daemon.stop();
}

/// Ends the pulse, also when the test fails: else its thread would never be joined.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
