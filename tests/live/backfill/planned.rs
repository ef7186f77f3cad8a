//! `acequia plan`: its counts are what then happens, and nothing of it stays.

use serde_json::Value;

use super::{configure, fill, make, wait_live};

/// The plan's answer, and its exit status.
fn plan(config: &super::Config<'_>, more: &[&str]) -> (Value, Option<i32>) {
    let arguments: Vec<&str> = ["plan", "--output", "json"].iter().chain(more).copied().collect();
    let output = config.run(&arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    let plan = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{output:?}"));
    (plan, output.status.code())
}

fn counts(plan: &Value, dataset: &str) -> [u64; 6] {
    let routes = plan["routes"].as_array().expect("routes");
    let route = routes.iter().find(|route| route["dataset"] == dataset).expect("the data set");
    ["rows", "create", "change", "leave", "ambiguous", "blocked"]
        .map(|word| route[word].as_u64().expect("a count"))
}

#[test]
fn the_plan_counts_what_the_backfill_then_does_and_changes_nothing() {
    let database = make(&["north"]);
    fill(&database, 200);
    database.execute(
        "ALTER TABLE north.item ALTER note SET NOT NULL;
         INSERT INTO north.item (code, value, note) VALUES ('i1', 1, 'note 1'), ('i2', 2, 'my own'), ('mine', 1, 'mine');
         UPDATE hq.item SET note = NULL WHERE code = 'i9'",
    );
    let config = configure(&database, &["north"], "mode = \"override\"");
    let mut daemon = config.start();
    daemon.wait_streaming();
    let before = database.query("SELECT code, value, note, xmin FROM north.item ORDER BY code");
    let (planned, status) = plan(&config, &[]);
    assert_eq!(status, Some(2), "{planned}");
    assert_eq!(counts(&planned, "item"), [200, 197, 1, 1, 0, 1], "{planned}");
    // A part of an item that is refused has to wait for it.
    assert_eq!(counts(&planned, "part"), [200, 199, 0, 0, 0, 1], "{planned}");
    assert_eq!(counts(&planned, "word"), [200, 200, 0, 0, 0, 0], "{planned}");
    let examples = &planned["routes"][0]["examples"];
    assert_eq!(examples["change"], serde_json::json!(["[\"i2\"]"]), "{planned}");
    assert_eq!(examples["rejected"], serde_json::json!(["[\"i9\"]"]), "{planned}");
    assert!(!planned.to_string().contains("my own"), "no value but keys");
    let after = database.query("SELECT code, value, note, xmin FROM north.item ORDER BY code");
    assert_eq!(before, after, "nothing was written");
    assert_eq!(database.value("SELECT count(*) FROM acequia.parked"), "0");

    let token = planned["token"].as_str().expect("a token");
    assert_eq!(config.run(&["backfill", "--plan", "abcdef"]).status.code(), Some(1), "no such plan");
    config.succeed(&["backfill", "--plan", token, "--wait"]);
    let written = "SELECT sum(created), sum(updated) FROM acequia.route r JOIN acequia.route_count c ON c.route = r.id WHERE dataset = ";
    assert_eq!(
        database.query(&format!("{written} 'item'")),
        [["197", "1"].map(|n| Some(n.to_owned())).to_vec()]
    );
    assert_eq!(
        database.query(&format!("{written} 'part'")),
        [["199", "0"].map(|n| Some(n.to_owned())).to_vec()]
    );
    let (rest, _) = plan(&config, &["--dataset", "word"]);
    assert_eq!(counts(&rest, "word"), [200, 0, 0, 200, 0, 0], "{rest}");
    // Mended: the rest gets in, and then there is nothing to do.
    database.execute("UPDATE hq.item SET note = 'there' WHERE code = 'i9'");
    wait_live(&mut daemon, &database, &[]);
    daemon.wait_alive("nothing being parked", || {
        let parked = database.value("SELECT count(*) FROM acequia.parked");
        if parked == "0" { Ok(()) } else { Err(parked) }
    });
    let (nothing, status) = plan(&config, &["--examples", "0"]);
    assert_eq!(status, Some(0), "{nothing}");
    daemon.stop();
}

#[test]
fn a_plan_can_be_made_before_the_daemon_has_ever_run() {
    let database = make(&["north"]);
    fill(&database, 50);
    let config = configure(&database, &["north"], "");
    let (planned, status) = plan(&config, &["--customer", "north"]);
    assert_eq!(status, Some(2));
    assert_eq!(counts(&planned, "part"), [50, 50, 0, 0, 0, 0], "{planned}");
    let flow = format!("{0}:{0}", database.name());
    let text = config.run(&["plan", "--customer", "north", "--flow", &flow]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    let next = format!("Nothing was changed. To do it: acequia backfill --flow {flow} --customer north");
    assert!(text.contains(&next), "{text}");
}
