//! The topics of an application, and the settings that Weir makes them with.

use crate::settings::KafkaSettings;

/// What a topic is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Input events. The user's: its partitions are how far the work can be shared out, which Weir can't decide.
    Source,
    /// Output events.
    Sink,
    /// Events that failed for good, and what is set aside.
    DeadLetter,
    /// Action states.
    ActionState,
    /// Keyed state.
    KeyedState,
    /// Repairs on their way to the host that owns the key.
    Control,
}

impl Role {
    /// Its name for people and machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Sink => "sink",
            Self::DeadLetter => "dead-letter",
            Self::ActionState => "action-state",
            Self::KeyedState => "keyed-state",
            Self::Control => "control",
        }
    }

    /// Whether it holds state: compacted, for the latest record of each key is what counts.
    pub fn is_state(self) -> bool {
        matches!(self, Self::ActionState | Self::KeyedState)
    }

    /// Whether its partition of a number belongs to the same owner as the input's of this number.
    pub fn follows_input(self) -> bool {
        self.is_state() || self == Self::Control
    }

    /// Whether Weir makes it if it is missing.
    pub fn is_made(self) -> bool {
        self != Self::Source
    }
}

/// One topic as the application needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// What it is for.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// What it is made with beside partitions and replicas.
    pub settings: Vec<(String, String)>,
}

/// State topics.
///
/// - The cleaner never touches the segment that is written to, so segments are short: 10 minutes or 64 MiB, whichever
///   comes first. With the brokers' own, a week or 1 GiB, nothing would ever be cleaned.
/// - It begins when three tenths are stale, and after an hour at the latest, so that what a restart reads stays within
///   a small multiple of what is alive.
/// - A reader has an hour from a record that the cleaner takes away to the tombstone behind it; one that is slower would
///   miss the tombstone, and a dead key would rise again. So a restore or rebuild must be through by then
///   (`StateTopic::reading_ms_max`). Each event leaves tombstones: at the brokers' own 24 hours they would fill disks.
/// - Records are as large as in the embedded store, `limits.record_bytes_max`.
const STATE: [(&str, &str); 7] = [
    ("cleanup.policy", "compact"),
    ("segment.ms", "600000"),
    ("segment.bytes", "67108864"),
    ("min.cleanable.dirty.ratio", "0.3"),
    ("max.compaction.lag.ms", "3600000"),
    ("delete.retention.ms", "3600000"),
    ("max.message.bytes", "16777216"),
];

/// A dead letter holds an input event and why it was given up, each up to its own limit.
const DEAD_LETTER: [(&str, &str); 1] = [("max.message.bytes", "16777216")];

/// A repair that nobody took within an hour has been given up by who asked for it.
const CONTROL: [(&str, &str); 3] =
    [("cleanup.policy", "delete"), ("retention.ms", "3600000"), ("segment.ms", "3600000")];

/// The topics of an application, those of the user first.
pub fn specs(settings: &KafkaSettings) -> Vec<Spec> {
    let spec = |role, name: &str, own: &[(&str, &str)]| {
        let own = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Spec { role, name: name.to_owned(), settings: own.collect() }
    };
    let state = |role, name: &str| {
        let mut spec = spec(role, name, &STATE);
        for (name, value) in &settings.state_topic {
            spec.settings.retain(|(own, _)| own != name);
            // An empty one leaves the setting to the brokers.
            if !value.is_empty() {
                spec.settings.push((name.clone(), value.clone()));
            }
        }
        spec
    };
    let mut specs = vec![spec(Role::Source, &settings.source_topic, &[])];
    specs.extend(settings.sink_topic.as_ref().map(|topic| spec(Role::Sink, topic, &[])));
    specs.push(spec(Role::DeadLetter, &settings.dead_letter_topic, &DEAD_LETTER));
    specs.push(state(Role::ActionState, &settings.action_state_topic()));
    specs.push(state(Role::KeyedState, &settings.keyed_state_topic()));
    specs.push(spec(Role::Control, &settings.control_topic(), &CONTROL));
    specs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_setting_of_a_state_topic_stands_over_weirs() {
        let mut settings = KafkaSettings::new("quakes", "localhost:9092", "in");
        settings.state_topic.insert("segment.ms".to_owned(), "5000".to_owned());
        settings.state_topic.insert("min.cleanable.dirty.ratio".to_owned(), String::new());
        let specs = specs(&settings);
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        let expected = ["in", "quakes.dead-letter", "quakes.action-state", "quakes.keyed-state", "quakes.control"];
        assert_eq!(names, expected);
        let state = &specs[3].settings;
        let value = |name: &str| state.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        assert_eq!(value("segment.ms"), Some("5000"));
        assert_eq!(value("min.cleanable.dirty.ratio"), None);
        assert_eq!(value("cleanup.policy"), Some("compact"));
        assert_eq!(specs[0].settings, [], "the user's own topics are made as the brokers make topics");
    }
}
