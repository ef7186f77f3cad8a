//! `[[notify]]`: who is told of what.

use crate::config::finding::Findings;
use crate::config::keys::KeyTable;
use crate::config::mask::quote;
use crate::config::model::{Notify, NotifyEvent};
use crate::config::spelling::remedy;
use crate::config::tree::{Item, LATER, Section};
use crate::name::Ident;

/// `[[notify]]`
pub(in crate::config) const KEYS: KeyTable =
    KeyTable { title: "[[notify]]", known: &["name", "on", "channel"], later: &[] };

/// `channel`
pub(in crate::config) const CHANNEL_KEYS: KeyTable =
    KeyTable { title: "{ listen = \"…\" }", known: &["listen"], later: &["webhook", "secret", "smtp"] };

/// The events that this version tells, and the words for several.
pub(in crate::config) const EVENTS: [(&str, &[NotifyEvent]); 9] = [
    ("sync.applied", &[NotifyEvent::SyncApplied]),
    ("snapshot.published", &[NotifyEvent::SnapshotPublished]),
    ("snapshot.failed", &[NotifyEvent::SnapshotFailed]),
    ("snapshot.late", &[NotifyEvent::SnapshotLate]),
    ("snapshot.*", &[NotifyEvent::SnapshotPublished, NotifyEvent::SnapshotFailed, NotifyEvent::SnapshotLate]),
    ("alert.drift", &[NotifyEvent::AlertDrift]),
    ("alert.wal", &[NotifyEvent::AlertWal]),
    ("alert.health", &[NotifyEvent::AlertHealth]),
    // What somebody has to do something about.
    (
        "alert.*",
        &[
            NotifyEvent::AlertDrift,
            NotifyEvent::AlertWal,
            NotifyEvent::AlertHealth,
            NotifyEvent::SnapshotFailed,
            NotifyEvent::SnapshotLate,
        ],
    ),
];

/// What the names of later versions' events begin with.
const LATER_EVENTS: [&str; 1] = ["alert."];

/// Reads the notices of a file.
pub(super) fn read(root: &Section<'_>, findings: &mut Findings) -> Vec<Notify> {
    let Some(item) = root.get("notify") else {
        return Vec::new();
    };
    if item.value.get_ref().is_table() {
        let message = "expected a list of tables, found a table";
        findings.error(root.key_spot("notify"), message, "write `[[notify]]` with two brackets");
        return Vec::new();
    }
    let notices = item.list(findings).map(|list| list.value).unwrap_or_default();
    notices.into_iter().filter_map(|notice| read_notice(notice, findings)).collect()
}

/// Reads one of them.
fn read_notice(item: Item<'_>, findings: &mut Findings) -> Option<Notify> {
    let section = item.section(&KEYS, "this [[notify]]".to_owned(), item.spot(), findings)?;
    section.require("name", "\"…\"", findings);
    section.require("on", "[\"sync.applied\"]", findings);
    section.require("channel", "{ listen = \"…\" }", findings);
    let name = section.text("name", findings);
    let events = read_events(&section, findings);
    let channel = section
        .get("channel")
        .and_then(|item| item.section(&CHANNEL_KEYS, "`channel`".to_owned(), item.spot(), findings))?;
    if !channel.has("webhook") && !channel.has("smtp") {
        channel.require("listen", "\"…\"", findings);
    }
    let listen = channel.parsed("listen", Ident::new, "write the name of the channel", findings);
    let name = name?;
    Some(Notify { name: name.value, events: events?, listen: listen?.value, spot: name.spot })
}

/// Reads `on`: the events.
fn read_events(section: &Section<'_>, findings: &mut Findings) -> Option<Vec<NotifyEvent>> {
    let list = section.get("on")?.list(findings)?;
    if list.value.is_empty() {
        findings.error(list.spot, "`on` is empty", "name an event: on = [\"sync.applied\"]");
    }
    let mut events = Vec::new();
    for item in list.value {
        let Some(text) = item.text(findings) else { continue };
        let known = EVENTS.iter().find(|(name, _)| *name == text.value);
        if let Some((_, told)) = known {
            for event in *told {
                if !events.contains(event) {
                    events.push(*event);
                }
            }
        } else if LATER_EVENTS.iter().any(|start| text.value.starts_with(start)) {
            let message = format!("the event {} is not supported by this version", quote(&text.value));
            findings.error(text.spot, message, LATER);
        } else {
            let names = EVENTS.map(|(name, _)| name);
            let help = remedy(&text.value, names, format!("this version tells of `{}`", names.join("`, `")));
            findings.error(text.spot, format!("there is no event {}", quote(&text.value)), help);
        }
    }
    (!events.is_empty()).then_some(events)
}
