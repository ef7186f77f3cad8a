//! One database for one test, seen by the superuser.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::cluster::Cluster;
use super::daemon::LIMIT;
use super::wait::wait_for;

/// Rows as the server writes them.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

/// A database of the test's own; dropped with its slots when the test ends.
pub(crate) struct Database {
    name: String,
    socket: std::path::PathBuf,
    port: u16,
    client: Client,
}

impl Database {
    pub(super) fn create(cluster: &Cluster, options: &str) -> Self {
        static CREATED: AtomicUsize = AtomicUsize::new(0);
        // Slots belong to the whole server and are named after the database: no two databases share a name.
        let name = format!("live{}", CREATED.fetch_add(1, Ordering::Relaxed));
        run(&cluster.client("postgres"), &format!("CREATE DATABASE {name} {options}"));
        let client = cluster.client(&name);
        Self { name, socket: cluster.socket().to_owned(), port: cluster.port(), client }
    }

    /// Its name, on the server and in configurations.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The directory of the server's socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// The server's port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// As `[databases]` says it, for the superuser.
    pub(crate) fn place(&self) -> acequia::config::Database {
        acequia::config::Database {
            name: acequia::name::DatabaseName::new("main").expect("a name"),
            host: self.socket.display().to_string(),
            port: self.port,
            dbname: self.name.clone(),
            user: "postgres".to_owned(),
            password: None,
            tls: acequia::config::Tls::Socket,
            max_retained_wal_bytes: None,
            failover: false,
            resting_slot: acequia::config::RestingSlot::Advance,
            spot: acequia::config::Spot { file: 0, start: 0, end: 0 },
        }
    }

    /// Runs statements as the superuser; several are one transaction, unless they say otherwise.
    pub(crate) fn execute(&self, sql: &str) {
        run(&self.client, sql);
    }

    /// Waits until nobody reads the database's slots: a walsender hears late that its reader has ended.
    pub(crate) fn wait_slots_free(&self) {
        let read = "SELECT count(*) FROM pg_replication_slots WHERE active AND database = current_database()";
        wait_for("nobody to read the slots", LIMIT, || match self.value(read).as_str() {
            "0" => Ok(()),
            count => Err(format!("{count} are read")),
        });
    }

    /// The rows of the last statement, as text.
    pub(crate) fn query(&self, sql: &str) -> Rows {
        run(&self.client, sql)
    }

    /// The one value that a query answers.
    pub(crate) fn value(&self, sql: &str) -> String {
        let rows = self.query(sql);
        let [row] = &rows[..] else { panic!("one row from {sql}, not {}", rows.len()) };
        row.first().cloned().flatten().unwrap_or_default()
    }

    /// Another session of the superuser, for a transaction that stays open.
    pub(crate) fn session(&self) -> Session {
        Session { client: connect(&self.socket, self.port, &self.name, "postgres") }
    }

    /// The same while the server may be gone, or refuse.
    pub(crate) fn try_session(&self) -> Option<Session> {
        let client = runtime().block_on(try_connect(&self.socket, self.port, &self.name, "postgres"));
        client.ok().map(|client| Session { client })
    }

    /// The same, if the server gives one in time.
    pub(crate) fn session_within(&self, limit: Duration) -> Option<Session> {
        connect_within(&self.socket, self.port, &self.name, limit).map(Session::new)
    }

