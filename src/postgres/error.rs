//! The one error of everything that talks to a PostgreSQL server: sessions and the replication connection.
//!
//! It holds what we were doing, what kind of failure it was and, for the server's own errors, names and a SQLSTATE;
//! nothing of a row, a bound value or a password is ever in it, in `Debug` neither. The driver's error is
//! taken apart here and dropped, since its `Debug` prints the server's whole answer.

use std::error::Error as StdError;
use std::time::Duration;
use std::{fmt, io};

use crate::fault::Fault;
use crate::postgres::refusal::{Refusal, printable};
use crate::postgres::sqlstate::SqlState;
use crate::postgres::tls::TlsError;

/// What failed, on what, and what to do; see [`Error::fault`] for how to go on.
#[derive(Debug, Clone)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    doing: String,
    kind: Kind,
    fault: Fault,
}

/// What kind of failure it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// No connection to the server: the operating system's kind and words.
    Connect(io::ErrorKind, String),
    /// It took longer than this.
    TimedOut(Duration),
    /// No TLS session, or the server's certificate is not good enough; what and what to do.
    Tls(String),
    /// Client and server could not agree on how to prove who they are. (A wrong password is [`Kind::Server`], 28P01.)
    Authentication(String),
    /// The password could not be read.
    Secret(String),
    /// The server reported an error.
    Server(Box<Refusal>),
    /// The server closed the connection, or we did: it answered nobody.
    Closed,
    /// The connection broke while it was used.
    Io(io::ErrorKind),
    /// The server sent something that the protocol does not have at this place.
    Protocol(String),
    /// The driver was used wrongly: a column or a parameter does not have the type that the code expects.
    Driver(String),
}

impl Error {
    /// `doing` names the action and its object: "opening a session with database `main`".
    pub fn new(doing: impl Into<String>, kind: Kind) -> Self {
        let fault = kind.fault();
        Self(Box::new(Inner { doing: doing.into(), kind, fault }))
    }

    /// An error of the driver's on a session that writes rows.
    pub fn from_driver(doing: impl Into<String>, error: &tokio_postgres::Error) -> Self {
        Self::new(doing, Kind::from_driver(error))
    }

    /// An `ErrorResponse` that the replication connection received.
    pub fn from_response(doing: impl Into<String>, body: &[u8]) -> Self {
        Self::new(doing, Kind::from_response(body)).with_no_row_at_hand()
    }

    /// A failure of the connection once it is open.
    pub fn from_io(doing: impl Into<String>, error: &io::Error) -> Self {
        Self::new(doing, Kind::from_io(error))
    }

    /// Where no row is being written (connecting, replication), there is none to park: what would park halts.
    #[must_use]
    pub fn with_no_row_at_hand(mut self) -> Self {
        if self.0.fault == Fault::Park {
            self.0.fault = Fault::Halt;
        }
        self
    }

    /// How to go on; decided when the error was made, for the server's errors by [`crate::postgres::sqlstate::fault`].
    ///
    /// Everything that heals when somebody mends the server, the network, a certificate or a secret file is retried, for
    /// ever and slowly, because each try reads those anew. What the code does not understand halts.
    pub fn fault(&self) -> Fault {
        self.0.fault
    }

    /// An answer that the code does not understand.
    pub fn protocol(doing: impl Into<String>, what: &str) -> Self {
        Self::new(doing, Kind::Protocol(what.to_owned()))
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// What to do about it, as a sentence: the last part of its text.
    pub fn remedy(&self) -> &'static str {
        self.0.kind.remedy()
    }

    /// What we were doing.
    pub fn doing(&self) -> &str {
        &self.0.doing
    }

    /// The server's error, if it reported one: SQLSTATE and names.
    pub fn refusal(&self) -> Option<&Refusal> {
        if let Kind::Server(refusal) = &self.0.kind { Some(refusal) } else { None }
    }

