//! A session with a PostgreSQL database, opened the one right way: TLS, time limits, pinned settings, a fresh password.

use std::ops::Deref;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Connection, NoTls};

use crate::config::{Database, Tls, pgpass};
use crate::postgres::error::{Error, Kind};
use crate::postgres::settings;
use crate::postgres::socket::{
    CONNECT_LIMIT, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_RETRIES, TCP_USER_TIMEOUT,
    TCP_USER_TIMEOUT_OF_WRITERS, is_socket_directory,
};
use crate::postgres::tls::{Connector, TlsError};

/// How long all of opening may take: addresses, TLS, authentication, start-up.
const OPEN_LIMIT: Duration = Duration::from_secs(20);
/// How long a session that was dropped may wait for answers that were asked for.
const FAREWELL_LIMIT: Duration = Duration::from_secs(10);
/// An answer to a short question that does not come by then never will.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// The server shows so many bytes of an application's name.
const SHOWN_BYTES: usize = 63;

/// An open session. The driver's task lives until the connection breaks, or until a moment after the session is dropped.
pub struct Session {
    client: Client,
    /// Its sender lives in the driver's task: no sender, no connection.
    driver: watch::Receiver<()>,
    /// Ends that task.
    task: AbortHandle,
    /// Dropped with the session.
    _held: oneshot::Sender<()>,
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Session {
    /// The driver's client, where a transaction needs it mutable.
    pub fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Lets go at once of a server that does not answer: a session that is only dropped waits a moment for the answers that it has
    /// asked for.
    pub fn abandon(&self) {
        self.task.abort();
    }

    /// Returns when the connection is gone, whoever ended it. May be dropped and called again.
    pub async fn closed(&self) {
        self.end().0.await;
    }

    /// For who is not its holder: what returns when the connection is gone, and what ends it.
    pub(super) fn end(&self) -> (impl Future<Output = ()> + use<>, AbortHandle) {
        let mut driver = self.driver.clone();
        let closed = async move { while driver.changed().await.is_ok() {} };
        (closed, self.task.clone())
    }
}

/// Asks something that is answered at once: a link that is dead without a word must not be waited for.
///
/// # Errors
///
/// Those of the question, and that there was no answer in time; `doing` is for the latter.
pub async fn in_time<T>(doing: &str, question: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    within(ANSWER_LIMIT, doing, question).await
}

/// Asks something that may take so long.
///
/// # Errors
///
/// Those of the question, and that there was no answer in time; `doing` is for the latter.
pub async fn within<T, E: From<Error>>(
    limit: Duration,
    doing: &str,
    question: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(limit, Box::pin(question))
        .await
        .unwrap_or_else(|_| Err(Error::new(doing, Kind::TimedOut(limit)).into()))
}

/// What the server shows of an application's name.
pub fn shown(application: &str) -> &str {
    &application[..application.floor_char_boundary(SHOWN_BYTES)]
}

/// A database in `SQL_ASCII` converts nothing: it only refuses to send what is no UTF-8 to who has asked for that. Who
/// says this looks at the bytes himself.
pub const TAKE_BYTES: &str = "SELECT set_config('client_encoding', 'SQL_ASCII', false) \
                              WHERE current_setting('server_encoding') = 'SQL_ASCII'";

/// Opens a session. `application_name` is what DBAs see in `pg_stat_activity`.
pub async fn open(database: &Database, application_name: &str) -> Result<Session, Error> {
    open_with(database, application_name, TCP_USER_TIMEOUT).await
}

/// Has the server look whether we are still there while it works on an answer: one that nobody waits for any more ends, with the
/// locks and the slot that it holds. Where its operating system can't tell, the server refuses (manual, "TCP Settings").
pub(super) const LOOK_AFTER_US: &str = "SET client_connection_check_interval = '2s'";
/// For the error of that.
pub(super) const LOOKING_AFTER_US: &str = "having the server look after the connection";

/// Opens a session for questions that take long: the server does not go on with them when we have gone.
pub async fn open_to_ask(database: &Database, application_name: &str) -> Result<Session, Error> {
    let session = open(database, application_name).await?;
    let asked = async {
        let asked = session.batch_execute(LOOK_AFTER_US).await;
        asked.map_err(|error| Error::from_driver(LOOKING_AFTER_US, &error))
    };
    match in_time(LOOKING_AFTER_US, asked).await {
        Err(error) if error.refusal().is_none() => Err(error),
        Ok(()) | Err(_) => Ok(session),
    }
}

/// Opens a session to which much will be sent.
pub async fn open_to_write(database: &Database, application_name: &str) -> Result<Session, Error> {
    open_with(database, application_name, TCP_USER_TIMEOUT_OF_WRITERS).await
}

async fn open_with(
    database: &Database,
    application_name: &str,
    user_timeout: Duration,
) -> Result<Session, Error> {
    let doing = || format!("opening a session with database `{}`", database.name);
    let mut config = base_config(database, application_name);
    config.tcp_user_timeout(user_timeout);
    match timeout(OPEN_LIMIT, connect(database, config)).await {
        Ok(opened) => opened.map_err(|kind| Error::new(doing(), kind).with_no_row_at_hand()),
        Err(_) => Err(Error::new(doing(), Kind::TimedOut(OPEN_LIMIT))),
    }
}

/// The database's password: from its own source, else from the `pgpass` file; `None` where neither has one.
/// Read at every connect, so that a rotated password is used without a restart.
pub fn password(database: &Database) -> Result<Option<SecretString>, Kind> {
    let read = match &database.password {
        Some(source) => source.read().map(Some),
        None => pgpass::lookup(&database.host, database.port, &database.dbname, &database.user),
    };
    read.map_err(|error| Kind::Secret(error.to_string()))
}

async fn connect(database: &Database, mut config: Config) -> Result<Session, Kind> {
    if let Some(password) = password(database)? {
        config.password(password.expose_secret());
    }
    if is_socket_directory(&database.host) {
        config.ssl_mode(SslMode::Disable);
        return Ok(drive(config.connect(NoTls).await.map_err(|error| Kind::from_driver(&error))?));
    }
    match &database.tls {
        Tls::Socket => Err(Kind::Tls(TlsError::SocketOnly.to_string())),
        Tls::Off => {
            config.ssl_mode(SslMode::Disable);
            Ok(drive(config.connect(NoTls).await.map_err(|error| Kind::from_driver(&error))?))
        }
        Tls::VerifyFull { root_certificates, client } => {
            let connector = Connector::load(root_certificates.clone(), client.clone())
                .await
                .map_err(|error| Kind::Tls(error.to_string()))?;
            // The driver's own default is `prefer`: plain text without a word where the server has no TLS.
            config.ssl_mode(SslMode::Require);
            Ok(drive(config.connect(connector).await.map_err(|error| Kind::from_driver(&error))?))
        }
    }
}

/// Everything but TLS, the password and how long what was sent may be on its way.
fn base_config(database: &Database, application_name: &str) -> Config {
    let mut config = Config::new();
    config
        .host(&database.host)
        .port(database.port)
        .dbname(&database.dbname)
        .user(&database.user)
        .application_name(application_name)
        .options(settings::options())
        .connect_timeout(CONNECT_LIMIT)
        .keepalives(true)
        .keepalives_idle(KEEPALIVE_IDLE)
        .keepalives_interval(KEEPALIVE_INTERVAL)
        .keepalives_retries(KEEPALIVE_RETRIES);
    config
}

/// Spawns the task that moves the session's bytes.
fn drive<S, T>((client, mut connection): (Client, Connection<S, T>)) -> Session
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (alive, driver) = watch::channel(());
    let (held, dropped) = oneshot::channel();
    let task = tokio::spawn(async move {
        // Awaiting the connection itself would log the server's notices, and those can quote rows. An error of the
        // connection reaches every caller of the client, so it is not told here.
        let moving = async {
            while let Some(Ok(_notice)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {}
        };
        // Without the limit a connection that is dead without a word would be kept for ever.
        let left = async {
            let _ = dropped.await;
            tokio::time::sleep(FAREWELL_LIMIT).await;
        };
        tokio::select! {
            () = moving => {}
            () = left => {}
        }
        drop(alive);
    });
    Session { client, driver, task: task.abort_handle(), _held: held }
}
