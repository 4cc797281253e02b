//! What is wrong with a topic that is there, each with what to change.

use super::spec::{Role, Spec};
use crate::connect::{Found, Operation};
use std::collections::BTreeMap;

/// The settings of a topic that are looked at.
pub(super) const LOOKED_AT: [&str; 9] = [
    "cleanup.policy",
    "min.insync.replicas",
    "max.message.bytes",
    "retention.ms",
    "segment.ms",
    "segment.bytes",
    "min.cleanable.dirty.ratio",
    "max.compaction.lag.ms",
    "delete.retention.ms",
];

/// What a topic that is written to has to take at least: a key may have 32 KiB, and beside it stand names, headers and why
/// something failed.
const RECORD_BYTES_MIN: u64 = 128 << 10;

/// Everything wrong with a topic; `partitions` are those of the input, where it is there.
pub(super) fn problems(
    spec: &Spec,
    found: &Found,
    settings: &BTreeMap<String, String>,
    partitions: Option<u32>,
    user: &str,
) -> Vec<String> {
    let mut problems = Vec::new();
    let name = &spec.name;
    if let Some(expected) = partitions.filter(|expected| spec.role.follows_input() && *expected != found.partitions) {
        problems.push(format!(
            "topic {name} has {}, its input {}: {}",
            count(found.partitions),
            count(expected),
            match spec.role {
                Role::Control => format!("stop the hosts and delete {name}, a start makes it anew"),
                // What stands in it is of partitions that the input no longer has.
                _ => "give the input as many as before, or start under another name, which reads it anew".to_owned(),
            }
        ));
    }
    let policy = settings.get("cleanup.policy").map(String::as_str);
    let wanted = match spec.role {
        role if role.is_state() => Some(("compact", "its state would be lost")),
        Role::Control => Some(("delete", "what was asked and answered would stay for ever")),
        _ => None,
    };
    if let (Some(policy), Some((wanted, why))) = (policy, wanted)
        && policy != wanted
    {
        let advice = change(name, &format!("cleanup.policy={wanted}"));
        problems.push(format!("topic {name} has cleanup.policy={policy}, {why}: {advice}"));
    }
    let in_sync = settings.get("min.insync.replicas").and_then(|value| value.parse::<u32>().ok());
    if let Some(in_sync) = in_sync.filter(|in_sync| spec.role != Role::Source && *in_sync > found.replicas) {
        let advice = change(name, &format!("min.insync.replicas={}", found.replicas));
        problems.push(format!(
            "topic {name} has min.insync.replicas={in_sync}, and replicas {}, so that no record would be acknowledged: \
             give it more replicas, or {advice}",
            found.replicas
        ));
    }
    let record_bytes = settings.get("max.message.bytes").and_then(|value| value.parse::<u64>().ok());
    if let Some(bytes) = record_bytes.filter(|bytes| spec.role != Role::Source && *bytes < RECORD_BYTES_MIN) {
        let advice = change(name, "max.message.bytes=1048588");
        problems.push(format!(
            "topic {name} has max.message.bytes={bytes}, and the least that a record may need is {RECORD_BYTES_MIN}: \
             {advice}"
        ));
    }
    problems.extend(denied(name, needed(spec.role), found.allowed.as_deref(), user));
    problems
}

pub(super) const READ: &[(Operation, &str)] = &[(Operation::Read, "Read")];
pub(super) const READ_WRITE: &[(Operation, &str)] = &[(Operation::Read, "Read"), (Operation::Write, "Write")];

/// The rights that a host needs on a topic; each of them lets it be seen, too.
const fn needed(role: Role) -> &'static [(Operation, &'static str)] {
    match role {
        Role::Source => READ,
        Role::Sink | Role::DeadLetter => &[(Operation::Write, "Write")],
        Role::ActionState | Role::KeyedState | Role::Control => READ_WRITE,
    }
}

/// A topic that the user can't even see; the brokers don't say whether it is there.
pub(super) fn hidden(spec: &Spec, user: &str) -> String {
    let names: Vec<&str> = needed(spec.role).iter().map(|(_, name)| *name).chain(["DescribeConfigs"]).collect();
    let create = if spec.role.is_made() { ", and Create unless it is made beforehand" } else { "" };
    format!("topic {}: {user} may not see it: allow {}{create}", spec.name, names.join(" and "))
}

/// What the user may not do with a topic, and must.
pub(super) fn denied(
    topic: &str,
    needed: &[(Operation, &str)],
    allowed: Option<&[Operation]>,
    user: &str,
) -> Option<String> {
    let allowed = allowed?;
    let missing = needed.iter().filter(|(operation, _)| !allowed.contains(operation));
    let missing: Vec<&str> = missing.map(|(_, name)| *name).collect();
    if missing.is_empty() {
        return None;
    }
    let missing = missing.join(" and ");
    Some(format!("topic {topic}: {user} may not {missing}: allow {missing}"))
}

