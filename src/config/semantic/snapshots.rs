//! What is wrong with snapshots: two of one name, two that write one database of a server, columns in and out at once.

use std::collections::BTreeMap;

use crate::config::finding::Findings;
use crate::config::mask::quote;
use crate::config::read::Draft;
use crate::config::read::snapshot::SnapshotDraft;
use crate::config::resolve::Resolved;
use crate::config::snapshot::{CUSTOMER, Format, Layout, Snapshot};
use crate::config::spot::Spot;
use crate::name::SnapshotName;

/// A database's name has so many characters at most (MySQL manual, "Identifier Length Limits").
const DATABASE_MAX_CHARACTERS: usize = 64;

/// Databases of the server's own.
const OWN_DATABASES: [&str; 4] = ["mysql", "information_schema", "performance_schema", "sys"];

/// Records what is wrong.
pub(super) fn check(draft: &Draft, config: &Resolved, findings: &mut Findings) {
    check_names(draft, findings);
    for snapshot in &config.snapshots {
        check_lists(snapshot, findings);
    }
    check_databases(draft, config, findings);
}

/// Two snapshots must not have one name: it is that of their directory.
fn check_names(draft: &Draft, findings: &mut Findings) {
    let mut seen: BTreeMap<&SnapshotName, Spot> = BTreeMap::new();
    for name in draft.snapshots.iter().filter_map(|snapshot| snapshot.name.as_ref()) {
        if let Some(first) = seen.get(&name.value) {
            let message = format!("snapshot {} is defined twice", quote(name.value.as_str()));
            findings
                .error(name.spot, message, "give one of the two another name")
                .relate(*first, "defined here first");
        } else {
            seen.insert(&name.value, name.spot);
        }
    }
}

/// What is in `exclude` and in `include` is neither.
fn check_lists(snapshot: &Snapshot, findings: &mut Findings) {
    for one in &snapshot.include {
        let same =
            snapshot.exclude.iter().find(|other| other.table == one.table && other.column == one.column);
        if let Some(other) = same {
            let message = format!("{} is in `include` and in `exclude`", quote(&one.to_string()));
            findings
                .error(one.spot, message, "keep one of the two")
                .relate(other.spot, "it is excluded here");
        }
    }
}

/// Every database of a server has one snapshot of one customer, or one combined snapshot, that writes it.
fn check_databases(draft: &Draft, config: &Resolved, findings: &mut Findings) {
    // The server, and the database's name as a server sees it that does not tell capitals apart.
    let mut seen: BTreeMap<(String, String), (Spot, String)> = BTreeMap::new();
    for snapshot in &config.snapshots {
        let Format::Mysql { server, database } = &snapshot.format else { continue };
        let written = draft.snapshots.iter().find(|one| is_draft_of(one, snapshot));
        let spot = written.and_then(|one| one.database.as_ref()).map_or(snapshot.spot, |one| one.spot);
        if !check_template(snapshot, database, spot, findings) {
            continue;
        }
        let place = config.servers.get(server).map_or_else(
            || server.to_string(),
            // Two names for one server are one server.
            |server| format!("{}:{}", server.host, server.port),
        );
        for (database, whose) in snapshot.databases() {
            let whose =
                whose.map_or_else(String::new, |customer| format!(", customer {}", quote(customer.as_str())));
            let writer = format!("snapshot {}{whose}", quote(snapshot.name.as_str()));
            let key = (place.clone(), database.to_lowercase());
            if let Some((first, other)) = seen.get(&key) {
                let message = format!("{writer} writes the same database {} as {other}", quote(&database));
                let help = "give each its own `database`: what one writes, the other would remove";
                findings.error(spot, message, help).relate(*first, "the first one");
                break;
            }
            seen.insert(key, (spot, writer));
        }
    }
}

/// Whether a finished snapshot was made of this draft.
fn is_draft_of(draft: &SnapshotDraft, snapshot: &Snapshot) -> bool {
    draft.name.as_ref().is_some_and(|name| name.spot == snapshot.spot)
}

/// Whether `database` makes a name for every customer.
fn check_template(snapshot: &Snapshot, database: &str, spot: Spot, findings: &mut Findings) -> bool {
    match (snapshot.layout, database.contains(CUSTOMER)) {
        (Layout::PerCustomer, false) => {
            let message = format!("all customers would be written into one database {}", quote(database));
            let help = "write `{customer}` where the customer's name belongs, or layout = \"combined\"";
            findings.error(spot, message, help);
            return false;
        }
        (Layout::Combined, true) => {
            let message = "a combined snapshot is one database, and `{customer}` would make many";
            findings.error(spot, message, "remove `{customer}`, or write layout = \"per-customer\"");
            return false;
        }
        (Layout::PerCustomer, true) | (Layout::Combined, false) => {}
    }
    // A customer's name is of letters, digits and `_-.`; a dot is allowed in a database's name that stands in quotation
    // marks, but not everywhere else.
    let constant = database.replace(CUSTOMER, "");
    if constant.contains(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '$'))) {
        let message = format!("{} is no name that every server takes for a database", quote(database));
        findings.error(
            spot,
            message,
            "use letters, digits, `_` and `-`, and `{customer}` for the customer's name",
        );
        return false;
    }
    let too_long =
        snapshot.databases().into_iter().find(|(name, _)| name.chars().count() > DATABASE_MAX_CHARACTERS);
    if let Some((name, _)) = too_long {
        let message = format!("the name {} has more than {DATABASE_MAX_CHARACTERS} characters", quote(&name));
        findings.error(spot, message, "write a shorter `database`");
        return false;
    }
    if OWN_DATABASES.contains(&database.to_lowercase().as_str()) {
        findings.error(spot, "this database is the server's own", "write another `database`");
        return false;
    }
    true
}
