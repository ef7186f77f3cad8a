//! Whom a group gives to, and whom a snapshot holds: names one by one, or everybody.

use crate::config::finding::Findings;
use crate::config::mask::quote;
use crate::config::tree::{Section, Spotted};

/// Which customers.
#[derive(Debug)]
pub(in crate::config) enum Chosen {
    /// These.
    Named(Vec<Spotted<String>>),
    /// `"*"`: every customer but those of `except`; a group's `from` is not meant either.
    Everybody {
        /// `except`
        except: Vec<Spotted<String>>,
    },
}

/// Reads the customers of `key`, and `except`; `whole` is what they belong to.
pub(super) fn read_chosen(
    section: &Section<'_>,
    key: &str,
    whole: &str,
    findings: &mut Findings,
) -> Option<Spotted<Chosen>> {
    let everybody = section.get(key).filter(|item| item.value.get_ref().as_str() == Some("*"));
    if everybody.is_none() && section.has("except") && section.has(key) {
        let message = format!("`except` without `{key} = \"*\"` means nothing");
        let help = format!("write {key} = \"*\", or leave these customers out of `{key}`");
        findings.error(section.key_spot("except"), message, help);
    }
    let Some(item) = everybody else {
        let names = read_names(section, key, ("a customer", whole), findings)?;
        return Some(Spotted { value: Chosen::Named(names.value), spot: names.spot });
    };
    let except = if section.has("except") {
        read_names(section, "except", ("a customer", whole), findings)?.value
    } else {
        Vec::new()
    };
    Some(Spotted { value: Chosen::Everybody { except }, spot: item.spot() })
}

/// Reads a list of names, of which none may occur twice; what they name, and what they belong to, is for the messages.
pub(super) fn read_names(
    section: &Section<'_>,
    key: &str,
    (what, whole): (&str, &str),
    findings: &mut Findings,
) -> Option<Spotted<Vec<Spotted<String>>>> {
    let item = section.get(key)?;
    let list = item.list(findings)?;
    if list.value.is_empty() {
        let message = format!("`{key}` is empty");
        let help = match key {
            "except" => "name a customer, or remove it".to_owned(),
            _ => format!("name at least {what}, or disable {whole} with `enabled = false`"),
        };
        findings.error(list.spot, message, help);
        return None;
    }
    let mut names: Vec<Spotted<String>> = Vec::new();
    for item in list.value {
        let Some(name) = item.text(findings) else {
            continue;
        };
        if let Some(first) = names.iter().find(|first| first.value == name.value) {
            let message = format!("{} is in `{key}` twice", quote(&name.value));
            findings.error(name.spot, message, "remove one of the two").relate(first.spot, "the first time");
        } else {
            names.push(name);
        }
    }
    Some(Spotted { value: names, spot: list.spot })
}
