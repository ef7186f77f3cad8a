//! Scenarios.

use super::support::{Cluster, Config};

#[test]
fn support_works() {
    let database = Cluster::shared().database();
    database.execute("CREATE SCHEMA hq; CREATE SCHEMA north; CREATE TABLE hq.code (id bigint PRIMARY KEY, code text UNIQUE); CREATE TABLE north.code (LIKE hq.code INCLUDING ALL)");
    let config = Config::new(&[("hq", &database, "hq"), ("north", &database, "north")], r#"
[datasets.code]
key = ["code"]
[[sync]]
name = "s"
from = "hq"
to = ["north"]
data = ["code"]
"#);
    config.set_up();
    let mut daemon = config.start();
    daemon.wait_streaming();
    database.execute("INSERT INTO hq.code VALUES (1, 'a')");
    daemon.barrier();
    assert_eq!(database.value("SELECT count(*) FROM north.code"), "1");
    daemon.stop();
}
