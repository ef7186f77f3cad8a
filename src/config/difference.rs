//! What is different between two configurations, for people and for programs. Names and words of the rule files only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::outline::{Group, Outline, Words};

/// Longer lists of names are cut.
const NAMES_SHOWN: usize = 5;
/// Words of `[daemon]` that a running process can't change.
const NEEDS_RESTART: [&str; 1] = ["runtime_directory"];

/// A word, what it said and what it says.
pub type ChangedWord = (String, String, String);

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// `group`, `customer`, `data set`, `database`, `server`, `snapshot`, `notify`, `protected`, `daemon`.
    pub what: String,
    /// Its name; empty where there is only one.
    pub name: String,
    /// Inside a group: data sets and customers; all of them where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub datasets: Vec<String>,
    /// The same.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub customers: Vec<String>,
    /// What became of it.
    pub change: Change,
    /// The words that changed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub words: Vec<ChangedWord>,
    /// It takes effect at the next start.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub needs_restart: bool,
}

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It was not there.
    Added,
    /// It is gone.
    Removed,
    /// It says something else.
    Changed,
}

impl Change {
    fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

impl Outline {
    /// What is different in `new`.
    pub fn differences(&self, new: &Self) -> Vec<Difference> {
        let mut all = Vec::new();
        things("database", &self.databases, &new.databases, &mut all);
        things("server", &self.servers, &new.servers, &mut all);
        for (whose, secret) in &self.secrets {
            if new.secrets.get(whose).is_some_and(|now| now != secret) {
                let here = "in the rule file".to_owned();
                let words = vec![("password".to_owned(), here, "another one there".to_owned())];
                let (what, name) = whose;
                all.push(Difference { words, ..difference(what, name, Change::Changed) });
            }
        }
        things("customer", &self.customers, &new.customers, &mut all);
        things("data set", &self.datasets, &new.datasets, &mut all);
        let names: BTreeSet<&String> = self.groups.keys().chain(new.groups.keys()).collect();
        for name in names {
            match (self.groups.get(name), new.groups.get(name)) {
                (Some(old), Some(now)) => {
                    groups(name, (old, &self.rules), (now, &new.rules), &mut all);
                }
                (None, Some(now)) => all.push(of_group(name, Change::Added, &now.routes)),
                (Some(old), None) => all.push(of_group(name, Change::Removed, &old.routes)),
                (None, None) => {}
            }
        }
        things("snapshot", &self.snapshots, &new.snapshots, &mut all);
        things("notify", &self.notifies, &new.notifies, &mut all);
        let own = |words: &Words| BTreeMap::from([(String::new(), words.clone())]);
        things("protected", &own(&self.protected), &own(&new.protected), &mut all);
        things("daemon", &own(&self.daemon), &own(&new.daemon), &mut all);
        all
    }
}

fn difference(what: &str, name: &str, change: Change) -> Difference {
    Difference {
        what: what.to_owned(),
        name: name.to_owned(),
        datasets: Vec::new(),
        customers: Vec::new(),
        change,
        words: Vec::new(),
        needs_restart: false,
    }
}

fn things(
    what: &str,
    old: &BTreeMap<String, Words>,
    new: &BTreeMap<String, Words>,
    all: &mut Vec<Difference>,
) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) if old != new => {
                let words = changed(old, new);
                let (late, now): (Vec<_>, Vec<_>) = words
                    .into_iter()
                    .partition(|(word, _, _)| what == "daemon" && NEEDS_RESTART.contains(&word.as_str()));
                for (words, needs_restart) in [(now, false), (late, true)] {
                    if !words.is_empty() {
                        let one = difference(what, name, Change::Changed);
                        all.push(Difference { words, needs_restart, ..one });
                    }
                }
            }
            (None, Some(_)) => all.push(difference(what, name, Change::Added)),
            (Some(_), None) => all.push(difference(what, name, Change::Removed)),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}

fn changed(old: &Words, new: &Words) -> Vec<ChangedWord> {
    let words: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let value = |words: &Words, word: &String| words.get(word).cloned().unwrap_or_default();
    let both = words.into_iter().map(|word| (word.clone(), value(old, word), value(new, word)));
    both.filter(|(_, old, new)| old != new).collect()
}

type Routes = BTreeMap<String, BTreeMap<String, usize>>;

fn of_group(name: &str, change: Change, routes: &Routes) -> Difference {
    Difference {
        datasets: datasets(routes),
        customers: routes.keys().cloned().collect(),
        ..difference("group", name, change)
    }
}

fn datasets(routes: &Routes) -> Vec<String> {
    let all: BTreeSet<&String> = routes.values().flat_map(BTreeMap::keys).collect();
    all.into_iter().cloned().collect()
}

