//! The one error of everything that talks to a MySQL or MariaDB server. The driver's error is taken apart here and
//! dropped: its `Debug` and `Display` print the server's message, bytes of packets and paths.

use std::error::Error as StdError;
use std::time::Duration;
use std::{fmt, io};

use mysql_async as driver;

use super::refusal::Refusal;
use crate::fault::Fault;
use crate::postgres::tls::TlsError;

/// The operating system's words for a server that has gone.
const CLOSED: [io::ErrorKind; 3] =
    [io::ErrorKind::UnexpectedEof, io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset];
/// And for one that is not there.
const UNREACHABLE: [io::ErrorKind; 6] = [
    io::ErrorKind::ConnectionRefused,
    io::ErrorKind::NotFound,
    io::ErrorKind::PermissionDenied,
    io::ErrorKind::HostUnreachable,
    io::ErrorKind::NetworkUnreachable,
    io::ErrorKind::AddrNotAvailable,
];

/// What failed, on what, and what to do.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    doing: String,
    kind: Kind,
}

/// What kind of failure it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// No connection to the server: the operating system's kind and words.
    Connect(io::ErrorKind, String),
    /// It took longer than this.
    TimedOut(Duration),
    /// The server waits for this session while we wait for the server.
    Deaf {
        /// For so long.
        silence: Duration,
        /// The server has ended the session.
        is_ended: bool,
    },
    /// Neither the session nor a new one was answered for so long.
    Mute(Duration),
    /// No TLS session, or the server's certificate is not good enough.
    Tls(String),
    /// Client and server could not agree on how to prove who they are. (A wrong password is [`Kind::Server`], 1045.)
    Authentication(&'static str),
    /// The password could not be read.
    Secret(String),
    /// The server reported an error.
    Server(Refusal),
    /// The server closed the connection.
    Closed,
    /// The connection broke while it was used.
    Io(io::ErrorKind),
    /// The server asked for a file that nobody had offered it.
    UnaskedFile,
    /// Who brings the rows has stopped in the middle.
    Starved,
    /// The server sent something that the protocol does not have at this place, or that is too large.
    Protocol(&'static str),
}

impl Error {
    /// `doing` names the action and its object: "creating table `x` on server `reporting`".
    pub fn new(doing: impl Into<String>, kind: Kind) -> Self {
        Self(Box::new(Inner { doing: doing.into(), kind }))
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// The server's error, if it reported one.
    pub fn refusal(&self) -> Option<Refusal> {
        if let Kind::Server(refusal) = self.0.kind { Some(refusal) } else { None }
    }

    /// Whether the server reported one of these numbers.
    pub fn is_one_of(&self, numbers: &[u16]) -> bool {
        self.refusal().is_some_and(|refusal| numbers.contains(&refusal.errno))
    }

    /// The connection is gone: what the server made of the last statement is not known.
    pub fn is_lost(&self) -> bool {
        match self.0.kind {
            Kind::TimedOut(_) | Kind::Deaf { .. } | Kind::Mute(_) | Kind::Closed | Kind::Io(_) => true,
            Kind::Server(refusal) => matches!(refusal.errno, 1053 | 1927 | 4031),
            Kind::Connect(..)
            | Kind::Tls(_)
            | Kind::Authentication(_)
            | Kind::Secret(_)
            | Kind::UnaskedFile
            | Kind::Starved
            | Kind::Protocol(_) => false,
        }
    }

    /// What failed, and on what.
    pub fn what(&self) -> String {
        format!("{}: {}", self.0.doing, self.0.kind.meaning())
    }

    /// What to do.
    pub fn remedy(&self) -> &'static str {
        self.0.kind.remedy()
    }

    /// Whether the same again may work. What heals when somebody mends the network or a certificate is retried.
    pub fn fault(&self) -> Fault {
        match &self.0.kind {
            Kind::Connect(..)
            | Kind::TimedOut(_)
            | Kind::Deaf { .. }
            | Kind::Mute(_)
            | Kind::Tls(_)
            | Kind::Secret(_)
            | Kind::Closed
            | Kind::Io(_)
            | Kind::Starved => Fault::Retry,
            Kind::Server(refusal) => refusal.fault(),
            Kind::Authentication(_) | Kind::UnaskedFile | Kind::Protocol(_) => Fault::Halt,
        }
    }
}

impl fmt::Display for Error {
    /// `{doing}: {what failed}. {What to do}`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {}", self.what(), self.remedy())
    }
}

impl StdError for Error {}

