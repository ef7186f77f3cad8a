//! What a server says no to: a value, a key, a grant, any write. Its number is told, a value never, and what is published
//! stays.

use acequia::fault::Fault;
use acequia::snapshot::mysql::Error;

use super::Run;
use crate::support::{Cluster, Database, Mysql, Proxy};

/// A text, and a number, that must not be told.
const TEXT: &str = "zq7leak";
const NUMBER: &str = "471147114711";

/// What the server hears instead when a table is made, which then takes less than was meant: so would a server that makes
/// something else of our words than the ones that are known.
const NARROWED: [(u16, &str, &str); 3] = [
    (1264, "`n` BIGINT NULL", "`n` INT        "),
    (1292, "`t` LONGTEXT NULL", "`t` DATE         "),
    (1366, "`t` LONGTEXT NULL", "`t` INT          "),
];
/// The same for the key: two rows have it.
const TWICE: (u16, &str, &str) = (1062, "PRIMARY KEY (`id`)", "PRIMARY KEY (`tw`)");

fn fill(database: &Database) {
    database.execute(&format!(
        "CREATE SCHEMA north; CREATE TABLE north.a (id int PRIMARY KEY, tw int NOT NULL, n bigint, t text); \
         INSERT INTO north.a VALUES (1, 5, {NUMBER}, '{TEXT}'), (2, 5, NULL, NULL)"
    ));
}

fn published(server: &Mysql, database: &str) -> String {
    server.value(&format!("SELECT run FROM {database}.acequia_manifest WHERE table_name = ''"))
}

/// The number of the server's error; neither value is told with it.
fn number(error: &Error) -> u16 {
    let said = format!("{error} {error:?}");
    assert!(!said.contains(TEXT) && !said.contains(NUMBER), "{said}");
    let Error::Mysql(error) = error else { panic!("the server refused nothing: {error}") };
    error.refusal().unwrap_or_else(|| panic!("the server refused nothing: {error}")).errno
}

#[test]
fn a_column_that_the_server_takes_less_in_than_was_meant_is_loaded_as_text_and_a_key_it_has_twice_is_told() {
    let (server, database) = (Mysql::shared(), Cluster::shared().database());
    fill(&database);
    let proxy = Proxy::to(server.socket().to_owned());
    let run = |name: &str| {
        Run::new(server, &database, "snap_narrow_{customer}", &["north"]).named(name).through(&proxy)
    };
    for (errno, meant, heard) in NARROWED {
        proxy.alter(meant, heard);
        run(&errno.to_string()).publish().unwrap_or_else(|error| panic!("{errno}: {error}"));
        assert!(!proxy.is_to_alter(), "{errno}: the table was not made as {meant}");
        let row = server.query("SELECT n, t FROM snap_narrow_north.a WHERE id = 1").remove(0);
        assert_eq!(row.iter().flatten().collect::<Vec<_>>(), [NUMBER, TEXT], "{errno}");
    }
    let (errno, meant, heard) = TWICE;
    proxy.alter(meant, heard);
    let error = run("twice").publish().expect_err("a row is missing");
    let said = format!("{error} {error:?}");
    assert!(
        matches!(&error, Error::Changed { codes, .. } if *codes == errno.to_string()) && !said.contains(TEXT),
        "{said}"
    );
    assert_eq!((error.fault(), published(server, "snap_narrow_north").as_str()), (Fault::Halt, "1366"));
    run("next").publish().expect("the next run works");
}

#[test]
fn a_row_that_is_inserted_and_refused_is_told_by_its_number_alone_and_the_next_run_works() {
    let server = Mysql::start(&["--local-infile=OFF"]);
    let database = Cluster::shared().database();
    fill(&database);
    let proxy = Proxy::to(server.socket().to_owned());
    let run = |name: &str| {
        Run::new(&server, &database, "snap_strict_{customer}", &["north"]).named(name).through(&proxy)
    };
    run("first").publish().expect("published");
    for (errno, meant, heard) in [&NARROWED[..], &[TWICE]].concat() {
        proxy.alter(meant, heard);
        let error = run(&errno.to_string()).publish().expect_err("it is refused");
        assert_eq!((number(&error), error.fault()), (errno, Fault::Halt), "{error}");
        assert!(error.to_string().contains("report it"), "{error}");
        assert_eq!(published(&server, "snap_strict_north"), "first");
    }
    run("next").publish().expect("the next run works");
    assert_eq!(published(&server, "snap_strict_north"), "next");
}

#[test]
fn a_grant_of_the_account_that_is_revoked_is_named_and_is_all_that_is_needed() {
    let server = Mysql::start(&["--local-infile=ON"]);
    let database = Cluster::shared().database();
    fill(&database);
    let run = |name: &str| {
        Run::new(&server, &database, "snap_granted_{customer}", &["north"]).named(name).publish()
    };
    run("first").expect("published");
    for (privileges, errno) in [("INSERT", 1142), ("SELECT, INSERT, CREATE, ALTER, DROP, INDEX", 1044)] {
        server.execute(&format!("REVOKE {privileges} ON `snap%`.* FROM 'acequia'@'localhost'"));
        let error = run("refused").expect_err("it may not");
        assert_eq!((number(&error), error.fault()), (errno, Fault::Halt), "{error}");
        assert!(error.to_string().contains("GRANT SELECT, INSERT, CREATE"), "{error}");
        assert_eq!(published(&server, "snap_granted_north"), "first");
        server.execute(&format!("GRANT {privileges} ON `snap%`.* TO 'acequia'@'localhost'"));
    }
    run("next").expect("the next run works");
    assert_eq!(published(&server, "snap_granted_north"), "next");
}

#[test]
fn a_server_that_is_read_only_keeps_what_is_published_and_takes_the_next_run_when_it_is_not() {
    let server = Mysql::start(&["--local-infile=ON"]);
    let database = Cluster::shared().database();
    fill(&database);
    let run = |name: &str| {
        Run::new(&server, &database, "snap_reading_{customer}", &["north"]).named(name).publish()
    };
    run("first").expect("published");
    server.execute("SET GLOBAL read_only = ON");
    let error = run("refused").expect_err("it takes no writes");
    assert_eq!((number(&error), error.fault()), (1290, Fault::Retry), "{error}");
    assert!(error.to_string().contains("the server takes no writes"), "{error}");
    assert_eq!(published(&server, "snap_reading_north"), "first");
    server.execute("SET GLOBAL read_only = OFF");
    run("next").expect("the next run works");
    assert_eq!(published(&server, "snap_reading_north"), "next");
}
