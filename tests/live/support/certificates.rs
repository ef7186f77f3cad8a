//! Certificates of a test's own: of servers, of their authorities, and ours; some have expired.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::cluster::Cluster;
use super::database::Database;

/// Everybody by the socket; over TCP only with a certificate of the role's.
const HBA: &str = "local all all trust\nhostssl all acequia all cert\n";
const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'acequia'";

/// Two authorities, `old` and `new`, of which the daemon believes the old one at first.
pub(crate) struct Certificates(TempDir);

impl Certificates {
    /// Makes them: for a server called `localhost`, and for the role.
    pub(crate) fn new() -> Self {
        let made = Self(tempfile::tempdir().expect("a directory"));
        let directory = made.0.path();
        for authority in ["old", "new"] {
            make_authority(directory, authority);
            certify(directory, authority, &format!("server-{authority}"), "/CN=server", 2);
        }
        certify(directory, "old", "server-expired", "/CN=server", -1);
        certify(directory, "old", "ours-good", "/CN=acequia", 2);
        certify(directory, "old", "ours-expired", "/CN=acequia", -1);
        made.believe("old");
        made.show("ours-good");
        made
    }

    /// Has a server that listens on TCP ask for them, with the old authority's.
    pub(crate) fn demand(&self, cluster: &Cluster, database: &Database) {
        self.install(
            database,
            &[("old.crt", "ca.crt"), ("server-old.crt", "server.crt"), ("server-old.key", "server.key")],
        );
        let session = database.session();
        for setting in ["ssl = on", "ssl_ca_file = 'ca.crt'"] {
            session.query(&format!("ALTER SYSTEM SET {setting}"));
        }
        fs::write(cluster.data().join("pg_hba.conf"), HBA).expect("the server's file");
        session.query("SELECT pg_reload_conf()");
    }

    /// How the daemon finds such a server, as `[databases]` has it.
    pub(crate) fn way(&self) -> String {
        let file = |name: &str| self.0.path().join(name).display().to_string();
        format!(
            "host = \"localhost\"\nsslrootcert = \"{}\"\nsslcert = \"{}\"\nsslkey = \"{}\"\n",
            file("root.crt"),
            file("ours.crt"),
            file("ours.key")
        )
    }

    /// The server shows this one from now on: `old`, `new` or `expired`. Sessions of ours end.
    pub(crate) fn serve(&self, database: &Database, name: &str) {
        self.install(
            database,
            &[(&format!("server-{name}.crt"), "server.crt"), (&format!("server-{name}.key"), "server.key")],
        );
    }

    /// The daemon believes this authority from now on.
    pub(crate) fn believe(&self, authority: &str) {
        self.replace(authority, "root");
    }

    /// The daemon shows this one from now on: `ours-good` or `ours-expired`.
    pub(crate) fn show(&self, name: &str) {
        self.replace(name, "ours");
    }

    /// Gives the server files of ours under other names, as its own user, and has it read them.
    fn install(&self, database: &Database, files: &[(&str, &str)]) {
        let session = database.session();
        for (from, to) in files {
            let text = fs::read_to_string(self.0.path().join(from)).expect("a file of openssl's");
            let lines: Vec<String> = text.lines().map(|line| format!("('{line}')")).collect();
            session.query(&format!(
                "COPY (VALUES {}) TO PROGRAM 'umask 077; cat >{to}.new; mv {to}.new {to}'",
                lines.join(", ")
            ));
        }
        session.query("SELECT pg_reload_conf()");
        session.query(END);
    }

    /// Our own files, each in one step.
    fn replace(&self, from: &str, to: &str) {
        for end in ["crt", "key"] {
            let (from, to) = (format!("{from}.{end}"), format!("{to}.{end}"));
            let beside = self.0.path().join(format!("{to}.new"));
            if fs::copy(self.0.path().join(from), &beside).is_ok() {
                fs::rename(&beside, self.0.path().join(to)).expect("in its place");
            }
        }
    }
}

fn openssl(directory: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").current_dir(directory).args(arguments).stdin(Stdio::null()).output();
    let output = output.expect("openssl starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority of its own, with its key.
fn make_authority(directory: &Path, name: &str) {
    let (key, certificate, subject) = (format!("{name}.key"), format!("{name}.crt"), format!("/CN={name}"));
    openssl(
        directory,
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            &subject,
            "-keyout",
            &key,
            "-out",
            &certificate,
        ],
    );
}

/// A certificate `name` for `subject`, good for so many days from now: one that is good for -1 days has expired.
fn certify(directory: &Path, authority: &str, name: &str, subject: &str, days: i32) {
    fs::write(directory.join("extensions"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
        .expect("it can be written");
    let (key, request, certificate) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.crt"));
    openssl(
        directory,
        &["req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", &key, "-out", &request],
    );
    let (ca, ca_key, days) = (format!("{authority}.crt"), format!("{authority}.key"), days.to_string());
    openssl(
        directory,
        &[
            "x509",
            "-req",
            "-sha256",
            "-in",
            &request,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-CAcreateserial",
            "-days",
            &days,
            "-extfile",
            "extensions",
            "-out",
            &certificate,
        ],
    );
}
