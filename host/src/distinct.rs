//! Source, sink and dead letters are different files, by whatever paths and links they are named.
//!
//! The settings compare paths; here the files themselves are looked at, before any is opened to be written.

use crate::settings::{DeadLetters, Settings, Sink, Source};
use anyhow::bail;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What makes two paths one file.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    /// Device and number of a file that is there.
    There(u64, u64),
    /// Where a file would be made.
    ToBeMade(PathBuf),
}

/// Refuses two roles for one file: what the host wrote there would be read as events, or cut back.
pub fn check_files(settings: &Settings) -> anyhow::Result<()> {
    let mut files: Vec<(&str, &Path)> = Vec::new();
    if let DeadLetters::File(path) = &settings.dead_letters {
        files.push(("dead_letter.file", path));
    }
    if let Sink::File(path) = &settings.sink {
        files.push(("sink.file", path));
    }
    if let Source::File(path) = &settings.source.from {
        files.push(("source.file", path));
    }
    for (at, (setting, path)) in files.iter().enumerate() {
        for (other_setting, other) in &files[at + 1..] {
            if identity(path) == identity(other) {
                bail!(
                    "{setting} {} and {other_setting} {} are the same file: name another one",
                    path.display(),
                    other.display()
                );
            }
        }
    }
    Ok(())
}

fn identity(path: &Path) -> Identity {
    if let Ok(metadata) = std::fs::metadata(path) {
        return Identity::There(metadata.dev(), metadata.ino());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    Identity::ToBeMade(folder.join(path.file_name().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_has_many_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), "").unwrap();
        std::fs::hard_link(path("a"), path("hard")).unwrap();
        std::os::unix::fs::symlink("a", path("soft")).unwrap();
        std::os::unix::fs::symlink(".", path("here")).unwrap();
        for name in ["hard", "soft", "here/a", "./a"] {
            assert_eq!(identity(&path(name)), identity(&path("a")), "{name}");
        }
        assert_eq!(identity(&path("here/new")), identity(&path("new")));
        assert_ne!(identity(&path("new")), identity(&path("newer")));
    }
}
