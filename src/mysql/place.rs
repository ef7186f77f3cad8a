//! Where a server is, as the driver wants to know it. Files and the password are read at every connect, so that renewed
//! ones are used without a restart.

use std::time::Duration;

use mysql_async::{ClientIdentity, Opts, OptsBuilder, SslOpts};
use rustls::crypto::ring::default_provider;
use secrecy::ExposeSecret;

use super::error::Kind;
use crate::config::{ClientCertificate, SecretSource, Server, Tls};
use crate::postgres::socket::KEEPALIVE_IDLE;
use crate::postgres::tls::{TlsError, client_files, trusted};

/// The server forgets a silent session after this; a source may think for long before its first row.
const SILENCE: Duration = Duration::from_hours(8);

/// What every session is set to, whatever the server's own settings are.
///
/// A reader of the published tables is waited for only so long, since whoever waits for such a lock makes others wait
/// behind him.
pub(super) const SETTINGS: [&str; 3] = [
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION time_zone = '+00:00', SESSION autocommit = 1, SESSION unique_checks = 1, SESSION foreign_key_checks = 0, \
     SESSION lock_wait_timeout = 10, SESSION innodb_lock_wait_timeout = 60, SESSION wait_timeout = 28800, \
     SESSION net_read_timeout = 3600, SESSION net_write_timeout = 3600, SESSION group_concat_max_len = 1048576",
];

/// Everything that the driver has to know. Its `Debug` prints the password: it goes to the driver and nowhere else.
pub(super) async fn options(server: &Server) -> Result<Opts, Kind> {
    let secret = server.password.as_ref().map(SecretSource::read).transpose();
    let secret = secret.map_err(|error| Kind::Secret(error.to_string()))?;
    let mut options = OptsBuilder::default()
        .user(Some(&server.user))
        .pass(secret.as_ref().map(ExposeSecret::expose_secret))
        // By default it would leave 127.0.0.1 for a socket, where it may be another account.
        .prefer_socket(false)
        .secure_auth(true)
        .enable_cleartext_plugin(false)
        .tcp_nodelay(true)
        .tcp_keepalive(Some(KEEPALIVE_IDLE))
        .conn_ttl(Some(SILENCE))
        .stmt_cache_size(2)
        .setup(SETTINGS.to_vec());
    if server.host.starts_with('/') {
        return Ok(options.socket(Some(&server.host)).into());
    }
    options = options.ip_or_hostname(&server.host).tcp_port(server.port);
    match &server.tls {
        Tls::Socket => Err(Kind::Tls(TlsError::SocketOnly.to_string())),
        Tls::Off => Ok(options.into()),
        Tls::VerifyFull { root_certificates, client } => {
            // The driver takes whichever provider the process has.
            _ = default_provider().install_default();
            let (roots, client) = (root_certificates.clone(), client.clone());
            let read = tokio::task::spawn_blocking(move || {
                Ok::<_, TlsError>((trusted(roots.as_deref())?, client.as_ref().map(identity).transpose()?))
            });
            let (roots, client) = read.await.map_err(|_| refused(TlsError::Interrupted))?.map_err(refused)?;
            let tls = SslOpts::default()
                // The driver brings a list of its own; who runs the daemon decides whom it trusts.
                .with_disable_built_in_roots(true)
                .with_root_certs(roots.into_iter().map(|root| root.as_ref().to_vec().into()).collect())
                .with_client_identity(client);
            Ok(options.ssl_opts(Some(tls)).into())
        }
    }
}

fn identity(client: &ClientCertificate) -> Result<ClientIdentity, TlsError> {
    let (certificate, key) = client_files(client)?;
    Ok(ClientIdentity::new(certificate.into(), key.into()))
}

#[expect(clippy::needless_pass_by_value, reason = "it is the last step of map_err")]
fn refused(error: TlsError) -> Kind {
    Kind::Tls(error.to_string())
}
