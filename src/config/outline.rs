//! A configuration as text, thing by thing, without its places and its secrets: what two of them are compared by, and what
//! the daemon writes down of the one that it runs.

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::model::{
    Columns, Config, Customer, Daemon, Database, Dataset, KeyPart, Notify, Reference, SecretSource, Server,
    Sync, Tls,
};
use super::snapshot::Snapshot;
use super::words::Apply;

/// The words of one thing, each with its value.
pub type Words = BTreeMap<String, String>;

/// What a configuration says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// SHA-256 of the files.
    pub sha256: String,
    /// `[databases]`
    pub databases: BTreeMap<String, Words>,
    /// `[customers]`
    pub customers: BTreeMap<String, Words>,
    /// `[datasets]`
    pub datasets: BTreeMap<String, Words>,
    /// `[[sync]]`
    pub groups: BTreeMap<String, Group>,
    /// `[[notify]]`
    pub notifies: BTreeMap<String, Words>,
    /// `[servers]`
    #[serde(default)]
    pub servers: BTreeMap<String, Words>,
    /// `[[snapshot]]`
    #[serde(default)]
    pub snapshots: BTreeMap<String, Words>,
    /// `[daemon]`
    pub daemon: Words,
    /// `[protected]`
    pub protected: Words,
    /// What holds for routes: with many customers it is the same again and again.
    pub rules: Vec<Words>,
    /// Hashes of passwords that stand in the files themselves: never written down, only compared.
    #[serde(skip)]
    pub(super) secrets: BTreeMap<(&'static str, String), Vec<u8>>,
}

/// A sync group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What it says for all its routes.
    pub words: Words,
    /// For each customer and data set that it carries, which of the rules holds.
    pub routes: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Outline {
    /// The outline of a configuration.
    pub fn of(config: &Config) -> Self {
        let mut outline = Self {
            sha256: config.sha256.clone(),
            databases: by_name(config.databases.values(), |one| one.name.to_string(), Database::outline),
            customers: by_name(config.customers.values(), |one| one.name.to_string(), customer),
            datasets: by_name(config.datasets.values(), |one| one.name.to_string(), Dataset::outline),
            groups: BTreeMap::new(),
            notifies: by_name(&config.notifies, |one| one.name.clone(), Notify::outline),
            servers: by_name(config.servers.values(), |one| one.name.to_string(), Server::outline),
            snapshots: by_name(&config.snapshots, |one| one.name.to_string(), snapshot),
            daemon: daemon(&config.daemon),
            protected: words([("tables", list(&config.protected))]),
            rules: Vec::new(),
            secrets: secrets(config),
        };
        let mut known: BTreeMap<Words, usize> = BTreeMap::new();
        for sync in &config.syncs {
            let group = group(config, sync, &mut known);
            outline.groups.insert(sync.name.to_string(), group);
        }
        outline.rules = vec![Words::new(); known.len()];
        for (rule, number) in known {
            outline.rules[number] = rule;
        }
        outline
    }
}

fn by_name<'a, T: 'a>(
    things: impl IntoIterator<Item = &'a T>,
    name: impl Fn(&T) -> String,
    outline: impl Fn(&T) -> Words,
) -> BTreeMap<String, Words> {
    things.into_iter().map(|thing| (name(thing), outline(thing))).collect()
}

fn words<const N: usize>(words: [(&str, String); N]) -> Words {
    words.into_iter().map(|(word, value)| (word.to_owned(), value)).collect()
}

fn list<T: ToString>(things: impl IntoIterator<Item = T>) -> String {
    things.into_iter().map(|thing| thing.to_string()).collect::<Vec<_>>().join(", ")
}

fn group(config: &Config, sync: &Sync, known: &mut BTreeMap<Words, usize>) -> Group {
    let mut group = Group {
        words: words([
            ("from", sync.from.to_string()),
            ("enabled", config.is_active(sync).to_string()),
            ("allow_protected", sync.allow_protected.to_string()),
        ]),
        routes: BTreeMap::new(),
    };
    for to in &sync.to {
        for dataset in sync.data.iter().filter(|dataset| config.carries(sync, to, dataset)) {
            let rule: Words = config.rule(sync, to, dataset).spoken().into_iter().collect();
            let number = known.len();
            let number = *known.entry(rule).or_insert(number);
            group.routes.entry(to.to_string()).or_default().insert(dataset.to_string(), number);
        }
    }
    group
}

fn customer(customer: &Customer) -> Words {
    words([
        ("database", customer.database.to_string()),
        ("schema", customer.schema.to_string()),
        ("title", customer.title.clone().unwrap_or_default()),
    ])
}

fn snapshot(snapshot: &Snapshot) -> Words {
    snapshot.spoken().into_iter().map(|(word, value)| (word.to_owned(), value)).collect()
}

