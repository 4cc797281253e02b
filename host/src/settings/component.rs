//! The components: `[[component]]`, in declared order.

use super::error::Problem;
use super::limits::InvocationLimitsManifest;
use super::origin::Origin;
use super::secret::{SecretManifest, SecretSettings};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use weir_core::limits::InvocationLimits;

/// What `limits.path_bytes_max` may be at most: beside the longest key, 32 KiB, a path of which each byte is encoded as
/// two has room in the 65,535 bytes that a name in the store may have. A longer one would stop the host at each start.
const PATH_BYTES_MOST: usize = 16_000;

/// `[[component]]` as it may be written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ComponentManifest {
    path: PathBuf,
    build: Option<String>,
    #[serde(default)]
    grant: GrantManifest,
    #[serde(default)]
    secrets: Vec<SecretManifest>,
    #[serde(default)]
    config: BTreeMap<String, TextManifest>,
    #[serde(default)]
    limits: InvocationLimitsManifest,
}

/// `grant` as it may be written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantManifest {
    #[serde(default)]
    http: Vec<String>,
}

/// A setting that is handed on as text: text, or what reads as text.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "invalid type: something else, expected a string, a number, true or false")]
pub(super) enum TextManifest {
    Text(String),
    Whole(i64),
    Number(f64),
    Truth(bool),
}

/// One component.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentSettings {
    /// Its file.
    pub path: PathBuf,
    /// What `weir build` runs in the manifest's folder to make it.
    pub build: Option<String>,
    /// The origins that it may send requests to.
    pub granted_origins: Vec<Origin>,
    /// What its requests carry and it never sees.
    pub secrets: Vec<SecretSettings>,
    /// What its guest reads by `config.get`.
    pub config: BTreeMap<String, String>,
    /// What one invocation may use.
    pub limits: InvocationLimits,
}

impl ComponentSettings {
    /// Its name for people: that of its file, without folder and ending.
    pub fn name(&self) -> String {
        self.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

impl TextManifest {
    /// The text.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Truth(truth) => truth.to_string(),
        }
    }
}

impl ComponentManifest {
    /// The settings; `path` is that of this table.
    pub(super) fn resolve(self, path: &str) -> Result<ComponentSettings, Problem> {
        if self.path.as_os_str().is_empty() {
            return Err(Problem::new(format!("{path}.path"), "path is empty: name the component's file"));
        }
        if self.build.as_ref().is_some_and(|command| command.trim().is_empty()) {
            return Err(Problem::new(
                format!("{path}.build"),
                "build is empty: leave it out where nothing is to be built",
            ));
        }
        let origins = self.grant.http.iter().enumerate().map(|(index, text)| {
            Origin::parse(text).map_err(|message| Problem::new(format!("{path}.grant.http.{index}"), message))
        });
        let granted_origins: Vec<Origin> = origins.collect::<Result<_, _>>()?;
        let secrets = self
            .secrets
            .into_iter()
            .enumerate()
            .map(|(index, secret)| secret.resolve(&format!("{path}.secrets.{index}"), &granted_origins));
        let limits = self.limits.resolve(&format!("{path}.limits"))?;
        if limits.path_bytes_max > PATH_BYTES_MOST {
            let message =
                format!("{PATH_BYTES_MOST} bytes are the most: key and path together name an entry of the store");
            return Err(Problem::new(format!("{path}.limits.path_bytes_max"), message));
        }
        Ok(ComponentSettings {
            path: self.path,
            build: self.build,
            secrets: secrets.collect::<Result<_, _>>()?,
            granted_origins,
            config: self.config.into_iter().map(|(name, value)| (name, value.into_text())).collect(),
            limits,
        })
    }
}
