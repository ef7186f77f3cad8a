//! `[daemon]`: the process itself. Each key once, in whichever file.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::amount::{parse_days, parse_interval, parse_size};
use crate::config::finding::Findings;
use crate::config::keys::KeyTable;
use crate::config::model::Daemon;
use crate::config::spot::Spot;
use crate::config::tree::{Item, Section, Spotted};
use crate::config::words::Apply;

use super::rule::{SCHEDULE_KEYS, read_schedule};

/// `[daemon]`
pub(in crate::config) const KEYS: KeyTable = KeyTable {
    title: "[daemon]",
    known: &[
        "runtime_directory",
        "journal_keep",
        "journal_max",
        "parked_limit",
        "verify",
        "listen",
        "max_lag",
        "max_parked_age",
    ],
    later: &[],
};

/// Where the runtime directory is when neither the file nor systemd says so.
const RUNTIME_DIRECTORY: &str = "/run/acequia";

/// For how many days old images are kept when the file does not say so.
const JOURNAL_KEEP_DAYS: u32 = 30;

/// How many bytes of old images are kept in one database when the file does not say so.
const JOURNAL_MAX_BYTES: u64 = 10 << 30;

/// How many rows wait at most for one customer when the file does not say so.
const PARKED_LIMIT: u64 = 1_000_000;

/// After how long a row that has not arrived is late, when the file does not say so.
const MAX_LAG: Duration = Duration::from_mins(1);

/// A heartbeat takes a second; a shorter limit could not be told from none.
const MAX_LAG_LEAST: Duration = Duration::from_secs(5);

/// For how long a row may be parked before health is red, when the file does not say so.
const MAX_PARKED_AGE: Duration = Duration::from_hours(24);

/// What the files say about the process.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct DaemonDraft {
    runtime_directory: Option<Spotted<PathBuf>>,
    journal_keep_days: Option<Spotted<u32>>,
    journal_max_bytes: Option<Spotted<u64>>,
    parked_limit: Option<Spotted<u64>>,
    verify: Option<Spotted<Apply>>,
    listen: Option<Spotted<SocketAddr>>,
    max_lag: Option<Spotted<Duration>>,
    max_parked_age: Option<Spotted<Duration>>,
}

impl DaemonDraft {
    /// Adds what one file says.
    pub(super) fn read(&mut self, item: Item<'_>, spot: Spot, directory: &Path, findings: &mut Findings) {
        let Some(section) = item.section(&KEYS, "[daemon]".to_owned(), spot, findings) else {
            return;
        };
        let runtime_directory = section
            .text("runtime_directory", findings)
            .map(|text| Spotted { value: directory.join(text.value), spot: text.spot });
        let journal_keep = section.parsed("journal_keep", parse_days, "write it as \"30d\"", findings);
        let journal_max = section.parsed("journal_max", parse_size, "write it as \"10GB\"", findings);
        let parked_limit = read_parked_limit(&section, findings);
        let verify = read_verify(&section, findings);
        let listen = read_listen(&section, findings);
        let max_lag = read_max_lag(&section, findings);
        let max_parked_age =
            section.parsed("max_parked_age", parse_interval, "write it as \"24h\"", findings);
        set_once(&mut self.runtime_directory, runtime_directory, "runtime_directory", findings);
        set_once(&mut self.journal_keep_days, journal_keep, "journal_keep", findings);
        set_once(&mut self.journal_max_bytes, journal_max, "journal_max", findings);
        set_once(&mut self.parked_limit, parked_limit, "parked_limit", findings);
        set_once(&mut self.verify, verify, "verify", findings);
        set_once(&mut self.listen, listen, "listen", findings);
        set_once(&mut self.max_lag, max_lag, "max_lag", findings);
        set_once(&mut self.max_parked_age, max_parked_age, "max_parked_age", findings);
    }

