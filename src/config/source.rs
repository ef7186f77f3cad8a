//! The texts of the configuration: which files belong to it, in which order, and where a byte of them is.
//!
//! `acequia.toml` comes first, then `conf.d/*.toml` in lexical order. Nothing here knows what the texts mean.

use std::ffi::OsStr;
use std::fmt;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::diagnostic::{Diagnostic, Excerpt, Place, Position, Severity};
use super::mask::MASK;
use super::spot::Spot;

/// A rule file is written by people: one that is longer than this is something else.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// How much of a very long line is shown before and after the place, in bytes.
const EXCERPT_MARGIN_BYTES: usize = 100;

/// The file that comes first.
const MAIN_FILE: &str = "acequia.toml";

/// The directory of the files that come after it.
const DIRECTORY: &str = "conf.d";

/// All files of one configuration, in the order of merging.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    /// A [`Spot`]'s `file` counts these.
    pub(super) files: Vec<SourceFile>,
    /// SHA-256 over names and contents, hexadecimal.
    pub(super) sha256: String,
}

/// One file. Its Debug output leaves the text out: there may be a password in it.
#[derive(Clone)]
pub(super) struct SourceFile {
    path: PathBuf,
    /// The configuration's directory: relative paths in the file start there.
    pub(super) directory: PathBuf,
    /// The text; up to the first byte that is not UTF-8.
    pub(super) text: Arc<str>,
    /// Whether `text` is all of it.
    pub(super) whole: bool,
    /// Where each line begins.
    line_starts: Vec<usize>,
    /// What must not be shown: in order, without overlap.
    pub(super) masks: Vec<Range<usize>>,
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({})", self.path.display())
    }
}

impl Sources {
    /// Reads every file of the directory that can be read, and says what is wrong with the others.
    pub(super) fn read(dir: &Path) -> (Self, Vec<Diagnostic>) {
        let mut problems = Vec::new();
        let mut sources = Self::default();
        let mut hash = Sha256::new();
        let names = match names(dir) {
            Ok(names) => names,
            Err(problem) => return (sources, vec![*problem]),
        };
        for name in names {
            match read_bytes(&dir.join(&name)) {
                Ok(bytes) => {
                    hash_file(&mut hash, &name, &bytes);
                    let (file, problem) = SourceFile::new(dir, &name, &bytes);
                    sources.files.push(file);
                    problems.extend(problem);
                }
                Err(problem) => problems.push(*problem),
            }
        }
        sources.sha256 = hash.finalize().iter().fold(String::new(), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        (sources, problems)
    }

    /// Where a spot is, with its line as it may be shown.
    pub(super) fn place(&self, spot: Spot) -> Place {
        self.files
            .get(spot.file)
            .map_or_else(|| Place::whole(Path::new(MAIN_FILE)), |file| file.place(spot.start..spot.end))
    }
}

impl SourceFile {
    /// Takes a file's content; a file that is not UTF-8 is kept up to the byte that is not.
    fn new(dir: &Path, name: &Path, bytes: &[u8]) -> (Self, Option<Diagnostic>) {
        let (text, whole) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, true),
            Err(error) => (std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(), false),
        };
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let (path, directory) = (dir.join(name), dir.to_owned());
        let file = Self { path, directory, text: text.into(), whole, line_starts, masks: Vec::new() };
        let problem = (!whole).then(|| {
            // The line itself is not shown: nobody has looked for a password in it.
            let place = Place { excerpt: None, ..file.place(text.len()..text.len()) };
            diagnostic(place, "this byte is not UTF-8", "save the file with the encoding UTF-8")
        });
        (file, problem)
    }

    /// Which line a byte is on; 0 is the first.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// A line's bytes without its end.
    fn line(&self, line: usize) -> Range<usize> {
        let start = self.line_starts.get(line).copied().unwrap_or(self.text.len());
        let end = self.line_starts.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let text = self.text.get(start..end).unwrap_or_default();
        start..start + text.strip_suffix('\r').unwrap_or(text).len()
    }

    /// Where a span is. A span of several lines is shown by its first line.
    fn place(&self, span: Range<usize>) -> Place {
        let start = self.text.floor_char_boundary(span.start);
        let number = self.line_of(start);
        let line = self.line(number);
        let before = self.text.get(line.start..start).unwrap_or_default();
        let position = Position {
            line: number + 1,
            column: before.chars().count() + 1,
            start: span.start,
            end: span.end,
        };
        let end = self.text.floor_char_boundary(span.end).clamp(start, line.end.max(start));
        let excerpt = windowed(self.masked(&line, &(start..end)));
        Place { file: self.path.clone(), position: Some(position), excerpt: Some(excerpt) }
    }

    /// A line with its secrets replaced, and where the span is in it then.
    fn masked(&self, line: &Range<usize>, span: &Range<usize>) -> Excerpt {
        let mut excerpt = Excerpt { text: String::new(), start: 0, end: 0 };
        let mut at = line.start;
        for mask in self.masks.iter().filter(|mask| mask.start < line.end && mask.end > line.start) {
            self.push(&mut excerpt, at..mask.start.max(at), span, false);
            at = mask.end.min(line.end);
            self.push(&mut excerpt, mask.start.max(line.start)..at, span, true);
        }
        self.push(&mut excerpt, at..line.end, span, false);
        if span.start >= line.end {
            excerpt.start = excerpt.text.len();
        }
        if span.end >= line.end {
            excerpt.end = excerpt.text.len();
        }
        excerpt.end = excerpt.end.max(excerpt.start);
        excerpt
    }

    /// Adds a piece of the line, masked or not, and moves the ends of the span that lie in it.
    fn push(&self, excerpt: &mut Excerpt, piece: Range<usize>, span: &Range<usize>, masked: bool) {
        let base = excerpt.text.len();
        excerpt.text.push_str(if masked { MASK } else { self.text.get(piece.clone()).unwrap_or_default() });
        let inside = |offset: usize| base + offset - piece.start;
        if piece.contains(&span.start) {
            excerpt.start = if masked { base } else { inside(span.start) };
        }
        if span.end > piece.start && span.end <= piece.end {
            excerpt.end = if masked { excerpt.text.len() } else { inside(span.end) };
        }
    }
}

