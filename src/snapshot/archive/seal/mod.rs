//! Archives that only the holders of some age keys can read (<https://age-encryption.org/v1>).
//!
//! Beside the recipients there is a key of the run's own that never leaves its memory: with it, what lies in staging is
//! sealed too, and the finished archive is read back and checked, though nobody here holds a recipient's key.

#[cfg(not(feature = "encryption"))]
mod absent;
#[cfg(feature = "encryption")]
mod present;

#[cfg(not(feature = "encryption"))]
pub use absent::{Keys, Opened, Seal, Sealing};
#[cfg(feature = "encryption")]
pub use present::{Keys, Opened, Seal, Sealing};

/// How a sealed file begins.
pub const MAGIC: &[u8; 21] = b"age-encryption.org/v1";
