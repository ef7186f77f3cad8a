//! Changes: wire → messages → whole transactions. Knows nothing of rules.
//!
//! ```text
//! message    one message of the protocol: a tag and a body, bounded
//! frame      what stands inside CopyData: WAL data, keepalives, our status
//! handshake  start-up and authentication
//! duplex     the running stream, in two halves
//! lineage    which history of which cluster a server writes
//! wire       the replication connection and its commands
//! pgoutput   bytes → messages, pure
//! assemble   messages → whole transactions
//! ```

pub mod message;
pub mod frame;
pub mod handshake;
pub mod duplex;
pub mod lineage;
pub mod wire;
pub mod pgoutput;
pub mod assemble;
