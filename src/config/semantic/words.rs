//! What is wrong with the words of a rule: those that contradict each other, and those that do nothing.
//!
//! What is wrong depends on all tables that say something about a route, so every route is looked at; customers of whom
//! nothing particular is said are one. A word that is wrong for several is told once.

use std::collections::{BTreeMap, BTreeSet};

use super::columns::{key_columns, not_copied};
use crate::config::finding::{Finding, Findings};
use crate::config::mask::quote;
use crate::config::merge::{merge, tables};
use crate::config::model::{Columns, Dataset, Sync};
use crate::config::resolve::Resolved;
use crate::config::spelling::remedy;
use crate::config::spot::Spot;
use crate::config::words::{Gone, Mode, OnTruncate, Rule, RuleWords};
use crate::expression::Expression;
use crate::name::{CustomerName, DatasetName, Ident};

/// Records what is wrong.
pub(super) fn check(config: &Resolved, findings: &mut Findings) {
    let mut check = Check { config, findings, told: BTreeSet::new(), leaves: BTreeMap::new() };
    for sync in &config.syncs {
        check.tables(sync);
        let mut ordinary = false;
        for to in &sync.to {
            let particular = sync.customers.contains_key(to);
            if particular || !ordinary {
                ordinary |= !particular;
                check.routes(sync, to);
            }
        }
    }
    check.report_leaves();
}

/// What has been found.
struct Check<'a> {
    config: &'a Resolved,
    findings: &'a mut Findings,
    /// What has been told: most words are looked at many times.
    told: BTreeSet<(Spot, String)>,
    /// Every `on_leave`, and whether some row can leave.
    leaves: BTreeMap<Spot, bool>,
}

