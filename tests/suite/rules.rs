//! Each rule of the contract has a test that names it, in a comment right above the test: `// [S6] [P12]`.
//! S: behaviour of Weir; P: behaviour taken over from the ancestor; D: a defect of it that Weir must not have.

use std::collections::{BTreeMap, BTreeSet};
use weir_tests::files;

/// Rules S1 to S36, P1 to P20, D1 to D20, but for numbers that name none.
const LAST: [(char, u32); 3] = [('S', 36), ('P', 20), ('D', 20)];
const NO_RULES: [&str; 2] = ["P11", "P16"];

/// The rules, and the tests that name each.
fn tests_by_rule() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in files::sources(&["rs"]) {
        let mut above: Vec<&str> = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some(name) = name_of_test(line, &above) {
                let tags = above.iter().filter(|line| line.starts_with("//")).flat_map(|line| tags_in(line));
                for tag in tags {
                    found.entry(tag).or_default().insert(format!("{path} {name}"));
                }
            }
            let goes_on = line.starts_with("//") || line.starts_with("#[");
            if goes_on { above.push(line) } else { above.clear() }
        }
    }
    found
}

fn name_of_test<'a>(line: &'a str, above: &[&str]) -> Option<&'a str> {
    let is_test = above.iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"));
    let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    is_test.then(|| function.split('(').next().unwrap_or(function))
}

/// `[S6]` and the like; whatever else stands in brackets is none.
fn tags_in(line: &str) -> Vec<String> {
    let tags = line.split('[').skip(1).filter_map(|rest| rest.split_once(']')).map(|(tag, _)| tag);
    tags.filter(|tag| is_tag(tag)).map(str::to_owned).collect()
}

fn is_tag(text: &str) -> bool {
    let mut letters = text.chars();
    let is_kind = letters.next().is_some_and(|kind| LAST.iter().any(|(known, _)| *known == kind));
    let number = letters.as_str();
    is_kind && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0')
}

fn rules() -> Vec<String> {
    let all = LAST.iter().flat_map(|(kind, last)| (1..=*last).map(move |number| format!("{kind}{number}")));
    all.filter(|rule| !NO_RULES.contains(&rule.as_str())).collect()
}

#[test]
fn each_rule_has_a_test_that_names_it() {
    let found = tests_by_rule();
    let mut without = Vec::new();
    for rule in rules() {
        match found.get(&rule) {
            Some(tests) => println!("{rule}: {} tests, such as {}", tests.len(), tests.first().expect("one")),
            None => without.push(rule),
        }
    }
    assert!(without.is_empty(), "rules that no test names: {without:?}");
}

#[test]
fn no_test_names_a_rule_that_there_is_not() {
    let rules: BTreeSet<String> = rules().into_iter().collect();
    let unknown: Vec<_> = tests_by_rule().into_iter().filter(|(rule, _)| !rules.contains(rule)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn a_tag_counts_only_above_a_test() {
    assert_eq!(tags_in("// [S6] [P12] and [x] and [S] and [S06]"), ["S6", "P12"]);
    assert_eq!(name_of_test("fn some_test() {", &["// [S6]", "#[test]"]), Some("some_test"));
    assert_eq!(name_of_test("fn no_test() {", &["// [S6]"]), None);
}
