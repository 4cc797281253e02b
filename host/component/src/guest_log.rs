//! What a guest logs and prints: one tracing event of target `guest` a line, with component, key, sequence number and
//! action as fields.

use crate::load::GuestSettings;
use crate::watch::{Step, Watch};
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
    watch: Option<Watch>,
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
            watch: None,
            lines_max: 0,
            lines: 0,
            dropped: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
            last_words: Vec::new(),
        }))
    }

    /// From here on, lines are about this task; of none while the component describes itself.
    pub(crate) fn begin(&self, task: Option<&Task>, lines_max: usize, watch: Option<Watch>) {
        let mut lines = self.lock();
        lines.watch = watch;
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
            self.last_words.push(text.lines().map(str::trim).collect::<Vec<_>>().join(" "));
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
        self.watch = None;
        self.last_words.clear();
    }

    fn tell(&self, level: Level, text: &str) {
        if let Some(watch) = &self.watch {
            watch.tell(Step::Logged { level, line: text.to_owned() });
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::{Debug, Write};
    use tracing::field::{Field, Visit};
    use tracing::span;
    use weir_core::event::{Event, SequenceNumber};
    use weir_core::id::EventId;
    use weir_core::json::Json;

    /// Keeps each event as a line of text.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<String>>>);

    struct Told(String);

    impl Visit for Told {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            write!(self.0, " {}={value:?}", field.name()).unwrap();
        }
    }

    impl tracing::Subscriber for Kept {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            let metadata = event.metadata();
            let mut told = Told(format!("{} {}", metadata.target(), metadata.level()));
            event.record(&mut told);
            self.0.lock().unwrap().push(told.0);
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    fn task() -> Task {
        let payload = Json::null();
        Task {
            key: Key::new("north"),
            sequence_number: SequenceNumber(7),
            event: Event { id: EventId::of_input("file", b"0", b""), kind: "input".into(), payload },
            action: ActionName::new("count").unwrap(),
            source_timestamp_ms: None,
            headers: Arc::from([]),
        }
    }

    fn told(act: impl FnOnce(GuestLog)) -> Vec<String> {
        let kept = Kept::default();
        let log = GuestLog::new(Arc::new(GuestSettings::with_secret("hunter22")));
        tracing::subscriber::with_default(kept.clone(), || act(log));
        std::mem::take(&mut *kept.0.lock().unwrap())
    }

    #[test]
    fn a_line_carries_key_sequence_number_and_action() {
        let lines = told(|log| {
            log.begin(Some(&task()), 10, None);
            log.write(Level::ERROR, "no quote");
        });
        let expected =
            "guest ERROR message=no quote component=\"guest\" key=\"north\" sequence_number=7 action=\"count\"";
        let sorted = |line: &str| {
            let mut parts: Vec<String> = line.split(' ').map(String::from).collect();
            parts.sort();
            parts
        };
        assert_eq!(lines.len(), 1);
        assert_eq!(sorted(&lines[0]), sorted(expected));
    }

    #[test]
    fn prints_are_lines_and_the_last_needs_no_newline() {
        let lines = told(|log| {
            log.begin(Some(&task()), 10, None);
            log.print(PrintStream::Stdout, b"one\ntw");
            log.print(PrintStream::Stderr, b"careful\n");
            log.print(PrintStream::Stdout, b"o");
        });
        let texts: Vec<bool> = ["one", "careful", "two"]
            .iter()
            .zip(&lines)
            .map(|(text, line)| line.contains(&format!("message={text}")))
            .collect();
        assert_eq!(texts, [true, true, true], "{lines:?}");
        assert!(lines[0].contains("INFO") && lines[1].contains("WARN"), "{lines:?}");
    }

    // [S11]
    #[test]
    fn lines_over_the_limit_are_counted_and_dropped() {
        let lines = told(|log| {
            log.begin(Some(&task()), 2, None);
            for _ in 0..5 {
                log.write(Level::INFO, "again");
            }
            log.finish();
        });
        assert_eq!(lines.len(), 3);
        assert!(lines[2].contains("3 more lines dropped: over limits.log_lines_max"), "{lines:?}");
    }

    // [S10]
    #[test]
    fn secrets_and_endless_lines_do_not_reach_the_log() {
        let lines = told(|log| {
            log.begin(Some(&task()), 10, None);
            log.write(Level::INFO, "key hunter22!");
            log.write(Level::INFO, &"x".repeat(3 * LINE_BYTES_MAX));
        });
        assert!(lines[0].contains("key [redacted]!"), "{lines:?}");
        assert!(lines[1].len() < LINE_BYTES_MAX + 200);
    }

    #[test]
    fn last_words_are_what_was_said_of_an_error() {
        told(|log| {
            log.begin(Some(&task()), 10, None);
            log.write(Level::INFO, "fine");
            log.print(PrintStream::Stderr, b"panicked at a.rs:1:\nboom\nnote: run with `RUST_BACKTRACE=1`\n");
            assert_eq!(log.last_words().as_deref(), Some("panicked at a.rs:1: boom"));
            log.finish();
            log.write(Level::ERROR, "panicked at a.rs:1:\nboom");
            assert_eq!(log.last_words().as_deref(), Some("panicked at a.rs:1: boom"), "on one line");
            log.finish();
            assert_eq!(log.last_words(), None);
        });
    }
}
