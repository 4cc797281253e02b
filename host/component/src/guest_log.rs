//! What a guest logs and prints: one tracing event of target `guest` a line, with component, key, sequence number and
//! action as fields.

use crate::load::GuestSettings;
use std::sync::{Arc, Mutex, MutexGuard};
use tracing::Level;
use weir_core::event::ActionName;
use weir_core::invocation::Task;
use weir_core::key::Key;

/// A longer line is cut.
const LINE_BYTES_MAX: usize = 8 << 10;
/// Lines kept to tell why a guest trapped.
const LAST_WORDS_MAX: usize = 3;

/// Where a guest prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrintStream {
    Stdout,
    Stderr,
}

/// The lines of one invocation. Shared with the streams that the guest holds; what was printed without a newline at
/// the end is a line when the invocation ends, however it ends.
pub(crate) struct GuestLog(Mutex<Lines>);

struct Lines {
    guest: Arc<GuestSettings>,
    about: Option<About>,
    lines_max: usize,
    lines: usize,
    dropped: usize,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    last_words: Vec<String>,
}

/// What its lines are about.
struct About {
    key: Key,
    sequence_number: u64,
    action: ActionName,
}

impl GuestLog {
    pub(crate) fn new(guest: Arc<GuestSettings>) -> Self {
        Self(Mutex::new(Lines {
            guest,
            about: None,
            lines_max: 0,
            lines: 0,
            dropped: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
            last_words: Vec::new(),
        }))
    }

    /// From here on, lines are about this task; of none while the component describes itself.
    pub(crate) fn begin(&self, task: Option<&Task>, lines_max: usize) {
        let mut lines = self.lock();
        lines.about = task.map(|task| About {
            key: task.key.clone(),
            sequence_number: task.sequence_number.0,
            action: task.action.clone(),
        });
        lines.lines_max = lines_max;
    }

    pub(crate) fn write(&self, level: Level, message: &str) {
        self.lock().line(level, message);
    }

    pub(crate) fn print(&self, stream: PrintStream, bytes: &[u8]) {
        self.lock().print(stream, bytes);
    }

    /// Ends the invocation's lines.
    pub(crate) fn finish(&self) {
        self.lock().finish();
    }

    /// The last that it said of an error: why it trapped, often.
    pub(crate) fn last_words(&self) -> Option<String> {
        let mut lines = self.lock();
        lines.end_open_lines();
        (!lines.last_words.is_empty()).then(|| lines.last_words.join(" "))
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for GuestLog {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Lines {
    fn print(&mut self, stream: PrintStream, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.open(stream).extend_from_slice(&bytes[..end]);
            self.end_open_line(stream);
            bytes = &bytes[end + 1..];
        }
        let open = self.open(stream);
        open.extend_from_slice(bytes);
        if open.len() > LINE_BYTES_MAX {
            self.end_open_line(stream);
        }
    }

    fn open(&mut self, stream: PrintStream) -> &mut Vec<u8> {
        match stream {
            PrintStream::Stdout => &mut self.stdout,
            PrintStream::Stderr => &mut self.stderr,
        }
    }

    fn end_open_line(&mut self, stream: PrintStream) {
        let bytes = std::mem::take(self.open(stream));
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end();
        if text.is_empty() {
            return;
        }
        match stream {
            PrintStream::Stdout => self.line(Level::INFO, text),
            PrintStream::Stderr => self.line(Level::WARN, text),
        }
    }

    fn end_open_lines(&mut self) {
        self.end_open_line(PrintStream::Stdout);
        self.end_open_line(PrintStream::Stderr);
    }

    fn line(&mut self, level: Level, message: &str) {
        let mut text = cut(message);
        self.guest.redactor.redact(&mut text);
        if level <= Level::WARN && !text.starts_with("note: run with") {
            if self.last_words.len() == LAST_WORDS_MAX {
                self.last_words.remove(0);
            }
            self.last_words.push(text.clone());
        }
        if self.lines >= self.lines_max {
            self.dropped += 1;
            return;
        }
        self.lines += 1;
        self.tell(level, &text);
    }

    fn finish(&mut self) {
        self.end_open_lines();
        if self.dropped > 0 {
            let text = format!("{} more lines dropped: over limits.log_lines_max", self.dropped);
            self.tell(Level::WARN, &text);
        }
        self.lines = 0;
        self.dropped = 0;
        self.last_words.clear();
    }

    fn tell(&self, level: Level, text: &str) {
        let component = &*self.guest.name;
        let key = self.about.as_ref().map(|about| about.key.to_text());
        let key = key.as_deref();
        let sequence_number = self.about.as_ref().map(|about| about.sequence_number);
        let action = self.about.as_ref().map(|about| about.action.as_str());
        macro_rules! at {
            ($level:expr) => {
                tracing::event!(target: "guest", $level, component, key, sequence_number, action, "{text}")
            };
        }
        match level {
            Level::TRACE => at!(Level::TRACE),
            Level::DEBUG => at!(Level::DEBUG),
            Level::INFO => at!(Level::INFO),
            Level::WARN => at!(Level::WARN),
            Level::ERROR => at!(Level::ERROR),
        }
    }
}

fn cut(text: &str) -> String {
    if text.len() <= LINE_BYTES_MAX {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(LINE_BYTES_MAX)])
}
