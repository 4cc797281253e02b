//! Asks a store: by the host that runs on it, or, where none runs, in the store itself.

use super::exit::WrongUse;
use super::options::ManifestOptions;
use crate::control::client;
use crate::control::protocol::{Answer, KeyName, Request};
use crate::settings::Settings;

/// The answer to a request about this application's store.
pub(super) fn ask(manifest: &ManifestOptions, request: &Request) -> anyhow::Result<Answer> {
    let settings = Settings::load(&manifest.path, &manifest.overrides)?;
    let answer = match client::ask(&settings.store.directory, request)? {
        Some(answer) => answer,
        None => in_stopped_store(&settings, request)?,
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

/// The answer of a store that no host runs on.
fn in_stopped_store(settings: &Settings, request: &Request) -> anyhow::Result<Answer> {
    let _ = request;
    let directory = settings.store.directory.display();
    Err(WrongUse(format!("no host runs on the store {directory}")).into())
}
