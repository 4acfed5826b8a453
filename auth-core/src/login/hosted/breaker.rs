//! While WorkOS does not answer, not everybody waits to find that out.
//!
//! After a call without an answer nobody asks for [`PAUSE`]; then one does, and until its answer the others still do not.
//! An answer that is an error is an answer: what one person's request provokes there holds up nobody else.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::api::CallError;
use crate::ground::{Clock, Timestamp};

/// So long after a call without an answer nobody asks.
const PAUSE: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    /// When the last call came to no answer, unless one has since.
    failed_at: Option<Timestamp>,
    /// Somebody is finding out whether it answers again.
    probing: bool,
}

impl State {
    /// Also where the clock was put back meanwhile.
    fn is_pausing(&self, now: Timestamp) -> bool {
        let failed_at = self.failed_at;
        failed_at.is_some_and(|at| now.since(at) < PAUSE && at.since(now) < PAUSE)
    }
}

/// A call that may be made.
struct Call<'b> {
    breaker: &'b Breaker,
    is_probe: bool,
}

impl Drop for Call<'_> {
    /// Also when nobody waits for the answer any more.
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.state().probing = false;
        }
    }
}

impl Breaker {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody who asks now would be told at once that there is no answer.
    pub(super) fn is_shut(&self, now: Timestamp) -> bool {
        let state = self.state();
        state.is_pausing(now) || (state.failed_at.is_some() && state.probing)
    }

    fn begin(&self, now: Timestamp) -> Option<Call<'_>> {
        let mut state = self.state();
        let is_probe = state.failed_at.is_some();
        if state.is_pausing(now) || (is_probe && state.probing) {
            return None;
        }
        state.probing |= is_probe;
        Some(Call {
            breaker: self,
            is_probe,
        })
    }

    /// Makes the call, if it is worth while: [`CallError::Unasked`] if not.
    pub(super) async fn ask<T>(
        &self,
        clock: &dyn Clock,
        call: impl Future<Output = Result<T, workos::Error>>,
    ) -> Result<T, CallError> {
        let begun = self.begin(clock.now()).ok_or(CallError::Unasked)?;
        let answer = call.await;
        let is_silence = |error: &workos::Error| matches!(error, workos::Error::Network(cause) if cause.is_retryable());
        let is_silent = answer.as_ref().is_err_and(is_silence);
        self.state().failed_at = is_silent.then(|| clock.now());
        drop(begun);
        Ok(answer?)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::task::{Context, Waker};

    use workos::transport::TransportError;

    use super::*;
    use crate::ground::ManualClock;

    type Answer = Result<u8, workos::Error>;

    fn silence() -> Answer {
        let cause = std::io::Error::from(std::io::ErrorKind::TimedOut);
        Err(workos::Error::Network(TransportError::timeout(cause)))
    }

    fn nonsense() -> Answer {
        Err(workos::Error::Builder("not JSON".to_owned()))
    }

    fn clock() -> ManualClock {
        ManualClock::at(Timestamp::from_seconds(1_763_700_000))
    }

    async fn is_asked(breaker: &Breaker, clock: &ManualClock, answer: Answer) -> bool {
        let mut asked = false;
        let call = async {
            asked = true;
            answer
        };
        let _ = breaker.ask(clock, call).await;
        asked
    }

    #[tokio::test]
    async fn after_silence_nobody_asks_for_a_while() {
        let (breaker, clock) = (Breaker::default(), clock());
        assert!(is_asked(&breaker, &clock, silence()).await);
        for _ in 0..4 {
            assert!(breaker.is_shut(clock.now()));
            assert!(!is_asked(&breaker, &clock, Ok(1)).await);
            clock.advance(PAUSE / 4);
        }
        assert!(is_asked(&breaker, &clock, silence()).await, "one tries");
        assert!(!is_asked(&breaker, &clock, Ok(1)).await);
        clock.advance(PAUSE);
        assert!(is_asked(&breaker, &clock, Ok(1)).await);
        assert!(is_asked(&breaker, &clock, Ok(1)).await, "it answers");
        assert!(!breaker.is_shut(clock.now()));
    }

    #[tokio::test]
    async fn an_answer_that_is_an_error_is_an_answer() {
        let (breaker, clock) = (Breaker::default(), clock());
        for _ in 0..3 {
            assert!(is_asked(&breaker, &clock, nonsense()).await);
        }
        assert!(is_asked(&breaker, &clock, silence()).await);
        clock.advance(PAUSE);
        assert!(is_asked(&breaker, &clock, nonsense()).await);
        assert!(is_asked(&breaker, &clock, Ok(1)).await);
    }

    #[tokio::test]
    async fn one_tries_at_a_time_and_makes_way_when_it_goes() {
        let (breaker, clock) = (Breaker::default(), clock());
        is_asked(&breaker, &clock, silence()).await;
        clock.advance(PAUSE);
        let mut probe = Box::pin(breaker.ask(&clock, pending::<Answer>()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(probe.as_mut().poll(&mut context).is_pending());
        assert!(breaker.is_shut(clock.now()));
        assert!(!is_asked(&breaker, &clock, Ok(1)).await);
        // Whoever tried has gone.
        drop(probe);
        assert!(!breaker.is_shut(clock.now()));
        assert!(is_asked(&breaker, &clock, Ok(1)).await);
    }

    #[tokio::test]
    async fn a_clock_that_was_put_back_holds_up_nobody_for_long() {
        let breaker = Breaker::default();
        is_asked(&breaker, &clock(), silence()).await;
        let before = ManualClock::at(Timestamp::from_seconds(1_700_000_000));
        assert!(is_asked(&breaker, &before, Ok(1)).await);
        let answer = breaker.ask(&before, ready(Ok::<_, workos::Error>(7))).await;
        assert_eq!(answer.ok(), Some(7));
    }
}
