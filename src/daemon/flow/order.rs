//! What the process tells a flow's task: which configuration it runs by, and from where on. Orders are followed one after
//! the other; what committed at the source before an order's position is written by the rules before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::catalog::Server;
use crate::config::{Config, Database};
use crate::lsn::Lsn;
use crate::postgres;

/// So often a flow that was interrupted goes on by its old rules; then it takes the new ones at once, since they may be what
/// mends it.
const TRIES: u32 = 3;

/// From where on an order holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum When {
    /// It says the same to this flow: taken whenever the flow is prepared anew.
    Quietly,
    /// For what commits at the source after the flow has heard it.
    Forward,
    /// For everything that is not written yet.
    AtOnce,
}

/// An order.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Order {
    /// A later order of the same flow has a higher one.
    pub(in crate::daemon) number: u64,
    /// By what it runs; `None`: not at all any more.
    pub(in crate::daemon) config: Option<Arc<Config>>,
    /// From where on.
    pub(in crate::daemon) when: When,
}

/// The orders of a flow, as its task sees them.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Orders {
    /// The order that is followed.
    followed: Order,
    all: watch::Receiver<Vec<Order>>,
    /// Where those begin that move forward, by their numbers. Kept over interruptions.
    positions: watch::Sender<BTreeMap<u64, Lsn>>,
    /// How often the flow was interrupted on its way to the next order.
    tries: u32,
}

/// What came of looking for another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Followed {
    /// It is the same as before.
    Same,
    /// Another configuration is run by.
    Another,
    /// The flow has to end.
    End,
}

impl Orders {
    /// Follows the first one. `None` where there is none that says to run.
    pub(in crate::daemon) fn new(all: watch::Receiver<Vec<Order>>) -> Option<Self> {
        let followed = all.borrow().first().filter(|order| order.config.is_some()).cloned()?;
        Some(Self { followed, all, positions: watch::Sender::default(), tries: 0 })
    }

    /// Where orders begin that move forward, by their numbers.
    pub(in crate::daemon) fn positions(&self) -> watch::Receiver<BTreeMap<u64, Lsn>> {
        self.positions.subscribe()
    }

    /// The configuration that is run by.
    pub(in crate::daemon) fn config(&self) -> Option<&Arc<Config>> {
        self.followed.config.as_ref()
    }

    /// The number of the order that is followed.
    pub(in crate::daemon) fn number(&self) -> u64 {
        self.followed.number
    }

    /// Sets where the orders begin that have just come. To be asked by whoever reads the stream, and reads on only after the
    /// answer: so nothing that was read lies behind it. Answers before which position to stop.
    pub(in crate::daemon) async fn mark(&self, source: &Database) -> Result<Option<Lsn>, postgres::Error> {
        let waiting = self.waiting();
        let forward = waiting.iter().filter(|order| order.when == When::Forward).map(|order| order.number);
        let forward: Vec<u64> = forward.collect();
        let known = self.positions.borrow().clone();
        let new: Vec<u64> = forward.iter().copied().filter(|number| !known.contains_key(number)).collect();
        if !new.is_empty() {
            let session = postgres::open(source, "acequia rules").await?;
            let at = Server::mark(&session).await?;
            self.positions.send_modify(|positions| positions.extend(new.iter().map(|number| (*number, at))));
            tracing::info!(position = %at, database = %source.name, "what commits from here on goes by the new rules");
        }
        let first = forward.first();
        Ok(first.and_then(|number| self.positions.borrow().get(number).copied()))
    }

    /// An order says that the rules that are followed are to be left at once.
    pub(in crate::daemon) fn is_pressing(&self) -> bool {
        self.waiting().iter().any(|order| order.when == When::AtOnce)
    }

    /// Ready when an order says to leave the rules that are followed at once.
    pub(in crate::daemon) async fn pressed(&self) {
        let mut orders = self.clone();
        while !orders.is_pressing() {
            orders.arrived().await;
        }
    }

