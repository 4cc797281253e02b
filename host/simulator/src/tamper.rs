//! Where planted mistakes change what passes between core and log.

use crate::mistake::Mistake;
use weir_core::action_state::{
    ActionState, CallPut, CallStatus, Decision, RecordKey, RecordKind, decode, encode_state,
};
use weir_core::plan::Plan;
use weir_core::store::log::{Append, AppendKind, RecordPlaces};

/// An append as it reaches the log.
pub fn append(mut append: Append, mistake: Option<Mistake>) -> Append {
    let Some(mistake @ (Mistake::FinalFailureNotPut | Mistake::AttemptNotPut | Mistake::ApplyTwice)) = mistake else {
        return append;
    };
    let AppendKind::Record(value) = &append.what else { return append };
    let Some(mut state) = state_in(&append.key.to_bytes(), value) else { return append };
    let failed = state.failed.as_ref();
    let left_out = match mistake {
        Mistake::AttemptNotPut => failed.is_some_and(|failed| failed.decision.is_none()),
        Mistake::FinalFailureNotPut => failed.is_some_and(|failed| match failed.decision {
            Some(Decision::Quarantine | Decision::Stop) => true,
            Some(Decision::Discard) => failed.repairs == 0,
            _ => false,
        }),
        _ => false,
    };
    if left_out {
        append.what = nothing();
    } else if mistake == Mistake::ApplyTwice && state.completed {
        state.output_events.extend_from_within(..);
        append.what = AppendKind::Record(encode_state(&state).into());
    }
    append
}

/// An append that changes nothing.
pub fn nothing() -> AppendKind {
    AppendKind::Tombstone(RecordPlaces::default())
}

/// Whether what is said of a call reaches the core.
pub fn keeps(put: &CallPut, mistake: Option<Mistake>) -> bool {
    match (mistake, put) {
        (Some(Mistake::DropNotPut), CallPut::Drop(_)) => false,
        (Some(Mistake::CaughtFailureNotPut), CallPut::Put(_, result)) => !result.retryable,
        (Some(Mistake::OverLimitNotPut), CallPut::Put(_, result)) => {
            !matches!(&result.status, CallStatus::Failed(failure) if failure.kind == "limit")
        }
        _ => true,
    }
}

/// A record as recovery reads it.
pub fn read(key: &[u8], value: &[u8], plan: &Plan, mistake: Option<Mistake>) -> Option<Vec<u8>> {
    if mistake != Some(Mistake::MatchAgain) {
        return None;
    }
    let mut state = state_in(key, value)?;
    for emitted in &mut state.output_events {
        if &*emitted.event.kind != weir_core::event::KIND_OUTPUT {
            emitted.matched_actions = plan.listeners(&emitted.event.kind).map(|action| action.name.clone()).collect();
        }
    }
    Some(encode_state(&state))
}

fn state_in(key: &[u8], value: &[u8]) -> Option<ActionState> {
    let record = RecordKey::parse(key).ok()?;
    (record.kind == RecordKind::State).then(|| decode(&record, value).ok()).flatten()
}
