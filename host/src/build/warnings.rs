//! What a build that went well warns of.

/// Width of the words with which cargo says how far it is: `   Compiling`.
const PROGRESS_WIDTH: usize = 12;

/// The output of a build that warns of something, without what cargo says of its progress; nothing if it does not warn.
/// A warning has lines before and after it, of which each tool's are others: all are kept.
pub(super) fn warnings(output: &str) -> String {
    if !output.lines().any(warns) {
        return String::new();
    }
    let mut kept = String::new();
    for line in output.lines().filter(|line| !is_progress(line)) {
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

/// Whether a line says `warning:`, `warning[CODE]:` or, as Python does, `SyntaxWarning:`.
fn warns(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.match_indices("warning").any(|(at, word)| {
        let rest = &line[at + word.len()..];
        let behind = rest.strip_prefix('[').and_then(|code| code.split_once(']')).map_or(rest, |(_, rest)| rest);
        behind.starts_with(':')
    })
}

/// Whether a line is cargo's, and says how far it is: a word that ends in a certain column.
fn is_progress(line: &str) -> bool {
    let Some((word, rest)) = line.split_at_checked(PROGRESS_WIDTH) else { return false };
    let verb = word.trim_start();
    rest.starts_with(' ')
        && verb.starts_with(|first: char| first.is_ascii_uppercase())
        && verb.chars().all(|letter| letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_that_does_not_warn_gives_nothing() {
        for output in
            ["", "   Compiling a v0.1.0 (/a)\n    Finished `release` profile [optimized] in 0.1s\n", "0 warnings\n"]
        {
            assert_eq!(warnings(output), "", "{output}");
        }
    }

    #[test]
    fn cargos_warnings_are_kept_whole_and_its_progress_is_not() {
        let warning = "warning: function `page` is never used\n --> src/lib.rs:3:4\n  |\n3 | fn page() {}\n  |    ^^^^\n\n\
                       warning: `a` (lib) generated 1 warning\n";
        let output =
            format!("  Downloaded b v1.0.0\n   Compiling a v0.1.0 (/a)\n{warning}    Finished `release` profile\n");
        assert_eq!(warnings(&output), warning);
    }

    #[test]
    fn warnings_of_other_tools_are_kept() {
        for warning in [
            "warning: src/a.ts:2:21: an async function: what stands behind its first await never runs\n",
            "a.c:3:5: warning: unused variable 'x' [-Wunused-variable]\n    3 |     int x;\n1 warning generated.\n",
            "app.py:7: SyntaxWarning: invalid escape sequence '\\d'\n",
            "warning[E0001]: a code\n",
        ] {
            assert_eq!(warnings(warning), warning);
        }
    }
}
