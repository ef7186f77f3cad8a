//! Publishing: one step for readers, and nothing but it for whatever goes wrong.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use acequia::snapshot::mysql::{Error, publish, published};

use super::{Run, tables};
use crate::support::{Cluster, Database, Mysql, runtime};

const TWO: &str = "CREATE SCHEMA north; CREATE TABLE north.a (id int PRIMARY KEY, n int); \
    CREATE TABLE north.b (id int PRIMARY KEY, n int); CREATE SCHEMA south; CREATE TABLE south.a (id int PRIMARY KEY, n int); \
    INSERT INTO north.a VALUES (1, 0); INSERT INTO north.b VALUES (1, 0); INSERT INTO south.a VALUES (1, 0)";

fn set(database: &Database, n: u32) {
    database.execute(&format!(
        "UPDATE north.a SET n = {n}; UPDATE north.b SET n = {n}; UPDATE south.a SET n = {n}"
    ));
}

#[test]
fn readers_see_the_old_tables_or_the_new_ones_in_all_databases() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    database.execute(TWO);
    let run = |number: u32| {
        Run::new(server, &database, "snap_readers_{customer}", &["north", "south"])
            .named(&format!("run{number}"))
    };
    run(0).publish().expect("published");
    let (done, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let sql = "SELECT a.n, b.n, c.n, m.run FROM snap_readers_north.a a, snap_readers_north.b b, \
                       snap_readers_south.a c, snap_readers_south.acequia_manifest m WHERE m.table_name = ''";
            while !done.load(Ordering::Relaxed) {
                let rows = server.query(sql);
                let [row] = &rows[..] else { panic!("neither the old nor the new: {rows:?}") };
                let row: Vec<&str> = row.iter().flatten().map(String::as_str).collect();
                assert!(
                    row[0] == row[1] && row[1] == row[2] && row[3] == format!("run{}", row[0]),
                    "a mix: {row:?}"
                );
                reads.fetch_add(1, Ordering::Relaxed);
            }
        });
        for number in 1..6 {
            set(&database, number);
            let before = reads.load(Ordering::Relaxed);
            let published = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(number).publish()));
            crate::support::wait_for("a read", crate::support::LIMIT, || {
                if reads.load(Ordering::Relaxed) > before { Ok(()) } else { Err("none".to_owned()) }
            });
            if !matches!(published, Ok(Ok(_))) {
                done.store(true, Ordering::Relaxed);
                panic!("run {number} was not published");
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(tables(server, "snap_readers_north"), ["a", "acequia_manifest", "b"]);
}

#[test]
fn a_table_that_the_source_has_no_more_goes_and_a_foreign_one_stays() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    database.execute(TWO);
    let run = |name: &str| Run::new(server, &database, "snap_gone_{customer}", &["north"]).named(name);
    run("one").publish().expect("published");
    server.execute(
        "CREATE TABLE snap_gone_north.report (id INT); INSERT INTO snap_gone_north.report VALUES (1)",
    );
    database.execute("DROP TABLE north.b; CREATE TABLE north.c (id int)");
    run("two").publish().expect("published");
    assert_eq!(tables(server, "snap_gone_north"), ["a", "acequia_manifest", "c", "report"]);
    database.execute("CREATE TABLE north.report (id int)");
    let error = run("three").publish().expect_err("the report is not ours");
    assert!(matches!(&error, Error::Foreign { table, .. } if table == "report"), "{error}");
    assert_eq!(server.value("SELECT COUNT(*) FROM snap_gone_north.report"), "1");
    assert_eq!(server.value("SELECT run FROM snap_gone_north.acequia_manifest WHERE table_name = ''"), "two");
}

