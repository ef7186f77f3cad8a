//! The running replication stream, in two halves: one task reads as fast as it can, another one confirms on a timer of
//! its own, so that the server hears from us whatever the reader and the writer behind it are doing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncWriteExt as _, ReadHalf, WriteHalf};

use crate::lsn::Lsn;
use crate::postgres::message::{FRAME_MAX_BYTES, Message, MessageError, receive};
use crate::postgres::socket::Socket;
use crate::postgres::{Error, Kind};
use crate::source::frame::{Frame, Status};

/// From the Unix epoch to PostgreSQL's, 2000-01-01 00:00 UTC.
const POSTGRES_EPOCH: Duration = Duration::from_hours(24 * 10_957);

/// How what fails while the stream is read begins.
pub const READING: &str = "reading the replication stream";

/// Both halves of a stream that has started.
pub struct ReplicationStream {
    /// What the server sends.
    pub reader: ReplicationReader,
    /// What the server hears.
    pub writer: ReplicationWriter,
}

impl ReplicationStream {
    /// Takes over a socket that is in copy-both mode, and what has been read from it already.
    pub fn new(socket: Socket, received: BytesMut, database: &str) -> Self {
        let (read, write) = tokio::io::split(socket);
        Self {
            reader: ReplicationReader {
                socket: read,
                received,
                ended: false,
                doing: format!("{READING} of database `{database}`"),
            },
            writer: ReplicationWriter {
                socket: write,
                unsent: BytesMut::new(),
                doing: format!("confirming the replication stream of database `{database}`"),
            },
        }
    }
}

/// The receiving half.
pub struct ReplicationReader {
    socket: ReadHalf<Socket>,
    received: BytesMut,
    /// The server has said that nothing more comes.
    ended: bool,
    doing: String,
}

impl ReplicationReader {
    /// The next frame; waits as long as it takes. Cancel-safe: it may lose a `select!` and is just called again.
    ///
    /// After [`Frame::Ended`] it gives [`Frame::Ended`] for ever.
    pub async fn next(&mut self) -> Result<Frame, Error> {
        while !self.ended {
            let received = receive(&mut self.socket, &mut self.received, FRAME_MAX_BYTES).await;
            let frame = received.and_then(understand);
            match frame.map_err(|kind| Error::new(&self.doing, kind).with_no_row_at_hand())? {
                Some(Frame::Ended) => self.ended = true,
                Some(frame) => return Ok(frame),
                None => {}
            }
        }
        Ok(Frame::Ended)
    }
}

/// `None` for messages that mean nothing here.
fn understand(message: Message) -> Result<Option<Frame>, Kind> {
    match message.tag {
        b'd' => Ok(Some(Frame::parse(message.body)?)),
        // Settings, notices and notifications come at any time.
        b'S' | b'N' | b'A' => Ok(None),
        // CopyDone answers ours; a server that shuts down sends CommandComplete at once.
        b'c' | b'C' | b'Z' => Ok(Some(Frame::Ended)),
        b'E' => Err(Kind::from_response(&message.body)),
        tag => Err(MessageError::Tag(tag).into()),
    }
}

/// The sending half.
pub struct ReplicationWriter {
    socket: WriteHalf<Socket>,
    /// What a cancelled call has left: it goes out first, or the server would see half a message.
    unsent: BytesMut,
    doing: String,
}

impl ReplicationWriter {
    /// Standby status update. `flushed` moves the slot: everything below it may be forgotten by the server.
    /// Each position is the end of what is done (the byte after the last). Cancel-safe.
    pub async fn send_status(
        &mut self,
        written: Lsn,
        flushed: Lsn,
        applied: Lsn,
        reply_requested: bool,
    ) -> Result<(), Error> {
        let status = Status { written, flushed, applied, clock_us: clock_us(), reply_requested };
        status.write(&mut self.unsent);
        self.send().await
    }

    /// Asks for a clean end (CopyDone): the reader then gets what is on its way, and [`Frame::Ended`]. Send a last
    /// status before it; nothing may be sent after it.
    pub async fn finish(&mut self) -> Result<(), Error> {
        frontend::copy_done(&mut self.unsent);
        self.send().await
    }

    async fn send(&mut self) -> Result<(), Error> {
        let sent = async {
            self.socket.write_all_buf(&mut self.unsent).await?;
            self.socket.flush().await
        };
        sent.await.map_err(|error| Error::from_io(&self.doing, &error))
    }
}

/// Only for the server's own display of lag; nothing of ours is decided by it.
fn clock_us() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH + POSTGRES_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::net::UnixStream;

    use super::*;
    use crate::fault::Fault;

    fn stream() -> (ReplicationStream, UnixStream) {
        let (ours, server) = UnixStream::pair().expect("a pair of sockets");
        (ReplicationStream::new(Socket::Unix(ours), BytesMut::new(), "main"), server)
    }

    const KEEPALIVE: &[u8] = b"d\0\0\0\x16k\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x05\x01";

    #[tokio::test]
    async fn a_reader_that_loses_a_select_loses_no_byte() {
        let (mut stream, mut server) = stream();
        for piece in KEEPALIVE.chunks(3) {
            server.write_all(piece).await.expect("the pair is open");
            tokio::select! {
                biased;
                frame = stream.reader.next() => {
                    assert!(matches!(frame, Ok(Frame::Keepalive { end: Lsn(0x10), reply_requested: true, .. })));
                    return;
                }
                () = std::future::ready(()) => {}
            }
        }
        let frame = stream.reader.next().await.expect("the rest has come");
        assert_eq!(frame, Frame::Keepalive { end: Lsn(0x10), sent_at_us: 5, reply_requested: true });
    }

    #[tokio::test]
    async fn an_error_in_the_stream_has_its_sqlstate_and_a_cut_is_told_from_an_end() {
        let (mut stream, mut server) = stream();
        server.write_all(b"E\0\0\0\x12C55000\0Mlost\0\0").await.expect("the pair is open");
        let error = stream.reader.next().await.expect_err("the server's error");
        assert_eq!(error.sqlstate().map(|state| state.to_string()).as_deref(), Some("55000"));
        assert_eq!(error.fault(), Fault::Halt);
        drop(server);
        let error = stream.reader.next().await.expect_err("the cut");
        assert_eq!((error.kind(), error.fault()), (&Kind::Closed, Fault::Retry));
    }

    #[tokio::test]
    async fn an_end_in_good_order_stays_the_end() {
        let (mut stream, mut server) = stream();
        server.write_all(b"N\0\0\0\x05\0c\0\0\0\x04").await.expect("the pair is open");
        drop(server);
        for _ in 0..2 {
            assert_eq!(stream.reader.next().await.expect("no error"), Frame::Ended);
        }
    }

    #[test]
    fn a_message_that_does_not_belong_here_halts() {
        let kind = understand(Message { tag: b'T', body: Bytes::new() }).expect_err("no rows here");
        assert_eq!(Error::new("x", kind).fault(), Fault::Halt);
    }
}
