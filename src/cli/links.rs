//! `acequia links`: for every pair of tables, whether both sides agree about who is who: what is linked, what has no
//! partner, which natural keys are there twice, differ between linked rows, or are no valid NPI.

use std::collections::BTreeMap;

use serde::Serialize;

use super::console::{Exit, Output, say};
use super::parked::known;
use super::sides::{self, Sides};
use super::table::table;
use crate::config::{Config, Dataset, KeyPart};
use crate::name::{CustomerName, DatasetName};
use crate::postgres::Error;
use crate::rules::{Discrepancy, Flow, Route, Survey};

/// The natural key's part of this name is a National Provider Identifier.
const NPI: &str = "npi";
const INVALID_AT_SOURCE: &str = "invalid_at_source";
const INVALID_AT_CUSTOMER: &str = "invalid_at_customer";
/// So many keys of one kind are listed at most.
const LISTED: usize = 50;

/// What is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Links {
    /// Only this data set's
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// Only this customer's
    #[arg(long, value_name = "NAME")]
    customer: Option<String>,
    /// List the natural keys at fault too: they are values of rows
    #[arg(long)]
    keys: bool,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

/// One pair of tables.
#[derive(Debug, Default, Serialize)]
struct Pair {
    sync: String,
    from: String,
    customer: String,
    dataset: String,
    mode: &'static str,
    /// Why nothing could be counted.
    trouble: Option<String>,
    rows_at_source: i64,
    rows_at_customer: i64,
    linked_created: i64,
    linked_found: i64,
    linked_later: i64,
    discrepancies: BTreeMap<&'static str, usize>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    keys: BTreeMap<&'static str, Vec<String>>,
}

impl Pair {
    fn count(&mut self, what: &'static str, found: Vec<String>, with_keys: bool) {
        self.discrepancies.insert(what, found.len());
        if with_keys && !found.is_empty() {
            self.keys.insert(what, found.into_iter().take(LISTED).collect());
        }
    }

    fn is_in_order(&self) -> bool {
        self.trouble.is_none() && self.discrepancies.values().all(|count| *count == 0)
    }
}

pub(super) async fn links(config: &Config, question: &Links) -> anyhow::Result<Exit> {
    known("data set", question.dataset.as_deref(), config.datasets.keys().map(DatasetName::as_str))?;
    known("customer", question.customer.as_deref(), config.customers.keys().map(CustomerName::as_str))?;
    let mut pairs = Vec::new();
    for flow in Flow::all(config) {
        let sides = Sides::open(config, flow, "links").await?;
        sides.begin().await?;
        for source in &sides.plan.sources {
            let wanted = |name: &Option<String>, own: &str| name.as_ref().is_none_or(|name| name == own);
            let routes = source.routes.iter().map(|&route| &sides.plan.routes[route]);
            let routes: Vec<&Route> =
                routes.filter(|route| wanted(&question.customer, route.to.as_str())).collect();
            if routes.is_empty() || !wanted(&question.dataset, source.dataset.as_str()) {
                continue;
            }
            sides.stage(source, None).await?;
            sides.analyze(source).await?;
            for route in routes {
                pairs.push(pair(&sides, route, &config.datasets[&route.dataset], question.keys).await?);
            }
            sides.clear(source).await?;
        }
        sides.end().await?;
    }
    match question.output {
        Output::Json => say!("{}", serde_json::to_string_pretty(&pairs)?),
        Output::Text => print_text(&pairs),
    }
    Ok(Exit::Done)
}

async fn pair(sides: &Sides, route: &Route, dataset: &Dataset, with_keys: bool) -> Result<Pair, Error> {
    let mut pair = Pair {
        sync: route.sync.to_string(),
        from: route.from.to_string(),
        customer: route.to.to_string(),
        dataset: route.dataset.to_string(),
        mode: route.mode.as_str(),
        ..Pair::default()
    };
    let survey = route.recipe.write().survey();
    // A value that does not fit at the customer spoils the whole comparison: the savepoint keeps the next pair apart.
    for sql in &survey.prepare {
        if let Err(error) = sides.ask("comparing natural keys", sql).await? {
            pair.trouble = Some(error.to_string());
            return Ok(pair);
        }
    }
    totals(sides, &survey, &mut pair).await?;
    for (discrepancy, sql) in &survey.discrepancies {
        let rows = sides::query(&sides.target, "looking for discrepancies", sql, &[]).await?;
        let keys = rows.iter().map(|row| row.get::<_, Option<String>>(0).unwrap_or_default());
        pair.count(discrepancy.as_str(), keys.collect(), with_keys);
    }
    let is_npi = |part: &KeyPart| matches!(part, KeyPart::Column(name) if name.as_str() == NPI);
    if let Some(sql) = dataset.key.iter().position(is_npi).and_then(|place| survey.values.get(place)) {
        for (at_customer, what) in [(false, INVALID_AT_SOURCE), (true, INVALID_AT_CUSTOMER)] {
            let rows = sides::query(&sides.target, "reading natural keys", sql, &[&at_customer]).await?;
            let numbers = rows.iter().map(|row| row.get::<_, String>(0));
            pair.count(what, numbers.filter(|number| !is_valid_npi(number)).collect(), with_keys);
        }
    }
    sides::query(&sides.target, "forgetting natural keys", "DROP TABLE pg_temp.source_keys", &[]).await?;
    sides::query(&sides.target, "forgetting natural keys", "DROP TABLE pg_temp.customer_keys", &[]).await?;
    Ok(pair)
}

