//! A history of several hosts: made from a seed, run, checked.

use super::check::check;
use super::mistake::ClusterMistake;
use super::run::Cluster;
use super::scenario::ClusterScenario;
use super::shrink::smaller;
use crate::history::{History, Outcome, catch_panic};

impl History for ClusterScenario {
    type Mistake = ClusterMistake;

    const MISTAKES: &'static [ClusterMistake] = &ClusterMistake::ALL;

    fn generate(seed: u64) -> Self {
        Self::generate(seed)
    }

    fn run(self, mistake: Option<ClusterMistake>) -> Outcome {
        run_cluster(&mut Cluster::new(self, mistake))
    }

    fn story(self, mistake: Option<ClusterMistake>) -> (Outcome, Vec<String>) {
        let mut cluster = Cluster::new(self, mistake);
        cluster.world.story = Some(Vec::new());
        let outcome = run_cluster(&mut cluster);
        (outcome, cluster.world.story.take().unwrap_or_default())
    }

    fn size(&self) -> usize {
        let waits: u32 = self.faults.iter().map(|fault| fault.after).sum();
        self.base.size() + 100 * self.faults.len() + 20 * self.hosts + 20 * self.partitions + waits as usize
    }

    fn smaller(&self) -> Vec<Self> {
        smaller(self)
    }
}

fn run_cluster(cluster: &mut Cluster) -> Outcome {
    let panicked = catch_panic(|| {
        cluster.run();
        if cluster.world.ledger.violation.is_none()
            && let Err(violation) = check(cluster)
        {
            cluster.world.ledger.violate(|| violation);
        }
    });
    let violation = panicked.or(cluster.world.ledger.violation.clone());
    Outcome { digest: cluster.world.digest, steps: cluster.steps(), violation }
}
