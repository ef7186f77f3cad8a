//! How far the rows of a load are, told from the stream that the driver takes them from.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};

/// Shared by who watches and the stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<State>);

#[derive(Debug, Default)]
struct State {
    moved: AtomicU64,
    under_way: AtomicU64,
    hungry: AtomicBool,
    finished: AtomicBool,
}

impl Progress {
    /// Pieces that were given to the connection.
    pub(super) fn moved(&self) -> u64 {
        self.0.moved.load(Ordering::Relaxed)
    }

    /// Bytes of the last piece that was given: the next one is taken when these are on their way.
    pub(super) fn under_way(&self) -> u64 {
        self.0.under_way.load(Ordering::Relaxed)
    }

    /// The connection would take more than there is: who brings the rows is slower.
    pub(super) fn is_hungry(&self) -> bool {
        self.0.hungry.load(Ordering::Relaxed)
    }

    /// All of it was given to the connection.
    pub(super) fn is_finished(&self) -> bool {
        self.0.finished.load(Ordering::Relaxed)
    }

    /// Counts what passes.
    pub(super) fn counted(
        &self,
        pieces: BoxStream<'static, io::Result<Bytes>>,
    ) -> BoxStream<'static, io::Result<Bytes>> {
        stream::unfold((pieces, self.clone()), async |(mut pieces, Self(state))| {
            state.hungry.store(true, Ordering::Relaxed);
            let piece = pieces.next().await;
            state.hungry.store(false, Ordering::Relaxed);
            if let Some(Ok(piece)) = &piece {
                state.under_way.store(piece.len() as u64, Ordering::Relaxed);
            }
            state.moved.fetch_add(1, Ordering::Relaxed);
            state.finished.fetch_or(piece.is_none(), Ordering::Relaxed);
            Some((piece?, (pieces, Self(state))))
        })
        .boxed()
    }
}
