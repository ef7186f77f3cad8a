//! No seals: this was built without the feature `encryption`. A wish for one is an error, and none ever exists.

use std::convert::Infallible;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::Path;

use crate::snapshot::archive::error::Error;

/// Whom the archives of a run are for.
#[derive(Debug, Clone)]
pub enum Seal {}

impl Seal {
    /// Always an error.
    pub fn new(_recipients: &[String]) -> Result<Self, Error> {
        Err(Error::NotBuilt)
    }

    /// The key of the run's own.
    pub fn keys(&self) -> Keys {
        match *self {}
    }

    /// Seals what will be written.
    pub fn wrap<W: Write>(&self, _out: W) -> io::Result<Sealing<W>> {
        match *self {}
    }
}

/// What opens seals.
#[derive(Debug)]
pub enum Keys {}

impl Keys {
    /// Always an error.
    pub fn read(_path: &Path) -> Result<Self, Error> {
        Err(Error::NotBuilt)
    }

    /// Always an error.
    pub fn open<R: Read + Seek>(_keys: Option<&Self>, _file: R, _path: &Path) -> Result<Opened<R>, Error> {
        Err(Error::NotBuilt)
    }
}

/// What is written through a seal.
pub struct Sealing<W>(Infallible, PhantomData<W>);

impl<W> Sealing<W> {
    /// Writes the rest.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {}
    }
}

impl<W> Write for Sealing<W> {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}

/// What is read through an opened seal.
pub struct Opened<R>(Infallible, PhantomData<R>);

impl<R> Read for Opened<R> {
    fn read(&mut self, _bytes: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

impl<R> Seek for Opened<R> {
    fn seek(&mut self, _to: SeekFrom) -> io::Result<u64> {
        match self.0 {}
    }
}
