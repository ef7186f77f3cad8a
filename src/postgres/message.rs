//! The server's messages as they stand on the wire: a tag, a length, a body; and the reading of them from a stream.
//!
//! Read by hand and not with `postgres_protocol::Message`, which refuses tag `W` (`CopyBothResponse`) and reserves as
//! much memory as a header asks for. Source: PostgreSQL manual, "Message Formats".

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::postgres::Kind;

/// The longest message while connecting and for the answers of commands.
pub const ANSWER_MAX_BYTES: usize = 1 << 20;
/// The longest message of the stream: a row of the longest values that a server can send, with its headers.
pub const FRAME_MAX_BYTES: usize = (1 << 30) + (1 << 16);
/// What one read asks for.
const READ_BYTES: usize = 256 << 10;
/// A buffer with less room than this is full.
const READ_MIN_BYTES: usize = 8 << 10;
/// Memory grows by this at most before bytes have come to fill it, whatever length a header claims.
const RESERVE_MAX_BYTES: usize = 16 << 20;
/// Tag and length.
const HEADER_BYTES: usize = 5;

/// One message of the server's.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The first byte.
    pub tag: u8,
    /// What follows the length; a slice of the network buffer.
    pub body: Bytes,
}

/// Bytes that are not what the protocol has at their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// A length that does not even cover itself.
    #[error("a message's length is below its minimum")]
    Length,
    /// More than the limit of this place.
    #[error("a message of {0} bytes, more than is accepted here")]
    TooLong(usize),
    /// The body ended inside a field.
    #[error("a message ends early")]
    Short,
    /// Text that is not UTF-8, though UTF-8 was agreed on.
    #[error("text that is not UTF-8")]
    Text,
    /// A tag that does not belong here.
    #[error("an unexpected message with tag {0:#04x}")]
    Tag(u8),
}

impl From<MessageError> for Kind {
    fn from(error: MessageError) -> Self {
        Self::Protocol(error.to_string())
    }
}

/// Takes one whole message from the front of `buffer`, without copying it; `None` while it is not all there.
pub fn split(buffer: &mut BytesMut, max_bytes: usize) -> Result<Option<Message>, MessageError> {
    let Some(total) = announced(buffer, max_bytes)? else { return Ok(None) };
    if buffer.len() < total {
        return Ok(None);
    }
    let mut body = buffer.split_to(total).freeze();
    let tag = body.get_u8();
    body.advance(HEADER_BYTES - 1);
    Ok(Some(Message { tag, body }))
}

/// How many bytes the message at the front has in all, once its header is there.
fn announced(buffer: &[u8], max_bytes: usize) -> Result<Option<usize>, MessageError> {
    let Some(&[_, a, b, c, d]) = buffer.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    match length {
        0..4 => Err(MessageError::Length),
        _ if length > max_bytes => Err(MessageError::TooLong(length)),
        _ => Ok(Some(length + 1)),
    }
}

/// Reads until one message is whole. Cancel-safe: what has come is kept in `buffer`.
pub async fn receive<R>(stream: &mut R, buffer: &mut BytesMut, max_bytes: usize) -> Result<Message, Kind>
where
    R: AsyncRead + Unpin,
{
    loop {
        if let Some(message) = split(buffer, max_bytes)? {
            return Ok(message);
        }
        let missing = announced(buffer, max_bytes)?.map_or(0, |total| total - buffer.len());
        // Rows are slices of this buffer: a new one is taken only when this one is full, or most of it would lie idle.
        if buffer.capacity() - buffer.len() < missing.clamp(READ_MIN_BYTES, RESERVE_MAX_BYTES) {
            buffer.reserve(missing.clamp(READ_BYTES, RESERVE_MAX_BYTES));
        }
        match stream.read_buf(buffer).await {
            Ok(0) => return Err(Kind::Closed),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Kind::from_io(&error)),
        }
    }
}

/// The values of a `DataRow` in text form.
pub fn row(mut body: &[u8]) -> Result<Vec<Option<String>>, MessageError> {
    let columns = body.try_get_u16().map_err(|_| MessageError::Short)?;
    let mut values = Vec::new();
    for _ in 0..columns {
        let length = body.try_get_i32().map_err(|_| MessageError::Short)?;
        let Ok(length) = usize::try_from(length) else {
            values.push(None);
            continue;
        };
        let (value, rest) = body.split_at_checked(length).ok_or(MessageError::Short)?;
        values.push(Some(str::from_utf8(value).map_err(|_| MessageError::Text)?.to_owned()));
        body = rest;
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_is_taken_only_when_it_is_whole() {
        let whole = b"Z\0\0\0\x05Irest";
        for end in 0..6 {
            let mut buffer = BytesMut::from(&whole[..end]);
            assert!(split(&mut buffer, 100).expect("nothing wrong yet").is_none(), "{end}");
            assert_eq!(buffer.len(), end, "nothing is taken");
        }
        let mut buffer = BytesMut::from(&whole[..]);
        let message = split(&mut buffer, 100).expect("a good message").expect("a whole one");
        assert_eq!((message.tag, &message.body[..], &buffer[..]), (b'Z', &b"I"[..], &b"rest"[..]));
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_memory_is_reserved() {
        let mut buffer = BytesMut::from(&b"d\xFF\xFF\xFF\xFF"[..]);
        assert_eq!(split(&mut buffer, FRAME_MAX_BYTES).err(), Some(MessageError::TooLong(0xFFFF_FFFF)));
        let mut buffer = BytesMut::from(&b"d\0\0\0\x03"[..]);
        assert_eq!(split(&mut buffer, FRAME_MAX_BYTES).err(), Some(MessageError::Length));
    }

    #[tokio::test]
    async fn a_claimed_gigabyte_does_not_reserve_one() {
        let mut stream = &b"d\x40\0\0\0and no more"[..];
        let mut buffer = BytesMut::new();
        assert_eq!(receive(&mut stream, &mut buffer, FRAME_MAX_BYTES).await.err(), Some(Kind::Closed));
        assert!(buffer.capacity() < 3 * RESERVE_MAX_BYTES, "{}", buffer.capacity());
    }

    #[test]
    fn a_row_gives_text_and_null() {
        let body = b"\0\x03\0\0\0\x02ab\xFF\xFF\xFF\xFF\0\0\0\0";
        assert_eq!(row(body), Ok(vec![Some("ab".to_owned()), None, Some(String::new())]));
        for end in 0..body.len() {
            assert_eq!(row(&body[..end]), Err(MessageError::Short), "{end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = row(&bytes);
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = split(&mut buffer, ANSWER_MAX_BYTES) {}
        }

        #[test]
        fn messages_survive_being_cut_anywhere(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..8),
            piece in 1..50_usize,
        ) {
            let mut wire = Vec::new();
            for body in &bodies {
                wire.push(b'd');
                wire.extend_from_slice(&u32::try_from(body.len() + 4).expect("short").to_be_bytes());
                wire.extend_from_slice(body);
            }
            let mut buffer = BytesMut::new();
            let mut seen = Vec::new();
            for piece in wire.chunks(piece) {
                buffer.extend_from_slice(piece);
                while let Some(message) = split(&mut buffer, ANSWER_MAX_BYTES).expect("good messages") {
                    seen.push(message.body.to_vec());
                }
            }
            prop_assert_eq!(seen, bodies);
        }
    }
}
