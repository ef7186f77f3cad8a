//! The words that every connection which speaks the protocol itself has in common: it opens, it asks one thing by the simple
//! query protocol, and it reads the answer to its end.

use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::time::timeout;

use crate::config::Database;
use crate::postgres::Kind;
use crate::postgres::handshake::{self, BackendKey, Login};
use crate::postgres::message::{ANSWER_MAX_BYTES, MessageError, receive, row};
use crate::postgres::session::password;
use crate::postgres::socket::Socket;

/// How long start-up and authentication may take, once the socket is connected.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// The text values of an answer's rows.
pub type Rows = Vec<Vec<Option<String>>>;

/// Connects and logs in; the connection is ready for its first command.
pub async fn open(
    database: &Database,
    application_name: &str,
    replication: bool,
) -> Result<(Socket, BytesMut, BackendKey), Kind> {
    let password = password(database)?;
    let mut socket = Socket::connect(database).await?;
    let mut received = BytesMut::new();
    let login = Login {
        user: &database.user,
        dbname: &database.dbname,
        replication,
        application_name,
        password: password.as_ref(),
    };
    let key = timeout(HANDSHAKE_LIMIT, handshake::shake(&mut socket, &mut received, &login))
        .await
        .unwrap_or(Err(Kind::TimedOut(HANDSHAKE_LIMIT)))?;
    Ok((socket, received, key))
}

/// Sends one command.
pub async fn ask(socket: &mut Socket, sql: &str) -> Result<(), Kind> {
    let mut out = BytesMut::new();
    frontend::query(sql, &mut out)
        .map_err(|_| Kind::Driver("a command contains the character NUL".to_owned()))?;
    handshake::send(socket, &mut out).await
}

/// Reads one command's answer to its end. An error is returned when the server is ready again, or has gone.
pub async fn answer(socket: &mut Socket, received: &mut BytesMut) -> Result<Rows, Kind> {
    let mut rows = Rows::new();
    let mut failure = None;
    loop {
        let message = match receive(socket, received, ANSWER_MAX_BYTES).await {
            Ok(message) => message,
            // After a fatal error the connection ends; the error says more than the end.
            Err(end) => return Err(failure.unwrap_or(end)),
        };
        match message.tag {
            b'D' => rows.push(row(&message.body)?),
            b'T' | b'C' | b'I' | b'S' | b'N' | b'A' => {}
            b'E' => failure = Some(Kind::from_response(&message.body)),
            b'Z' => return failure.map_or(Ok(rows), Err),
            tag => return Err(MessageError::Tag(tag).into()),
        }
    }
}
