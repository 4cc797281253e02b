//! The topics that an application stands on: made if they are missing, checked if they are there.

mod admin;
mod beside;
mod block_on;
mod check;
mod spec;

pub use beside::{lacks_to_ask, lacks_to_look};
pub use spec::{Role, Spec, specs};

use crate::connect::{self, Connection, Found, GroupAnswer, TopicAnswer};
use crate::error::SetupError;
use crate::settings::KafkaSettings;
use admin::Admin;
use rdkafka::error::RDKafkaErrorCode;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long after a topic was made a broker may say that there is none.
const HEARSAY: Duration = Duration::from_secs(1);
/// Bytes of a record batch beside keys, values and headers of its records, generously.
const OVERHEAD_BYTES: usize = 512;

/// Whether a topic is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It is, and so.
    There(Found),
    /// It is not.
    Missing,
    /// The brokers don't show it to this user, if it is there at all.
    Hidden,
}

/// One topic as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicReport {
    /// What it is for.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// Whether it is there, and what it is like.
    pub presence: Presence,
    /// Its settings, those that matter to Weir.
    pub settings: BTreeMap<String, String>,
    /// What is wrong with it, each in one line with what to change. None for one that is missing and would be made.
    pub problems: Vec<String>,
}

/// All that an application stands on, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The topics, those of the user first.
    pub topics: Vec<TopicReport>,
    /// What is wrong beside them.
    pub problems: Vec<String>,
    /// The brokers don't show the group to this user.
    pub is_group_hidden: bool,
}

impl TopicReport {
    /// What it is like, if it is there.
    pub fn found(&self) -> Option<&Found> {
        match &self.presence {
            Presence::There(found) => Some(found),
            Presence::Missing | Presence::Hidden => None,
        }
    }

    /// Whether it is missing, and Weir would make it.
    pub fn is_to_be_made(&self) -> bool {
        self.presence == Presence::Missing && self.role.is_made()
    }
}

impl Report {
    /// Every problem, those of topics first.
    pub fn all_problems(&self) -> impl Iterator<Item = &String> {
        self.topics.iter().flat_map(|topic| &topic.problems).chain(&self.problems)
    }

    /// Whether topics are missing that Weir would make.
    pub fn lacks_topics(&self) -> bool {
        self.topics.iter().any(TopicReport::is_to_be_made)
    }

    fn topic(&self, role: Role) -> Option<&TopicReport> {
        self.topics.iter().find(|topic| topic.role == role)
    }

    /// Partitions of the input, if it is there.
    pub fn partitions(&self) -> Option<u32> {
        Some(self.topic(Role::Source)?.found()?.partitions)
    }

    fn into_result(self) -> Result<Self, SetupError> {
        let problems: Vec<&String> = self.all_problems().collect();
        match problems[..] {
            [] => Ok(self),
            [one] => Err(SetupError::Topic(one.clone())),
            [first, ..] => {
                let more = problems.len() - 1;
                Err(SetupError::Topic(format!("{first} (and {more} more: see `weir topics`)")))
            }
        }
    }
}

/// The topics of an application that are fit to run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    /// Partitions of the input, and so of the state topics and the control topic.
    pub partitions: u32,
    /// Action states.
    pub action_state: Topic,
    /// Keyed state.
    pub keyed_state: Topic,
    /// Repairs on their way.
    pub control: Topic,
    /// Output events, if they go anywhere.
    pub sink: Option<Topic>,
    /// Dead letters.
    pub dead_letter: Topic,
}

/// A topic that is fit to be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its partitions.
    pub partitions: u32,
    /// Key, value and headers of one record at most, bytes [S26].
    pub record_bytes_max: usize,
    /// From a record to the last moment at which a reader that read it must have read the tombstone behind it,
    /// milliseconds: how long a restore or rebuild may take.
    pub reading_ms_max: u64,
}

impl Topic {
    fn of(report: &TopicReport) -> Self {
        let number = |name: &str| report.settings.get(name).and_then(|value| value.parse::<u64>().ok());
        let message_bytes = number("max.message.bytes").unwrap_or(1_048_588);
        Self {
            name: report.name.clone(),
            partitions: report.found().map_or(0, |found| found.partitions),
            record_bytes_max: usize::try_from(message_bytes).unwrap_or(usize::MAX).saturating_sub(OVERHEAD_BYTES),
            reading_ms_max: number("delete.retention.ms").unwrap_or(86_400_000),
        }
    }
}

/// Makes the topics that are missing, and checks all of them, for a start. Hosts that start together may all do so.
pub fn ensure(settings: &KafkaSettings) -> Result<Topics, SetupError> {
    let report = create_missing(settings)?.into_result()?;
    let topic = |role| report.topic(role).map(Topic::of);
    let made = |role| topic(role).expect("each application has a topic of this role");
    Ok(Topics {
        partitions: report.partitions().expect("a source that is not there is a problem"),
        action_state: made(Role::ActionState),
        keyed_state: made(Role::KeyedState),
        control: made(Role::Control),
        sink: topic(Role::Sink),
        dead_letter: made(Role::DeadLetter),
    })
}

