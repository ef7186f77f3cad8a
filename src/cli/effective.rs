//! `acequia config show --effective`: every word of every route, and the line of the files that it came from.
//!
//! Customers for whom all words are the same and come from the same places are one entry, and so are data sets.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::bail;
use serde_json::{Map, Value, json};

use super::console::{Output, say};
use crate::config::{Apply, Config, Gone, Place, Rule, Spot, Sync, interval_text, nearest};
use crate::expression::Expression;
use crate::name::{CustomerName, DatasetName, Ident, SyncName};

/// Which routes are wanted.
#[derive(Debug, clap::Args)]
pub(super) struct Selection {
    /// Only this customer
    #[arg(long, value_name = "NAME", requires = "effective")]
    customer: Option<String>,
    /// Only this data set
    #[arg(long, value_name = "NAME", requires = "effective")]
    dataset: Option<String>,
}

/// Prints the rules of the routes that are wanted.
pub(super) fn show(config: &Config, selection: &Selection, output: Output) -> anyhow::Result<()> {
    let customers = config.customers.keys().map(CustomerName::as_str);
    check_name("customer", selection.customer.as_deref(), customers)?;
    let datasets = config.datasets.keys().map(DatasetName::as_str);
    check_name("data set", selection.dataset.as_deref(), datasets)?;
    let entries: Vec<Entry<'_>> =
        config.syncs.iter().flat_map(|sync| entries(config, sync, selection)).collect();
    match output {
        Output::Json => {
            let rules: Vec<Value> = entries.iter().map(|entry| entry.as_json(config)).collect();
            let all = json!({ "sha256": config.sha256, "rules": rules });
            say!("{}", serde_json::to_string_pretty(&all)?);
        }
        Output::Text => print_text(config, &entries),
    }
    Ok(())
}

/// Refuses a name that the files do not have.
fn check_name<'a>(
    what: &str,
    name: Option<&str>,
    known: impl Iterator<Item = &'a str> + Clone,
) -> anyhow::Result<()> {
    let Some(name) = name.filter(|name| known.clone().all(|known| known != *name)) else {
        return Ok(());
    };
    match nearest(name, known) {
        Some(meant) => bail!("there is no {what} {name:?} in the rule files: did you mean {meant:?}?"),
        None => bail!("there is no {what} {name:?} in the rule files: `acequia config show` names all"),
    }
}

/// Everything that is said of some routes of a group.
struct Entry<'a> {
    sync: &'a Sync,
    datasets: Vec<&'a DatasetName>,
    customers: Vec<&'a CustomerName>,
    rule: Rule,
    /// The group that carries them instead.
    carried_by: Option<&'a SyncName>,
}

/// What makes two routes the same: their words as text with their places, and who carries them.
type Sameness<'a> = (Vec<Word>, Option<&'a SyncName>);

/// One word of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Word {
    /// Its key in the files.
    name: String,
    value: String,
    /// None is built in.
    spot: Option<Spot>,
}