    /// Fills in what no file says.
    pub(in crate::config) fn finish(self) -> Daemon {
        Daemon {
            runtime_directory: self
                .runtime_directory
                .map_or_else(default_runtime_directory, |directory| directory.value),
            journal_keep_days: self.journal_keep_days.map_or(JOURNAL_KEEP_DAYS, |days| days.value),
            journal_max_bytes: self.journal_max_bytes.map_or(JOURNAL_MAX_BYTES, |size| size.value),
            parked_limit: self.parked_limit.map_or(PARKED_LIMIT, |limit| limit.value),
            verify: self.verify.map(|verify| verify.value),
            listen: self.listen.map(|listen| listen.value),
            max_lag: self.max_lag.map_or(MAX_LAG, |limit| limit.value),
            max_parked_age: self.max_parked_age.map_or(MAX_PARKED_AGE, |limit| limit.value),
        }
    }
}

/// Reads `parked_limit`: a number of rows.
fn read_parked_limit(section: &Section<'_>, findings: &mut Findings) -> Option<Spotted<u64>> {
    let item = section.get("parked_limit")?;
    let Some(number) = item.value.get_ref().as_integer() else {
        item.mistyped("a whole number", "write it without quotation marks", findings);
        return None;
    };
    let value = u64::from_str_radix(number.as_str(), number.radix()).ok().filter(|limit| *limit > 0);
    if value.is_none() {
        findings.error(
            item.spot(),
            "`parked_limit` must be at least 1",
            "write a number of rows: 1000000 is the default",
        );
    }
    Some(Spotted { value: value?, spot: item.spot() })
}

/// Reads `listen`: an address of this host that others can't reach.
fn read_listen(section: &Section<'_>, findings: &mut Findings) -> Option<Spotted<SocketAddr>> {
    let text = section.text("listen", findings)?;
    let Ok(value) = text.value.parse::<SocketAddr>() else {
        findings.error(
            text.spot,
            "`listen` is an address and a port",
            "write it as \"127.0.0.1:9753\" or \"[::1]:9753\"",
        );
        return None;
    };
    if !value.ip().is_loopback() {
        findings.error(
            text.spot,
            "`listen` must be a loopback address: health and metrics are told to everyone who asks there",
            "write \"127.0.0.1:9753\"; where others must reach it, put a proxy with TLS and a password before it",
        );
        return None;
    }
    Some(Spotted { value, spot: text.spot })
}

/// Reads `max_lag`: after how long a row that has not arrived is late.
fn read_max_lag(section: &Section<'_>, findings: &mut Findings) -> Option<Spotted<Duration>> {
    let limit = section.parsed("max_lag", parse_interval, "write it as \"60s\"", findings)?;
    if limit.value < MAX_LAG_LEAST {
        let message = format!("`max_lag` must be at least {} seconds", MAX_LAG_LEAST.as_secs());
        findings.error(limit.spot, message, "write it as \"60s\"");
        return None;
    }
    Some(limit)
}

/// Reads `verify`: when customers are compared.
fn read_verify(section: &Section<'_>, findings: &mut Findings) -> Option<Spotted<Apply>> {
    let item = section.get("verify")?;
    let spot = item.spot();
    let table = item.section(&SCHEDULE_KEYS, "`verify`".to_owned(), spot, findings)?;
    let value = read_schedule("verify", &table, spot, findings)?;
    Some(Spotted { value, spot })
}

/// Keeps the first value of a key and records a second one.
fn set_once<T>(slot: &mut Option<Spotted<T>>, value: Option<Spotted<T>>, key: &str, findings: &mut Findings) {
    match (&slot, value) {
        (Some(first), Some(second)) => {
            let message = format!("`{key}` in [daemon] is defined twice");
            findings
                .error(second.spot, message, "remove one of the two")
                .relate(first.spot, "defined here first");
        }
        (None, Some(value)) => *slot = Some(value),
        (_, None) => {}
    }
}

/// systemd's `RuntimeDirectory=`; it separates several by colons, and ours is the first.
fn default_runtime_directory() -> PathBuf {
    env::var_os("RUNTIME_DIRECTORY")
        .and_then(|paths| env::split_paths(&paths).next())
        .filter(|path| !path.as_os_str().is_empty())
        .unwrap_or_else(|| PathBuf::from(RUNTIME_DIRECTORY))
}
