//! Several requests under way at once, on one task.

use super::Reply;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

type Exchange = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// Requests by their place among those of the guest.
pub(crate) struct Race(Vec<(usize, Exchange)>);

impl Race {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn add(&mut self, at: usize, exchange: impl Future<Output = Reply> + Send + 'static) {
        self.0.push((at, Box::pin(exchange)));
    }

    /// The next that is answered; none when all are.
    pub(crate) async fn next(&mut self) -> Option<(usize, Reply)> {
        if self.0.is_empty() {
            return None;
        }
        let answered = poll_fn(|context| {
            for (index, (at, exchange)) in self.0.iter_mut().enumerate() {
                if let Poll::Ready(reply) = exchange.as_mut().poll(context) {
                    return Poll::Ready((index, *at, reply));
                }
            }
            Poll::Pending
        });
        let (index, at, reply) = answered.await;
        drop(self.0.swap_remove(index));
        Some((at, reply))
    }
}
