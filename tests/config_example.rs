//! The example in `config/` is what a first-time user starts from: it loads without a problem, and means what it says.

use std::path::Path;

use acequia::config::{Config, Gone, Mode, Style};

fn example() -> Config {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let (config, warnings) = match Config::load(&directory) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("{}", problems.render(Style::Plain)),
    };
    let warnings: Vec<String> = warnings.iter().map(|warning| warning.render(Style::Plain)).collect();
    assert!(warnings.is_empty(), "{}", warnings.join("\n\n"));
    config
}

#[test]
fn the_example_loads_without_a_problem_or_a_warning() {
    let config = example();
    assert!(config.customers.len() >= 4 && !config.datasets.is_empty() && !config.protected.is_empty());
}

#[test]
fn the_example_synchronizes_and_shows_both_modes() {
    let config = example();
    let sync = config.syncs.iter().find(|sync| config.is_active(sync)).expect("a group that does something");
    let modes: Vec<Mode> =
        sync.data.iter().map(|dataset| config.rule(sync, &sync.to[0], dataset).mode).collect();
    assert!(modes.contains(&Mode::CreateOnly) && modes.contains(&Mode::Override), "{modes:?}");
    assert!(
        sync.data.iter().any(|dataset| config.rule(sync, &sync.to[0], dataset).on_delete == Gone::Delete)
    );
}

#[test]
fn the_example_writes_into_no_protected_table() {
    let config = example();
    for sync in &config.syncs {
        for name in &sync.data {
            let table = &config.datasets[name].table;
            assert!(!config.protected.contains(table) || sync.allow_protected, "{table}");
        }
    }
}

#[test]
fn the_example_holds_no_password() {
    let config = example();
    for database in config.databases.values() {
        let secret = format!("{:?}", database.password);
        assert!(!secret.contains("Inline"), "{}: {secret}", database.name);
    }
}
