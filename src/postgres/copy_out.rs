//! A connection that reads what `COPY … TO STDOUT` sends, piece by piece: a value of 100 MB passes through without ever
//! being in memory whole, and a row costs no allocation.
//!
//! The driver of the sessions hands out whole messages, and the server puts a whole row into one, so this speaks the
//! protocol itself. Source: PostgreSQL manual, "Message Flow", sections "Simple Query" and "COPY Operations".

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use crate::config::Database;
use crate::postgres::exchange::{self, Rows};
use crate::postgres::message::{ANSWER_MAX_BYTES, MessageError, receive};
use crate::postgres::session::{LOOK_AFTER_US, LOOKING_AFTER_US};
use crate::postgres::socket::Socket;
use crate::postgres::{Error, Kind};

/// Without a byte for so long, the server counts as gone; it may sort or filter for a while before the first row.
const SILENCE_LIMIT: Duration = Duration::from_mins(30);
/// What one read asks for; a piece is not longer.
const PIECE_BYTES: usize = 256 << 10;
/// Tag and length.
const HEADER_BYTES: usize = 5;

/// A connection for plain SQL and for reading copies. Its calls are not cancel-safe: drop the connection with a call that
/// was dropped; the server ends its transaction then.
pub struct CopyOut {
    socket: Socket,
    received: BytesMut,
    /// Of the message whose body is being handed out, this much is still to come.
    left: usize,
    database: String,
}

impl CopyOut {
    /// Connects. `application_name` is what DBAs see in `pg_stat_activity`.
    pub async fn connect(database: &Database, application_name: &str) -> Result<Self, Error> {
        let opened = exchange::open(database, application_name, false).await;
        let (socket, received, _) = opened.map_err(|kind| {
            let doing = format!("opening a connection with database `{}`", database.name);
            Error::new(doing, kind).with_no_row_at_hand()
        })?;
        let mut connection = Self { socket, received, left: 0, database: database.name.to_string() };
        match connection.simple_query(LOOKING_AFTER_US, LOOK_AFTER_US).await {
            Err(error) if error.refusal().is_none() => Err(error),
            Ok(_) | Err(_) => Ok(connection),
        }
    }

    /// Runs SQL that answers with few rows, or none. `doing` is for the error: the statement is not shown.
    pub async fn simple_query(&mut self, doing: &str, sql: &str) -> Result<Rows, Error> {
        let answer = async {
            exchange::ask(&mut self.socket, sql).await?;
            exchange::answer(&mut self.socket, &mut self.received).await
        };
        let answer = timeout(SILENCE_LIMIT, answer).await.unwrap_or(Err(Kind::TimedOut(SILENCE_LIMIT)));
        answer.map_err(|kind| self.error(doing, kind))
    }

    /// Starts a `COPY (…) TO STDOUT`; then call [`CopyOut::piece`] until it answers `None`.
    pub async fn begin_copy(&mut self, doing: &str, sql: &str) -> Result<(), Error> {
        let begun = async {
            exchange::ask(&mut self.socket, sql).await?;
            loop {
                let message = receive(&mut self.socket, &mut self.received, ANSWER_MAX_BYTES).await?;
                match message.tag {
                    b'H' => return Ok(()),
                    b'S' | b'N' | b'A' => {}
                    b'E' => {
                        let kind = Kind::from_response(&message.body);
                        // Until the server is ready again; what comes then can't say more.
                        let _ = exchange::answer(&mut self.socket, &mut self.received).await;
                        return Err(kind);
                    }
                    tag => return Err(MessageError::Tag(tag).into()),
                }
            }
        };
        let begun = timeout(SILENCE_LIMIT, begun).await.unwrap_or(Err(Kind::TimedOut(SILENCE_LIMIT)));
        begun.map_err(|kind| self.error(doing, kind))
    }

