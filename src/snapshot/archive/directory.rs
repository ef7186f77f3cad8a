//! The bytes of a ZIP around its deflated entries: local headers, the central directory, its end; the 64-bit forms where a
//! size, an offset or a count needs them. Pure. Source: APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
//!
//! All sizes are known before an entry is written, so nothing is ever written twice and no data descriptor is needed: an
//! archive can be sealed and hashed on its way to the disk. What reads archives is another's work, the crate `zip`: what
//! is written here is read back by somebody who does not know how it was meant.

use super::part::Packed;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
/// Of the extra field with the 64-bit numbers.
const NUMBERS_64: u16 = 1;
/// Method.
const DEFLATED: u16 = 8;
/// Flag: the name is UTF-8.
const UTF_8: u16 = 1 << 11;
/// A reader has to know deflate.
const VERSION: u16 = 20;
/// A reader has to know the 64-bit forms.
const VERSION_64: u16 = 45;
/// Made under Unix.
const UNIX: u16 = 3 << 8;
/// A plain file, 0600: what is unpacked is for nobody else either.
const ATTRIBUTES: u32 = 0o100_600 << 16;
/// Stands where the number is in a 64-bit form.
const ELSEWHERE: u32 = u32::MAX;
/// Bytes of the end in its 64-bit form, behind the number that says so.
const END_64_BYTES: u64 = 44;

/// A moment as ZIP has it (MS-DOS: two seconds, local time without a zone; here UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    date: u16,
    time: u16,
}

impl Stamp {
    /// Of a civil time; 1980 is the first year, 2107 the last.
    pub(super) fn new(at: jiff::civil::DateTime) -> Self {
        let part = |number: i8| u16::try_from(number).unwrap_or(0);
        let years = u16::try_from((at.year() - 1980).clamp(0, 127)).unwrap_or(0);
        Self {
            date: years << 9 | part(at.month()) << 5 | part(at.day()),
            time: part(at.hour()) << 11 | part(at.minute()) << 5 | part(at.second()) >> 1,
        }
    }
}

/// One entry that stands in the archive.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Its path, UTF-8, at most 65,535 bytes.
    pub(super) path: String,
    /// What is in it.
    pub(super) packed: Packed,
    /// Where its header begins.
    pub(super) offset: u64,
}

/// What stands in front of an entry's deflated bytes.
pub(super) fn local_header(path: &str, packed: Packed, stamp: Stamp) -> Vec<u8> {
    let long = packed.bytes.max(packed.packed_bytes) >= u64::from(ELSEWHERE);
    let mut out = Bytes::default();
    out.four(LOCAL).two(if long { VERSION_64 } else { VERSION });
    out.described(path, packed, stamp, if long { Some(ELSEWHERE) } else { None });
    out.two(short(path.len())).two(if long { 20 } else { 0 }).text(path);
    if long {
        out.two(NUMBERS_64).two(16).eight(packed.bytes).eight(packed.packed_bytes);
    }
    out.0
}

/// The central directory and its end, behind the last entry. `offset` is where it begins.
pub(super) fn central_directory(entries: &[Entry], stamp: Stamp, offset: u64) -> Vec<u8> {
    let mut out = Bytes::default();
    for entry in entries {
        central_header(&mut out, entry, stamp);
    }
    let (count, size) = (entries.len() as u64, out.0.len() as u64);
    let long = count >= u64::from(u16::MAX) || size.max(offset) >= u64::from(ELSEWHERE);
    if long {
        out.four(END_64).eight(END_64_BYTES).two(UNIX | VERSION_64).two(VERSION_64);
        out.four(0).four(0).eight(count).eight(count).eight(size).eight(offset);
        out.four(LOCATOR_64).four(0).eight(offset + size).four(1);
    }
    let count = u16::try_from(count).unwrap_or(u16::MAX);
    out.four(END).two(0).two(0).two(count).two(count).four(capped(size)).four(capped(offset)).two(0);
    out.0
}

fn central_header(out: &mut Bytes, entry: &Entry, stamp: Stamp) {
    let Entry { path, packed, offset } = entry;
    let numbers = [packed.bytes, packed.packed_bytes, *offset];
    let long: Vec<u64> = numbers.into_iter().filter(|number| *number >= u64::from(ELSEWHERE)).collect();
    let version = if long.is_empty() { VERSION } else { VERSION_64 };
    let extra = if long.is_empty() { 0 } else { 4 + 8 * long.len() };
    out.four(CENTRAL).two(UNIX | VERSION_64).two(version);
    out.described(path, *packed, stamp, None);
    out.two(short(path.len())).two(short(extra)).two(0).two(0).two(0).four(ATTRIBUTES).four(capped(*offset));
    out.text(path);
    if !long.is_empty() {
        out.two(NUMBERS_64).two(short(8 * long.len()));
        for number in long {
            out.eight(number);
        }
    }
}

fn capped(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(ELSEWHERE)
}

fn short(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// Little-endian numbers, one after the other.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn two(&mut self, number: u16) -> &mut Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn four(&mut self, number: u32) -> &mut Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn eight(&mut self, number: u64) -> &mut Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.0.extend(text.as_bytes());
        self
    }

    /// The part that both headers have in common. `sizes` stands for both of them, in the local header of a long entry.
    fn described(&mut self, path: &str, packed: Packed, stamp: Stamp, sizes: Option<u32>) -> &mut Self {
        self.two(if path.is_ascii() { 0 } else { UTF_8 }).two(DEFLATED).two(stamp.time).two(stamp.date);
        self.four(packed.crc32);
        self.four(sizes.unwrap_or(capped(packed.packed_bytes))).four(sizes.unwrap_or(capped(packed.bytes)))
    }
}
