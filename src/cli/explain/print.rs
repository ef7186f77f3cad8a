//! The way of a row, for people.

use super::customer::{CustomerWay, ParkedWay};
use super::way::{FlowWay, Way};
use crate::cli::console::say;
use crate::cli::table::bytes;
use crate::config::{Dataset, KeyPart};

pub(super) fn way(way: &Way, dataset: &Dataset, keys: &[String]) {
    let key = dataset.key.iter().map(KeyPart::text).zip(keys);
    let key: Vec<String> = key.map(|(part, value)| format!("{part} = {value}")).collect();
    say!("{} {}, from {}", dataset.name, key.join(", "), way.from);
    let there = match way.rows {
        0 => "no such row".to_owned(),
        1 => "there".to_owned(),
        _ => "several rows with this key; what follows is about one of them".to_owned(),
    };
    let identity =
        way.identity.as_ref().map_or_else(String::new, |identity| format!(", identity {identity}"));
    say!("  source      {}: {there}{identity}; WAL at {}", way.table, way.source_lsn);
    for flow in &way.flows {
        say!("  flow        {}", flow_line(flow));
    }
    for group in &way.groups {
        match group.reason {
            Some(reason) => say!("  sync {}: {reason}", group.sync),
            None => say!("  sync {}", group.sync),
        }
        group.customers.iter().for_each(customer);
    }
    say!();
}

fn flow_line(flow: &FlowWay) -> String {
    let checkpoint = flow.checkpoint.as_deref().unwrap_or("never");
    let time = flow.commit_time.as_deref().map_or_else(String::new, |time| format!(", committed {time}"));
    let behind = flow.behind_bytes.map_or_else(String::new, |lag| format!(", {} behind", bytes(lag)));
    format!("{} {}; applied {checkpoint}{time}{behind}", flow.name, flow.state)
}

fn customer(way: &CustomerWay) {
    let given = if way.given { "is given it" } else { "is not given it" };
    let reason = way.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
    say!("    {} ({}) {given}{reason}", way.customer, way.mode);
    say!("      {}", row(way));
    if !way.lacks.is_empty() {
        say!("      lacks its parent: {}", way.lacks.join(", "));
    }
    if let Some(waiting) = &way.parked {
        parked(waiting);
    }
    for held in &way.held {
        let what = held.what.as_deref().map_or_else(String::new, |what| format!(": {what}"));
        let next = held.next_try.as_deref().map_or_else(String::new, |next| format!("; next try {next}"));
        say!("      held ({}) since {}{what}{next}", held.reason, held.since);
    }
    if let Some(written) = &way.last_written {
        say!("      last {} {}, at {}", written.op, written.at, written.lsn);
    }
    let counts = &way.counts;
    say!(
        "      so far {} created, {} updated, {} deleted, {} skipped, {} parked by this rule",
        counts.created,
        counts.updated,
        counts.deleted,
        counts.skipped,
        counts.parked
    );
}

/// Where the customer's row is, and how it compares.
fn row(way: &CustomerWay) -> String {
    let link = match way.link {
        Some(link) => format!("linked ({link})"),
        None => "not linked".to_owned(),
    };
    let Some(key) = &way.target_key else {
        let gone = if way.link.is_some() { "; the linked row is gone" } else { "" };
        return format!("has no such row{gone}");
    };
    let others = if way.rows > 1 { format!("; {} rows have this key", way.rows) } else { String::new() };
    let compared = match (&way.differs[..], way.given) {
        ([], true) => ", equal".to_owned(),
        ([], false) => String::new(),
        (differs, _) => format!(", differs in {}", differs.join(", ")),
    };
    format!("has it as {key}, {link}{compared}{others}")
}

fn parked(parked: &ParkedWay) {
    say!("      parked {} ({}) since {}: {}", parked.id, parked.op, parked.since, parked.why);
    say!("        {}", parked.remedy);
    say!(
        "        {} tries, next {}; positions {} to {}",
        parked.tries,
        parked.next_try,
        parked.first_lsn,
        parked.last_lsn
    );
}
