//! Sessions with MySQL and MariaDB: opened the one right way, and failing with errors that hold no row's value.
//!
//! ```text
//! refusal    an error that the server reported: its number and SQLSTATE, what it means, what to do
//! error      the one error of everything here
//! identity   which of the two servers it is, and what it allows
//! place      where the server is, as the driver wants to know it: socket, TLS, password
//! feed       a bounded channel of bytes that ends on purpose, or not at all
//! progress   how far the rows of a load are
//! mark       what a session is known by at its server
//! watch      whether the server still works for a session: another one asks it
//! session    open, execute, ask, load
//! ```

pub mod refusal;
pub mod error;
pub mod identity;
mod place;
pub mod feed;
mod progress;
mod mark;
mod watch;
pub mod session;

pub use error::{Error, Kind};
pub use feed::{Feed, Food, feed};
pub use identity::{Flavour, Identity};
pub use refusal::Refusal;
pub use session::{Answer, Session, open};
