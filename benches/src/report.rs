//! Figures, and the table of them.

use std::fmt::Write;
use std::time::Duration;

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// At least.
    AtLeast(f64),
    /// At most.
    AtMost(f64),
    /// At most the first; above the second it is not good enough by any means.
    AtMostOrFloor(f64, f64),
    /// It is only told.
    None,
}

/// How a value is written.
#[derive(Clone, Copy, Debug)]
enum Unit {
    Percent,
    Times,
    Seconds,
    Milliseconds,
    Microseconds,
    Megabytes,
}

/// One measured figure.
#[derive(Clone, Debug)]
pub struct Figure {
    letter: &'static str,
    what: String,
    value: f64,
    unit: Unit,
    bound: Bound,
    saying: String,
}

impl Figure {
    /// A ratio, told in per cent.
    pub fn ratio(letter: &'static str, what: impl Into<String>, value: f64, bound: Bound) -> Self {
        Self::new(letter, what, value, Unit::Percent, bound)
    }

    /// A ratio, told as a factor.
    pub fn times(letter: &'static str, what: impl Into<String>, value: f64, bound: Bound) -> Self {
        Self::new(letter, what, value, Unit::Times, bound)
    }

    /// Seconds.
    pub fn seconds(letter: &'static str, what: impl Into<String>, value: f64, bound: Bound) -> Self {
        Self::new(letter, what, value, Unit::Seconds, bound)
    }

    /// Milliseconds.
    pub fn milliseconds(letter: &'static str, what: impl Into<String>, value: f64, bound: Bound) -> Self {
        Self::new(letter, what, value, Unit::Milliseconds, bound)
    }

    /// Microseconds.
    pub fn microseconds(letter: &'static str, what: impl Into<String>, value: f64, bound: Bound) -> Self {
        Self::new(letter, what, value, Unit::Microseconds, bound)
    }

    /// Megabytes of 10⁶ bytes.
    pub fn megabytes(letter: &'static str, what: impl Into<String>, value: f64, bound: Bound) -> Self {
        Self::new(letter, what, value, Unit::Megabytes, bound)
    }

    /// With what it was made from.
    pub fn saying(mut self, text: impl Into<String>) -> Self {
        self.saying = text.into();
        self
    }

    fn new(letter: &'static str, what: impl Into<String>, value: f64, unit: Unit, bound: Bound) -> Self {
        Self { letter, what: what.into(), value, unit, bound, saying: String::new() }
    }

    fn verdict(&self) -> &'static str {
        match self.bound {
            Bound::AtLeast(least) if self.value < least => "missed",
            Bound::AtMost(most) if self.value > most => "missed",
            Bound::AtMostOrFloor(_, floor) if self.value > floor => "missed, below the floor",
            Bound::AtMostOrFloor(most, _) if self.value > most => "missed, above the floor",
            Bound::None => "",
            Bound::AtLeast(_) | Bound::AtMost(_) | Bound::AtMostOrFloor(..) => "met",
        }
    }
}

impl Unit {
    fn write(self, value: f64) -> String {
        match self {
            Self::Percent if value < 0.1 => format!("{:.1} %", value * 100.0),
            Self::Percent => format!("{:.0} %", value * 100.0),
            Self::Times => format!("{value:.2} times"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Milliseconds => format!("{value:.1} ms"),
            Self::Microseconds => format!("{value:.2} µs"),
            Self::Megabytes => format!("{value:.0} MB"),
        }
    }
}

/// All figures as a table in Markdown.
pub fn table(figures: &[Figure]) -> String {
    let mut text = String::from("| | figure | measured | wanted | | from |\n|---|---|---|---|---|---|\n");
    for figure in figures {
        let wanted = match figure.bound {
            Bound::AtLeast(least) => format!("≥ {}", figure.unit.write(least)),
            Bound::AtMost(most) => format!("≤ {}", figure.unit.write(most)),
            Bound::AtMostOrFloor(most, floor) => {
                format!("≤ {}, floor {}", figure.unit.write(most), figure.unit.write(floor))
            }
            Bound::None => String::new(),
        };
        let Figure { letter, what, value, unit, saying, .. } = figure;
        let (measured, verdict) = (unit.write(*value), figure.verdict());
        writeln!(text, "| {letter} | {what} | {measured} | {wanted} | {verdict} | {saying} |")
            .expect("strings take all");
    }
    text
}

/// A table in Markdown of rows that have a name each; one that has fewer cells than the head has the rest empty.
pub fn rows(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for mut cells in rows {
        cells.resize(head.len(), String::new());
        writeln!(text, "| {} |", cells.join(" | ")).expect("strings take all");
    }
    text
}

/// A time with two or three digits, in the unit that fits.
pub fn seconds(seconds: f64) -> String {
    weir::cli::readable(Duration::from_secs_f64(seconds))
}

/// Bytes with two or three digits, in kB or MB.
pub fn bytes(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes < 1e6 => digits(bytes / 1e3, "kB"),
        bytes => digits(bytes / 1e6, "MB"),
    }
}

fn digits(amount: f64, unit: &str) -> String {
    if amount < 10.0 { format!("{amount:.1} {unit}") } else { format!("{amount:.0} {unit}") }
}