/// Looks at the topics, and changes nothing.
pub fn describe(settings: &KafkaSettings) -> Result<Report, SetupError> {
    look(settings, &Connection::new(settings)?)
}

/// Makes the topics that are missing, if the input is there, and looks at all of them.
pub fn create_missing(settings: &KafkaSettings) -> Result<Report, SetupError> {
    let connection = Connection::new(settings)?;
    let report = look(settings, &connection)?;
    let Some(partitions) = report.partitions().filter(|_| report.lacks_topics()) else { return Ok(report) };
    let mut missing = specs(settings);
    missing.retain(|spec| report.topic(spec.role).is_some_and(TopicReport::is_to_be_made));
    Admin::new(settings, connection.time_left())?.create(&missing, partitions)?;
    loop {
        let report = look(settings, &connection)?;
        // A broker may not know yet what the controller made.
        if !report.lacks_topics() {
            return Ok(report);
        }
        connection.wait_a_moment("see the topics that were made")?;
    }
}

fn look(settings: &KafkaSettings, connection: &Connection<'_>) -> Result<Report, SetupError> {
    let specs = specs(settings);
    let names: Vec<String> = specs.iter().map(|spec| spec.name.clone()).collect();
    let mut answers = topics(settings, connection, &names)?;
    let partitions = answers.get(&settings.source_topic).and_then(|answer| Some(answer.as_ref().ok()?.partitions));
    if partitions.is_some() {
        connection.reach_leaders(&settings.source_topic)?;
    }
    let there: Vec<&str> =
        names.iter().filter(|name| matches!(answers.get(*name), Some(Ok(_)))).map(|name| &**name).collect();
    let mut described = Admin::new(settings, connection.time_left())?.settings(&there)?;
    let user = connect::user(settings);
    let topics = specs.into_iter().map(|spec| {
        let mut problems = Vec::new();
        let settings_of = match described.remove(&spec.name) {
            Some(Ok(found)) => found,
            Some(Err(code)) => {
                problems.push(no_settings(&spec.name, &user, code));
                BTreeMap::new()
            }
            None => BTreeMap::new(),
        };
        let presence = match answers.remove(&spec.name) {
            Some(Ok(found)) => {
                problems.extend(check::problems(&spec, &found, &settings_of, partitions, &user));
                Presence::There(found)
            }
            Some(Err(RDKafkaErrorCode::UnknownTopicOrPartition)) | None => {
                problems.extend((!spec.role.is_made()).then(|| no_source(settings)));
                Presence::Missing
            }
            Some(Err(RDKafkaErrorCode::TopicAuthorizationFailed)) => {
                problems.push(check::hidden(&spec, &user));
                Presence::Hidden
            }
            Some(Err(code)) => {
                problems.push(format!("topic {} can't be looked at: {code}", spec.name));
                Presence::Hidden
            }
        };
        TopicReport { role: spec.role, name: spec.name, presence, settings: settings_of, problems }
    });
    let topics = topics.collect();
    let group = connection.group()?;
    let is_group_hidden = group == Err(RDKafkaErrorCode::GroupAuthorizationFailed);
    Ok(Report { topics, problems: group_problems(settings.group(), group, &user), is_group_hidden })
}

/// What the brokers know of topics. A broker may hear of one a little later than who made it heard that it is made, so
/// an input that is missing is asked for again for a while.
fn topics(
    settings: &KafkaSettings,
    connection: &Connection<'_>,
    names: &[String],
) -> Result<BTreeMap<String, TopicAnswer>, SetupError> {
    let until = Instant::now() + HEARSAY;
    loop {
        let answers = connection.topics(names)?;
        let is_missing = |answer: &TopicAnswer| matches!(answer, Err(RDKafkaErrorCode::UnknownTopicOrPartition));
        if !answers.get(&settings.source_topic).is_some_and(is_missing) || Instant::now() >= until {
            return Ok(answers);
        }
        connection.wait_a_moment("see the input")?;
    }
}

fn no_source(settings: &KafkaSettings) -> String {
    format!(
        "topic {0} is not there, the input of {1}: make it, with as many partitions as the work is to be shared out to, \
         such as `kafka-topics --create --topic {0} --partitions 12 --bootstrap-server {2}`",
        settings.source_topic, settings.application, settings.bootstrap_servers
    )
}

fn no_settings(name: &str, user: &str, code: RDKafkaErrorCode) -> String {
    match code {
        RDKafkaErrorCode::TopicAuthorizationFailed => {
            format!("topic {name}: {user} may not read its settings: allow DescribeConfigs")
        }
        code => format!("topic {name}: its settings can't be read: {code}"),
    }
}

/// The group is needed as the topics are.
fn group_problems(group: &str, answer: GroupAnswer, user: &str) -> Vec<String> {
    match answer {
        Ok(Some(allowed)) if !allowed.contains(&connect::Operation::Read) => {
            vec![format!("group {group}: {user} may not be a member: allow Read")]
        }
        Ok(_) => Vec::new(),
        Err(RDKafkaErrorCode::GroupAuthorizationFailed) => {
            vec![format!("group {group}: {user} may not see it: allow Read, which allows Describe, too")]
        }
        Err(code) => vec![format!("group {group} can't be looked at: {code}")],
    }
}