fn daemon(daemon: &Daemon) -> Words {
    let Daemon {
        runtime_directory,
        journal_keep_days,
        journal_max_bytes,
        parked_limit,
        verify,
        listen,
        max_lag,
        max_parked_age,
    } = daemon;
    words([
        ("runtime_directory", runtime_directory.display().to_string()),
        ("journal_keep", format!("{journal_keep_days}d")),
        ("journal_max", format!("{journal_max_bytes} bytes")),
        ("parked_limit", parked_limit.to_string()),
        ("verify", verify.as_ref().map_or_else(String::new, schedule)),
        ("listen", listen.map_or_else(String::new, |listen| listen.to_string())),
        ("max_lag", format!("{} s", max_lag.as_secs())),
        ("max_parked_age", format!("{} s", max_parked_age.as_secs())),
    ])
}

/// When something is done.
fn schedule(when: &Apply) -> String {
    match when {
        Apply::Stream => "as it comes".to_owned(),
        Apply::Every(every) => format!("every {} s", every.as_secs()),
        Apply::At { time, time_zone } => {
            format!("at {time} {}", time_zone.iana_name().unwrap_or("in a zone without a name"))
        }
    }
}

impl Database {
    /// Everything about it but its place and its secret.
    pub fn outline(&self) -> Words {
        let Self {
            name: _,
            host,
            port,
            dbname,
            user,
            password,
            tls,
            max_retained_wal_bytes,
            failover,
            resting_slot,
            spot: _,
        } = self;
        let (mode, certificates) = protection(tls);
        words([
            ("host", host.clone()),
            ("port", port.to_string()),
            ("dbname", dbname.clone()),
            ("user", user.clone()),
            ("password", password.as_ref().map_or_else(|| ".pgpass, or none".to_owned(), place)),
            ("sslmode", mode.to_owned()),
            ("certificates", certificates),
            ("max_retained_wal", max_retained_wal_bytes.map_or_else(String::new, |bytes| bytes.to_string())),
            ("failover", failover.to_string()),
            ("resting_slot", resting_slot.as_str().to_owned()),
        ])
    }
}

impl Server {
    /// Everything about it but its place and its secret.
    pub fn outline(&self) -> Words {
        let Self { name: _, host, port, user, password, tls, spot: _ } = self;
        let (mode, certificates) = protection(tls);
        words([
            ("host", host.clone()),
            ("port", port.to_string()),
            ("user", user.clone()),
            ("password", password.as_ref().map_or_else(|| "none".to_owned(), place)),
            ("sslmode", mode.to_owned()),
            ("certificates", certificates),
        ])
    }
}

/// How a connection is protected, and by which files.
fn protection(tls: &Tls) -> (&'static str, String) {
    match tls {
        Tls::Socket => ("socket", String::new()),
        Tls::Off => ("disable", String::new()),
        Tls::VerifyFull { root_certificates, client } => {
            let roots = root_certificates.as_ref().map(|path| path.display().to_string());
            let client = client
                .as_ref()
                .map(|client| format!("{} with {}", client.certificate.display(), client.key.display()));
            ("verify-full", list(roots.into_iter().chain(client)))
        }
    }
}

/// Where a password is.
fn place(source: &SecretSource) -> String {
    match source {
        SecretSource::File(path) => format!("file {}", path.display()),
        SecretSource::Credential(name) => format!("credential {name}"),
        SecretSource::Inline(_) => "in the rule file".to_owned(),
    }
}

/// The hashes of passwords in the files themselves, with whose they are.
fn secrets(config: &Config) -> BTreeMap<(&'static str, String), Vec<u8>> {
    let databases = config.databases.values().map(|one| (("database", one.name.to_string()), &one.password));
    let servers = config.servers.values().map(|one| (("server", one.name.to_string()), &one.password));
    let inline = databases.chain(servers).filter_map(|(whose, password)| {
        let Some(SecretSource::Inline(secret)) = password else { return None };
        Some((whose, Sha256::digest(secret.expose_secret().as_bytes()).to_vec()))
    });
    inline.collect()
}

impl Dataset {
    /// Everything about it but its places.
    pub fn outline(&self) -> Words {
        let Self { name: _, table, key, columns, references, spot: _, key_spot: _, columns_spot: _ } = self;
        let names =
            |names: &[(crate::name::Ident, super::Spot)]| list(names.iter().map(|(name, _)| name.as_str()));
        let mut words = words([
            ("table", table.to_string()),
            ("key", list(key.iter().map(KeyPart::text))),
            (
                "columns",
                match columns {
                    Columns::All => "all".to_owned(),
                    Columns::Except(left_out) => format!("all but {}", names(left_out)),
                    Columns::Only(only) => names(only),
                },
            ),
        ]);
        for (column, Reference { dataset, missing, spot: _ }) in references {
            let dataset = dataset.as_ref().map_or_else(String::new, |dataset| format!("{dataset}, "));
            words.insert(
                format!("references.{column}"),
                format!("{dataset}missing {missing:?}").to_lowercase(),
            );
        }
        words
    }
}

impl Notify {
    /// Everything about it but its place.
    pub fn outline(&self) -> Words {
        let events = self.events.iter().map(|event| event.as_str());
        words([("on", list(events)), ("listen", self.listen.to_string())])
    }
}
