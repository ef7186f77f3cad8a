//! What the binary carries (`include_str!`), and what the repository must not carry: traces of the machine it grew on.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::tree::{File, Problem, Tree, problem};

/// Every embedded file exists, and every file of `sql/` is embedded. `sql/practice/` is for people and tests.
pub(crate) fn sql_is_embedded_and_embedded_files_exist(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut embedded = BTreeSet::new();
    for file in tree.rust(&["src", "tests", "benches"]) {
        for (line, path) in includes(file) {
            if tree.file(&path).is_none() {
                let remedy = format!("`{path}` is embedded here and does not exist: correct the path");
                problems.push(problem("embedded", file, line, remedy));
            }
            if file.path.starts_with("src/") {
                embedded.insert(path);
            }
        }
    }
    let carried = |path: &str| {
        path.starts_with("sql/") && !path.starts_with("sql/practice/") && !path.ends_with("README.md")
    };
    for file in tree.files.iter().filter(|file| carried(&file.path) && !embedded.contains(&file.path)) {
        let remedy = "no file of src embeds this: `include_str!` it where it is used, or remove it";
        problems.push(problem("embedded", file, 1, remedy.to_owned()));
    }
    problems
}

fn is_sql(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "sql")
}

/// SQL that goes to a server has no character that a database in some old encoding lacks, not even in a comment.
pub(crate) fn sql_for_servers_is_ascii(tree: &Tree) -> Vec<Problem> {
    let is_sent = |path: &str| path.starts_with("sql/") && !path.starts_with("sql/practice/") && is_sql(path);
    let lines = tree.files.iter().filter(|file| is_sent(&file.path)).flat_map(|file| {
        let foreign = file.text.lines().enumerate().filter(|(_, line)| !line.is_ascii());
        foreign.map(move |(number, _)| {
            problem(
                "ascii",
                file,
                number + 1,
                "a database in another encoding may refuse this: write ASCII".to_owned(),
            )
        })
    });
    lines.collect()
}

/// The files that `file` embeds, with the line, as paths from the root.
fn includes(file: &File) -> Vec<(usize, String)> {
    let calls = file.tokens.windows(2).filter(|pair| {
        pair[1].text == "!" && ["include_str", "include_bytes"].contains(&pair[0].text.as_str())
    });
    let mut lines: Vec<_> = calls.map(|pair| pair[0].line).collect();
    lines.dedup();
    lines.into_iter().flat_map(|line| included_from(file, line)).collect()
}

/// The arguments of the calls that begin in one line; an argument may stand in a later one. What a macro puts together
/// can't be seen here.
fn included_from(file: &File, line: usize) -> Vec<(usize, String)> {
    let start: usize = file.text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = &file.text[start..];
    let line_end = rest.find('\n').unwrap_or(rest.len());
    let calls = ["include_str!", "include_bytes!"].into_iter().flat_map(|call| rest.match_indices(call));
    let here = calls.filter(|(at, _)| *at < line_end);
    here.filter_map(|(at, call)| Some((line, argument(file, &rest[at + call.len()..])?))).collect()
}

/// The path in `("…")`, relative to the file, or in `(concat!(env!("CARGO_MANIFEST_DIR"), "…"))`.
fn argument(file: &File, call: &str) -> Option<String> {
    let argument = call.strip_prefix('(')?.trim_start();
    let mut strings = argument.split('"').skip(1).step_by(2);
    let path = if argument.starts_with('"') {
        Path::new(&file.path).parent()?.join(strings.next()?)
    } else {
        strings.next().filter(|first| *first == "CARGO_MANIFEST_DIR")?;
        PathBuf::from(strings.next()?.trim_start_matches('/'))
    };
    Some(plain(&path))
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> String {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::Normal(word) => plain.push(word),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    plain.to_string_lossy().into_owned()
}

/// Written in two halves, so that this file passes its own rule.
const MACHINE_PATHS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tmp", "/h-")];
const REGISTRY_HOSTS: [&str; 6] = [
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("registry.npmjs", ".org"),
    concat!("files.pythonhosted", ".org"),
    concat!("pypi.org/", "simple"),
    concat!("proxy.golang", ".org"),
];

/// The only registry that `Cargo.lock` may name: cargo's own name for it, which every machine can replace for itself.
const REGISTRY: &str = "https://github.com/rust-lang/crates.io-index";

/// No file names a path of the machine that it was written on, or where that machine gets its packages.
pub(crate) fn no_trace_of_a_machine(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            for trace in MACHINE_PATHS.iter().filter(|path| names_path(line, path)) {
                let remedy =
                    format!("`{trace}` is a path of one machine: make it relative to the repository");
                problems.push(problem("traces", file, index + 1, remedy));
            }
            let host = REGISTRY_HOSTS.iter().any(|host| line.contains(host));
            if host || names_other_registry(line) {
                let remedy =
                    "a registry's host belongs into cargo's own settings on each machine: leave it out here";
                problems.push(problem("traces", file, index + 1, remedy.to_owned()));
            }
        }
    }
    problems
}

/// Whether `path` stands in the line as the beginning of a path, not in the middle of one.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '*' | '~' | '}')))
    })
}

fn names_other_registry(line: &str) -> bool {
    [concat!("\"registry", "+"), concat!("\"sparse", "+")]
        .iter()
        .any(|kind| line.split_once(kind).is_some_and(|(_, host)| !host.starts_with(REGISTRY)))
}
