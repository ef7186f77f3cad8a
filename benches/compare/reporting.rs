//! How fast a snapshot goes into MariaDB: beside `LOAD DATA` of files that are ready, into the same tables, with one worker and
//! with two. What the server alone does sets no moment, reads no PostgreSQL, and checks nothing afterwards.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Instant;

use super::choice::Scale;
use super::cluster::Cluster;
use super::dump::{self, Dumped, SOURCE, TABLES};

/// The database that snapshots are loaded into, called as the customer, and the one of the ready files.
const LOADED: &str = "hq";
const RAW: &str = "raw";

/// A throw-away MariaDB server; it ends with our end of its input.
struct Mariadb {
    script: Child,
    input: Option<ChildStdin>,
    socket: PathBuf,
}

impl Mariadb {
    fn start() -> Self {
        eprintln!("starting MariaDB");
        // Beside the other server's: that one's directory is only for its own user.
        let directory = format!("/tmp/acequia-bench-{}-mariadb", std::process::id());
        let mut script =
            Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/mysql-server.sh"));
        script.arg("mariadb").arg(directory);
        script.args(["--innodb-buffer-pool-size=1G", "--innodb-log-file-size=1G", "--local-infile=1"]);
        script.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut script = script.spawn().expect("bash runs tests/support/mysql-server.sh");
        let input = script.stdin.take();
        let mut line = String::new();
        let output = script.stdout.take().expect("the output is a pipe");
        BufReader::new(output).read_line(&mut line).expect("the script answers");
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["ready", socket, _] = words[..] else {
            panic!("no MariaDB server: its message stands above. tests/support/install.sh installs it");
        };
        Self { script, input, socket: socket.into() }
    }

    /// The client, which has to succeed.
    fn client(&self, sql: &str) -> Child {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--user=root", "--local-infile=1", "--execute", sql, "--socket"]);
        client.arg(&self.socket).stdin(Stdio::null()).spawn().expect("the client can be started")
    }

    fn execute(&self, sql: &str) {
        let status = self.client(sql).wait().expect("the client is our child");
        assert!(status.success(), "{sql}: {status}");
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        self.input = None;
        _ = self.script.wait();
    }
}

/// Loads both tables: one at a time and both at once.
pub(crate) fn measure(cluster: &Cluster, scale: Scale) -> Vec<Dumped> {
    let rows = dump::create_tables(cluster, scale);
    let server = Mariadb::start();
    server.execute(&format!(
        "CREATE USER acequia; CREATE DATABASE {LOADED}; CREATE DATABASE {RAW}; GRANT ALL ON {LOADED}.* TO acequia"
    ));
    let configured = |workers| {
        let directory = dump::place(cluster);
        let snapshot = format!(
            "format = \"mysql\"\nlayout = \"per-customer\"\nserver = \"reporting\"\ndatabase = \"{{customer}}\"\n\
             workers = {workers}\ncustomers = [\"hq\"]\n"
        );
        let reporting =
            format!("\n[servers.reporting]\nhost = \"{}\"\nuser = \"acequia\"\n", server.socket.display());
        dump::archived(cluster, &directory, &snapshot, &reporting)
    };
    // The first run makes the tables, and warms both servers.
    configured(2);
    for table in TABLES {
        server.execute(&format!("CREATE TABLE {RAW}.{table} LIKE {LOADED}.{table}"));
    }
    let files = dump::ready_files(cluster);
    let mut loaded = Vec::new();
    for workers in [1, 2] {
        let raw = raw(&server, &files, workers);
        let (seconds, peak) = configured(workers);
        let title = format!("{workers} at once");
        eprintln!("  {title}: LOAD DATA {raw:.2} s, snapshot {seconds:.2} s, {peak:.1} MiB");
        loaded.push(Dumped { title, rows: rows * 2, plain: raw, archived: seconds });
    }
    std::fs::remove_dir_all(files).expect("the files can be removed");
    drop(server);
    cluster.drop_database(SOURCE);
    loaded
}

/// Seconds of `LOAD DATA` from ready files, so many at once.
fn raw(server: &Mariadb, files: &Path, at_once: usize) -> f64 {
    for table in TABLES {
        server.execute(&format!("TRUNCATE {RAW}.{table}"));
    }
    let begun = Instant::now();
    for together in TABLES.chunks(at_once) {
        let load = |table: &&str| {
            let file = files.join(table);
            server.client(&format!("LOAD DATA LOCAL INFILE '{}' INTO TABLE {RAW}.{table}", file.display()))
        };
        let running: Vec<Child> = together.iter().map(load).collect();
        for mut client in running {
            let status = client.wait().expect("the client is our child");
            assert!(status.success(), "LOAD DATA: {status}");
        }
    }
    begun.elapsed().as_secs_f64()
}
