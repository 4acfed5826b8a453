//! Ending a request from inside it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

/// Lets an extractor answer a request in place of its handler, where the framework would go on.
///
/// In actix-web and poem `Option<T>` of an extractor takes every refusal for `None`. That is right for "nobody is signed
/// in"; for a store that is down or a token that is forged the handler would run as if nobody had asked. There the
/// extractor [raises](Self::raise) its answer and never returns, and whoever [watches](Self::watch) the request drops it.
#[derive(Debug)]
pub struct Interrupt<T>(Arc<Mutex<State<T>>>);

#[derive(Debug)]
struct State<T> {
    answer: Option<T>,
    watcher: Option<Waker>,
}

impl<T> Interrupt<T> {
    /// Runs a request until it is done, or until an answer is raised: `Err` then, and the request goes no further.
    pub async fn watch<F: Future>(&self, request: F) -> Result<F::Output, T> {
        let mut request = pin!(request);
        poll_fn(|context| {
            self.lock().watcher = Some(context.waker().clone());
            if let Poll::Ready(done) = request.as_mut().poll(context) {
                return Poll::Ready(Ok(done));
            }
            match self.lock().answer.take() {
                Some(answer) => Poll::Ready(Err(answer)),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Answers the request. What awaits this waits for ever: it is dropped with the request.
    pub async fn raise(&self, answer: T) -> Infallible {
        let watcher = {
            let mut state = self.lock();
            state.answer = Some(answer);
            state.watcher.take()
        };
        // The request may be driven by another task than the one that watches it.
        if let Some(watcher) = watcher {
            watcher.wake();
        }
        std::future::pending().await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Interrupt<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            answer: None,
            watcher: None,
        })))
    }
}

impl<T> Clone for Interrupt<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_that_raises_nothing_goes_on() {
        let interrupt = Interrupt::<&str>::default();
        let request = async {
            tokio::task::yield_now().await;
            "done"
        };
        assert_eq!(interrupt.watch(request).await, Ok("done"));
    }

    #[tokio::test]
    async fn what_is_raised_answers_and_nothing_after_it_runs() {
        let interrupt = Interrupt::default();
        let mut went_on = false;
        let inside = interrupt.clone();
        let request = async {
            match inside.raise("stopped").await {}
            #[expect(unreachable_code, reason = "that it is never reached is the point")]
            {
                went_on = true;
            }
        };
        assert_eq!(interrupt.watch(request).await, Err("stopped"));
        assert!(!went_on);
    }

    #[tokio::test]
    async fn it_may_be_raised_in_another_task() {
        let interrupt = Interrupt::default();
        let inside = interrupt.clone();
        let request = async { tokio::spawn(async move { inside.raise("stopped").await }).await };
        let answer = interrupt.watch(request).await;
        assert_eq!(answer.err(), Some("stopped"));
    }
}
