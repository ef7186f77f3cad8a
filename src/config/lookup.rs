//! Names that may not exist: the thing that is meant, or did-you-mean.

use super::finding::Findings;
use super::mask::quote;
use super::read::{Draft, Named};
use super::spelling::remedy;
use super::spot::Spot;
use super::tree::Spotted;
use crate::name::CustomerName;

/// Records a name that nothing has.
pub(super) fn report_unknown<'a>(
    what: &str,
    name: &str,
    spot: Spot,
    defined: impl IntoIterator<Item = &'a str> + Clone,
    table: &str,
    findings: &mut Findings,
) {
    let help = remedy(name, defined, format!("define it as {table}"));
    findings.error(spot, format!("{what} {} is not defined", quote(name)), help).mark_absence();
}

/// The names of things, for did-you-mean.
pub(super) fn names<T>(things: &Named<T>) -> impl Iterator<Item = &str> + Clone {
    things.keys().map(String::as_str)
}

/// Looks up a customer of a group or a snapshot.
pub(super) fn resolve_customer_name(
    name: &Spotted<String>,
    draft: &Draft,
    findings: &mut Findings,
) -> Option<CustomerName> {
    if draft.customers.contains_key(&name.value) {
        return CustomerName::new(&name.value).ok();
    }
    let customers = names(&draft.customers);
    report_unknown("customer", &name.value, name.spot, customers, "[customers.NAME]", findings);
    None
}
