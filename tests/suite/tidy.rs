//! House rules that can be executed.

use weir_tests::files;

const LINES_MAX: usize = 400;

/// Files that may be longer, and why.
const LONG: [(&str, &str); 3] = [
    ("host/src/driver/shard.rs", "one loop with one select, and what it does for each fact"),
    ("host/core/src/invocation/calls.rs", "one state machine, its table first"),
    ("host/core/tests/suite/calls.rs", "the tests of that state machine"),
];

/// Files that hold such a word, and why.
const LEFT_OUT: [(&str, &str); 1] =
    [("host/src/embedded/tests/faults.rs", "it is run, as a child of the test beside it")];

/// Words that say that something is not done, put together here so that this file does not hold them.
fn unfinished() -> Vec<String> {
    [("TO", "DO"), ("FIX", "ME"), ("unimple", "mented!"), ("to", "do!("), ("#[ig", "nore")]
        .iter()
        .map(|(head, tail)| format!("{head}{tail}"))
        .collect()
}

#[test]
fn files_are_small() {
    let mut long = Vec::new();
    for (path, text) in files::sources(&["rs"]) {
        let lines = text.lines().count();
        if lines > LINES_MAX && !LONG.iter().any(|(known, _)| *known == path) {
            long.push(format!("{path}: {lines} lines"));
        }
    }
    assert!(long.is_empty(), "over {LINES_MAX} lines: split them by their nouns: {long:#?}");
}

#[test]
fn nothing_is_left_unfinished_and_no_test_is_left_out() {
    let words = unfinished();
    let mut found = Vec::new();
    let sources = files::sources(&["rs", "toml", "sh", "wit", "in"]).into_iter();
    for (path, text) in sources.filter(|(path, _)| !LEFT_OUT.iter().any(|(known, _)| known == path)) {
        for (number, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word.as_str())) {
                found.push(format!("{path}:{}: {line}", number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn nothing_names_a_path_of_one_machine() {
    let roots = ["/home/", "/work/", "/Users/", "/root/"];
    let mut found = Vec::new();
    for (path, text) in files::sources(&["rs", "toml", "md", "sh", "wit", "in", "json"]) {
        if path == "tests/suite/tidy.rs" {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            // A path begins a word; what stands within one is a URL or a relative path.
            let begins = |root: &&str| {
                line.match_indices(*root).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    before.is_none_or(|before| !before.is_alphanumeric() && !"./}$~*".contains(before))
                })
            };
            if roots.iter().any(begins) {
                found.push(format!("{path}:{}: {line}", number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
