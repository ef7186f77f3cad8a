//! A throw-away MariaDB (or MySQL) server: started by `tests/support/mysql-server.sh`, gone when this process is.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use acequia::config::{SecretSource, Server, Spot, Tls};
use acequia::name::ServerName;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, OptsBuilder, Row};
use secrecy::SecretString;

use super::daemon::LIMIT;
use super::database::{Rows, runtime};
use super::wait::wait_for;

/// The account that snapshots are written with.
pub(crate) const USER: &str = "acequia";
/// Its password.
pub(crate) const PASSWORD: &str = "zq7leak-password";

/// What an administrator does once: an account that may do nothing but in databases of this name.
const ACCOUNT: &str = "CREATE USER IF NOT EXISTS 'acequia'@'localhost' IDENTIFIED BY 'zq7leak-password'; \
    CREATE USER IF NOT EXISTS 'acequia'@'127.0.0.1' IDENTIFIED BY 'zq7leak-password'; \
    GRANT SELECT, INSERT, CREATE, ALTER, DROP, INDEX ON `snap%`.* TO 'acequia'@'localhost'; \
    GRANT SELECT, INSERT, CREATE, ALTER, DROP, INDEX ON `snap%`.* TO 'acequia'@'127.0.0.1'";

/// A server of the tests. The script owns it, and ends with our end of its input: also when this process is killed.
pub(crate) struct Mysql {
    script: Child,
    pipes: Mutex<(Option<ChildStdin>, BufReader<ChildStdout>)>,
    directory: PathBuf,
    socket: PathBuf,
    port: u16,
}

/// A session that holds locks.
pub(crate) struct Holder {
    _conn: Conn,
}

