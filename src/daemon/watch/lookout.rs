//! Who looks: an onlooker for each flow, a heartbeat for each source database. They outlive a flow's failures, and a reload
//! changes only what they go by.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::config::{Config, NotifyEvent};
use crate::name::DatabaseName;
use crate::ops::{FlowState, Vital};
use crate::rules::Flow;

use super::super::flow::surrender::Memory;
use super::asking::{Place, Watched};
use super::heartbeat::{self, Pulse};
use super::onlooker;
use super::sight::Sight;

/// All who look.
#[derive(Default)]
pub(in crate::daemon) struct Lookout {
    onlookers: BTreeMap<String, Onlooker>,
    hearts: BTreeMap<DatabaseName, Heart>,
}

struct Onlooker {
    watched: watch::Sender<Watched>,
    sight: watch::Receiver<Sight>,
    pulse: watch::Receiver<Pulse>,
    _task: AbortOnDropHandle<()>,
}

struct Heart {
    place: watch::Sender<Option<Place>>,
    pulse: watch::Receiver<Pulse>,
    _task: AbortOnDropHandle<()>,
}

impl Onlooker {
    /// What it has seen, as of now.
    fn vital(&self) -> Vital {
        self.sight.borrow().vital(&self.pulse.borrow(), Instant::now())
    }
}

impl Lookout {
    /// Goes by a configuration. Flows that it does not have are looked at until they are gone.
    pub(in crate::daemon) fn follow(&mut self, config: &Config) {
        let wal_channels = config.channels(NotifyEvent::AlertWal);
        let wal_channels: Vec<String> =
            wal_channels.iter().map(|channel| channel.as_str().to_owned()).collect();
        for flow in Flow::all(config).into_iter().chain(Flow::resting(config)) {
            let (source, target) = (Place::of(config, &flow.source), Place::of(config, &flow.target));
            let (Some(source), Some(target)) = (source, target) else { continue };
            let pulse = self.pulse(&flow);
            let memory = Memory::of(config, &flow.slot);
            let customers = flow.customers(config).iter().map(|name| name.as_str().to_owned()).collect();
            let watched =
                Watched { flow, source, target, customers, wal_channels: wal_channels.clone(), memory };
            match self.onlookers.get(&watched.flow.name) {
                Some(known) => drop(known.watched.send_replace(watched)),
                None => self.look_at(watched, pulse),
            }
        }
        // A flow that rests needs none.
        let beating: BTreeSet<DatabaseName> = Flow::all(config).into_iter().map(|flow| flow.source).collect();
        for (name, heart) in &self.hearts {
            heart.place.send_replace(Place::of(config, name).filter(|_| beating.contains(name)));
        }
    }

    /// Notes what is seen of these flows, and looks no more at others.
    pub(in crate::daemon) fn look(&mut self, flows: &mut [FlowState]) {
        self.onlookers.retain(|name, _| flows.iter().any(|flow| flow.name == *name));
        let onlookers = &self.onlookers;
        let is_source = |name: &DatabaseName| {
            onlookers.values().any(|onlooker| onlooker.watched.borrow().flow.source == *name)
        };
        self.hearts.retain(|name, _| is_source(name));
        for flow in flows {
            let onlooker = self.onlookers.get(&flow.name);
            flow.vital = onlooker.map(Onlooker::vital);
            flow.customers =
                onlooker.map_or_else(Vec::new, |onlooker| onlooker.watched.borrow().customers.clone());
        }
    }

    /// The heartbeats of the flow's source.
    fn pulse(&mut self, flow: &Flow) -> watch::Receiver<Pulse> {
        let heart = self.hearts.entry(flow.source.clone()).or_insert_with(|| {
            let (place, places) = watch::channel(None);
            let (pulse, seen) = watch::channel(Pulse::default());
            let task = AbortOnDropHandle::new(tokio::spawn(heartbeat::run(places, pulse)));
            Heart { place, pulse: seen, _task: task }
        });
        heart.pulse.clone()
    }

    fn look_at(&mut self, watched: Watched, pulse: watch::Receiver<Pulse>) {
        let name = watched.flow.name.clone();
        let (watched, orders) = watch::channel(watched);
        let (sight, seen) = watch::channel(Sight::default());
        let task = AbortOnDropHandle::new(tokio::spawn(onlooker::run(orders, pulse.clone(), sight)));
        self.onlookers.insert(name, Onlooker { watched, sight: seen, pulse, _task: task });
    }
}
