//! The rule files: one directory of TOML in, one [`Config`] out, or every problem of every file at once.
//!
//! ```text
//! source    which files, their texts, where a byte is
//! syntax    TOML → tree with spans, every syntax error
//! mask      what of the texts must not be shown
//! tree      one table against the keys that it may have
//! read/     trees → drafts, one file per table
//! resolve   drafts → model: names looked up (lookup), defaults filled in
//! semantic  contradictions (circle: customers in a circle)
//! load      the way through all of these
//! outline   what it says as text, without places and secrets (spoken: a rule's words); difference: two of these
//! model     what comes out (snapshot: what a snapshot is; words: what a rule can say; merge: the most specific word wins)
//! secret, pgpass              passwords, read when they are needed
//! finding, diagnostic, spot   what is wrong, and where
//! keys, amount, spelling      the words of a table, sizes and days, did-you-mean
//! manual, schema              what every key means, in one table; the JSON Schema made of it
//! ```
//!
//! Deliberately absent: anything that needs a database. `check` compares the configuration with the catalogs and
//! reports through [`Config::diagnostic`].

mod amount;
mod circle;
mod diagnostic;
mod difference;
mod finding;
mod keys;
mod load;
mod lookup;
pub mod manual;
mod mask;
mod merge;
mod model;
mod outline;
pub mod pgpass;
mod read;
mod resolve;
mod schema;
mod secret;
mod semantic;
mod snapshot;
mod source;
mod spoken;
mod spelling;
mod spot;
mod syntax;
mod tree;
mod words;

pub use diagnostic::{Diagnostic, Place, Position, Problems, Related, Severity, Style};
pub use difference::{Change, ChangedWord, Difference};
pub use load::runtime_directory;
pub use model::{
    ClientCertificate, Columns, Config, Customer, Daemon, Database, Dataset, KEY_COLUMNS_MAX, KeyPart,
    Missing, Notify, NotifyEvent, Reference, RestingSlot, SecretSource, Server, Sync, Tls,
};
pub use outline::{Group, Outline, Words};
pub use schema::schema;
pub use secret::SecretError;
pub use snapshot::{Dialect, Exclusion, Format, Kind, Layout, OnLoss, Profile, Snapshot};
pub use spelling::nearest;
pub use spoken::interval_text;
pub use spot::Spot;
pub use words::{Apply, CustomerWords, Gone, Initial, Mode, OnTruncate, Rule, RuleWords, Said};
