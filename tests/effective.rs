//! What holds for one customer and data set, and that `config show --effective` says where each word comes from.

use std::fs;
use std::process::Command;

use acequia::config::{Apply, Config, Gone, Mode, OnTruncate, Rule};
use acequia::name::{CustomerName, DatasetName, Ident};
use serde_json::Value;
use tempfile::TempDir;

const PLACES: &str = r#"
[databases.practice]
dbname = "practicedb"

[customers]
hq = { database = "practice", schema = "practice" }
north = { database = "practice", schema = "cust_north" }
south = { database = "practice", schema = "cust_south" }
west = { database = "practice", schema = "cust_west" }

[datasets.code]
key = ["code"]

[datasets.payer]
key = ["code"]
"#;

const RULES: &str = r#"
[defaults]
on_truncate = "delete"
priority = 7
on_leave = "delete"

[[sync]]
name = "setup"
from = "hq"
to = "*"
except = ["west"]
data = ["code", "payer"]
mode = "override"
where = "NOT inactive"
on_leave = "ignore"
map = { alternate_id = "seq_no", title = "name" }
set = { origin = "'hq'" }
default = { rank = ["code.rank", "0"], shelf = "'none'" }

[sync.dataset.code]
mode = "create-only"
apply = { every = "90m" }

[sync.customer.south]
where = "active"
set = { title = "'South'" }

[sync.customer.south.dataset.code]
mode = "link-only"
map = { origin = "source" }
set = { shelf = "'first'" }
"#;

/// A configuration of these files.
fn written(rules: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::write(directory.path().join("acequia.toml"), PLACES).expect("a configuration file");
    fs::create_dir(directory.path().join("conf.d")).expect("a folder in it");
    fs::write(directory.path().join("conf.d/rules.toml"), rules).expect("a configuration file");
    directory
}

fn load(rules: &str) -> Config {
    Config::load(written(rules).path()).expect("a right configuration").0
}

fn rule(config: &Config, group: usize, to: &str, dataset: &str) -> Rule {
    let to = CustomerName::new(to).expect("a customer's name");
    config.rule(&config.syncs[group], &to, &DatasetName::new(dataset).expect("a data set's name"))
}

/// The columns of `map`, `set` and `default` with their values.
fn columns(rule: &Rule) -> String {
    let map = rule.map.iter().map(|(column, source)| format!("{column} = {source}"));
    let set = rule.set.iter().map(|(column, sql)| format!("{column} := {}", sql.text()));
    let default = rule.default.iter().map(|(column, chain)| format!("{column} ?? {}", chain.len()));
    map.chain(set).chain(default).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_most_specific_word_counts() {
    let config = load(RULES);
    let rules = [("north", "payer"), ("north", "code"), ("south", "payer"), ("south", "code")]
        .map(|(to, dataset)| rule(&config, 0, to, dataset));
    assert_eq!(
        rules.each_ref().map(|rule| rule.mode),
        [Mode::Override, Mode::CreateOnly, Mode::Override, Mode::LinkOnly]
    );
    let filters = rules.each_ref().map(|rule| rule.filter.as_ref().map_or("", |sql| sql.text()));
    assert_eq!(filters, ["NOT inactive", "NOT inactive", "active", "active"]);
    assert!(matches!(rules[1].apply, Apply::Every(interval) if interval.as_secs() == 5_400));
    assert_eq!(rules[0].apply, Apply::Stream);
    for rule in &rules {
        assert_eq!((rule.on_truncate, rule.priority, rule.cascade), (OnTruncate::Delete, 7, false));
        assert_eq!((&rule.on_leave, &rule.on_delete, rule.enabled), (&Gone::Ignore, &Gone::Ignore, true));
    }
}

#[test]
fn columns_are_merged_one_by_one_and_a_column_has_one_source() {
    let config = load(RULES);
    let columns = [("north", "payer"), ("south", "payer"), ("south", "code")]
        .map(|(to, dataset)| columns(&rule(&config, 0, to, dataset)));
    assert_eq!(
        columns,
        [
            "alternate_id = seq_no, title = name, origin := 'hq', rank ?? 2, shelf ?? 1",
            "alternate_id = seq_no, origin := 'hq', title := 'South', rank ?? 2, shelf ?? 1",
            "alternate_id = seq_no, origin = source, shelf := 'first', title := 'South', rank ?? 2",
        ]
    );
}

/// Two groups of one source that give one data set to one customer.
const RIVALS: &str = r#"
[[sync]]
name = "everybody"
from = "hq"
to = "*"
data = ["code", "payer"]

[[sync]]
name = "special"
from = "hq"
to = ["north"]
data = ["code"]
priority = 1

[[sync]]
name = "off"
from = "hq"
to = ["north"]
data = ["code"]
priority = 2

[sync.dataset.code]
enabled = false
"#;

#[test]
fn of_two_groups_of_one_source_the_higher_one_carries_the_data_set() {
    let config = load(RIVALS);
    let carried = |group: usize, to: &str, dataset: &str| {
        let to = CustomerName::new(to).expect("a customer's name");
        config.carries(&config.syncs[group], &to, &DatasetName::new(dataset).expect("a data set's name"))
    };
    assert!(!carried(0, "north", "code"), "the special group goes before it");
    assert!(
        carried(0, "north", "payer") && carried(0, "south", "code"),
        "it does so for one data set of one"
    );
    assert!(carried(1, "north", "code"), "a group that is switched off goes before nobody");
    assert!(!carried(2, "north", "code") && !carried(1, "south", "code"));
    assert!(config.is_active(&config.syncs[1]) && !config.is_active(&config.syncs[2]));
}

/// What the command prints and what it complains of, with the directory's name taken out.
fn show(directory: &TempDir, arguments: &[&str]) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_acequia"));
    command.arg("--config").arg(directory.path()).args(["config", "show"]).args(arguments);
    let output = command.output().expect("the binary runs");
    let path = format!("{}/", directory.path().display());
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8").replace(&path, "");
    (text(output.stdout), text(output.stderr))
}

