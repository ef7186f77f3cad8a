//! Which of the two servers it is, and what it allows.

/// The two families, which part ways in collations, JSON and hints in comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// MySQL 8 and later.
    Mysql,
    /// MariaDB 10.6 and later.
    Mariadb,
}

/// What a server says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The family.
    pub flavour: Flavour,
    /// Major, minor and patch.
    pub version: (u16, u16, u16),
    /// The longest packet that it takes, in bytes.
    pub max_allowed_packet: u64,
    /// It takes `LOAD DATA LOCAL`.
    pub local_infile: bool,
}

/// The oldest MySQL that has `utf8mb4_0900_bin`.
const OLDEST_MYSQL: (u16, u16, u16) = (8, 0, 17);
/// The oldest MariaDB whose RENAME of many tables is atomic also in a crash.
const OLDEST_MARIADB: (u16, u16, u16) = (10, 6, 1);

impl Identity {
    /// `version` is what `version()` answers: `8.4.3`, `10.11.6-MariaDB-0+deb12u1`; `None` where it is neither.
    pub fn new(version: &str, max_allowed_packet: u64, local_infile: bool) -> Option<Self> {
        let flavour =
            if version.to_ascii_lowercase().contains("mariadb") { Flavour::Mariadb } else { Flavour::Mysql };
        let digits = version.split(|c: char| !c.is_ascii_digit());
        let mut numbers = digits.map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        let version = (next()?, next()?, next().unwrap_or(0));
        Some(Self { flavour, version, max_allowed_packet, local_infile })
    }

    /// The oldest version of its family that is supported, where this one is older.
    pub fn too_old(&self) -> Option<&'static str> {
        let (oldest, name) = match self.flavour {
            Flavour::Mysql => (OLDEST_MYSQL, "MySQL 8.0.17"),
            Flavour::Mariadb => (OLDEST_MARIADB, "MariaDB 10.6.1"),
        };
        (self.version < oldest).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_tells_the_family() {
        let identity = |text: &str| Identity::new(text, 1, true);
        let mariadb = identity("10.11.6-MariaDB-0+deb12u1").expect("a version");
        assert_eq!(
            (mariadb.flavour, mariadb.version, mariadb.too_old()),
            (Flavour::Mariadb, (10, 11, 6), None)
        );
        let mysql = identity("9.1.0").expect("a version");
        assert_eq!((mysql.flavour, mysql.version, mysql.too_old()), (Flavour::Mysql, (9, 1, 0), None));
        assert_eq!(identity("5.7.44-log").and_then(|old| old.too_old()), Some("MySQL 8.0.17"));
        assert_eq!(identity("10.5.9-MariaDB").and_then(|old| old.too_old()), Some("MariaDB 10.6.1"));
        assert_eq!(identity("what?"), None);
    }
}
