//! Many steps at once, within bounds.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// So many steps are under way at once.
const AT_ONCE: usize = 32;

/// Takes a step for each item; the answers come in the order of the items.
pub(crate) async fn for_each<'a, I, F>(items: &'a [I], step: impl Fn(&'a I) -> F) -> Vec<F::Output>
where
    F: Future,
{
    let mut answers = Vec::with_capacity(items.len());
    for some in items.chunks(AT_ONCE) {
        answers.extend(all(some.iter().map(&step)).await);
    }
    answers
}

pub(crate) async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    let mut answers: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut done = true;
        for (future, answer) in futures.iter_mut().zip(&mut answers) {
            if answer.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(ready) => *answer = Some(ready),
                    Poll::Pending => done = false,
                }
            }
        }
        if done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}
