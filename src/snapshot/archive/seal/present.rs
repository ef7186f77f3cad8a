//! Seals as the age format has them.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::Path;

use age::{DecryptError, x25519};

use crate::snapshot::archive::error::Error;

/// What is written through a seal.
pub type Sealing<W> = age::stream::StreamWriter<W>;
/// What is read through an opened seal.
pub type Opened<R> = age::stream::StreamReader<R>;

/// An identity file is a few lines.
const IDENTITY_MAX_BYTES: u64 = 1 << 20;

/// Whom the archives of a run are for.
#[derive(Clone)]
pub struct Seal {
    recipients: Vec<x25519::Recipient>,
    own: x25519::Identity,
}

impl Seal {
    /// For these recipients, `age1…`.
    pub fn new(recipients: &[String]) -> Result<Self, Error> {
        let parsed = |(place, text): (usize, &String)| text.parse().map_err(|_| Error::Recipient(place + 1));
        let recipients = recipients.iter().enumerate().map(parsed).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { recipients, own: x25519::Identity::generate() })
    }

    /// The key of the run's own, for reading back what it wrote.
    pub fn keys(&self) -> Keys {
        Keys(vec![Box::new(self.own.clone())])
    }

    /// Seals what will be written; it has to be finished.
    pub fn wrap<W: Write>(&self, out: W) -> io::Result<Sealing<W>> {
        let own = self.own.to_public();
        let all = self.recipients.iter().chain([&own]).map(|one| -> &dyn age::Recipient { one });
        let sealed = age::Encryptor::with_recipients(all);
        sealed.map_err(|_| io::Error::other("these recipients can't read one file"))?.wrap_output(out)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({} recipients)", self.recipients.len())
    }
}

/// What opens seals.
pub struct Keys(Vec<Box<dyn age::Identity + Send + Sync>>);

impl Keys {
    /// Reads an identity file, as `age-keygen` writes it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::disk("opening", path))?;
        let lines = BufReader::new(file.take(IDENTITY_MAX_BYTES));
        // What is wrong with it is not told: the line would be a key.
        let unusable = || Error::Identity(path.to_owned());
        let file = age::IdentityFile::from_buffer(lines).map_err(|_| unusable())?;
        let keys = file.into_identities().map_err(|_| unusable())?;
        if keys.is_empty() { Err(unusable()) } else { Ok(Self(keys)) }
    }

    /// Opens a sealed file, to read it from its beginning or from anywhere.
    pub fn open<R: Read + Seek>(keys: Option<&Self>, file: R, path: &Path) -> Result<Opened<R>, Error> {
        let sealed = |problem| Error::Sealed { path: path.to_owned(), problem };
        let keys = keys.ok_or_else(|| sealed("no key was given: name an age identity file"))?;
        let opened = age::Decryptor::new(file)
            .and_then(|sealed| sealed.decrypt(keys.0.iter().map(|key| -> &dyn age::Identity { &**key })));
        opened.map_err(|error| {
            if let DecryptError::NoMatchingKeys | DecryptError::KeyDecryptionFailed = error {
                sealed("the given key is none of those that it was encrypted for")
            } else if let DecryptError::Io(error) = error {
                Error::reading(path, "its seal", error)
            } else {
                Error::damaged(path, "its seal is broken")
            }
        })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}
