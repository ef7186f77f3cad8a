//! acequia.toml(5): every key of the files.

use std::collections::BTreeSet;

use super::roff::{Page, bold, italic, plain};
use crate::config::manual::{Bond, Chapter, Entry, Group, Shape};

const DESCRIPTION: [&str; 4] = [
    "Acequia reads one directory, `/etc/acequia` unless `--config` or `ACEQUIA_CONFIG` names another: `acequia.toml` and \
     every `conf.d/*.toml`, in the order of their names. Together they are one configuration. What stands in which file is \
     for you to say; a name is defined once.",
    "Every key that the program does not know is an error, with the place and a suggestion. `acequia check --offline` reads \
     the files alone, `acequia check` compares them with the databases too. A running daemon takes changed files over by \
     `acequia reload`, all of it or nothing.",
    "Paths are relative to the directory of the files. A name is letters, digits, `_`, `-` and `.`, and begins with a letter \
     or a digit. A name in the catalog is written as the catalog has it, without quotation marks of SQL.",
    "SQL in a rule is one expression of PostgreSQL over the columns of one row, as in a WHERE clause: no SELECT, no \
     aggregates, no comments. The server evaluates it.",
];

const SHARED: &str = "Of what several tables say about one word, the most specific one counts: `[sync.customer.NAME.dataset.NAME]`, \
    then `[sync.customer.NAME]`, `[sync.dataset.NAME]`, the group, and `[defaults]`. `acequia config show --effective` \
    prints the result, each word with the line that it came from.";

const MERGED: &str = "They stand in the same tables but `[defaults]`, and are merged column by column. A key column, and one \
    that is excluded, cannot be filled.";

const EDITORS: &str = "`acequia config schema` prints a JSON Schema of the files. An editor that knows TOML (taplo, Even Better \
    TOML) completes and checks by it, when the file's first line names it:";

/// The page.
pub(super) fn page(file: &'static Chapter) -> String {
    let mut page = Page::begin("acequia.toml", 5, "the rules of Acequia: who gives what to whom");
    page.section("DESCRIPTION");
    for text in DESCRIPTION {
        page.paragraph(text);
    }
    page.section("TABLES");
    for entry in file.entries() {
        page.term(&bold(&heading(entry)));
        page.words(entry.about);
    }
    let mut told = Told::default();
    for chapter in file.inner() {
        page.section(chapter.title());
        told.chapter(&mut page, chapter);
    }
    page.section("EDITORS");
    page.paragraph(EDITORS);
    page.example(&["#:schema /usr/share/acequia/acequia.schema.json"]);
    page.section("EXAMPLES");
    page.paragraph(
        "A whole configuration with comments is in /usr/share/doc/acequia/config. The smallest one that does something:",
    );
    page.example(&EXAMPLE.lines().collect::<Vec<_>>());
    page.section("SEE ALSO");
    page.paragraph("`acequia`(8)");
    page.finish()
}

const EXAMPLE: &str = "\
[databases.practice]
dbname = \"practicedb\"

[customers]
hq = { database = \"practice\", schema = \"practice\" }
north = { database = \"practice\", schema = \"cust_north\" }

[datasets.cpt_code]
key = [\"code\"]

[[sync]]
name = \"codes\"
from = \"hq\"
to = [\"north\"]
data = [\"cpt_code\"]";

/// What has been told already: several tables share keys.
#[derive(Debug, Default)]
struct Told {
    groups: BTreeSet<&'static str>,
    chapters: BTreeSet<&'static str>,
}

impl Told {
    /// One table, and the tables in it.
    fn chapter(&mut self, page: &mut Page, chapter: &'static Chapter) {
        page.paragraph(chapter.about);
        for bond in chapter.bonds {
            page.paragraph(&bond_text(bond));
        }
        for group in chapter.groups {
            self.group(page, group);
        }
        for inner in chapter.inner() {
            if self.chapters.insert(inner.title()) {
                page.part(inner.title());
                self.chapter(page, inner);
            }
        }
    }

    /// Keys that belong together; those that several tables share are told once.
    fn group(&mut self, page: &mut Page, group: &'static Group) {
        if let Some(title) = group.title {
            if !self.groups.insert(title) {
                let keys: Vec<String> =
                    group.entries.iter().map(|entry| format!("`{}`", entry.key)).collect();
                page.paragraph(&format!("{title}, as above: {}.", keys.join(", ")));
                return;
            }
            page.part(title);
            if group.entries.iter().any(|entry| entry.key == "mode") {
                page.paragraph(SHARED);
            }
            if group.entries.iter().any(|entry| entry.key == "map") {
                page.paragraph(MERGED);
            }
        }
        for entry in group.entries {
            let default =
                entry.default.map_or_else(String::new, |text| format!(" (default {})", plain(text)));
            page.term(&format!("{} = {}{default}", bold(entry.key), shape_text(&entry.shape)));
            page.words(entry.about);
        }
    }
}

/// How a table is called at the top of a file.
fn heading(entry: &Entry) -> String {
    match entry.shape {
        Shape::Named(_) => format!("[{}.NAME]", entry.key),
        Shape::Tables(_) => format!("[[{}]]", entry.key),
        Shape::Table(_)
        | Shape::Map { .. }
        | Shape::Text(_)
        | Shape::Flag
        | Shape::Number { .. }
        | Shape::Word(_)
        | Shape::List { .. }
        | Shape::Either(_) => format!("[{}]", entry.key),
    }
}

/// What a value may be.
fn shape_text(shape: &Shape) -> String {
    match shape {
        Shape::Text(form) => italic(form.name),
        Shape::Flag => "true | false".to_owned(),
        Shape::Number { least, most } if *most >= i64::from(i32::MAX) && *least > 0 => {
            format!("{} from {least} on", italic("number"))
        }
        Shape::Number { least, .. } if *least == i64::from(i32::MIN) => italic("number"),
        Shape::Number { least, most } => format!("{} from {least} to {most}", italic("number")),
        Shape::Word(words) => {
            let words: Vec<String> = words().iter().map(|word| plain(&format!("\"{word}\""))).collect();
            words.join(" | ")
        }
        Shape::List { entry, .. } => format!("[{}, ...]", shape_text(entry)),
        Shape::Table(chapter) | Shape::Named(chapter) | Shape::Tables(chapter) => plain(chapter.title()),
        Shape::Map { keys, value } => format!("{{ {} = {}, ... }}", italic(keys.name), shape_text(value)),
        Shape::Either(shapes) => {
            let shapes: Vec<String> = shapes.iter().map(shape_text).collect();
            shapes.join(" | ")
        }
    }
}

/// What holds between keys, in words.
fn bond_text(bond: &Bond) -> String {
    let list = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    match bond {
        Bond::Required(keys) => format!("Must be there: {}.", list(keys)),
        Bond::OneOf(sets) => {
            let sets: Vec<String> = sets.iter().map(|keys| list(keys).replace(", ", " with ")).collect();
            format!("Exactly one of: {}.", sets.join(", or "))
        }
        Bond::NotBoth(one, other) => format!("Never both: `{one}` and `{other}`."),
        Bond::Needs(key, other) => format!("`{key}` needs `{other}`."),
    }
}