    /// Ready when there is something new among the orders.
    pub(in crate::daemon) async fn arrived(&mut self) {
        if self.all.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Everything before this position is written: follows what holds from there on.
    pub(in crate::daemon) fn reached(&mut self, at: Lsn) -> Followed {
        let positions = self.positions.borrow().clone();
        let is_there = |order: &Order| positions.get(&order.number).is_some_and(|from| *from <= at);
        self.follow(|order| order.when == When::Forward && is_there(order))
    }

    /// The flow is prepared anew: follows what says the same, and what is pressing.
    pub(in crate::daemon) fn anew(&mut self) -> Followed {
        let pressing =
            self.waiting().iter().rev().find(|order| order.when == When::AtOnce).map(|order| order.number);
        self.follow(|order| {
            order.when == When::Quietly || pressing.is_some_and(|number| order.number <= number)
        })
    }

    /// The flow can't go on: what comes next is taken at once.
    pub(in crate::daemon) fn halted(&mut self) -> Followed {
        self.follow(|_any| true)
    }

    /// The flow was interrupted.
    pub(in crate::daemon) fn interrupted(&mut self) -> Followed {
        if self.waiting().is_empty() {
            return Followed::Same;
        }
        self.tries += 1;
        if self.tries < TRIES { Followed::Same } else { self.halted() }
    }

    fn waiting(&self) -> Vec<Order> {
        self.all.borrow().iter().filter(|order| order.number > self.followed.number).cloned().collect()
    }

    /// Follows one order after the other for as long as they may be.
    fn follow(&mut self, may: impl Fn(&Order) -> bool) -> Followed {
        let mut followed = Followed::Same;
        for order in self.waiting() {
            if !may(&order) {
                break;
            }
            if order.when != When::Quietly || followed == Followed::End {
                followed = Followed::Another;
            }
            if order.config.is_none() {
                followed = Followed::End;
            }
            self.tries = 0;
            self.followed = order;
        }
        followed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Arc<Config> {
        let place = tempfile::tempdir().expect("a directory");
        std::fs::write(place.path().join("acequia.toml"), "[databases.a]\ndbname = \"a\"\n").expect("a file");
        Arc::new(Config::load(place.path()).expect("a right configuration").0)
    }

    /// One order after the other, each with whether it says to run; those that move forward begin at their number.
    fn orders(whens: &[(When, bool)]) -> (watch::Sender<Vec<Order>>, Orders) {
        let config = config();
        let first = Order { number: 0, config: Some(Arc::clone(&config)), when: When::AtOnce };
        let rest = whens.iter().zip(1..).map(|((when, runs), number)| Order {
            number,
            config: runs.then(|| Arc::clone(&config)),
            when: *when,
        });
        let (sender, all) = watch::channel([first].into_iter().chain(rest).collect());
        let orders = Orders::new(all).expect("an order to run");
        orders
            .positions
            .send_modify(|positions| positions.extend((1..=3).map(|number| (number, Lsn(number)))));
        (sender, orders)
    }

    #[test]
    fn orders_are_followed_in_turn_each_at_its_position() {
        let (_sender, mut orders) =
            orders(&[(When::Quietly, true), (When::Forward, true), (When::Forward, false)]);
        assert!(!orders.is_pressing());
        assert_eq!((orders.anew(), orders.number()), (Followed::Same, 1));
        assert_eq!(orders.reached(Lsn(1)), Followed::Same);
        assert_eq!((orders.reached(Lsn(2)), orders.number()), (Followed::Another, 2));
        assert_eq!(orders.reached(Lsn(3)), Followed::End);
    }

    #[test]
    fn what_is_pressing_goes_before_what_waits() {
        let (_sender, mut orders) = orders(&[(When::Forward, true), (When::AtOnce, true)]);
        assert!(orders.is_pressing());
        assert_eq!((orders.anew(), orders.number()), (Followed::Another, 2));
    }

    #[test]
    fn a_flow_that_was_told_to_end_and_to_run_again_runs() {
        let (_sender, mut orders) = orders(&[(When::Forward, false), (When::AtOnce, true)]);
        assert_eq!(orders.anew(), Followed::Another);
    }

    #[test]
    fn a_flow_that_does_not_get_there_takes_the_new_rules_in_the_end() {
        let (_sender, mut orders) = orders(&[(When::Forward, true)]);
        let seen: Vec<Followed> = (0..3).map(|_| orders.interrupted()).collect();
        assert_eq!(seen, [Followed::Same, Followed::Same, Followed::Another]);
    }
}
