//! What databases and servers have in common: where they are, by which password, and how the connection is protected.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use toml::de::DeTable;

use crate::config::finding::Findings;
use crate::config::keys::KeyTable;
use crate::config::model::{ClientCertificate, SecretSource, Tls};
use crate::config::tree::{Section, Spotted, Words};

/// `password = { … }`
pub(in crate::config) const PASSWORD_KEYS: KeyTable = KeyTable {
    title: "{ file = \"…\" } or { credential = \"…\" }",
    known: &["file", "credential"],
    later: &[],
};

/// `sslrootcert` with this word means the system's certificates, as in libpq.
const SYSTEM_CERTIFICATES: &str = "system";

/// How to write a password.
const PASSWORD_HELP: &str = "write `{ file = \"…\" }` or `{ credential = \"…\" }`";

/// The words of `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum SslMode {
    Disable,
    VerifyFull,
}

/// `sslmode`
pub(in crate::config) const SSL_MODES: Words<SslMode> =
    Words { known: &[("verify-full", SslMode::VerifyFull), ("disable", SslMode::Disable)], later: &[] };

/// Words of libpq for connections that are encrypted at best, and talk to whoever answers.
const UNVERIFIED_MODES: [&str; 4] = ["allow", "prefer", "require", "verify-ca"];

/// What is different for each kind of server.
pub(super) struct Dialled {
    /// What a path in `host` is.
    pub(super) socket: &'static str,
    /// Where the other parts of a connection string belong.
    pub(super) host_help: &'static str,
    /// The port of the kind's own.
    pub(super) port: u16,
    /// Whose port that is.
    pub(super) port_help: &'static str,
}

/// Reads `host`: one host name, or a path.
pub(super) fn read_host(section: &Section<'_>, kind: &Dialled, findings: &mut Findings) -> Option<String> {
    let host = section.text("host", findings)?;
    if host.value.starts_with('/') {
        return Some(host.value);
    }
    if host.value.contains([',', '/', '@', '=']) || host.value.contains(char::is_whitespace) {
        let message = format!("`host` must be one host name or address, or {}", kind.socket);
        let help = kind.host_help;
        findings.error(host.spot, message, help);
        return None;
    }
    Some(host.value)
}

/// Reads `port`.
pub(super) fn read_port(section: &Section<'_>, kind: &Dialled, findings: &mut Findings) -> Option<u16> {
    let Some(item) = section.get("port") else {
        return Some(kind.port);
    };
    let Some(integer) = item.value.get_ref().as_integer() else {
        item.mistyped("a whole number", "write the port without quotation marks", findings);
        return None;
    };
    let port = u16::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|port| *port > 0);
    if port.is_none() {
        findings.error(item.spot(), "a port is a number from 1 to 65535", kind.port_help);
    }
    port
}

/// Reads `password`. It is a reference to a secret; the secret itself is taken with a warning.
pub(super) fn read_password(
    section: &Section<'_>,
    directory: &Path,
    findings: &mut Findings,
) -> Option<SecretSource> {
    let item = section.get("password")?;
    if let Some(password) = item.value.get_ref().as_str() {
        if password.is_empty() {
            findings.error(item.spot(), "the password is empty", PASSWORD_HELP);
            return None;
        }
        let message = "the password stands in the file itself, for everybody who can read it";
        findings.warning(item.spot(), message, PASSWORD_HELP);
        return Some(SecretSource::Inline(SecretString::from(password)));
    }
    if !item.value.get_ref().is_table() {
        let expected = "where the password is";
        item.mistyped(expected, PASSWORD_HELP, findings);
        return None;
    }
    let key_spot = section.key_spot("password");
    let place = item.section(&PASSWORD_KEYS, "`password`".to_owned(), key_spot, findings)?;
    match (place.has("file"), place.has("credential")) {
        (true, false) => {
            place.text("file", findings).map(|file| SecretSource::File(directory.join(file.value)))
        }
        (false, true) => read_credential(&place, findings),
        // A key that it must not have has been told about.
        (false, false) if !item.value.get_ref().as_table().is_none_or(DeTable::is_empty) => None,
        (true, true) | (false, false) => {
            let message = "`password` must have one of `file` and `credential`";
            findings.error(item.spot(), message, PASSWORD_HELP);
            None
        }
    }
}

