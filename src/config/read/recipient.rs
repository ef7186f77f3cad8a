//! `encrypt_to`: for whom a snapshot's files are encrypted.

use crate::config::finding::Findings;
use crate::config::tree::Section;

/// How to write one.
const HELP: &str = "write the public key that `age-keygen` prints: \"age1…\"";

/// Reads the recipients. Nothing comes back when one of them is wrong: a file must not be readable for fewer people than
/// somebody meant, and for nobody else.
pub(super) fn read_recipients(section: &Section<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let Some(item) = section.get("encrypt_to") else {
        return Some(Vec::new());
    };
    let list = item.list(findings)?;
    if list.value.is_empty() {
        findings.error(
            list.spot,
            "`encrypt_to` is empty",
            "name a recipient, or remove it: nothing is encrypted then",
        );
        return None;
    }
    if cfg!(not(feature = "encryption")) {
        let message = "`encrypt_to` needs a program that was built with the feature `encryption`";
        findings.error(list.spot, message, "install one, or remove it: the files are not encrypted then");
        return None;
    }
    let count = list.value.len();
    let recipients: Vec<String> = list
        .value
        .into_iter()
        .filter_map(|item| item.parsed(parse, HELP, findings))
        .map(|one| one.value)
        .collect();
    (recipients.len() == count).then_some(recipients)
}

/// A recipient, as it is. The text is not shown: somebody may have written the secret key.
#[cfg(feature = "encryption")]
fn parse(text: &str) -> Result<String, &'static str> {
    let key = text.parse::<age::x25519::Recipient>();
    key.map(|_| text.to_owned()).map_err(|_| "this is no recipient of age")
}

/// The same without the means to look at it.
#[cfg(not(feature = "encryption"))]
fn parse(text: &str) -> Result<String, &'static str> {
    if text.starts_with("age1") { Ok(text.to_owned()) } else { Err("this is no recipient of age") }
}
