//! `wasi:io/poll`: a guest that waits for its clock moves it on; in the body of an open call it really waits.

use crate::state::HostState;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::poll;

impl HostState {
    /// Moves the guest's clock on to the next timer; whether there was one.
    async fn pass_time(&mut self) -> bool {
        let Some(next_us) = self.wasi.timers().next_us() else { return false };
        let now_us = self.now_us();
        let duration_us = next_us.saturating_sub(now_us);
        let must_wait = match &mut self.job {
            Some(job) => job.invocation.sleep_us(duration_us),
            None => {
                self.wasi.idle += duration_us;
                false
            }
        };
        if must_wait {
            self.sleep(Duration::from_micros(duration_us)).await;
        }
        true
    }

    /// The pollables that are ready now.
    async fn ready_now(&mut self, pollables: &[u32]) -> wasmtime::Result<Option<Vec<u32>>> {
        let now_us = self.now_us();
        self.wasi.timers().ask(now_us);
        let mut asked = pin!(poll::Host::poll(&mut self.wasi.table, borrow(pollables)));
        let answer = poll_fn(|context| match asked.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => Poll::Ready(None),
        });
        answer.await.transpose()
    }
}

impl poll::Host for HostState {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        let pollables: Vec<u32> = pollables.iter().map(Resource::rep).collect();
        loop {
            if let Some(ready) = self.ready_now(&pollables).await? {
                return Ok(ready);
            }
            if !self.pass_time().await {
                // Nothing that the guest can hold gets ready by itself: it waits until a limit of time ends it.
                return poll::Host::poll(&mut self.wasi.table, borrow(&pollables)).await;
            }
        }
    }
}

impl poll::HostPollable for HostState {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        Ok(self.ready_now(&[pollable.rep()]).await?.is_some())
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::Host::poll(self, vec![pollable]).await?;
        Ok(())
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(&mut self.wasi.table, pollable)
    }
}

fn borrow(pollables: &[u32]) -> Vec<Resource<DynPollable>> {
    pollables.iter().map(|rep| Resource::new_borrow(*rep)).collect()
}
