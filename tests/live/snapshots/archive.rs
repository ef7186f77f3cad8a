//! A published archive, looked at by a test with an ordinary ZIP reader.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;
use zip::ZipArchive;

/// One archive.
pub(crate) struct Archive {
    zip: ZipArchive<File>,
}

impl Archive {
    pub(crate) fn open(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { zip: ZipArchive::new(file).expect("a ZIP") }
    }

    /// The names inside.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.zip.file_names().map(|name| name.expect("a name in UTF-8").into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names
    }

    /// What stands in one of them.
    pub(crate) fn text(&mut self, name: &str) -> String {
        let mut text = String::new();
        let mut entry = self.zip.by_name(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        entry.read_to_string(&mut text).expect("UTF-8");
        text
    }

    /// The cells of a `.DAT` file, the header's first.
    pub(crate) fn rows(&mut self, name: &str) -> Vec<Vec<String>> {
        let text = self.text(name);
        text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }

    /// `manifest.json`
    pub(crate) fn manifest(&mut self) -> Value {
        serde_json::from_str(&self.text("manifest.json")).expect("JSON")
    }
}
