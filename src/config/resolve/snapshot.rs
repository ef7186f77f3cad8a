//! The customers and the server of a snapshot.

use crate::config::finding::Findings;
use crate::config::lookup::{names, report_unknown, resolve_customer_name};
use crate::config::read::Draft;
use crate::config::read::chosen::Chosen;
use crate::config::read::snapshot::SnapshotDraft;
use crate::config::snapshot::Snapshot;
use crate::name::CustomerName;

/// Looks up the names of a snapshot. Nothing comes back when something about it is wrong.
pub(super) fn resolve(draft: &SnapshotDraft, all: &Draft, findings: &mut Findings) -> Option<Snapshot> {
    let customers = resolve_customers(draft, all, findings);
    if let Some(server) = &draft.server
        && !all.servers.contains_key(server.value.as_str())
    {
        let (name, known) = (server.value.as_str(), names(&all.servers));
        report_unknown("server", name, server.spot, known, "[servers.NAME]", findings);
    }
    Some(Snapshot { customers: customers?, ..draft.snapshot.clone()? })
}

/// Looks up the customers.
fn resolve_customers(
    draft: &SnapshotDraft,
    all: &Draft,
    findings: &mut Findings,
) -> Option<Vec<CustomerName>> {
    let chosen = draft.customers.as_ref()?;
    match &chosen.value {
        Chosen::Named(names) => {
            Some(names.iter().filter_map(|name| resolve_customer_name(name, all, findings)).collect())
        }
        Chosen::Everybody { except } => {
            for name in except {
                resolve_customer_name(name, all, findings);
            }
            let left_out = |name: &str| except.iter().any(|one| one.value == name);
            let others = all.customers.keys().filter(|name| !left_out(name));
            let customers: Vec<CustomerName> =
                others.filter_map(|name| CustomerName::new(name).ok()).collect();
            if customers.is_empty() {
                let help = "define a customer, or take one out of `except`";
                findings.warning(chosen.spot, "this snapshot holds nobody", help).mark_absence();
            }
            Some(customers)
        }
    }
}
