//! What a manifest says of a run.

use crate::config::{Dialect, Format, Kind, Layout, Profile, Snapshot};
use crate::name::Ident;

use super::dataset::{Bundle, DataSet};
use super::loss::Losses;
use super::manifest::{ColumnEntry, CustomerEntry, DatasetEntry, MANIFEST_VERSION, Manifest};
use super::scope::Scope;

/// The program that writes it.
const PROGRAM: &str = concat!("acequia ", env!("CARGO_PKG_VERSION"));

/// The whole run's manifest, without data sets and archives yet. `base` is the run that an incremental one goes on from.
pub fn manifest(snapshot: &Snapshot, run: &str, scope: &Scope, base: Option<&str>) -> Manifest {
    let (format, profile) = words(&snapshot.format);
    let kind = match (snapshot.kind, base) {
        (Kind::Incremental, Some(_)) => "incremental",
        (Kind::Incremental | Kind::Full, _) => "full",
    };
    let layout = match snapshot.layout {
        Layout::PerCustomer => "per-customer",
        Layout::Combined => "combined",
    };
    Manifest {
        version: MANIFEST_VERSION,
        program: PROGRAM.to_owned(),
        snapshot: snapshot.name.to_string(),
        run: run.to_owned(),
        kind: kind.to_owned(),
        base: base.map(str::to_owned),
        format: format.to_owned(),
        profile: profile.map(str::to_owned),
        layout: layout.to_owned(),
        time_zone: (profile == Some("market"))
            .then(|| snapshot.time_zone.iana_name().unwrap_or("UTC").to_owned()),
        moments: scope.moments.of.values().map(super::moment::Moment::entry).collect(),
        customers: scope.customers.clone(),
        missing: scope.missing.clone(),
        datasets: Vec::new(),
        excluded: scope.excluded.clone(),
        archives: Vec::new(),
    }
}

/// The same for one archive of it.
pub fn of_bundle(whole: &Manifest, bundle: &Bundle, datasets: Vec<DatasetEntry>) -> Manifest {
    let Some(customer) = &bundle.customer else { return Manifest { datasets, ..whole.clone() } };
    let customers: Vec<CustomerEntry> =
        whole.customers.iter().filter(|entry| entry.name == customer.as_str()).cloned().collect();
    let is_here = |database: &str| customers.iter().any(|entry| entry.database == database);
    let moments = whole.moments.iter().filter(|moment| is_here(&moment.database)).cloned().collect();
    Manifest { datasets, customers, moments, missing: Vec::new(), ..whole.clone() }
}

/// `format` and `profile`.
fn words(format: &Format) -> (&'static str, Option<&'static str>) {
    match format {
        Format::Dat { profile: Profile::Lossless, .. } => ("dat", Some("lossless")),
        Format::Dat { profile: Profile::Market, .. } => ("dat", Some("market")),
        Format::Sql { dialect: Dialect::Mysql } => ("sql", Some("mysql")),
        Format::Sql { dialect: Dialect::Postgresql } => ("sql", Some("postgresql")),
        Format::Mysql { .. } => ("mysql", None),
    }
}

/// A data set's columns, with what was lost of each. `leading` is the customer's column of a combined layout.
pub fn columns(dataset: &DataSet, leading: Option<&Ident>, losses: Vec<Losses>) -> Vec<ColumnEntry> {
    let leading = leading.map(|name| ColumnEntry {
        name: name.to_string(),
        type_text: String::new(),
        losses: Losses::new(),
    });
    let entries = dataset.shape.columns.iter().zip(losses).map(|(column, losses)| ColumnEntry {
        name: column.name.to_string(),
        type_text: column.type_text.clone(),
        losses,
    });
    leading.into_iter().chain(entries).collect()
}
