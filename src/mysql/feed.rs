//! A bounded channel of bytes into a load. Its end is said in so many words: where the sender is only dropped, because
//! the source failed or the task was cancelled, the load fails and does not pass for a short one.

use std::io;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::mpsc;

/// Pieces on their way; each is a few hundred KiB.
const PIECES: usize = 8;

/// Puts pieces in.
#[derive(Debug)]
pub struct Feed(mpsc::Sender<Option<Bytes>>);

/// What a load eats.
#[derive(Debug)]
pub struct Food(mpsc::Receiver<Option<Bytes>>);

/// Both ends.
pub fn feed() -> (Feed, Food) {
    let (sender, receiver) = mpsc::channel(PIECES);
    (Feed(sender), Food(receiver))
}

impl Feed {
    /// Waits for room. False: the load has ended, and says why.
    pub async fn send(&self, piece: Bytes) -> bool {
        self.0.send(Some(piece)).await.is_ok()
    }

    /// The same from a thread that is no task.
    pub fn blocking_send(&self, piece: Bytes) -> bool {
        self.0.blocking_send(Some(piece)).is_ok()
    }

    /// That was all.
    pub async fn finish(self) -> bool {
        self.0.send(None).await.is_ok()
    }
}

impl Food {
    /// The next piece; `Ok(None)` at the end, an error where nobody said that it is the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Starved> {
        self.0.recv().await.ok_or(Starved)
    }

    /// As the driver reads it.
    pub fn into_stream(self) -> BoxStream<'static, io::Result<Bytes>> {
        stream::unfold(Some(self), async |food| {
            let mut food = food?;
            match food.next().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(food))),
                Ok(None) => None,
                Err(Starved) => Some((Err(io::Error::other(Starved)), None)),
            }
        })
        .boxed()
    }
}

/// The sender was dropped without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rows ended before their end")]
pub struct Starved;

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(food: Food) -> (Vec<u8>, bool) {
        let pieces: Vec<io::Result<Bytes>> = food.into_stream().collect().await;
        let whole = pieces.iter().all(Result::is_ok);
        (pieces.into_iter().flatten().flatten().collect(), whole)
    }

    #[tokio::test]
    async fn an_end_that_was_not_said_is_no_end() {
        let (feed, food) = feed();
        assert!(feed.send(Bytes::from_static(b"a\n")).await);
        drop(feed);
        assert_eq!(all(food).await, (b"a\n".to_vec(), false));
        let (feed, food) = super::feed();
        assert!(feed.send(Bytes::from_static(b"a\n")).await && feed.finish().await);
        assert_eq!(all(food).await, (b"a\n".to_vec(), true));
    }
}
