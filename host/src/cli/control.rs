//! Asks a store: by the host that runs on it, or, where none runs, in the store itself; on Kafka in its topics.

use super::exit::WrongUse;
use super::options::ManifestOptions;
use crate::assemble::{PARTITIONS, RunError, open_store};
use crate::control::client;
use crate::control::protocol::{Answer, KeyName, Request};
use crate::control::stopped::StoppedStore;
use crate::embedded::EmbeddedStore;
use crate::settings::{Settings, StoreKind};

/// The answer to a request about this application's store.
pub(super) fn ask(manifest: &ManifestOptions, request: &Request) -> anyhow::Result<Answer> {
    let settings = Settings::load(&manifest.path, &manifest.overrides)?;
    let answer = match settings.store.kind {
        StoreKind::Kafka => on_kafka(&settings, request)?,
        StoreKind::Embedded | StoreKind::Memory => on_this_machine(&settings, request)?,
    };
    match answer {
        Answer::Refused { message } => Err(anyhow::anyhow!(message)),
        answer => Ok(answer),
    }
}

/// Topics are looked into whoever runs, and the owner of a key repairs it.
#[cfg(feature = "kafka")]
fn on_kafka(settings: &Settings, request: &Request) -> anyhow::Result<Answer> {
    let kafka = crate::kafka::kafka_settings(settings)?;
    let kafka = kafka.expect("settings of a store on Kafka are those of an application on Kafka");
    crate::control::topics::answer(settings, &kafka, request)
}

#[cfg(not(feature = "kafka"))]
fn on_kafka(_: &Settings, _: &Request) -> anyhow::Result<Answer> {
    unreachable!("settings for Kafka are refused by a build without it")
}

fn on_this_machine(settings: &Settings, request: &Request) -> anyhow::Result<Answer> {
    if let Some(answer) = client::ask(&settings.store.directory, request)? {
        return Ok(answer);
    }
    match in_stopped_store(settings, request) {
        Ok(answer) => Ok(answer),
        // The store may be in use by a host that was about to start, and answers by now.
        Err(error) => client::ask(&settings.store.directory, request)?.ok_or(error),
    }
}

/// The key that an argument names.
pub(super) fn key_named(key: &str, encoded: bool) -> anyhow::Result<KeyName> {
    let name = KeyName { key: key.to_owned(), key_is_text: !encoded };
    match name.to_key() {
        Some(key) => Ok(KeyName::from(&key)),
        None => Err(WrongUse(format!("{key:?} is not percent-encoded: write a byte as %FF, and % as %25")).into()),
    }
}

/// An answer that no such request gets.
pub(super) fn unexpected(answer: &Answer) -> anyhow::Error {
    anyhow::anyhow!("the host answers something else than it was asked ({answer:?}); is it of the same version?")
}

/// The answer of a store that no host runs on. It is not made where there is none.
fn in_stopped_store(settings: &Settings, request: &Request) -> anyhow::Result<Answer> {
    let directory = &settings.store.directory;
    if settings.store.kind == StoreKind::Memory {
        let message = "store.kind is \"memory\": it keeps nothing that could be looked into or repaired from outside";
        return Err(WrongUse(message.to_owned()).into());
    }
    if !EmbeddedStore::exists(directory) {
        let message = format!("no store at {}: the application has not run yet", directory.display());
        return Err(WrongUse(message).into());
    }
    let store = open_store(settings).map_err(|error| match error {
        RunError::Use(error) => anyhow::Error::new(WrongUse(format!("{error:#}"))),
        RunError::Run(error) => error,
    })?;
    StoppedStore::new(store, PARTITIONS, settings.limits.operator.record_bytes_max)?.answer(request)
}
