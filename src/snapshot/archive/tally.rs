//! Counts and hashes what passes.

use std::fmt::Write as _;
use std::io::{self, Read, Write};

use ring::digest::{Context, SHA256};

/// Bytes and their SHA-256 so far.
#[derive(Clone)]
pub struct Tally {
    bytes: u64,
    hash: Context,
}

impl Default for Tally {
    fn default() -> Self {
        Self { bytes: 0, hash: Context::new(&SHA256) }
    }
}

impl Tally {
    /// Counts these.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
    }

    /// How many there were.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 in hexadecimal.
    pub fn sha256(self) -> String {
        self.hash.finish().as_ref().iter().fold(String::new(), |mut text, byte| {
            // Writing to a `String` never fails.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// Something written to or read from, and the tally of it.
pub struct Tallied<I> {
    pub(super) inner: I,
    pub(super) tally: Tally,
}

impl<I> Tallied<I> {
    pub(super) fn new(inner: I) -> Self {
        Self { inner, tally: Tally::default() }
    }
}

impl<W: Write> Write for Tallied<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.tally.add(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Tallied<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.tally.add(&bytes[..read]);
        Ok(read)
    }
}
