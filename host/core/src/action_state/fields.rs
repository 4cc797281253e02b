//! Which fields a record may have: those of a newer version that are not known here are an error.

use super::decode::DecodeError;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The fields of one kind of object in a record, each with what stands in it.
struct Fields(&'static [(&'static str, Inside)]);

/// What stands in a field.
#[derive(Clone, Copy)]
enum Inside {
    /// A word or number, or a guest's own JSON.
    Value,
    Object(&'static Fields),
    Objects(&'static Fields),
}

use Inside::{Object, Objects, Value};

static RECORD: Fields = Fields(&[
    ("version", Value),
    ("action", Value),
    ("startedAtMs", Value),
    ("component", Value),
    ("taskEvent", Object(&EVENT)),
    ("sensoryMemoryUpdates", Objects(&UPDATE)),
    ("shortTermMemoryUpdates", Objects(&UPDATE)),
    ("outputEvents", Objects(&EVENT)),
    ("callResults", Objects(&CALL)),
    ("completed", Value),
    ("failed", Object(&FAILED)),
    ("droppedInput", Value),
]);
static EVENT: Fields = Fields(&[("id", Value), ("kind", Value), ("payload", Value), ("matchedActions", Value)]);
static UPDATE: Fields = Fields(&[("op", Value), ("path", Value), ("value", Value)]);
static CALL: Fields = Fields(&[
    ("functionId", Value),
    ("argsDigest", Value),
    ("status", Value),
    ("resultPayload", Value),
    ("exceptionPayload", Object(&FAILURE)),
    ("retryable", Value),
    ("completedAtMs", Value),
    ("effectEndsAtMs", Value),
]);
static FAILED: Fields = Fields(&[
    ("attempts", Value),
    ("class", Value),
    ("failure", Object(&FAILURE)),
    ("decision", Value),
    ("repairs", Value),
    ("notBeforeMs", Value),
]);
static FAILURE: Fields =
    Fields(&[("retryable", Value), ("retryAfterMs", Value), ("kind", Value), ("message", Value), ("details", Value)]);

/// Refuses a record of a newer version that has a field, at any depth, which this one does not know.
pub(super) fn check_known(value: &[u8], version: u32) -> Result<(), DecodeError> {
    let text = std::str::from_utf8(value).map_err(|error| DecodeError(error.to_string()))?;
    check(text, &RECORD, version)
}

fn check(text: &str, known: &Fields, version: u32) -> Result<(), DecodeError> {
    let fields: BTreeMap<String, &RawValue> = parse(text)?;
    for (name, value) in fields {
        let Some((_, inside)) = known.0.iter().find(|(known, _)| *known == name) else {
            let error = format!("version {version} with unknown field {name:?}: upgrade to the Weir that wrote it");
            return Err(DecodeError(error));
        };
        match inside {
            Value => {}
            Object(fields) => check(value.get(), fields, version)?,
            Objects(fields) => {
                for object in parse::<Vec<&RawValue>>(value.get())? {
                    check(object.get(), fields, version)?;
                }
            }
        }
    }
    Ok(())
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|error| DecodeError(error.to_string()))
}
