//! The way from a directory to a [`Config`]: read, parse, draft, resolve, check. Every step goes on after a problem.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Place, Problems, Severity};
use super::finding::{Finding, Findings};
use super::mask::secrets;
use super::model::Config;
use super::read::Draft;
use super::resolve::Resolved;
use super::semantic;
use super::source::Sources;
use super::spot::Spot;
use super::syntax::{Document, parse};

impl Config {
    /// Reads `acequia.toml` and `conf.d/*.toml` of a directory, merged in lexical order.
    ///
    /// Relative paths in the files are relative to the directory. The second value holds the warnings.
    /// On errors, the answer holds every problem of every file, warnings included: first files that cannot be read,
    /// then the others in the order of merging.
    pub fn load(dir: &Path) -> Result<(Self, Vec<Diagnostic>), Problems> {
        let (mut sources, mut problems) = Sources::read(dir);
        let texts: Vec<Arc<str>> = sources.files.iter().map(|file| Arc::clone(&file.text)).collect();
        let documents: Vec<Document<'_>> =
            texts.iter().enumerate().map(|(file, text)| parse(file, text)).collect();
        for (source, document) in sources.files.iter_mut().zip(&documents) {
            let broken = !source.whole || !document.errors.is_empty();
            source.masks = secrets(&source.text, &document.tree, broken);
        }
        let mut findings = Findings::default();
        let mut draft = Draft::default();
        for (source, document) in sources.files.iter().zip(&documents) {
            if source.whole {
                draft.read(source, document, &mut findings);
            }
        }
        let resolved = Resolved::new(&draft, &mut findings);
        semantic::check(&draft, &resolved, &mut findings);

        let unread = !problems.is_empty();
        let found = reliable(findings.all, &sources, &documents, unread);
        problems.extend(found.into_iter().map(|finding| finding.locate(&sources)));
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            return Err(Problems { diagnostics: problems, sha256: sources.sha256 });
        }
        Ok((resolved.finish(sources), problems))
    }

    /// SHA-256 of the files as they are now, right or wrong: [`Config::sha256`] of what they would be.
    pub fn sha256_of_files(dir: &Path) -> String {
        Sources::read(dir).0.sha256
    }

    /// A problem that was found later, at a place of the configuration.
    pub fn diagnostic(
        &self,
        spot: Spot,
        severity: Severity,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Diagnostic {
        let (message, help) = (message.into(), help.into());
        Diagnostic { severity, place: self.place(spot), message, help, related: Vec::new() }
    }

    /// Where a spot is: for a second place of a problem.
    pub fn place(&self, spot: Spot) -> Place {
        self.sources.place(spot)
    }
}

/// Where the daemon of these files keeps its own, as far as they say it: something else that is wrong in them is no obstacle.
pub fn runtime_directory(dir: &Path) -> PathBuf {
    let (sources, _) = Sources::read(dir);
    let (mut findings, mut draft) = (Findings::default(), Draft::default());
    for (file, source) in sources.files.iter().enumerate().filter(|(_, source)| source.whole) {
        draft.read(source, &parse(file, &source.text), &mut findings);
    }
    draft.daemon.finish().runtime_directory
}

impl Resolved {
    /// Puts the parts together.
    fn finish(self, sources: Sources) -> Config {
        Config {
            databases: self.databases,
            customers: self.customers,
            datasets: self.datasets,
            data_types: self.data_types,
            protected: self.protected,
            syncs: self.syncs,
            defaults: self.defaults,
            notifies: self.notifies,
            servers: self.servers,
            snapshots: self.snapshots,
            daemon: self.daemon,
            sha256: sources.sha256.clone(),
            sources: Arc::new(sources),
        }
    }
}

/// The syntax errors, and of the other findings those that are no mere consequence of them, in the order of the files.
fn reliable(
    findings: Vec<Finding>,
    sources: &Sources,
    documents: &[Document<'_>],
    unread: bool,
) -> Vec<Finding> {
    let line = |spot: Spot| sources.files.get(spot.file).map(|file| file.line_of(spot.start));
    let incomplete =
        unread || documents.iter().zip(&sources.files).any(|(one, file)| one.trusted_until < file.text.len());
    let keep = |finding: &Finding| {
        let Some(document) = documents.get(finding.spot.file) else {
            return true;
        };
        let beside_error = document.errors.iter().any(|error| line(error.spot) == line(finding.spot));
        finding.spot.start <= document.trusted_until && !beside_error && !(incomplete && finding.absence)
    };
    let mut kept: Vec<Finding> = findings.into_iter().filter(keep).collect();
    // What was cut off at a byte that is not UTF-8 ends in the middle: that is no error of syntax.
    let whole = documents.iter().zip(&sources.files).filter(|(_, file)| file.whole);
    kept.extend(whole.flat_map(|(document, _)| document.errors.iter().cloned()));
    kept.sort_by_key(|finding| finding.spot);
    kept
}
