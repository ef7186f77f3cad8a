//! What only both sides together tell: labels that one enum type has and the other lacks, two names of one database.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Column, Table, read_labels};
use crate::config::Customer;
use crate::name::{DatabaseName, Ident};
use crate::postgres::{self, Session};
use crate::rules::{Plan, Problem, Route};

use super::findings::Findings;

/// Enum columns: every label of the source should be known to the customer.
pub(super) async fn check_labels(
    findings: &mut Findings<'_>,
    plan: &Plan,
    (here, sources): (&Session, &Catalog),
    (there, targets): (&Session, &Catalog),
) -> Result<(), postgres::Error> {
    let pairs: Vec<(&Route, &Table, &Column, &Column)> = plan
        .routes
        .iter()
        .filter_map(|route| {
            let own = sources.tables.get(&plan.sources[route.source].name)?;
            Some((route, own, targets.tables.get(&route.target)?))
        })
        .flat_map(|(route, own, theirs)| {
            let written = route.image_columns.iter().map(|(name, _)| name);
            written.filter_map(move |name| Some((route, own, own.column(name)?, theirs.column(name)?)))
        })
        .filter(|(_, _, own, theirs)| !own.base.is_builtin() && !theirs.base.is_builtin())
        .collect();
    if pairs.is_empty() {
        return Ok(());
    }
    let own: BTreeSet<u32> = pairs.iter().map(|(_, _, own, _)| own.base.oid).collect();
    let theirs: BTreeSet<u32> = pairs.iter().map(|(_, _, _, theirs)| theirs.base.oid).collect();
    let own = read_labels(here, &own).await?;
    let theirs = read_labels(there, &theirs).await?;
    for (route, table, column, target) in pairs {
        let (Some(own), Some(known)) = (own.get(&column.base.oid), theirs.get(&target.base.oid)) else {
            continue;
        };
        let missing: Vec<&str> =
            own.iter().filter(|label| !known.contains(label)).map(String::as_str).collect();
        if !missing.is_empty() {
            findings.add(&lacking(findings, route, table, target, &missing));
        }
    }
    Ok(())
}

/// Labels are part of the tables' shape and no row's values: they may be told.
fn lacking(
    findings: &Findings<'_>,
    route: &Route,
    source: &Table,
    column: &Column,
    missing: &[&str],
) -> Problem {
    let dataset = &findings.config.datasets[&route.dataset];
    let (base, name) = (column.base.quoted(), &column.name);
    let sql: Vec<String> = missing
        .iter()
        .map(|label| format!("ALTER TYPE {base} ADD VALUE {};", crate::name::literal(label)))
        .collect();
    Problem::warning(
        dataset.columns_spot.unwrap_or(dataset.spot),
        format!(
            "column \"{name}\" of {} can hold {}, which {base} of {} does not know: such rows will be parked",
            source.name,
            missing.join(", "),
            route.target
        ),
        "add the labels to the customer's type",
    )
    .with_sql(sql.join("\n"))
}

/// Two entries of `[databases]` that lead to one database hide that two customers are one schema.
pub(super) fn check_names(findings: &mut Findings<'_>) {
    let config = findings.config;
    let mut first: BTreeMap<(String, u32), DatabaseName> = BTreeMap::new();
    let identities = findings.identities.clone();
    let mut known: Vec<(&DatabaseName, &(String, u32))> = identities.iter().collect();
    known.sort_by_key(|(name, _)| config.databases[*name].spot);
    for (name, identity) in known {
        let Some(other) = first.get(identity) else {
            first.insert(identity.clone(), name.clone());
            continue;
        };
        let schemas = |database: &DatabaseName| -> BTreeSet<&Ident> {
            let lives = |customer: &&Customer| customer.database == *database;
            config.customers.values().filter(lives).map(|customer| &customer.schema).collect()
        };
        let shared: Vec<String> =
            schemas(name).intersection(&schemas(other)).map(ToString::to_string).collect();
        let message = format!("databases {other} and {name} are one and the same");
        let spot = config.databases[name].spot;
        let problem = if shared.is_empty() {
            Problem::warning(spot, message, "give its customers one entry: each pair of entries costs a slot")
        } else {
            let message = format!("{message}, and both have customers in schema {}", shared.join(", "));
            Problem::error(
                spot,
                message,
                "give each schema to one customer: it would be synchronized with itself",
            )
        };
        findings.add_first(&problem);
    }
}