/// The routes of a group that are wanted, those that are the same taken together.
fn entries<'a>(config: &'a Config, sync: &'a Sync, selection: &Selection) -> Vec<Entry<'a>> {
    let wanted = |filter: &Option<String>, name: &str| filter.as_ref().is_none_or(|filter| filter == name);
    let customers = sync.to.iter().filter(|to| wanted(&selection.customer, to.as_str()));
    let customers: Vec<&CustomerName> = customers.collect();
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut known: BTreeMap<(Sameness<'_>, Vec<&CustomerName>), usize> = BTreeMap::new();
    for dataset in sync.data.iter().filter(|dataset| wanted(&selection.dataset, dataset.as_str())) {
        let mut order: Vec<(Sameness<'_>, Rule, Vec<&CustomerName>)> = Vec::new();
        for to in &customers {
            let rule = config.rule(sync, to, dataset);
            let carried_by = config.overshadowed(sync, to, dataset).map(|other| &other.name);
            let sameness = (words(&rule), carried_by);
            match order.iter_mut().find(|(other, _, _)| *other == sameness) {
                Some((_, _, customers)) => customers.push(to),
                None => order.push((sameness, rule, vec![to])),
            }
        }
        for (sameness, rule, customers) in order {
            let carried_by = sameness.1;
            let entry = *known.entry((sameness, customers.clone())).or_insert(entries.len());
            match entries.get_mut(entry) {
                Some(entry) => entry.datasets.push(dataset),
                None => entries.push(Entry { sync, datasets: vec![dataset], customers, rule, carried_by }),
            }
        }
    }
    entries
}

/// Every word of a rule, in the order of the documentation.
fn words(rule: &Rule) -> Vec<Word> {
    let word = |(name, value): (String, String)| {
        let spot = rule.spots.get(&name).copied();
        Word { name, value, spot }
    };
    rule.spoken().into_iter().map(word).collect()
}

fn print_text(config: &Config, entries: &[Entry<'_>]) {
    let mut before: Option<&SyncName> = None;
    for entry in entries {
        if before != Some(&entry.sync.name) {
            let gap = if before.is_some() { "\n" } else { "" };
            say!(
                "{gap}sync {} from {} ({})",
                entry.sync.name,
                entry.sync.from,
                config.place(entry.sync.spot)
            );
            before = Some(&entry.sync.name);
        }
        say!("\n  {} \u{2192} {}", list(&entry.datasets), list(&entry.customers));
        if let Some(other) = entry.carried_by {
            say!("    carried by sync {other} instead, whose priority is higher");
        }
        let words = words(&entry.rule);
        let width =
            |text: fn(&Word) -> &str| words.iter().map(|word| text(word).chars().count()).max().unwrap_or(0);
        let (names, values) = (width(|word| &word.name), width(|word| &word.value).min(VALUE_WIDTH));
        for Word { name, value, spot } in &words {
            let place = spot.map_or_else(|| "built in".to_owned(), |spot| config.place(spot).to_string());
            say!("    {name:names$}  {value:values$}  {place}");
        }
    }
    if entries.is_empty() {
        say!("no group gives this data set to this customer");
    }
}

/// Longer values push their place aside instead of everybody's.
const VALUE_WIDTH: usize = 40;

fn list<T: std::fmt::Display>(names: &[T]) -> String {
    let mut text = String::new();
    for (number, name) in names.iter().enumerate() {
        let comma = if number == 0 { "" } else { ", " };
        _ = write!(text, "{comma}{name}");
    }
    text
}

impl Entry<'_> {
    /// `{sync, from, datasets, customers, carried_by, words}`; a word is `{value, file, line, column}`, and what is built
    /// in has no place. `map`, `set` and `default` hold such a word for each column.
    fn as_json(&self, config: &Config) -> Value {
        let rule = &self.rule;
        let said = |key: &str, value: Value| {
            let place = rule.spots.get(key).map(|spot| config.place(*spot));
            word_json(&value, place.as_ref())
        };
        let mut words = Map::new();
        let mut add = |key: &str, value: Value| words.insert(key.to_owned(), said(key, value));
        add("enabled", json!(rule.enabled));
        add("mode", json!(rule.mode));
        add("where", json!(rule.filter.as_ref().map(Expression::text)));
        add("on_delete", gone_json(&rule.on_delete));
        add("on_leave", gone_json(&rule.on_leave));
        add("on_truncate", json!(rule.on_truncate));
        add("priority", json!(rule.priority));
        add("cascade", json!(rule.cascade));
        add("initial", json!(rule.initial));
        add("apply", apply_json(&rule.apply));
        let columns = |key: &str, values: Vec<(&Ident, Value)>| -> Value {
            let values = values.into_iter();
            values
                .map(|(column, value)| (column.to_string(), said(&format!("{key}.{column}"), value)))
                .collect()
        };
        let map = rule.map.iter().map(|(column, source)| (column, json!(source.as_str())));
        words.insert("map".to_owned(), columns("map", map.collect()));
        let set = rule.set.iter().map(|(column, sql)| (column, json!(sql.text())));
        words.insert("set".to_owned(), columns("set", set.collect()));
        let default = rule.default.iter().map(|(column, chain)| {
            let chain: Vec<&str> = chain.iter().map(Expression::text).collect();
            (column, json!(chain))
        });
        words.insert("default".to_owned(), columns("default", default.collect()));
        let names = |names: Vec<&str>| json!(names);
        json!({
            "sync": self.sync.name.as_str(),
            "from": self.sync.from.as_str(),
            "datasets": names(self.datasets.iter().map(|name| name.as_str()).collect()),
            "customers": names(self.customers.iter().map(|name| name.as_str()).collect()),
            "carried_by": self.carried_by.map(SyncName::as_str),
            "words": words,
        })
    }
}

fn word_json(value: &Value, place: Option<&Place>) -> Value {
    let position = place.and_then(|place| place.position);
    json!({
        "value": value,
        "file": place.map(|place| place.file.to_string_lossy()),
        "line": position.map(|position| position.line),
        "column": position.map(|position| position.column),
    })
}

fn gone_json(gone: &Gone) -> Value {
    match gone {
        Gone::Ignore | Gone::Delete => json!(gone.as_str()),
        Gone::Set(columns) => {
            let columns = columns.iter().map(|(column, sql)| (column.to_string(), json!(sql.text())));
            json!({ "set": columns.collect::<Map<_, _>>() })
        }
    }
}

fn apply_json(apply: &Apply) -> Value {
    match apply {
        Apply::Stream => json!("stream"),
        Apply::Every(interval) => json!({ "every": interval_text(*interval) }),
        Apply::At { time, time_zone } => {
            json!({ "at": time.strftime("%H:%M").to_string(), "time_zone": time_zone.iana_name() })
        }
    }
}