    /// Listens to a channel of NOTIFY, from now on.
    pub(crate) fn listen(&self, channel: &str) -> Ears {
        let (client, mut connection) = runtime()
            .block_on(config(&self.socket, self.port, &self.name, "postgres").connect(NoTls))
            .expect("a session");
        let (told, heard) = mpsc::channel();
        runtime().spawn(async move {
            while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                if let tokio_postgres::AsyncMessage::Notification(notification) = message {
                    _ = told.send(notification.payload().to_owned());
                }
            }
        });
        run(&client, &format!("LISTEN {channel}"));
        Ears { _client: client, heard }
    }

    /// Makes the sample practice's tables in a schema.
    pub(crate) fn create_practice(&self, schema: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/practice/practice_schema.sql");
        let sql = std::fs::read_to_string(path).expect("the practice schema");
        let session = self.session();
        session.query(&format!("SELECT set_config('practice.schema', $x${schema}$x$, false)"));
        session.query(&sql);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // As well as it goes: a server that a test stopped has nothing to drop, and all of it goes with the server.
        let Ok(client) = runtime().block_on(try_connect(&self.socket, self.port, "postgres", "postgres"))
        else {
            return;
        };
        let slots = format!(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '{0}' AND active; \
             SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '{0}' AND NOT active",
            self.name
        );
        for _ in 0..20 {
            _ = runtime().block_on(client.simple_query(&slots));
            let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
            if runtime().block_on(client.simple_query(&drop)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A session beside the database's first one.
pub(crate) struct Session {
    client: Client,
}

impl Session {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Runs statements; answers the rows of the last one.
    pub(crate) fn query(&self, sql: &str) -> Rows {
        run(&self.client, sql)
    }

    /// The rows, if the server answers in time.
    pub(crate) fn query_within(&self, sql: &str, limit: Duration) -> Option<Rows> {
        let asked = async { tokio::time::timeout(limit, self.client.simple_query(sql)).await };
        Some(rows(runtime().block_on(asked).ok()?.ok()?))
    }

    /// Whether the server has done it.
    pub(crate) fn try_execute(&self, sql: &str) -> bool {
        runtime().block_on(self.client.simple_query(sql)).is_ok()
    }
}

/// A session that listens.
pub(crate) struct Ears {
    _client: Client,
    heard: mpsc::Receiver<String>,
}

impl Ears {
    /// The next notification; fails when none comes.
    pub(crate) fn next(&self) -> String {
        self.heard.recv_timeout(LIMIT).expect("a notification")
    }

    /// What has been heard and not asked for yet.
    pub(crate) fn rest(&self) -> Vec<String> {
        self.heard.try_iter().collect()
    }
}

/// Runs statements by the simple protocol; panics with the server's words.
pub(super) fn run(client: &Client, sql: &str) -> Rows {
    let messages = runtime().block_on(client.simple_query(sql));
    let messages = messages.unwrap_or_else(|error| {
        let words = error.as_db_error().map_or_else(|| error.to_string(), |error| format!("{error:?}"));
        panic!("the server refused a statement of the test: {words}\n{sql}")
    });
    rows(messages)
}

/// The rows of the last statement that has any.
fn rows(messages: Vec<SimpleQueryMessage>) -> Rows {
    let mut rows = Rows::new();
    for message in messages {
        match message {
            SimpleQueryMessage::RowDescription(_) => rows.clear(),
            SimpleQueryMessage::Row(row) => {
                rows.push((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect());
            }
            SimpleQueryMessage::CommandComplete(_) | _ => {}
        }
    }
    rows
}

pub(super) fn connect(socket: &Path, port: u16, dbname: &str, user: &str) -> Client {
    let client = runtime().block_on(try_connect(socket, port, dbname, user));
    client.expect("the test's server takes connections")
}

/// A client of the superuser, if the server gives one in time.
pub(super) fn connect_within(socket: &Path, port: u16, dbname: &str, limit: Duration) -> Option<Client> {
    let opened = try_connect(socket, port, dbname, "postgres");
    runtime().block_on(async { tokio::time::timeout(limit, opened).await }).ok()?.ok()
}

async fn try_connect(
    socket: &Path,
    port: u16,
    dbname: &str,
    user: &str,
) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config(socket, port, dbname, user).connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn config(socket: &Path, port: u16, dbname: &str, user: &str) -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    config.host_path(socket).port(port).dbname(dbname).user(user).application_name("test");
    config
}

/// All sessions of the tests are served by two threads; the tests themselves are plain, blocking functions.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
    })
}
