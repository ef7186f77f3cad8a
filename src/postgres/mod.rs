//! Sessions with PostgreSQL: opened the one right way, and failing with errors that hold no row's value.
//!
//! Lowest first, as in `lib.rs`.

pub mod sqlstate;
pub mod refusal;
pub mod end_point;
pub mod tls;
pub mod error;
pub mod settings;
pub mod socket;
pub mod session;
pub mod watched;
pub mod message;
pub mod handshake;
pub mod exchange;
pub mod copy_out;

pub use copy_out::CopyOut;
pub use error::{Error, Kind};
pub use refusal::Refusal;
pub use session::{Session, TAKE_BYTES, in_time, open, open_to_ask, open_to_write, shown, within};
pub use sqlstate::SqlState;
pub use watched::open_watched;
