//! `[servers.NAME]`: how to reach a MySQL or MariaDB server.

use std::path::Path;

use crate::config::finding::Findings;
use crate::config::keys::SERVER_KEYS;
use crate::config::mask::quote;
use crate::config::model::Server;
use crate::config::tree::{Item, Spotted};
use crate::name::{Ident, ServerName};

use super::connection::{Dialled, read_host, read_password, read_port, read_tls};

/// MySQL and MariaDB.
const MYSQL: Dialled = Dialled {
    socket: "the path of a socket",
    host_help: "write the other parts of a connection string as `port` and `user`",
    port: 3306,
    port_help: "MySQL's own is 3306",
};

/// The account that a server's administrator makes for us.
const USER: &str = "acequia";

/// Reads one server. Paths are relative to the directory of the configuration.
pub(super) fn read(
    name: &Spotted<&str>,
    item: Item<'_>,
    directory: &Path,
    findings: &mut Findings,
) -> Option<Server> {
    let title = format!("[servers.{}]", quote(name.value).trim_matches('`'));
    let section = item.section(&SERVER_KEYS, title, name.spot, findings)?;
    section.require("host", "\"…\"", findings);
    let host = read_host(&section, &MYSQL, findings);
    let port = read_port(&section, &MYSQL, findings);
    let user = section.parsed("user", Ident::new, "write the account's name, without its host", findings);
    let password = read_password(&section, directory, findings);
    // Without a host it would only be said once more that something is missing.
    let tls = read_tls(&section, host.as_deref(), directory, findings);
    let server = match ServerName::new(name.value) {
        Ok(server) => server,
        Err(error) => {
            findings.error(name.spot, error.to_string(), "give the server another name");
            return None;
        }
    };
    Some(Server {
        name: server,
        host: host?,
        port: port?,
        user: user.map_or_else(|| USER.to_owned(), |user| user.value.as_str().to_owned()),
        password,
        tls: tls?,
        spot: name.spot,
    })
}
