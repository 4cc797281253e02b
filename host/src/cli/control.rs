//! Asks a store: by the host that runs on it, or, where none runs, in the store itself.

use super::exit::WrongUse;
use super::options::ManifestOptions;
use crate::assemble::{PARTITIONS, RunError, open_store};
use crate::control::client;
use crate::control::offline::OfflineStore;
use crate::control::protocol::{Answer, KeyName, Request};
use crate::embedded::EmbeddedStore;
use crate::settings::{Settings, StoreKind};

/// The answer to a request about this application's store.
pub(super) fn ask(manifest: &ManifestOptions, request: &Request) -> anyhow::Result<Answer> {
    let settings = Settings::load(&manifest.path, &manifest.overrides)?;
    let answer = match client::ask(&settings.store.directory, request)? {
        Some(answer) => answer,
        None => match in_stopped_store(&settings, request) {
            Ok(answer) => answer,
            // The store may be in use by a host that was about to start, and answers by now.
            Err(error) => client::ask(&settings.store.directory, request)?.ok_or(error)?,
        },
    };
    match answer {
        Answer::Refused { message } => Err(anyhow::anyhow!(message)),
        answer => Ok(answer),
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
    match settings.store.kind {
        StoreKind::Embedded => {}
        StoreKind::Kafka => {
            let message = "no host of this application runs on this folder: what is on Kafka, a running host shows";
            return Err(WrongUse(message.to_owned()).into());
        }
        StoreKind::Memory => {
            let message =
                "store.kind is \"memory\": it keeps nothing that could be looked into or repaired from outside";
            return Err(WrongUse(message.to_owned()).into());
        }
    }
    if !EmbeddedStore::exists(directory) {
        let message = format!("no store at {}: the application has not run yet", directory.display());
        return Err(WrongUse(message).into());
    }
    let store = open_store(settings).map_err(|error| match error {
        RunError::Use(error) => anyhow::Error::new(WrongUse(format!("{error:#}"))),
        RunError::Run(error) => error,
    })?;
    OfflineStore::new(store, PARTITIONS, settings.limits.operator.record_bytes_max)?.answer(request)
}
