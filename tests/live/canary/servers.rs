//! What befalls the servers, the links to them and the sessions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{END, StopAtEnd, play};

#[test]
fn it_is_never_green_while_a_row_is_late_whatever_befalls_the_source() {
    play(|mine, _daemon, _config| mine.suffer_at("source", 0));
}

#[test]
fn it_is_never_green_while_a_row_is_late_whatever_befalls_the_target() {
    play(|mine, _daemon, _config| mine.suffer_at("target", 1));
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
fn it_is_never_green_while_a_row_is_late_where_sessions_are_ended_again_and_again() {
    play(|mine, _daemon, _config| {
        for (what, database) in [("source", mine.canary.source), ("target", mine.canary.target)] {
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let _end = StopAtEnd(&stop);
                let end = || {
                    while !stop.load(Ordering::Relaxed) {
                        database.session().query(END);
                        std::thread::sleep(Duration::from_millis(50));
                    }
                };
                mine.suffer(
                    &format!("{what}: our sessions are ended again and again"),
                    || _ = scope.spawn(end),
                    || stop.store(true, Ordering::Relaxed),
                );
            });
        }
    });
}
