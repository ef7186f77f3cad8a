//! A gzip file out of parts: each is a member of its own, and whoever unpacks them gets them one behind the other
//! (RFC 1952, section 2.2). Their borders tell which bytes are which data set's.

use std::io::Write as _;
use std::path::Path;

use super::error::Error;
use super::outlet::Outlet;
use super::part::{DonePart, Packed, pack};
use super::seal::Seal;
use crate::failpoint;
use crate::snapshot::manifest::{ArchiveEntry, Manifest};

/// Magic number, deflate, no flags, no time, fast, Unix.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 3];

/// What stands in a dump file.
#[derive(Debug)]
pub enum Piece {
    /// Statements around the data.
    Text(Vec<u8>),
    /// A data set.
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
    let mut write = |bytes: &[u8]| out.write_all(bytes).map_err(Error::disk("writing", path));
    for piece in &pieces {
        write(&HEADER)?;
        let packed = match piece {
            Piece::Text(text) => {
                let (packed, deflated) = pack(text, path)?;
                write(&deflated)?;
                packed
            }
            Piece::Part(part) => {
                part.copy(keys.as_ref(), &mut write)?;
                part.packed
            }
        };
        write(&trailer(packed))?;
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

/// The end of a member: CRC-32, and the size as far as four bytes hold it.
fn trailer(packed: Packed) -> [u8; 8] {
    let mut trailer = [0; 8];
    trailer[..4].copy_from_slice(&packed.crc32.to_le_bytes());
    trailer[4..].copy_from_slice(&packed.bytes.to_le_bytes()[..4]);
    trailer
}
