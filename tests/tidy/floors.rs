//! The floors: who may use whom.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{File, Problem, Tree, problem};

/// Absences to protect: a module, and names that it must not mention.
const ABSENCES: [(&str, &[&str], &str); 3] = [
    ("rules", &["postgres", "tokio_postgres"], "planning is pure: take what was read from the catalog"),
    ("source", &["rules"], "the stream knows nothing of rules: hand the changes on"),
    ("snapshot", &["rules", "apply"], "a snapshot is a reading of its own: use neither rules nor writing"),
];

/// The modules of `src/lib.rs`, lowest first.
fn floors(tree: &Tree) -> Vec<&str> {
    let Some(lib) = tree.file("src/lib.rs") else { return Vec::new() };
    let declared =
        lib.tokens.windows(2).filter(|pair| pair[0].text == "mod" && pair[1].line < lib.tests_from);
    declared.map(|pair| pair[1].text.as_str()).collect()
}

/// A module uses only modules that `src/lib.rs` lists above it.
pub(crate) fn no_module_uses_a_higher_one(tree: &Tree) -> Vec<Problem> {
    let floors = floors(tree);
    let floor = |module: &str| floors.iter().position(|known| *known == module);
    let mut problems = Vec::new();
    for file in tree.rust(&["src"]) {
        let module = file.module().unwrap_or_default();
        let Some(own) = module.first() else { continue };
        let Some(own_floor) = floor(own) else {
            let remedy =
                format!("`{own}` is not in src/lib.rs: list it there with `pub mod`, or remove the file");
            problems.push(problem("floors", file, 1, remedy));
            continue;
        };
        for reference in &file.references {
            let used = file.resolved(reference).and_then(|path| path.into_iter().next());
            let Some(used) = used else { continue };
            if floor(&used).is_some_and(|used_floor| used_floor > own_floor) {
                let remedy = format!(
                    "`{own}` must not use `{used}`, which src/lib.rs lists below it: pass in what it needs, or move it"
                );
                problems.push(problem("floors", file, reference.line, remedy));
            }
        }
    }
    problems
}

/// Who uses whom among the files of `src`, with the line where it does.
type Uses<'a> = BTreeMap<&'a str, BTreeMap<&'a str, usize>>;

/// No file uses, by whatever way round, a file that uses it.
pub(crate) fn no_files_use_each_other(tree: &Tree) -> Vec<Problem> {
    let uses = uses(tree);
    let mut problems = Vec::new();
    let mut told = BTreeSet::new();
    for file in tree.rust(&["src"]) {
        let Some(circle) = circle(&uses, &file.path) else { continue };
        let mut members = circle.clone();
        members.sort_unstable();
        if told.insert(members) {
            let line = uses[circle[0]][circle.get(1).copied().unwrap_or(circle[0])];
            let remedy = format!(
                "{} → {} use each other in a circle: move what both need into a file of its own",
                circle.join(" → "),
                circle[0]
            );
            problems.push(problem("circles", file, line, remedy));
        }
    }
    problems
}

/// The shortest way from `start` back to itself.
fn circle<'a>(uses: &Uses<'a>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for &next in uses.get(way.last()?).into_iter().flat_map(BTreeMap::keys) {
                if next == start {
                    return Some(way);
                }
                if seen.insert(next) {
                    longer.push([way.as_slice(), &[next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

fn uses(tree: &Tree) -> Uses<'_> {
    let files: Vec<_> = tree.rust(&["src"]).filter(|file| file.path != "src/lib.rs").collect();
    let modules: BTreeMap<Vec<&str>, &File> = files
        .iter()
        .filter_map(|file| Some((file.module().filter(|module| !module.is_empty())?, *file)))
        .collect();
    let mut uses = Uses::new();
    for file in files {
        for reference in
            file.references.iter().filter(|found| found.line < file.tests_from && !found.passed_on)
        {
            let path = file.resolved(reference).or_else(|| child(file, &reference.path, &modules));
            let target = path.and_then(|path| target(&path, &modules));
            if let Some(target) = target.filter(|target| target.path != file.path) {
                uses.entry(&file.path).or_default().entry(target.path.as_str()).or_insert(reference.line);
            }
        }
    }
    uses
}

/// `reader::Reader` inside `pgoutput` is `pgoutput::reader::Reader` where there is such a file.
fn child(file: &File, path: &[String], modules: &BTreeMap<Vec<&str>, &File>) -> Option<Vec<String>> {
    let mut module = file.module()?;
    let above: Vec<String> = module.iter().map(|&word| word.to_owned()).collect();
    module.push(path.first()?);
    modules.contains_key(&module).then(|| [above.as_slice(), path].concat())
}

/// The file that holds what `path` names: what a folder's own file passes on belongs to the file that it comes from.
fn target<'a>(path: &[String], modules: &BTreeMap<Vec<&str>, &'a File>) -> Option<&'a File> {
    let words: Vec<_> = path.iter().map(String::as_str).collect();
    let length = (1..=words.len()).rev().find(|&length| modules.contains_key(&words[..length]))?;
    let file = modules[&words[..length]];
    let Some(item) = words.get(length) else { return Some(file) };
    let passed_on = file.references.iter().filter(|found| found.passed_on);
    let mut sources =
        passed_on.filter_map(|found| file.resolved(found).or_else(|| child(file, &found.path, modules)));
    // With `pub use child::*` it can't be told where the item comes from: no judgement.
    match sources.find(|source| source.last().is_some_and(|last| last == item || last == "*")) {
        Some(source) if source.last().is_some_and(|last| last == "*") => None,
        Some(source) => {
            let words: Vec<_> = source.iter().map(String::as_str).collect();
            modules.get(&words[..words.len() - 1]).copied().or(Some(file))
        }
        None => Some(file),
    }
}

/// The names in [`ABSENCES`] are not mentioned.
pub(crate) fn what_must_be_absent_is_absent(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.rust(&["src"]) {
        let module = file.module().unwrap_or_default();
        for (own, absent, why) in ABSENCES.iter().filter(|(own, _, _)| module.first() == Some(own)) {
            for reference in &file.references {
                let from_root = file.resolved(reference).unwrap_or_else(|| reference.path.clone());
                if let Some(name) =
                    absent.iter().find(|name| from_root.first().is_some_and(|word| word == *name))
                {
                    let remedy = format!("`{own}` must not mention `{name}`: {why}");
                    problems.push(problem("absences", file, reference.line, remedy));
                }
            }
        }
    }
    problems
}
