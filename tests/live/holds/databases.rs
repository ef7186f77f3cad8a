//! A database that is down costs only its own flow.

use std::time::{Duration, Instant};

use super::{Cluster, Config, Database, PROMISED, lock_seconds};

const RULES: &str = r#"
[datasets.word]
table = "word"
key = ["word"]

[[sync]]
name = "words"
from = "hq"
to = ["first", "second", "third"]
data = ["word"]
mode = "override"
"#;

const TABLE: &str = "CREATE SCHEMA s; CREATE TABLE s.word (word text PRIMARY KEY, value int8)";
const WORDS: &str = "SELECT coalesce(string_agg(word || ' ' || value, ', ' ORDER BY word), '') FROM s.word";
/// Milliseconds since the source wrote what stands here.
const AGE: &str =
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8 - value FROM s.word WHERE word = 'beat'";

#[test]
fn of_three_databases_one_is_stopped_and_the_others_do_not_feel_it() {
    let apart = Cluster::start(&[]);
    let shared = || Cluster::shared().database();
    let (source, first, second, third) = (shared(), shared(), shared(), apart.database());
    let all = [("hq", &source), ("first", &first), ("second", &second), ("third", &third)];
    for (_, database) in &all {
        database.execute(TABLE);
    }
    let customers = all.map(|(name, database)| (name, database, "s"));
    let config = Config::new(&customers, RULES);
    config.set_up();
    let mut daemon = config.start();
    daemon.wait_streaming();
    let equal = |database: &Database| {
        // A session of its own: those of before ended with the server.
        let (here, there) = (source.session().query(WORDS), database.session().query(WORDS));
        if here == there { Ok(()) } else { Err("not all is there".to_owned()) }
    };
    source
        .execute("INSERT INTO s.word VALUES ('beat', (extract(epoch FROM clock_timestamp()) * 1000)::int8)");
    for database in [&first, &second, &third] {
        daemon.wait_alive("the first word", || equal(database));
    }
    apart.stop();
    let (began, mut worst, mut number) = (Instant::now(), 0_i64, 0_u64);
    while began.elapsed() < Duration::from_secs(lock_seconds()) {
        number += 1;
        source.execute(&format!(
            "BEGIN; UPDATE s.word SET value = (extract(epoch FROM clock_timestamp()) * 1000)::int8 WHERE word = 'beat'; \
             INSERT INTO s.word VALUES ('w{number}', {number}); COMMIT"
        ));
        std::thread::sleep(Duration::from_millis(20));
        // The first beat is as old as the stop took, until the second has come.
        let ages = [&first, &second].map(|database| database.value(AGE).parse::<i64>().unwrap_or(0));
        worst = worst.max(ages.into_iter().filter(|_| number > 20).max().unwrap_or(0));
    }
    let stopped = began.elapsed();
    eprintln!(
        "one of three databases stopped for {stopped:?}: the others at most {worst} ms behind (promised {PROMISED:?})"
    );
    apart.restart();
    for database in [&first, &second, &third] {
        daemon.wait_alive("what was written meanwhile", || equal(database));
    }
    daemon.stop();
    // Seconds are the machine's; that the others did not wait for the database is the product's.
    let half = Duration::from_secs(lock_seconds()).as_millis() / 2;
    assert!(u128::try_from(worst).unwrap_or(0) < half, "{worst} ms behind: they waited for the database");
}
