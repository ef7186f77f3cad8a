//! What befalls the servers, the links to them and the sessions.

use std::cell::RefCell;
use std::time::Duration;

use super::super::support::{Certificates, Disk, LIMIT, Link, Loss, skip, wait_for};
use super::lookout::Course;
use super::{END, Mine, play, play_on, servers};

fn befall_server(mine: &mut Mine<'_, '_>, what: &str, side: usize) {
    let cluster = mine.clusters[side];
    mine.suffer(&format!("{what} crashed"), || cluster.stop(), || cluster.restart());
    mine.suffer(&format!("{what} was shut down"), || cluster.shut_down(), || cluster.restart());
    mine.suffer(&format!("{what} hangs"), || cluster.signal("STOP"), || cluster.signal("CONT"));
}

#[test]
fn it_is_never_green_while_a_row_is_late_whatever_befalls_the_source() {
    play(|mine, _daemon, _config| befall_server(mine, "source", 0));
}

#[test]
fn it_is_never_green_while_a_row_is_late_whatever_befalls_the_target() {
    play(|mine, _daemon, _config| befall_server(mine, "target", 1));
}

fn befall_link(mine: &mut Mine<'_, '_>, what: &str, side: usize) {
    let link = mine.links[side];
    for (how, fault) in
        [("stalls", Link::Stalled), ("is closed", Link::Down), ("carries nearly nothing", Link::Slow(200))]
    {
        mine.suffer(&format!("{what}: the link {how}"), || link.set(fault), || link.set(Link::Open));
    }
    mine.suffer(&format!("{what}: the link is dead without a word"), || link.kill_silently(), || {});
    let pause = Duration::from_millis(50);
    mine.suffer_again_and_again(&format!("{what}: the link flaps"), Course::Mended, pause, || link.cut());
    if let Some(why) = Loss::hindrance() {
        return skip("a link whose packets are lost", &why);
    }
    let loss = RefCell::new(None);
    let begin = || _ = loss.replace(Some(Loss::at(link.port())));
    mine.suffer(&format!("{what}: packets are lost"), begin, || drop(loss.take()));
}

#[test]
fn it_is_never_green_while_a_row_is_late_whatever_befalls_the_link_to_the_source() {
    play(|mine, _daemon, _config| befall_link(mine, "source", 0));
}

#[test]
fn it_is_never_green_while_a_row_is_late_whatever_befalls_the_link_to_the_target() {
    play(|mine, _daemon, _config| befall_link(mine, "target", 1));
}

#[test]
fn it_is_never_green_while_a_row_is_late_whichever_server_lets_nobody_in() {
    play(|mine, _daemon, _config| {
        for (what, database) in [("source", mine.canary.source), ("target", mine.canary.target)] {
            let run = |sql: &str| _ = database.session().query(sql);
            for (why, harm, heal) in [
                ("the role may not log in", "NOLOGIN", "LOGIN"),
                ("no connection is left for the role", "CONNECTION LIMIT 0", "CONNECTION LIMIT -1"),
                ("the password is another one", "PASSWORD 'other'", "PASSWORD 'right'"),
            ] {
                mine.suffer(
                    &format!("{what}: {why}"),
                    || run(&format!("ALTER ROLE acequia {harm}; {END}")),
                    || run(&format!("ALTER ROLE acequia {heal}")),
                );
            }
        }
    });
}

#[test]
fn it_is_never_green_while_a_row_is_late_whosever_certificate_expired() {
    let certificates = Certificates::new();
    let servers = servers(&["listen_addresses=127.0.0.1"]);
    play_on(
        &servers,
        |config, links, databases| {
            let mut text = std::fs::read_to_string(config.path().join("acequia.toml")).expect("the file");
            for ((server, link), database) in servers.iter().zip(links).zip(databases) {
                certificates.demand(server, database);
                let open = format!(
                    "host = \"127.0.0.1\"\nport = {}\nsslmode = \"disable\"\ninsecure = true\n",
                    link.port()
                );
                assert!(text.contains(&open), "{text}");
                text = text.replace(&open, &format!("{}port = {}\n", certificates.way(), server.port()));
            }
            config.write("acequia.toml", &text);
        },
        |mine, _daemon, _config| {
            for (what, database) in [("source", mine.canary.source), ("target", mine.canary.target)] {
                let serve = |name| certificates.serve(database, name);
                mine.suffer(
                    &format!("{what}: its certificate expired"),
                    || serve("expired"),
                    || serve("old"),
                );
                mine.suffer(&format!("{what}: its authority is another"), || serve("new"), || serve("old"));
                let expire = || {
                    certificates.show("ours-expired");
                    database.session().query(END);
                };
                mine.suffer(&format!("{what}: our certificate expired"), expire, || {
                    certificates.show("ours-good");
                });
            }
        },
    );
}

#[test]
fn it_is_never_green_while_a_row_is_late_where_sessions_are_ended_again_and_again() {
    play(|mine, _daemon, _config| {
        for (what, database) in [("source", mine.canary.source), ("target", mine.canary.target)] {
            mine.suffer_again_and_again(
                &format!("{what}: our sessions are ended again and again"),
                Course::Mended,
                Duration::from_millis(50),
                || _ = database.session().query(END),
            );
        }
    });
}

#[test]
fn it_is_never_green_while_a_row_is_late_where_a_server_has_no_room_for_its_wal() {
    for (what, side) in [("source", 0), ("target", 1)] {
        let Some(disk) = Disk::mount(120, "full disks of servers") else { return };
        let servers = servers(&["max_wal_size=32MB", "min_wal_size=32MB", "wal_recycle=off"]);
        servers[side].shut_down();
        disk.take(&servers[side].data().join("pg_wal"), "wal");
        servers[side].restart();
        play_on(
            &servers,
            |_config, _links, _databases| (),
            |mine, _daemon, _config| {
                let database = [mine.canary.source, mine.canary.target][side];
                let harm = || {
                    disk.fill();
                    // A whole segment at least, so that a new one is needed.
                    let session = database.session();
                    let much = "SELECT pg_logical_emit_message(false, 'much', repeat('x', 1000000))";
                    while session.try_execute(much) {}
                    wait_for("the server is down", LIMIT, || {
                        if database.try_session().is_none() { Ok(()) } else { Err("it lets in".to_owned()) }
                    });
                };
                let heal = || {
                    disk.free();
                    servers[side].stop();
                    servers[side].restart();
                };
                mine.suffer(&format!("{what}: no room for WAL"), harm, heal);
            },
        );
        drop(servers);
    }
}
