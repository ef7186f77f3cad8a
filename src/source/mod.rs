//! Changes: wire → messages → whole transactions. Knows nothing of rules.
//!
//! ```text
//! frame      what stands inside CopyData: WAL data, keepalives, our status
//! duplex     the running stream, in two halves
//! lineage    which history of which cluster a server writes
//! wire       the replication connection and its commands
//! pgoutput   bytes → messages, pure
//! assemble   messages → whole transactions
//! ```

pub mod frame;
pub mod duplex;
pub mod lineage;
pub mod wire;
pub mod pgoutput;
pub mod assemble;
