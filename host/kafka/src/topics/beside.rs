//! What someone needs beside the hosts: to look into the topics, or to ask the owner of a key.

use super::check::{READ, READ_WRITE, denied};
use super::{Presence, Report, Role};
use crate::connect::{Operation, user};
use crate::settings::KafkaSettings;

/// Topics, and the rights on them that are needed; none: it has to be seen.
type Needed = [(Role, &'static [(Operation, &'static str)])];

const TO_LOOK: &Needed = &[(Role::Source, &[]), (Role::ActionState, READ), (Role::KeyedState, READ)];
const TO_ASK: &Needed = &[(Role::Control, READ_WRITE)];

/// What keeps this user from looking, if anything does.
pub fn lacks_to_look(settings: &KafkaSettings, report: &Report) -> Option<String> {
    // A client that only reads asks for its group, too.
    let group = || format!("group {}: {} may not see it: allow Describe, or Read", settings.group(), user(settings));
    lacks(settings, report, TO_LOOK).or_else(|| report.is_group_hidden.then(group))
}

/// What keeps this user from asking the owner of a key, if anything does.
pub fn lacks_to_ask(settings: &KafkaSettings, report: &Report) -> Option<String> {
    lacks(settings, report, TO_ASK)
}

fn lacks(settings: &KafkaSettings, report: &Report, needed: &Needed) -> Option<String> {
    let user = user(settings);
    needed.iter().find_map(|(role, rights)| {
        let topic = report.topic(*role).expect("each application has a topic of this role");
        match &topic.presence {
            Presence::There(found) => denied(&topic.name, rights, found.allowed.as_deref(), &user),
            Presence::Missing => Some(format!("topic {} is not there: the application has not run yet", topic.name)),
            Presence::Hidden => {
                let names: Vec<&str> = rights.iter().map(|(_, name)| *name).collect();
                let names = if names.is_empty() { "Describe".to_owned() } else { names.join(" and ") };
                Some(format!("topic {}: {user} may not see it: allow {names}", topic.name))
            }
        }
    })
}
