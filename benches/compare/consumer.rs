//! Who takes the changes from the source to the customers: Acequia, or one native subscription for each customer.

use std::time::{Duration, Instant};

use clap::ValueEnum;
use tokio_postgres::Statement;

use super::acequia::Acequia;
use super::cluster::{Cluster, Servers};
use super::native::Native;
use super::session::Session;
use super::source::Source;
use super::table::Table;

/// No measurement takes so long, unless something is broken.
const LIMIT: Duration = Duration::from_mins(20);
/// Between two looks whether a row has arrived.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);

/// One of the two that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    /// Acequia: one daemon, one target database, a schema for each customer
    Acequia,
    /// PostgreSQL's own: a database and a subscription for each customer
    Native,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Acequia, Self::Native];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Acequia => "acequia",
            Self::Native => "native",
        }
    }

    /// Makes the customers, and all that has to be there before the first start.
    pub(crate) fn create<'a>(
        self,
        servers: &Servers<'a>,
        source: &Source<'_>,
        targets: u32,
    ) -> Box<dyn Consumer + 'a> {
        match self {
            Self::Acequia => Box::new(Acequia::create(servers, source, targets)),
            Self::Native => Box::new(Native::create(servers, source, targets)),
        }
    }
}

/// What both sides can do. Changes made after the first start arrive, at the latest after the next one.
pub(crate) trait Consumer {
    /// Starts consuming; returns at once, except the first time: then, when the source keeps changes for it.
    fn start(&mut self);
    /// Stops consuming; returns when it has stopped. The source keeps what comes now.
    fn stop(&mut self);
    /// Where the customers are.
    fn places(&self) -> &[Place];
    /// `Err` says why nothing will arrive any more.
    fn check(&mut self) -> Result<(), String>;
    /// From the last start until the stream began, as far as that can be seen.
    fn start_up(&mut self) -> Option<Duration>;
    /// The largest memory of the running process, as far as there is a process of its own.
    fn peak_kib(&self) -> Option<u32>;
    /// Takes everything away again.
    fn finish(self: Box<Self>);
}

/// A target database with customers in it.
pub(crate) struct Place {
    pub(crate) dbname: String,
    pub(crate) schemas: Vec<String>,
    pub(crate) session: Session,
    has_arrived: Statement,
}

impl Place {
    /// Makes the database and its customers. `number` is that of its first customer.
    pub(crate) fn create(
        cluster: &Cluster,
        dbname: &str,
        schemas: Vec<String>,
        table: Table,
        number: u32,
    ) -> Self {
        let session = cluster.create_database(dbname);
        for (schema, number) in schemas.iter().zip(number..) {
            session.execute(&table.create(schema, u64::from(number) * 1_000_000_000));
        }
        // The statement is planned while the tables are empty, and used when they are large.
        session.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan");
        let arrived = |schema: &String| format!("EXISTS (SELECT FROM {schema}.item WHERE code = $1)");
        let arrived = schemas.iter().map(arrived).collect::<Vec<_>>().join(" AND ");
        let has_arrived = session.prepare(&format!("SELECT {arrived}"));
        Self { dbname: dbname.to_owned(), schemas, session, has_arrived }
    }

    /// Whether the row is visible in all of its customers.
    pub(crate) fn has_arrived(&self, code: &str) -> bool {
        self.session.holds(&self.has_arrived, code)
    }
}

/// Waits until a row is visible in every customer. One session asks at a time: asking has to cost next to nothing.
pub(crate) fn wait_for_row(consumer: &mut dyn Consumer, cluster: &Cluster, code: &str) {
    let deadline = Instant::now() + LIMIT;
    for place in 0..consumer.places().len() {
        while !consumer.places()[place].has_arrived(code) {
            let dead = consumer.check().err();
            let late = (Instant::now() > deadline).then(|| format!("not within {LIMIT:?}"));
            if let Some(why) = dead.or(late) {
                panic!("row {code:?} does not arrive: {why}\nthe server's log ends:\n{}", cluster.log_tail());
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
    }
}

/// Every customer has exactly what the source has.
pub(crate) fn verify(consumer: &dyn Consumer, source: &Source<'_>) {
    let expected = source.fingerprint();
    for place in consumer.places() {
        for schema in &place.schemas {
            let found = place.session.value(&source.table.fingerprint(schema));
            assert_eq!(found, expected, "schema {schema} of database {}, against the source", place.dbname);
        }
    }
}