    /// The next bytes of the copy, cut anywhere; `None` at its end, when the connection is ready for other SQL.
    pub async fn piece(&mut self, doing: &str) -> Result<Option<Bytes>, Error> {
        let piece = self.next().await;
        piece.map_err(|kind| self.error(doing, kind))
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Kind> {
        loop {
            let piece = take(&mut self.received, &mut self.left)?;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
            match self.received.first() {
                Some(&tag) if self.left == 0 && tag != b'd' => {
                    if self.is_end(tag).await? {
                        return Ok(None);
                    }
                }
                Some(_) | None => self.read().await?,
            }
        }
    }

    async fn read(&mut self) -> Result<(), Kind> {
        self.received.reserve(PIECE_BYTES);
        let read = timeout(SILENCE_LIMIT, self.socket.read_buf(&mut self.received)).await;
        match read.map_err(|_| Kind::TimedOut(SILENCE_LIMIT))? {
            Ok(0) => Err(Kind::Closed),
            Ok(_) => Ok(()),
            Err(error) => Err(Kind::from_io(&error)),
        }
    }

    /// Reads what the server says instead of more data: the end, an error, or something that is not for us.
    async fn is_end(&mut self, tag: u8) -> Result<bool, Kind> {
        let message = receive(&mut self.socket, &mut self.received, ANSWER_MAX_BYTES).await?;
        match tag {
            b'c' => exchange::answer(&mut self.socket, &mut self.received).await.map(|_| true),
            b'S' | b'N' | b'A' => Ok(false),
            b'E' => {
                let kind = Kind::from_response(&message.body);
                // Until the server is ready again; what comes then can't say more.
                let _ = exchange::answer(&mut self.socket, &mut self.received).await;
                Err(kind)
            }
            tag => Err(MessageError::Tag(tag).into()),
        }
    }

    fn error(&self, doing: &str, kind: Kind) -> Error {
        Error::new(format!("{doing} of database `{}`", self.database), kind).with_no_row_at_hand()
    }
}

/// What has come of the copy: the bodies of the messages are moved together over their headers. `left` is what is still to
/// come of the last of them.
fn take(received: &mut BytesMut, left: &mut usize) -> Result<Bytes, MessageError> {
    let (mut seen, mut kept) = (0, 0);
    while seen < received.len() {
        if *left > 0 {
            let body = (*left).min(received.len() - seen);
            received.copy_within(seen..seen + body, kept);
            (seen, kept, *left) = (seen + body, kept + body, *left - body);
        } else if let Some(&[b'd', a, b, c, d]) = received[seen..].first_chunk::<HEADER_BYTES>() {
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            *left = length.checked_sub(HEADER_BYTES - 1).ok_or(MessageError::Length)?;
            seen += HEADER_BYTES;
        } else {
            break;
        }
    }
    let mut piece = received.split_to(seen);
    piece.truncate(kept);
    Ok(piece.freeze())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_follows_the_copy_is_left_where_it_is() {
        let mut received = BytesMut::from(&b"d\0\0\0\x06a\nd\0\0\0\x04c\0\0\0\x04rest"[..]);
        let mut left = 0;
        assert_eq!(take(&mut received, &mut left).expect("good messages"), "a\n");
        assert_eq!((&received[..], left), (&b"c\0\0\0\x04rest"[..], 0));
    }

    #[test]
    fn a_length_below_its_minimum_is_refused() {
        let mut received = BytesMut::from(&b"d\0\0\0\x03"[..]);
        assert_eq!(take(&mut received, &mut 0), Err(MessageError::Length));
    }

    proptest! {
        #[test]
        fn the_bodies_come_through_however_they_are_cut(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..12),
            cut in 1..60_usize,
        ) {
            let mut wire = Vec::new();
            for body in &bodies {
                wire.push(b'd');
                wire.extend_from_slice(&u32::try_from(body.len() + 4).expect("short").to_be_bytes());
                wire.extend_from_slice(body);
            }
            let (mut received, mut left, mut seen) = (BytesMut::new(), 0, Vec::new());
            for piece in wire.chunks(cut) {
                received.extend_from_slice(piece);
                seen.extend_from_slice(&take(&mut received, &mut left).expect("good messages"));
            }
            prop_assert_eq!(seen, bodies.concat());
            prop_assert!(received.is_empty() && left == 0);
        }
    }
}
