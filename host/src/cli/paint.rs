//! Colour, where somebody looks.

use clap::ColorChoice;
use std::ffi::OsString;
use std::io::IsTerminal;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Colours text, or leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint(bool);

impl Paint {
    /// For what goes to standard output.
    pub fn of_stdout(color: Color) -> Self {
        Self(decide(color, std::io::stdout().is_terminal()))
    }

    /// For what goes to standard error.
    pub fn of_stderr(color: Color) -> Self {
        Self(decide(color, std::io::stderr().is_terminal()))
    }

    /// Leaves everything as it is.
    pub fn none() -> Self {
        Self(false)
    }

    /// Headings.
    pub fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    /// What matters less.
    pub fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    /// What is as it should be.
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// What wants a look.
    pub fn odd(self, text: &str) -> String {
        self.with("33", text)
    }

    /// What is wrong.
    pub fn bad(self, text: &str) -> String {
        self.with("1;31", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn decide(color: Color, terminal: bool) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

/// The `--color` among these arguments: help and errors of the parser obey it too, and come before parsing is done.
pub(super) fn color_in(arguments: impl Iterator<Item = OsString>) -> ColorChoice {
    let mut wanted = None;
    let mut next_is_value = false;
    for argument in arguments {
        let text = argument.to_string_lossy().into_owned();
        match text.strip_prefix("--color=") {
            Some(value) => wanted = Some(value.to_owned()),
            None if next_is_value => wanted = Some(text.clone()),
            None => {}
        }
        next_is_value = text == "--color";
    }
    match wanted.as_deref() {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_is_found_before_the_arguments_are_parsed() {
        let choice = |arguments: &[&str]| color_in(arguments.iter().map(OsString::from));
        assert_eq!(choice(&["weir", "--color", "never", "plan"]), ColorChoice::Never);
        assert_eq!(choice(&["weir", "plan", "--color=always"]), ColorChoice::Always);
        assert_eq!(choice(&["weir", "plan"]), ColorChoice::Auto);
    }

    #[test]
    fn what_is_not_painted_stays_as_it_is() {
        assert_eq!(Paint::none().bad("x"), "x");
        assert_eq!(Paint(true).bad("x"), "\x1b[1;31mx\x1b[0m");
        assert!(decide(Color::Always, false) && !decide(Color::Never, true) && !decide(Color::Auto, false));
    }
}
