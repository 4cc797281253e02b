use super::*;
use weir_component::{ComponentHost, HostSettings};

struct NoBackend;

impl Backend for NoBackend {
    fn load_key(&mut self, _: PartitionId, _: &Key) -> anyhow::Result<Vec<Entry>> {
        Ok(Vec::new())
    }

    fn append(&mut self, appends: &mut Vec<Append>) -> anyhow::Result<Vec<Acknowledged>> {
        appends.clear();
        Ok(Vec::new())
    }

    fn emit(&mut self, _: PartitionId, _: OutputEvent) {}

    fn dead_letter(&mut self, _: PartitionId, _: Box<DeadLetter>) {}
}

// [S30] [S32]
#[tokio::test]
async fn a_partition_that_left_before_it_had_begun_may_act_when_it_comes_back() {
    let host = ComponentHost::new(HostSettings::default()).unwrap();
    let invocations = InvocationsStart { invoker: host.invoker(), actions: Arc::default(), max: 1 };
    let mut executor = Executor::new(NoBackend, Vec::new(), invocations);
    let partition = PartitionId(3);
    executor.remove(partition).unwrap();
    assert!(!executor.is_closed(partition));
}
