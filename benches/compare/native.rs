//! PostgreSQL's own subscriptions as a consumer: a database, a slot and a subscription for each customer, with the
//! defaults that CREATE SUBSCRIPTION has.

use std::time::{Duration, Instant};

use super::cluster::{Cluster, Servers};
use super::consumer::{Consumer, Place};
use super::session::Session;
use super::source::{SOURCE, Source};

/// How long workers may take to end.
const LIMIT: Duration = Duration::from_mins(2);

/// The subscriptions.
pub(crate) struct Native<'a> {
    cluster: &'a Cluster,
    /// A session at the source, to see who reads.
    source: Session,
    places: Vec<Place>,
}

impl<'a> Native<'a> {
    pub(crate) fn create(servers: &Servers<'a>, source: &Source<'_>, targets: u32) -> Self {
        let cluster = servers.target;
        let session = Session::open(source.cluster(), SOURCE);
        session.execute(&format!("CREATE PUBLICATION native FOR TABLE {SOURCE}.item"));
        let mut places = Vec::new();
        for number in 1..=targets {
            let dbname = format!("dst{number:02}");
            // A subscription writes where the source has it: the schema has the source's name.
            let place = Place::create(cluster, &dbname, vec![SOURCE.to_owned()], source.table, number);
            let (socket, port) = (source.cluster().socket().display(), source.cluster().port());
            // On one server, CREATE SUBSCRIPTION can't create the slot: it would wait for itself.
            session.execute(&format!("SELECT pg_create_logical_replication_slot('{dbname}', 'pgoutput')"));
            place.session.execute(&format!(
                "CREATE SUBSCRIPTION {dbname} CONNECTION 'host={socket} port={port} dbname={SOURCE} user=postgres' \
                 PUBLICATION native WITH (create_slot = false, slot_name = '{dbname}', enabled = false, copy_data = false)"
            ));
            places.push(place);
        }
        Self { cluster, source: session, places }
    }

    fn alter(&self, what: &str) {
        for place in &self.places {
            place.session.execute(&format!("ALTER SUBSCRIPTION {} {what}", place.dbname));
        }
    }
}

impl Consumer for Native<'_> {
    fn start(&mut self) {
        self.alter("ENABLE");
    }

    fn stop(&mut self) {
        self.alter("DISABLE");
        let deadline = Instant::now() + LIMIT;
        let at_rest = format!(
            "SELECT NOT EXISTS (SELECT FROM pg_replication_slots WHERE database = '{SOURCE}' AND active)"
        );
        while !self.source.is_true(&at_rest) {
            assert!(
                Instant::now() < deadline,
                "the workers do not stop; the server's log ends:\n{}",
                self.cluster.log_tail()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn places(&self) -> &[Place] {
        &self.places
    }

    /// A worker that ends is started again by the server, for ever: nothing can be told from that.
    fn check(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn start_up(&mut self) -> Option<Duration> {
        None
    }

    fn peak_kib(&self) -> Option<u32> {
        None
    }

    fn finish(mut self: Box<Self>) {
        self.stop();
        self.alter("SET (slot_name = NONE)");
        for place in &self.places {
            place.session.execute(&format!("DROP SUBSCRIPTION {}", place.dbname));
            self.cluster.drop_database(&place.dbname);
        }
    }
}