/// How a setting is changed.
fn change(topic: &str, setting: &str) -> String {
    format!("run `kafka-configs --alter --entity-type topics --entity-name {topic} --add-config {setting}`")
}

fn count(partitions: u32) -> String {
    format!("{partitions} partition{}", if partitions == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::super::spec::specs;
    use super::*;
    use crate::settings::KafkaSettings;

    fn check(role: Role, found: &Found, settings: &[(&str, &str)]) -> Vec<String> {
        let mut of = KafkaSettings::new("quakes", "localhost:9092", "in");
        of.sink_topic = Some("out".to_owned());
        let spec = specs(&of).into_iter().find(|spec| spec.role == role).unwrap();
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        problems(&spec, found, &settings, Some(4), "user limited")
    }

    fn found(partitions: u32, replicas: u32, allowed: &[Operation]) -> Found {
        Found { partitions, replicas, allowed: Some(allowed.to_vec()) }
    }

    const ALL: [Operation; 3] = [Operation::Read, Operation::Write, Operation::DescribeConfigs];

    // [S20]
    #[test]
    fn a_state_topic_has_as_many_partitions_as_the_input() {
        let settings = [("cleanup.policy", "compact"), ("min.insync.replicas", "1")];
        assert_eq!(check(Role::KeyedState, &found(4, 1, &ALL), &settings), [""; 0]);
        assert_eq!(
            check(Role::KeyedState, &found(1, 1, &ALL), &settings),
            ["topic quakes.keyed-state has 1 partition, its input 4 partitions: give the input as many as before, or \
              start under another name, which reads it anew"]
        );
        assert_eq!(check(Role::Sink, &found(1, 1, &ALL), &[]), [""; 0], "outputs go where they go");
    }

    #[test]
    fn a_state_topic_that_is_not_only_compacted_says_so() {
        for policy in ["delete", "compact,delete"] {
            let problems = check(Role::ActionState, &found(4, 1, &ALL), &[("cleanup.policy", policy)]);
            let expected = format!(
                "topic quakes.action-state has cleanup.policy={policy}, its state would be lost: run `kafka-configs \
                 --alter --entity-type topics --entity-name quakes.action-state --add-config cleanup.policy=compact`"
            );
            assert_eq!(problems, [expected]);
        }
        let control = check(Role::Control, &found(4, 1, &ALL), &[("cleanup.policy", "compact")]);
        assert!(control[0].contains("would stay for ever"), "{control:?}");
    }

    #[test]
    fn more_replicas_in_sync_than_replicas_are_a_problem() {
        let problems = check(Role::Sink, &found(4, 1, &ALL), &[("min.insync.replicas", "2")]);
        assert!(problems[0].starts_with("topic out has min.insync.replicas=2, and replicas 1, so"), "{problems:?}");
        assert_eq!(check(Role::Sink, &found(4, 2, &ALL), &[("min.insync.replicas", "2")]), [""; 0]);
    }

    // [S26]
    #[test]
    fn a_topic_that_takes_no_record_with_a_long_key_is_a_problem() {
        let problems = check(Role::DeadLetter, &found(4, 1, &ALL), &[("max.message.bytes", "10000")]);
        let words =
            "topic quakes.dead-letter has max.message.bytes=10000, and the least that a record may need is 131072: run";
        assert!(problems[0].starts_with(words), "{problems:?}");
        assert_eq!(check(Role::Source, &found(4, 1, &ALL), &[("max.message.bytes", "10000")]), [""; 0]);
        assert_eq!(check(Role::Sink, &found(4, 1, &ALL), &[("max.message.bytes", "131072")]), [""; 0]);
    }

    #[test]
    fn a_right_that_is_missing_is_named() {
        let read_only = found(4, 1, &[Operation::Read]);
        let state = check(Role::ActionState, &read_only, &[]);
        assert_eq!(state, ["topic quakes.action-state: user limited may not Write: allow Write"]);
        assert_eq!(check(Role::Source, &read_only, &[]), [""; 0]);
        let mut of = KafkaSettings::new("quakes", "localhost:9092", "in");
        of.sink_topic = Some("out".to_owned());
        let hidden: Vec<String> = specs(&of).iter().take(2).map(|spec| super::hidden(spec, "user limited")).collect();
        let expected = [
            "topic in: user limited may not see it: allow Read and DescribeConfigs",
            "topic out: user limited may not see it: allow Write and DescribeConfigs, and Create unless it is made \
             beforehand",
        ];
        assert_eq!(hidden, expected);
        let unknown = Found { allowed: None, ..read_only };
        assert_eq!(check(Role::Sink, &unknown, &[]), [""; 0], "brokers that say nothing of rights are asked for none");
    }
}
