//! Writes a manual page: man(7), as groff and mandoc read it.

use std::fmt::Write as _;

/// The day of the words; a page without one is not a whole page.
const DATE: &str = "2026-11-22";

/// A page that is being written.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
}

impl Page {
    /// Begins a page.
    pub(super) fn begin(name: &str, section: u8, about: &str) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let title = plain(&name.to_uppercase());
        let mut page = Self { text: String::new() };
        page.line(".\\\" Made by the program itself: ACEQUIA_WRITE_EXPECTED=1 cargo test --test pages");
        page.line(&format!(".TH {title} {section} {DATE} \"acequia {version}\" \"Acequia\""));
        page.section("NAME");
        page.line(&format!("{} \\- {}", plain(name), plain(about)));
        page
    }

    /// What was written.
    pub(super) fn finish(self) -> String {
        self.text
    }

    /// A section.
    pub(super) fn section(&mut self, title: &str) {
        self.line(&format!(".SH \"{}\"", quoted(title)));
    }

    /// A section in a section.
    pub(super) fn part(&mut self, title: &str) {
        self.line(&format!(".SS \"{}\"", quoted(title)));
    }

    /// A paragraph of its own. What stands between backticks is bold.
    pub(super) fn paragraph(&mut self, text: &str) {
        // A section begins with one by itself.
        if !self
            .text
            .lines()
            .next_back()
            .is_some_and(|line| line.starts_with(".SH") || line.starts_with(".SS"))
        {
            self.line(".PP");
        }
        self.words(text);
    }

    /// Text that goes on where the page is.
    pub(super) fn words(&mut self, text: &str) {
        for (number, piece) in text.split(". ").enumerate() {
            let stop = if number + 1 == text.split(". ").count() { "" } else { "." };
            self.line(&guarded(&marked(&format!("{piece}{stop}"))));
        }
    }

    /// A term, already written with [`bold`] and the like; its explanation follows.
    pub(super) fn term(&mut self, term: &str) {
        self.line(".TP");
        self.line(&guarded(term));
    }

    /// Lines as they are, indented.
    pub(super) fn example(&mut self, lines: &[&str]) {
        self.line(".PP");
        self.line(".RS 4");
        self.line(".EX");
        for line in lines {
            self.line(&guarded(&plain(line)));
        }
        self.line(".EE");
        self.line(".RE");
    }

    /// What clap shows after the help: paragraphs, and lines that are indented.
    pub(super) fn notes(&mut self, text: &str) {
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if line.trim().is_empty() {
                continue;
            }
            let indented = line.starts_with("  ");
            let mut block = vec![line.trim_start()];
            let like = |next: &&str| !next.trim().is_empty() && next.starts_with("  ") == indented;
            while let Some(next) = lines.next_if(like) {
                block.push(if indented { next.strip_prefix("  ").unwrap_or(next) } else { next });
            }
            if indented { self.example(&block) } else { self.paragraph(&block.join(" ")) }
        }
    }

    /// One line of the page, as it is.
    fn line(&mut self, line: &str) {
        let written = writeln!(self.text, "{line}");
        debug_assert!(written.is_ok(), "a text takes everything");
    }
}

/// Text in bold.
pub(super) fn bold(text: &str) -> String {
    format!("\\fB{}\\fP", plain(text))
}

/// Text that stands for something else.
pub(super) fn italic(text: &str) -> String {
    format!("\\fI{}\\fP", plain(text))
}

/// Text without a meaning to roff.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\\' => "\\e".to_owned(),
            '-' => "\\-".to_owned(),
            '~' => "\\(ti".to_owned(),
            '^' => "\\(ha".to_owned(),
            '`' => "\\(ga".to_owned(),
            '\'' => "\\(aq".to_owned(),
            '…' => "...".to_owned(),
            '→' => "\\(->".to_owned(),
            other => other.to_string(),
        })
        .collect()
}

/// The same between quotation marks.
fn quoted(text: &str) -> String {
    plain(text).replace('"', "\\(dq")
}

/// What stands between backticks is bold.
fn marked(text: &str) -> String {
    let pieces = text.split('`').enumerate();
    pieces.map(|(number, piece)| if number % 2 == 1 { bold(piece) } else { plain(piece) }).collect()
}

/// A line that begins like a request is none.
fn guarded(line: &str) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() }
}