async fn totals(sides: &Sides, survey: &Survey, pair: &mut Pair) -> Result<(), Error> {
    let rows = sides::query(&sides.target, "counting links", &survey.totals, &[]).await?;
    if let Some(row) = rows.first() {
        pair.rows_at_source = row.get(0);
        pair.rows_at_customer = row.get(1);
        pair.linked_created = row.get(2);
        pair.linked_found = row.get(3);
        pair.linked_later = row.get(4);
    }
    Ok(())
}

/// Ten digits, the last of which makes the Luhn sum over `80840` and all of them a multiple of ten (CMS, "National Provider
/// Identifier Standard: check digit calculation").
fn is_valid_npi(number: &str) -> bool {
    /// What the digits 80840 add to the sum.
    const PREFIX_SUM: u32 = 24;
    let digits: Option<Vec<u32>> = number.trim_end().chars().map(|digit| digit.to_digit(10)).collect();
    let Some(digits) = digits.filter(|digits| digits.len() == 10) else { return false };
    let doubled = |digit: u32| (2 * digit) / 10 + (2 * digit) % 10;
    let sum: u32 =
        digits.iter().enumerate().map(|(i, &digit)| if i % 2 == 0 { doubled(digit) } else { digit }).sum();
    (sum + PREFIX_SUM).is_multiple_of(10)
}

/// What a discrepancy is, for people.
fn words(what: &str) -> &'static str {
    let known = Discrepancy::ALL.into_iter().find(|discrepancy| discrepancy.as_str() == what);
    match known {
        Some(Discrepancy::MissingAtCustomer) => "not at the customer",
        Some(Discrepancy::MissingAtSource) => "not at the source",
        Some(Discrepancy::DuplicateAtSource) => "several times at the source",
        Some(Discrepancy::DuplicateAtCustomer) => "several times at the customer",
        Some(Discrepancy::Mismatching) => "linked rows whose keys differ",
        Some(Discrepancy::UnknownAtSource) => "rows without a key at the source",
        Some(Discrepancy::UnknownAtCustomer) => "rows without a key at the customer",
        None if what == INVALID_AT_SOURCE => "no valid NPI at the source",
        None => "no valid NPI at the customer",
    }
}

fn print_text(pairs: &[Pair]) {
    if pairs.is_empty() {
        say!("no rule brings that data set to that customer");
        return;
    }
    let rows = pairs.iter().map(|pair| {
        vec![
            pair.dataset.clone(),
            pair.from.clone(),
            pair.customer.clone(),
            pair.mode.to_owned(),
            pair.rows_at_source.to_string(),
            pair.rows_at_customer.to_string(),
            pair.linked_created.to_string(),
            pair.linked_found.to_string(),
            pair.linked_later.to_string(),
            if pair.is_in_order() { "in order".to_owned() } else { "see below".to_owned() },
        ]
    });
    let headings = [
        "data set",
        "from",
        "customer",
        "mode",
        "there",
        "here",
        "created",
        "found",
        "to be linked",
        "state",
    ];
    say!("{}", table(&headings, rows.collect(), &[4, 5, 6, 7, 8]));
    for pair in pairs.iter().filter(|pair| !pair.is_in_order()) {
        say!("\n{} from {} at {} (sync {})", pair.dataset, pair.from, pair.customer, pair.sync);
        if let Some(trouble) = &pair.trouble {
            say!("  could not be compared: {trouble}");
        }
        for (what, count) in pair.discrepancies.iter().filter(|(_, count)| **count > 0) {
            say!("  {count} {}", words(what));
            for key in pair.keys.get(what).into_iter().flatten() {
                say!("      {key}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_npi_is_checked_by_its_last_digit() {
        assert!(is_valid_npi("1234567893"), "the example of the standard");
        for wrong in ["1234567890", "123456789", "12345678931", "1234567b93", ""] {
            assert!(!is_valid_npi(wrong), "{wrong}");
        }
    }
}
