//! The tools that build commands start: how a shell says that one is missing, and what to install then.

/// Tools, and what to do where they are missing. Those that are the reason of another's absence come last.
const TOOLS: [(&str, &str); 13] = [
    ("componentize-qjs", "npm install --save-dev componentize-qjs@0.4.5 esbuild@0.28.2"),
    ("esbuild", "npm install --save-dev componentize-qjs@0.4.5 esbuild@0.28.2"),
    ("componentize-py", "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1"),
    ("zig", "python3 -m venv .venv && .venv/bin/pip install ziglang==0.17.1"),
    ("ziglang", "python3 -m venv .venv && .venv/bin/pip install ziglang==0.17.1"),
    ("clang", "install clang and lld, or zig: python3 -m venv .venv && .venv/bin/pip install ziglang==0.17.1"),
    ("go", "install Go 1.24 or later: https://go.dev/dl"),
    ("make", "install it (Debian: apt-get install make)"),
    ("npm", "install Node.js 20.6 or later: https://nodejs.org"),
    ("node", "install Node.js 20.6 or later: https://nodejs.org"),
    ("python3", "install Python 3.10 or later"),
    ("cargo", "install Rust: https://rustup.rs"),
    ("rustup", "install Rust: https://rustup.rs"),
];

/// The one line that says which tool this output misses, and what to do about it.
pub(super) fn missing_tool(output: &str) -> Option<String> {
    let said =
        output.lines().map(|line| line.trim().trim_start_matches("error: ")).find(|line| is_said_by_an_sdk(line));
    if let Some(said) = said {
        return Some(said.to_owned());
    }
    let missing = TOOLS.iter().find(|(tool, _)| output.lines().any(|line| says_missing(line, tool)));
    missing.map(|(tool, install)| format!("{tool} is missing: {install}"))
}

/// Whether a line is what the build steps of SDKs say: `TOOL VERSION is missing: WHAT TO DO`.
fn is_said_by_an_sdk(line: &str) -> bool {
    let before = line.split_once(" is missing: ").map(|(before, _)| before);
    before.is_some_and(|before| TOOLS.iter().any(|(tool, _)| before.split(' ').next() == Some(tool)))
}

/// Whether a line is what shells, `env`, make or Python say of this tool when it is not there. Others say of files that
/// they are no file.
fn says_missing(line: &str, tool: &str) -> bool {
    let line = line.trim_end();
    let starts_tools = ["env: ", "make: ", "make["].iter().any(|starter| line.starts_with(starter));
    let absent = ["not found", "command not found", "No such file or directory"];
    let absent = if starts_tools { &absent[..] } else { &absent[..2] };
    line.ends_with(&format!("No module named {tool}"))
        || absent.iter().any(|absent| {
            let named = line.strip_suffix(absent).and_then(|line| line.strip_suffix(": "));
            named
                .and_then(|named| named.rsplit([' ', '\t']).next())
                .is_some_and(|word| word.trim_matches(QUOTES) == tool)
        })
}

const QUOTES: [char; 4] = ['\'', '"', '‘', '’'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_not_there_is_known_from_what_is_said_of_it() {
        for said in [
            "sh: 1: componentize-py: not found",
            "sh: line 1: componentize-py: command not found",
            "/bin/sh: componentize-py: not found",
            "componentize-py: not found",
            "env: ‘componentize-py’: No such file or directory",
            "make: componentize-py: No such file or directory",
        ] {
            let missing = missing_tool(&format!("first\n{said}\nlast\n")).expect(said);
            assert!(missing.starts_with("componentize-py is missing: "), "{said}: {missing}");
            assert!(missing.ends_with("pip install componentize-py==0.25.1"), "{missing}");
        }
        let ziglang = missing_tool("/usr/bin/python3: No module named ziglang").unwrap();
        assert!(ziglang.starts_with("ziglang is missing: "), "{ziglang}");
        assert!(missing_tool("sh: 1: go: not found").unwrap().starts_with("go is missing: "));
    }

    #[test]
    fn what_an_sdk_says_of_a_missing_tool_is_said_as_it_is() {
        let output = "first\nerror: componentize-py 0.25.1 is missing: do this\n";
        assert_eq!(missing_tool(output).as_deref(), Some("componentize-py 0.25.1 is missing: do this"));
        assert_eq!(missing_tool("a semicolon is missing: write one"), None);
    }

    #[test]
    fn what_sounds_alike_is_no_missing_tool() {
        for said in [
            "cargo: not found in the index",
            "error: django: not found",
            "a.go: No such file or directory",
            "cat: go: No such file or directory",
            "sh: 1: cd: can't cd to node: No such file or directory",
            "",
        ] {
            assert_eq!(missing_tool(said), None, "{said}");
        }
    }
}