/// Cuts a very long line down to the surroundings of its place.
fn windowed(excerpt: Excerpt) -> Excerpt {
    let from = excerpt.text.floor_char_boundary(excerpt.start.saturating_sub(EXCERPT_MARGIN_BYTES));
    let to = excerpt.text.ceil_char_boundary(excerpt.start + EXCERPT_MARGIN_BYTES);
    if from == 0 && to >= excerpt.text.len() {
        return excerpt;
    }
    let text = excerpt.text.get(from..to).unwrap_or_default().to_owned();
    Excerpt { start: excerpt.start - from, end: excerpt.end.min(to) - from, text }
}

/// The files of the configuration that are there, relative to the directory.
fn names(dir: &Path) -> Result<Vec<PathBuf>, Box<Diagnostic>> {
    let whole = |message: String, help: &str| Box::new(diagnostic(Place::whole(dir), &message, help));
    match fs::metadata(dir) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => {
            return Err(whole(
                "the configuration must be a directory".to_owned(),
                "name the directory that holds `acequia.toml`, not the file",
            ));
        }
        Err(error) => {
            return Err(whole(
                format!("the configuration directory cannot be read: {error}"),
                "name the directory that holds `acequia.toml` and `conf.d/*.toml`",
            ));
        }
    }
    let mut names = Vec::new();
    // A link that leads nowhere is listed too: reading it says so.
    if fs::symlink_metadata(dir.join(MAIN_FILE)).is_ok() {
        names.push(PathBuf::from(MAIN_FILE));
    }
    names.extend(names_below(&dir.join(DIRECTORY))?);
    if names.is_empty() {
        return Err(whole(
            "there is no configuration in this directory".to_owned(),
            "write `acequia.toml` into it, or files with the ending `.toml` into `conf.d`",
        ));
    }
    Ok(names)
}

/// The `*.toml` files of `conf.d` in lexical order. Hidden files are left out, as a shell's `*` leaves them out.
fn names_below(directory: &Path) -> Result<Vec<PathBuf>, Box<Diagnostic>> {
    let unreadable = |error: io::Error| {
        Box::new(diagnostic(
            Place::whole(directory),
            &format!("the directory cannot be read: {error}"),
            "make it a directory that the user of the daemon can read",
        ))
    };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(unreadable)?.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        if !hidden && Path::new(&name).extension() == Some(OsStr::new("toml")) {
            names.push(Path::new(DIRECTORY).join(name));
        }
    }
    names.sort();
    Ok(names)
}

/// A file's content.
fn read_bytes(path: &Path) -> Result<Vec<u8>, Box<Diagnostic>> {
    let problem = |message: &str, help: &str| Box::new(diagnostic(Place::whole(path), message, help));
    let unreadable = |error: io::Error| {
        let message = format!("the file cannot be read: {error}");
        problem(
            &message,
            "give the user of the daemon the right to read it, or move it out of the configuration",
        )
    };
    // Asked before it is opened: opening a named pipe would wait for ever.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(problem(
            "this is not a file",
            "move it out of the configuration, or end its name differently",
        ));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    let length = file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if length as u64 > FILE_MAX_BYTES {
        let message = format!("the file is longer than {FILE_MAX_BYTES} bytes");
        return Err(problem(&message, "divide it into several files in `conf.d`"));
    }
    Ok(bytes)
}

/// Each part is preceded by its length, so that no other division into files has the same sum.
fn hash_file(hash: &mut Sha256, name: &Path, bytes: &[u8]) {
    for part in [name.as_os_str().as_encoded_bytes(), bytes] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
}

/// An error about a place.
fn diagnostic(place: Place, message: &str, help: &str) -> Diagnostic {
    let (message, help) = (message.to_owned(), help.to_owned());
    Diagnostic { severity: Severity::Error, place, message, help, related: Vec::new() }
}
