//! SETTINGS.md lists every setting that there is, and no other, with the default that holds.

use super::known_paths::known_paths;
use super::{Manifest, Settings};
use std::path::Path;

const PAGE: &str = include_str!("../../SETTINGS.md");

/// A manifest in which each table is there that a default is put into.
const MANIFEST: &str = "name = \"a\"
[source]
file = \"in.jsonl\"
key = \"k\"
[[component]]
path = \"a.wasm\"
[action.NAME]
";

/// The same for an application on Kafka.
#[cfg(feature = "kafka")]
const ON_KAFKA: &str = "name = \"a\"
[source]
kafka = { topic = \"in\" }
[store]
kind = \"kafka\"
[kafka]
bootstrap_servers = \"localhost:9092\"
[[component]]
path = \"a.wasm\"
";

/// The rows of the page's tables: path and default.
fn rows() -> Vec<(String, String)> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 3, "setting, default, what it is: {row}");
        assert!(!cells[2].is_empty(), "{row}");
        (cells[0].trim_matches('`').to_owned(), cells[1].to_owned())
    })
    .collect()
}

#[test]
fn the_page_lists_every_setting() {
    let mut listed: Vec<String> = rows()
        .into_iter()
        .map(|(path, _)| path.replace(".N", ".*").replace(".NAME", ".*").replace(".*AME", ".*"))
        .collect();
    listed.sort();
    assert_eq!(listed, known_paths::<Manifest>());
}

#[test]
fn the_page_names_the_defaults_that_hold() {
    let is_on_kafka = |path: &str| path == "source.start" || path.starts_with("kafka.");
    let checked = check_defaults(MANIFEST, |path| !is_on_kafka(path));
    assert!(checked > 30, "only {checked} defaults were found");
    #[cfg(feature = "kafka")]
    assert!(check_defaults(ON_KAFKA, is_on_kafka) > 2, "too few defaults of Kafka were found");
}

/// Checks the defaults of some settings in a manifest that names none of them; how many those are.
fn check_defaults(manifest: &str, is_chosen: impl Fn(&str) -> bool) -> usize {
    let settings = |overrides: &[String]| Settings::parse(manifest, Path::new("weir.toml"), overrides).unwrap();
    let silent = settings(&[]);
    let mut checked = 0;
    for (path, default) in rows().into_iter().filter(|(path, _)| is_chosen(path)) {
        // A default in words is none that could be written.
        let Some(value) = default.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) else { continue };
        let argument =
            format!("{}={value}", path.replace(".NAME", "\u{0}").replace(".N", ".0").replace('\u{0}', ".NAME"));
        assert_eq!(settings(std::slice::from_ref(&argument)), silent, "{argument}");
        checked += 1;
    }
    checked
}
