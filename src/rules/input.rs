//! What a route is made from, and what its problems say about tables that are not there.

use crate::catalog::Table;
use crate::config::{Config, Dataset, Rule, Spot, Sync};
use crate::name::{CustomerName, DatasetName, Ident};

use super::parents::{RouteKey, World};
use super::problem::Problem;

/// What a route is made from.
pub(super) struct RouteInput<'a> {
    pub(super) world: &'a World<'a>,
    pub(super) sync: &'a Sync,
    pub(super) key: &'a RouteKey,
    pub(super) dataset: &'a Dataset,
    pub(super) source: &'a Table,
    pub(super) target: &'a Table,
    pub(super) rule: &'a Rule,
}

/// The role with which Acequia comes to a customer's database, quoted.
pub(super) fn role(config: &Config, customer: &CustomerName) -> String {
    let database =
        config.customers.get(customer).and_then(|customer| config.databases.get(&customer.database));
    database
        .and_then(|database| Ident::new(&database.user).ok())
        .map_or_else(String::new, |role| role.quoted())
}

/// A table that is not there: alone, or with all the others of its schema.
pub(super) fn missing_table(
    world: &World<'_>,
    customer: &CustomerName,
    dataset: &DatasetName,
    spot: Spot,
) -> Option<Problem> {
    let name = world.table_name(customer, dataset)?;
    if let Some(other) = world.source.others.get(&name).or_else(|| world.target.others.get(&name)) {
        let message = format!("{name} is {other} (customer {customer}, data set {dataset})");
        let remedy = format!("only tables can be synchronized: name one by `table` in [datasets.{dataset}]");
        return Some(Problem::error(spot, message, remedy));
    }
    // Both catalogs, since one customer can be read in the one and written in the other.
    if world.source.schemas.contains(&name.schema) || world.target.schemas.contains(&name.schema) {
        let message = format!("table {name} does not exist (customer {customer}, data set {dataset})");
        let remedy = format!("create it, or correct `table` in [datasets.{dataset}]");
        return Some(Problem::error(spot, message, remedy));
    }
    let message = format!("schema {} does not exist (customer {customer})", name.schema);
    let remedy = format!("correct `schema` of the customer, in [customers.{customer}], or create it");
    Some(Problem::error(spot, message, remedy))
}
