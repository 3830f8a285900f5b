//! Time limits and plausibility, laid over whatever a provider sends.

use std::future::Future;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Limits, LlmError, Mode, Piece, Pieces};

/// A reply being read. After the first error or [`Piece::Done`] there is nothing more.
pub struct Reading {
    pieces: Pieces,
    limits: Limits,
    mode: Mode,
    started: Instant,
    has_text: bool,
    ended: bool,
}

/// Opens a reply, retrying once when the provider throttles.
pub(super) async fn start<F>(
    mode: Mode,
    limits: Limits,
    mut open: impl FnMut() -> F,
) -> Result<Reading, LlmError>
where
    F: Future<Output = Result<Pieces, LlmError>>,
{
    let started = Instant::now();
    let mut retried = false;
    loop {
        let (deadline, late) = limit(mode, limits, started, false);
        match timeout_at(deadline, open()).await {
            Ok(Ok(pieces)) => {
                return Ok(Reading { pieces, limits, mode, started, has_text: false, ended: false });
            }
            Ok(Err(LlmError::Throttled { message })) if !retried => {
                tracing::warn!(message, "throttled; trying once more");
                retried = true;
                sleep(limits.retry_pause).await;
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(late),
        }
    }
}

/// The limit that applies now, and the error for passing it.
fn limit(mode: Mode, limits: Limits, started: Instant, has_text: bool) -> (Instant, LlmError) {
    let waits_for_first = mode == Mode::Stream && !has_text && limits.first_token < limits.total;
    if waits_for_first {
        (started + limits.first_token, LlmError::FirstToken { limit: limits.first_token })
    } else {
        (started + limits.total, LlmError::Total { limit: limits.total })
    }
}

impl Reading {
    /// The next piece, or none after the end.
    ///
    /// A provider that closes without [`Piece::Done`] is [`LlmError::Broken`], one that ends without a
    /// word is [`LlmError::Nonsense`].
    pub async fn next(&mut self) -> Option<Result<Piece, LlmError>> {
        if self.ended {
            return None;
        }
        let (deadline, late) = limit(self.mode, self.limits, self.started, self.has_text);
        let piece = match timeout_at(deadline, self.pieces.next()).await {
            Err(_) => Err(late),
            Ok(None) => Err(LlmError::Broken { reason: "the stream closed without an end".to_owned() }),
            Ok(Some(Ok(Piece::Done { .. }))) if !self.has_text => {
                Err(LlmError::Nonsense { reason: "the answer is empty".to_owned() })
            }
            Ok(Some(piece)) => piece,
        };
        match &piece {
            Ok(Piece::Text(text)) => self.has_text |= !text.trim().is_empty(),
            Ok(Piece::Done { .. }) | Err(_) => self.ended = true,
        }
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::stream;

    use super::*;

    const LIMITS: Limits = Limits {
        connect: Duration::from_secs(1),
        first_token: Duration::from_secs(3),
        total: Duration::from_secs(10),
        retry_pause: Duration::from_millis(100),
    };

    fn text(words: &str) -> Result<Piece, LlmError> {
        Ok(Piece::Text(words.to_owned()))
    }

    fn done() -> Result<Piece, LlmError> {
        Ok(Piece::Done { stop_reason: "end_turn".to_owned(), usage: None })
    }

    async fn outcome(mode: Mode, pieces: Pieces) -> &'static str {
        let mut pieces = Some(pieces);
        let mut reading = start(mode, LIMITS, || {
            let pieces = pieces.take().expect("opened once");
            async move { Ok(pieces) }
        })
        .await
        .expect("opens");
        loop {
            match reading.next().await {
                Some(Ok(Piece::Text(_))) => {}
                Some(Ok(Piece::Done { .. })) => return "done",
                Some(Err(error)) => {
                    assert!(reading.next().await.is_none(), "an error is the last thing said");
                    return error.stage();
                }
                None => return "ended twice",
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn endings() {
        let slow = |seconds: u64, piece| {
            stream::once(async move {
                sleep(Duration::from_secs(seconds)).await;
                piece
            })
        };
        let cases: Vec<(&str, Mode, Pieces)> = vec![
            ("done", Mode::Stream, stream::iter([text("a"), text("b"), done()]).boxed()),
            ("llm_stream", Mode::Stream, stream::iter([text("half")]).boxed()),
            ("llm_response", Mode::Stream, stream::iter([text("  \n"), done()]).boxed()),
            ("llm_response", Mode::Whole, stream::iter([done()]).boxed()),
            ("llm_first_token", Mode::Stream, stream::pending().boxed()),
            ("llm_first_token", Mode::Stream, slow(4, text("late")).boxed()),
            ("llm_total", Mode::Stream, stream::iter([text("a")]).chain(stream::pending()).boxed()),
            ("llm_total", Mode::Whole, stream::pending().boxed()),
            ("done", Mode::Whole, slow(4, text("slow but whole")).chain(stream::iter([done()])).boxed()),
        ];
        for (n, (expected, mode, pieces)) in cases.into_iter().enumerate() {
            assert_eq!(outcome(mode, pieces).await, expected, "case {n}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_is_retried_once_and_nothing_else_is() {
        for (error, expected_calls) in [
            (LlmError::Throttled { message: "slow down".to_owned() }, 2),
            (LlmError::Refused { code: "500".to_owned(), message: "no".to_owned() }, 1),
            (LlmError::Connect { reason: "refused".to_owned() }, 1),
        ] {
            let mut calls = 0;
            let kind = error.kind();
            let result = start(Mode::Whole, LIMITS, || {
                calls += 1;
                let again = match &error {
                    LlmError::Throttled { message } => LlmError::Throttled { message: message.clone() },
                    LlmError::Connect { reason } => LlmError::Connect { reason: reason.clone() },
                    LlmError::FirstToken { .. }
                    | LlmError::Total { .. }
                    | LlmError::Refused { .. }
                    | LlmError::Nonsense { .. }
                    | LlmError::Broken { .. } => {
                        LlmError::Refused { code: "500".to_owned(), message: "no".to_owned() }
                    }
                };
                async move { Err::<Pieces, _>(again) }
            })
            .await;
            assert_eq!(result.err().map(|e| e.kind()), Some(kind));
            assert_eq!(calls, expected_calls, "{kind}");
        }
    }
}
