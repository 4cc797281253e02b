//! A file as the sink: appended and synced just before the checkpoint that holds its new length; recovery cuts back to
//! the length of the last one.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Why a folder, a pipe or a device is no sink file.
const NOT_REGULAR: &str = "it is no regular file, and so can't be cut back to a checkpoint; a pipe takes sink.stdout";

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Output events: its file is there from the start.
    Outputs,
    /// Dead letters: its file is made with the first of them.
    DeadLetters,
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Outputs => "sink",
            Self::DeadLetters => "dead-letter",
        })
    }
}

/// A file that lines are appended to.
#[derive(Debug)]
pub struct FileSink {
    lines: Lines,
    path: PathBuf,
    file: Option<File>,
    length: u64,
}

/// A sink that fails.
#[derive(Debug, thiserror::Error)]
pub enum FileSinkError {
    /// It can't be opened or cut back.
    #[error("open {0} file {1}")]
    Open(Lines, PathBuf, #[source] io::Error),
    /// It can't be appended to or synced.
    #[error("append to {0} file {1} (nothing is lost: make room or mend it, and start again)")]
    Append(Lines, PathBuf, #[source] io::Error),
    /// It lost lines that a checkpoint counts on.
    #[error(
        "{0} file {1} has {2} bytes, and a checkpoint wrote {3}: put back the file, or start with another \
         store.directory and sink"
    )]
    Shorter(Lines, PathBuf, u64, u64),
    /// Standard output is closed.
    #[error("write to standard output")]
    Stdout(#[source] io::Error),
}

impl FileSink {
    /// Opens a file, cut back to the length that the last checkpoint holds. Without a checkpoint its present length
    /// counts, which is to go into a first one.
    pub fn open(lines: Lines, path: &Path, length: Option<u64>) -> Result<Self, FileSinkError> {
        let failed = |error| FileSinkError::Open(lines, path.to_owned(), error);
        let present = match std::fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() => return Err(failed(io::Error::other(NOT_REGULAR))),
            Ok(metadata) => Some(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let has = present.unwrap_or(0);
        let length = length.unwrap_or(has);
        if has < length {
            return Err(FileSinkError::Shorter(lines, path.to_owned(), has, length));
        }
        let mut sink = Self { lines, path: path.to_owned(), file: None, length };
        if present.is_some() || lines == Lines::Outputs {
            sink.open_file().map_err(failed)?;
        }
        Ok(sink)
    }

    /// Its length in bytes, with all that was appended.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends lines and waits until they are durable.
    pub fn append<'a>(&mut self, lines: impl IntoIterator<Item = &'a String>) -> Result<(), FileSinkError> {
        let mut lines = lines.into_iter().filter(|lines| !lines.is_empty()).peekable();
        if lines.peek().is_none() {
            return Ok(());
        }
        let mut bytes = 0;
        let appended = self.open_file().and_then(|file| {
            for lines in lines {
                file.write_all(lines.as_bytes())?;
                bytes += lines.len() as u64;
            }
            file.sync_data()
        });
        appended.map_err(|error| FileSinkError::Append(self.lines, self.path.clone(), error))?;
        self.length += bytes;
        Ok(())
    }

    fn open_file(&mut self) -> io::Result<&mut File> {
        if self.file.is_none() {
            let existed = self.path.exists();
            let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&self.path)?;
            file.set_len(self.length)?;
            file.seek(SeekFrom::Start(self.length))?;
            file.sync_all()?;
            if !existed {
                sync_folder(&self.path)?;
            }
            self.file = Some(file);
        }
        Ok(self.file.as_mut().expect("it was just opened"))
    }
}

/// A new file's name is durable only with its folder.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S35]
    #[test]
    fn a_file_is_cut_back_to_its_checkpoint_and_must_not_be_shorter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let mut sink = FileSink::open(Lines::Outputs, &path, Some(4)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\n");
        sink.append([&"three\n".to_owned()]).unwrap();
        assert_eq!(sink.length(), 10);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\nthree\n");
        assert!(matches!(FileSink::open(Lines::Outputs, &path, Some(11)), Err(FileSinkError::Shorter(_, _, 10, 11))));
        assert_eq!(
            FileSink::open(Lines::Outputs, &path, None).unwrap().length(),
            10,
            "without a checkpoint its length counts"
        );
        assert!(matches!(
            FileSink::open(Lines::DeadLetters, &folder.path().join("gone"), Some(1)),
            Err(FileSinkError::Shorter(..))
        ));
        let lazy = folder.path().join("lazy.jsonl");
        FileSink::open(Lines::DeadLetters, &lazy, None).unwrap();
        assert!(!lazy.exists());
    }
}
