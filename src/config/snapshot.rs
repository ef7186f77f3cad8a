//! What a snapshot is: the finished type of `[[snapshot]]`.

use std::fmt;
use std::path::PathBuf;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::spot::Spot;
use crate::name::{CustomerName, Ident, ServerName, SnapshotName};
use crate::schedule::Calendar;

/// `[[snapshot]]`: which customers are dumped when, how, and where to.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Its name, and that of its directory.
    pub name: SnapshotName,
    /// Made at its times; one that is not can be made by `acequia snapshot run`.
    pub enabled: bool,
    /// The customers; `"*"` expanded, `except` taken out.
    pub customers: Vec<CustomerName>,
    /// `format`, with what belongs to it.
    pub format: Format,
    /// `layout`
    pub layout: Layout,
    /// `kind`
    pub kind: Kind,
    /// `schedule`; none: only when somebody says so.
    pub schedule: Option<Calendar>,
    /// `publish_at`: not before this wall time, in the schedule's zone.
    pub publish_at: Option<Time>,
    /// `directory`: a directory with the snapshot's name is made in it.
    pub directory: PathBuf,
    /// `keep`: so many published ones are kept, the newest included. At least 1.
    pub keep: u32,
    /// `exclude`
    pub exclude: Vec<Exclusion>,
    /// `include`: columns of binary values that are wanted, or tables whose comment says `snapshot=no`.
    pub include: Vec<Exclusion>,
    /// `encrypt_to`: age recipients; empty: not encrypted. Never for MySQL.
    pub encrypt_to: Vec<String>,
    /// `on_loss`
    pub on_loss: OnLoss,
    /// `time_zone`: whose wall times the market profile writes; the schedule's unless the file says another, else UTC.
    pub time_zone: TimeZone,
    /// `workers`: tables that are read at once; 2 unless the file says another.
    pub workers: u8,
    /// `retain_closed`: what is left of a customer that is no longer in it is wiped after so many days; none: with `keep`.
    pub retain_closed_days: Option<u32>,
    /// Its name, or its header.
    pub spot: Spot,
}

/// Stands for the customer's name in `database`.
pub(super) const CUSTOMER: &str = "{customer}";

impl Snapshot {
    /// Every word with what holds for it, by its key in the files.
    pub fn spoken(&self) -> Vec<(&'static str, String)> {
        let mut words = vec![
            ("enabled", self.enabled.to_string()),
            ("customers", list(&self.customers)),
            ("format", self.format.as_str().to_owned()),
        ];
        match &self.format {
            Format::Dat { profile, guard_formulas } => {
                words.push(("profile", profile.as_str().to_owned()));
                words.push(("formulas", if *guard_formulas { "guard" } else { "keep" }.to_owned()));
                words.push(("kind", self.kind.as_str().to_owned()));
            }
            Format::Sql { dialect } => words.push(("dialect", dialect.as_str().to_owned())),
            Format::Mysql { server, database } => {
                words.push(("server", server.to_string()));
                words.push(("database", database.clone()));
            }
        }
        words.push(("layout", self.layout.as_str().to_owned()));
        words.push((
            "schedule",
            self.schedule.as_ref().map_or_else(|| "never".to_owned(), ToString::to_string),
        ));
        let publish_at = self.publish_at.map(|time| time.strftime("%H:%M").to_string());
        words.push(("publish_at", publish_at.unwrap_or_else(|| "when it is done".to_owned())));
        words.push(("directory", self.directory.display().to_string()));
        words.push(("keep", self.keep.to_string()));
        words.push(("exclude", list(&self.exclude)));
        words.push(("include", list(&self.include)));
        words.push(("encrypt_to", list(&self.encrypt_to)));
        words.push(("on_loss", self.on_loss.as_str().to_owned()));
        words.push(("time_zone", self.time_zone.iana_name().unwrap_or("UTC").to_owned()));
        words.push(("workers", self.workers.to_string()));
        words.push((
            "retain_closed",
            self.retain_closed_days.map_or_else(String::new, |days| format!("{days}d")),
        ));
        words
    }

    /// The databases of a server that it writes, each with its customer unless it is for all of them. A dot in a
    /// customer's name becomes `_`: not every server takes it.
    pub fn databases(&self) -> Vec<(String, Option<&CustomerName>)> {
        let Format::Mysql { database, .. } = &self.format else { return Vec::new() };
        match self.layout {
            Layout::Combined => vec![(database.clone(), None)],
            Layout::PerCustomer => self
                .customers
                .iter()
                .map(|name| (database.replace(CUSTOMER, &name.as_str().replace('.', "_")), Some(name)))
                .collect(),
        }
    }
}

fn list<T: ToString>(things: &[T]) -> String {
    things.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// `format`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// `dat`: tab-delimited files in a ZIP.
    Dat {
        /// `profile`
        profile: Profile,
        /// `formulas = "guard"`: cells that a spreadsheet would run get an apostrophe in front.
        guard_formulas: bool,
    },
    /// `sql`: a dump file, compressed by gzip.
    Sql {
        /// `dialect`
        dialect: Dialect,
    },
    /// `mysql`: tables of a server.
    Mysql {
        /// `server`
        server: ServerName,
        /// `database`: the database there, in which `{customer}` stands for the customer's name.
        database: String,
    },
}

impl Format {
    /// The word in the rule file.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Dat { .. } => "dat",
            Self::Sql { .. } => "sql",
            Self::Mysql { .. } => "mysql",
        }
    }
}

/// `profile` of `.DAT` files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Nothing is lost: escapes of COPY, `\N`, ISO dates with offset. The default.
    Lossless,
    /// What tools of this market import: no escapes, empty for NULL, `MM/DD/YYYY`.
    Market,
}

impl Profile {
    /// The word in the rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lossless => "lossless",
            Self::Market => "market",
        }
    }
}

/// `dialect` of a dump file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// MySQL 8 and later, and MariaDB. The default.
    Mysql,
    /// PostgreSQL.
    Postgresql,
}

impl Dialect {
    /// The word in the rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::Postgresql => "postgresql",
        }
    }
}

/// `layout`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// One archive, or database, for each customer. The default.
    PerCustomer,
    /// One for all of them, with a leading column that names the customer.
    Combined,
}

impl Layout {
    /// The word in the rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PerCustomer => "per-customer",
            Self::Combined => "combined",
        }
    }
}

/// `kind`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Every row. The default.
    Full,
    /// What has changed since the last published one, and the keys of what is gone. Only of `.DAT`.
    Incremental,
}

impl Kind {
    /// The word in the rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
        }
    }
}

/// `on_loss`: what becomes of a value that the format can't hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLoss {
    /// NULL, or nothing; counted in the manifest. The default.
    Null,
    /// MySQL: the column becomes text, with the value as PostgreSQL writes it.
    Text,
    /// The run fails, and the last snapshot stays.
    Fail,
}

impl OnLoss {
    /// The word in the rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Text => "text",
            Self::Fail => "fail",
        }
    }
}

/// One entry of `exclude` or `include`: `patient_document`, `patient.photo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// The table, in whichever customer's schema.
    pub table: Ident,
    /// The column; none: the whole table.
    pub column: Option<Ident>,
    /// Where it is said.
    pub spot: Spot,
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            None => write!(f, "{}", self.table),
            Some(column) => write!(f, "{}.{column}", self.table),
        }
    }
}