    /// The SQLSTATE, if the server reported one.
    pub fn sqlstate(&self) -> Option<SqlState> {
        self.refusal().map(|refusal| refusal.sqlstate)
    }
}

impl fmt::Display for Error {
    /// `{doing}: {what failed, on what}. {What to do}`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}. {}", self.0.doing, self.0.kind.meaning(), self.0.kind.remedy())
    }
}

impl StdError for Error {}

impl Kind {
    /// The server was not there to answer.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Connect(..) | Self::TimedOut(_) | Self::Closed | Self::Io(_) => true,
            Self::Server(refusal) => refusal.sqlstate.class() == "57",
            Self::Tls(_)
            | Self::Authentication(_)
            | Self::Secret(_)
            | Self::Protocol(_)
            | Self::Driver(_) => false,
        }
    }
}

impl Kind {
    fn fault(&self) -> Fault {
        match self {
            Self::Server(refusal) => refusal.fault(),
            Self::Connect(..)
            | Self::TimedOut(_)
            | Self::Tls(_)
            | Self::Authentication(_)
            | Self::Secret(_)
            | Self::Closed
            | Self::Io(_) => Fault::Retry,
            Self::Protocol(_) | Self::Driver(_) => Fault::Halt,
        }
    }

    /// What failed, without a full stop.
    fn meaning(&self) -> String {
        match self {
            Self::Connect(_, text) => format!("no connection ({text})"),
            Self::TimedOut(limit) => format!("no answer within {} s", limit.as_secs()),
            Self::Tls(text) => format!("no TLS session ({text})"),
            Self::Authentication(text) => format!("no agreement on authentication ({text})"),
            Self::Secret(text) => format!("the password could not be read ({text})"),
            Self::Server(refusal) => refusal.to_string(),
            Self::Closed => {
                "the connection was closed by the server, or given up because the server answers nobody"
                    .to_owned()
            }
            Self::Io(kind) => format!("the connection broke ({kind})"),
            Self::Protocol(text) => format!("the server broke the protocol ({text})"),
            Self::Driver(text) => format!("the answer is not what this program expects ({text})"),
        }
    }

