//! A shard before it joins the group: its producer is made, which waits for brokers.

use super::{KafkaShardStart, ShardOutcome};
use crate::driver::shards::ShardControl;
use anyhow::{Context, anyhow};
use weir_kafka::Committer;

/// What came of the beginning.
pub(super) enum Begun {
    /// A committer, and its transactional id.
    Committer(String, Committer),
    /// It was told to end first.
    Ended(ShardOutcome),
}

impl KafkaShardStart {
    /// Makes the shard's committer. It owns nothing yet, so whoever tells it to end does not wait for brokers.
    pub(super) async fn begin(&mut self) -> anyhow::Result<Begun> {
        let id = format!("{}-{}", self.kafka.application, unique());
        let starting = Committer::start(self.kafka.clone(), &id, self.committed_sizes);
        let mut starting = starting.context("start a thread")?;
        loop {
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    None | Some(ShardControl::Stop) => return Ok(Begun::Ended(ShardOutcome::Stopped)),
                    Some(ShardControl::Drain(reply)) => {
                        let _ = reply.send(());
                        return Ok(Begun::Ended(ShardOutcome::Left));
                    }
                    // There is nothing to be cut off, seen or repaired: who waits for an answer is told by its end.
                    Some(_) => {}
                },
                started = &mut starting => {
                    let committer = started.map_err(|_| anyhow!("the thread of a producer is gone"))??;
                    return Ok(Begun::Committer(id, committer));
                }
            }
        }
    }
}

/// A name that no other start of a shard has.
fn unique() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:08x}", random(), std::process::id())
}
