//! Problems while they are being collected: spots and words only, so that the code that finds them stays pure.
//!
//! They become [`Diagnostic`]s once at the end, when the texts are at hand.

use super::diagnostic::{Diagnostic, Related, Severity};
use super::source::Sources;
use super::spot::Spot;

/// One problem.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    severity: Severity,
    pub(super) spot: Spot,
    pub(super) message: String,
    pub(super) help: String,
    related: Vec<(Spot, String)>,
    /// It says that something is not there: no news when a file could not be read in full.
    pub(super) absence: bool,
}

impl Finding {
    /// Adds a second place. One that is the first place again says nothing.
    pub(super) fn relate(&mut self, spot: Spot, label: impl Into<String>) -> &mut Self {
        if spot != self.spot {
            self.related.push((spot, label.into()));
        }
        self
    }

    /// Marks it as saying that something is not there.
    pub(super) fn mark_absence(&mut self) {
        self.absence = true;
    }

    /// Points it at the texts.
    pub(super) fn locate(self, sources: &Sources) -> Diagnostic {
        let related = |(spot, label): (Spot, String)| Related { place: sources.place(spot), label };
        Diagnostic {
            severity: self.severity,
            place: sources.place(self.spot),
            message: self.message,
            help: self.help,
            related: self.related.into_iter().map(related).collect(),
        }
    }
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) all: Vec<Finding>,
}

impl Findings {
    /// Adds something that Acequia does not start with.
    pub(super) fn error(
        &mut self,
        spot: Spot,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> &mut Finding {
        self.add(Severity::Error, spot, message.into(), help.into())
    }

    /// Adds something that somebody should look at.
    pub(super) fn warning(
        &mut self,
        spot: Spot,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> &mut Finding {
        self.add(Severity::Warning, spot, message.into(), help.into())
    }

    fn add(&mut self, severity: Severity, spot: Spot, message: String, help: String) -> &mut Finding {
        self.all.push(Finding { severity, spot, message, help, related: Vec::new(), absence: false });
        let last = self.all.len() - 1;
        &mut self.all[last]
    }
}
