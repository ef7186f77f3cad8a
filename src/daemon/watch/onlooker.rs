//! The onlooker of a flow: it asks source and target itself, over sessions of its own, and needs nothing of the flow. A flow
//! that is stuck, broken or silent can't hide it; a server that hangs is noticed because its answers grow old.
//!
//! Small questions are asked every other second, and more often while a heartbeat is on its way; what costs more (counting
//! what is parked) is asked so seldom that it takes a hundredth of the target's time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::catalog::{Server, Slot};
use crate::lsn::Lsn;
use crate::ops::{CustomerVital, HoldVital, SlotVital};
use crate::postgres::{Error, Session};

use super::asking::{Asking, Watched, limited};
use super::heartbeat::Pulse;
use super::sight::{Applied, Asked, Sight};
use super::warden::Warden;

const APPLIED: &str = include_str!("../../../sql/control/applied.sql");
const HELD: &str = include_str!("../../../sql/control/held.sql");
const WRITTEN: &str = include_str!("../../../sql/control/written.sql");
const LACKING: &str = include_str!("../../../sql/control/lacking.sql");
const WAITING: &str = include_str!("../../../sql/control/waiting.sql");

/// Nobody is asked more seldom than this part of `max_lag`, whatever it costs …
const PART: u32 = 6;
/// … what is counted, than this part …
const COUNT_PART: u32 = 4;
/// … and no more often than this, as long as all is well.
const INTERVAL: Duration = Duration::from_secs(2);
/// While a heartbeat is on its way, the target is asked after as long as it has taken so far, but not sooner.
const SOON: Duration = Duration::from_millis(100);
/// An answer that took this long is asked for a hundred times as seldom: 1 % of the server's time.
const INTERVAL_BY_ANSWER: u32 = 100;
/// So many holds are told, the worst of them; what more there are is the same trouble.
const HOLDS_MAX: i64 = 1_000;

/// Reasons of rows that wait for their customer, not for themselves.
const HELD_REASONS: [&str; 4] = ["paused", "locked", "broken", "backfill"];
/// Reasons that are no fault.
const WANTED_REASONS: [&str; 1] = ["scheduled"];

/// Looks at a flow until it is dropped.
pub(super) async fn run(
    watched: watch::Receiver<Watched>,
    pulse: watch::Receiver<Pulse>,
    sight: watch::Sender<Sight>,
) {
    sight.send_modify(|sight| {
        let watched = watched.borrow();
        sight.source = Asked::named(watched.flow.source.as_str());
        sight.target = Asked::named(watched.flow.target.as_str());
    });
    tokio::join!(look_at_source(watched.clone(), &sight), look_at_target(watched, pulse, &sight));
}

async fn look_at_source(mut watched: watch::Receiver<Watched>, sight: &watch::Sender<Sight>) {
    let mut asking = Asking::new(&format!("acequia onlooker {}", watched.borrow().flow.name));
    let (first, mut pace) = (watched.borrow().clone(), Pace::default());
    let mut warden = Warden::new(first.memory).await;
    loop {
        let now = watched.borrow_and_update().clone();
        let began = Instant::now();
        let slot = &now.flow.slot;
        let answer = limited(&now.source, async {
            let session = asking.open(&now.source).await?;
            Ok((Slot::read(session, slot).await?, Server::end(session).await?))
        });
        let answer = answer.await;
        let answer = asking.settle(&now.source, answer);
        let pause = pace.after(began.elapsed(), answer.is_ok(), now.source.max_lag);
        let mut seen = None;
        sight.send_modify(|sight| {
            if let Some((slot, end)) = sight.source.note(answer, Instant::now()) {
                sight.slot = slot.as_ref().map(|slot| slot_vital(&now, slot));
                sight.end = end;
                seen = Some((slot, sight.slot.clone()));
            }
        });
        if let (Some((slot, vital)), Ok(session)) = (seen, asking.open(&now.source).await) {
            warden.look(&now, session, (slot.as_ref(), vital.as_ref())).await;
            sight.send_modify(|sight| sight.given_up = warden.given_up());
        }
        if !rest(&mut watched, pause).await {
            return;
        }
    }
}

async fn look_at_target(
    mut watched: watch::Receiver<Watched>,
    pulse: watch::Receiver<Pulse>,
    sight: &watch::Sender<Sight>,
) {
    let mut asking = Asking::new(&format!("acequia onlooker {}", watched.borrow().flow.name));
    let (mut pace, mut count_at) = (Pace::default(), Instant::now());
    loop {
        let now = watched.borrow_and_update().clone();
        let began = Instant::now();
        let flow = &now.flow.name;
        // What was sent before the target is asked: a heartbeat that is written meanwhile is looked for the next time.
        let sent = pulse.borrow().clone();
        let answer =
            limited(&now.target, async { flow_in(asking.open(&now.target).await?, flow).await }).await;
        let answer = asking.settle(&now.target, answer);
        let mut pause = pace.after(began.elapsed(), answer.is_ok(), now.target.max_lag);
        let is_there = answer.is_ok();
        sight.send_modify(|sight| {
            if let Some(seen) = sight.target.note(answer, Instant::now()) {
                sight.see_target(&sent, seen, Instant::now());
            }
        });
        if is_there && count_at <= began {
            count_at = count(&mut asking, &now, sight).await;
        }
        if let Some(begun) = sight.borrow().youngest().filter(|_| is_there) {
            pause = pause.min(begun.elapsed().max(SOON));
        }
        tokio::select! {
            more = rest(&mut watched, pause) => if !more { return },
            () = another(pulse.clone(), &sent), if is_there => {}
        }
    }
}

