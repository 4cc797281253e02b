//! Logs on standard error: lines for people, or JSON for machines.

use crate::cli::{LogFormat, LogOptions, Paint, WrongUse, escape_controls};
use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The target of what guests log and print.
const GUEST: &str = "guest";
/// The field that says why an action failed.
const FAILURE: &str = "failure";

/// Starts logging, once for the process.
pub fn start(options: &LogOptions, paint: Paint) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().parse(&options.level).map_err(|error| {
        let example = "write error, warn, info, debug or trace, or by target, such as `warn,guest=debug`";
        WrongUse(format!("--log-level {}: {error}; {example}", options.level))
    })?;
    let builder = tracing_subscriber::fmt().with_writer(|| LineWriter).with_env_filter(filter);
    // Of a line that can't be written it would tell on standard error, and panic where that is what fails.
    let builder = builder.log_internal_errors(false);
    let started = match options.format {
        LogFormat::Text => builder.event_format(Lines { paint, failures: options.failures }).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("start logging: {error}"))
}

/// Whether progress stands in the line where the cursor is.
static PROGRESS_IS_SHOWN: AtomicBool = AtomicBool::new(false);

/// Tells whether progress is shown: then a log line takes its place, and it is drawn again below.
pub fn progress_is_shown(is_shown: bool) {
    PROGRESS_IS_SHOWN.store(is_shown, Ordering::Relaxed);
}

/// Standard error, whole lines at a time.
struct LineWriter;

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr().lock();
        if PROGRESS_IS_SHOWN.load(Ordering::Relaxed) {
            stderr.write_all(b"\r\x1b[2K")?;
        }
        stderr.write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A line for people: `12:03:04.123 INFO  message: failure name=value`; one of a guest begins with whose it is:
/// `12:03:04.123 INFO  [count Hualian, Taiwan #3] message`.
struct Lines {
    paint: Paint,
    failures: Failures,
}

/// Whether lines say why an action failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failures {
    /// They do.
    #[default]
    Said,
    /// Another has said it.
    LeftOut,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let guest = if event.metadata().target() == GUEST { fields.take_guest() } else { None };
        let level = *event.metadata().level();
        write!(writer, "{} {}", self.paint.faint(&time_of_day(SystemTime::now())), self.level(level))?;
        if let Some(guest) = guest {
            write!(writer, " {}", self.paint.faint(&guest))?;
        }
        // What a guest or a server says may hold anything; it must not steer the terminal.
        write!(writer, " {}", escape_controls(&fields.message))?;
        if let Some(failure) = fields.take(FAILURE)
            && self.failures == Failures::Said
        {
            write!(writer, ": {}", escape_controls(&failure))?;
        }
        for (name, value) in &fields.others {
            write!(writer, " {}{}", self.paint.faint(&format!("{name}=")), escape_controls(value))?;
        }
        writeln!(writer)
    }
}

impl Lines {
    fn level(&self, level: Level) -> String {
        match level {
            Level::ERROR => self.paint.bad("ERROR"),
            Level::WARN => self.paint.odd("WARN "),
            Level::INFO => self.paint.good("INFO "),
            Level::DEBUG => self.paint.faint("DEBUG"),
            Level::TRACE => self.paint.faint("TRACE"),
        }
    }
}

/// An event's message and its other fields.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    /// A field that is not shown again.
    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.others.iter().position(|(other, _)| *other == name)?;
        Some(self.others.remove(at).1)
    }

    /// Whose line it is; these fields are not shown again.
    fn take_guest(&mut self) -> Option<String> {
        let component = self.take("component");
        match (self.take("action"), self.take("key"), self.take("sequence_number")) {
            (Some(action), Some(key), Some(number)) => Some(format!("[{action} {} #{number}]", escape_controls(&key))),
            _ => component.map(|component| format!("[{component}]")),
        }
    }

    fn add(&mut self, field: &Field, value: String) {
        if field.name() == "message" { self.message = value } else { self.others.push((field.name(), value)) }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }
}

/// `12:03:04.123`, UTC.
fn time_of_day(now: SystemTime) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs() % (24 * 60 * 60);
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_of_a_guest_says_whose_it_is_and_does_not_steer_the_terminal() {
        let lines = Lines::default();
        let writer = lines.clone();
        let format = super::Lines { paint: Paint::none(), failures: Failures::Said };
        let builder = tracing_subscriber::fmt().with_writer(move || writer.clone()).event_format(format);
        tracing::subscriber::with_default(builder.finish(), || {
            let (component, key, action) = ("quakes", Some("Hualian, Taiwan"), Some("count"));
            tracing::info!(target: "guest", component, key, sequence_number = Some(3), action, "{}", "red \x1b[31m");
            tracing::warn!(key, failure = "fraud: \x1b refused", "parked");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().map(|line| &line[13..]).collect();
        assert_eq!(
            lines,
            [
                "INFO  [count Hualian, Taiwan #3] red \\u{1b}[31m",
                "WARN  parked: fraud: \\u{1b} refused key=Hualian, Taiwan"
            ]
        );
    }

    #[test]
    fn time_of_day_is_utc() {
        assert_eq!(time_of_day(UNIX_EPOCH + std::time::Duration::from_millis(86_400_000 + 3_723_004)), "01:02:03.004");
    }
}
