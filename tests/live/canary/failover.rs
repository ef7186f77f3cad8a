//! Another server answers where a database was.

use super::super::support::Cluster;
use super::{MAX_LAG, play_on, servers};

#[test]
fn it_is_never_green_while_a_row_is_late_where_another_server_answers() {
    let servers = servers(&[]);
    let standbys = [Cluster::start(&[]), Cluster::start(&[])];
    let strange = Cluster::start(&[]);
    for (server, standby) in servers.iter().zip(&standbys) {
        standby.follow(server, "");
    }
    play_on(
        &servers,
        |_config, _links, _databases| (),
        |mine, _daemon, config| {
            let (canary, links) = (mine.canary, mine.links);
            let lead = |side: usize, to: &Cluster| {
                links[side].lead_to(to.door().file());
                links[side].cut();
            };
            for (side, what) in ["source", "target"].into_iter().enumerate() {
                let back = || lead(side, &servers[side]);
                mine.suffer(&format!("{what}: its standby answers"), || lead(side, &standbys[side]), back);
                mine.suffer(&format!("{what}: a strange server answers"), || lead(side, &strange), back);
            }
            let (source, target) = (canary.source, canary.target);
            // It has no copy of the slot.
            let promote = || {
                standbys[0].session(source.name()).query("SELECT pg_promote()");
                lead(0, &standbys[0]);
            };
            let back = || lead(0, &servers[0]);
            mine.suffer("source: its standby took its place without the slot", promote, back);
            let lose = || {
                standbys[1].stop();
                // Of the rows of this time the standby never hears.
                std::thread::sleep(MAX_LAG);
                servers[1].stop();
                standbys[1].restart();
                standbys[1].session(target.name()).query("SELECT pg_promote()");
                canary.moves(standbys[1].door());
                lead(1, &standbys[1]);
            };
            let flow = format!("{}:{}", source.name(), target.name());
            let resync = || {
                canary.is_copied();
                config.succeed(&["resync", "--flow", &flow, "--yes"]);
            };
            mine.suffer("target: its standby took its place and lacks the newest", lose, resync);
        },
    );
}
