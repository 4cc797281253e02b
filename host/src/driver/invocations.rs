//! The invocations of one shard.

use super::port::{ActionTable, ShardPort};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use weir_component::{Interrupted, Invoker};
use weir_core::invocation::{Invocation, InvocationEnd};
use weir_core::key::Key;

type Ended = Result<InvocationEnd, Interrupted>;

/// An invocation that waits for something.
struct Waiting {
    id: u64,
    running: Pin<Box<dyn Future<Output = Ended>>>,
}

impl Future for Waiting {
    type Output = (u64, Ended);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let id = self.id;
        self.running.as_mut().poll(context).map(|end| (id, end))
    }
}

/// Invocations that are to be started, and those that wait for something.
pub(super) struct Invocations {
    invoker: Invoker,
    actions: Arc<ActionTable>,
    port: Arc<ShardPort>,
    max: usize,
    queued: VecDeque<Box<Invocation>>,
    waiting: FuturesUnordered<Waiting>,
    /// Keys of those that wait.
    keys: HashMap<u64, Key>,
}

impl Invocations {
    pub(super) fn new(invoker: Invoker, actions: Arc<ActionTable>, port: Arc<ShardPort>, max: usize) -> Self {
        let (queued, waiting, keys) = (VecDeque::new(), FuturesUnordered::new(), HashMap::new());
        Self { invoker, actions, port, max, queued, waiting, keys }
    }

    /// An invocation is to be started.
    pub(super) fn queue(&mut self, invocation: Box<Invocation>) {
        self.queued.push_back(invocation);
    }

    /// Whether as many run as may.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= self.max
    }

    /// Whether none runs or is to be started.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.queued.is_empty()
    }

    /// Starts the next one, and runs it until it waits for something; its end, if it came to it.
    pub(super) async fn start_next(&mut self) -> Option<(u64, Key, Option<Ended>)> {
        if self.is_full() {
            return None;
        }
        let invocation = self.queued.pop_front()?;
        let (id, key) = (invocation.id(), invocation.task().key.clone());
        let (component, reuse) = self.actions.get(invocation.task().action.id());
        let mut running: Pin<Box<dyn Future<Output = Ended>>> =
            Box::pin(self.invoker.invoke(component, *reuse, invocation, self.port.clone()));
        match std::future::poll_fn(|context| Poll::Ready(running.as_mut().poll(context))).await {
            Poll::Ready(end) => Some((id, key, Some(end))),
            Poll::Pending => {
                self.keys.insert(id, key.clone());
                self.waiting.push(Waiting { id, running });
                Some((id, key, None))
            }
        }
    }

    /// The next end of one that waited; never, while none does.
    pub(super) async fn next(&mut self) -> (u64, Key, Ended) {
        match self.waiting.next().await {
            Some((id, end)) => {
                let key = self.keys.remove(&id).expect("an invocation that waits has a key");
                (id, key, end)
            }
            None => std::future::pending().await,
        }
    }

    /// Gives up those of these that were not started.
    pub(super) fn take_queued(&mut self, which: impl Fn(u64) -> bool) -> Vec<(u64, Key)> {
        let (taken, kept) = self.queued.drain(..).partition::<VecDeque<_>, _>(|invocation| which(invocation.id()));
        self.queued = kept;
        taken.iter().map(|invocation| (invocation.id(), invocation.task().key.clone())).collect()
    }

    /// Cuts off those of these that run, and gives up those that were not started.
    pub(super) fn cut_off(&mut self, which: impl Fn(u64) -> bool) -> Vec<(u64, Key)> {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        self.waiting = waiting.filter(|waiting| !which(waiting.id)).collect();
        let mut cut: Vec<(u64, Key)> = self.keys.extract_if(|id, _| which(*id)).collect();
        cut.extend(self.take_queued(which));
        cut
    }

    /// Whether one of these runs or is to be started.
    #[cfg(feature = "kafka")]
    pub(super) fn has_any(&self, which: impl Fn(u64) -> bool) -> bool {
        self.keys.keys().any(|id| which(*id)) || self.queued.iter().any(|invocation| which(invocation.id()))
    }
}
