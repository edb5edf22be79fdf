//! Answers that are read from the store piece by piece.
//!
//! A piece is read on a thread that may block, and the thread is given back before the client is
//! waited for: a client that does not read holds memory for two pieces and nothing else.

use futures_util::{Stream, stream};
use rolecall::api::status::Failure;
use tonic::Status;

use super::stopping;

/// What an answer is read from; it is moved to a blocking thread for each piece.
pub(super) trait Source: Send + 'static {
    /// What is sent at once.
    type Piece: Send + 'static;

    /// Reads the next piece; nothing after the last one.
    fn next_piece(&mut self) -> Result<Option<Self::Piece>, Failure>;
}

/// Sends what `source` has; one piece is read ahead while the one before it is being sent.
pub(super) fn stream<S: Source>(source: S) -> impl Stream<Item = Result<S::Piece, Status>> {
    stream::unfold(Some(ahead(source)), |reading| async {
        match reading?.await.map_err(|_cancelled| stopping()).and_then(|read| read) {
            Ok((source, Some(piece))) => Some((Ok(piece), Some(ahead(source)))),
            Ok((_, None)) => None,
            Err(failure) => Some((Err(failure.into()), None)),
        }
    })
}

type Reading<S, P> = tokio::task::JoinHandle<Result<(S, Option<P>), Failure>>;

fn ahead<S: Source>(mut source: S) -> Reading<S, S::Piece> {
    tokio::task::spawn_blocking(move || {
        let piece = source.next_piece()?;
        Ok((source, piece))
    })
}

/// Calls `read` with `source` on a thread that may block.
pub(super) async fn on_a_thread<S: Send + 'static, T: Send + 'static>(
    mut source: S,
    read: impl FnOnce(&mut S) -> Result<T, Failure> + Send + 'static,
) -> Result<(S, T), Failure> {
    let reading = tokio::task::spawn_blocking(move || {
        let read = read(&mut source)?;
        Ok((source, read))
    });
    reading.await.map_err(|_cancelled| stopping())?
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    struct Numbers(u32);

    impl Source for Numbers {
        type Piece = u32;

        fn next_piece(&mut self) -> Result<Option<u32>, Failure> {
            self.0 = self.0.saturating_add(1);
            Ok((self.0 <= 3).then_some(self.0))
        }
    }

    #[test]
    fn an_answer_that_nobody_goes_on_reading_holds_no_thread() {
        let runtime =
            tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let mut unread: Vec<_> = (0..3).map(|_| Box::pin(stream(Numbers(0)))).collect();
            for stream in &mut unread {
                assert_eq!(stream.next().await.unwrap().unwrap(), 1);
            }
            let other = tokio::task::spawn_blocking(|| "done").await.unwrap();
            assert_eq!(other, "done");
            let rest: Vec<u32> =
                unread.remove(0).map(|piece| piece.unwrap()).collect::<Vec<_>>().await;
            assert_eq!(rest, [2, 3]);
        });
    }
}