/// Routes that changed alike are told together.
fn groups(
    name: &str,
    (old, old_rules): (&Group, &[Words]),
    (new, new_rules): (&Group, &[Words]),
    all: &mut Vec<Difference>,
) {
    let words = changed(&old.words, &new.words);
    if !words.is_empty() {
        all.push(Difference { words, ..difference("group", name, Change::Changed) });
    }
    // By customer, data sets that came and went; then customers to whom the same happened.
    let empty = BTreeMap::new();
    let mut alike: BTreeMap<(bool, Vec<String>), Vec<String>> = BTreeMap::new();
    let mut other: BTreeMap<(String, Vec<ChangedWord>), Vec<String>> = BTreeMap::new();
    let customers: BTreeSet<&String> = old.routes.keys().chain(new.routes.keys()).collect();
    for customer in customers {
        let before = old.routes.get(customer).unwrap_or(&empty);
        let now = new.routes.get(customer).unwrap_or(&empty);
        for (is_new, some, others) in [(true, now, before), (false, before, now)] {
            let alone: Vec<String> =
                some.keys().filter(|name| !others.contains_key(*name)).cloned().collect();
            if !alone.is_empty() {
                alike.entry((is_new, alone)).or_default().push(customer.clone());
            }
        }
        for (dataset, rule) in now {
            let Some(old_rule) = before.get(dataset) else { continue };
            let words = changed(&old_rules[*old_rule], &new_rules[*rule]);
            if !words.is_empty() {
                other.entry((dataset.clone(), words)).or_default().push(customer.clone());
            }
        }
    }
    for ((is_new, datasets), customers) in alike {
        let change = if is_new { Change::Added } else { Change::Removed };
        all.push(Difference { datasets, customers, ..difference("group", name, change) });
    }
    for ((dataset, words), customers) in other {
        let one = difference("group", name, Change::Changed);
        all.push(Difference { datasets: vec![dataset], customers, words, ..one });
    }
}

impl fmt::Display for Difference {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        if !self.datasets.is_empty() || !self.customers.is_empty() {
            write!(f, ", {} \u{2192} {}", names(&self.datasets), names(&self.customers))?;
        }
        if self.words.is_empty() {
            write!(f, " {}", self.change.as_str())?;
        }
        for (number, (word, before, now)) in self.words.iter().enumerate() {
            let sign = if number == 0 { ":" } else { ";" };
            write!(f, "{sign} {word} {} \u{2192} {}", said(before), said(now))?;
        }
        if self.needs_restart {
            f.write_str(" (needs a restart of the daemon)")?;
        }
        Ok(())
    }
}

fn said(value: &str) -> &str {
    if value.is_empty() { "(nothing)" } else { value }
}

fn names(names: &[String]) -> String {
    if names.len() <= NAMES_SHOWN {
        return names.join(", ");
    }
    format!("{}, … ({} in all)", names[..NAMES_SHOWN].join(", "), names.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: &str = r#"
[databases.main]
host = "/run/postgresql"
dbname = "practice"
password = "hunter2"

[customers.hq]
database = "main"
schema = "hq"

[customers.north]
database = "main"
schema = "north"

[customers.south]
database = "main"
schema = "south"

[datasets.code]
key = ["code"]

[datasets.price]
key = ["code"]

[[sync]]
name = "codes"
from = "hq"
to = ["north"]
data = ["code"]
"#;

    fn outline(text: &str) -> Outline {
        let place = tempfile::tempdir().expect("a directory");
        std::fs::write(place.path().join("acequia.toml"), text).expect("a file");
        let (config, _) = crate::config::Config::load(place.path()).expect("a right configuration");
        Outline::of(&config)
    }

    fn told(from: &str, to: &str) -> Vec<String> {
        let text = FILES.replace(from, to);
        outline(FILES).differences(&outline(&text)).iter().map(Difference::to_string).collect()
    }

    #[test]
    fn what_changes_no_meaning_is_no_difference() {
        assert_eq!(told("[[sync]]", "# a remark\n\n[[sync]]"), Vec::<String>::new());
    }

    #[test]
    fn a_difference_names_the_thing_and_its_words() {
        assert_eq!(
            told("to = [\"north\"]", "to = [\"north\", \"south\"]"),
            ["group codes, code \u{2192} south added"]
        );
        assert_eq!(
            told("data = [\"code\"]", "data = [\"price\"]"),
            ["group codes, code \u{2192} north removed", "group codes, price \u{2192} north added"]
        );
        assert_eq!(
            told("data = [\"code\"]", "data = [\"code\"]\nwhere = \"code < '5'\""),
            ["group codes, code \u{2192} north: where every row \u{2192} code < '5'"]
        );
        assert_eq!(
            told("schema = \"north\"", "schema = \"nord\""),
            ["customer north: schema north \u{2192} nord"]
        );
    }

    #[test]
    fn another_password_is_noticed_and_neither_is_told() {
        let told = told("hunter2", "correct horse");
        assert_eq!(told, ["database main: password in the rule file \u{2192} another one there"]);
        let written = serde_json::to_string(&outline(FILES)).expect("it can be written");
        assert!(!written.contains("hunter2") && !written.contains("secrets"), "{written}");
    }

    #[test]
    fn what_a_running_daemon_cannot_change_is_said() {
        let told = told(
            "[databases.main]",
            "[daemon]\nruntime_directory = \"/tmp/x\"\nlisten = \"127.0.0.1:9187\"\n[databases.main]",
        );
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[1].ends_with("(needs a restart of the daemon)"), "{told:?}");
    }
}
