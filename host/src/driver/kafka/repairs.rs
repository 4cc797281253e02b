//! Repairs that reach the owner of a key through the control topic [S29].

use super::lease::LeaseGate;
use super::partition::{Partition, Stage};
use super::shard::KafkaShard;
use crate::control::protocol::{Answer, Request};
use crate::driver::observe::RepairRequest;
use std::time::Duration;
use tokio::sync::oneshot;
use weir_component::EffectGate;
use weir_core::event::PartitionId;
use weir_kafka::ControlRequest;

/// How long an answer may wait for the lease. Who asked has given up by then.
const LEASE_WAIT_MAX: Duration = Duration::from_secs(60);

impl KafkaShard<'_> {
    /// Someone asks the owner of a partition for a repair. Where this shard is not, or no longer, the one that acts for it,
    /// nobody answers here: the next owner reads the request, too.
    pub(super) fn on_control_request(&mut self, request: ControlRequest) {
        let ControlRequest { partition, id, value } = request;
        if !matches!(self.partitions.get(&partition), Some(Partition { stage: Stage::Running(_), .. })) {
            return;
        }
        let answers = self.control.answers();
        let answer = move |answer: &Answer| {
            let value = serde_json::to_vec(answer).expect("an answer has only JSON in it");
            answers.send(partition, id, value);
        };
        let repair = match repair_in(partition, &value) {
            Ok(repair) => repair,
            Err(message) => return answer(&Answer::Refused { message }),
        };
        tracing::info!("repair {}, partition {partition}: {:?} is asked for", repair.state, repair.repair);
        let (sender, receiver) = oneshot::channel();
        self.executor.on_repair(repair, sender);
        let lease = LeaseGate(self.lease.clone());
        tokio::task::spawn_local(async move {
            match receiver.await {
                Ok(Err(message)) => answer(&Answer::Refused { message }),
                // A put of one who is no owner any more may be acknowledged, too, and counts for nobody. With the lease in
                // hand after it, it stands before the fence of any later owner.
                Ok(Ok(())) if tokio::time::timeout(LEASE_WAIT_MAX, lease.opened()).await.is_ok() => {
                    answer(&Answer::Repaired);
                }
                _ => {}
            }
        });
    }
}

/// The repair that is asked for, or why there is none.
fn repair_in(partition: PartitionId, value: &[u8]) -> Result<RepairRequest, String> {
    match serde_json::from_slice(value) {
        Ok(Request::Repair(asked)) => {
            let state = asked.state.to_state_key().ok_or("the repair names no action state")?;
            Ok(RepairRequest { partition, state, repairs: asked.repairs, repair: asked.repair.into() })
        }
        Ok(_) => Err("the owner of a partition repairs, and nothing else".to_owned()),
        Err(error) => Err(format!("the host does not understand what it is asked ({error}); is it older?")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::action_state::StateKey;
    use weir_core::event::SequenceNumber;
    use weir_core::id::{ActionId, EventId};
    use weir_core::key::Key;
    use weir_core::operator::Repair;

    // [S29]
    #[test]
    fn what_the_command_writes_is_what_the_owner_does() {
        let state = StateKey {
            key: Key::new(&b"\xff_"[..]),
            sequence_number: SequenceNumber(7),
            event: EventId::of_input("in", b"1", b"{}"),
            action: ActionId::of_name("page"),
        };
        let value = format!(
            r#"{{"ask":"repair","state":{{"state":"{state}","key_is_text":false}},"repairs":2,"repair":{{"kind":"skip"}},"partition":3}}"#
        );
        let expected = RepairRequest { partition: PartitionId(3), state, repairs: 2, repair: Repair::Skip };
        assert_eq!(repair_in(PartitionId(3), value.as_bytes()), Ok(expected));
        assert!(repair_in(PartitionId(3), br#"{"ask":"quarantine"}"#).is_err());
        assert!(repair_in(PartitionId(3), br#"{"ask":"tomorrow"}"#).unwrap_err().contains("is it older"));
    }
}