impl Check<'_> {
    fn error(&mut self, spot: Spot, message: String, help: &str) -> Option<&mut Finding> {
        self.told.insert((spot, message.clone())).then(|| self.findings.error(spot, message, help))
    }

    /// What one table says twice.
    fn tables(&mut self, sync: &Sync) {
        let customers = sync.customers.values();
        let tables = std::iter::once(&sync.words).chain(sync.datasets.values());
        let particular = customers.flat_map(|one| std::iter::once(&one.words).chain(one.datasets.values()));
        for words in tables.chain(particular) {
            for (column, set) in &words.set {
                if let Some(map) = words.map.get(column) {
                    let message = format!("column {} is set and mapped", quote(column.as_str()));
                    let finding = self.error(set.spot, message, "keep one of the two");
                    finding.map(|finding| finding.relate(map.spot, "it is mapped here"));
                }
            }
        }
    }

    /// Every data set on its way to one customer.
    fn routes(&mut self, sync: &Sync, to: &CustomerName) {
        for dataset in sync.data.iter().filter_map(|name| self.config.datasets.get(name)) {
            let rule = merge(&self.config.defaults, sync, to, &dataset.name);
            self.columns(&rule, dataset);
            self.sql(&rule);
            if rule.mode == Mode::LinkOnly {
                self.link_only(sync, to, &dataset.name, &rule);
            }
            if let Some(spot) = rule.spots.get("on_leave").filter(|_| rule.on_leave != Gone::Ignore) {
                *self.leaves.entry(*spot).or_default() |= rule.filter.is_some();
            }
        }
    }

    /// Which columns the words fill.
    fn columns(&mut self, rule: &Rule, dataset: &Dataset) {
        let key: BTreeSet<Ident> = dataset.key.iter().flat_map(key_columns).collect();
        let filled = [
            ("map", "mapped", rule.map.keys().collect::<Vec<_>>()),
            ("set", "set", rule.set.keys().collect()),
            ("default", "given a default", rule.default.keys().collect()),
        ];
        for (word, done, columns) in filled {
            for column in columns {
                let Some(spot) = rule.spots.get(&format!("{word}.{column}")).copied() else { continue };
                if key.contains(column) {
                    self.refuse_key(spot, column, done, dataset);
                }
                self.refuse_excluded(spot, column, word, done, dataset);
                if let Some(set) = rule.spots.get(&format!("set.{column}")).filter(|_| word == "default") {
                    let message =
                        format!("the default of column {} does nothing: it is set", quote(column.as_str()));
                    let finding = self.error(spot, message, "keep one of the two");
                    finding.map(|finding| finding.relate(*set, "it is set here"));
                }
            }
        }
        for (word, gone) in [("on_delete", &rule.on_delete), ("on_leave", &rule.on_leave)] {
            let Gone::Set(columns) = gone else { continue };
            let Some(spot) = rule.spots.get(word).copied() else { continue };
            for column in columns.keys().filter(|column| key.contains(column)) {
                self.refuse_key(spot, column, "set", dataset);
            }
        }
    }

    /// A row with another key is another row.
    fn refuse_key(&mut self, spot: Spot, column: &Ident, done: &str, dataset: &Dataset) {
        let (shown, of) = (quote(column.as_str()), quote(dataset.name.as_str()));
        let message = format!("key column {shown} of data set {of} is {done}");
        let help = "a row is recognized by its key: leave the column alone, or choose another key";
        let finding = self.error(spot, message, help);
        finding.map(|finding| finding.relate(dataset.key_spot, "the key"));
    }

    /// A column that stays the customer's own is not filled either; one that is not copied has no value to be null.
    fn refuse_excluded(&mut self, spot: Spot, column: &Ident, word: &str, done: &str, dataset: &Dataset) {
        let Some((why, at)) = not_copied(column, dataset) else {
            return;
        };
        let shown = quote(column.as_str());
        let excluded = match &dataset.columns {
            Columns::Except(_) => true,
            Columns::Only(_) | Columns::All => false,
        };
        let (message, help) = if excluded {
            let of = quote(dataset.name.as_str());
            (format!("column {shown} of data set {of} is excluded and {done}"), "keep one of the two")
        } else if word == "default" {
            let help = "name it in `columns`, or write it in `set`";
            (format!("the default of column {shown} does nothing: the column is not copied"), help)
        } else {
            return;
        };
        let finding = self.error(spot, message, help);
        finding.map(|finding| finding.relate(at, why));
    }

    /// The names before a point: a data set in `set` and `default`, nothing elsewhere.
    fn sql(&mut self, rule: &Rule) {
        let spot = |key: String| rule.spots.get(&key).copied();
        for (column, sql) in &rule.set {
            if let Some(spot) = spot(format!("set.{column}")) {
                self.datasets_of(sql, spot);
            }
        }
        for (column, chain) in &rule.default {
            if let Some(spot) = spot(format!("default.{column}")) {
                for sql in chain {
                    self.datasets_of(sql, spot);
                }
            }
        }
        if let (Some(sql), Some(spot)) = (&rule.filter, spot("where".to_owned())) {
            self.own_row(sql, "where", spot);
        }
        for (word, gone) in [("on_delete", &rule.on_delete), ("on_leave", &rule.on_leave)] {
            if let (Gone::Set(columns), Some(spot)) = (gone, spot(word.to_owned())) {
                for sql in columns.values() {
                    self.own_row(sql, word, spot);
                }
            }
        }
    }

    /// Records names before a point that are no data sets.
    fn datasets_of(&mut self, sql: &Expression, spot: Spot) {
        for qualifier in sql.columns().into_iter().filter_map(|column| column.qualifier) {
            let datasets = self.config.datasets.keys().map(DatasetName::as_str);
            if datasets.clone().all(|name| name != qualifier.as_str()) {
                let help = remedy(
                    qualifier.as_str(),
                    datasets,
                    "write a column of the row alone, or a data set's name before it, in quotation marks if it needs them",
                );
                let message = format!("{} before a column is no data set", quote(qualifier.as_str()));
                self.error(spot, message, &help).map(Finding::mark_absence);
            }
        }
    }

    /// Records names before a point where there is only one row.
    fn own_row(&mut self, sql: &Expression, word: &str, spot: Spot) {
        for qualifier in sql.columns().into_iter().filter_map(|column| column.qualifier) {
            let message = format!("`{word}` is about one row, and this names {}", quote(qualifier.as_str()));
            self.error(spot, message, "write the columns without a name before them");
        }
    }

    /// Words that change the customer's row do nothing where nothing is written. Those of a table more general than the
    /// one that says `link-only` are meant for others.
    fn link_only(&mut self, sync: &Sync, to: &CustomerName, dataset: &DatasetName, rule: &Rule) {
        let tables = tables(&self.config.defaults, sync, to, dataset);
        let said = tables.iter().position(|words| words.mode.is_some());
        let (Some(last), Some(mode)) = (said, rule.spots.get("mode")) else {
            return;
        };
        for (word, spot) in tables[..=last].iter().flat_map(|words| writing_words(words)) {
            let message = format!("`{word}` does nothing: the mode is `link-only`, which writes nothing");
            if self.told.insert((spot, message.clone())) {
                let help = "remove it, or choose another mode";
                self.findings.warning(spot, message, help).relate(*mode, "the mode");
            }
        }
    }

    /// Without `where`, no row leaves.
    fn report_leaves(&mut self) {
        for (spot, _) in self.leaves.iter().filter(|(_, some_leave)| !**some_leave) {
            let help = "write the `where` that it is about, or remove it";
            self.findings.warning(*spot, "`on_leave` does nothing: there is no `where`", help);
        }
    }
}

/// The words of a table that would change a row of the customer.
fn writing_words(words: &RuleWords) -> Vec<(&'static str, Spot)> {
    let mut found = Vec::new();
    found.extend(words.map.values().map(|said| ("map", said.spot)));
    found.extend(words.set.values().map(|said| ("set", said.spot)));
    found.extend(words.default.values().map(|said| ("default", said.spot)));
    for (word, gone) in [("on_delete", &words.on_delete), ("on_leave", &words.on_leave)] {
        let writes = gone.iter().filter(|said| said.value != Gone::Ignore);
        found.extend(writes.map(|said| (word, said.spot)));
    }
    let truncate = words.on_truncate.iter().filter(|said| said.value != OnTruncate::Ignore);
    found.extend(truncate.map(|said| ("on_truncate", said.spot)));
    found
}
