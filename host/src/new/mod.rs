//! New projects: folders that build and run at once.
//!
//! Each holds the SDK of its language, from the files that this binary carries, so that nothing of Weir is to be
//! fetched: what else it needs is the language's own toolchain.

mod c;
mod go;
mod javascript;
mod python;
mod rust;
mod sdks;
mod typescript;

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

const MANIFEST: &str = include_str!("templates/weir.toml.in");
const README: &str = include_str!("templates/README.md.in");
const EVENTS: &str = include_str!("templates/events.jsonl");
const IGNORED: &str = include_str!("templates/gitignore.in");

/// A language that actions can be written in from a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Rust, for wasm32-wasip2
    Rust,
    /// JavaScript, on QuickJS
    #[value(alias = "js")]
    Javascript,
    /// TypeScript, on QuickJS
    #[value(alias = "ts")]
    Typescript,
    /// Python, CPython itself
    #[value(alias = "py")]
    Python,
    /// Go, by its own compiler
    Go,
    /// C, by zig's clang
    C,
}

/// Why a project can't be made.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The name is no name of a package.
    #[error("{0:?} can't name a project: use letters, digits, `-` and `_`, beginning with a letter, 64 at most")]
    Name(String),
    /// A dependency has it.
    #[error("{0:?} is the name of the SDK, which the project stands on: take another")]
    Taken(String),
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

/// What a language's projects are made of. Texts have blanks: see [`Template::fill`].
struct Template {
    /// Files of the language: their paths in the project, and their texts.
    files: &'static [(&'static str, &'static str)],
    /// Its SDK, as this binary carries it.
    sdk: &'static [(&'static str, &'static [u8])],
    /// Where the SDK stands in the project.
    sdk_folder: &'static str,
    /// A name by which its tools find the SDK, and what that leads to.
    sdk_link: Option<(&'static str, &'static str)>,
    /// The file with the actions.
    source: &'static str,
    /// The component.
    component: &'static str,
    /// The manifest's build command.
    build: &'static str,
    /// What is to be installed once, if it is not there: a command.
    setup: &'static str,
    /// The command that runs the unit tests.
    test: &'static str,
    /// Further commands, each with what it is for.
    more: &'static [(&'static str, &'static str)],
    /// What tools make in the project, a line each.
    ignored: &'static str,
}

/// A project that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The files of the user, by their paths in the project.
    pub files: Vec<String>,
    /// Where the SDK stands in the project.
    pub sdk_folder: &'static str,
    /// What to do next: commands, each with what it is for.
    pub next: Vec<(&'static str, &'static str)>,
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
        if ["weir", "weir-sdk"].contains(&&*name.to_lowercase()) {
            return Err(NewError::Taken(name));
        }
        Ok(Self { folder: folder.to_owned(), name, language })
    }

    /// Makes the folder and writes its files. An empty folder may be there, nothing is overwritten.
    pub fn write(&self) -> Result<Made, NewError> {
        let occupied = match std::fs::read_dir(&self.folder) {
            Ok(mut entries) => entries.next().is_some(),
            Err(_) => self.folder.exists(),
        };
        if occupied {
            return Err(NewError::Exists(self.folder.clone()));
        }
        let template = self.language.template();
        let files = template.project_files(&self.name);
        for (path, bytes) in &files {
            self.write_file(path, bytes)?;
        }
        for (path, bytes) in template.sdk {
            self.write_file(&format!("{}/{path}", template.sdk_folder), bytes)?;
        }
        if let Some((link, target)) = template.sdk_link {
            let link = self.folder.join(link);
            written(&link, make_parent(&link).and_then(|()| std::os::unix::fs::symlink(target, &link)))?;
        }
        let files = files.into_iter().map(|(path, _)| path.to_owned()).collect();
        Ok(Made { files, sdk_folder: template.sdk_folder, next: template.next() })
    }

    fn write_file(&self, path: &str, bytes: &[u8]) -> Result<(), NewError> {
        let path = self.folder.join(path);
        let create = make_parent(&path).and_then(|()| std::fs::File::create_new(&path));
        written(&path, create.and_then(|mut new| new.write_all(bytes)))
    }
}

impl Language {
    fn template(self) -> Template {
        match self {
            Self::Rust => rust::TEMPLATE,
            Self::Javascript => javascript::TEMPLATE,
            Self::Typescript => typescript::TEMPLATE,
            Self::Python => python::TEMPLATE,
            Self::Go => go::TEMPLATE,
            Self::C => c::TEMPLATE,
        }
    }
}

impl Template {
    /// The files of a project of this name but for the SDK.
    fn project_files(&self, name: &str) -> Vec<(&'static str, Cow<'static, [u8]>)> {
        let common =
            [("weir.toml", MANIFEST), ("events.jsonl", EVENTS), ("README.md", README), (".gitignore", IGNORED)];
        let all = self.files.iter().copied().chain(common);
        all.map(|(path, text)| (path, Cow::Owned(self.fill(text, name).into_bytes()))).collect()
    }

    /// A text with its blanks filled in.
    fn fill(&self, text: &str, name: &str) -> String {
        let commands: Vec<String> = aligned(&self.next()).map(|line| format!("    {line}")).collect();
        // Those first that hold blanks.
        [
            ("{{commands}}", &*commands.join("\n")),
            ("{{component}}", self.component),
            ("{{build}}", self.build),
            ("{{source}}", self.source),
            ("{{sdk}}", self.sdk_folder),
            ("{{ignored}}", self.ignored),
            // npm takes no capitals.
            ("{{package}}", &name.to_lowercase()),
            ("{{artifact}}", &name.replace('-', "_")),
            ("{{name}}", name),
        ]
        .iter()
        .fold(text.to_owned(), |text, (blank, filling)| text.replace(blank, filling))
    }

    /// What to do in a new project.
    fn next(&self) -> Vec<(&'static str, &'static str)> {
        let before = [(self.setup, "once"), (self.test, "the actions alone, without a host")];
        let after = [
            ("weir build", ""),
            ("weir run", "over events.jsonl, into thanks.jsonl"),
            ("weir inspect key ann", "what is remembered of a key"),
        ];
        [&before[..], self.more, &after[..]].concat()
    }
}

/// Commands with their comments, one below the other.
pub fn aligned(commands: &[(&str, &str)]) -> impl Iterator<Item = String> {
    const WIDTH_MAX: usize = 32;
    let widths = commands.iter().map(|(command, _)| command.len()).filter(|width| *width <= WIDTH_MAX);
    let width = widths.max().unwrap_or(0);
    commands.iter().map(move |(command, comment)| match *comment {
        "" => (*command).to_owned(),
        comment => format!("{command:width$}   # {comment}"),
    })
}

fn make_parent(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path.parent().expect("a file of the project is below its folder"))
}

fn written(path: &Path, result: std::io::Result<()>) -> Result<(), NewError> {
    result.map_err(|cause| NewError::Write { path: path.to_owned(), cause })
}

#[cfg(test)]
mod tests;