/// Returns soon after another heartbeat was written: by then it has come, where nothing is in its way.
async fn another(mut pulse: watch::Receiver<Pulse>, sent: &Pulse) {
    let is_new = |pulse: &Pulse| pulse.beats.back().is_some_and(|last| sent.beats.back() != Some(last));
    if pulse.wait_for(is_new).await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(SOON).await;
}

/// Counts what is written and parked. Answers when it is done next. A server that takes too long for it answers all the same.
async fn count(asking: &mut Asking, now: &Watched, sight: &watch::Sender<Sight>) -> Instant {
    let (began, flow) = (Instant::now(), &now.flow.name);
    let counted =
        limited(&now.target, async { customers_in(asking.open(&now.target).await?, flow).await }).await;
    let counted = asking.settle(&now.target, counted);
    let took = began.elapsed();
    match counted {
        Ok(customers) => sight.send_modify(|sight| sight.see_customers(customers, Instant::now())),
        Err(problem) => tracing::debug!(%flow, "what is parked is not counted: {problem}"),
    }
    let seldom = (now.target.max_lag / COUNT_PART).max(SOON);
    Instant::now() + (took * INTERVAL_BY_ANSWER).max(INTERVAL).min(seldom)
}

/// Waits so long, or until there is something new to go by. `false`: there never will be.
async fn rest(watched: &mut watch::Receiver<Watched>, pause: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(pause) => true,
        changed = watched.changed() => changed.is_ok(),
    }
}

/// How long to wait between two questions.
#[derive(Default)]
struct Pace {
    /// After the last failure.
    pause: Duration,
}

impl Pace {
    fn after(&mut self, took: Duration, answered: bool, max_lag: Duration) -> Duration {
        let longest = max_lag / PART;
        if answered {
            self.pause = Duration::ZERO;
            return (took * INTERVAL_BY_ANSWER).max(INTERVAL).min(longest);
        }
        self.pause = (self.pause * 2).clamp(INTERVAL / 4, longest.max(INTERVAL / 4));
        self.pause
    }
}

fn slot_vital(watched: &Watched, slot: &Slot) -> SlotVital {
    SlotVital {
        name: watched.flow.slot.clone(),
        retained_wal_bytes: slot.retained_bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
        max_retained_wal_bytes: watched.source.database.max_retained_wal_bytes,
        wal_status: slot.wal_status.clone(),
        safe_wal_bytes: slot.safe_bytes,
        active: slot.active_pid.is_some(),
    }
}

/// Where the flow stands, and who of it is held.
async fn flow_in(session: &Session, flow: &str) -> Result<(Option<Applied>, Vec<HoldVital>), Error> {
    let row = session.query_opt(APPLIED, &[&flow]).await;
    let row = row.map_err(|error| Error::from_driver("asking for the checkpoint's age", &error))?;
    let applied = row.and_then(|row| {
        let at: Lsn = row.get::<_, &str>("applied").parse().ok()?;
        let age = Duration::try_from_secs_f64(row.get("age")).unwrap_or_default();
        Some(Applied { at, age })
    });
    let rows = session.query(HELD, &[&flow, &HOLDS_MAX]).await;
    let rows = rows.map_err(|error| Error::from_driver("asking who is held", &error))?;
    let hold = |row: &tokio_postgres::Row| HoldVital {
        reason: row.get("reason"),
        customer: row.get("to_customer"),
        sync: row.get("sync"),
        dataset: row.get("dataset"),
        age_seconds: row.get::<_, f64>("age").max(0.0),
    };
    Ok((applied, rows.iter().map(hold).collect()))
}

/// What is written, what waits and what is yet to come, by customer.
async fn customers_in(session: &Session, flow: &str) -> Result<BTreeMap<String, CustomerVital>, Error> {
    let failed = |error| Error::from_driver("counting what is written and parked", &error);
    let mut customers: BTreeMap<String, CustomerVital> = BTreeMap::new();
    for row in session.query(WRITTEN, &[&flow]).await.map_err(failed)? {
        let customer = customers.entry(row.get("to_customer")).or_default();
        for column in ["created", "updated", "deleted", "skipped"] {
            let rows = u64::try_from(row.get::<_, i64>(column)).unwrap_or(0);
            customer.written.insert(column.to_owned(), rows);
        }
    }
    for row in session.query(WAITING, &[&flow]).await.map_err(failed)? {
        let customer = customers.entry(row.get("to_customer")).or_default();
        let (reason, rows, oldest): (String, i64, f64) =
            (row.get("reason"), row.get("rows"), row.get("oldest"));
        if !WANTED_REASONS.contains(&reason.as_str()) {
            let held = HELD_REASONS.contains(&reason.as_str());
            let age =
                if held { &mut customer.oldest_held_seconds } else { &mut customer.oldest_parked_seconds };
            *age = Some(age.unwrap_or(0.0).max(oldest));
        }
        customer.parked.insert(reason, u64::try_from(rows).unwrap_or(0));
    }
    for row in session.query(LACKING, &[&flow]).await.map_err(failed)? {
        let customer: &mut CustomerVital = customers.entry(row.get("to_customer")).or_default();
        let age = &mut customer.oldest_lacking_seconds;
        *age = Some(age.unwrap_or(0.0).max(row.get("oldest")));
    }
    Ok(customers)
}
