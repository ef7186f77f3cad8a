//! From the trees of the files to drafts: every table read by its own file, merged by name, nothing looked up yet.
//!
//! A draft keeps what the finished [`Config`](super::model::Config) has no room for: names that may not exist and the
//! spots of single values. A thing whose table is wrong is still *defined*, so that nobody complains that it is missing.

pub(super) mod calendar;
pub(super) mod chosen;
pub(super) mod connection;
pub(super) mod customer;
pub(super) mod daemon;
pub(super) mod database;
pub(super) mod dataset;
mod exclusion;
pub(super) mod notify;
mod recipient;
pub(super) mod rule;
mod server;
pub(super) mod snapshot;
pub(super) mod sync;

use std::collections::BTreeMap;

use self::customer::CustomerDraft;
use self::daemon::DaemonDraft;
use self::dataset::DatasetDraft;
use self::snapshot::SnapshotDraft;
use self::sync::SyncDraft;
use super::finding::Findings;
use super::keys::KeyTable;
use super::mask::quote;
use super::model::{Database, Notify, Server};
use super::source::SourceFile;
use super::spot::Spot;
use super::syntax::Document;
use super::tree::{Item, Section, Spotted};
use super::words::RuleWords;
use crate::name::Ident;

/// The tables of a file.
pub(super) const KEYS: KeyTable = KeyTable {
    title: "a configuration file",
    known: &[
        "databases",
        "customers",
        "datasets",
        "data_types",
        "protected",
        "defaults",
        "sync",
        "notify",
        "servers",
        "snapshot",
        "daemon",
    ],
    later: &["alert"],
};

/// `[protected]`
pub(super) const PROTECTED_KEYS: KeyTable = KeyTable { title: "[protected]", known: &["tables"], later: &[] };

/// Something with a name of the user's choice. The value is missing when its table is wrong.
#[derive(Debug)]
pub(super) struct Definition<T> {
    pub(super) spot: Spot,
    pub(super) value: Option<T>,
}

/// Things by name.
pub(super) type Named<T> = BTreeMap<String, Definition<T>>;

/// What the files say, taken together.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) databases: Named<Database>,
    pub(super) customers: Named<CustomerDraft>,
    pub(super) datasets: Named<DatasetDraft>,
    pub(super) data_types: Named<Vec<Spotted<String>>>,
    pub(super) protected: BTreeMap<Ident, Spot>,
    pub(super) defaults: RuleWords,
    /// Where `[defaults]` was found first.
    defaults_spot: Option<Spot>,
    pub(super) syncs: Vec<SyncDraft>,
    pub(super) notifies: Vec<Notify>,
    pub(super) servers: Named<Server>,
    pub(super) snapshots: Vec<SnapshotDraft>,
    pub(super) daemon: DaemonDraft,
}

impl Draft {
    /// Adds what one file says.
    pub(super) fn read(&mut self, source: &SourceFile, document: &Document<'_>, findings: &mut Findings) {
        let file = document.file;
        let top = Spot { file, start: 0, end: 0 };
        let title = "a configuration file".to_owned();
        let root = Section::open(file, &document.tree, &KEYS, title, top, findings);
        for (name, item) in named(&root, "databases", "[databases.NAME]", findings) {
            let database = database::read(&name, item, &source.directory, findings);
            define(&mut self.databases, "database", &name, database, findings);
        }
        for (name, item) in named(&root, "customers", "[customers.NAME]", findings) {
            let customer = customer::read(&name, item, findings);
            define(&mut self.customers, "customer", &name, customer, findings);
        }
        for (name, item) in named(&root, "datasets", "[datasets.NAME]", findings) {
            let dataset = dataset::read(&name, item, findings);
            define(&mut self.datasets, "data set", &name, dataset, findings);
        }
        for (name, item) in named(&root, "data_types", "[data_types] with NAME = [\"…\"]", findings) {
            let entries = dataset::read_data_type(&name, item, findings);
            define(&mut self.data_types, "data type", &name, entries, findings);
        }
        self.read_protected(&root, findings);
        self.read_defaults(&root, findings);
        self.syncs.extend(sync::read(&root, findings));
        self.notifies.extend(notify::read(&root, findings));
        for (name, item) in named(&root, "servers", "[servers.NAME]", findings) {
            let server = server::read(&name, item, &source.directory, findings);
            define(&mut self.servers, "server", &name, server, findings);
        }
        self.snapshots.extend(snapshot::read(&root, &source.directory, findings));
        if let Some(item) = root.get("daemon") {
            self.daemon.read(item, root.key_spot("daemon"), &source.directory, findings);
        }
    }

    /// `[defaults]`: one table, in whichever file.
    fn read_defaults(&mut self, root: &Section<'_>, findings: &mut Findings) {
        let Some(item) = root.get("defaults") else {
            return;
        };
        let spot = root.key_spot("defaults");
        if let Some(first) = self.defaults_spot {
            let message = "[defaults] is defined twice";
            findings
                .error(spot, message, "write all defaults in one of the two")
                .relate(first, "defined here first");
            return;
        }
        self.defaults_spot = Some(spot);
        if let Some(section) = item.section(&rule::DEFAULT_KEYS, "[defaults]".to_owned(), spot, findings) {
            self.defaults = rule::read_words(&section, findings);
        }
    }

    /// `[protected]`: the lists of all files are one list.
    fn read_protected(&mut self, root: &Section<'_>, findings: &mut Findings) {
        let Some(item) = root.get("protected") else {
            return;
        };
        let spot = root.key_spot("protected");
        let Some(section) = item.section(&PROTECTED_KEYS, "[protected]".to_owned(), spot, findings) else {
            return;
        };
        section.require("tables", "[\"…\"]", findings);
        let Some(tables) = section
            .get("tables")
            .and_then(|item| item.parsed_list(Ident::new, "write the name of a table", findings))
        else {
            return;
        };
        for table in tables.value {
            let message = format!("table {} is protected twice", quote(table.value.as_str()));
            if let Some(first) = self.protected.get(&table.value) {
                findings.error(table.spot, message, "remove one of the two").relate(*first, "the first time");
            } else {
                self.protected.insert(table.value, table.spot);
            }
        }
    }
}

/// The entries of a table whose keys are names.
fn named<'t>(
    root: &Section<'t>,
    key: &str,
    example: &str,
    findings: &mut Findings,
) -> Vec<(Spotted<&'t str>, Item<'t>)> {
    root.get(key).map(|item| item.entries(example, findings)).unwrap_or_default()
}

/// Adds a thing by its name, unless the name is taken.
fn define<T>(
    things: &mut Named<T>,
    what: &str,
    name: &Spotted<&str>,
    value: Option<T>,
    findings: &mut Findings,
) {
    if let Some(first) = things.get(name.value) {
        let message = format!("{what} {} is defined twice", quote(name.value));
        findings
            .error(name.spot, message, "remove one of the two, or give it another name")
            .relate(first.spot, "defined here first");
    } else {
        things.insert(name.value.to_owned(), Definition { spot: name.spot, value });
    }
}
