//! A problem of the configuration, told so that it can be put right at once: where, what, and the remedy.
//!
//! A [`Diagnostic`] owns the line that it shows, with secrets already masked, so it can travel without the files.
//! People get it as rustc prints errors, programs as JSON.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::{Serialize, Serializer};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Acequia does not start with it.
    Error,
    /// Acequia starts, and somebody should look at it.
    Warning,
}

/// A place in a file, or a whole file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The path, as it was given.
    pub file: PathBuf,
    /// Where in the file; none means the whole of it.
    pub position: Option<Position>,
    /// The line to show.
    pub(super) excerpt: Option<Excerpt>,
}

/// Where in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// 1 is the first line.
    pub line: usize,
    /// In characters; 1 is the first of the line.
    pub column: usize,
    /// The first byte, from the start of the file.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// One line of a file as it may be shown: secrets masked, very long lines cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// The line without its end.
    pub(super) text: String,
    /// The first byte of `text` to underline.
    pub(super) start: usize,
    /// The byte after the last one to underline.
    pub(super) end: usize,
}

impl Place {
    /// A whole file or directory.
    pub fn whole(file: &Path) -> Self {
        Self { file: file.to_owned(), position: None, excerpt: None }
    }
}

impl fmt::Display for Place {
    /// `file:line:column`, as far as known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.position.map_or(Ok(()), |position| write!(f, ":{}:{}", position.line, position.column))
    }
}

/// A second place that has to do with a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Where.
    pub place: Place,
    /// What is there.
    pub label: String,
}

/// One problem of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stops Acequia.
    pub severity: Severity,
    /// Where it is.
    pub place: Place,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it. SQL where it is SQL; may have several lines.
    pub help: String,
    /// Other places that have to do with it.
    pub related: Vec<Related>,
}

/// Whether escape sequences may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Text only.
    Plain,
    /// With the colours of a terminal.
    Coloured,
}

impl Diagnostic {
    /// Adds a second place.
    #[must_use]
    pub fn relate(mut self, place: Place, label: impl Into<String>) -> Self {
        self.related.push(Related { place, label: label.into() });
        self
    }

    /// The problem as rustc would print it, without a line end after the last line.
    pub fn render(&self, style: Style) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = Group::with_title(level.primary_title(&*self.message));
        let mut group = with_place(title, &self.place, AnnotationKind::Primary, None);
        for related in &self.related {
            group = with_place(group, &related.place, AnnotationKind::Context, Some(&related.label));
        }
        if !self.help.is_empty() {
            group = group.element(Level::HELP.message(&*self.help));
        }
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Coloured => Renderer::styled(),
        };
        let text = renderer.decor_style(DecorStyle::Ascii).render(&[group]);
        text.split('\n').filter(|line| !is_empty_origin(line)).collect::<Vec<_>>().join("\n")
    }
}

/// Whether a line says only that a snippet has no path, which the renderer writes between a place and its line.
fn is_empty_origin(line: &str) -> bool {
    let mut text = String::new();
    for (index, piece) in line.split('\u{1b}').enumerate() {
        // A colour ends with its first letter.
        let behind_colour = piece.find(|c: char| c.is_ascii_alphabetic()).map_or(piece.len(), |at| at + 1);
        text.push_str(if index == 0 { piece } else { &piece[behind_colour..] });
    }
    text.trim() == ":::"
}

/// Adds a place and its line, if it has one.
fn with_place<'a>(
    group: Group<'a>,
    place: &'a Place,
    kind: AnnotationKind,
    label: Option<&'a String>,
) -> Group<'a> {
    let path = place.file.to_string_lossy();
    let Some(position) = place.position else {
        return group.element(Origin::path(path));
    };
    let origin = |path| Origin::path(path).line(position.line).char_column(position.column);
    let Some(excerpt) = &place.excerpt else {
        return group.element(origin(path));
    };
    let annotation = kind.span(excerpt.start..excerpt.end).label(label.map(String::as_str));
    let snippet = Snippet::source(&*excerpt.text).line_start(position.line).annotation(annotation);
    let before = excerpt.text.get(..excerpt.start).unwrap_or_default();
    if before.chars().count() + 1 == position.column {
        group.element(snippet.path(path))
    } else {
        // Something before it is masked or cut: the snippet would count another column than the file has.
        group.element(origin(path)).element(snippet)
    }
}

/// The shape of a place in JSON.
#[derive(Serialize)]
struct PlaceJson<'a> {
    file: Cow<'a, str>,
    line: Option<usize>,
    column: Option<usize>,
}

impl<'a> From<&'a Place> for PlaceJson<'a> {
    fn from(place: &'a Place) -> Self {
        Self {
            file: place.file.to_string_lossy(),
            line: place.position.map(|position| position.line),
            column: place.position.map(|position| position.column),
        }
    }
}

/// The shape of a second place in JSON.
#[derive(Serialize)]
struct RelatedJson<'a> {
    #[serde(flatten)]
    place: PlaceJson<'a>,
    label: &'a str,
}

/// The shape of a problem in JSON.
#[derive(Serialize)]
struct DiagnosticJson<'a> {
    severity: Severity,
    #[serde(flatten)]
    place: PlaceJson<'a>,
    message: &'a str,
    help: &'a str,
    related: Vec<RelatedJson<'a>>,
}

impl Serialize for Diagnostic {
    /// `{severity, file, line, column, message, help, related: [{file, line, column, label}]}`; line and column are null
    /// for a whole file.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        DiagnosticJson {
            severity: self.severity,
            place: PlaceJson::from(&self.place),
            message: &self.message,
            help: &self.help,
            related: self
                .related
                .iter()
                .map(|one| RelatedJson { place: PlaceJson::from(&one.place), label: &one.label })
                .collect(),
        }
        .serialize(serializer)
    }
}

/// Everything that is wrong with a configuration that cannot be used: at least one error, and the warnings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems {
    /// First files that cannot be read, then the others in the order of merging.
    pub diagnostics: Vec<Diagnostic>,
    /// SHA-256 of the files that they are told of, as [`super::Config::sha256`] is of right ones: they may be others by now.
    #[serde(skip)]
    pub sha256: String,
}

impl Problems {
    /// All of them, one after the other, with an empty line between.
    pub fn render(&self, style: Style) -> String {
        let all: Vec<String> = self.diagnostics.iter().map(|one| one.render(style)).collect();
        all.join("\n\n")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Style::Plain))
    }
}

impl std::error::Error for Problems {}