    /// What to do, as a sentence.
    fn remedy(&self) -> &'static str {
        match self {
            Self::Connect(io::ErrorKind::ConnectionRefused, _) => {
                "Check that the server runs and listens there (listen_addresses, port)."
            }
            Self::Connect(io::ErrorKind::NotFound, _) => {
                "Check that the server runs and that `host` is its socket directory (unix_socket_directories)."
            }
            Self::Connect(..) => "Check `host` and `port`, the name service and the firewall.",
            Self::TimedOut(_) => "Check the network and the server's load; it is tried again.",
            Self::Tls(_) => {
                "Check that the server offers TLS (ssl = on), `sslrootcert`, and that `host` is a name in the server's certificate."
            }
            Self::Authentication(_) => {
                "Check `password` of the database, and that pg_hba.conf asks for scram-sha-256 or cert."
            }
            Self::Secret(_) => "Check that the source of the password exists and that this user may read it.",
            Self::Server(refusal) => refusal.describe().remedy,
            Self::Closed | Self::Io(_) => "It is tried again; if it stays, look at the server's log.",
            Self::Protocol(_) => {
                "Check that `host` and `port` lead to PostgreSQL itself and not to a pooler or proxy."
            }
            Self::Driver(_) => {
                "This is a fault of the program: please report it with the versions of both sides."
            }
        }
    }

    /// From the body of an `ErrorResponse`.
    pub fn from_response(body: &[u8]) -> Self {
        Self::from_refusal(Refusal::parse(body))
    }

    fn from_refusal(refusal: Option<Refusal>) -> Self {
        match refusal {
            Some(refusal) => Self::Server(Box::new(refusal)),
            None => Self::Protocol("an error without a SQLSTATE".to_owned()),
        }
    }

    /// Takes the operating system's error apart; TLS hides its own inside.
    pub fn from_io(error: &io::Error) -> Self {
        if let Some(tls) = TlsError::inside(error) {
            return Self::Tls(tls.to_string());
        }
        let kind = error.kind();
        if kind == io::ErrorKind::UnexpectedEof { Self::Closed } else { Self::Io(kind) }
    }

    /// The driver's kinds are private; its `Display` has one fixed phrase for each, without any value.
    pub fn from_driver(error: &tokio_postgres::Error) -> Self {
        if let Some(answer) = error.as_db_error() {
            return Self::from_refusal(Refusal::from_driver(answer));
        }
        if error.is_closed() {
            return Self::Closed;
        }
        let phrase = error.to_string();
        let source = error.source();
        let words = || source.map(|source| printable(&source.to_string())).unwrap_or_default();
        let io = source.and_then(|source| source.downcast_ref::<io::Error>());
        match (phrase.as_str(), io) {
            ("error performing TLS handshake", _) => Self::Tls(words()),
            ("authentication error" | "invalid configuration", _) => Self::Authentication(words()),
            ("error connecting to server", Some(io)) => Self::Connect(io.kind(), printable(&io.to_string())),
            ("error communicating with the server", Some(io)) => Self::from_io(io),
            ("error parsing response from server" | "unexpected message from server", _) => {
                Self::Protocol("a message that does not belong here".to_owned())
            }
            _ => Self::Driver(printable(&phrase)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_failed_on_what_and_what_to_do() {
        let refused = Kind::Connect(io::ErrorKind::ConnectionRefused, "connection refused".to_owned());
        let error = Error::new("opening a session with database `main`", refused);
        assert_eq!(
            error.to_string(),
            "opening a session with database `main`: no connection (connection refused). \
             Check that the server runs and listens there (listen_addresses, port)."
        );
        let body = b"SFATAL\0C28P01\0Mpassword authentication failed for user \"acequia\"\0\0";
        assert_eq!(
            Error::from_response("connecting to database `main`", body).to_string(),
            "connecting to database `main`: the server refused the password (SQLSTATE 28P01, message: password \
             authentication failed for user \"acequia\"). Check `user` and `password` of the database, and when the \
             role's password expires."
        );
    }

    #[test]
    fn what_heals_outside_is_retried_and_what_is_not_understood_halts() {
        let text = || "x".to_owned();
        for kind in [
            Kind::Connect(io::ErrorKind::TimedOut, text()),
            Kind::TimedOut(Duration::from_secs(10)),
            Kind::Tls(text()),
            Kind::Authentication(text()),
            Kind::Secret(text()),
            Kind::Closed,
            Kind::Io(io::ErrorKind::BrokenPipe),
        ] {
            assert_eq!(Error::new("x", kind.clone()).fault(), Fault::Retry, "{kind:?}");
        }
        for kind in [Kind::Protocol(text()), Kind::Driver(text())] {
            assert_eq!(Error::new("x", kind.clone()).fault(), Fault::Halt, "{kind:?}");
        }
    }

    #[test]
    fn the_replication_connection_has_no_row_to_park() {
        let error = Error::from_response("starting", b"C22023\0Minvalid value\0\0");
        assert_eq!(error.fault(), Fault::Halt);
        assert_eq!(error.sqlstate().map(|state| state.to_string()).as_deref(), Some("22023"));
    }

    #[test]
    fn a_malformed_answer_halts() {
        assert_eq!(Error::from_response("starting", b"C23505").fault(), Fault::Halt);
    }

    #[test]
    fn a_cut_connection_is_closed_and_a_broken_one_names_its_kind() {
        let eof = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(Error::from_io("reading", &eof).kind(), &Kind::Closed);
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(Error::from_io("reading", &reset).kind(), &Kind::Io(io::ErrorKind::ConnectionReset));
    }
}
