//! New projects: folders that build and run at once.

mod rust;

use std::io::Write;
use std::path::{Path, PathBuf};

/// A language that actions can be written in from a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Rust, for wasm32-wasip2.
    Rust,
}

/// Why a project can't be made.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The name is no name of a package.
    #[error("{0:?} can't name a project: use letters, digits, `-` and `_`, beginning with a letter, 64 at most")]
    Name(String),
    /// Something is there.
    #[error("{0} is there already: a project is made in a folder of its own")]
    Exists(PathBuf),
    /// It can't be written.
    #[error("write {path}: {cause}")]
    Write {
        /// What can't be written.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
}

/// A project to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    folder: PathBuf,
    name: String,
    language: Language,
}

/// A file of a project: its path there, and what is in it.
struct ProjectFile {
    path: &'static str,
    text: String,
}

impl Project {
    /// A project in this folder, whose last name is the project's.
    pub fn new(folder: &Path, language: Language) -> Result<Self, NewError> {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let first_is_letter = name.starts_with(|letter: char| letter.is_ascii_alphabetic());
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !first_is_letter || name.len() > 64 || !name.bytes().all(valid) {
            return Err(NewError::Name(if name.is_empty() { folder.display().to_string() } else { name }));
        }
        Ok(Self { folder: folder.to_owned(), name, language })
    }

    /// Makes the folder and writes its files; their paths in it. An empty folder may be there, nothing is overwritten.
    pub fn write(&self) -> Result<Vec<&'static str>, NewError> {
        let written = |path: &Path, result: std::io::Result<()>| {
            result.map_err(|cause| NewError::Write { path: path.to_owned(), cause })
        };
        let occupied = match std::fs::read_dir(&self.folder) {
            Ok(mut entries) => entries.next().is_some(),
            Err(_) => self.folder.exists(),
        };
        if occupied {
            return Err(NewError::Exists(self.folder.clone()));
        }
        let files = match self.language {
            Language::Rust => rust::files(&self.name),
        };
        for file in &files {
            let path = self.folder.join(file.path);
            let parent = path.parent().expect("a file of the project is below its folder");
            written(parent, std::fs::create_dir_all(parent))?;
            let create = std::fs::File::create_new(&path);
            written(&path, create.and_then(|mut new| new.write_all(file.text.as_bytes())))?;
        }
        Ok(files.iter().map(|file| file.path).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_a_folder_with_a_manifest_that_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("first-app");
        let project = Project::new(&path, Language::Rust).unwrap();
        let files = project.write().unwrap();
        assert!(files.contains(&"weir.toml") && files.contains(&"src/lib.rs"), "{files:?}");
        let settings = crate::settings::Settings::load(&path, &[]).unwrap();
        assert_eq!(settings.name, "first-app");
        assert!(settings.components[0].path.ends_with("target/wasm32-wasip2/release/first_app.wasm"));
        for file in files {
            let text = std::fs::read_to_string(path.join(file)).unwrap();
            assert!(!text.contains("{{"), "{file} has a blank that is not filled in");
        }
        assert!(matches!(project.write(), Err(NewError::Exists(_))));
    }

    #[test]
    fn a_name_that_cargo_would_refuse_is_refused() {
        for wrong in ["", "..", "9lives", "a b", "é", "a.b", "/"] {
            assert!(matches!(Project::new(Path::new(wrong), Language::Rust), Err(NewError::Name(_))), "{wrong}");
        }
    }
}
