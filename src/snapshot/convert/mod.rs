//! What the server sends, to the bytes of a format.

pub mod cells;
