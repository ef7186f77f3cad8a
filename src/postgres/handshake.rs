//! The first words with the server on a connection that speaks the protocol itself: start-up, authentication, ready.
//!
//! Source: PostgreSQL manual, "Message Flow", sections "Start-up" and "SASL Authentication".

use bytes::{Buf as _, Bytes, BytesMut};
use postgres_protocol::authentication::{md5_hash, sasl};
use postgres_protocol::message::frontend;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncWriteExt as _;

use crate::postgres::message::{ANSWER_MAX_BYTES, Message, MessageError, receive};
use crate::postgres::socket::Socket;
use crate::postgres::{Kind, settings};

/// Who connects, and where to.
pub struct Login<'a> {
    /// The role.
    pub user: &'a str,
    /// The database whose changes are decoded.
    pub dbname: &'a str,
    /// A replication connection that decodes, or one for SQL.
    pub replication: bool,
    /// What DBAs see in `pg_stat_replication` or `pg_stat_activity`.
    pub application_name: &'a str,
    /// The password, if one is configured.
    pub password: Option<&'a SecretString>,
}

/// What a cancel request needs.
#[derive(Clone, Copy)]
pub struct BackendKey {
    /// The server's process.
    pub process_id: i32,
    /// The proof that the request is ours.
    pub secret: i32,
}

/// Starts a session on a fresh socket; returns when the server is ready for commands.
pub async fn shake(
    socket: &mut Socket,
    received: &mut BytesMut,
    login: &Login<'_>,
) -> Result<BackendKey, Kind> {
    let mut out = BytesMut::new();
    frontend::startup_message(startup_parameters(login), &mut out).map_err(|_| nul_in("a name"))?;
    send(socket, &mut out).await?;
    authenticate(socket, received, login).await?;
    let mut key = BackendKey { process_id: 0, secret: 0 };
    loop {
        let message = answer(socket, received).await?;
        match message.tag {
            b'K' => key = backend_key(&message.body)?,
            // Settings and notices; notices can quote anything and are not kept.
            b'S' | b'N' => {}
            b'Z' => return Ok(key),
            tag => return Err(MessageError::Tag(tag).into()),
        }
    }
}

/// Writes what is in `out` and empties it.
pub async fn send(socket: &mut Socket, out: &mut BytesMut) -> Result<(), Kind> {
    socket.write_all_buf(out).await.map_err(|error| Kind::from_io(&error))?;
    socket.flush().await.map_err(|error| Kind::from_io(&error))
}

/// `replication=database` makes it a replication session that decodes; the settings are those of every session.
fn startup_parameters<'a>(login: &Login<'a>) -> Vec<(&'a str, &'a str)> {
    let own =
        [("user", login.user), ("database", login.dbname), ("application_name", login.application_name)];
    let replication = login.replication.then_some(("replication", "database"));
    own.into_iter().chain(replication).chain(settings::PINNED.iter().copied()).collect()
}

/// One message that is not an error.
async fn answer(socket: &mut Socket, received: &mut BytesMut) -> Result<Message, Kind> {
    let message = receive(socket, received, ANSWER_MAX_BYTES).await?;
    if message.tag == b'E' { Err(Kind::from_response(&message.body)) } else { Ok(message) }
}

/// What the server asks for (message `R`).
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Done,
    ClearText,
    Md5([u8; 4]),
    Sasl { plain: bool, plus: bool },
    SaslContinue(Bytes),
    SaslFinal(Bytes),
    Other(u32),
}

impl Request {
    fn parse(mut body: Bytes) -> Result<Self, MessageError> {
        match body.try_get_u32().map_err(|_| MessageError::Short)? {
            0 => Ok(Self::Done),
            3 => Ok(Self::ClearText),
            5 => body.first_chunk().map(|salt| Self::Md5(*salt)).ok_or(MessageError::Short),
            10 => {
                let offers = |name: &str| body.split(|&byte| byte == 0).any(|offer| offer == name.as_bytes());
                Ok(Self::Sasl { plain: offers(sasl::SCRAM_SHA_256), plus: offers(sasl::SCRAM_SHA_256_PLUS) })
            }
            11 => Ok(Self::SaslContinue(body)),
            12 => Ok(Self::SaslFinal(body)),
            other => Ok(Self::Other(other)),
        }
    }
}

async fn request(socket: &mut Socket, received: &mut BytesMut) -> Result<Request, Kind> {
    let message = answer(socket, received).await?;
    match message.tag {
        b'R' => Ok(Request::parse(message.body)?),
        // The server would be content with an older minor version of the protocol; 3.0 is what we ask for.
        tag => Err(MessageError::Tag(tag).into()),
    }
}

