//! The daemon's hard life: killed, stopped, cut off, started again, and in the end left in peace.

use super::super::support::{Config, Daemon, Database, LIMIT, wait_for};
use super::moves::Dice;
use acequia::failpoint::PLACES;

pub(super) struct Life<'a> {
    config: &'a Config<'a>,
    database: &'a Database,
    dice: Dice,
    daemon: Option<Daemon<'a>>,
    /// It is to die by itself.
    is_doomed: bool,
    pub(super) kills: u64,
}

impl<'a> Life<'a> {
    pub(super) fn new(config: &'a Config<'a>, database: &'a Database, seed: u64) -> Self {
        Self { config, database, dice: Dice(seed ^ 0xACE9), daemon: None, is_doomed: false, kills: 0 }
    }

    /// Starts it; with `doomed` it dies by itself at some place.
    pub(super) fn start(&mut self, doomed: bool) {
        let place = PLACES[usize::try_from(self.dice.roll(8)).unwrap_or(0) % PLACES.len()];
        let point = format!("{place}:{}", 1 + self.dice.roll(6));
        let environment = [("ACEQUIA_FAILPOINT", point.as_str())];
        let mut daemon = self.config.start_with(if doomed { &environment } else { &[] });
        if !doomed {
            daemon.wait_streaming();
        }
        self.daemon = Some(daemon);
        self.is_doomed = doomed;
    }

    /// After each transaction: mostly nothing, so that several become one batch.
    pub(super) fn go_on(&mut self) {
        if self.daemon.as_ref().is_some_and(is_dead) {
            self.kills += 1;
            self.daemon = None;
        }
        let roll = self.dice.roll(48);
        match &mut self.daemon {
            None if roll < 16 => {
                let doomed = self.dice.roll(2) == 0;
                self.start(doomed);
            }
            Some(_) if roll < 2 => {
                self.kills += 1;
                if let Some(daemon) = self.daemon.take() {
                    daemon.kill();
                }
            }
            // While it stands still, the stream gathers and comes as one batch.
            Some(daemon) if roll < 4 => daemon.signal("STOP"),
            Some(daemon) if roll < 10 => daemon.signal("CONT"),
            Some(_) if roll == 10 => self.cut_off(),
            None | Some(_) => {}
        }
    }

    /// Lets it work again, where it was stopped: it may hold locks.
    pub(super) fn wake(&mut self) {
        if let Some(daemon) = self.daemon.as_ref().filter(|daemon| !is_dead(daemon)) {
            daemon.signal("CONT");
        }
    }

    /// Ends some of its sessions, as a server does that restarts.
    fn cut_off(&self) {
        let which = ["acequia%", "acequia writer%", "acequia capture%"]
            [usize::try_from(self.dice.clone().roll(3)).unwrap_or(0)];
        self.database.execute(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name LIKE '{which}'"
        ));
    }

    /// Lets everything arrive that has been committed.
    pub(super) fn arrive(&mut self) {
        match &self.daemon {
            Some(daemon) if !is_dead(daemon) => daemon.signal("CONT"),
            Some(_) | None => self.restart(),
        }
        // A daemon that is about to die at its place may do so now.
        while !self.try_barrier() {
            self.restart();
        }
    }

    fn try_barrier(&mut self) -> bool {
        let lsn = self.database.value("SELECT pg_logical_emit_message(true, 'barrier', '')");
        let sql = format!("SELECT coalesce(bool_and(lsn >= '{lsn}'), false) FROM acequia.checkpoint");
        wait_for("everything arrived", LIMIT, || {
            let arrived = self.database.value(&sql) == "t";
            if arrived || self.daemon.as_ref().is_none_or(is_dead) { Ok(arrived) } else { Err(lsn.clone()) }
        })
    }

    /// Lets everything arrive; then tries the parked rows again until nothing moves any more.
    pub(super) fn settle(&mut self) {
        let database = self.database;
        if self.is_doomed {
            self.restart();
        }
        self.arrive();
        database.execute("DROP TRIGGER stop_timer ON acequia.parked");
        let mut before = None;
        loop {
            self.let_go();
            // What was written goes on where a rule says so.
            self.arrive();
            let parked = database.value("SELECT coalesce(string_agg(key || dataset || to_customer || op || reason, ',' ORDER BY id), '') FROM acequia.parked");
            if parked.is_empty() || before.as_ref() == Some(&parked) {
                return;
            }
            before = Some(parked);
            database.execute("UPDATE acequia.parked SET next_try_at = '-infinity'");
            // A daemon that starts looks at once.
            self.restart();
            wait_for("every parked row tried again", LIMIT, || {
                let left = database.value(
                    "SELECT count(*) FROM acequia.parked WHERE next_try_at < now() - interval '1 day'",
                );
                if left == "0" { Ok(()) } else { Err(left) }
            });
        }
    }

    /// Waits until nobody is held any more.
    fn let_go(&mut self) {
        let database = self.database;
        database.execute("UPDATE acequia.hold SET next_try_at = '-infinity' WHERE next_try_at > now()");
        wait_for("every hold at its end", LIMIT, || {
            let left =
                database.query("SELECT to_customer, dataset, reason, what, next_try_at FROM acequia.hold");
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        });
    }

    fn restart(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.signal("CONT");
            daemon.kill();
        }
        self.start(false);
    }
}

/// Ended by itself: a child that nobody has waited for yet.
fn is_dead(daemon: &Daemon<'_>) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with('Z'))
}
