//! What is wrong with a manifest, in one line.

use super::explain::explain;
use super::location::{Position, enclosing_table, position_of};
use super::overrides::Override;
use std::fmt;
use std::path::{Path, PathBuf};

/// What is wrong with the settings, and where: `weir.toml:12:3: unknown field …`. Wrong use, exit code 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    place: Place,
    message: String,
}

/// Where a setting was written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// In the manifest.
    Manifest { file: PathBuf, position: Option<Position> },
    /// In an argument.
    Argument(String),
    /// Nowhere that has a name.
    Unnamed,
}

/// A value that is well formed and yet wrong: the dotted path of the setting, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) path: String,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

/// What settings were read from, for errors to name a place in it.
#[derive(Clone, Default)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) overrides: Vec<Override>,
}

/// Settings that say the same are equal, however they were written.
impl PartialEq for Written {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Who shows settings does not show all that was written.
impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written")
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Manifest { file, position: Some(Position { line, column }) } => {
                write!(f, "{}:{line}:{column}: {}", file.display(), self.message)
            }
            Place::Manifest { file, position: None } => write!(f, "{}: {}", file.display(), self.message),
            Place::Argument(argument) => write!(f, "--set {argument}: {}", self.message),
            Place::Unnamed => f.write_str(&self.message),
        }
    }
}

impl SettingsError {
    /// A manifest that can't be read.
    pub(super) fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        let message = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "no manifest here: name its folder (`weir run PATH`), or make a project with `weir new`".to_owned()
            }
            _ => format!("the manifest can't be read: {error}"),
        };
        Self { place: Place::Manifest { file: file.to_owned(), position: None }, message }
    }

    /// A manifest that is no text from this byte on.
    pub(super) fn not_text(file: &Path, bytes: &[u8], offset: usize) -> Self {
        let position = Some(Position::at(bytes, offset));
        Self {
            place: Place::Manifest { file: file.to_owned(), position },
            message: "the manifest is not UTF-8 text".to_owned(),
        }
    }

    /// What the parser says about a text.
    pub(super) fn in_text(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let table = error.span().and_then(|span| enclosing_table(text, span.start));
        Self {
            place: Place::Manifest {
                file: file.to_owned(),
                position: error.span().map(|span| Position::at(text.as_bytes(), span.start)),
            },
            message: explain(error.message(), table.as_deref()),
        }
    }

    /// What the parser says about an argument.
    pub(super) fn in_argument(argument: &str, message: impl Into<String>) -> Self {
        Self { place: Place::Argument(argument.to_owned()), message: message.into() }
    }

    /// A problem, at the argument that set it, else where it stands in the manifest.
    pub(super) fn of_problem(file: &Path, text: &str, overrides: &[Override], problem: Problem) -> Self {
        let place = match overrides.iter().rfind(|one| one.touches(&problem.path)) {
            Some(one) => Place::Argument(one.argument().to_owned()),
            None => Place::Manifest { file: file.to_owned(), position: position_of(text, &problem.path) },
        };
        Self { place, message: problem.message }
    }

    /// What is wrong with a setting that was only seen when it was used.
    pub(super) fn in_use(settings: &super::Settings, path: &str, message: impl Into<String>) -> Self {
        let Written { text, overrides } = &settings.written;
        Self::of_problem(&settings.manifest, text, overrides, Problem::new(path, message))
    }

    /// An error that no line of a manifest has to answer for.
    pub fn unplaced(message: impl Into<String>) -> Self {
        Self { place: Place::Unnamed, message: message.into() }
    }
}