impl Mysql {
    /// The server that all tests of this process share. Every test names databases of its own on it.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Mysql> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&["--local-infile=ON"]))
    }

    /// A MariaDB for one test alone, with further options of the server.
    pub(crate) fn start(settings: &[&str]) -> Self {
        Self::launch("mariadb", settings)
    }

    /// A MySQL, where somebody has named one in `ACEQUIA_MYSQL_BIN`.
    pub(crate) fn real(settings: &[&str]) -> Option<Self> {
        std::env::var_os("ACEQUIA_MYSQL_BIN").map(|_| Self::launch("mysql", settings))
    }

    fn launch(flavour: &str, settings: &[&str]) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        // A socket's path is short, so this does not go to wherever TMPDIR points.
        let directory = PathBuf::from(format!("/tmp/acequia-mysql-{}-{number}", std::process::id()));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/mysql-server.sh");
        let mut script = Command::new(script)
            .arg(flavour)
            .arg(&directory)
            .args(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash runs tests/support/mysql-server.sh");
        let input = script.stdin.take();
        let mut output = BufReader::new(script.stdout.take().expect("the output is a pipe"));
        let (socket, port) = ready(&line(&mut output));
        let server = Self { script, pipes: Mutex::new((input, output)), directory, socket, port };
        server.execute(ACCOUNT);
        server
    }

    /// The certificate of the authority that signed the server's.
    pub(crate) fn authority(&self) -> PathBuf {
        self.directory.join("tls/ca.pem")
    }

    /// As `[servers.reporting]` says it: by the socket.
    pub(crate) fn server(&self) -> Server {
        self.server_at(&self.socket.display().to_string(), Tls::Socket, PASSWORD)
    }

    /// The same by TCP and TLS, or with another password.
    pub(crate) fn server_at(&self, host: &str, tls: Tls, password: &str) -> Server {
        Server {
            name: ServerName::new("reporting").expect("a name"),
            host: host.to_owned(),
            port: self.port,
            user: USER.to_owned(),
            password: Some(SecretSource::Inline(SecretString::from(password))),
            tls,
            spot: Spot { file: 0, start: 0, end: 0 },
        }
    }

    /// A session of root that keeps what these statements lock, until it is dropped.
    pub(crate) fn hold(&self, sql: &str) -> Holder {
        let options = OptsBuilder::default().user(Some("root")).socket(self.socket.to_str());
        let held = runtime().block_on(async {
            let mut conn = Conn::new(options).await?;
            conn.query_drop(sql).await?;
            Ok::<_, mysql_async::Error>(conn)
        });
        Holder { _conn: held.unwrap_or_else(|error| panic!("{error}\n{sql}")) }
    }

    /// Runs statements as root; the rows of the last one that has any, as text.
    pub(crate) fn query(&self, sql: &str) -> Rows {
        let options = OptsBuilder::default().user(Some("root")).socket(self.socket.to_str());
        let asked = async {
            let mut conn = Conn::new(options).await?;
            conn.query_drop("SET NAMES utf8mb4").await?;
            let mut answer = conn.query_iter(sql).await?;
            let mut rows: Vec<Row> = Vec::new();
            while !answer.is_empty() {
                rows = answer.collect().await?;
            }
            answer.drop_result().await?;
            conn.disconnect().await?;
            Ok::<_, mysql_async::Error>(rows)
        };
        let rows = runtime().block_on(asked).unwrap_or_else(|error| panic!("{error}\n{sql}"));
        rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect()
    }

    /// Runs statements as root.
    pub(crate) fn execute(&self, sql: &str) {
        self.query(sql);
    }

    /// The one value that a query answers.
    pub(crate) fn value(&self, sql: &str) -> String {
        let rows = self.query(sql);
        let [row] = &rows[..] else { panic!("one row from {sql}, not {}", rows.len()) };
        row.first().cloned().flatten().unwrap_or_default()
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Sends it a signal: `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(self.directory.join("pid")).expect("the server runs");
        let line = format!("kill -{name} {}", pid.trim());
        let output = Command::new("sh").args(["-c", &line]).output().expect("a shell");
        assert!(output.status.success(), "{line}: {output:?}");
    }

    /// Shuts the server down in order, also while sessions are at work.
    pub(crate) fn shut_down(&self) {
        let options = OptsBuilder::default().user(Some("root")).socket(self.socket.to_str());
        runtime().block_on(async {
            let mut conn = Conn::new(options).await.expect("root comes in");
            // The answer is the end of the connection, perhaps.
            _ = conn.query_drop("SHUTDOWN").await;
        });
        let pid = self.directory.join("pid");
        wait_for(
            "the server has gone",
            LIMIT,
            || if pid.exists() { Err("not yet".to_owned()) } else { Ok(()) },
        );
        // Now the script knows it, too.
        self.stop();
    }

    /// Where it keeps everything.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Stops the server as a crash would.
    pub(crate) fn stop(&self) {
        assert_eq!(self.tell("stop"), "stopped");
    }

    /// Starts it again after [`Mysql::stop`].
    pub(crate) fn restart(&self) {
        let answer = self.tell("start");
        assert!(answer.starts_with("ready "), "the server did not start again: {answer}");
    }

    fn tell(&self, word: &str) -> String {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let (input, output) = &mut *pipes;
        writeln!(input.as_mut().expect("the script is there"), "{word}").expect("the script listens");
        line(output)
    }
}

fn text(value: mysql_async::Value) -> Option<String> {
    match value {
        mysql_async::Value::NULL => None,
        mysql_async::Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        mysql_async::Value::Int(_)
        | mysql_async::Value::UInt(_)
        | mysql_async::Value::Float(_)
        | mysql_async::Value::Double(_)
        | mysql_async::Value::Date(..)
        | mysql_async::Value::Time(..) => Some(value.as_sql(true)),
    }
}

fn line(output: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    output.read_line(&mut line).expect("the script answers");
    line.trim_end().to_owned()
}

/// Out of `ready SOCKET PORT`.
fn ready(line: &str) -> (PathBuf, u16) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["ready", socket, port] = words[..] else {
        panic!(
            "no MariaDB server: its message stands above. `make test` installs what is missing (Debian's package \
             mariadb-server); ACEQUIA_MARIADB_BIN names another directory of binaries"
        );
    };
    (PathBuf::from(socket), port.parse().expect("a port"))
}

impl Drop for Mysql {
    fn drop(&mut self) {
        // Closing its input is the order to stop and to clean up.
        self.pipes.get_mut().unwrap_or_else(PoisonError::into_inner).0 = None;
        _ = self.script.wait();
    }
}
