//! What a component's requests carry and its guest never sees [S10].

use super::error::{Problem, SettingsError};
use super::origin::Origin;
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;
use weir_component::Secret;

/// `secrets = [{ origin = "https://api.example.com", header = "authorization", prefix = "Bearer ", env = "API_KEY" }]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretManifest {
    origin: String,
    header: String,
    #[serde(default)]
    prefix: String,
    env: Option<String>,
    file: Option<PathBuf>,
}

/// A secret that the host puts into a header of each request to one origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSettings {
    /// The origin whose requests carry it; granted too.
    pub origin: Origin,
    /// The header it stands in, lower case.
    pub header: String,
    /// What the header's value begins with, such as `Bearer `.
    pub prefix: String,
    /// Where its value is.
    pub place: SecretPlace,
}

/// Where the value of a secret is: the manifest names it and never holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// In this variable of the host's environment.
    Environment(String),
    /// In this file, but for white space at its end.
    File(PathBuf),
}

impl SecretPlace {
    /// What stands there; what is wrong is told without its name.
    pub(super) fn read(&self) -> Result<String, String> {
        let value = match self {
            Self::Environment(name) => {
                std::env::var(name).map_err(|_| format!("is not there: set the environment variable {name}"))?
            }
            Self::File(file) => std::fs::read_to_string(file)
                .map_err(|error| format!("can't be read from {}: {error}", file.display()))?,
        };
        match value.trim_end() {
            "" => Err(format!("is empty: {self}")),
            value => Ok(value.to_owned()),
        }
    }
}

impl SecretSettings {
    /// Looks the value up.
    pub fn read(&self) -> Result<Secret, SettingsError> {
        let wrong = |why: String| SettingsError::unplaced(format!("the secret for {} {why}", self.origin));
        let value = self.place.read().map_err(wrong)?;
        if value.contains(|letter: char| letter.is_ascii_control()) {
            return Err(wrong(format!("can't stand in a header, it has control characters: {}", self.place)));
        }
        Ok(Secret::new(value.as_str()).with_prefix(self.prefix.as_str()))
    }
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::File(file) => write!(f, "file {}", file.display()),
        }
    }
}

impl SecretManifest {
    /// The settings; `path` is that of this table.
    pub(super) fn resolve(self, path: &str, granted: &[Origin]) -> Result<SecretSettings, Problem> {
        let origin = Origin::parse(&self.origin).map_err(|message| Problem::new(format!("{path}.origin"), message))?;
        if !granted.contains(&origin) {
            let message = format!("a secret for {origin}, which is not granted: add it to grant.http");
            return Err(Problem::new(format!("{path}.origin"), message));
        }
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if self.header.is_empty() || !self.header.bytes().all(valid) {
            return Err(Problem::new(format!("{path}.header"), format!("{:?} is no name of a header", self.header)));
        }
        let place = match (self.env, self.file) {
            (Some(name), None) => SecretPlace::Environment(name),
            (None, Some(file)) => SecretPlace::File(file),
            _ => return Err(Problem::new(path, "a secret is in one place: name `env` or `file`")),
        };
        Ok(SecretSettings { origin, header: self.header.to_ascii_lowercase(), prefix: self.prefix, place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S10]
    #[test]
    fn a_secret_does_not_show_itself() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "hunter2\n").unwrap();
        let settings = SecretSettings {
            origin: Origin::parse("https://a.example").unwrap(),
            header: "authorization".into(),
            prefix: "Bearer ".into(),
            place: SecretPlace::File(file.clone()),
        };
        let secret = settings.read().unwrap();
        assert_eq!(secret, Secret::new("hunter2").with_prefix("Bearer "));
        assert!(!format!("{secret:?} {settings:?}").contains("hunter2"));
        std::fs::write(&file, "two\nlines\n").unwrap();
        assert!(!settings.read().unwrap_err().to_string().contains("lines"));
    }
}