#[test]
fn every_word_has_the_place_that_it_came_from() {
    let directory = written(RULES);
    let (text, _) = show(&directory, &["--effective", "--customer", "south", "--dataset", "code"]);
    let expected = "\
sync setup from hq (conf.d/rules.toml:8:8)

  code \u{2192} south
    enabled           true               built in
    mode              link-only          conf.d/rules.toml:29:8
    where             active             conf.d/rules.toml:25:9
    on_delete         ignore             built in
    on_leave          ignore             conf.d/rules.toml:15:12
    on_truncate       delete             conf.d/rules.toml:3:15
    map.alternate_id  seq_no             conf.d/rules.toml:16:24
    map.origin        source             conf.d/rules.toml:30:18
    set.shelf         'first'            conf.d/rules.toml:31:17
    set.title         'South'            conf.d/rules.toml:26:17
    default.rank      code.rank, else 0  conf.d/rules.toml:18:20
    priority          7                  conf.d/rules.toml:4:12
    cascade           false              built in
    initial           none               built in
    apply             every 90m          conf.d/rules.toml:22:9
";
    assert_eq!(text, expected);
}

#[test]
fn customers_that_share_everything_are_one_entry() {
    let (text, complaints) = show(&written(RIVALS), &["--effective"]);
    assert_eq!(complaints, "");
    let entries: Vec<&str> = text.lines().filter(|line| line.contains('\u{2192}')).map(str::trim).collect();
    let expected = [
        "code \u{2192} north",
        "code \u{2192} south, west",
        "payer \u{2192} north, south, west",
        "code \u{2192} north",
        "code \u{2192} north",
    ];
    assert_eq!(entries, expected, "{text}");
    assert!(text.contains("carried by sync special instead, whose priority is higher"), "{text}");
}

#[test]
fn a_program_gets_every_word_with_file_line_and_column() {
    let directory = written(RULES);
    let (text, _) =
        show(&directory, &["--effective", "--customer", "north", "--dataset", "payer", "--output", "json"]);
    let json: Value = serde_json::from_str(&text).expect("JSON");
    let [rule] = json["rules"].as_array().map_or(&[][..], Vec::as_slice) else { panic!("one entry: {json}") };
    assert_eq!(rule["customers"], serde_json::json!(["north"]));
    let words = &rule["words"];
    let expected = serde_json::json!({
        "value": "override", "file": "conf.d/rules.toml", "line": 13, "column": 8
    });
    assert_eq!(words["mode"], expected);
    assert_eq!(words["default"]["rank"]["value"], serde_json::json!(["code.rank", "0"]));
    assert_eq!(words["map"]["title"]["line"], 16);
    assert_eq!(
        words["cascade"],
        serde_json::json!({ "value": false, "file": null, "line": null, "column": null })
    );
}

#[test]
fn a_name_that_the_files_do_not_have_is_refused_with_the_one_that_was_meant() {
    let directory = written(RULES);
    let (text, complaints) = show(&directory, &["--effective", "--customer", "nroth"]);
    assert!(text.is_empty() && complaints.contains("did you mean \"north\"?"), "{complaints}");
    let (text, complaints) = show(&directory, &["--effective", "--dataset", "location"]);
    assert!(text.is_empty() && complaints.contains("there is no data set \"location\""), "{complaints}");
    let (text, complaints) = show(&directory, &["--customer", "north"]);
    assert!(text.is_empty() && complaints.contains("--effective"), "{complaints}");
}

#[test]
fn a_column_may_be_called_anything() {
    let config = load(&RULES.replace("origin = \"'hq'\"", "\"Größe.x\" = \"\\\"A b\\\" || 'x'\""));
    let rule = rule(&config, 0, "north", "payer");
    let column = Ident::new("Größe.x").expect("a column's name");
    let names: Vec<String> =
        rule.set[&column].columns().iter().map(|column| column.name.to_string()).collect();
    assert_eq!(names, ["A b"]);
    assert!(rule.spots.contains_key("set.Größe.x"));
}
