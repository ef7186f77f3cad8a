//! Reads a secret from where the configuration says it is. No message shows any of its content.

use std::env;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::model::SecretSource;

/// A file that is longer than this holds no password.
const SECRET_MAX_BYTES: u64 = 16 << 10;

/// The permissions of everybody but the owner.
pub(super) const NOT_OWNER: u32 = 0o077;

/// Where systemd keeps what the service was given, for the service's own user, as long as it runs.
const HANDED_OVER: &str = "/run/credentials/acequia.service";
/// Where the service's unit takes it from: only root reads there.
const KEPT: &str = "/etc/acequia/credentials";

/// A secret that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It is not there, or this process must not read it.
    #[error(
        "the secret's file {path} cannot be read: {source}; create it, and give it to the user of the daemon"
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A directory, a device or a pipe.
    #[error("the secret's file {path} is not a file; name the file that holds the password")]
    NotAFile {
        /// What is there.
        path: PathBuf,
    },
    /// The group or others may do something with the file.
    #[error("the secret's file {path} is open to others than its owner; run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The file is longer than a password.
    #[error(
        "the secret's file {path} is longer than {SECRET_MAX_BYTES} bytes; put only the password into it"
    )]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The content cannot be a password of PostgreSQL.
    #[error("the secret's file {path} is not text in UTF-8; put only the password into it")]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Nothing in it, or only a line end.
    #[error("the secret's file {path} is empty; put the password into it")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Neither this process nor the service was given it by systemd.
    #[error(
        "credential `{name}` is not there: the service gets it by LoadCredential={name}:{KEPT}/{name} in its unit; a command that is run by hand finds it as the daemon's user while the service runs, and as root at any time; else set CREDENTIALS_DIRECTORY, or use {{ file = \"…\" }}"
    )]
    NoCredentials {
        /// The credential.
        name: String,
    },
}

impl SecretSource {
    /// Reads the secret. One line end after it does not belong to it.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        let said = env::var_os("CREDENTIALS_DIRECTORY");
        // A command that is run by hand has the service's, if its user may.
        let places = said.map_or_else(|| vec![HANDED_OVER.into(), KEPT.into()], |said| vec![said.into()]);
        self.read_with(&places)
    }

    /// The same, with the directories of credentials given. A single one was named by somebody, so it is what errors speak of.
    fn read_with(&self, places: &[PathBuf]) -> Result<SecretString, SecretError> {
        match self {
            Self::File(path) => read_file(path, Guard::OwnerOnly),
            Self::Credential(name) => {
                let paths: Vec<PathBuf> = places.iter().map(|place| place.join(name)).collect();
                match &paths[..] {
                    [path] => read_file(path, Guard::ByDirectory),
                    paths => {
                        let there = paths.iter().find(|path| path.is_file());
                        let path = there.ok_or_else(|| SecretError::NoCredentials { name: name.clone() })?;
                        read_file(path, Guard::ByDirectory)
                    }
                }
            }
            Self::Inline(secret) => Ok(secret.clone()),
        }
    }
}

/// Who keeps others away from a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// The file's own permissions, which are looked at.
    OwnerOnly,
    /// systemd's directory. Its files show group permissions where systemd uses an access control list.
    ByDirectory,
}

/// Reads a file that holds one secret.
fn read_file(path: &Path, guard: Guard) -> Result<SecretString, SecretError> {
    let at = || path.to_owned();
    let mut file = open(path)?;
    let mode =
        file.metadata().map_err(|source| SecretError::Unreadable { path: at(), source })?.permissions();
    if guard == Guard::OwnerOnly && mode.mode() & NOT_OWNER != 0 {
        return Err(SecretError::Exposed { path: at() });
    }
    let bytes = read_bounded(&mut file, path, SECRET_MAX_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|_| SecretError::NotText { path: at() })?;
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        return Err(SecretError::Empty { path: at() });
    }
    Ok(SecretString::from(secret))
}

/// Opens a regular file. Asked before it is opened: opening a named pipe would wait for ever.
pub(super) fn open(path: &Path) -> Result<File, SecretError> {
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(SecretError::NotAFile { path: path.to_owned() });
    }
    File::open(path).map_err(unreadable)
}

/// Reads a file that must not be longer than a limit.
pub(super) fn read_bounded(file: &mut File, path: &Path, max_bytes: u64) -> Result<Vec<u8>, SecretError> {
    let mut bytes = Vec::new();
    let length = file
        .take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| SecretError::Unreadable { path: path.to_owned(), source })?;
    if length as u64 > max_bytes {
        return Err(SecretError::TooLong { path: path.to_owned() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn write(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("password");
        fs::write(&path, content).expect("a file in it");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its permissions");
        (directory, path)
    }

    #[test]
    fn a_secret_loses_one_line_end_and_nothing_else() {
        for (content, secret) in
            [(&b"hunter2\n"[..], "hunter2"), (b"hunter2\r\n", "hunter2"), (b" hunter2 \n\n", " hunter2 \n")]
        {
            let (_directory, path) = write(content, 0o600);
            let read = SecretSource::File(path).read().expect("a secret");
            assert_eq!(read.expose_secret(), secret);
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_the_remedy() {
        for mode in [0o640, 0o604, 0o620] {
            let (_directory, path) = write(b"hunter2", mode);
            let error =
                SecretSource::File(path.clone()).read().expect_err("it is open to others").to_string();
            assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
            assert!(!error.contains("hunter2"));
        }
    }

    #[test]
    fn a_credential_is_read_from_the_directory_of_systemd() {
        let (directory, _path) = write(b"hunter2\n", 0o440);
        let source = SecretSource::Credential("password".to_owned());
        let places = [directory.path().join("none"), directory.path().to_owned()];
        for places in [&places[1..], &places] {
            let read = source.read_with(places).expect("a credential");
            assert_eq!(read.expose_secret(), "hunter2");
        }
        let error = source.read_with(&places[..1]).expect_err("it is not where it was said to be");
        assert!(matches!(error, SecretError::Unreadable { .. }), "{error}");
        let error = source.read_with(&[]).expect_err("there is no directory").to_string();
        assert!(error.contains("LoadCredential=password:/etc/acequia/credentials/password"), "{error}");
    }

    #[test]
    fn what_is_no_password_is_refused() {
        let (directory, path) = write(b"\xff", 0o600);
        assert!(matches!(SecretSource::File(path).read(), Err(SecretError::NotText { .. })));
        let (_other, path) = write(b"\n", 0o600);
        assert!(matches!(SecretSource::File(path).read(), Err(SecretError::Empty { .. })));
        let (_other, path) = write("x".repeat(1 << 15).as_bytes(), 0o600);
        assert!(matches!(SecretSource::File(path).read(), Err(SecretError::TooLong { .. })));
        let source = SecretSource::File(directory.path().to_owned());
        assert!(matches!(source.read(), Err(SecretError::NotAFile { .. })));
        let source = SecretSource::File(directory.path().join("none"));
        assert!(matches!(source.read(), Err(SecretError::Unreadable { .. })));
    }

    #[test]
    fn an_inline_secret_does_not_print() {
        let source = SecretSource::Inline(SecretString::from("hunter2"));
        assert!(!format!("{source:?}").contains("hunter2"));
    }
}
