//! Somebody else who reads a slot of ours, and confirms nothing.

use acequia::config::Config as Rules;
use acequia::name::Ident;
use acequia::source::duplex::ReplicationStream;
use acequia::source::wire::ReplicationConnection;

use super::config::Config;
use super::database::{Database, runtime};

/// Reads until it is dropped.
pub(crate) struct Reader {
    _stream: ReplicationStream,
}

impl Reader {
    /// Reads the slot and the publication of this name. `None`: it is read by another.
    pub(crate) fn of(config: &Config<'_>, database: &Database, slot: &str) -> Option<Self> {
        let (rules, _) =
            Rules::load(config.path()).map_err(|problems| problems.to_string()).expect("the rules load");
        let mut places = rules.databases.values();
        let place = places.find(|place| place.dbname == database.name()).expect("it is in the file");
        let name = Ident::new(slot).expect("a name");
        let at = format!("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '{slot}'");
        let at = database.value(&at).parse().expect("a position");
        let stream = runtime().block_on(async {
            let wire = ReplicationConnection::connect(place, "somebody else").await.expect("let in");
            wire.start(&name, &name, at).await.ok()
        });
        stream.map(|stream| Self { _stream: stream })
    }
}