#[test]
fn two_snapshots_do_not_share_a_database_nor_two_runs_the_server() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    database.execute(TWO);
    let run = || Run::new(server, &database, "snap_owner_{customer}", &["north"]);
    run().publish().expect("published");
    let mut other = run();
    other.order.snapshot = "another".to_owned();
    let error = other.publish().expect_err("it is another's");
    assert!(matches!(&error, Error::OfAnother { owner, .. } if owner == "snap_owner_customer"), "{error}");
    let lock = "SELECT CONCAT('acequia_snapshot_', LEFT(SHA2('snap_owner_customer', 256), 8))";
    let lock = server.value(lock);
    runtime().block_on(async {
        let mut holder = acequia::mysql::open(&server.server()).await.expect("a session");
        let locked =
            holder.value("locking", &format!("SELECT GET_LOCK('{lock}', 0)")).await.expect("an answer");
        assert_eq!(locked.as_deref(), Some("1"));
        let error = run().stage().await.expect_err("somebody is at work");
        assert!(matches!(error, Error::Busy(_)), "{error}");
    });
}

#[test]
fn a_run_that_died_before_the_rename_leaves_the_last_one_and_is_cleared() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    database.execute(TWO);
    let run = |name: &str| Run::new(server, &database, "snap_died_{customer}", &["north"]).named(name);
    run("one").publish().expect("published");
    set(&database, 1);
    let manifest = runtime().block_on(run("two").stage()).expect("staged");
    assert_eq!(server.value("SELECT n FROM snap_died_north.a"), "0", "yesterday's");
    assert_eq!(tables(server, "snap_died_north").len(), 6);
    // Another process goes on with what is staged, and it may be asked twice.
    let two = run("two");
    for _ in 0..2 {
        runtime().block_on(publish(&two.server, &two.order, &manifest)).expect("published");
        let there = runtime().block_on(published(&two.server, &two.order, &manifest)).expect("an answer");
        assert_eq!(there.as_deref(), Some("two"));
    }
    assert_eq!(server.value("SELECT n FROM snap_died_north.a"), "1");
    runtime().block_on(run("three").stage()).expect("staged");
    // Nobody publishes it; the next one clears it, and its manifest is no other's.
    runtime().block_on(run("four").stage()).expect("staged");
    let three = run("three");
    let error = runtime().block_on(publish(&three.server, &three.order, &manifest)).expect_err("it is gone");
    assert!(matches!(error, Error::NotStaged { .. }), "{error}");
    run("five").publish().expect("published");
    assert_eq!(tables(server, "snap_died_north"), ["a", "acequia_manifest", "b"]);
}

#[test]
fn a_server_that_crashes_keeps_what_was_published_and_the_next_run_works() {
    let server = Mysql::start(&["--local-infile=ON"]);
    let database = Cluster::shared().database();
    database.execute(TWO);
    let run =
        |name: &str| Run::new(&server, &database, "snap_crash_{customer}", &["north", "south"]).named(name);
    run("one").publish().expect("published");
    set(&database, 1);
    let manifest = runtime().block_on(run("two").stage()).expect("staged");
    server.stop();
    let two = run("two");
    let error = runtime().block_on(publish(&two.server, &two.order, &manifest)).expect_err("nobody is there");
    assert_eq!(error.fault(), acequia::fault::Fault::Retry, "{error}");
    server.restart();
    assert_eq!(server.value("SELECT n FROM snap_crash_north.a"), "0");
    runtime().block_on(publish(&two.server, &two.order, &manifest)).expect("published");
    assert_eq!(server.value("SELECT n FROM snap_crash_south.a"), "1");
    run("three").publish().expect("the next run works");
}

#[test]
fn rows_that_break_off_publish_nothing_and_errors_hold_no_value() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    database.execute(TWO);
    let run = Run::new(server, &database, "snap_cut_{customer}", &["north"]);
    let error = runtime().block_on(async {
        let bundles = run.bundles().await;
        let sink = acequia::snapshot::mysql::Sink::prepare(&run.server, run.order.clone(), &bundles).await?;
        let (feed, feeds) = tokio::sync::mpsc::channel(4);
        let customer = acequia::name::CustomerName::new("north").expect("a name");
        _ = feed.send(acequia::snapshot::crew::Feed::Begin(customer)).await;
        _ = feed.send(acequia::snapshot::crew::Feed::Piece("731640295\t1\n".into())).await;
        drop(feed);
        sink.loader(0).run(feeds).await
    });
    let error = error.expect_err("it broke off");
    assert!(matches!(error, Error::CutOff(_)), "{error}");
    assert!(!format!("{error} {error:?}").contains("7316"));
}