async fn authenticate(socket: &mut Socket, received: &mut BytesMut, login: &Login<'_>) -> Result<(), Kind> {
    let first = request(socket, received).await?;
    if first == Request::Done {
        return Ok(());
    }
    let password = login
        .password
        .ok_or_else(|| unwilling("the server asks for a password and none is configured"))?
        .expose_secret();
    let mut out = BytesMut::new();
    match first {
        Request::ClearText if !socket.is_private() => {
            return Err(unwilling("the server asks for the password in clear text over a line without TLS"));
        }
        Request::ClearText => {
            frontend::password_message(password.as_bytes(), &mut out).map_err(|_| nul_in("the password"))?;
        }
        Request::Md5(salt) => {
            let hash = md5_hash(login.user.as_bytes(), password.as_bytes(), salt);
            frontend::password_message(hash.as_bytes(), &mut out).map_err(|_| nul_in("the password"))?;
        }
        Request::Sasl { plain, plus } => scram(socket, received, password, plain, plus).await?,
        Request::Other(number) => {
            return Err(unwilling(&format!("the server asks for method {number}, which is not supported")));
        }
        Request::Done | Request::SaslContinue(_) | Request::SaslFinal(_) => {
            return Err(MessageError::Tag(b'R').into());
        }
    }
    send(socket, &mut out).await?;
    let done = request(socket, received).await? == Request::Done;
    if done { Ok(()) } else { Err(MessageError::Tag(b'R').into()) }
}

/// SCRAM-SHA-256, bound to the server's certificate where both sides can. The server proves that it knows the password
/// too: its proof is checked before anything else is believed.
async fn scram(
    socket: &mut Socket,
    received: &mut BytesMut,
    password: &str,
    plain: bool,
    plus: bool,
) -> Result<(), Kind> {
    let (binding, mechanism) = match socket.server_end_point() {
        Some(end_point) if plus => {
            (sasl::ChannelBinding::tls_server_end_point(end_point), sasl::SCRAM_SHA_256_PLUS)
        }
        // "We could have": the server notices if a middleman has hidden its offer.
        Some(_) if plain => (sasl::ChannelBinding::unrequested(), sasl::SCRAM_SHA_256),
        None if plain => (sasl::ChannelBinding::unsupported(), sasl::SCRAM_SHA_256),
        _ => return Err(unwilling("the server offers no SCRAM-SHA-256")),
    };
    let mut scram = sasl::ScramSha256::new(password.as_bytes(), binding);
    let mut out = BytesMut::new();
    let too_long = |_| unwilling("a SASL message is too long");
    frontend::sasl_initial_response(mechanism, scram.message(), &mut out).map_err(too_long)?;
    send(socket, &mut out).await?;
    let Request::SaslContinue(data) = request(socket, received).await? else {
        return Err(MessageError::Tag(b'R').into());
    };
    scram.update(&data).map_err(|error| unwilling(&error.to_string()))?;
    frontend::sasl_response(scram.message(), &mut out).map_err(too_long)?;
    send(socket, &mut out).await?;
    let Request::SaslFinal(data) = request(socket, received).await? else {
        return Err(MessageError::Tag(b'R').into());
    };
    scram.finish(&data).map_err(|error| unwilling(&error.to_string()))
}

fn backend_key(mut body: &[u8]) -> Result<BackendKey, MessageError> {
    let process_id = body.try_get_i32().map_err(|_| MessageError::Short)?;
    let secret = body.try_get_i32().map_err(|_| MessageError::Short)?;
    Ok(BackendKey { process_id, secret })
}

fn unwilling(text: &str) -> Kind {
    Kind::Authentication(text.to_owned())
}

fn nul_in(what: &str) -> Kind {
    Kind::Authentication(format!("{what} contains the character NUL"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_startup_packet_asks_for_replication_with_the_pinned_settings() {
        let login = Login {
            user: "cdc",
            dbname: "practice",
            replication: true,
            application_name: "acequia main",
            password: None,
        };
        let mut packet = BytesMut::new();
        frontend::startup_message(startup_parameters(&login), &mut packet).expect("no NUL in it");
        let mut fields = packet[8..].split(|&byte| byte == 0);
        let mut pairs = Vec::new();
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            pairs.push((str::from_utf8(name).expect("text"), str::from_utf8(value).expect("text")));
        }
        for expected in [("user", "cdc"), ("database", "practice"), ("replication", "database")] {
            assert!(pairs.contains(&expected), "{expected:?}");
        }
        assert!(pairs.contains(&("application_name", "acequia main")));
        assert!(settings::PINNED.iter().all(|setting| pairs.contains(setting)));
    }

    #[test]
    fn the_servers_offers_are_told_apart() {
        let parse = |bytes: &'static [u8]| Request::parse(Bytes::from_static(bytes));
        assert_eq!(parse(b"\0\0\0\0"), Ok(Request::Done));
        assert_eq!(parse(b"\0\0\0\x05salt"), Ok(Request::Md5(*b"salt")));
        assert_eq!(
            parse(b"\0\0\0\x0ASCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"),
            Ok(Request::Sasl { plain: true, plus: true })
        );
        assert_eq!(
            parse(b"\0\0\0\x0ASCRAM-SHA-256-PLUS\0\0"),
            Ok(Request::Sasl { plain: false, plus: true })
        );
        assert_eq!(parse(b"\0\0\0\x07"), Ok(Request::Other(7)));
        assert_eq!(parse(b"\0\0\0"), Err(MessageError::Short));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = backend_key(&bytes);
            let _ = Request::parse(Bytes::from(bytes));
        }
    }
}
