//! How stale customers are: the seconds since the oldest commit of the source that may not be there.
//!
//! A customer is as stale as its flow, which is what is on its way to all, or as the oldest of its own rows that is parked or
//! held and should be there. What waits because a rule says when it is written is where it should be.

use super::state::{FlowState, Phase};
use super::vital::Vital;

/// A heartbeat that is younger is simply on its way, and says nothing of rows; a state that is older says nothing of now.
const FRESH_SECONDS: f64 = 5.0;

impl FlowState {
    /// How stale all customers of the flow are at least, in seconds, `ago` seconds after this was told: 0 where all that was
    /// committed at the source is written, parked or held. Nothing where nobody knows, and of a flow that rests.
    pub fn stale_seconds(&self, ago: f64) -> Option<f64> {
        if self.state == Phase::Resting {
            return None;
        }
        let vital = self.vital.as_ref()?;
        let growing = |age: f64| if age > 0.0 { age + ago } else { 0.0 };
        let (lag, beat) = (growing(self.lag_seconds), growing(vital.heartbeat_age_seconds));
        let comes = vital.heartbeat_took_seconds.is_some() && beat <= FRESH_SECONDS;
        if comes && self.state == Phase::Streaming && ago <= FRESH_SECONDS {
            // It is the source's clock that says when a transaction was committed, which may differ from ours.
            return Some(vital.heartbeat_came_seconds.map_or(lag, |came| lag.min(came + ago)));
        }
        // It receives nothing, or nobody knows how much is to come: that may begin where the checkpoint moved last.
        let unmoved = vital.commit_age_seconds? + ago;
        Some(lag.max(beat).max(unmoved))
    }

    /// How stale a customer is, in seconds, `ago` seconds after this was told. Where that of the flow is not known, it is at
    /// least as stale as its own oldest row. Nothing of one that the rules give nothing.
    pub fn customer_stale_seconds(&self, customer: &str, ago: f64) -> Option<f64> {
        if !self.customers.iter().any(|given| given == customer) {
            return None;
        }
        let vital = self.vital.as_ref()?;
        // Before anybody has looked at what waits for it, nobody knows.
        vital.counted_seconds_ago?;
        let missing = vital.missing_seconds(customer).map(|age| age + ago);
        [self.stale_seconds(ago), missing].into_iter().flatten().reduce(f64::max)
    }
}

impl Vital {
    /// Age of the oldest that a customer lacks though it has come to the target; nothing where it lacks nothing.
    fn missing_seconds(&self, customer: &str) -> Option<f64> {
        let own = self.customers.get(customer)?;
        let ages = [own.oldest_parked_seconds, own.oldest_held_seconds, own.oldest_lacking_seconds];
        ages.into_iter().flatten().reduce(f64::max)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ops::CustomerVital;

    /// A flow in which all is well, with two customers.
    fn well() -> FlowState {
        let customers = ["north", "south"].map(|name| (name.to_owned(), CustomerVital::default()));
        let vital = Vital {
            heartbeat_took_seconds: Some(0.1),
            heartbeat_age_seconds: 0.2,
            commit_age_seconds: Some(9.0),
            counted_seconds_ago: Some(1.0),
            customers: BTreeMap::from(customers),
            ..Vital::default()
        };
        let customers = ["north", "south"].map(str::to_owned).to_vec();
        FlowState { customers, vital: Some(vital), ..FlowState::made_up("main:east", Phase::Streaming) }
    }

    /// The flow that was changed so, north and south, half a second later.
    fn stale(change: impl FnOnce(&mut FlowState, &mut Vital)) -> [Option<f64>; 3] {
        let mut flow = well();
        let mut vital = flow.vital.take().unwrap_or_default();
        change(&mut flow, &mut vital);
        flow.vital = Some(vital);
        let of = |customer| flow.customer_stale_seconds(customer, 0.5);
        [flow.stale_seconds(0.5), of("north"), of("south")]
    }

    fn north(vital: &mut Vital) -> &mut CustomerVital {
        vital.customers.entry("north".to_owned()).or_default()
    }

    #[test]
    fn where_all_is_there_nobody_is_stale() {
        assert_eq!(stale(|_, _| {}), [Some(0.0); 3]);
    }

    #[test]
    fn what_is_on_its_way_makes_all_stale() {
        assert_eq!(stale(|flow, _| flow.lag_seconds = 3.0), [Some(3.5); 3]);
        assert_eq!(stale(|_, vital| vital.heartbeat_age_seconds = 30.0), [Some(30.5); 3]);
        for phase in [Phase::Starting, Phase::Retrying, Phase::Halted, Phase::Stopping] {
            assert_eq!(stale(|flow, _| flow.state = phase), [Some(9.5); 3], "{phase:?}");
        }
        assert_eq!(
            stale(|_, vital| vital.heartbeat_took_seconds = None),
            [Some(9.5); 3],
            "the source may have gone on all the time since then"
        );
        assert_eq!(well().stale_seconds(6.0), Some(15.0), "a process that hangs brings nothing");
    }

    #[test]
    fn a_source_whose_clock_is_behind_does_not_make_customers_older_than_the_last_heartbeat_that_came() {
        let behind = |flow: &mut FlowState, vital: &mut Vital| {
            (flow.lag_seconds, vital.heartbeat_came_seconds) = (600.0, Some(1.0));
        };
        assert_eq!(stale(behind), [Some(1.5); 3]);
    }

    #[test]
    fn what_waits_for_one_customer_makes_it_stale_and_no_other() {
        assert_eq!(
            stale(|_, vital| north(vital).oldest_parked_seconds = Some(7.0)),
            [Some(0.0), Some(7.5), Some(0.0)]
        );
        let both = |flow: &mut FlowState, vital: &mut Vital| {
            flow.lag_seconds = 3.0;
            north(vital).oldest_held_seconds = Some(60.0);
        };
        assert_eq!(stale(both), [Some(3.5), Some(60.5), Some(3.5)]);
        assert_eq!(
            stale(|_, vital| north(vital).oldest_lacking_seconds = Some(8.0)),
            [Some(0.0), Some(8.5), Some(0.0)],
            "rows that wait nowhere"
        );
    }

    #[test]
    fn whom_the_rules_give_nothing_is_not_told_to_have_all() {
        let waits = |flow: &mut FlowState, vital: &mut Vital| {
            flow.customers = vec!["south".to_owned()];
            north(vital).oldest_parked_seconds = Some(7.0);
        };
        assert_eq!(stale(waits), [Some(0.0), None, Some(0.0)]);
    }

    #[test]
    fn what_nobody_can_know_is_unknown() {
        let mut flow = well();
        flow.vital = None;
        assert_eq!((flow.stale_seconds(0.0), flow.customer_stale_seconds("north", 0.0)), (None, None));
        assert_eq!(stale(|_, vital| vital.counted_seconds_ago = None), [Some(0.0), None, None]);
        let waits = |flow: &mut FlowState, vital: &mut Vital| {
            (flow.state, vital.commit_age_seconds) = (Phase::Halted, None);
            north(vital).oldest_held_seconds = Some(7.0);
        };
        assert_eq!(stale(waits), [None, Some(7.5), None], "at least so stale");
        assert_eq!(stale(|flow, _| flow.state = Phase::Resting), [None; 3]);
    }
}
