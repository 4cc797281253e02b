//! Where output events and dead letters go: with each checkpoint, all since the last one [S35].

mod file;
mod line;

pub use file::{FileSink, FileSinkError, Lines};
pub use line::{SetAsideLine, dead_letter_line, output_line};

use std::io::Write;
use std::sync::Arc;

/// Where lines go.
#[derive(Debug)]
pub enum Sink {
    /// A file: each line exactly once.
    File(FileSink),
    /// Standard output: each line at least once.
    Stdout,
    /// Nowhere.
    Nowhere,
}

impl Sink {
    /// Whether lines leave the host when they are written, and so before their checkpoint is durable.
    pub fn leaves_at_once(&self) -> bool {
        matches!(self, Self::Stdout)
    }

    /// Writes lines, durably where that can be.
    pub fn write(&mut self, lines: &[Arc<String>]) -> Result<(), FileSinkError> {
        match self {
            Self::File(file) => file.append(lines.iter().map(|lines| &**lines)),
            Self::Stdout => {
                let mut stdout = std::io::stdout().lock();
                let mut lines = lines.iter();
                let written = lines.try_for_each(|lines| stdout.write_all(lines.as_bytes()));
                written.and_then(|()| stdout.flush()).map_err(FileSinkError::Stdout)
            }
            Self::Nowhere => Ok(()),
        }
    }

    /// How long its file is; none where there is none.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::File(file) => Some(file.length()),
            Self::Stdout | Self::Nowhere => None,
        }
    }
}
