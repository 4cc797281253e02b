//! What is asked of the controller: settings of topics, and new topics.

use super::block_on::block_on;
use super::check::LOOKED_AT;
use super::spec::{Role, Spec};
use crate::client::{Clients, LoggingContext};
use crate::connect::user;
use crate::error::SetupError;
use crate::settings::KafkaSettings;
use rdkafka::admin::{
    AdminClient, AdminOptions, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::BTreeMap;
use std::time::Duration;

/// As many replicas as the brokers make by themselves.
const DEFAULT_REPLICAS: i32 = -1;

/// Settings of a topic by name, or why they can't be read.
type Described = Result<BTreeMap<String, String>, RDKafkaErrorCode>;

/// A client that has been let in before: what it is asked, it answers in time or not at all.
pub(super) struct Admin<'a> {
    settings: &'a KafkaSettings,
    client: AdminClient<LoggingContext>,
    options: AdminOptions,
}

impl<'a> Admin<'a> {
    /// With this time for each question.
    pub(super) fn new(settings: &'a KafkaSettings, wait: Duration) -> Result<Self, SetupError> {
        let config = Clients::new(settings).admin();
        let client = config.create_with_context(LoggingContext).map_err(SetupError::of_client)?;
        let options = AdminOptions::new().request_timeout(Some(wait)).operation_timeout(Some(wait));
        Ok(Self { settings, client, options })
    }

    /// The settings of these topics, those that Weir looks at.
    pub(super) fn settings(&self, topics: &[&str]) -> Result<BTreeMap<String, Described>, SetupError> {
        let mut described = BTreeMap::new();
        // One at a time: an error in an answer about several does not say which of them it is of.
        for topic in topics {
            let resource = [ResourceSpecifier::Topic(topic)];
            let answer = block_on(self.client.describe_configs(&resource, &self.options));
            let answer =
                answer.map_err(|source| broker_error(format!("read the settings of topic {topic}"), source))?;
            for resource in answer {
                described.insert((*topic).to_owned(), resource.map(|resource| looked_at(&resource)));
            }
        }
        Ok(described)
    }

    /// Makes topics with so many partitions. One that is there by now was made by another host.
    pub(super) fn create(&self, specs: &[Spec], partitions: u32) -> Result<(), SetupError> {
        let replicas = self.settings.replication_factor.map_or(DEFAULT_REPLICAS, |replicas| replicas as i32);
        let topics: Vec<NewTopic<'_>> = specs
            .iter()
            .map(|spec| {
                let topic = NewTopic::new(&spec.name, partitions as i32, TopicReplication::Fixed(replicas));
                spec.settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
            })
            .collect();
        let answer = block_on(self.client.create_topics(&topics, &self.options));
        let answer = answer.map_err(|source| broker_error("make topics".to_owned(), source))?;
        for topic in answer {
            match topic {
                Ok(name) => tracing::info!("topic {name} is made, partitions {partitions}"),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => {
                    let spec = specs.iter().find(|spec| spec.name == name).expect("the answer is about these topics");
                    return Err(self.not_made(spec, code));
                }
            }
        }
        Ok(())
    }

    fn not_made(&self, spec: &Spec, code: RDKafkaErrorCode) -> SetupError {
        let (name, user) = (&spec.name, user(self.settings));
        match code {
            RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed => {
                SetupError::Denied(format!(
                    "make topic {name}: {user} may not: allow Create on topics that begin with {}, or make them \
                     beforehand as a user who may (`weir topics --create`)",
                    self.settings.application
                ))
            }
            RDKafkaErrorCode::InvalidReplicationFactor => SetupError::Topic(format!(
                "make topic {name}: the cluster has fewer brokers than it is to have replicas{}: change \
                 kafka.replication_factor",
                self.settings.replication_factor.map(|replicas| format!(", {replicas}")).unwrap_or_default()
            )),
            RDKafkaErrorCode::InvalidConfig | RDKafkaErrorCode::PolicyViolation if spec.role.is_state() => {
                SetupError::Topic(format!(
                    "make topic {name}: the brokers refuse one of its settings ({code}): change kafka.state_topic, where \
                     an empty value leaves a setting to the brokers"
                ))
            }
            code => SetupError::Topic(format!(
                "make topic {name}: the brokers refuse it ({code}): make it beforehand{}",
                if spec.role == Role::Control { ", with cleanup.policy=delete" } else { "" }
            )),
        }
    }
}

fn looked_at(resource: &rdkafka::admin::ConfigResource) -> BTreeMap<String, String> {
    debug_assert!(matches!(resource.specifier, OwnedResourceSpecifier::Topic(_)));
    let entries = resource.entries.iter().filter(|entry| LOOKED_AT.contains(&entry.name.as_str()));
    entries.filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?))).collect()
}

fn broker_error(what: String, source: KafkaError) -> SetupError {
    SetupError::Broker { what, source }
}
