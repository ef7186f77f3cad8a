//! What all live tests stand on: a throw-away server, a database for each test, a configuration, the real binary.
//!
//! ```text
//! let database = Cluster::shared().database();
//! database.execute("CREATE SCHEMA hq; CREATE SCHEMA north; …");
//! let config = Config::new(&[("hq", &database, "hq"), ("north", &database, "north")], RULES);
//! config.set_up();                      // acequia setup --print-sql, applied by the superuser
//! let mut daemon = config.start();      // acequia run
//! daemon.wait_streaming();
//! database.execute("INSERT INTO hq.code …");
//! daemon.barrier();                     // all of it has arrived
//! assert_eq!(database.value("SELECT count(*) FROM north.code"), "1");
//! daemon.stop();                        // or kill(), and start again
//! ```
//!
//! The functions block; none sleeps for luck. What a test that is killed
//! leaves behind is gone with its servers, or with the next run.

mod certificates;
mod cluster;
mod config;
mod daemon;
mod database;
mod disk;
mod loss;
mod mysql;
mod nspawn;
mod port;
mod proxy;
mod reader;
mod skip;
mod wait;

pub(crate) use certificates::Certificates;
pub(crate) use cluster::{Cluster, Door, Hanging};
pub(crate) use config::{ACEQUIA, CODES, Config};
pub(crate) use daemon::{Daemon, LIMIT};
pub(crate) use database::{Database, Ears, Rows, Session, runtime};
pub(crate) use disk::Disk;
pub(crate) use loss::Loss;
pub(crate) use mysql::{Mysql, PASSWORD};
pub(crate) use nspawn::Container;
pub(crate) use port::free_address;
pub(crate) use proxy::{Link, Proxy, Way};
pub(crate) use reader::Reader;
pub(crate) use skip::skip;
pub(crate) use wait::{poll, wait_for};
