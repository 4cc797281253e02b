//! A file as the source: its lines, in order, and proof on restart that what was consumed is still there [S35].

use super::{BadEvent, EventParser, Progress, Taken};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Why a pipe or a device is no source file: after a crash its lines are not there again.
const NOT_REGULAR: &str = "it is no regular file, and so can't be read again after a crash; a pipe takes source.stdin";

/// Length and digest of what was consumed of a file, as a checkpoint holds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumed {
    /// In bytes.
    pub length: u64,
    /// SHA-256 of them, in hexadecimal.
    pub sha256: String,
}

/// Lines of a file.
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    reader: BufReader<File>,
    offset: u64,
    line: u64,
    digest: Sha256,
    /// Offset and digest before the line that was read last.
    before: (u64, Sha256),
    line_bytes_max: usize,
}

/// A file that can't be the source.
#[derive(Debug, thiserror::Error)]
pub enum FileSourceError {
    /// It can't be opened or read.
    #[error("read source file {0}")]
    Read(PathBuf, #[source] io::Error),
    /// It lost what was consumed of it.
    #[error(
        "source file {0} has {1} bytes, and {2} were consumed: put back the file that was read before, \
         or start with another store.directory"
    )]
    Shorter(PathBuf, u64, u64),
    /// Other bytes stand where some were consumed.
    #[error(
        "source file {0} is another: its first {1} bytes are not those that were consumed; put back the file that was \
         read before, or start with another store.directory"
    )]
    Other(PathBuf, u64),
}

impl FileSource {
    /// Whether a file is there that can be read again. It is not opened: opening a pipe takes what is in it.
    pub fn check(path: &Path) -> io::Result<()> {
        let metadata = std::fs::metadata(path)?;
        match (metadata.is_file(), metadata.is_dir()) {
            (true, _) => Ok(()),
            (_, true) => Err(io::Error::other("it is a folder")),
            _ => Err(io::Error::other(NOT_REGULAR)),
        }
    }

    /// Opens a file to be read from an offset on, after checking that what was consumed of it is still there.
    pub fn open(
        path: &Path,
        from: u64,
        consumed: Option<&Consumed>,
        line_bytes_max: usize,
    ) -> Result<Self, FileSourceError> {
        let failed = |error| FileSourceError::Read(path.to_owned(), error);
        Self::check(path).map_err(failed)?;
        let file = File::open(path).map_err(failed)?;
        let mut reader = BufReader::with_capacity(256 << 10, file);
        let mut digest = Sha256::new();
        let line = hash_lines(&mut reader, from, &mut digest).map_err(failed)?;
        if let Some(consumed) = consumed {
            let length = reader.get_ref().metadata().map_err(failed)?.len();
            if length < consumed.length {
                return Err(FileSourceError::Shorter(path.to_owned(), length, consumed.length));
            }
            let mut whole = digest.clone();
            hash_lines(&mut reader, consumed.length.saturating_sub(from), &mut whole).map_err(failed)?;
            if crate::hex(&whole.finalize()) != consumed.sha256 {
                return Err(FileSourceError::Other(path.to_owned(), consumed.length));
            }
            reader.seek(SeekFrom::Start(from)).map_err(failed)?;
        }
        let before = (from, digest.clone());
        Ok(Self { path: path.to_owned(), reader, offset: from, line, digest, before, line_bytes_max })
    }

    /// The next line that is not blank; none at the end.
    pub fn next(&mut self, parser: &EventParser) -> Result<Option<Taken>, FileSourceError> {
        loop {
            let position = self.offset;
            self.before = (position, self.digest.clone());
            let mut bytes = Vec::new();
            let limit = self.line_bytes_max as u64 + 2;
            let read = self.reader.by_ref().take(limit).read_until(b'\n', &mut bytes);
            let read = read.map_err(|error| FileSourceError::Read(self.path.clone(), error))?;
            if read == 0 {
                return Ok(None);
            }
            self.consume(&bytes);
            self.line += 1;
            let too_long = !bytes.ends_with(b"\n") && read as u64 == limit;
            if too_long {
                self.skip_line()?;
            }
            let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.trim_ascii().is_empty() {
                continue;
            }
            let event =
                if too_long { Err(BadEvent::TooLong(self.line_bytes_max)) } else { parser.parse_line(position, line) };
            let (place, bytes) = match event {
                Ok(_) => (String::new(), Vec::new()),
                Err(_) => (format!("{}:{} (byte {position})", self.path.display(), self.line), line.to_vec()),
            };
            return Ok(Some(Taken { position, next: self.offset, place, bytes, event }));
        }
    }

    /// The line that was read last does not count as consumed; nothing may be read after this.
    pub fn give_back(&mut self) {
        (self.offset, self.digest) = self.before.clone();
    }

    /// How far it is read.
    pub fn progress(&self) -> Progress {
        Progress { offset: self.offset, digest: Some(self.digest.clone().finalize().into()) }
    }

    fn consume(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.offset += bytes.len() as u64;
    }

    fn skip_line(&mut self) -> Result<(), FileSourceError> {
        loop {
            let buffer = self.reader.fill_buf().map_err(|error| FileSourceError::Read(self.path.clone(), error))?;
            if buffer.is_empty() {
                return Ok(());
            }
            let end = buffer.iter().position(|&byte| byte == b'\n');
            let used = end.map_or(buffer.len(), |at| at + 1);
            self.digest.update(&buffer[..used]);
            self.offset += used as u64;
            self.reader.consume(used);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

/// Reads and hashes so many bytes, or up to the end; how many lines end in them.
fn hash_lines(reader: &mut impl BufRead, bytes: u64, digest: &mut Sha256) -> io::Result<u64> {
    let mut left = bytes;
    let mut lines = 0;
    while left > 0 {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        let used = (buffer.len() as u64).min(left) as usize;
        digest.update(&buffer[..used]);
        lines += buffer[..used].iter().filter(|&&byte| byte == b'\n').count() as u64;
        reader.consume(used);
        left -= used as u64;
    }
    Ok(lines)
}

impl Consumed {
    /// What was consumed when a reader was there; none for a source without a digest.
    pub fn at(progress: Progress) -> Option<Self> {
        progress.digest.map(|digest| Self { length: progress.offset, sha256: crate::hex(&digest) })
    }
}
