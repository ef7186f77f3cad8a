//! `[databases.NAME]`: how to reach one database.

use std::path::Path;

use crate::config::amount::parse_size;
use crate::config::finding::Findings;
use crate::config::keys::DATABASE_KEYS;
use crate::config::mask::quote;
use crate::config::model::{Database, RestingSlot};
use crate::config::tree::{Item, Spotted, Words};
use crate::name::{DatabaseName, Ident};

use super::connection::{Dialled, read_host, read_password, read_port, read_tls};

/// Debian's and Red Hat's socket directory.
const HOST: &str = "/run/postgresql";

/// PostgreSQL.
const POSTGRESQL: Dialled = Dialled {
    socket: "the directory of a socket",
    host_help: "write the other parts of a connection string as `port`, `dbname` and `user`",
    port: 5432,
    port_help: "PostgreSQL's own is 5432",
};

/// The role that `setup` makes.
const USER: &str = "acequia";

/// `resting_slot`
pub(in crate::config) const RESTING_SLOTS: Words<RestingSlot> =
    Words { known: &[("advance", RestingSlot::Advance), ("drop", RestingSlot::Drop)], later: &[] };

/// Reads one database. Paths are relative to the directory of the configuration.
pub(super) fn read(
    name: &Spotted<&str>,
    item: Item<'_>,
    directory: &Path,
    findings: &mut Findings,
) -> Option<Database> {
    let title = format!("[databases.{}]", quote(name.value).trim_matches('`'));
    let section = item.section(&DATABASE_KEYS, title, name.spot, findings)?;
    let host =
        if section.has("host") { read_host(&section, &POSTGRESQL, findings) } else { Some(HOST.to_owned()) };
    let port = read_port(&section, &POSTGRESQL, findings);
    section.require("dbname", "\"…\"", findings);
    let dbname = section.parsed("dbname", Ident::new, "write the database's name", findings);
    let user = section.parsed("user", Ident::new, "write the role's name", findings);
    let password = read_password(&section, directory, findings);
    let tls = read_tls(&section, host.as_deref(), directory, findings);
    let max_retained_wal = section.parsed("max_retained_wal", parse_size, "write it as \"20GB\"", findings);
    let failover = section.flag("failover", findings).is_none_or(|flag| flag.value);
    let resting_slot = section.word("resting_slot", &RESTING_SLOTS, findings);
    let database = match DatabaseName::new(name.value) {
        Ok(database) => database,
        Err(error) => {
            findings.error(name.spot, error.to_string(), "give the database another name");
            return None;
        }
    };
    Some(Database {
        name: database,
        host: host?,
        port: port?,
        dbname: dbname?.value.as_str().to_owned(),
        user: user.map_or_else(|| USER.to_owned(), |user| user.value.as_str().to_owned()),
        password,
        tls: tls?,
        max_retained_wal_bytes: max_retained_wal.map(|size| size.value),
        failover,
        resting_slot: resting_slot.map_or(RestingSlot::Advance, |word| word.value),
        spot: name.spot,
    })
}
