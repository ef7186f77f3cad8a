//! Where lines end up: the journal's socket, and standard error. Neither makes anybody wait who has work to do: a line that
//! finds no room is refused.

use std::io::{ErrorKind, Write as _};
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Where the journal of systemd listens.
const JOURNAL: &str = "/run/systemd/journal/socket";
/// So many lines wait for a reader of standard error.
const LINES_MAX: usize = 1024;
/// The end of the process waits for that reader so long.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);
/// How often it is looked whether there is room again, at the end.
const FLUSH_INTERVAL: Duration = Duration::from_millis(10);

/// The journal's socket.
#[derive(Debug)]
pub(super) struct Journal(UnixDatagram);

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It is where it belongs.
    Taken,
    /// There is no room: whoever reads there stands still.
    Full,
    /// Nobody is there, or the line is not for him.
    Nobody,
}

impl Journal {
    /// `None` where this process may have no socket.
    pub(super) fn open() -> Option<Self> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(Self(socket))
    }

    /// Each time by its name: a journal that was started anew is another one.
    pub(super) fn send(&self, datagram: &[u8]) -> Sent {
        match self.0.send_to(datagram, JOURNAL) {
            Ok(_) => Sent::Taken,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Sent::Full,
            Err(_) => Sent::Nobody,
        }
    }
}

/// Standard error, which a thread of its own writes to.
#[derive(Debug)]
pub(super) struct StandardError(SyncSender<Piece>);

enum Piece {
    Text(String),
    /// Everything before it is written.
    Mark(SyncSender<()>),
}

impl StandardError {
    pub(super) fn open() -> Self {
        let (pieces, waiting) = sync_channel::<Piece>(LINES_MAX);
        let write = move || {
            for piece in waiting {
                match piece {
                    // In one piece, and nobody is left to tell where that fails.
                    Piece::Text(text) => _ = std::io::stderr().lock().write_all(text.as_bytes()),
                    Piece::Mark(done) => _ = done.send(()),
                }
            }
        };
        // Without a thread the channel has no reader, and lines are written where they come from.
        _ = thread::Builder::new().name("log".to_owned()).spawn(write);
        Self(pieces)
    }

    /// Answers whether there was room.
    pub(super) fn put(&self, text: String) -> Sent {
        match self.0.try_send(Piece::Text(text)) {
            Ok(()) => Sent::Taken,
            Err(TrySendError::Disconnected(Piece::Text(text))) => {
                _ = std::io::stderr().lock().write_all(text.as_bytes());
                Sent::Taken
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Sent::Full,
        }
    }

    /// Waits until all of it is written, for a while.
    pub(super) fn flush(&self) {
        let (done, written) = sync_channel(1);
        let until = Instant::now() + FLUSH_LIMIT;
        let mut mark = Piece::Mark(done);
        while let Err(TrySendError::Full(back)) = self.0.try_send(mark) {
            if Instant::now() > until {
                return;
            }
            mark = back;
            thread::sleep(FLUSH_INTERVAL);
        }
        // Nobody who reads: then nobody misses it.
        _ = written.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}
