//! Certificates that expire and are replaced: the server's, its authority, and our own.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::scene::Scene;
use crate::support::{Cluster, Database};

/// Long enough for several tries.
const WHILE: Duration = Duration::from_secs(1);

/// Everybody by the socket; over TCP only with a certificate of the role's.
const HBA: &str = "local all all trust\nhostssl all acequia all cert\n";
const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'acequia'";

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

/// A server, its database and the directory of the certificates.
struct Served<'a> {
    cluster: &'a Cluster,
    database: &'a Database,
    directory: &'a Path,
}

impl Served<'_> {
    /// Gives the server files of ours under other names, as its own user, and has it read them.
    fn install(&self, files: &[(&str, &str)]) {
        let session = self.database.session();
        for (from, to) in files {
            let text = fs::read_to_string(self.directory.join(from)).expect("a file of openssl's");
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
            let beside = self.directory.join(format!("{to}.new"));
            if fs::copy(self.directory.join(from), &beside).is_ok() {
                fs::rename(&beside, self.directory.join(to)).expect("in its place");
            }
        }
    }
}

#[test]
fn certificates_that_expired_or_changed_their_authority_are_read_anew_once_they_are_replaced() {
    let server = Cluster::start(&["listen_addresses=127.0.0.1"]);
    let scene = Scene::new(Cluster::shared(), &server);
    replace_certificates(&scene, &server, &scene.there);
}

#[test]
fn certificates_of_the_source_that_expired_or_changed_their_authority_are_read_anew_once_they_are_replaced() {
    let server = Cluster::start(&["listen_addresses=127.0.0.1"]);
    let scene = Scene::new(&server, Cluster::shared());
    replace_certificates(&scene, &server, &scene.here);
}

/// The server of this database of the scene asks for certificates, and they expire and change one after the other.
fn replace_certificates(scene: &Scene, cluster: &Cluster, database: &Database) {
    let certificates = tempfile::tempdir().expect("a directory");
    let directory = certificates.path();
    for authority in ["old", "new"] {
        make_authority(directory, authority);
        certify(directory, authority, &format!("server-{authority}"), "/CN=server", 2);
    }
    certify(directory, "old", "server-expired", "/CN=server", -1);
    certify(directory, "old", "ours-good", "/CN=acequia", 2);
    certify(directory, "old", "ours-expired", "/CN=acequia", -1);
    let config = scene.configure();
    let place = Served { cluster, database, directory };
    place.replace("old", "root");
    place.replace("ours-good", "ours");
    place.install(&[
        ("old.crt", "ca.crt"),
        ("server-old.crt", "server.crt"),
        ("server-old.key", "server.key"),
    ]);
    for setting in ["ssl = on", "ssl_ca_file = 'ca.crt'"] {
        database.execute(&format!("ALTER SYSTEM SET {setting}"));
    }
    fs::write(cluster.data().join("pg_hba.conf"), HBA).expect("the server's file");
    database.execute("SELECT pg_reload_conf()");
    let text = fs::read_to_string(config.path().join("acequia.toml")).expect("the file");
    let (host, name) = (place.cluster.socket().display(), database.name());
    let plain = format!("[databases.{name}]\nhost = \"{host}\"\n");
    assert!(text.contains(&plain), "{text}");
    let file = |name: &str| directory.join(name).display().to_string();
    let verified = format!(
        "[databases.{name}]\nhost = \"localhost\"\nsslrootcert = \"{}\"\nsslcert = \"{}\"\nsslkey = \"{}\"\n",
        file("root.crt"),
        file("ours.crt"),
        file("ours.key")
    );
    config.write("acequia.toml", &text.replace(&plain, &verified));
    let serve = |name: &str| {
        place.install(&[
            (&format!("server-{name}.crt"), "server.crt"),
            (&format!("server-{name}.key"), "server.key"),
        ]);
    };
    scene.play(&config, |stage| {
        let words = ["no TLS session", "xpired"];
        stage.befall_until_said(
            "the server's certificate expired",
            || serve("expired"),
            &words,
            || serve("old"),
        );
        stage.befall(
            "the server's authority changed",
            || serve("new"),
            WHILE,
            || place.replace("new", "root"),
        );
        stage.befall(
            "our certificate expired",
            || {
                place.replace("ours-expired", "ours");
                place.database.session().query(END);
            },
            WHILE,
            || place.replace("ours-good", "ours"),
        );
    });
}
