//! A gzip file out of parts: each is a member of its own, and whoever unpacks them gets them one behind the other
//! (RFC 1952, section 2.2). Their borders tell which bytes are which data set's.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::error::Error;
use super::outlet::Outlet;
use super::part::DonePart;
use super::seal::Seal;
use crate::failpoint;
use crate::snapshot::manifest::{ArchiveEntry, Manifest};

/// What stands in a dump file.
#[derive(Debug)]
pub enum Piece {
    /// Statements around the data.
    Text(Vec<u8>),
    /// A data set, of [`super::Part::create_member`].
    Part(DonePart),
}

/// Makes a file of these, in their order; then the parts are removed. It is on the disk when this returns; it is not
/// checked. `manifest` is this file's, and not in it.
pub fn concatenate(
    path: &Path,
    pieces: Vec<Piece>,
    manifest: &Manifest,
    seal: Option<&Seal>,
) -> Result<ArchiveEntry, Error> {
    failpoint::hit("snapshot-before-assemble");
    let mut out = Outlet::create(path, seal)?;
    let keys = seal.map(Seal::keys);
    for piece in &pieces {
        match piece {
            Piece::Text(text) => {
                let mut member = GzEncoder::new(out, Compression::default());
                let packed = member.write_all(text).and_then(|()| member.finish());
                out = packed.map_err(Error::disk("writing", path))?;
            }
            Piece::Part(part) => part.copy_member(keys.as_ref(), &mut out, path)?,
        }
    }
    let done = out.settle(path, manifest)?;
    failpoint::hit("snapshot-assembled");
    for piece in pieces {
        match piece {
            Piece::Text(_) => {}
            Piece::Part(part) => part.remove()?,
        }
    }
    Ok(done)
}
