//! What travels inside the replication stream: WAL data and keepalives one way, standby status the other way. Pure.
//!
//! Source: PostgreSQL manual, "Streaming Replication Protocol".

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::lsn::Lsn;
use crate::postgres::message::MessageError;

/// One piece of the stream.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message of the output plugin.
    WalData {
        /// Where its record starts in the WAL; 0 for messages that belong to no record.
        start: Lsn,
        /// The end of WAL at the server when this was sent.
        end: Lsn,
        /// The server's clock then, in microseconds since 2000-01-01 00:00 UTC.
        sent_at_us: i64,
        /// The plugin's message, a slice of the network buffer: it keeps up to 256 KiB of it alive.
        data: Bytes,
    },
    /// The server tells that it lives, and how far it has sent.
    Keepalive {
        /// Up to here nothing is left to send.
        end: Lsn,
        /// As in [`Frame::WalData`].
        sent_at_us: i64,
        /// The server is about to take us for dead: send the status now.
        reply_requested: bool,
    },
    /// The server has ended the stream in good order.
    Ended,
}

impl std::fmt::Debug for Frame {
    /// Prints the length of the data, never the data: it is a row.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WalData { start, end, data, .. } => {
                write!(f, "WalData({start}, end {end}, {} bytes)", data.len())
            }
            Self::Keepalive { end, reply_requested, .. } => {
                write!(f, "Keepalive(end {end}, reply requested: {reply_requested})")
            }
            Self::Ended => f.write_str("Ended"),
        }
    }
}

impl Frame {
    /// From the body of a `CopyData` message.
    pub fn parse(mut body: Bytes) -> Result<Self, MessageError> {
        let short = |_| MessageError::Short;
        match body.try_get_u8().map_err(short)? {
            b'w' => {
                let start = Lsn(body.try_get_u64().map_err(short)?);
                let end = Lsn(body.try_get_u64().map_err(short)?);
                let sent_at_us = body.try_get_i64().map_err(short)?;
                Ok(Self::WalData { start, end, sent_at_us, data: body })
            }
            b'k' => {
                let end = Lsn(body.try_get_u64().map_err(short)?);
                let sent_at_us = body.try_get_i64().map_err(short)?;
                let reply_requested = body.try_get_u8().map_err(short)? != 0;
                Ok(Self::Keepalive { end, sent_at_us, reply_requested })
            }
            tag => Err(MessageError::Tag(tag)),
        }
    }
}

/// Length of a status update's `CopyData`, its own four bytes included.
const STATUS_LENGTH: u32 = 4 + 1 + 3 * 8 + 8 + 1;

/// What we tell the server: how far we have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Received.
    pub written: Lsn,
    /// Durable in the target: the server may forget what lies below. This is what moves the slot.
    pub flushed: Lsn,
    /// Visible in the target.
    pub applied: Lsn,
    /// Our clock, in microseconds since 2000-01-01 00:00 UTC.
    pub clock_us: i64,
    /// The server shall answer at once with a keepalive.
    pub reply_requested: bool,
}

impl Status {
    /// Appends the whole message, ready to be sent.
    pub fn write(&self, out: &mut BytesMut) {
        out.put_u8(b'd');
        out.put_u32(STATUS_LENGTH);
        out.put_u8(b'r');
        out.put_u64(self.written.0);
        out.put_u64(self.flushed.0);
        out.put_u64(self.applied.0);
        out.put_i64(self.clock_us);
        out.put_u8(u8::from(self.reply_requested));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wal_data_keeps_its_bytes_and_never_shows_them() {
        let mut body = BytesMut::new();
        body.put_u8(b'w');
        body.put_u64(0x10);
        body.put_u64(0x20);
        body.put_i64(-7);
        body.put_slice(b"999-80-5820");
        let frame = Frame::parse(body.freeze()).expect("WAL data");
        assert_eq!(format!("{frame:?}"), "WalData(0/10, end 0/20, 11 bytes)");
        let data = Bytes::from_static(b"999-80-5820");
        assert_eq!(frame, Frame::WalData { start: Lsn(0x10), end: Lsn(0x20), sent_at_us: -7, data });
    }

    #[test]
    fn a_keepalive_asks_for_a_reply_or_not_and_a_cut_one_is_refused() {
        let body = Bytes::from_static(b"k\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x05\x01");
        let expected = Frame::Keepalive { end: Lsn(0x10), sent_at_us: 5, reply_requested: true };
        assert_eq!(Frame::parse(body.clone()), Ok(expected));
        for end in 0..body.len() {
            assert_eq!(Frame::parse(body.slice(..end)), Err(MessageError::Short), "{end}");
        }
    }

    #[test]
    fn a_status_update_has_the_length_that_it_announces() {
        let status =
            Status { written: Lsn(3), flushed: Lsn(2), applied: Lsn(1), clock_us: 4, reply_requested: true };
        let mut out = BytesMut::new();
        status.write(&mut out);
        assert_eq!(out.len(), STATUS_LENGTH as usize + 1);
        assert_eq!(&out[..6], b"d\0\0\0\x26r");
        assert_eq!(out[13], 3, "written comes first");
        assert_eq!(out[21], 2, "then flushed");
        assert_eq!(out[29], 1, "then applied");
        assert_eq!(out.last(), Some(&1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Frame::parse(Bytes::from(bytes));
        }
    }
}