impl Kind {
    /// Nobody has answered, or the answer broke off.
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Connect(..)
            | Self::TimedOut(_)
            | Self::Deaf { .. }
            | Self::Mute(_)
            | Self::Closed
            | Self::Io(_) => true,
            Self::Tls(_)
            | Self::Authentication(_)
            | Self::Secret(_)
            | Self::Server(_)
            | Self::UnaskedFile
            | Self::Starved
            | Self::Protocol(_) => false,
        }
    }

    fn meaning(&self) -> String {
        match self {
            Self::Connect(_, text) => format!("no connection ({text})"),
            Self::TimedOut(limit) => format!("no answer within {} s", limit.as_secs()),
            Self::Deaf { silence, is_ended } => format!(
                "no answer for {} s while the server waits for this session too; the connection is taken for dead{}",
                silence.as_secs(),
                if *is_ended { " and the session was ended" } else { "" }
            ),
            Self::Mute(silence) => format!(
                "no answer for {} s, nor to a new session; the connection is taken for dead",
                silence.as_secs()
            ),
            Self::Tls(text) => format!("no TLS session ({text})"),
            Self::Authentication(text) => format!("no agreement on authentication ({text})"),
            Self::Secret(text) => format!("the password could not be read ({text})"),
            Self::Server(refusal) => refusal.to_string(),
            Self::Closed => "the server closed the connection".to_owned(),
            Self::Io(kind) => format!("the connection broke ({kind})"),
            Self::UnaskedFile => "the server asked for a file of this machine; it got nothing".to_owned(),
            Self::Starved => "the rows ended before their end".to_owned(),
            Self::Protocol(text) => format!("the server broke the protocol ({text})"),
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::Connect(io::ErrorKind::ConnectionRefused, _) => {
                "Check that the server runs and listens there (bind_address, port, skip_networking)."
            }
            Self::Connect(..) => "Check `host` and `port` of the server, the name service and the firewall.",
            Self::Deaf { .. } | Self::Mute(_) => {
                "Look at what is between here and the server: network, tunnel, firewall, proxy; it is tried again."
            }
            Self::TimedOut(_) => "Check the network and the server's load; it is tried again.",
            Self::Tls(_) => {
                "Check that the server offers TLS, `sslrootcert`, and that `host` is a name in the server's certificate."
            }
            Self::Authentication(_) => {
                "Give the account caching_sha2_password, ed25519, parsec or mysql_native_password."
            }
            Self::Secret(_) => "Check that the source of the password exists and that this user may read it.",
            Self::Server(refusal) => refusal.describe().remedy,
            Self::Closed | Self::Io(_) => "It is tried again; if it stays, look at the server's log.",
            Self::UnaskedFile => "No honest server does that: check what answers at `host` and `port`.",
            Self::Starved => "The reason is told by who reads the rows.",
            Self::Protocol(_) => "Check that `host` and `port` lead to MySQL or MariaDB itself.",
        }
    }

    /// Takes the driver's error apart.
    pub fn from_driver(error: driver::Error) -> Self {
        match error {
            driver::Error::Server(answer) => Self::Server(Refusal::new(answer.code, &answer.state)),
            driver::Error::Io(driver::IoError::Tls(error)) => Self::from_tls(error),
            driver::Error::Io(driver::IoError::Io(error)) => Self::from_io(&error),
            driver::Error::Driver(error) => Self::from_misuse(&error),
            driver::Error::Other(_) | driver::Error::Url(_) => {
                Self::Protocol("an answer that is not understood")
            }
        }
    }

    fn from_tls(error: driver::TlsError) -> Self {
        match error {
            driver::TlsError::Tls(error) => Self::Tls(TlsError::Handshake(error).to_string()),
            driver::TlsError::InvalidDnsName(_) => {
                Self::Tls("`host` is neither a host name nor an IP address".to_owned())
            }
            driver::TlsError::Pem(_) => {
                Self::Tls("a certificate or key is no well-formed PEM file".to_owned())
            }
            driver::TlsError::VerifierBuilderError(_) => {
                Self::Tls("the root certificates cannot be used".to_owned())
            }
        }
    }

    /// TLS hides its own error inside.
    pub fn from_io(error: &io::Error) -> Self {
        if let Some(tls) = TlsError::inside(error) {
            return Self::Tls(tls.to_string());
        }
        let kind = error.kind();
        if CLOSED.contains(&kind) {
            Self::Closed
        } else if UNREACHABLE.contains(&kind) {
            Self::Connect(kind, kind.to_string())
        } else {
            Self::Io(kind)
        }
    }

    fn from_misuse(error: &driver::DriverError) -> Self {
        use driver::{DriverError as D, LocalInfileError as L};
        if let D::ConnectionClosed | D::PoolDisconnected = error {
            Self::Closed
        } else if let D::LocalInfile(L::NoHandler) = error {
            Self::UnaskedFile
        } else if let D::LocalInfile(_) = error {
            Self::Starved
        } else if let D::UnknownAuthPlugin { .. }
        | D::MysqlOldPasswordDisabled
        | D::CleartextPluginDisabled
        | D::InvalidParsecSalt = error
        {
            Self::Authentication("the account's plugin is not known here, or not safe")
        } else if let D::NoClientSslFlagFromServer = error {
            Self::Tls(TlsError::Unsupported.to_string())
        } else if let D::NoKeyFound = error {
            Self::Tls("the file of `sslkey` holds no private key".to_owned())
        } else if let D::PacketTooLarge = error {
            Self::Protocol("a packet is larger than max_allowed_packet")
        } else {
            Self::Protocol("an answer that is not understood")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_message_with_a_value_is_dropped() {
        let answer = driver::ServerError {
            code: 1062,
            message: "Duplicate entry '999-80-5820' for key 'PRIMARY'".to_owned(),
            state: "23000".to_owned(),
        };
        let error = Error::new("loading table `patient`", Kind::from_driver(driver::Error::Server(answer)));
        let text = format!("{error} {error:?}");
        assert!(!text.contains("5820"), "{text}");
        assert!(text.starts_with(
            "loading table `patient`: two rows have the same key (error 1062, SQLSTATE 23000). "
        ));
    }

    #[test]
    fn bytes_of_a_packet_are_dropped() {
        let packet = driver::DriverError::UnexpectedPacket { payload: b"zq7leak".to_vec() };
        let kind = Kind::from_driver(driver::Error::Driver(packet));
        assert!(!format!("{kind:?}").contains("zq7"), "{kind:?}");
    }

    #[test]
    fn a_broken_connection_is_tried_again() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        let error = Error::new("loading", Kind::from_driver(driver::Error::from(reset)));
        assert_eq!((error.fault(), error.is_lost()), (Fault::Retry, true));
    }
}
