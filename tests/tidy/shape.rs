//! The shape of files: heads, lengths, names and words.

use std::collections::BTreeSet;
use std::path::Path;

use super::code;
use super::tree::{File, Problem, Tree, problem};

const FILE_MAX_LINES: usize = 500;
const FUNCTION_MAX_LINES: usize = 70;
const RUST: [&str; 3] = ["src", "tests", "benches"];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 7] = ["utils", "common", "helpers", "types", "manager", "impl", "misc"];

/// Every file says first what it is and why.
pub(crate) fn every_file_has_a_head(tree: &Tree) -> Vec<Problem> {
    let headless = tree.rust(&RUST).filter(|file| !file.text.starts_with("//!"));
    let remedy = "starts without `//!`: say in a sentence what the file is and why";
    headless.map(|file| problem("heads", file, 1, remedy.to_owned())).collect()
}

/// Neither files (their tests aside) nor functions are too long.
pub(crate) fn nothing_is_too_long(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.rust(&RUST) {
        let lines = file.tests_from - 1;
        if !file.path.starts_with("tests/") && lines > FILE_MAX_LINES {
            let remedy =
                format!("{lines} lines before the tests, {FILE_MAX_LINES} are allowed: split by noun");
            problems.push(problem("lengths", file, FILE_MAX_LINES + 1, remedy));
        }
        for (name, first, last) in code::functions(&file.tokens) {
            let lines = last - first + 1;
            if lines > FUNCTION_MAX_LINES {
                let remedy = format!(
                    "`{name}` has {lines} lines, {FUNCTION_MAX_LINES} are allowed: keep the decisions, move the leaves out"
                );
                problems.push(problem("lengths", file, first, remedy));
            }
        }
    }
    problems
}

/// Files, folders and modules are nouns that mean something.
pub(crate) fn every_name_means_something(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let empty = |name: &str| EMPTY_NAMES.contains(&name);
    let remedy = |name: &str| format!("`{name}` says nothing: name it by what it holds");
    let mut told = BTreeSet::new();
    for file in tree.rust(&RUST) {
        for word in file.path.split('/').map(|word| word.trim_end_matches(".rs")).filter(|word| empty(word)) {
            let folder = Path::new(&file.path)
                .ancestors()
                .find(|path| path.file_stem().is_some_and(|stem| stem == word));
            if told.insert(folder.map(Path::to_owned)) {
                problems.push(problem("names", file, 1, remedy(word)));
            }
        }
        let modules = file.tokens.windows(3).filter(|three| three[0].text == "mod" && three[2].text == "{");
        for name in modules.map(|three| &three[1]).filter(|name| empty(&name.text)) {
            problems.push(problem("names", file, name.line, remedy(&name.text)));
        }
    }
    problems
}

/// Words that are banned in `src`.
pub(crate) fn no_banned_word(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.rust(&["src"]) {
        for (line, code) in file.code.lines().enumerate() {
            let code: String = code.split_whitespace().collect();
            if code.contains("#[allow") || code.contains("#![allow") {
                problems.push(banned(file, line + 1, "allow", "write #[expect(…, reason = \"…\")]"));
            }
        }
        for (line, code) in file.code_before_tests() {
            let code: String = code.split_whitespace().collect();
            if code.contains(".unwrap()") {
                problems.push(banned(file, line, "unwrap()", "return the error"));
            }
            if shares_a_lock(&code) {
                problems.push(banned(
                    file,
                    line,
                    "Arc<Mutex",
                    "give it one owner, tell the others by channel or watch",
                ));
            }
        }
        for (line, text) in file.text.lines().enumerate() {
            for word in ["TODO", "FIXME"].into_iter().filter(|word| text.contains(word)) {
                problems.push(banned(file, line + 1, word, "do it now, or open an issue"));
            }
        }
        if !may_print(file) {
            problems.extend(prints(file));
        }
    }
    problems
}

fn banned(file: &File, line: usize, word: &str, instead: &str) -> Problem {
    problem("words", file, line, format!("`{word}` is banned in src: {instead}"))
}

/// `Arc<…Mutex<` or `Arc<…RwLock<`, the inner path in any form.
fn shares_a_lock(code: &str) -> bool {
    code.split("Arc<").skip(1).any(|inside| {
        let path = inside.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).next();
        path.is_some_and(|path| path.ends_with("Mutex") || path.ends_with("RwLock"))
    })
}

/// Commands speak to people; everything else logs.
fn may_print(file: &File) -> bool {
    file.path.starts_with("src/cli/") || ["src/cli.rs", "src/main.rs"].contains(&file.path.as_str())
}

fn prints(file: &File) -> impl Iterator<Item = Problem> {
    let calls = file.tokens.windows(2).filter(|pair| {
        pair[1].text == "!" && ["print", "println", "eprint", "eprintln"].contains(&pair[0].text.as_str())
    });
    calls.map(|pair| {
        banned(file, pair[0].line, &format!("{}!", pair[0].text), "only commands print: log it, or return it")
    })
}
