//! Certificates that expire and are replaced: the server's, its authority, and our own.

use std::time::Duration;

use super::scene::Scene;
use crate::support::{Certificates, Cluster, Database};

/// Long enough for several tries.
const WHILE: Duration = Duration::from_secs(1);

const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'acequia'";

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
    let certificates = Certificates::new();
    let config = scene.configure();
    certificates.demand(cluster, database);
    let text = std::fs::read_to_string(config.path().join("acequia.toml")).expect("the file");
    let (host, name) = (cluster.socket().display(), database.name());
    let plain = format!("[databases.{name}]\nhost = \"{host}\"\n");
    assert!(text.contains(&plain), "{text}");
    let verified = format!("[databases.{name}]\n{}", certificates.way());
    config.write("acequia.toml", &text.replace(&plain, &verified));
    let serve = |name: &str| certificates.serve(database, name);
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
            || certificates.believe("new"),
        );
        stage.befall(
            "our certificate expired",
            || {
                certificates.show("ours-expired");
                database.session().query(END);
            },
            WHILE,
            || certificates.show("ours-good"),
        );
    });
}
