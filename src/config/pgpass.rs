//! The password file of libpq: `$PGPASSFILE`, else `~/.pgpass`.
//!
//! Lines `host:port:database:user:password`; `*` stands for any value, a backslash takes the next character as it is.
//! Source: PostgreSQL manual, "The Password File", and `passwordFromFile` in libpq's `fe-connect.c`.

use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::secret::{NOT_OWNER, SecretError, open, read_bounded};

/// A file that is longer than this is no password file.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// The name that stands for a connection over a socket in a usual directory.
const LOCAL_HOST: &str = "localhost";

/// The directories that distributions and PostgreSQL itself build into libpq.
const SOCKET_DIRECTORIES: [&str; 3] = ["/run/postgresql", "/var/run/postgresql", "/tmp"];

/// The password for a connection. `host` may be a socket's directory.
///
/// Nothing comes back when there is no file, or no line for this connection. A file that others can read is an error:
/// libpq leaves it out with a warning, and the server's complaint about a missing password would then mislead.
pub fn lookup(host: &str, port: u16, dbname: &str, user: &str) -> Result<Option<SecretString>, SecretError> {
    let path = env::var_os("PGPASSFILE")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".pgpass")));
    path.map_or(Ok(None), |path| lookup_in(&path, host, port, dbname, user))
}

/// The same in a given file.
fn lookup_in(
    path: &Path,
    host: &str,
    port: u16,
    dbname: &str,
    user: &str,
) -> Result<Option<SecretString>, SecretError> {
    // What libpq leaves out in silence is left out: no file, and whatever is no file (`PGPASSFILE=/dev/null`).
    if !path.is_file() {
        return Ok(None);
    }
    let mut file = open(path)?;
    let metadata =
        file.metadata().map_err(|source| SecretError::Unreadable { path: path.to_owned(), source })?;
    if metadata.permissions().mode() & NOT_OWNER != 0 {
        return Err(SecretError::Exposed { path: path.to_owned() });
    }
    let bytes = read_bounded(&mut file, path, FILE_MAX_BYTES)?;
    let port = port.to_string();
    let mut hosts = vec![host];
    if SOCKET_DIRECTORIES.contains(&host) {
        hosts.push(LOCAL_HOST);
    }
    let found = bytes
        .split(|byte| *byte == b'\n')
        .find_map(|line| hosts.iter().find_map(|host| password_of(line, &[host, &port, dbname, user])));
    found
        .map(String::from_utf8)
        .transpose()
        .map(|password| password.map(SecretString::from))
        .map_err(|_| SecretError::NotText { path: path.to_owned() })
}

/// The password of a line, if its first four fields match.
fn password_of(line: &[u8], fields: &[&str; 4]) -> Option<Vec<u8>> {
    let mut rest = line.strip_suffix(b"\r").unwrap_or(line);
    if rest.starts_with(b"#") {
        return None;
    }
    for field in fields {
        rest = if let Some(rest) = rest.strip_prefix(b"*:") {
            rest
        } else {
            let (value, rest) = take_field(rest);
            rest.filter(|_| value == field.as_bytes())?
        };
    }
    let (password, _) = take_field(rest);
    (!password.is_empty()).then_some(password)
}

/// A field without its backslashes, and what follows its colon.
fn take_field(line: &[u8]) -> (Vec<u8>, Option<&[u8]>) {
    let mut value = Vec::new();
    let mut bytes = line.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b':' => return (value, line.get(at + 1..)),
            b'\\' => value.push(bytes.next().map_or(b'\\', |(_, next)| *next)),
            _ => value.push(*byte),
        }
    }
    (value, None)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn found(content: &[u8], host: &str, user: &str) -> Option<String> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("pgpass");
        fs::write(&path, content).expect("a file in it");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its permissions");
        let password = lookup_in(&path, host, 5432, "practicedb", user).expect("a readable file");
        password.map(|password| password.expose_secret().to_owned())
    }

    #[test]
    fn the_first_line_that_matches_counts() {
        let file = b"# practice\nother:5432:practicedb:acequia:one\ndb:*:*:acequia:two\n*:*:*:*:three\r\n";
        assert_eq!(found(file, "db", "acequia").as_deref(), Some("two"));
        assert_eq!(found(file, "db", "somebody").as_deref(), Some("three"));
        assert_eq!(found(b"db:5433:*:*:one\ndb:5432:*", "db", "acequia"), None);
        assert_eq!(found(b"", "db", "acequia"), None);
    }

    #[test]
    fn a_backslash_takes_the_next_character_as_it_is() {
        let file = br"fe80\:\:1:5432:practicedb:acequia:a\:b\\c";
        assert_eq!(found(file, "fe80::1", "acequia").as_deref(), Some(r"a:b\c"));
        assert_eq!(found(br"\*:*:*:*:star", "db", "acequia"), None);
    }

    #[test]
    fn a_socket_in_a_usual_directory_is_localhost() {
        let file = b"localhost:*:*:*:local\n/srv/socket:*:*:*:other\n";
        assert_eq!(found(file, "/run/postgresql", "acequia").as_deref(), Some("local"));
        assert_eq!(found(file, "/srv/socket", "acequia").as_deref(), Some("other"));
    }

    #[test]
    fn a_password_file_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("pgpass");
        fs::write(&path, "*:*:*:*:hunter2").expect("a file in it");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("its permissions");
        let error = lookup_in(&path, "db", 5432, "practicedb", "acequia").expect_err("it is open to others");
        assert!(error.to_string().contains("chmod 600"));
        assert!(!error.to_string().contains("hunter2"));
        let none = lookup_in(&directory.path().join("none"), "db", 5432, "practicedb", "acequia");
        assert!(none.expect("no file is no error").is_none());
    }
}