/// Reads `credential`: a file's name for systemd, never a path.
fn read_credential(place: &Section<'_>, findings: &mut Findings) -> Option<SecretSource> {
    let name = place.text("credential", findings)?;
    if name.value.contains('/') || matches!(&*name.value, "." | "..") {
        let message = "a credential is a name, not a path";
        findings.error(name.spot, message, "write the name of `LoadCredential=`, or use { file = \"…\" }");
        return None;
    }
    Some(SecretSource::Credential(name.value))
}

/// Reads everything about TLS.
pub(super) fn read_tls(
    section: &Section<'_>,
    host: Option<&str>,
    directory: &Path,
    findings: &mut Findings,
) -> Option<Tls> {
    let mode = read_ssl_mode(section, findings);
    let insecure = section.flag("insecure", findings).is_some_and(|flag| flag.value);
    let roots = section.text("sslrootcert", findings);
    let client = read_client(section, directory, findings);
    if section.has("sslmode") && mode.is_none() {
        return None;
    }
    if host?.starts_with('/') {
        report_unused(
            section,
            &["sslmode", "insecure", "sslrootcert", "sslcert", "sslkey"],
            "on a socket",
            findings,
        );
        return Some(Tls::Socket);
    }
    match mode.unwrap_or(SslMode::VerifyFull) {
        SslMode::Disable => {
            if !insecure {
                let message = "a connection over TCP without TLS shows every row to the network";
                let help = "remove `sslmode`, or allow it in so many words with `insecure = true`";
                findings.error(section.key_spot("sslmode"), message, help);
                return None;
            }
            report_unused(section, &["sslrootcert", "sslcert", "sslkey"], "without TLS", findings);
            Some(Tls::Off)
        }
        SslMode::VerifyFull => {
            report_unused(section, &["insecure"], "with `sslmode = \"verify-full\"`", findings);
            let root_certificates = roots
                .filter(|roots| roots.value != SYSTEM_CERTIFICATES)
                .map(|roots| directory.join(roots.value));
            Some(Tls::VerifyFull { root_certificates, client })
        }
    }
}

/// Reads `sslmode`.
fn read_ssl_mode(section: &Section<'_>, findings: &mut Findings) -> Option<SslMode> {
    let item = section.get("sslmode")?;
    if item.value.get_ref().as_str().is_some_and(|word| UNVERIFIED_MODES.contains(&word)) {
        let message = "this `sslmode` does not make sure that the right server answers";
        let help = "use \"verify-full\", with `sslrootcert` when the server's certificate is your own";
        findings.error(item.spot(), message, help);
        return None;
    }
    section.word("sslmode", &SSL_MODES, findings).map(|word| word.value)
}

/// Reads `sslcert` and `sslkey`: both or neither.
fn read_client(
    section: &Section<'_>,
    directory: &Path,
    findings: &mut Findings,
) -> Option<ClientCertificate> {
    let path = |text: Spotted<String>| -> PathBuf { directory.join(text.value) };
    let certificate = section.text("sslcert", findings).map(path);
    let key = section.text("sslkey", findings).map(path);
    for (one, other) in [("sslcert", "sslkey"), ("sslkey", "sslcert")] {
        if section.has(one) && !section.has(other) {
            let message = format!("`{one}` without `{other}`");
            findings.error(
                section.key_spot(one),
                message,
                format!("add `{other} = \"…\"`, or remove `{one}`"),
            );
        }
    }
    Some(ClientCertificate { certificate: certificate?, key: key? })
}

/// Warns about keys that are there and do nothing.
fn report_unused(section: &Section<'_>, keys: &[&str], circumstance: &str, findings: &mut Findings) {
    for key in keys.iter().filter(|key| section.has(key)) {
        findings.warning(section.key_spot(key), format!("`{key}` does nothing {circumstance}"), "remove it");
    }
}
