//! The repository's files as the rules see them, and the problems that the rules find.

use std::fmt;
use std::fs;
use std::path::Path;

use super::code::{self, Reference, Token};

/// Directories that are not the house's: git's own, and what cargo builds.
const SKIPPED: [&str; 2] = [".git", "target"];

/// Every text file of a repository.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

/// One text file.
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// For Rust: comments, strings and characters blanked out. Empty for anything else.
    pub(crate) code: String,
    pub(crate) tokens: Vec<Token>,
    pub(crate) references: Vec<Reference>,
    /// The first line that is only there for tests; one more than there are lines where none is.
    pub(crate) tests_from: usize,
}

impl Tree {
    /// Reads everything under `root` that is UTF-8, in the order of the paths.
    pub(crate) fn read(root: &Path) -> Self {
        let mut files = Vec::new();
        visit(root, root, &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    /// The Rust files of the directories `tops`.
    pub(crate) fn rust<'a>(&'a self, tops: &'a [&str]) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(|file| {
            file.is_rust() && file.path.split_once('/').is_some_and(|(top, _)| tops.contains(&top))
        })
    }

    /// The file with this path.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

fn visit(root: &Path, directory: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(directory).expect("a directory that can be listed") {
        let entry = entry.expect("a directory entry");
        let kind = entry.file_type().expect("the kind of a directory entry");
        let path = entry.path();
        if kind.is_dir() {
            if !SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
                visit(root, &path, files);
            }
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(&path)
        {
            let path = path.strip_prefix(root).expect("a path below the root").to_string_lossy().into_owned();
            files.push(File::new(path, text));
        }
    }
}

impl File {
    fn new(path: String, text: String) -> Self {
        let is_rust = Path::new(&path).extension().is_some_and(|extension| extension == "rs");
        let code = if is_rust { code::blanked(&text) } else { String::new() };
        let tokens = code::tokens(&code);
        let references = code::references(&tokens);
        let tests_from = if path.ends_with("/tests.rs") || path.contains("/tests/") {
            1
        } else {
            tests_from(&code).unwrap_or(text.lines().count() + 1)
        };
        Self { path, text, code, tokens, references, tests_from }
    }

    pub(crate) fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }

    /// The module path of a file under `src`: `src/source/pgoutput.rs` is `[source, pgoutput]`, the roots are empty.
    pub(crate) fn module(&self) -> Option<Vec<&str>> {
        let inside = self.path.strip_prefix("src/")?.strip_suffix(".rs")?;
        let mut module: Vec<_> = inside.split('/').collect();
        if module.last() == Some(&"mod") || matches!(module[..], ["lib" | "main"]) {
            module.pop();
        }
        Some(module)
    }

    /// The lines of blanked code with their numbers, up to the tests.
    pub(crate) fn code_before_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.code.lines().enumerate().map(|(index, line)| (index + 1, line));
        numbered.take_while(|(line, _)| *line < self.tests_from)
    }

    /// What a path means from the crate's root: `super` and `self` are resolved, foreign paths are none of ours.
    pub(crate) fn resolved(&self, reference: &Reference) -> Option<Vec<String>> {
        let mut base: Vec<String> = self.module()?.into_iter().map(str::to_owned).collect();
        if reference.line >= self.tests_from && self.tests_from > 1 {
            base.push("tests".to_owned());
        }
        let mut words = reference.path.iter().peekable();
        match words.peek()?.as_str() {
            "crate" => {
                base.clear();
                words.next();
            }
            "self" => {
                words.next();
            }
            "super" => {}
            _ => return None,
        }
        while words.next_if(|word| *word == "super").is_some() {
            base.pop()?;
        }
        base.extend(words.cloned());
        Some(base)
    }
}

/// The line of the `#[cfg(test)]` that stands before a module.
fn tests_from(code: &str) -> Option<usize> {
    let lines: Vec<_> = code.lines().map(str::trim).collect();
    let at = lines.iter().enumerate().position(|(at, line)| {
        let module = lines[at + 1..].iter().find(|next| !next.is_empty() && !next.starts_with("#["));
        line.starts_with("#[cfg(test)]") && module.is_some_and(|next| next.starts_with("mod "))
    })?;
    Some(at + 1)
}

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    /// The rule's short name, as exceptions have it.
    pub(crate) rule: &'static str,
    pub(crate) path: String,
    pub(crate) line: usize,
    /// What is wrong and what to do.
    pub(crate) remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: [{}] {}", self.path, self.line, self.rule, self.remedy)
    }
}

/// A problem of `rule` in `file`.
pub(crate) fn problem(rule: &'static str, file: &File, line: usize, remedy: String) -> Problem {
    Problem { rule, path: file.path.clone(), line, remedy }
}
